// On a phone the sections scroll sideways: the one that is open is in sight.
document.querySelector(".rail .nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// "/" leads to the search box, as in many lists.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.querySelector(".toolbar input[type=search]");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

// Choosing many rows: adds to a form that works without it.
for (const form of document.querySelectorAll("form[data-choose]")) {
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const all = form.querySelector("[data-choose-all]");
  const button = form.querySelector("button[name=selected]");
  const words = form.querySelector(".bulk-count");
  const empty = words.textContent;
  let last = null;
  const show = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    button.disabled = count === 0;
    words.textContent = count === 0 ? empty : count === 1 ? "1 token chosen" : `${count} tokens chosen`;
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const box of boxes) {
    // With Shift, everything between the last box and this one.
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last && last !== box) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
      show();
    });
  }
  show();
  addEventListener("pageshow", show);
}
