// What every page does beyond standing there; without this script nothing is missing.

// A form that came back brings its reader to the summary of what is wrong.
const errors = document.querySelector(".errors[tabindex]");
if (errors) errors.focus();

// <div id="spoken" role="status">: readers speak what is added to a region that was there, and shown, before. So what a
// page says when it is opened is added a moment later, and other scripts add theirs by an event "say" of the document.
// A reader that gets several changes within a tenth of a second takes the first (Orca), so each line is added by itself.
const SAYS_AFTER_MS = 400;
const SPOKEN_MS = 10_000; // then it is gone, so that nobody comes across it twice
let spokenAt = 0;
function speak(text, lang = "") {
  spokenAt = Math.max(spokenAt, performance.now()) + SAYS_AFTER_MS;
  setTimeout(() => {
    const line = document.createElement("p");
    line.textContent = text;
    line.lang = lang || document.documentElement.lang;
    document.getElementById("spoken").append(line);
    setTimeout(() => line.remove(), SPOKEN_MS);
  }, spokenAt - performance.now());
}
document.addEventListener("say", ({ detail }) => speak(detail));
const notes = [...document.querySelectorAll("#said > *")];
for (const note of notes) speak(note.querySelector("p").textContent, note.lang);

// Safari takes a list without markers for no list.
function markLists() {
  for (const list of document.querySelectorAll("ul, ol")) {
    if (getComputedStyle(list).listStyleType === "none") list.setAttribute("role", "list");
  }
}
markLists();
document.addEventListener("htmx:load", markLists);

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

// The staff navigation, one line on a phone, begins with the current page in view.
const current = document.querySelector(".desk [aria-current]");
if (current) {
  const box = current.getBoundingClientRect();
  current.closest("ul").scrollLeft += (box.left + box.right - innerWidth) / 2;
}
// Browsers leave a link that is seen in part where it is, also when the keyboard reaches it.
document.querySelector(".desk")?.addEventListener("focusin", (event) => {
  event.target.scrollIntoView({ block: "nearest", inline: "nearest" });
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

const shown = () => document.querySelectorAll("time[data-countdown]");
const tick = () => shown().forEach(tell);
if (shown().length) setInterval(tick, 20000);
document.addEventListener("visibilitychange", tick);

// <body data-zone="Asia/Shanghai">: the reader's time zone is not known, and times are shown in this one. The browser's
// is kept in a cookie, once, and what the page says of times is asked for again, after all else and only where its clock
// shows another time. On the thinnest lines the next page has the reader's times.
const shownZone = document.body.dataset.zone;

function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  const [from, to] = [[...old.childNodes], [...fresh.childNodes]];
  const alike = old.nodeName === fresh.nodeName && from.length && from.length === to.length;
  if (alike && old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) from.forEach((node, index) => renew(node, to[index]));
  else old.replaceWith(fresh);
}

const written = (moment, timeZone) => moment.toLocaleString("en", { timeZone });
const differs = (zone) => [...document.querySelectorAll("main time")]
  .some(({ dateTime }) => written(new Date(dateTime), zone) !== written(new Date(dateTime), shownZone));
const { saveData, effectiveType } = navigator.connection || {};
const isThin = saveData || /2g/.test(effectiveType);

async function showOwnTime() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelectorAll("[role=list]").forEach((list) => list.removeAttribute("role")); // as it came
  for (const part of ["main", ".foot"]) {
    const found = [document, fresh].map((page) => page.querySelector(part));
    if (found[0] && found[1]) renew(...found);
  }
  markLists();
  delete document.body.dataset.zone;
}

if (shownZone && !/(^|; )zone=/.test(document.cookie)) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `zone=${timeZone}; path=/; max-age=31536000; samesite=lax${secure}`;
  if (!isThin && differs(timeZone)) addEventListener("load", () => showOwnTime().catch(() => {}));
}

// <input data-preview="id">: what is typed is shown there too
for (const field of document.querySelectorAll("[data-preview]")) {
  const shownAt = document.getElementById(field.dataset.preview);
  if (shownAt) field.addEventListener("input", () => (shownAt.textContent = field.value));
}

// What was typed is filled in again after a change of language. It is stored in this window, without passwords and files.
const typed = "typed";
const fields = () => [...document.querySelectorAll("main form[method=post] [name]")]
  .filter((field) => !["hidden", "password", "file", "submit"].includes(field.type));
const chosen = (field) => (["checkbox", "radio"].includes(field.type) ? field.checked : field.value);

document.querySelector(".mast form button[name=lang]")?.form.addEventListener("submit", () => {
  sessionStorage.setItem(typed, JSON.stringify({ path: location.pathname, values: fields().map((field) => [field.name, chosen(field)]) }));
});
const waiting = JSON.parse(sessionStorage.getItem(typed) || "null");
sessionStorage.removeItem(typed);
if (waiting && waiting.path === location.pathname) {
  fields().forEach((field, index) => {
    const [name, value] = waiting.values[index] || [];
    if (name !== field.name || chosen(field) === value) return;
    if (typeof value === "boolean") field.checked = value;
    else field.value = value;
  });
}
