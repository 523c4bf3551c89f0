// hls.js, loaded by the room's page once there is something to play. For a browser that plays HLS by itself it is not loaded.
import Hls from "hls.js/dist/hls.light.min.js";

// After a stall it goes on near the end of what there is, rather than ever later.
window.playStream = function (video, address, { isLive, onError }) {
  if (!Hls.isSupported()) return null;
  const player = new Hls({
    enableWorker: false, // the page's content policy has no scripts from blobs, and segments need no conversion
    liveSyncDurationCount: 3,
    liveMaxLatencyDurationCount: 5,
    maxLiveSyncPlaybackRate: 1.1,
    backBufferLength: isLive ? 30 : 120,
  });
  player.on(Hls.Events.ERROR, (_event, data) => {
    if (!data.fatal) return;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR) player.recoverMediaError();
    else onError();
  });
  player.loadSource(address);
  player.attachMedia(video);
  return player;
};
