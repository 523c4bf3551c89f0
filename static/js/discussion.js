// Questions and raised hands in the room. What all see alike comes with the room's snapshot; only what one does oneself is
// sent to the server. Staff get the queue as the server draws it.
import { joinTabs } from "./watching/tabs.js";

const room = document.getElementById("room");
const panel = document.getElementById("discussion");
const byId = (id) => document.getElementById(id);
const SECONDS = 4;
const QUEUE_SECONDS = 5;
const DRAW_MS = 4000; // within which pages ask for a poll that was opened
const ANNOUNCE_SECONDS = 30; // so often at most new questions are announced
const SHOWN_OPEN = 20; // in the snapshot
const written = new Intl.NumberFormat(document.documentElement.lang || "en");

let media = panel ? panel.dataset.media : "";
let own = new Set(panel ? panel.dataset.own.split(" ") : []);
let known = null; // questions that were announced or there from the start
let announcedAt = -Infinity;

const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
function say(text) {
  setText(byId("talk-said"), text);
  document.dispatchEvent(new CustomEvent("say", { detail: text }));
}

// The participants' list

function fill(item, question) {
  const { dataset } = item;
  dataset.id = question.id;
  dataset.votes = question.votes;
  dataset.state = question.state;
  for (const number of item.querySelectorAll(".vote b, .votes b")) setText(number, written.format(question.votes));
  const part = (name) => item.querySelector(`[data-part=${name}]`);
  const paragraph = item.querySelector(".asked");
  setText(paragraph, question.text);
  paragraph.id = `talk-asked-${question.id}`;
  setText(part("by"), question.by || panel.dataset.anonymous);
  part("answering").hidden = !question.answering;
  part("answered").hidden = question.state !== "answered";
  part("waiting").hidden = question.state !== "waiting";
  setText(item.querySelector(".answer"), question.answer);
  item.querySelector(".answer").hidden = !question.answer;
  const form = item.querySelector("form");
  const canVote = Boolean(form) && question.state === "open" && !own.has(String(question.id));
  if (form) {
    form.hidden = !canVote;
    form.querySelector(".vote").setAttribute("aria-describedby", `talk-asked-${question.id}`);
    form.setAttribute("action", form.getAttribute("action").replace(/\d+\/vote(?=\?|$)/, `${question.id}/vote`));
  }
  item.querySelector(".votes").hidden = canVote;
}

const items = () => [...byId("talk-list").children];
const itemOf = (id) => items().find((item) => item.dataset.id === String(id));

function add(question) {
  const item = document.importNode(byId("talk-mould").content.firstElementChild, true);
  fill(item, question);
  byId("talk-list").append(item);
  return item;
}

function show(shared) {
  const list = byId("talk-list");
  const isOver = room.dataset.state === "over";
  if (!list || isOver) return;
  const ids = new Set(shared.questions.map(({ id }) => String(id)));
  const isWhole = shared.open <= SHOWN_OPEN;
  for (const item of items()) {
    const isKept = own.has(item.dataset.id) && (item.dataset.state === "waiting" || !isWhole);
    if (!ids.has(item.dataset.id) && !isKept) item.remove();
  }
  for (const question of shared.questions) {
    const item = itemOf(question.id);
    if (item) fill(item, question);
    else add(question);
  }
  // Nothing moves under a hand that is about to press
  if (!list.matches(":hover") && !list.contains(document.activeElement)) {
    shared.questions.map(({ id }) => itemOf(id)).forEach((item, place) => {
      if (list.children[place] !== item) list.insertBefore(item, list.children[place] || null);
    });
  }
  announce([...ids]);
  const form = panel.querySelector("[data-do=ask]");
  if (form) {
    form.hidden = !shared.asking;
    panel.querySelector("[data-part=closed]").hidden = shared.asking;
    panel.querySelector("[data-part=anonymous]").hidden = !shared.anonymous;
    if (!shared.anonymous) byId("talk-anonymous").checked = false;
  }
  showPolls(shared.polls);
  const hand = byId("talk-hand");
  if (hand && hand.dataset.hand && performance.now() > handAt + 5000 && !shared.hands.includes(hand.dataset.hand)) {
    setHand("");
    say(panel.dataset.lowered);
  }
}

