// Buttons and keys of the player. The keys can be switched off, as programs that take speech would press them.
const byId = (id) => document.getElementById(id);
const BACK_SECONDS = 10;
const AHEAD_SECONDS = 30;

export function jump(video, seconds) {
  video.currentTime = Math.min(Math.max(video.currentTime + seconds, 0), video.duration || Infinity);
}

function fill(video) {
  const screen = byId("screen");
  if (document.fullscreenElement) document.exitFullscreen();
  else if (screen.requestFullscreen) screen.requestFullscreen();
  else if (video.webkitEnterFullscreen) video.webkitEnterFullscreen(); // phones of Apple
}

// stage.dataset.kind: "live" or "replay"
export function connectControls(stage, video, toggle) {
  const isReplay = () => stage.dataset.kind === "replay";
  const mute = () => { video.muted = !video.muted; };
  const back = () => { if (isReplay()) jump(video, -BACK_SECONDS); };
  const ahead = () => { if (isReplay()) jump(video, AHEAD_SECONDS); };
  const keys = { " ": toggle, k: toggle, m: mute, f: () => fill(video), j: back, ArrowLeft: back, l: ahead, ArrowRight: ahead };
  byId("toggle").addEventListener("click", toggle);
  byId("mute").addEventListener("click", mute);
  byId("full").addEventListener("click", () => fill(video));
  byId("back").addEventListener("click", back);
  byId("ahead").addEventListener("click", ahead);
  byId("speed").addEventListener("change", (event) => { video.playbackRate = Number(event.target.value); });
  video.addEventListener("ratechange", () => {
    if ([...byId("speed").options].some((option) => Number(option.value) === video.playbackRate)) byId("speed").value = String(video.playbackRate);
  });
  video.addEventListener("volumechange", () => byId("mute").setAttribute("aria-pressed", String(video.muted)));
  byId("use-keys").checked = localStorage.getItem("keys") !== "off";
  byId("use-keys").addEventListener("change", (event) => localStorage.setItem("keys", event.target.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || video.hidden || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || !byId("use-keys").checked) return;
    const { target } = event;
    if (target.closest("input, select, textarea, [contenteditable]")) return;
    if (event.key === " " && target.closest("button, a, summary")) return;
    if (event.key.startsWith("Arrow") && (!isReplay() || target.closest("summary, [role=menu]"))) return;
    event.preventDefault();
    act();
  });
}

export function showPlaying(video) {
  const button = byId("toggle");
  const label = video.paused ? button.dataset.play : button.dataset.pause;
  if (button.textContent !== label) button.textContent = label;
}

// The chapters of a replay: they jump, and the one that plays is marked
export function connectChapters(video) {
  const list = byId("chapters");
  if (!list) return;
  const buttons = [...list.querySelectorAll("button")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      video.currentTime = button.dataset.position / 1000;
      video.play().catch(() => {});
    });
  }
  video.addEventListener("timeupdate", () => {
    const current = buttons.filter((button) => button.dataset.position / 1000 <= video.currentTime + 0.1).pop();
    for (const button of buttons) {
      if (button === current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  });
}
