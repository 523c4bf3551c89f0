// A list to select from: says how many rows are selected, and lets a tick for the page, or for all, tick its rows.
// Without this script the same ticks work; the server reads them.
const form = document.getElementById("bulk");
const status = form?.querySelector("[data-selected]");
if (status) {
  const named = (name) => [...document.querySelectorAll(`input[type=checkbox][name=${name}]`)];
  const [all] = named("all");
  const [page] = named("page");
  const rows = named("people");
  const { total, elsewhere, selected, everybody } = status.dataset;
  const written = (count) => Number(count).toLocaleString(document.documentElement.lang);
  const tell = () => {
    const count = rows.filter((row) => row.checked).length;
    page.checked = count === rows.length;
    page.indeterminate = count > 0 && !page.checked;
    const words = all?.checked ? everybody.replace("#", written(total)) : selected.replace("#", written(count));
    const text = words.replace("@", written(elsewhere));
    if (status.textContent && status.textContent !== text) document.dispatchEvent(new CustomEvent("say", { detail: text }));
    status.textContent = text;
  };
  const tick = (on, boxes) => boxes.forEach((box) => box && (box.checked = on));
  all?.addEventListener("change", () => (all.checked && tick(true, rows), tell()));
  page.addEventListener("change", () => (tick(page.checked, rows), page.checked || tick(false, [all]), tell()));
  rows.forEach((row) => row.addEventListener("change", () => (row.checked || tick(false, [all]), tell())));
  form.addEventListener("reset", () => setTimeout(tell));
  document.querySelectorAll(".tick a").forEach((link) =>
    link.addEventListener("click", (event) => (event.preventDefault(), form.focus({ preventScroll: true }))),
  );
  addEventListener("pageshow", tell);
  tell();
}
