// hls.js, loaded by the room's page once there is something to play. For a browser that plays HLS by itself it is not loaded.
import Hls from "hls.js/dist/hls.light.min.js";

const SLOW_SEGMENTS = 3;
const BUFFER_SECONDS = 30;
const PAUSED_BUFFER_SECONDS = 4;
const MEND_MS = 5000; // an error that comes back sooner is not mended

// After a stall it goes on near the end of what there is, rather than ever later. `onSlow`: segments take longer to
// load than to play, also those of the least that the address offers. The player's `lineSpeed`: bit/s, 0 before it is known.
window.playStream = function (video, address, { isLive, position, onError, onSlow }) {
  if (!Hls.isSupported()) return null;
  let slow = 0;
  let mendedAt = -MEND_MS;
  const buffer = () => (video.paused ? PAUSED_BUFFER_SECONDS : BUFFER_SECONDS);
  const player = new Hls({
    enableWorker: false, // the page's content policy has no scripts from blobs, and segments need no conversion
    liveSyncDurationCount: 3,
    liveMaxLatencyDurationCount: 5,
    maxLiveSyncPlaybackRate: 1.1,
    backBufferLength: isLive ? 30 : 120,
    maxBufferLength: buffer(),
    startPosition: position,
  });
  player.on(Hls.Events.ERROR, (_event, data) => {
    if (!data.fatal) return;
    const isMendable = data.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - mendedAt > MEND_MS;
    if (!isMendable) return onError();
    mendedAt = performance.now();
    player.recoverMediaError();
  });
  player.on(Hls.Events.FRAG_LOADED, (_event, { frag }) => {
    const { loading } = frag.stats;
    slow = frag.level === 0 && loading.end - loading.start > frag.duration * 1000 ? slow + 1 : 0;
    if (slow >= SLOW_SEGMENTS) onSlow();
  });
  player.lineSpeed = 0;
  player.on(Hls.Events.FRAG_BUFFERED, () => { player.lineSpeed = player.bandwidthEstimate || 0; });
  // Little is loaded of what nobody plays
  const listening = new AbortController();
  const adapt = () => { player.config.maxBufferLength = buffer(); };
  for (const name of ["play", "pause"]) video.addEventListener(name, adapt, { signal: listening.signal });
  player.on(Hls.Events.DESTROYING, () => listening.abort());
  player.loadSource(address);
  player.attachMedia(video);
  return player;
};
