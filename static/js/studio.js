// The instructor's side of a lecture in the browser: device check, rehearsal, going live, pause, and what viewers get.
import { Outbox, wait } from "./studio/outbox.js";
import { Sources } from "./studio/sources.js";

const room = document.getElementById("room");
const studio = document.getElementById("studio");
const byId = (id) => document.getElementById(id);
const KIND = window.MediaRecorder && ["video/webm;codecs=vp8,opus", "video/webm;codecs=h264,opus", "video/webm"].find(
  (name) => MediaRecorder.isTypeSupported(name),
);
const AUDIENCE_SECONDS = 5;
const SLOW_CHUNKS = 4;
const LOST_CHUNKS = 3; // with so many and without the first, nothing of a session can be played
const HELD_BACK_SEGMENTS = 3; // what a player stays behind the end of the playlist

let sources = null;
let outbox = null;
let session = null; // { token, address, id, folder, track, count, isSoundOnly, begunAt }
let recorder = null;
let audience = null;
let resumesAt = studio && studio.dataset.resumes ? new Date(studio.dataset.resumes) : null;
let isBusy = false;
let isSoundOnly = false;
let isTaken = false;
let rest = null; // of a session that ended elsewhere, while it is sent
let refusal = "";
let delay = null; // seconds; null while nothing can be played
let playableAt = 0; // when the playlist grew last, by this page's own clock

const store = `studio-session-${studio ? studio.dataset.lecture : ""}`;
const now = () => performance.now() / 1000; // a clock that nobody sets
const words = (name, value) => (studio.dataset[name] || "").replace(/{\w+}/, () => value); // none has more than one part that varies
const state = () => room.dataset.state;
const isSending = () => Boolean(session) && session.track === "main"; // to viewers
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const sayText = (text) => setText(byId("studio-line").firstElementChild, text);
const say = (name, value) => sayText(words(name, value));

// What the page says

function tell() {
  const isLive = isSending();
  if (state() === "over" && rest) say("ended");
  else if (refusal) sayText(refusal);
  else if (isTaken && state() === "live") say("taken");
  else if (isLive && outbox.trouble) say(outbox.trouble);
  else if (isLive && isSoundOnly) say("disk");
  else if (isLive && playableAt && now() - playableAt > studio.dataset.stuckSeconds) say("stuck");
  else if (isLive) say(delay === null ? "starts" : sources.isMuted ? "micOff" : "live");
  else if (session) say(outbox.trouble || "rehearses");
  else if (state() === "paused") say("paused");
  else if (state() === "live") say(...elsewhere());
  else if (!sources || !sources.microphone) say("asks");
  else say(studio.dataset.canStart ? "ready" : "notOpen");
  tellBack();
}

// This page sent before it was loaded again
const wasSending = () => state() === "live" && !session && sessionStorage.getItem(store);

function elsewhere() {
  if (wasSending()) return ["goesOn"];
  if (!audience || !audience.sender) return ["nobody"];
  if (audience.on_air === "interrupted") return ["vanished", audience.sender];
  return [audience.is_own ? "elsewhereOwn" : "elsewhere", audience.sender];
}

async function tellLine() {
  const waiting = await outbox.count();
  let text = "";
  if ((session || rest) && waiting && (outbox.trouble || rest)) text = words("lineLost", waiting);
  else if (session && outbox.aside.size) text = words("lineAside");
  else if (session && waiting > SLOW_CHUNKS) text = words("lineSlow", waiting);
  else if (session && session.count) text = words("lineGood");
  setText(byId("quality"), text);
  const isShown = isSending() && delay !== null && !outbox.trouble;
  setText(byId("delay"), isShown ? words("delay", Math.round(delay)) : "");
}

function tellBack() {
  byId("back").hidden = state() !== "paused";
  if (state() !== "paused") return;
  const time = resumesAt && resumesAt.toLocaleTimeString(document.documentElement.lang, { timeStyle: "short", hourCycle: "h23", timeZone: studio.dataset.zone });
  setText(byId("back-text"), time ? words(resumesAt < new Date() ? "backLate" : "backAt", time) : "");
}

function tellVoice() {
  const name = sources.voice;
  byId("level").value = sources.isMuted ? 0 : Math.round(sources.level * 100);
  if (name) setText(byId("level-words"), words(name));
}

function tellTrouble(name) {
  setText(byId("trouble"), words(name));
  if (name && !sources.microphone) say(name);
}

// A button that says in words whether its device is on
function showDevice(id, isReady, isOn) {
  const button = byId(id);
  button.disabled = !isReady;
  button.dataset.is = isOn ? "on" : "off";
  setText(button.lastElementChild, button.dataset[button.dataset.is]);
}

