// Follows a lecture that is given in the browser: asks for the room's snapshot, plays what it names, live or as a replay,
// and says in words what goes on. Minutes count only while the page follows (room.js reads data-follows).
import { connectCaptions } from "./watching/captions.js";
import { connectChapters, connectControls, showPlaying } from "./watching/controls.js";
import { hasNewer, Line } from "./watching/line.js";
import { followReplay } from "./watching/replay.js";
import { offerSoundTest } from "./watching/sound-test.js";
import { connectTranscript } from "./watching/transcript.js";

const room = document.getElementById("room");
const byId = (id) => document.getElementById(id);
const SECONDS = 3;
const LOW_DATA_SECONDS = 15;
const LOADS_SECONDS = 3;
const STALLED_SECONDS = 12;
const ANSWER_MS = 5000; // a snapshot takes no longer on a line that works
const SAVE_SECONDS = 5;
const MOVES_MS = 2500;
const UNPLAYED_SECONDS = 60; // for so long minutes count while the page loads what it plays

let stage = null; // the player's part of the page: absent before the start
let video = null;
let media = room ? room.dataset.media : "";
let status = null; // the last snapshot
let clockOffset = 0; // the server's clock less this one, in milliseconds
let playing = ""; // the address that is played
let isLive = true;
let player = null;
let loading = null;
let failures = 0; // of the player, in a row
let isWaiting = false; // before it tries again
let unanswered = 0; // snapshots, in a row
let answeredAt = -Infinity;
let isAsking = false;
let nextAsk = 0;
let isLow = false; // sound only
let isSmall = false; // a small picture, by choice
let isLowByLine = false; // and not by choice
let isChosen = false; // by the person who watches
let isStopped = false; // by the person who watches
let isHeld = false; // by anything else, until somebody presses Play
let isPressed = false; // anything, on this page
let isUnable = false;
let lastTime = -1;
let movedAt = -Infinity; // when the picture or the sound last went on
let stalledSince = 0;
let triesSince = 0; // since when it should play and does not
const line = new Line();
let hint = ""; // said while it plays

const words = (name) => stage.dataset[name];
const wait = (seconds) => seconds * 1000 * (0.75 + Math.random() / 2);

function say(text) {
  const line = byId("air");
  if (line.textContent !== text) line.textContent = text;
}

function note(name, text) {
  byId(name).hidden = !text;
  if (byId(name).textContent !== text) byId(name).textContent = text;
}

function loadPlayer() {
  loading = loading || new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = stage.dataset.script;
    script.onload = resolve;
    script.onerror = () => { loading = null; reject(new Error("player")); };
    document.head.append(script);
  });
  return loading;
}

// Playing

function stop() {
  if (player) player.destroy();
  player = null;
  playing = "";
  lastTime = -1;
  movedAt = -Infinity;
  video.removeAttribute("src");
  video.load();
}

const positionKey = () => `replay-${stage.dataset.lecture}`;
const playsItself = () => video.canPlayType("application/vnd.apple.mpegurl");

async function start(address, position) {
  stop();
  playing = address;
  if (window.MediaSource || !playsItself()) await loadPlayer();
  if (playing !== address) return;
  if (window.playStream) player = window.playStream(video, address, { isLive, position, onError: again, onSlow: lower });
  if (!player && playsItself()) {
    video.src = address;
    if (position > 0) video.addEventListener("loadedmetadata", () => { video.currentTime = position; }, { once: true });
  } else if (!player) {
    isUnable = true;
    return stop();
  }
  video.playbackRate = isLive ? 1 : Number(byId("speed").value);
  video.defaultPlaybackRate = video.playbackRate;
  if (!isStopped && !isHeld) play();
}

async function play() {
  isStopped = isHeld = false;
  try {
    await video.play();
  } catch (error) {
    if (error.name === "NotAllowedError") hold();
  }
  tell();
}

// Browsers may refuse to play with sound before something was pressed, some only once they hear it; and calls, other
// programs and headsets that are pulled out pause what plays
function hold() {
  if (isLive && !video.muted && !isPressed) {
    video.muted = true;
    byId("sound-on").hidden = false;
    return play();
  }
  isHeld = true;
  byId("play").hidden = false;
}

function paused() {
  if (!isLive) isStopped = Boolean(playing);
  else if (playing && !isStopped && video.paused && !video.ended) hold();
  tell();
}

function toggle() {
  if (video.paused) return play();
  isStopped = true;
  video.pause();
}

// After a failure all pages come back at different moments
function again() {
  const position = isLive ? -1 : video.currentTime || -1;
  stop();
  failures += 1;
  isWaiting = true;
  setTimeout(() => { isWaiting = false; show(position); }, wait(Math.min(2 ** failures, 20)));
}

