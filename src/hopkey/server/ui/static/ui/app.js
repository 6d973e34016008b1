// Everything here adds to pages that work without it. What only some pages need is in modules of its own, which those
// pages name in data-module.
const announce = (text) => {
  const region = document.getElementById("announcements");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
};

document.documentElement.classList.add("js"); // for browsers that do not know (scripting: enabled)
for (const element of document.querySelectorAll("[data-module]")) import(element.dataset.module);

// Copy buttons: data-copy names the element whose text is copied, data-copy-text holds the text itself.
const select = (element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
};
const say = (button, text) => {
  button.dataset.label ??= button.innerHTML;
  button.style.minWidth = `${button.offsetWidth}px`; // nothing moves when the words change
  button.textContent = text;
  clearTimeout(button.timer);
  button.timer = setTimeout(() => { button.innerHTML = button.dataset.label; }, 2000);
};
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text]");
  if (!button) return;
  event.preventDefault();
  const source = button.dataset.copy ? document.getElementById(button.dataset.copy) : null;
  try {
    await navigator.clipboard.writeText(source ? source.textContent : button.dataset.copyText);
    say(button, "Copied");
    announce("Copied");
    document.dispatchEvent(new CustomEvent("hopkey:copied", { detail: button.dataset.copy ?? "" }));
  } catch {
    if (source) select(source);
    say(button, "Press Ctrl+C");
    announce("Press Ctrl+C to copy");
  }
});
// A field to copy is selected whole, clicked or reached by the keyboard.
for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const field = event.target.closest("[data-select]");
    if (field) select(field);
  });
}

// Dialogs: a link to a page of its own opens the dialog that holds the same form. The browser keeps the focus in it
// and gives it back.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog instanceof HTMLDialogElement && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    dialog.showModal();
    dialog.querySelector("[autofocus], input:not([type=hidden])")?.focus();
  }
  const open = event.target.closest("[data-close]")?.closest("dialog");
  if (open) {
    event.preventDefault();
    open.close();
  }
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const outside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
    // What somebody has begun to type is not thrown away by a slip of the mouse.
    if (outside && !event.target.querySelector("form")) event.target.close();
  }
});

// A form is sent once; coming back by the browser's button makes it ready again.
document.addEventListener("submit", (event) => {
  const button = event.submitter ?? event.target.querySelector("button");
  if (event.target.dataset.sent) return event.preventDefault();
  event.target.dataset.sent = "true";
  button?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});

// Menus close with Escape, with a click elsewhere and when the focus leaves them.
const menus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.removeAttribute("open");
});
document.addEventListener("focusin", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.removeAttribute("open");
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  }
});

// Messages: read aloud, dismissed by their button; good news goes by itself, unless somebody is on it.
const messages = document.querySelectorAll(".messages .message");
if (messages.length) announce([...messages].map((item) => item.querySelector("p").textContent).join(" "));
for (const message of messages) {
  const dismiss = () => {
    message.remove();
    if (!document.querySelector(".messages .message")) document.querySelector(".messages")?.remove();
  };
  message.querySelector("[data-dismiss]")?.addEventListener("click", dismiss);
  if (!message.classList.contains("success") && !message.classList.contains("info")) continue;
  let timer = setTimeout(dismiss, 7000);
  const stay = () => clearTimeout(timer);
  const go = () => { stay(); timer = setTimeout(dismiss, 3000); };
  message.addEventListener("pointerenter", stay);
  message.addEventListener("pointerleave", go);
  message.addEventListener("focusin", stay);
  message.addEventListener("focusout", go);
}

// Where the navigation is a row that scrolls, the page one is on is in sight.
for (const here of document.querySelectorAll(".nav [aria-current], .tabs [aria-current]")) {
  const row = here.parentElement;
  if (row.scrollWidth > row.clientWidth) row.scrollLeft = here.offsetLeft - row.offsetLeft - 24;
}

// Times on hover in the reader's own zone and words.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.getTime())) time.title = moment.toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });
}

// The first field at fault has the focus; where it is a group, the line that leads to it.
(document.querySelector("main [aria-invalid=true]") ?? document.querySelector("main .message.error a[href^='#']"))?.focus();

// An address that names something folded opens it.
const unfold = () => {
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted instanceof HTMLDetailsElement) {
    wanted.open = true;
    wanted.scrollIntoView({ block: "start" });
    wanted.querySelector("summary").focus({ preventScroll: true });
  }
};
addEventListener("hashchange", unfold);
unfold();

// A file that the server would refuse for its size is not sent at all.
for (const input of document.querySelectorAll("input[data-largest-mb]")) {
  input.addEventListener("change", () => {
    const size = (input.files[0]?.size ?? 0) / 2 ** 20;
    const largest = Number(input.dataset.largestMb);
    input.setCustomValidity(size > largest ? `This file has ${Math.ceil(size)} MB; at most ${largest} MB can be imported.` : "");
    input.reportValidity();
  });
}

// A choice with a button of its own shows the button once another choice is made.
for (const choice of document.querySelectorAll("[data-save] select")) {
  const begun = choice.value;
  const form = choice.closest("[data-save]");
  const mark = () => form.toggleAttribute("data-changed", choice.value !== begun);
  choice.addEventListener("change", mark);
  mark();
}

// The command palette: it opens at once, so that no letter typed is lost; what fills it is loaded when first wanted.
const opener = document.querySelector("[data-palette-module]");
if (opener) {
  const dialog = document.getElementById("palette");
  const input = document.getElementById("palette-input");
  if (/Mac|iP/.test(navigator.platform)) opener.querySelector("kbd").textContent = "⌘ K";
  const toggle = async () => {
    if (dialog.open) return dialog.close();
    if (document.querySelector("dialog[open]")) return; // another question is being asked
    input.value = "";
    dialog.showModal();
    input.focus();
    (await import(opener.dataset.paletteModule)).fill(opener.dataset.paletteSource);
  };
  opener.addEventListener("click", toggle);
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    toggle();
  });
}
