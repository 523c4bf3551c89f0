// Camera, screen and microphone, drawn into one canvas and mixed into one sound: a recorder of these goes on while
// sources change.
import { wait } from "./outbox.js";

const WANTED = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: 1280, height: 720 },
};
const RESUME_SECONDS = 2;
const PEAKS = 15; // three seconds
// A screen has small letters and moves seldom
const PICTURE = { width: 640, height: 360, ticks: 1 };
const SCREEN = { width: 1280, height: 720, ticks: 3 };

const remembered = (kind) => localStorage.getItem(`studio-${kind}`) || "";

export class Sources {
  // `onChange()` when a source comes or goes; `onTrouble(name)` with the name of a sentence, "" for none.
  constructor(canvas, { title, frames, onChange, onTrouble }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.title = title;
    this.onChange = onChange;
    this.onTrouble = onTrouble;
    this.pictures = { camera: null, screen: null };
    this.microphone = null;
    this.isMuted = false;
    this.peaks = [];
    this.level = 0;
    this.ticks = 0;
    [this.track] = canvas.captureStream(15).getTracks();
    this.draw();
    new Worker(frames).onmessage = () => this.draw();
    setInterval(() => this.measure(), 200);
  }

  // Sound

  mix() {
    if (this.audio) return;
    this.audio = new AudioContext();
    this.output = this.audio.createMediaStreamDestination();
    this.analyser = this.audio.createAnalyser();
    this.analyser.fftSize = 1024;
    this.samples = new Uint8Array(this.analyser.fftSize);
  }

  // A browser that finds neither loudspeakers nor headphones may never answer
  async resume() {
    this.mix();
    await Promise.race([this.audio.resume(), wait(RESUME_SECONDS)]);
  }

  // What is sent: the mixed sound, or the microphone alone where nothing is mixed
  get sound() {
    const { stream } = this.audio.state === "running" ? this.output : this.microphone;
    return stream.getAudioTracks()[0];
  }

  connect(stream, isMeasured) {
    if (!stream.getAudioTracks().length) return null;
    const node = this.audio.createMediaStreamSource(stream);
    node.connect(this.output);
    if (isMeasured) node.connect(this.analyser);
    return node;
  }

  measure() {
    if (!this.microphone) return;
    this.analyser.getByteTimeDomainData(this.samples);
    const peak = Math.max(...this.samples.map((sample) => Math.abs(sample - 128))) / 128;
    this.level = Math.max(peak, this.level * 0.7);
    this.peaks = [...this.peaks, peak].slice(-PEAKS);
  }

  // How the voice was in the last seconds, as the name of a sentence; "" before it is known
  get voice() {
    if (!this.microphone) return "";
    if (this.isMuted) return "micOff";
    if (this.audio.state !== "running") return "noOutput";
    if (this.peaks.length < PEAKS) return "";
    const peak = Math.max(...this.peaks);
    if (peak < 0.02) return "silent";
    if (peak < 0.1) return "quiet";
    return peak > 0.98 ? "loud" : "right";
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    if (this.microphone) this.microphone.stream.getAudioTracks()[0].enabled = !isMuted;
    this.onChange();
  }

  // Devices

  // Asks for both in one question; where that fails, for each. Returns the microphone.
  async open() {
    this.mix();
    const [camera, microphone] = [remembered("camera"), remembered("microphone")];
    const isSeen = camera !== "none";
    const both = isSeen && (await this.ask({ video: camera, audio: microphone }).catch(() => null));
    await this.useMicrophone(microphone, both && new MediaStream(both.getAudioTracks()));
    if (isSeen && this.microphone) await this.useCamera(camera, both && new MediaStream(both.getVideoTracks()));
    return this.microphone;
  }

  // The chosen devices ({ kind: id }), else any: one that was remembered may not be there
  async ask(ids, isAny) {
    const wanted = {};
    for (const kind in ids) wanted[kind] = { ...WANTED[kind], deviceId: isAny || !ids[kind] ? undefined : { exact: ids[kind] } };
    try {
      return await navigator.mediaDevices.getUserMedia(wanted);
    } catch (error) {
      if (isAny || error.name === "NotAllowedError") throw error;
      return this.ask(ids, true);
    }
  }

