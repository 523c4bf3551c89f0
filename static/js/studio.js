// The instructor's side of a lecture in the browser: camera or screen and microphone go through a canvas and a mixer into
// one recorder, whose pieces wait in the browser's database until the server has them. Sources change without a restart.
const studio = document.getElementById("studio");
const byId = (id) => document.getElementById(id);
const WIDTH = 640;
const HEIGHT = 360;
const KINDS = ["video/webm;codecs=vp8,opus", "video/webm;codecs=h264,opus", "video/webm"];
const RETRY_SECONDS = 1;
const SLOW_CHUNKS = 4;

const canvas = document.createElement("canvas");
canvas.width = WIDTH;
canvas.height = HEIGHT;
const context = canvas.getContext("2d", { alpha: false });
const sources = { camera: null, screen: null };
let sound = null; // the mixer
let session = null; // { token, address, count }
let recorder = null;
let database = null;
let isLost = false;
let isSending = false;

const words = (name) => studio.dataset[name];

function say(text) {
  const line = byId("studio-line");
  if (line.textContent !== text) line.textContent = text;
}

// What was recorded and not yet sent

const asPromise = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function chunks(mode) {
  if (!database) {
    const request = indexedDB.open("serai-studio", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("chunks", { keyPath: ["address", "number"] });
    database = await asPromise(request);
  }
  return database.transaction("chunks", mode).objectStore("chunks");
}

const keep = async (chunk) => asPromise((await chunks("readwrite")).put(chunk));
const forget = async (chunk) => asPromise((await chunks("readwrite")).delete([chunk.address, chunk.number]));
const count = async () => asPromise((await chunks("readonly")).count());

async function first() {
  const cursor = await asPromise((await chunks("readonly")).openCursor());
  return cursor ? cursor.value : null;
}

// Sending

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function digest(content) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
}

async function send() {
  if (isSending) return;
  isSending = true;
  try {
    for (let chunk = await first(); chunk; chunk = await first()) {
      const content = await chunk.blob.arrayBuffer();
      let answer = null;
      try {
        answer = await fetch(`${chunk.address}/${chunk.number}`, {
          method: "PUT", body: content, credentials: "omit",
          headers: { "Stream-Token": chunk.token, "Content-Digest": await digest(content), "Content-Type": "application/octet-stream" },
        });
      } catch (error) {
        // no line
      }
      isLost = !answer || answer.status >= 500;
      if (isLost) {
        await tell();
        await wait(RETRY_SECONDS);
        continue;
      }
      await forget(chunk); // also what the server refuses for good
      const receipt = await answer.json();
      if (session && chunk.address === session.address && (receipt.is_stopped || answer.status === 409 || answer.status === 403)) return taken();
      studio.dataset.soundOnly = receipt.is_sound_only ? "yes" : "";
      await tell();
    }
  } finally {
    isSending = false;
  }
}

async function tell() {
  if (!session) return;
  const waiting = await count();
  if (isLost) say(words("lost"));
  else if (waiting > SLOW_CHUNKS) say(words("slow"));
  else say(studio.dataset.soundOnly ? words("disk") : words("live"));
}

function taken() {
  endRecording();
  session = null;
  document.body.dataset.onAir = "";
  say(words("taken"));
  buttons();
}

// Picture and sound

function draw() {
  context.fillStyle = "#05363c";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const main = sources.screen || sources.camera;
  if (main) fit(main.video, 0, 0, WIDTH, HEIGHT);
  if (sources.screen && sources.camera) fit(sources.camera.video, WIDTH * 0.76, HEIGHT * 0.74, WIDTH * 0.23, HEIGHT * 0.24);
}

function fit(picture, left, top, width, height) {
  if (!picture.videoWidth) return;
  const scale = Math.min(width / picture.videoWidth, height / picture.videoHeight);
  const [wide, high] = [picture.videoWidth * scale, picture.videoHeight * scale];
  context.drawImage(picture, left + (width - wide) / 2, top + (height - high) / 2, wide, high);
}

async function mixer() {
  if (sound) return sound;
  const audio = new AudioContext();
  const output = audio.createMediaStreamDestination();
  const level = audio.createAnalyser();
  level.fftSize = 512;
  sound = { audio, output, level };
  const samples = new Uint8Array(level.fftSize);
  setInterval(() => {
    level.getByteTimeDomainData(samples);
    byId("level").value = Math.min(Math.max(...samples.map((sample) => Math.abs(sample - 128))) / 96, 1);
  }, 200);
  new Worker(studio.dataset.frames).onmessage = draw;
  const preview = byId("preview");
  preview.srcObject = canvas.captureStream(15);
  preview.hidden = false;
  await preview.play();
  return sound;
}

