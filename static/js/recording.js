// The page of a recording: plays it, and puts the player's position into its forms.
const stage = document.getElementById("recording");
const video = document.getElementById("video");
const air = document.getElementById("air");
const SECONDS = 3;

function start() {
  if (!window.MediaSource && video.canPlayType("application/vnd.apple.mpegurl")) {
    video.src = stage.dataset.address;
    return;
  }
  const script = document.createElement("script");
  script.src = stage.dataset.script;
  script.onload = () => {
    const player = window.playStream(video, stage.dataset.address, { isLive: false, onError: () => {} });
    if (!player) air.textContent = stage.dataset.unable;
  };
  document.head.append(script);
}

function position() {
  const seconds = Math.floor(video.currentTime);
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

// While it is packaged: its progress, and the whole page once that is over
async function follow(work) {
  try {
    const text = await (await fetch(location.href)).text();
    const next = new DOMParser().parseFromString(text, "text/html").getElementById("packaging");
    if (!next) return location.reload();
    work.replaceWith(next);
    work = next;
  } catch (error) {
    // the line is down: again in a moment
  }
  setTimeout(follow, SECONDS * 1000, work);
}

const packaging = document.getElementById("packaging");
if (packaging) setTimeout(follow, SECONDS * 1000, packaging);

if (stage) {
  start();
  for (const button of document.querySelectorAll("[data-position-for]")) {
    const field = document.getElementById(button.dataset.positionFor);
    button.hidden = false;
    button.addEventListener("click", () => {
      if (field.tagName === "TEXTAREA") {
        field.value = `${field.value.replace(/\s+$/, "")}\n${position()} `.replace(/^\n/, "");
        field.focus();
      } else {
        field.value = position();
      }
    });
  }
}