function address() {
  if (!status || !status.playlist) return "";
  const list = isLow ? "/sound" : isSmall && status.has_small ? "/small" : "/master";
  return status.playlist.replace("/master", list);
}

const folder = (path) => path.split("/").slice(5).join("/"); // a new signature is no other stream

function show(position = -1) {
  if (!status || status.state === "waiting") return;
  if (!stage) mount();
  const wasLive = isLive;
  isLive = status.state !== "over";
  stage.dataset.kind = isLive ? "live" : "replay";
  showChoice();
  if (wasLive && !isLive && playing) stop();
  const chosen = address();
  if (!chosen && playing) stop();
  if (chosen && !isLive && room.dataset.opened !== "over") return renewForReplay();
  if (chosen && !isUnable && !isWaiting && folder(chosen) !== folder(playing)) {
    start(chosen, isLive ? -1 : position < 0 ? savedPosition() : position).catch(again);
  }
  tell();
}

// The page of a replay has chapters and what is counted; those who saw the lecture are not made to hear it again
function renewForReplay() {
  if (room.dataset.renews) return;
  room.dataset.renews = "yes";
  sessionStorage.setItem(`seen-${stage.dataset.lecture}`, "yes");
  setTimeout(() => location.reload(), Math.random() * 4000);
}

// A link of the transcript names the second
function linkedPosition() {
  const linked = /^#t=(\d+)$/.exec(location.hash);
  return linked ? Number(linked[1]) : -1;
}

function savedPosition() {
  if (linkedPosition() >= 0) return linkedPosition();
  const seconds = Number(localStorage.getItem(positionKey()) || 0);
  if (seconds > 10) hint = words("resumed").replace("{time}", written(seconds));
  return seconds > 10 ? seconds : 0;
}

function written(seconds) {
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  return `${minutes}:${String(rest).padStart(2, "0")}`;
}

function savePosition() {
  if (isLive || !playing || !video.duration) return;
  const isEnd = video.duration - video.currentTime < 10;
  localStorage.setItem(positionKey(), isEnd ? "0" : String(Math.floor(video.currentTime)));
}

function countReplay() {
  followReplay(video, {
    address: stage.dataset.watched,
    playedAddress: stage.dataset.played,
    csrf: room.dataset.csrf,
    say: (text) => { if (byId("line").textContent !== text) byId("line").textContent = text; },
    onCounted: () => room.dispatchEvent(new Event("counted")),
  });
}

// What to load

function showChoice() {
  byId("small-choice").hidden = !status.has_small;
  byId(isLow ? "sound-only" : isSmall && status.has_small ? "small-picture" : "with-picture").checked = true;
}

function choose({ target }) {
  const position = isLive ? -1 : video.currentTime;
  isChosen = true;
  isSmall = target.value === "small";
  localStorage.setItem("load", target.value);
  if ((target.value === "sound") !== isLow) setLow(!isLow);
  else show(position);
}

function setLow(isOn, isByLine = false) {
  if (isLow === isOn) return;
  const position = isLive ? -1 : video.currentTime;
  isLow = isOn;
  isLowByLine = isByLine && isOn;
  line.change(isOn);
  if (status) showChoice();
  room.dataset.lowData = isOn ? "yes" : "no";
  room.dispatchEvent(new Event("lowdata"));
  show(position);
}

function lower() {
  if (!isChosen && !isLow) setLow(true, true);
}

const savesData = () => Boolean((navigator.connection || {}).saveData);
const isSlowest = () => /2g/.test((navigator.connection || {}).effectiveType || "");

function startsLow() {
  const choice = localStorage.getItem("load");
  isChosen = Boolean(choice);
  isSmall = choice === "small";
  isLowByLine = !choice && !savesData() && isSlowest();
  return choice ? choice === "sound" : savesData() || isSlowest();
}

// In words

function playedMoment() {
  return player ? player.playingDate : video.getStartDate ? new Date(video.getStartDate().getTime() + video.currentTime * 1000) : null;
}

function behind() {
  const moment = playedMoment();
  const seconds = moment ? Math.round((Date.now() + clockOffset - moment) / 1000) : 0;
  return seconds > 0 && seconds < 600 ? words("behind").replace("{seconds}", seconds) : "";
}

