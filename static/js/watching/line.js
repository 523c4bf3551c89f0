// Whether the line suffices for the picture. A stall says that it does not only where there is more to load than the page
// has: else the lecturer's own picture is away, and no line would help.
const LOW_AFTER_STALLED_SECONDS = 8; // of the last two minutes or so
const FIRST_TRY_SECONDS = 60; // with the sound only, without a stall; then the picture is tried again
const LONGEST_TRY_SECONDS = 960;
const SETTLED_SECONDS = 120; // a picture that lasts for less was tried too early
const ROUNDING_SECONDS = 0.5; // between the end of a playlist and of its sound and pictures

const end = (ranges) => (ranges.length ? ranges.end(ranges.length - 1) : 0);

// What can be played ends where the playlist does, in players of our own and of browsers
export const hasNewer = (video) => end(video.seekable) > end(video.buffered) + ROUNDING_SECONDS;

export class Line {
  constructor() {
    this.badness = 0;
    this.seconds = SETTLED_SECONDS; // since what is loaded changed; with the sound only, since the last stall
    this.trySeconds = FIRST_TRY_SECONDS;
  }

  // Once a second while it plays or should. Returns what to load from now on, "sound" or "picture"; "" for no change.
  tick({ isStalled, isSound }) {
    this.badness = isStalled ? this.badness + 1 : Math.max(this.badness - 0.07, 0);
    this.seconds = isStalled && isSound ? 0 : this.seconds + 1;
    if (isSound) return this.seconds > this.trySeconds ? "picture" : "";
    return this.badness > LOW_AFTER_STALLED_SECONDS ? "sound" : "";
  }

  change(isSound) {
    if (isSound) this.trySeconds = this.seconds < SETTLED_SECONDS ? Math.min(this.trySeconds * 2, LONGEST_TRY_SECONDS) : FIRST_TRY_SECONDS;
    this.badness = 0;
    this.seconds = 0;
  }
}
