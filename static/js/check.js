// <form data-check="id">: answers are saved as they are given. What could not be sent is kept in this browser and sent
// again; the same answers twice change nothing. Without this script the buttons of the form save its page.

const holder = document.querySelector("[data-check]");
const form = holder.closest("form");
const said = form?.querySelector("[role=status]");
const action = holder.getAttribute("action") || holder.dataset.action;
const token = document.querySelector("[name=csrf_token]").value;
const key = `check-${holder.dataset.check}`;
const WAIT = 600;
const AGAIN = 5000;
let timer;
let sending = Promise.resolve();

const read = () => JSON.parse(localStorage.getItem(key) || "{}");
function write(pending) {
  if (Object.keys(pending).length) localStorage.setItem(key, JSON.stringify(pending));
  else localStorage.removeItem(key);
}

// The answers of this page join those that wait, each question with all its fields.
function keep() {
  const pending = read();
  const pairs = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  for (const [, id] of pairs.filter(([name]) => name === "asked")) {
    pending[id] = pairs.filter(([name]) => name === `q${id}` || name.startsWith(`q${id}-`));
  }
  write(pending);
}

async function send() {
  const pending = read();
  const ids = Object.keys(pending);
  if (!ids.length) return true;
  const body = new URLSearchParams({ csrf_token: token, go: "stay" });
  for (const id of ids) {
    body.append("asked", id);
    for (const [name, value] of pending[id]) body.append(name, value);
  }
  let answer;
  try {
    answer = await fetch(action, { method: "POST", body, redirect: "error" });
  } catch {}
  if (!answer || answer.status >= 500 || answer.status === 429) {
    if (said) said.textContent = form.dataset.waiting;
    clearTimeout(timer);
    timer = setTimeout(queue, AGAIN);
    return false;
  }
  const later = read();
  for (const id of ids) if (JSON.stringify(later[id]) === JSON.stringify(pending[id])) delete later[id];
  write(later);
  if (answer.status === 409) {
    localStorage.removeItem(key);
    if (said) said.textContent = form.dataset.over;
  } else if (answer.ok && said) said.textContent = form.dataset.saved;
  return true;
}

function queue() {
  sending = sending.then(send);
  return sending;
}

if (form) {
  const changed = () => {
    keep();
    clearTimeout(timer);
    timer = setTimeout(queue, WAIT);
  };
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => {
    if (navigator.onLine && !Object.keys(read()).length) return;
    event.preventDefault();
    const button = event.submitter;
    keep();
    clearTimeout(timer);
    queue().then((isSent) => {
      if (!isSent) return;
      const go = button?.value || "end";
      location.assign(go === "end" ? `${action}?end=1` : `${action}?question=${go}`);
    });
  });
}
addEventListener("online", queue);
// What an earlier page could not send is sent before anything else; then this page shows it.
if (Object.keys(read()).length) queue().then((isSent) => isSent && location.reload());
