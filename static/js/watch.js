// Follows a lecture that is given in the browser: asks for the room's snapshot, plays what it names, and says in words
// what goes on. Minutes count only while the page follows (room.js reads data-follows).
const room = document.getElementById("room");
const stage = document.getElementById("player");
const video = document.getElementById("video");
const playButton = document.getElementById("play");
const soundOnly = document.getElementById("sound-only");
const air = document.getElementById("air");
const SECONDS = 3;
const LOW_DATA_SECONDS = 15;
const STALLED_SECONDS = 12;

let media = room.dataset.media;
let playing = ""; // the address that is played
let player = null;
let status = null;
let loading = null;
let stalledAt = 0;
let failures = 0;

const words = (name) => stage.dataset[name];

function say(text) {
  if (air.textContent !== text) air.textContent = text;
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

function stop() {
  if (player) player.destroy();
  player = null;
  playing = "";
  video.removeAttribute("src");
  video.load();
  video.hidden = true;
}

async function start(address, isLive) {
  stop();
  playing = address;
  video.hidden = false;
  const hasOwn = video.canPlayType("application/vnd.apple.mpegurl");
  if (!window.MediaSource && hasOwn) {
    video.src = address;
  } else {
    await loadPlayer();
    if (playing !== address) return;
    player = window.playStream(video, address, { isLive, onError: again });
    if (!player) return say(words("unable"));
  }
  video.play().catch(() => { playButton.hidden = false; });
}

// After a failure all pages come back at different moments
function again() {
  stop();
  failures += 1;
  const seconds = Math.min(2 ** failures, 20) * (0.5 + Math.random());
  setTimeout(show, seconds * 1000);
}

function address() {
  if (!status || !status.playlist) return "";
  const isSound = soundOnly.checked || !status.has_video;
  return media + (isSound ? status.playlist.replace("master", "a") : status.playlist);
}

function show() {
  const isLive = status && status.state === "live";
  const chosen = address();
  const folder = (path) => path.split("/").slice(5).join("/"); // a new signature is no other stream
  if (!chosen) {
    if (playing) stop();
  } else if (folder(chosen) !== folder(playing)) {
    start(chosen, isLive).catch(again);
  }
  tell(isLive);
}

function tell(isLive) {
  const isPlaying = playing && !video.paused && video.readyState >= 2;
  if (isPlaying || !playing) stalledAt = 0;
  else stalledAt = stalledAt || performance.now();
  const isOff = !status || status.on_air === "off";
  // Nobody loses minutes because the instructor's picture is away
  room.dataset.follows = !isLive || isPlaying || isOff || status.on_air === "interrupted" ? "yes" : "no";
  if (isPlaying) playButton.hidden = true;
  if (!isLive) say(playing ? words("replay") : "");
  else if (isOff) say(words("off"));
  else if (status.on_air === "interrupted") say(words("interrupted"));
  else if (!isPlaying && (video.paused || !playButton.hidden)) say(words("paused"));
  else if (!isPlaying && performance.now() - stalledAt > STALLED_SECONDS * 1000) say(words("slow"));
  else if (!isPlaying) say(words("loads"));
  else say(!status.has_video && !soundOnly.checked ? words("soundOnly") : "");
}

// The page stood open for longer than its addresses are signed. Once a minute at most, as the server's clock may be wrong
function renew() {
  const last = Number(sessionStorage.getItem("renewed") || 0);
  if (Date.now() - last < 60_000) return;
  sessionStorage.setItem("renewed", String(Date.now()));
  location.reload();
}

async function ask() {
  try {
    const answer = await fetch(`${media}snapshot.json`, { credentials: "omit" });
    if (answer.status === 403) renew();
    if (answer.ok) {
      status = await answer.json();
      media = status.media;
      failures = 0;
    }
  } catch (error) {
    // room.js tells that the line is down
  }
  show();
  setTimeout(ask, (soundOnly.checked ? LOW_DATA_SECONDS : SECONDS) * 1000 * (0.9 + Math.random() / 5));
}

if (stage) {
  soundOnly.checked = Boolean(navigator.connection && navigator.connection.saveData);
  soundOnly.addEventListener("change", show);
  playButton.addEventListener("click", () => { playButton.hidden = true; video.play().catch(() => { playButton.hidden = false; }); });
  for (const name of ["playing", "pause", "waiting", "stalled"]) video.addEventListener(name, () => tell(status && status.state === "live"));
  ask();
}
