// Three tones, so that people can check their sound before the lecture.
const byId = (id) => document.getElementById(id);
const HERTZ = [523, 659, 784];
const BEGINS_WITHIN_MS = 2000;
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Whether the tones play: without a sound output a browser may never begin.
async function playTones() {
  const audio = new AudioContext();
  await Promise.race([audio.resume(), wait(BEGINS_WITHIN_MS)]);
  if (audio.state !== "running") {
    audio.close();
    return false;
  }
  HERTZ.forEach((frequency, index) => {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    const start = audio.currentTime + 0.05 + index * 0.45;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.4, start + 0.03);
    volume.gain.linearRampToValueAtTime(0, start + 0.4);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.4);
    if (index === HERTZ.length - 1) tone.onended = () => audio.close();
  });
  return true;
}

function answer(isHeard) {
  byId("sound-works").hidden = !isHeard;
  byId("sound-help").hidden = isHeard;
}

export function offerSoundTest() {
  const panel = byId("sound-test");
  if (!panel || !window.AudioContext) return;
  panel.hidden = false;
  byId("tones").addEventListener("click", async () => {
    byId("sound-works").hidden = byId("sound-help").hidden = true;
    const plays = await playTones();
    byId("tones-heard").hidden = !plays;
    if (!plays) answer(false);
  });
  byId("heard").addEventListener("click", () => answer(true));
  byId("not-heard").addEventListener("click", () => answer(false));
}
