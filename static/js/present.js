// Turning the slides of a lecture. A turn that does not reach the server waits, and says how late it is.
const panel = document.getElementById("present");
const byId = (id) => document.getElementById(id);
const AGAIN_MS = 2000;
const written = new Intl.NumberFormat(document.documentElement.lang || "en");
const { decks, turns } = JSON.parse(panel.dataset.slides);
const waiting = []; // turns that are to be sent, the oldest first
let isSending = false;
let deck = decks.find(({ id }) => turns.length && id === turns[0][1]) || decks[0];
let page = turns.length && deck.id === turns[0][1] ? turns[0][2] : 0;
let last = page; // the page that was shown last

function say(text) {
  if (byId("present-words").textContent !== text) byId("present-words").textContent = text;
}

function words() {
  if (!page) return panel.dataset.none;
  return panel.dataset.page.replace("{page}", written.format(page)).replace("{pages}", written.format(deck.pages));
}

function draw() {
  const picture = byId("present-slide");
  picture.hidden = !page;
  if (page) {
    picture.src = `${deck.address}${page}-small.webp`;
    picture.alt = words();
    if (page < deck.pages) new Image().src = `${deck.address}${page + 1}-small.webp`;
  }
  picture.dataset.page = page;
  byId("present-back").disabled = (page || last) <= 1;
  byId("present-ahead").disabled = page >= deck.pages;
  byId("present-none").disabled = !page;
  for (const button of byId("present-pages").querySelectorAll("button")) {
    if (Number(button.dataset.page) === page) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  say(words());
}

function list() {
  const items = [];
  for (let number = 1; number <= deck.pages; number += 1) {
    const item = document.importNode(byId("present-page").content.firstElementChild, true);
    const button = item.querySelector("button");
    button.dataset.page = number;
    const picture = Object.assign(new Image(), { alt: "", loading: "lazy", width: 160, src: `${deck.address}${number}-small.webp` });
    button.prepend(picture);
    item.querySelector("span").textContent = written.format(number);
    button.addEventListener("click", () => turn(number));
    items.push(item);
  }
  byId("present-pages").replaceChildren(...items);
  draw();
}

function turn(number) {
  if (number < 0 || number > deck.pages || number === page) return;
  page = number;
  if (page) last = page;
  waiting.push({ deck: deck.id, page, at: performance.now() });
  draw();
  send();
}

async function send() {
  if (isSending || !waiting.length) return;
  isSending = true;
  const [next] = waiting;
  const late = Math.round(performance.now() - next.at);
  try {
    const answer = await fetch(panel.dataset.turn, {
      method: "POST",
      body: new URLSearchParams({ deck: next.deck, page: next.page, late_ms: late }),
      headers: { "X-CSRFToken": panel.dataset.csrf },
    });
    if (answer.status >= 500 || answer.status === 429) throw new Error("later");
    waiting.shift();
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    const body = isJson ? await answer.json() : {};
    if (!answer.ok && body.detail) say(body.detail);
    else if (!waiting.length) say(words());
  } catch (error) {
    say(panel.dataset.waits);
    setTimeout(send, AGAIN_MS);
    isSending = false;
    return;
  }
  isSending = false;
  send();
}

const ahead = () => turn(page ? page + 1 : last || 1);
const back = () => turn(page ? page - 1 || 1 : last);

if (decks.length) {
  byId("present-ahead").addEventListener("click", ahead);
  byId("present-back").addEventListener("click", back);
  byId("present-none").addEventListener("click", () => turn(0));
  const select = byId("present-deck");
  if (select) {
    select.value = deck.id;
    select.addEventListener("change", () => {
      deck = decks.find(({ id }) => id === select.value);
      page = 0;
      last = 0;
      list();
      turn(1);
    });
  }
  document.addEventListener("keydown", (event) => {
    const act = { PageDown: ahead, PageUp: back }[event.key];
    if (!act || event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea, [contenteditable]")) return;
    event.preventDefault();
    act();
  });
  list();
}
