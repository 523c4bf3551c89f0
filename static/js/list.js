// A list to select from: says how many are selected, and lets a tick for the page, or for all, tick its rows.
// Without this script the same ticks work; the server reads them.
const form = document.getElementById("bulk");
const said = form?.querySelector("[data-said]");
if (said) {
  const named = (name) => [...document.querySelectorAll(`input[type=checkbox][name=${name}][form=bulk]`)];
  const [all] = named("all");
  const [page] = named("page");
  const rows = named("people");
  const tell = () => {
    const count = all?.checked ? Number(said.dataset.total) : rows.filter((row) => row.checked).length;
    said.hidden = !count;
    said.querySelector("b").textContent = said.dataset.said.replace("#", count.toLocaleString(document.documentElement.lang));
  };
  const tick = (on, boxes) => boxes.forEach((box) => box && (box.checked = on));
  all?.addEventListener("change", () => (tick(all.checked, [page, ...rows]), tell()));
  page?.addEventListener("change", () => (tick(page.checked, rows), page.checked || tick(false, [all]), tell()));
  rows.forEach((row) =>
    row.addEventListener("change", () => {
      if (!row.checked) tick(false, [all, page]);
      tell();
    }),
  );
  form.addEventListener("reset", () => setTimeout(tell));
  addEventListener("pageshow", tell);
  tell();
}
