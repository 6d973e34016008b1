// The command palette: a combobox over places (one small request, kept for the page) and actions (buttons of this page
// that carry data-palette).
const dialog = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const empty = document.getElementById("palette-empty");
const announcements = document.getElementById("announcements");
const MOST = 60;

let items = null;
let shown = [];
let chosen = 0;

const actions = () => [...document.querySelectorAll("[data-palette]")].map((button) => ({
  group: "Actions", text: button.dataset.palette, detail: "", words: "", act: () => button.click(),
}));

async function load(source) {
  const answer = await fetch(source, { headers: { Accept: "application/json" } });
  if (answer.redirected || !answer.ok) return location.assign("/sign-in"); // the session has ended
  const places = (await answer.json()).items;
  items = [...places.map((item) => ({ ...item, act: () => location.assign(item.url) })), ...actions()];
}

export async function fill(source) {
  input.setAttribute("aria-expanded", "true");
  if (!items) await load(source);
  if (items && dialog.open) show();
}

// Every word must be found. Best is a text that begins with what was typed, then one with a word that begins with each,
// then one that holds them; last come those found by their details, such as an id.
function rank(item, words) {
  const text = item.text.toLowerCase();
  const all = `${text} ${item.detail} ${item.words} ${item.group}`.toLowerCase();
  if (!words.every((word) => all.includes(word))) return -1;
  if (text.startsWith(words.join(" "))) return 4;
  if (words.every((word) => text.split(/[\s/_.-]+/).some((part) => part.startsWith(word)))) return 3;
  return words.every((word) => text.includes(word)) ? 2 : 1;
}

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const ranked = items.map((item, order) => ({ item, order, rank: rank(item, words) })).filter((entry) => entry.rank >= 0);
  if (words.length) ranked.sort((one, other) => other.rank - one.rank || one.order - other.order);
  const picked = ranked.slice(0, MOST).map((entry) => entry.item);
  // Groups in the order of their best item.
  const groups = [...new Set(picked.map((item) => item.group))];
  shown = groups.flatMap((group) => picked.filter((item) => item.group === group));
  list.replaceChildren(...groups.map((group, number) => {
    const box = document.createElement("div");
    const title = document.createElement("div");
    title.id = `palette-group-${number}`;
    title.className = "palette-group";
    title.textContent = group;
    title.setAttribute("role", "presentation");
    box.setAttribute("role", "group");
    box.setAttribute("aria-labelledby", title.id);
    box.append(title, ...shown.filter((item) => item.group === group).map(option));
    return box;
  }));
  empty.hidden = shown.length > 0;
  list.hidden = shown.length === 0;
  choose(0);
  if (announcements && words.length) announcements.textContent = shown.length ? `${shown.length} found` : "Nothing of that name";
}

function option(item) {
  const row = document.createElement("div");
  row.id = `palette-${shown.indexOf(item)}`;
  row.className = "palette-option";
  row.setAttribute("role", "option");
  const name = document.createElement("span");
  name.className = "palette-name";
  name.textContent = item.text;
  row.append(name);
  if (item.detail) {
    const detail = document.createElement("span");
    detail.className = "quiet small";
    detail.textContent = item.detail;
    row.append(detail);
  }
  return row;
}

function choose(number) {
  chosen = shown.length ? (number + shown.length) % shown.length : 0;
  for (const row of list.querySelectorAll("[role=option]")) row.setAttribute("aria-selected", String(row.id === `palette-${chosen}`));
  const row = document.getElementById(`palette-${chosen}`);
  if (row) {
    input.setAttribute("aria-activedescendant", row.id);
    (chosen === 0 ? list : row).scrollIntoView({ block: "nearest" });
    if (chosen === 0) list.scrollTop = 0;
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

function go() {
  const item = shown[chosen];
  if (!item) return;
  dialog.close();
  item.act();
}

input.addEventListener("input", () => items && show());
input.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
  if (step) {
    event.preventDefault();
    choose(Math.abs(step) === 1 ? chosen + step : Math.max(0, Math.min(shown.length - 1, chosen + step)));
  } else if (event.key === "Enter") {
    event.preventDefault();
    go();
  }
});
list.addEventListener("pointermove", (event) => {
  const row = event.target.closest("[role=option]");
  if (row && row.id !== `palette-${chosen}`) choose(Number(row.id.split("-")[1]));
});
list.addEventListener("click", (event) => { if (event.target.closest("[role=option]")) go(); });
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => input.setAttribute("aria-expanded", "false"));