function buttons() {
  const isLive = isSending();
  const isReady = Boolean(sources && sources.microphone);
  byId("cover").hidden = isReady;
  showDevice("microphone", isReady, !(sources && sources.isMuted));
  showDevice("camera", isReady, !isReady || Boolean(sources.pictures.camera));
  byId("screen").setAttribute("aria-pressed", isReady && Boolean(sources.pictures.screen));
  byId("screen").disabled = !isReady || !navigator.mediaDevices.getDisplayMedia;
  const isRehearsing = session && !isLive;
  setText(byId("rehearse"), isRehearsing ? byId("rehearse").dataset.stop : byId("rehearse").dataset.start);
  byId("rehearse").disabled = isBusy || !isReady;
  byId("go-live").hidden = isLive || !["waiting", "live"].includes(state());
  byId("go-live").disabled = isBusy || !isReady || !studio.dataset.canStart;
  setText(byId("pause"), state() === "paused" ? byId("pause").dataset.resume : byId("pause").dataset.pause);
  byId("pause").disabled = isBusy || (state() === "paused" && !isReady);
}

function setState(name) {
  if (state() === name) return;
  room.dataset.state = name;
  ask("");
  if (name === "over") leave();
  document.querySelectorAll("[data-when]").forEach((part) => { part.hidden = !part.dataset.when.split(" ").includes(name); });
}

function show() {
  buttons();
  tell();
  tellLine();
  // A recorder keeps to its tracks
  if (session && sources.microphone && session.sound !== sources.sound) once(() => begin(session.track));
}

async function listDevices() {
  const { cameras, microphones } = await sources.list();
  fill("microphones", microphones, sources.idOf("microphone"));
  fill("cameras", cameras, sources.idOf("camera"), words("none"));
}

function fill(id, devices, chosen, none) {
  const select = byId(id);
  select.replaceChildren(...devices.map((device) => new Option(device.label || words("firstDevice"), device.deviceId)));
  if (none) select.append(new Option(none, ""));
  select.value = chosen;
  select.disabled = !select.length;
}

// Sending

async function post(address, values) {
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) if (value) form.set(name, value);
  try {
    return await fetch(address, { method: "POST", body: form, headers: { "X-CSRFToken": room.dataset.csrf } });
  } catch (error) {
    return null;
  }
}

// Begins a session, in place of the one that this page sends, or began before it was loaded again, even if the answer to
// that was lost. Returns whether it began.
async function begin(track, { takesOver = false } = {}) {
  const before = session;
  const answer = await post(studio.dataset.begin, {
    rehearsal: track === "rehearsal",
    take_over: takesOver,
    page: (sessionStorage.page ||= crypto.randomUUID()), // what the tab calls itself, also after it was loaded again
  });
  if (!answer || answer.status >= 500) {
    tellTrouble("offline");
    return false;
  }
  const begun = await answer.json();
  if (!answer.ok) {
    ask(answer.status === 409 && audience && audience.sender ? begun.detail : "");
    if (byId("question").hidden) setText(byId("trouble"), begun.detail);
    else byId("take-over").focus();
    return false;
  }
  ask("");
  tellTrouble("");
  if (before) finish(before, recorder);
  isTaken = false;
  refusal = "";
  session = { ...begun, id: begun.session, track, count: 0, isSoundOnly: isSoundOnly && track === "main" };
  if (track === "main") {
    sessionStorage.setItem(store, session.id);
    resumesAt = null;
    setState("live");
  }
  delay = null;
  playableAt = now();
  record(session);
  stayAwake();
  show();
  return true;
}

function record(current) {
  current.sound = sources.sound;
  recorder = new MediaRecorder(new MediaStream(current.isSoundOnly ? [current.sound] : [sources.track, current.sound]), {
    mimeType: current.isSoundOnly ? "audio/webm" : KIND, videoBitsPerSecond: 600_000, audioBitsPerSecond: 64_000, videoKeyFrameIntervalDuration: 2000,
  });
  current.stored = Promise.resolve();
  recorder.ondataavailable = (event) => {
    if (!event.data.size) return;
    const chunk = { address: current.address, token: current.token, number: current.count++, blob: event.data };
    current.stored = current.stored.then(() => outbox.keep(chunk));
    current.stored.then(() => outbox.send());
  };
  recorder.start(1000);
}

// Ends a recorder, sends the rest of its session, and tells the server how many chunks there are
async function finish(current, running) {
  if (running && running.state !== "inactive") {
    const ended = new Promise((resolve) => { running.onstop = resolve; });
    running.stop();
    await ended;
  }
  await current.stored;
  await outbox.empty();
  try {
    await fetch(`${current.address}/stop`, {
      method: "POST", body: new URLSearchParams({ chunk_count: current.count }), headers: { "Stream-Token": current.token },
    });
  } catch (error) {
    // the server finds the end by itself
  }
}

