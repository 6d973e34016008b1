// Everything here adds to pages that work without it.
document.documentElement.classList.add("js");

const announce = (text) => {
  const region = document.getElementById("announcements");
  if (region) region.textContent = text;
};

// Copy buttons: data-copy names the element whose text is copied, or holds the text itself.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text]");
  if (!button) return;
  event.preventDefault();
  const source = button.dataset.copy ? document.getElementById(button.dataset.copy) : null;
  const text = source ? source.textContent : button.dataset.copyText;
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    announce("Copied");
    document.body.dataset.copied = "true";
  } catch {
    if (source) {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
    }
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { button.textContent = label; }, 2000);
});

// Dialogs: a link to a page of its own opens the dialog that holds the same form.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (dialog instanceof HTMLDialogElement) {
      event.preventDefault();
      dialog.showModal();
      dialog.querySelector("[autofocus], input:not([type=hidden])")?.focus();
    }
  }
  const closer = event.target.closest("[data-close]");
  const open = closer?.closest("dialog");
  if (open) {
    event.preventDefault();
    open.close();
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

// Menus close with Escape and with a click elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.removeAttribute("open");
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  }
});

// Times on hover in the reader's own zone and words.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.getTime())) time.title = moment.toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });
}

// Leaving the page that shows a new token without having copied it asks once.
const shown = document.querySelector("[data-ask-copied]");
if (shown) {
  let asked = false;
  const copied = () => document.body.dataset.copied === "true";
  document.addEventListener("copy", () => { document.body.dataset.copied = "true"; });
  addEventListener("beforeunload", (event) => {
    if (copied() || asked) return;
    asked = true;
    event.preventDefault();
  });
  document.getElementById("token")?.focus();
}

// The first field at fault has the focus.
document.querySelector("[aria-invalid=true]")?.focus();

// Choosing a team means that only some are wanted.
for (const box of document.querySelectorAll("[data-reach-some] input[type=checkbox]")) {
  box.addEventListener("change", () => {
    const some = box.closest("form").querySelector("input[name=reach][value=some]");
    if (box.checked && some) some.checked = true;
  });
}