// Numbers come with the snapshot. What changes for the reader (a poll opens, closes, shows results) is drawn by the server,
// which knows what they answered; ten thousand pages ask for it at different moments.
let pollStates = null;

function showPolls(polls) {
  const states = polls.map(({ id, state, options }) => `${id} ${state} ${options[0].votes !== null}`).join();
  const isNew = pollStates !== null && states !== pollStates;
  const before = pollStates || "";
  pollStates = states;
  for (const { id, options } of polls) {
    const bars = byId("talk-polls").querySelectorAll(`[data-id="${id}"] .bars li`);
    if (options[0].votes === null || bars.length !== options.length) continue;
    options.forEach((option, place) => {
      bars[place].querySelector("rect").setAttribute("width", option.percent);
      setText(bars[place].querySelector(":scope > b"), written.format(option.votes));
    });
  }
  if (!isNew) return;
  setTimeout(drawPolls, Math.random() * DRAW_MS);
  const opened = polls.find(({ id, state }) => state === "open" && !before.includes(`${id} open`));
  if (opened) say(panel.dataset.poll.replace("{poll}", () => opened.text));
  if (polls.some(({ id, state }) => state !== "open" && before.includes(`${id} open`))) say(panel.dataset.closed);
}

function showPart(part, isThere) {
  part.hidden = !isThere;
  const link = document.querySelector(`.jumps [href="#${part.id}"]`);
  if (link) link.parentElement.hidden = !isThere;
}

async function drawPolls(isSent = false) {
  const place = byId("talk-polls");
  const form = isSent ? null : place.querySelector("form:has(:checked)");
  try {
    const answer = await fetch(place.dataset.url, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const chosen = form ? [...form.querySelectorAll(":checked")].map(({ id }) => id) : [];
    const focus = place.contains(document.activeElement) ? document.activeElement : null;
    const poll = focus?.closest("li")?.dataset.id;
    const wasOpen = place.querySelector("details[open]");
    place.innerHTML = await answer.text();
    showPart(byId("polls"), place.firstElementChild);
    if (wasOpen && byId(wasOpen.id)) byId(wasOpen.id).open = true;
    for (const id of chosen) if (byId(id)) byId(id).checked = true;
    const again = byId(focus?.id) || place.querySelector(`[data-id="${poll}"] :is([type=submit], h3)`); // a closed poll has no form
    if (focus) again?.focus();
  } catch (error) {
    setTimeout(drawPolls, 5000, isSent);
  }
}

// Politely, and several at once
function announce(ids) {
  if (!known) known = new Set(ids);
  const fresh = ids.filter((id) => !known.has(id) && !own.has(id));
  if (!fresh.length || performance.now() < announcedAt + ANNOUNCE_SECONDS * 1000) return;
  announcedAt = performance.now();
  ids.forEach((id) => known.add(id));
  say(panel.dataset.new.replace("{n}", written.format(fresh.length)));
}

let handAt = -Infinity; // when it was raised here: the snapshot may be older

function setHand(id) {
  const hand = byId("talk-hand");
  hand.dataset.hand = id;
  hand.value = id ? "no" : "yes";
  hand.setAttribute("aria-pressed", String(Boolean(id)));
  setText(hand, id ? hand.dataset.up : hand.dataset.down);
  handAt = performance.now();
}

// Sending

// What was written is there again in the page that is opened once the token of this one has ended.
const WRITTEN = `written-${location.pathname}`;
const writing = () => [...panel.querySelectorAll(":is(textarea, input[type=text], input:not([type]))[id]")];

function keepWritten() {
  const kept = writing().filter(({ value, defaultValue }) => value !== defaultValue).map(({ id, value }) => [id, value]);
  sessionStorage.setItem(WRITTEN, JSON.stringify(kept));
}

function restoreWritten() {
  for (const [id, value] of JSON.parse(sessionStorage.getItem(WRITTEN) || "[]")) {
    const field = writing().find((one) => one.id === id);
    if (!field) continue;
    field.value = value;
    for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  }
  sessionStorage.removeItem(WRITTEN);
}

async function post(form, submitter) {
  const values = new URLSearchParams(new FormData(form));
  if (submitter && submitter.name) values.set(submitter.name, submitter.value);
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: values, headers: { Accept: "application/json", "X-CSRFToken": panel.dataset.csrf },
    });
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    const body = isJson ? await answer.json() : {};
    if (answer.ok) return body;
    if (body.expired) keepWritten();
    tellFault(form, body.detail || panel.dataset.wait, body.field);
  } catch (error) {
    tellFault(form, panel.dataset.lost);
  }
  return null;
}

