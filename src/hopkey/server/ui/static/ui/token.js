// The form that generates a token, and the page that shows it once.
const form = document.querySelector("[data-token-form]");
if (form) {
  const words = form.querySelector("[data-expiry-words]");
  const day = form.querySelector("input[name=day]");
  const long = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeZone: "UTC" });
  const days = (moment) => Math.round((Date.parse(moment.toISOString().slice(0, 10)) - Date.parse(new Date().toISOString().slice(0, 10))) / 86_400_000);
  const tell = () => {
    const choice = form.querySelector("input[name=expiry]:checked");
    if (!choice) return;
    if (choice.value === "never") {
      words.textContent = "Never expires: it works until you delete it.";
      return;
    }
    const text = choice.value === "date" ? day.value && `${day.value}T23:59:59Z` : choice.dataset.moment;
    const moment = new Date(text || NaN);
    if (Number.isNaN(moment.getTime())) {
      words.textContent = "Choose the last day on which it works.";
      return;
    }
    const left = days(moment);
    const distance = left === 0 ? "today" : left === 1 ? "tomorrow" : `in ${left} days`;
    words.textContent = `Expires ${distance}, on ${long.format(moment)}.`;
  };
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-reach-some] input:checked")) form.querySelector("input[name=reach][value=some]").checked = true;
    tell();
  });
  day?.addEventListener("input", () => {
    form.querySelector("input[name=expiry][value=date]").checked = true;
    tell();
  });
  form.querySelector("input[name=expiry][value=date]")?.addEventListener("click", (event) => { if (event.detail) day.focus(); });
  tell();
}

// Leaving the page that shows a new token without having copied it asks once.
const shown = document.querySelector("[data-ask-copied]");
if (shown) {
  const question = document.getElementById("not-copied");
  let settled = false;
  document.addEventListener("copy", () => { settled = true; });
  document.addEventListener("hopkey:copied", () => { settled = true; });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || settled || event.ctrlKey || event.metaKey || link.hash || question.contains(link)) return;
    event.preventDefault();
    settled = true;
    question.querySelector("[data-leave]").href = link.href;
    question.showModal();
  });
  addEventListener("beforeunload", (event) => {
    if (settled) return;
    settled = true;
    event.preventDefault();
  });
  document.getElementById("token").focus();
}
