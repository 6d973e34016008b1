"use strict";
{
  const query = document.getElementById("query"), failed = document.getElementById("failed");
  const count = document.getElementById("count"), none = document.getElementById("none");
  const requests = [...document.querySelectorAll(".request")];
  const texts = new Map(requests.map((request) => [request, request.textContent.toLowerCase().replace(/\s+/g, " ")]));
  const apply = () => {
    const text = query.value.toLowerCase().replace(/\s+/g, " ").trim();
    let shown = 0;
    for (const request of requests) {
      const fits = (!failed.checked || request.classList.contains("failed")) && texts.get(request).includes(text);
      request.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${requests.length}`;
    none.hidden = shown > 0;
  };
  query.addEventListener("input", apply);
  failed.addEventListener("change", apply);
  query.form.addEventListener("submit", (event) => event.preventDefault());
  const open = () => { const target = document.getElementById(location.hash.slice(1)); if (target) { target.hidden = false; target.open = true; } };
  addEventListener("hashchange", open);
  apply();
  open();
}
