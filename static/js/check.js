// <form data-check="id">: answers are saved as they are given. What could not be sent is kept in this browser and sent
// again; the same answers twice change nothing. Each question is sent with the version of the answer that the page knows:
// the server does not overwrite a newer one from another tab, and its page asks which of the two counts. Without this
// script the buttons of the form save its page.

const holder = document.querySelector("[data-check]");
const form = holder.closest("form");
const said = form?.querySelector("[role=status]");
const action = holder.getAttribute("action") || holder.dataset.action;
const token = document.querySelector("[name=csrf_token]").value;
const shared = `check-${holder.dataset.check}`;
const key = `${shared}-${Math.random().toString(36).slice(2)}`; // two tabs do not send each other's answers
const WAIT = 600;
const AGAIN = 5000;
let timer;
let asks = false; // whether the server has a question about what is on this page
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
    pending[id] = pairs.filter(([name]) => name === `q${id}` || name === `had-${id}` || name.startsWith(`q${id}-`));
  }
  write(pending);
}

const fields = (pending, ids) => ids.flatMap((id) => [["asked", id], ...pending[id]]);

// Has the server ask which of two answers counts, on a page of its own.
function compare(pending, ids) {
  const page = Object.assign(document.createElement("form"), { method: "POST", action, hidden: true });
  for (const [name, value] of [["csrf_token", token], ["go", "end"], ...fields(pending, ids)]) {
    page.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(page);
  page.submit();
}

async function send(isOfEarlierPage = false) {
  const pending = read();
  const ids = Object.keys(pending);
  if (!ids.length) return true;
  const body = new URLSearchParams({ csrf_token: token, go: "stay" });
  for (const [name, value] of fields(pending, ids)) body.append(name, value);
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
  if (answer.status === 400) { // the token has ended: a new page has another one
    if (said) said.textContent = form.dataset.expired;
    return false;
  }
  const { saved, differing, faults } = answer.ok ? await answer.json() : { saved: {}, differing: [], faults: {} };
  const later = read();
  for (const id of ids) {
    const known = form?.elements[`had-${id}`];
    if (known && saved[id]) known.value = saved[id];
    if (JSON.stringify(later[id]) === JSON.stringify(pending[id])) delete later[id];
    else if (saved[id]) later[id] = later[id].map(([name, value]) => [name, name === `had-${id}` ? saved[id] : value]);
  }
  write(later);
  asks = Boolean(differing.length || Object.keys(faults).length);
  const elsewhere = differing.filter((id) => isOfEarlierPage || !form?.elements[`had-${id}`]);
  if (elsewhere.length) {
    compare(pending, elsewhere);
    return false;
  }
  if (answer.status === 409) {
    localStorage.removeItem(key);
    if (said) said.textContent = form.dataset.over;
  } else if (answer.ok && said) {
    said.textContent = Object.values(faults)[0] || (differing.length ? form.dataset.differing : form.dataset.saved);
  }
  return true;
}

function queue(isOfEarlierPage) {
  sending = sending.then(() => send(isOfEarlierPage === true));
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
      if (asks) {
        form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "go", value: go }));
        form.submit();
        return;
      }
      location.assign(go === "end" ? `${action}?end=1` : `${action}?question=${go}`);
    });
  });
}
addEventListener("online", queue);
for (const other of Object.keys(localStorage).filter((name) => name.startsWith(shared))) {
  write({ ...read(), ...JSON.parse(localStorage.getItem(other)) });
  localStorage.removeItem(other);
}
// What an earlier page could not send is sent before anything else; then this page shows it.
if (Object.keys(read()).length) queue(true).then((isSent) => isSent && location.reload());
