// What every page does beyond standing there; without this script nothing is missing.

// A form that came back brings its reader to the summary of what is wrong.
const errors = document.querySelector(".errors[tabindex]");
if (errors) errors.focus();

// Escape, or a press elsewhere, closes a menu of the masthead; the focus goes back to what opened it.
const menus = () => document.querySelectorAll("details.pick[open]");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menus().forEach((menu) => {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  });
});
document.addEventListener("click", (event) => {
  menus().forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

// What was written as a countdown stays true while the page is open: "in 8 minutes" becomes "in 7 minutes".
// <time data-countdown datetime="2026-12-02T06:00:00Z">
const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "always" });
const steps = [["day", 86400], ["hour", 3600], ["minute", 60]];

function tell(element) {
  const seconds = (Date.parse(element.dateTime) - Date.now()) / 1000;
  const [unit, length] = steps.find(([, size]) => Math.abs(seconds) >= size) || steps[2];
  const text = words.format(Math.round(seconds / length), unit);
  if (element.textContent !== text) element.textContent = text;
}

const shown = document.querySelectorAll("time[data-countdown]");
const tick = () => shown.forEach(tell);
if (shown.length) setInterval(tick, 20000);
document.addEventListener("visibilitychange", tick);
