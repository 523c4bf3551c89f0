// The room: joins, says every half minute that the page is there, and shows what the server counts.
// Nothing is counted here: the server takes a heartbeat as "present since one and a half beats".
const room = document.getElementById("room");
const byId = (id) => document.getElementById(id);
// A page with a player knows the state of the room from its snapshot (watch.js) and asks for its minutes alone
const POLL_SECONDS = room && room.dataset.media ? 20 : 12;
const LOW_DATA_POLL_SECONDS = 60;
const written = new Intl.NumberFormat(document.documentElement.lang || "en");
const clientId = Math.random();

let token = null;
let beatSeconds = 30;
let seq = 0;
let lastBeat = 0;
let lastPoll = 0;
let joining = false;
let open = false;
let mark = null; // the server's signed time of its last answer, and this page's own clock when it came
let markedAt = 0;
let kept = []; // heartbeats that failed: [seq, milliseconds since the mark]
let waiting = []; // what was kept, to be sent once there is a line
let lock = null;
let reach = null; // whether the lecture can still be attended, as it was said last

const now = () => Date.now() / 1000;
const body = (number) => JSON.stringify({ room_token: token, seq: number });

// The same words are not written again: that would move the cursor of a screen reader
function write(element, text) {
  if (element && element.textContent.trim() !== text) element.textContent = text;
}

const say = (text) => document.dispatchEvent(new CustomEvent("say", { detail: text }));
const tellLine = (text) => write(byId("line"), text);

function forgetCounting() {
  const line = byId("line"); // absent for staff
  if (line && !follows() && line.textContent === room.dataset.kept) tellLine("");
}

async function join() {
  if (token || joining || !room.dataset.joinUrl) return;
  joining = true;
  try {
    const wish = new URLSearchParams(isLowData() ? { low_data: "1" } : {});
    const answer = await fetch(room.dataset.joinUrl, {
      method: "POST", body: wish, headers: { "X-CSRFToken": room.dataset.csrf },
    });
    if (!answer.ok) return;
    const joined = await answer.json();
    token = joined.room_token;
    beatSeconds = joined.beat_seconds;
    seq = 0;
    mark = null;
    stayAwake();
    const link = byId("meeting");
    if (link && joined.join_url) {
      link.href = joined.join_url;
      link.hidden = false;
    }
    await beat();
    lastPoll = 0;
  } catch (error) {
    tellLine(room.dataset.lost);
  } finally {
    joining = false;
  }
}

const post = (url, sent) => fetch(url, {
  method: "POST", body: sent, headers: { "Content-Type": "text/plain" }, credentials: "omit", keepalive: true,
});

// A page that has a player follows the lecture while it plays (watch.js).
const follows = () => room.dataset.follows !== "no";
const isLowData = () => room.dataset.lowData === "yes";

// What was followed until now counts; a page in low data then joins again, with fewer heartbeats.
async function settle(isNewJoin) {
  if (token && now() - lastBeat > 5) await beat(!isNewJoin);
  if (!isNewJoin || !token) return;
  setAside();
  token = null;
  join();
}

async function beat(isLast = false) {
  if (!token || room.dataset.state === "over" || !(follows() || isLast)) return;
  lastBeat = now();
  const number = seq++;
  const [base, elapsed] = [mark, performance.now() - markedAt];
  let answer = null;
  try {
    answer = await post(room.dataset.presenceUrl, body(number));
  } catch (error) {
    // no line
  }
  if (!answer || answer.status >= 500) {
    if (base === mark) keep(number, elapsed);
    tellLine(room.dataset.lost);
    return soon();
  }
  setAside();
  if (answer.status === 401 || answer.status === 404) token = null;
  if (!answer.ok) return soon();
  mark = answer.headers.get("Presence-Mark");
  markedAt = performance.now();
  if (!(await sendKept())) tellLine(room.dataset[{ live: "kept", paused: "stands" }[room.dataset.state] || "waits"]);
}

// What the server can prove later by its own mark: one heartbeat in each beat's time, for as long as it accepts.
function keep(number, elapsed) {
  const last = kept.length ? kept[kept.length - 1][1] : 0;
  if (!mark || elapsed > Number(room.dataset.boundMs) || elapsed - last < beatSeconds * 900) return;
  kept.push([number, Math.round(elapsed)]);
}

function setAside() {
  if (kept.length) waiting.push(JSON.stringify({ room_token: token, mark, beats: kept }));
  kept = [];
}

