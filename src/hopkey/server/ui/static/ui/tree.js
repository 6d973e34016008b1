// Searching in a tree: rows that hold every word stay, with the folders around them, which open.
const input = document.querySelector("[data-tree-search]");
const tree = document.getElementById(input.dataset.treeSearch);
const count = document.getElementById(input.getAttribute("aria-describedby"));
const rows = [...tree.querySelectorAll("li")].map((row) => ({
  row,
  parent: row.parentElement.closest("li"),
  folder: row.querySelector(":scope > details"),
  text: (row.querySelector(":scope > details > summary") ?? row).textContent.toLowerCase(),
}));
const opened = new Map();

function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) {
    for (const { row, folder } of rows) {
      row.hidden = false;
      if (folder && opened.has(folder)) folder.open = opened.get(folder);
    }
    opened.clear();
    count.textContent = "";
    return;
  }
  const visible = new Set();
  const within = new Set(); // everything in a folder whose own name was found
  let found = 0;
  for (const { row, parent, text } of rows) {
    const hit = words.every((word) => text.includes(word));
    if (hit) found += 1;
    if (hit || within.has(parent)) {
      within.add(row);
      visible.add(row);
    }
    for (let above = hit ? parent : null; above && !visible.has(above); above = above.parentElement.closest("li")) visible.add(above);
  }
  for (const { row, folder } of rows) {
    row.hidden = !visible.has(row);
    if (!folder) continue;
    if (!opened.has(folder)) opened.set(folder, folder.open);
    folder.open = visible.has(row) && !within.has(row);
  }
  count.textContent = found ? `${found} found` : "Nothing found";
}

let timer;
input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 80); });
input.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !input.value) return;
  event.preventDefault();
  input.value = "";
  search();
});
if (input.value) search();

for (const button of document.querySelectorAll("[data-tree-open]")) {
  button.addEventListener("click", () => {
    for (const { folder } of rows) if (folder) folder.open = button.dataset.treeOpen === "all";
  });
}
