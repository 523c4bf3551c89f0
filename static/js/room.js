// The room: joins, says every half minute that the page is there, and shows what the server counts.
// Nothing is counted here: the server takes a heartbeat as "present since one and a half beats".
const room = document.getElementById("room");
const byId = (id) => document.getElementById(id);
const POLL_SECONDS = 12;
const written = new Intl.NumberFormat(document.documentElement.lang || "en");
const clientId = Math.random();

let token = null;
let beatSeconds = 30;
let seq = 0;
let lastBeat = 0;
let lastPoll = 0;
let joining = false;
let open = false;

const now = () => Date.now() / 1000;
const body = () => JSON.stringify({ room_token: token, seq: seq++ });

function tellLine(text) {
  const line = byId("line");
  if (line && line.textContent !== text) line.textContent = text;
}

async function join() {
  if (token || joining || !room.dataset.joinUrl) return;
  joining = true;
  try {
    const answer = await fetch(room.dataset.joinUrl, { method: "POST", headers: { "X-CSRFToken": room.dataset.csrf } });
    if (!answer.ok) return;
    const joined = await answer.json();
    token = joined.room_token;
    beatSeconds = joined.beat_seconds;
    seq = 0;
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

async function beat() {
  if (!token || room.dataset.state === "over") return;
  lastBeat = now();
  try {
    const answer = await fetch(room.dataset.presenceUrl, {
      method: "POST", body: body(), headers: { "Content-Type": "text/plain" }, credentials: "omit", keepalive: true,
    });
    if (answer.status === 401 || answer.status === 404) token = null;
    tellLine(answer.ok ? room.dataset[room.dataset.state === "live" ? "kept" : "waits"] : room.dataset.lost);
    if (!answer.ok) soon();
  } catch (error) {
    tellLine(room.dataset.lost);
    soon();
  }
}

// After a failure the next heartbeat goes out in five seconds, not in thirty.
function soon() {
  lastBeat = now() - beatSeconds + 5;
}

function show(state) {
  if (room.dataset.state !== state) {
    room.dataset.state = state;
    document.querySelectorAll("[data-when]").forEach((part) => { part.hidden = !part.dataset.when.split(" ").includes(state); });
    if (state === "live") beat();
    if (state === "over") {
      const link = byId("meeting");
      if (link) link.hidden = true;
      tellLine("");
    }
    // the buttons of those who start and end it are the server's to draw
    if (document.querySelector("[data-testid=go-live], [data-testid=end-lecture]")) location.reload();
  }
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
    byId("counted").textContent = written.format(Math.floor(told.minutes));
    const bar = document.querySelector(".gauge .iv");
    if (bar) bar.setAttribute("width", Math.min(told.minutes, told.length_minutes));
    byId("enough").hidden = !told.attended;
  }
  const viewers = document.querySelector("[data-testid=viewers]");
  viewers.dataset.count = told.viewers;
  byId("viewers").textContent = written.format(told.viewers);
  if (told.explanation) byId("result").textContent = told.explanation;
  if (open) join();
}

function tick() {
  if (token && now() - lastBeat >= beatSeconds) beat();
  if (now() - lastPoll >= POLL_SECONDS + clientId * 4) poll();
}

if (room) {
  addEventListener("pagehide", () => {
    if (token && room.dataset.state !== "over") navigator.sendBeacon(room.dataset.presenceUrl, body());
  });
  addEventListener("pageshow", (event) => { if (event.persisted) { beat(); poll(); } });
  addEventListener("online", () => { beat(); poll(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); poll(); } });
  try {
    new Worker(room.dataset.clock).onmessage = tick;
  } catch (error) {
    setInterval(tick, 1000);
  }
  poll();
}