async function sendKept() {
  let counted = false;
  while (waiting.length) {
    let answer;
    try {
      answer = await post(room.dataset.keptUrl, waiting[0]);
    } catch (error) {
      break;
    }
    if (answer.status >= 500) break;
    waiting.shift();
    if (answer.ok && (await answer.json()).counted) counted = true;
  }
  if (counted) tellLine(room.dataset.back);
  return counted;
}

// The screen stays on while this page is looked at; the browser lets go when it is hidden.
async function stayAwake() {
  if (!navigator.wakeLock || document.hidden || !token || room.dataset.state === "over" || (lock && !lock.released)) return;
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch (error) {
    lock = null; // the battery is low, or the browser forbids it
  }
}

// After a failure the next heartbeat goes out in five seconds, not in thirty.
function soon() {
  lastBeat = now() - beatSeconds + Math.min(5, beatSeconds);
}

function show(state) {
  if (room.dataset.state !== state) {
    room.dataset.state = state;
    document.querySelectorAll("[data-when]").forEach((part) => { part.hidden = !part.dataset.when.split(" ").includes(state); });
    const tag = room.querySelector(".top .tag:not([hidden])");
    if (tag) say(tag.textContent);
    room.dispatchEvent(new Event("state"));
    if (state === "live") beat();
    if (state === "over") {
      const link = byId("meeting");
      if (link) link.hidden = true;
      tellLine("");
      if (lock) lock.release();
      setAside();
    }
    // the buttons of those who start and end it are the server's to draw
    if (document.querySelector("[data-testid=go-live], [data-testid=end-lecture]")) location.reload();
  }
}

function showViewers(count) {
  document.querySelector("[data-testid=viewers]").dataset.count = count;
  write(byId("viewers"), written.format(count));
}

async function poll() {
  lastPoll = now();
  let told;
  try {
    const answer = await fetch(room.dataset.stateUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    told = await answer.json();
  } catch (error) {
    return;
  }
  open = told.is_open;
  show(told.state);
  const counted = document.querySelector("[data-testid=counted-minutes]");
  if (counted) {
    counted.dataset.minutes = told.minutes;
    write(byId("counted"), told.counted_words);
    write(byId("length"), told.length_words);
    write(byId("needed"), told.needed_words);
    write(byId("reach"), told.reach_words);
    byId("reach").hidden = !told.reach_words;
    // The minutes in it change all the time
    if (told.reach_words && reach !== null && reach !== told.reach) say(told.reach_words);
    reach = told.reach;
    if (told.attended && byId("enough").hidden && told.state !== "over") say(byId("enough").textContent);
    const bar = document.querySelector(".gauge .iv");
    if (bar) bar.setAttribute("width", Math.min(told.minutes, bar.ownerSVGElement.viewBox.baseVal.width));
    byId("enough").hidden = !told.attended;
    write(byId("replay-credit"), told.replay_words);
  }
  showViewers(told.viewers);
  const result = document.querySelector("[data-result]");
  if (told.explanation && result.textContent !== told.explanation) {
    result.textContent = told.explanation;
    say(told.explanation);
  }
  if (told.state === "over" && (await sendKept())) lastPoll = now() - POLL_SECONDS;
  if (open) join();
}

function tick() {
  if (token && now() - lastBeat >= beatSeconds) beat();
  if (now() - lastPoll >= (isLowData() ? LOW_DATA_POLL_SECONDS : POLL_SECONDS) + clientId * 4) poll();
}

if (room) {
  addEventListener("pagehide", () => {
    if (token && room.dataset.state !== "over" && follows()) navigator.sendBeacon(room.dataset.presenceUrl, body(seq++));
  });
  addEventListener("pageshow", (event) => { if (event.persisted) { beat(); poll(); } });
  room.addEventListener("snapshot", ({ detail }) => {
    if (detail.state !== room.dataset.state) setTimeout(poll, clientId * 5000);
    show(detail.state);
    showViewers(detail.viewers);
  });
  room.addEventListener("follows", () => { if (!follows()) settle(false).then(forgetCounting); });
  room.addEventListener("counted", poll);
  room.addEventListener("lowdata", () => settle(true));
  addEventListener("online", () => { beat(); poll(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); poll(); stayAwake(); } });
  try {
    new Worker(room.dataset.clock).onmessage = tick;
  } catch (error) {
    setInterval(tick, 1000);
  }
  poll();
}
