// Reports what is played of a replay, so that it counts: each second once, not what is skipped, at most at double speed.
// The server bounds it, and unites what comes twice; so a piece is sent again as long as it grows.
const SEND_SECONDS = 15;
const FASTEST = 2;
const JUMP_SECONDS = 1.5; // a longer step within one report of the player is a jump
const MOST_PIECES = 100;

// `address`: begins, and answers with the token and the parts; `playedAddress` takes the reports; `say` shows a sentence.
export function followReplay(video, { address, playedAddress, csrf, say, onCounted }) {
  let token = "";
  let parts = [];
  let pieces = []; // { start, end, sent } in seconds of the replay
  let last = -1; // the position up to which it was played
  let isBeginning = false;
  let isOver = false;

  async function begin() {
    if (token || isBeginning || isOver) return;
    isBeginning = true;
    try {
      const answer = await fetch(address, { method: "POST", headers: { "X-CSRFToken": csrf } });
      const body = await answer.json();
      if (answer.ok) ({ token, parts } = body);
      else if (answer.status < 500) stop(body.detail);
    } catch (error) {
      // no line: it begins with the next report
    } finally {
      isBeginning = false;
    }
  }

  function stop(sentence) {
    isOver = true;
    say(sentence);
  }

  function note() {
    const now = video.currentTime;
    const step = now - last;
    const isPlayed = last >= 0 && !video.paused && !video.seeking && video.playbackRate <= FASTEST;
    if (isPlayed && step > 0 && step < JUMP_SECONDS * Math.max(video.playbackRate, 1)) {
      const piece = pieces.find(({ start, end }) => start <= last && last <= end);
      if (piece) piece.end = Math.max(piece.end, now);
      else pieces.push({ start: last, end: now, sent: -1 });
    }
    last = video.seeking ? -1 : now;
  }

  function rangesOf({ start, end }) {
    return parts.flatMap((part) => {
      const first = Math.max(start * 1000 - part.position_ms, 0);
      const until = Math.min(end * 1000 - part.position_ms, part.length_ms);
      return first < until ? [[Math.floor(part.wall_ms + first), Math.ceil(part.wall_ms + until)]] : [];
    });
  }

  const unsent = () => pieces.filter(({ end, sent }) => end > sent + 0.2).slice(0, MOST_PIECES / 2);
  const report = (some, isPaused) => JSON.stringify({
    token, ranges: some.flatMap(rangesOf).slice(0, MOST_PIECES), is_paused: isPaused,
  });

  async function send(isPaused) {
    if (isOver || !pieces.length) return;
    await begin();
    if (!token) return;
    const some = unsent();
    if (!some.length && !isPaused) return;
    const ends = some.map(({ end }) => end);
    let answer;
    let body;
    try {
      const request = { method: "POST", body: report(some, isPaused), credentials: "omit", keepalive: true };
      answer = await fetch(playedAddress, { ...request, headers: { "Content-Type": "text/plain" } });
      body = await answer.json();
    } catch (error) {
      return; // it is sent again
    }
    if (answer.ok) {
      some.forEach((piece, place) => { piece.sent = ends[place]; });
      say(body.detail || "");
      onCounted();
    } else if (answer.status === 403) {
      token = ""; // the page stood open for long: it begins again
    } else if (answer.status < 500) {
      stop(body.detail);
    }
  }

  function sendLast() {
    note();
    if (token && !isOver && pieces.length) navigator.sendBeacon(playedAddress, report(unsent(), true));
  }

  video.addEventListener("playing", () => { last = video.currentTime; begin(); });
  video.addEventListener("timeupdate", note);
  video.addEventListener("seeking", () => { last = -1; });
  video.addEventListener("seeked", () => { last = video.currentTime; });
  for (const name of ["pause", "ended"]) video.addEventListener(name, () => send(true));
  addEventListener("pagehide", sendLast);
  setInterval(() => { if (unsent().length) send(video.paused); }, SEND_SECONDS * 1000);
}