// As the player measured it; a browser that plays by itself does not tell
function speedWords() {
  if (!player || !player.lineSpeed) return "";
  const kbits = Number((player.lineSpeed / 1000).toPrecision(2));
  const [amount, unit] = kbits < 1000 ? [kbits, "kbit/s"] : [kbits / 1000, "Mbit/s"];
  const number = new Intl.NumberFormat(document.documentElement.lang || "en", { numberingSystem: "latn" }).format(amount);
  const isSmallest = !isLow && player.levels.length > 1 && player.currentLevel === 0;
  return words(isSmallest ? "lineSmall" : "line").replace("{speed}", `${number} ${unit}`);
}

// The time of day of what is played, for what is shown in step with it (slides.js)
function tellMoment(isPlaying) {
  const date = isLive && playing && video.readyState > 0 ? playedMoment() : null;
  const detail = date && !Number.isNaN(date.getTime()) ? { date: date.getTime(), noted: performance.now(), playing: isPlaying } : null;
  room.dispatchEvent(new CustomEvent("moment", { detail }));
}

function pauseWords() {
  if (!status.resumes_at || Date.parse(status.resumes_at) < Date.now() + clockOffset) return words("pause");
  const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: stage.dataset.zone, numberingSystem: "latn" };
  const time = new Intl.DateTimeFormat(document.documentElement.lang || "en", form).format(new Date(status.resumes_at));
  return words("pauseUntil").replace("{time}", time);
}

function sentence(isPlaying, stalled) {
  if (isUnable) return words("unable");
  if (!navigator.onLine && !isPlaying) return words("offline");
  if (status.state === "paused") return pauseWords();
  if (!isLive && !playing) return words(status.recording === "ready" ? "connecting" : status.recording);
  if (isLive && status.on_air === "off" && !isPlaying) return words("off");
  if (isLive && status.on_air === "interrupted" && !isPlaying) return words("interrupted");
  if (isHeld) return words("blocked");
  if (isStopped) return isLive ? words("stopped") : hint || words("replay");
  if (isStarved(isPlaying) && stalled > LOADS_SECONDS) return words("interrupted");
  if (isLive && !isPlaying && !isLoading()) return words("uncounted");
  if (!isPlaying && stalled > STALLED_SECONDS) return words(isLow ? "slowSound" : "slow");
  if (!isPlaying && stalled > LOADS_SECONDS) return words(isLive ? "loading" : "connecting");
  if (!isLive) return hint || words("replay");
  if (!byId("sound-on").hidden) return words("muted");
  if (isLowByLine) return words("low");
  return status.has_video || isLow ? "" : words("noPicture");
}

// All that there is was played, and the server answers: the lecturer is away for longer than the server knows
function isStarved(isPlaying) {
  const isAnswered = performance.now() - answeredAt < (isLow ? LOW_DATA_SECONDS : SECONDS) * 1250 + ANSWER_MS;
  return isLive && Boolean(playing) && !isPlaying && !isStopped && !isHeld && isAnswered && video.seekable.length > 0 && !hasNewer(video);
}

// A slow line costs nobody minutes, and a page that never plays counts none
const isLoading = () => performance.now() - triesSince < UNPLAYED_SECONDS * 1000;

function setFollows(isFollowing) {
  const value = isFollowing ? "yes" : "no";
  if (room.dataset.follows === value) return;
  room.dataset.follows = value;
  room.dispatchEvent(new Event("follows"));
}

function tell() {
  if (!stage || !status) return;
  const isPlaying = Boolean(playing) && !video.paused && performance.now() - movedAt < MOVES_MS;
  const mayPlay = !isStopped && !isHeld && !isUnable;
  if (isPlaying || !mayPlay || !playing) stalledSince = 0;
  else stalledSince = stalledSince || performance.now();
  const stalled = stalledSince ? (performance.now() - stalledSince) / 1000 : 0;
  // Nobody loses minutes because the instructor's picture is away
  const isAway = status.on_air !== "on" || isStarved(isPlaying);
  if (isPlaying || isAway || !mayPlay || !navigator.onLine || status.state === "paused") triesSince = performance.now();
  setFollows(isPlaying || (isLive && mayPlay && navigator.onLine && (isAway || isLoading())));
  const shows = playing ? (isLow ? "sound" : "picture") : "nothing";
  stage.dataset.shows = shows;
  stage.dataset.paused = isLive && status.state === "paused" && shows !== "nothing" ? "yes" : "no";
  byId("screen").hidden = byId("controls").hidden = byId("keys").hidden = shows === "nothing";
  byId("cover").hidden = shows !== "sound";
  video.controls = !isLive;
  if (isPlaying) byId("play").hidden = true;
  if (!video.muted) byId("sound-on").hidden = true;
  showPlaying(video);
  tellMoment(isPlaying);
  say(sentence(isPlaying, stalled));
  note("behind", isPlaying && isLive && status.state === "live" ? behind() : "");
  note("line-speed", isPlaying ? speedWords() : "");
}