async function stop() {
  const [current, running] = [session, recorder];
  session = null;
  if (!current) return;
  if (current.track === "main") sessionStorage.removeItem(store);
  await finish(current, running);
}

function received(chunk, status, receipt) {
  if (session && chunk.address === session.address) {
    if (session.isEnding) return;
    if (status === 409 || status === 410 || receipt.is_stopped) lose();
    else if (status >= 400) refusal = words("refused", receipt.detail);
    else if (!receipt.next_chunk && chunk.number >= LOST_CHUNKS) once(() => begin(session.track));
    else if (isSending()) follow(receipt.is_sound_only);
  }
  tell();
  tellLine();
}

// Another page sends now, or somebody else paused or ended the lecture. What was recorded until then is still sent: the
// server takes it for a minute.
function lose() {
  rest = finish(session, recorder).finally(() => { rest = null; });
  session = null;
  sessionStorage.removeItem(store);
  isTaken = state() === "live";
  byId("rehearsal").hidden = true;
  buttons();
  if (state() !== "over") readAudience();
}

// The lecture is over, ended by somebody else
async function leave() {
  if (session) lose();
  show();
  await rest;
  location.reload();
}

// With a disk that is nearly full only sound is sent, in a session of its own, until there is room again
async function follow(isLow) {
  if (isLow === isSoundOnly || isBusy) return;
  isSoundOnly = isLow;
  await once(() => begin("main"));
}

// The screen stays on while this page sends; the browser lets go of it when the page is hidden
function stayAwake() {
  if (navigator.wakeLock && !document.hidden && session) navigator.wakeLock.request("screen").catch(() => {});
}

async function once(work) {
  if (isBusy) return;
  isBusy = true;
  buttons();
  try {
    await work();
  } finally {
    isBusy = false;
    show();
  }
}

function mark(button, isShown) {
  if (isShown) button.dataset.testid = "confirm";
  else delete button.dataset.testid;
}

// A question stands in the place of the buttons
function ask(text) {
  byId("question").hidden = !text;
  byId("buttons").hidden = Boolean(text);
  setText(byId("question-text"), text);
  mark(byId("take-over"), text);
}

async function goLive(takesOver) {
  await sources.resume();
  const waiting = await outbox.count();
  if (waiting && !session) {
    say("waiting");
    await outbox.empty();
  }
  if (session && session.track === "rehearsal") await rehearse();
  if (await begin("main", { takesOver })) await readAudience();
}

async function pause(minutes) {
  const current = session;
  if (current) current.isEnding = true;
  const answer = await post(studio.dataset.pause, { minutes });
  if (current) current.isEnding = Boolean(answer && answer.ok);
  if (!answer || !answer.ok) return setText(byId("trouble"), answer ? (await answer.json()).detail : words("offline"));
  resumesAt = new Date((await answer.json()).resumes_at);
  setState("paused");
  if (session) {
    say("sends");
    await stop();
  }
}

// Rehearsing

let preview = null;

async function rehearse() {
  if (session) {
    byId("rehearsal").hidden = true;
    if (preview) preview.destroy();
    preview = null;
    return stop();
  }
  await sources.resume();
  if (await begin("rehearsal")) {
    byId("rehearsal").hidden = false;
    playRehearsal(session);
  }
}

const fetchMedia = (name) => fetch(studio.dataset.media + name, { credentials: "omit", cache: "no-store" }).catch(() => ({}));

async function playRehearsal(current) {
  await loadPlayer();
  const name = `${current.folder}/master.m3u8`;
  while (session === current && !((await fetchMedia(name)).ok && delay !== null)) await wait(1);
  if (session !== current) return;
  const video = byId("rehearsed");
  const again = () => { preview = null; playRehearsal(current); };
  preview = window.playStream(video, studio.dataset.media + name, { isLive: true, onError: again, onSlow: () => {} });
  video.play().catch(() => {});
}

function loadPlayer() {
  return window.playStream || new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = studio.dataset.player;
    script.onload = resolve;
    document.head.append(script);
  });
}

// What viewers get

async function readAudience() {
  const answer = await fetch(studio.dataset.audience).catch(() => ({}));
  if (answer.ok) {
    audience = await answer.json();
    if (audience.resumes_at) resumesAt = new Date(audience.resumes_at);
    // While this page sends, it knows more than the answer, which may be older
    if (!isBusy && !(isSending() && audience.state === "waiting")) setState(audience.state);
    byId("viewers").dataset.count = audience.viewers;
    setText(byId("viewers"), audience.title);
    setText(byId("time"), audience.time);
    studio.dataset.canStart = audience.can_start ? "yes" : "";
    if (byId("early")) byId("early").hidden = audience.can_start;
    const most = Math.max(...audience.countries.map((country) => country.people), 1);
    byId("countries").replaceChildren(...audience.countries.map((country) => bar(country, most)));
    setText(byId("others"), audience.others);
  }
  await measureDelay();
  show();
}

