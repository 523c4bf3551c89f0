// Camera, screen and microphone, drawn into one canvas and mixed into one sound: a recorder of these goes on while
// sources change.
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
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
    const peak = this.samples.reduce((most, sample) => Math.max(most, Math.abs(sample - 128)), 0) / 128;
    this.level = Math.max(peak, this.level * 0.7);
    this.peaks = [...this.peaks, peak].slice(-PEAKS);
  }

  // How the voice was in the last seconds, as the name of a sentence; "" before it is known
  get voice() {
    if (!this.microphone) return "";
    if (this.isMuted) return "micOff";
    if (this.peaks.length < PEAKS) return "";
    const peak = Math.max(...this.peaks);
    if (peak < 0.02) return "silent";
    if (peak < 0.1) return "quiet";
    return peak > 0.98 ? "loud" : "right";
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    if (this.microphone) this.microphone.stream.getAudioTracks().forEach((track) => { track.enabled = !isMuted; });
    this.onChange();
  }

  // Devices

  // Asks for both; without a camera for the microphone alone. Returns whether there is a microphone.
  async open() {
    this.mix();
    const camera = remembered("camera");
    if (camera !== "none") await this.useCamera(camera);
    const cameraTrouble = this.cameraTrouble;
    await this.useMicrophone(remembered("microphone"));
    if (this.microphone && cameraTrouble) this.onTrouble(cameraTrouble);
    return Boolean(this.microphone);
  }

  // The chosen device, else any: one that was remembered may not be there
  async ask(kind, id, wanted) {
    const choose = (chosen) => navigator.mediaDevices.getUserMedia({ [kind]: chosen ? { ...wanted, deviceId: { exact: chosen } } : wanted });
    try {
      return await choose(id);
    } catch (error) {
      if (!id || error.name === "NotAllowedError") throw error;
      return choose("");
    }
  }

  async useCamera(id) {
    this.cameraTrouble = "";
    let stream;
    try {
      stream = await this.ask("video", id, { width: { ideal: 1280 }, height: { ideal: 720 } });
    } catch (error) {
      this.cameraTrouble = { NotAllowedError: "denied", NotFoundError: "noCamera" }[error.name] || "cameraUsed";
      return this.onTrouble(this.cameraTrouble);
    }
    await this.show("camera", stream, "cameraGone");
    this.remember("camera", stream.getVideoTracks()[0]);
    this.onTrouble("");
  }

  async useMicrophone(id) {
    let stream;
    try {
      stream = await this.ask("audio", id, MICROPHONE);
    } catch (error) {
      return this.onTrouble({ NotAllowedError: "denied", NotFoundError: "noMicrophone" }[error.name] || "microphoneUsed");
    }
    this.stopMicrophone();
    this.mix();
    await this.audio.resume();
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
    this.mix();
    await this.audio.resume();
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

  stream() {
    return new MediaStream([...this.canvas.captureStream(15).getVideoTracks(), ...this.output.stream.getAudioTracks()]);
  }

  sound() {
    return new MediaStream(this.output.stream.getAudioTracks());
  }
}