  async useCamera(id, given) {
    let stream;
    try {
      stream = given || (await this.ask({ video: id }));
    } catch (error) {
      return this.onTrouble({ NotAllowedError: "denied", NotFoundError: "noCamera" }[error.name] || "cameraUsed");
    }
    await this.show("camera", stream, "cameraGone");
    this.remember("camera", stream.getVideoTracks()[0]);
    this.onTrouble("");
  }

  async useMicrophone(id, given) {
    let stream;
    try {
      stream = given || (await this.ask({ audio: id }));
    } catch (error) {
      return this.onTrouble({ NotAllowedError: "denied", NotFoundError: "noMicrophone" }[error.name] || "microphoneUsed");
    }
    this.stopMicrophone();
    await this.resume();
    const [track] = stream.getAudioTracks();
    this.microphone = { stream, node: this.connect(stream, true) };
    this.peaks = [];
    track.enabled = !this.isMuted;
    track.addEventListener("ended", () => {
      this.stopMicrophone();
      this.onTrouble("microphoneGone");
      this.onChange();
    });
    this.remember("microphone", track);
    this.onTrouble("");
    this.onChange();
  }

  stopMicrophone() {
    if (!this.microphone) return;
    this.microphone.node.disconnect();
    this.microphone.stream.getTracks().forEach((track) => track.stop());
    this.microphone = null;
    this.level = 0;
  }

  remember(kind, track) {
    localStorage.setItem(`studio-${kind}`, track.getSettings().deviceId || "");
  }

  async shareScreen() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 5 }, audio: true });
    } catch (error) {
      return this.onTrouble("noScreen");
    }
    await this.resume();
    this.onTrouble("");
    await this.show("screen", stream, "screenGone");
  }

  async show(kind, stream, gone) {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    this.hide(kind);
    this.pictures[kind] = { stream, video, node: kind === "screen" ? this.connect(stream, false) : null };
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (!this.pictures[kind] || this.pictures[kind].stream !== stream) return;
      this.remove(kind);
      this.onTrouble(gone);
    });
    this.onChange();
  }

  hide(kind) {
    const picture = this.pictures[kind];
    if (!picture) return;
    if (picture.node) picture.node.disconnect();
    picture.stream.getTracks().forEach((track) => track.stop());
    this.pictures[kind] = null;
  }

  remove(kind) {
    this.hide(kind);
    this.onChange();
  }

  // The devices to choose from, once the browser names them
  async list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const of = (kind) => devices.filter((device) => device.kind === kind && device.deviceId);
    return { cameras: of("videoinput"), microphones: of("audioinput") };
  }

  idOf(kind) {
    const source = kind === "camera" ? this.pictures.camera : this.microphone;
    return source ? source.stream.getTracks()[0].getSettings().deviceId : "";
  }

  // Picture

  draw() {
    const { camera, screen } = this.pictures;
    const { width, height, ticks } = screen ? SCREEN : PICTURE;
    this.ticks += 1;
    this.track.contentHint = screen ? "detail" : ""; // letters are sharp before they move smoothly
    if (this.canvas.width !== width) Object.assign(this.canvas, { width, height });
    else if (this.ticks % ticks) return;
    this.context.fillStyle = "#05363c";
    this.context.fillRect(0, 0, width, height);
    const main = screen || camera;
    if (main) this.fit(main.video, 0, 0, width, height);
    else this.write(width, height);
    if (screen && camera) this.fit(camera.video, width * 0.76, height * 0.74, width * 0.23, height * 0.24);
  }

  fit(video, left, top, width, height) {
    if (!video.videoWidth) return;
    const scale = Math.min(width / video.videoWidth, height / video.videoHeight);
    const [wide, high] = [video.videoWidth * scale, video.videoHeight * scale];
    this.context.drawImage(video, left + (width - wide) / 2, top + (height - high) / 2, wide, high);
  }

  write(width, height) {
    this.context.fillStyle = "#f3fafa";
    this.context.font = "600 28px sans-serif";
    this.context.textAlign = "center";
    this.context.fillText(this.title, width / 2, height / 2, width * 0.9);
  }
}