function bar(country, most) {
  const item = byId("country").content.firstElementChild.cloneNode(true);
  const [name, picture, people] = item.children;
  name.textContent = country.name;
  picture.firstElementChild.setAttribute("width", (country.people / most) * 100);
  people.textContent = country.people;
  return item;
}

// How far a viewer is behind: the end of the playlist against the server's own clock, and what players stay behind it
async function measureDelay() {
  if (!session) return;
  const current = session;
  const answer = await fetchMedia(`${current.folder}/a.m3u8`);
  if (!answer.ok || session !== current) return;
  const end = endOf(await answer.text());
  if (end === null) return;
  if (end !== current.end) playableAt = now();
  const age = new Date(answer.headers.get("Date")) - end;
  current.end = end;
  if (age < 20_000 || delay !== null) delay = Math.max(age / 1000, 0) + HELD_BACK_SEGMENTS * studio.dataset.segment;
}

function endOf(playlist) {
  let end = null;
  for (const line of playlist.split("\n")) {
    if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) end = Date.parse(line.slice(25));
    else if (line.startsWith("#EXTINF:") && end !== null) end += parseFloat(line.slice(8)) * 1000;
  }
  return end;
}

// The page

async function open() {
  if (!(await sources.open())) return show();
  await listDevices();
  if (wasSending()) await once(() => goLive(false));
  show();
}

// After a reload the lecture goes on by itself; browsers may ask again for camera and microphone
async function openByItself() {
  const permission = await navigator.permissions.query({ name: "microphone" }).catch(() => ({}));
  if (permission.state === "granted" || wasSending()) await open();
}

function listen() {
  byId("allow").addEventListener("click", open);
  byId("microphone").addEventListener("click", () => sources.mute(!sources.isMuted));
  byId("camera").addEventListener("click", async () => {
    if (sources.pictures.camera) sources.remove("camera");
    else await sources.useCamera(byId("cameras").value);
    listDevices();
  });
  byId("screen").addEventListener("click", () => (sources.pictures.screen ? sources.remove("screen") : sources.shareScreen()));
  byId("cameras").addEventListener("change", async (event) => {
    if (event.target.value) return sources.useCamera(event.target.value);
    localStorage.setItem("studio-camera", "none");
    return sources.remove("camera");
  });
  byId("microphones").addEventListener("change", (event) => sources.useMicrophone(event.target.value));
  navigator.mediaDevices.addEventListener("devicechange", async () => {
    if (!sources.microphone && sources.audio) await sources.useMicrophone("");
    listDevices();
  });
  byId("rehearse").addEventListener("click", () => once(rehearse));
  byId("go-live").addEventListener("click", () => once(() => goLive(false)));
  byId("take-over").addEventListener("click", () => once(() => goLive(true)));
  byId("leave-it").addEventListener("click", () => { ask(""); byId("go-live").focus(); });
  byId("pause").addEventListener("click", () => once(() => (state() === "paused" ? goLive(false) : pause(5))));
  byId("back").addEventListener("click", (event) => {
    if (event.target.dataset.minutes) pause(event.target.dataset.minutes).then(show);
  });
  // Before the lecture ends, all that was recorded is sent
  const end = byId("end");
  const confirm = end.querySelector("button");
  mark(confirm, false);
  end.addEventListener("toggle", () => mark(confirm, end.open));
  end.querySelector("form").addEventListener("submit", async (event) => {
    if (!session) return;
    event.preventDefault();
    await once(async () => {
      say("sends");
      await stop();
    });
    event.target.submit();
  });
  addEventListener("beforeunload", (event) => { if (rest || isSending()) event.preventDefault(); });
  document.addEventListener("visibilitychange", stayAwake);
}

async function run() {
  byId("rehearse").dataset.start = byId("rehearse").textContent;
  outbox = new Outbox({ onReceipt: received, onChange: show });
  sources = new Sources(byId("preview"), {
    title: studio.dataset.title, frames: studio.dataset.frames, onChange: show, onTrouble: tellTrouble,
  });
  listen();
  setInterval(tellVoice, 250);
  show();
  if (await outbox.count()) outbox.send();
  await readAudience();
  await openByItself();
  for (;;) {
    await wait(AUDIENCE_SECONDS);
    outbox.send();
    await readAudience();
  }
}

if (studio) {
  if (!KIND || !navigator.mediaDevices) {
    say(window.isSecureContext ? "unable" : "insecure");
    byId("allow").disabled = true;
  } else {
    run();
  }
}