// Why a form was refused stands in it, and is spoken; the field that is wrong has the focus
function tellFault(form, text, name = "") {
  const place = form.querySelector("[data-part=fault]") || panel.querySelector("#talk > [data-part=fault]");
  if (!place) return say(text);
  setText(place, text);
  const field = name && form.querySelector(`[name="${CSS.escape(name)}"]`);
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
  document.dispatchEvent(new CustomEvent("say", { detail: text }));
}

function forgetFault(form) {
  for (const place of [...form.querySelectorAll("[data-part=fault]"), ...panel.querySelectorAll("#talk > [data-part=fault]")]) setText(place, "");
  for (const field of form.querySelectorAll("[aria-invalid=true]")) field.setAttribute("aria-invalid", "false");
}

const done = {
  ask(body, form) {
    form.reset();
    own.add(String(body.id));
    if (!itemOf(body.id)) byId("talk-list").prepend(add(body));
    say(body.detail);
    byId("talk-text").focus();
  },
  vote(_body, form) {
    const button = form.querySelector("button");
    if (button.getAttribute("aria-pressed") === "true") return;
    button.setAttribute("aria-pressed", "true");
    const item = form.closest("li");
    item.dataset.votes = Number(item.dataset.votes) + 1;
    for (const number of item.querySelectorAll(".vote b, .votes b")) setText(number, written.format(item.dataset.votes));
    say(panel.dataset.voted);
  },
  async poll(body) {
    await drawPolls(true);
    say(body.detail); // after what is drawn, as a reader may speak only the first of two changes
  },
  hand(body) {
    setHand(body.hand || "");
    say(body.hand ? panel.dataset.raised : panel.dataset.lowered);
  },
};

async function submit(event) {
  const form = event.target;
  event.preventDefault();
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  forgetFault(form);
  const body = await post(form, event.submitter);
  delete form.dataset.sending;
  if (body && done[form.dataset.do]) done[form.dataset.do](body, form);
  if (byId("talk-queue")) await refresh(body ? form : null);
}

// The staff's queue

let drawn = "";

const isWriting = () => byId("talk-queue").contains(document.activeElement) && document.activeElement.matches("[type=text], textarea, select, input:not([type])");

const isChanged = (field) => (field.options
  ? [...field.options].some(({ selected, defaultSelected }, place) => selected !== (defaultSelected || (!place && !field.querySelector("[selected]"))))
  : field.value !== field.defaultValue || field.checked !== field.defaultChecked);