// Each second: a line that is often behind gets the sound only, and the picture again once it may suffice
function tick() {
  if (!stage || !playing) return;
  const isMoving = lastTime >= 0 && video.currentTime !== lastTime;
  lastTime = video.currentTime;
  const isAway = isLive && status.on_air !== "on";
  if (!video.paused && !isAway && navigator.onLine && failures === 0 && unanswered === 0) {
    const wish = line.tick({ isStalled: !isMoving && hasNewer(video), isSound: isLow });
    if (wish === "sound") lower();
    if (wish === "picture" && isLowByLine && !savesData() && !isSlowest()) setLow(false);
  }
  if (isMoving && !video.paused) {
    movedAt = performance.now();
    failures = 0;
  }
  tell();
}

// The snapshot

// The page stood open for longer than its addresses are signed. Once a minute at most, as the server's clock may be wrong
function renew() {
  const last = Number(sessionStorage.getItem("renewed") || 0);
  if (Date.now() - last < 60_000) return;
  sessionStorage.setItem("renewed", String(Date.now()));
  location.reload();
}

// room.js may know of a start first: its clock is not slowed while the page lies behind another tab
async function ask() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(nextAsk);
  try {
    const answer = await fetch(`${media}snapshot.json`, { credentials: "omit" });
    if (answer.status === 403) renew();
    if (!answer.ok) throw new Error("snapshot");
    status = await answer.json();
    const moment = Date.parse(answer.headers.get("Date"));
    if (moment) clockOffset = moment + 500 - Date.now();
    media = status.media;
    unanswered = 0;
    answeredAt = performance.now();
    room.dispatchEvent(new CustomEvent("snapshot", { detail: { ...status, clock_offset: clockOffset } }));
  } catch (error) {
    unanswered += 1; // room.js tells that the line is down
  }
  isAsking = false;
  if (status && !(playing && unanswered)) show();
  const isSettled = status && status.state === "over" && status.recording !== "preparing";
  const seconds = isLow || isSettled ? LOW_DATA_SECONDS : SECONDS;
  nextAsk = setTimeout(ask, wait(Math.min(seconds * 2 ** Math.min(unanswered, 3), Math.max(seconds, 20))));
}

function mount() {
  const later = byId("later");
  if (later) later.replaceWith(later.content.cloneNode(true));
  stage = byId("player");
  video = byId("video");
  stage.hidden = false;
  stage.dataset.kind = room.dataset.state === "over" ? "replay" : "live";
  stage.dataset.shows = "nothing";
  triesSince = performance.now();
  isLive = stage.dataset.kind === "live";
  isLow = startsLow();
  if (isLow) {
    line.change(true);
    byId("sound-only").checked = true;
    room.dataset.lowData = "yes";
    room.dispatchEvent(new Event("lowdata"));
  }
  const isSeen = sessionStorage.getItem(`seen-${stage.dataset.lecture}`);
  isStopped = !isLive && (isLow || Boolean(isSeen));
  if (isStopped) byId("play").hidden = false;
  for (const name of ["with-picture", "small-picture", "sound-only"]) byId(name).addEventListener("change", choose);
  byId("play").addEventListener("click", play);
  byId("sound-on").addEventListener("click", () => { video.muted = false; play(); });
  connectControls(stage, video, toggle);
  connectChapters(video);
  connectCaptions(video);
  connectTranscript(video);
  if (stage.dataset.watched) countReplay();
  for (const name of ["playing", "volumechange"]) video.addEventListener(name, tell);
  video.addEventListener("play", () => { isStopped = isHeld = false; });
  video.addEventListener("pause", paused);
  if (navigator.mediaSession) for (const key of ["play", "pause"]) navigator.mediaSession.setActionHandler(key, toggle); // of a headset
  video.addEventListener("error", () => { if (playing && !player) again(); });
  video.addEventListener("seeking", () => { hint = ""; });
  addEventListener("pagehide", savePosition);
  setInterval(savePosition, SAVE_SECONDS * 1000);
  setInterval(tick, 1000);
  say(words("connecting"));
  setFollows(isLive); // until a snapshot tells more: nobody loses minutes because there is none
}

if (room && media) {
  room.dataset.opened = room.dataset.state;
  offerSoundTest();
  if (room.dataset.state !== "waiting") mount();
  for (const name of ["online", "offline"]) addEventListener(name, tell);
  for (const name of ["click", "keydown"]) addEventListener(name, () => { isPressed = true; }, true);
  room.addEventListener("state", ask);
  ask();
}
