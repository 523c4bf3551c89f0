// What a page loads over a line that stalls as it is told: {line, stalls} in, [[second, what is loaded from then on]] out.
const { line: path, stalls } = JSON.parse(await new Response(process.stdin).text());
const { hasNewer, Line } = await import(path);

const line = new Line();
const changes = [];
let isSound = false;
stalls.forEach((isStalled, second) => {
  const wish = line.tick({ isStalled, isSound });
  if (!wish) return;
  isSound = wish === "sound";
  line.change(isSound);
  changes.push([second, wish]);
});
const ranges = (...ends) => ({ length: ends.length, end: (place) => ends[place] });
const newer = [[[60], [60]], [[60.3], [20, 60]], [[62], [60]], [[62], []], [[], []]].map(
  ([seekable, buffered]) => hasNewer({ seekable: ranges(...seekable), buffered: ranges(...buffered) }),
);
console.log(JSON.stringify({ changes, newer }));
