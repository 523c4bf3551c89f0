// The slides of a room: shows the page that the presenter had turned to at the moment that is played. Live, moments are times
// of day; in a replay, its own time. Who looks back stays there until they return.
const room = document.getElementById("room");
const panel = document.getElementById("slides");
const byId = (id) => document.getElementById(id);
const TICK_MS = 250;
const AGAIN_MS = 5000;
const isReplay = room.dataset.state === "over";
const written = new Intl.NumberFormat(document.documentElement.lang || "en");

let { decks, turns } = JSON.parse(panel.dataset.slides);
let clockOffset = 0; // the server's clock less this one
let moment = null; // the time of day of what is played, and when it was noted
let shown = null; // the turn whose page is shown
let chosen = null; // a page that the reader looks at instead: {deck, page}
let drawn = "";
let readPage = ""; // whose text is written

const picture = Object.assign(new Image(), { id: "slide", alt: "" });
picture.dataset.testid = "slide";
byId("slide-zoom").target = "_blank";
byId("slide-zoom").prepend(picture);
const deckOf = (id) => decks.find((deck) => deck.id === id);

function now() {
  const video = byId("video");
  if (isReplay) return video ? video.currentTime * 1000 : -1;
  if (moment && moment.playing) return moment.date + performance.now() - moment.noted;
  return moment ? moment.date : Date.now() + clockOffset;
}

// A page that opened late knows the turns of its own start, and keeps those that left the snapshot
function take(fresh) {
  decks = fresh.decks;
  const first = fresh.turns.length ? fresh.turns[0][0] : Infinity;
  turns = [...turns.filter(([at]) => at < first), ...fresh.turns];
  draw();
}

function current() {
  const at = now();
  const turn = turns.filter(([from]) => from <= at).pop();
  return turn && turn[2] && deckOf(turn[1]) ? { deck: turn[1], page: turn[2], at: turn[0] } : null;
}

const same = (one, other) => Boolean(one && other) && one.deck === other.deck && one.page === other.page;

function draw() {
  shown = current();
  panel.dataset.shown = shown ? shown.page : 0;
  if (chosen && !deckOf(chosen.deck)) chosen = null;
  const page = chosen || shown;
  panel.hidden = !decks.length || !(page || turns.length);
  byId("slide-none").hidden = Boolean(page);
  byId("slide-place").hidden = !page;
  if (!page) {
    drawn = "";
    return;
  }
  const deck = deckOf(page.deck);
  const isReturnable = Boolean(chosen) && !same(chosen, shown);
  byId("slide-return").hidden = !(isReturnable && shown);
  const jump = byId("slide-jump");
  if (jump) jump.hidden = !turns.some(([, id, number]) => id === page.deck && number === page.page);
  // A small picture where little is to be loaded, and where no more would be seen
  const isSmall = room.dataset.lowData === "yes" || panel.clientWidth * devicePixelRatio <= 640;
  const address = `${deck.address}${page.page}-${isSmall ? "small" : "large"}.webp`;
  const name = `${page.deck} ${page.page} ${isSmall}`;
  if (name === drawn) return;
  drawn = name;
  picture.src = address;
  const words = panel.dataset.page.replace("{page}", written.format(page.page)).replace("{pages}", written.format(deck.pages));
  picture.alt = words;
  picture.dataset.page = page.page;
  byId("slide-words").textContent = words;
  byId("slide-file").textContent = decks.length > 1 ? deck.title : "";
  byId("slide-zoom").href = `${deck.address}${page.page}-large.webp`;
  byId("slide-back").disabled = page.page <= 1;
  byId("slide-ahead").disabled = page.page >= deck.pages;
  read();
}

async function read() {
  const page = chosen || shown;
  if (!byId("slide-text").open || !page) return;
  const address = `${deckOf(page.deck).address}${page.page}.txt`;
  if (readPage === address) return;
  readPage = address;
  const place = byId("slide-written");
  try {
    const answer = await fetch(address, { credentials: "omit" });
    const text = answer.ok ? await answer.text() : "";
    if (readPage !== address) return;
    place.replaceChildren(...(text || place.dataset.none).split("\n").map((line) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = line;
      return paragraph;
    }));
  } catch (error) {
    readPage = "";
  }
}

function look(step) {
  const page = chosen || shown;
  const number = page.page + step;
  if (number < 1 || number > deckOf(page.deck).pages) return;
  chosen = { deck: page.deck, page: number };
  if (same(chosen, shown)) chosen = null;
  draw();
}

byId("slide-back").addEventListener("click", () => look(-1));
byId("slide-ahead").addEventListener("click", () => look(1));
byId("slide-return").addEventListener("click", () => {
  chosen = null;
  draw();
  byId("slide-zoom").focus();
});
byId("slide-text").addEventListener("toggle", read);
picture.addEventListener("error", () => {
  byId("slide-words").textContent = panel.dataset.failed;
  setTimeout(() => { drawn = ""; draw(); }, AGAIN_MS);
});
if (byId("slide-jump")) {
  byId("slide-jump").addEventListener("click", () => {
    const page = chosen || shown;
    const turn = turns.find(([, id, number]) => id === page.deck && number === page.page);
    const video = byId("video");
    if (!turn || !video) return;
    chosen = null;
    video.currentTime = turn[0] / 1000 + 0.05;
    video.play().catch(() => {});
  });
}
room.addEventListener("lowdata", draw);
room.addEventListener("moment", ({ detail }) => { moment = detail; });
room.addEventListener("snapshot", ({ detail }) => {
  if (detail.clock_offset) clockOffset = detail.clock_offset;
  if (isReplay) ({ decks } = detail.slides); // with addresses that were signed lately
  else take(detail.slides);
});
setInterval(draw, TICK_MS);
draw();
