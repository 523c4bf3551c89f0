// <div data-tabs>: its sections, each with an h2, become tabs; without this they stand below each other. What is shown in some
// states of the room only (data-when) is left out of the line of tabs in the others.
export function joinTabs() {
  document.querySelectorAll("[data-tabs]").forEach(join);
}

function join(place) {
  const sections = [...place.children].filter((part) => part.matches("section"));
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  const tabs = sections.map((section) => {
    const heading = section.querySelector("h2");
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", id: `tab-${section.id}`, textContent: heading.textContent, hidden: section.hidden });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", section.id);
    if (section.dataset.when) {
      tab.dataset.when = section.dataset.when;
      delete section.dataset.when;
    }
    heading.classList.add("hide");
    section.setAttribute("role", "tabpanel");
    section.setAttribute("aria-labelledby", tab.id);
    section.tabIndex = 0;
    list.append(tab);
    return tab;
  });

  function choose(chosen) {
    tabs.forEach((tab, place) => {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      sections[place].hidden = !isChosen;
    });
  }

  const shown = () => tabs.filter((tab) => !tab.hidden);
  list.addEventListener("click", ({ target }) => { if (tabs.includes(target)) choose(target); });
  list.addEventListener("keydown", (event) => {
    const isMirrored = getComputedStyle(list).direction === "rtl";
    const steps = { ArrowRight: isMirrored ? -1 : 1, ArrowLeft: isMirrored ? 1 : -1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const all = shown();
    const at = all.indexOf(document.activeElement);
    const next = Number.isFinite(step) ? all[(at + step + all.length) % all.length] : all[step < 0 ? 0 : all.length - 1];
    choose(next);
    next.focus();
  });
  // A tab that goes with the state of the room gives its place to the first
  new MutationObserver(() => { if (tabs.some((tab) => tab.hidden && tab.getAttribute("aria-selected") === "true")) choose(shown()[0]); })
    .observe(list, { subtree: true, attributeFilter: ["hidden"] });
  place.prepend(list);
  choose(shown()[0]);
}