async function share(kind) {
  if (sources[kind]) return unshare(kind);
  let stream;
  try {
    stream = kind === "screen"
      ? await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 15 }, audio: true })
      : await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 }, audio: true });
  } catch (error) {
    return say(words(kind === "screen" ? "noScreen" : "noCamera"));
  }
  const { audio, output, level } = await mixer();
  await audio.resume();
  const picture = document.createElement("video");
  picture.muted = true;
  picture.srcObject = stream;
  await picture.play();
  let node = null;
  if (stream.getAudioTracks().length) {
    node = audio.createMediaStreamSource(stream);
    node.connect(output);
    node.connect(level);
  }
  stream.getVideoTracks()[0].addEventListener("ended", () => unshare(kind));
  sources[kind] = { stream, video: picture, node };
  if (!session) say(words("ready"));
  buttons();
}

function unshare(kind) {
  const source = sources[kind];
  if (!source) return;
  source.stream.getTracks().forEach((track) => track.stop());
  if (source.node) source.node.disconnect();
  sources[kind] = null;
  buttons();
}

function buttons() {
  for (const kind of ["camera", "screen"]) byId(`share-${kind}`).setAttribute("aria-pressed", String(Boolean(sources[kind])));
  byId("send").hidden = Boolean(session) || studio.dataset.state !== "live";
  byId("send").disabled = !sound;
}

async function begin(takesOver) {
  const form = new FormData();
  form.set("csrf_token", studio.dataset.csrf);
  if (takesOver) form.set("take_over", "1");
  byId("take-over").hidden = true;
  let answer;
  try {
    await send(); // what an earlier page could not send comes first
    answer = await fetch(studio.dataset.begin, { method: "POST", body: form, headers: { "X-CSRFToken": studio.dataset.csrf } });
  } catch (error) {
    return say(words("lost"));
  }
  const begun = await answer.json();
  if (!answer.ok) {
    byId("take-over").hidden = answer.status !== 409;
    return say(begun.detail);
  }
  session = { token: begun.token, address: begun.address, count: 0 };
  const kind = KINDS.find((name) => MediaRecorder.isTypeSupported(name));
  const stream = new MediaStream([...canvas.captureStream(15).getVideoTracks(), ...sound.output.stream.getAudioTracks()]);
  recorder = new MediaRecorder(stream, {
    mimeType: kind, videoBitsPerSecond: 600_000, audioBitsPerSecond: 64_000, videoKeyFrameIntervalDuration: 2000,
  });
  const { address, token } = session;
  recorder.ondataavailable = async (event) => {
    if (!event.data.size || !session || session.address !== address) return;
    await keep({ address, token, number: session.count++, blob: event.data });
    send();
  };
  recorder.start(1000);
  say(words("live"));
  buttons();
}

function endRecording() {
  if (!recorder || recorder.state === "inactive") return Promise.resolve();
  const ended = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.stop();
  return ended;
}

// Before the lecture ends, all that was recorded is sent
async function end() {
  if (!session) return;
  await endRecording();
  await wait(0.2);
  while (isSending) await wait(0.1);
  await send();
  const form = new URLSearchParams({ chunk_count: session.count });
  await fetch(`${session.address}/stop`, { method: "POST", body: form, headers: { "Stream-Token": session.token } });
  session = null;
}

if (studio) {
  if (!window.MediaRecorder || !KINDS.some((name) => MediaRecorder.isTypeSupported(name)) || !window.indexedDB) {
    say(words("unable"));
    studio.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  } else {
    byId("share-camera").addEventListener("click", () => share("camera"));
    byId("share-screen").addEventListener("click", () => share("screen"));
    byId("send").addEventListener("click", () => begin(false));
    byId("take-over").addEventListener("click", () => begin(true));
    addEventListener("beforeunload", (event) => { if (session) event.preventDefault(); });
    const form = document.querySelector("form[data-ends]");
    if (form) {
      form.addEventListener("submit", async (event) => {
        if (!session) return;
        event.preventDefault();
        say(words("sends"));
        await end();
        form.submit();
      });
    }
    count().then((waiting) => { if (waiting) { say(words("waiting")); send(); } });
    buttons();
  }
}