// What is open and what was written stays, but in the form that was sent
function keep(queue, sent) {
  const closing = sent && sent.closest("details");
  const open = [...queue.querySelectorAll("details[open]")].filter((part) => part !== closing).map(({ id }) => id);
  const fields = [...queue.querySelectorAll("[id]:is(input, textarea, select)")]
    .filter((field) => !(sent && sent.contains(field)) && isChanged(field))
    .map(({ id, value, checked }) => ({ id, value, checked }));
  const faults = [...queue.querySelectorAll("form [data-part=fault]:not(:empty)")].map((place) => {
    const field = place.closest("form").querySelector("[aria-invalid=true]") || place.closest("form").querySelector("[id]:is(input, textarea)");
    return { id: field.id, isWrong: field.getAttribute("aria-invalid"), text: place.textContent };
  });
  return () => {
    for (const { id, isWrong, text } of faults) {
      const place = byId(id)?.form.querySelector("[data-part=fault]");
      if (!place) continue;
      setText(place, text);
      byId(id).setAttribute("aria-invalid", isWrong);
    }
    for (const id of open) if (byId(id)) byId(id).open = true;
    for (const { id, value, checked } of fields) if (byId(id)) Object.assign(byId(id), { value, checked });
  };
}

// `sent`: the form that was sent a moment before
async function refresh(sent = null) {
  const queue = byId("talk-queue");
  if (isWriting() && !sent) return;
  let text;
  try {
    const answer = await fetch(queue.dataset.url, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    text = await answer.text();
  } catch (error) {
    return; // the page says elsewhere that the line is down
  }
  const bare = text.replace(/name="csrf_token" value="[^"]*"/g, "");
  if (bare === drawn || (isWriting() && !sent)) return;
  const isFirst = !drawn;
  drawn = bare;
  const active = queue.contains(document.activeElement) ? document.activeElement : null;
  const focus = active && active.dataset.focus;
  const before = waitingIds();
  const restore = keep(queue, sent);
  queue.innerHTML = text;
  restore();
  if (focus) {
    const again = queue.querySelector(`[data-focus="${CSS.escape(focus)}"]`) || queue.querySelector("[data-focus]");
    if (again) again.focus();
  }
  const fresh = waitingIds().filter((id) => !before.includes(id));
  if (!isFirst && fresh.length && performance.now() > announcedAt + ANNOUNCE_SECONDS * 1000) {
    announcedAt = performance.now();
    say(panel.dataset.new.replace("{n}", written.format(fresh.length)));
  }
}

const waitingIds = () => [...byId("talk-queue").querySelectorAll("[data-list] [data-id]")].map((item) => item.dataset.id);

// A page with a player has the snapshot from watch.js; beside an outside meeting this script asks for it
async function ask() {
  try {
    const answer = await fetch(`${media}snapshot.json`, { credentials: "omit" });
    if (answer.ok) {
      const status = await answer.json();
      media = status.media;
      show(status.discussion);
      const moment = Date.parse(answer.headers.get("Date"));
      room.dispatchEvent(new CustomEvent("snapshot", { detail: { ...status, clock_offset: moment ? moment + 500 - Date.now() : 0 } }));
    }
  } catch (error) {
    // room.js tells that the line is down
  }
  if (room.dataset.state !== "over") setTimeout(ask, SECONDS * 1000 * (0.75 + Math.random() / 2));
}

function connectMoments() {
  const video = byId("video");
  if (!video) return;
  for (const button of panel.querySelectorAll("[data-position]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      video.currentTime = button.dataset.position / 1000;
      video.play().catch(() => {});
    });
  }
}

// The column scrolls in itself: a jump within it leaves the picture where it is
function connectJumps() {
  document.querySelector(".jumps")?.addEventListener("click", (event) => {
    const part = event.target.hash && document.querySelector(event.target.hash);
    if (!part) return;
    event.preventDefault();
    const top = document.querySelector(".jumps").offsetHeight;
    byId("column").scrollTop += part.getBoundingClientRect().top - byId("column").getBoundingClientRect().top - top;
    part.querySelector("[tabindex='-1']").focus({ preventScroll: true });
  });
}

joinTabs();
connectJumps();
if (panel) {
  restoreWritten();
  panel.addEventListener("submit", submit);
  if (byId("talk-queue")) {
    setInterval(() => { if (!document.hidden) refresh(); }, QUEUE_SECONDS * 1000);
  } else {
    connectMoments();
    if (room.dataset.media) room.addEventListener("snapshot", ({ detail }) => show(detail.discussion));
    else if (room.dataset.state !== "over") ask();
  }
}
