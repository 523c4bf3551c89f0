// What was recorded and not yet sent: in the browser's database, so that neither a dropped line nor a reload loses any.
// Where there is no database (some private windows), in the memory of this page.
// A chunk is kept until the server has it, or says in an answer of its own that it never takes it. Whatever a proxy, a
// hotel's sign-in page or a server under load answers is no such word.
const RETRY_SECONDS = 1;
const ASIDE_MS = 30_000; // until what was refused for its size or its session is tried again
const LONGEST_WAIT_SECONDS = 300;
const LONGEST_FAULT_SECONDS = 5; // a lecture does not wait the minute that pages are told to where storage is away
const KEPT_MS = 24 * 3600 * 1000; // for so long a session's token is valid
const FINAL = [409, 410, 422];
const BUSY = [408, 429];

const asPromise = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
export const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function openDatabase() {
  const request = indexedDB.open("serai-studio", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("chunks", { keyPath: ["address", "number"] });
  return asPromise(request);
}

async function digest(content) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
}

// `Retry-After` within bounds; servers write seconds there, not dates
function askedSeconds(answer, status) {
  const seconds = answer ? Number(answer.headers.get("Retry-After")) || 0 : 0;
  return Math.min(Math.max(seconds, RETRY_SECONDS), status >= 500 ? LONGEST_FAULT_SECONDS : LONGEST_WAIT_SECONDS);
}

const keysOf = ({ address, number }) => [address, `${address}/${number}`];

export class Outbox {
  // `onReceipt(chunk, status, receipt)` for each chunk that the server took or refused for good; `onChange()` when
  // `trouble` changes: "lost" without a line, "busy" while the server takes nothing, else "".
  constructor({ onReceipt, onChange }) {
    this.onReceipt = onReceipt;
    this.onChange = onChange;
    this.trouble = "";
    this.isSending = false;
    this.memory = [];
    this.aside = new Map(); // what was refused, a session or a chunk, and until when it is not tried again
    this.database = null;
    this.hasDatabase = true;
  }

  async chunks(mode) {
    this.database = this.database || (await openDatabase());
    return this.database.transaction("chunks", mode).objectStore("chunks");
  }

  async keep(chunk) {
    const kept = { ...chunk, keptAt: Date.now() };
    if (this.hasDatabase) {
      try {
        return await asPromise((await this.chunks("readwrite")).put(kept));
      } catch (error) {
        this.hasDatabase = false; // full, or forbidden: what is in it already is still sent
      }
    }
    this.memory.push(kept);
  }

  // The first chunk that is to be sent now
  async first() {
    const isDue = (chunk) => !keysOf(chunk).some((key) => this.aside.get(key) > performance.now());
    try {
      const keys = await asPromise((await this.chunks("readonly")).getAllKeys(null, this.aside.size ? undefined : 1));
      const key = keys.find(([address, number]) => isDue({ address, number }));
      if (key) return await asPromise((await this.chunks("readonly")).get(key));
    } catch (error) {
      this.hasDatabase = false;
    }
    return this.memory.find(isDue) || null;
  }

  async forget(chunk) {
    const place = this.memory.indexOf(chunk);
    if (place >= 0) return this.memory.splice(place, 1);
    return asPromise((await this.chunks("readwrite")).delete([chunk.address, chunk.number]));
  }

  async count() {
    try {
      return this.memory.length + (await asPromise((await this.chunks("readonly")).count()));
    } catch (error) {
      return this.memory.length;
    }
  }

  setTrouble(trouble) {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.onChange();
  }

  // Sends all that is due, oldest first; it does not end while the line is lost or the server busy.
  async send() {
    if (this.isSending) return;
    this.isSending = true;
    try {
      for (let chunk = await this.first(); chunk; chunk = await this.first()) await this.sendOne(chunk);
    } finally {
      this.isSending = false;
    }
  }

  async sendOne(chunk) {
    const content = await chunk.blob.arrayBuffer().catch(() => null);
    if (!content) return this.forget(chunk); // the browser has lost it
    const answer = await this.put(chunk, content);
    const { status = 0 } = answer || {};
    const receipt = (answer && (await answer.json().catch(() => null))) || {};
    if ((status === 200 && receipt.next_chunk >= 0) || (FINAL.includes(status) && receipt.detail)) {
      await this.forget(chunk);
      for (const key of keysOf(chunk)) this.aside.delete(key);
      this.setTrouble("");
      return this.onReceipt(chunk, status, receipt);
    }
    const isLost = status < 400 || status === 502 || status === 504;
    if (isLost || status >= 500 || BUSY.includes(status)) {
      this.setTrouble(isLost ? "lost" : "busy");
      return wait(askedSeconds(answer, status));
    }
    // Too large for a proxy, or of a session that is not known here: what comes after it is sent meanwhile
    if (Date.now() - chunk.keptAt > KEPT_MS) return this.forget(chunk);
    const [session, own] = keysOf(chunk);
    this.aside.set(status === 413 ? own : session, performance.now() + ASIDE_MS);
    this.setTrouble(status === 413 ? "" : "busy");
  }

  async put(chunk, content) {
    try {
      return await fetch(`${chunk.address}/${chunk.number}`, {
        method: "PUT", body: content, credentials: "omit",
        headers: { "Stream-Token": chunk.token, "Content-Digest": await digest(content) },
      });
    } catch (error) {
      return null;
    }
  }

  async empty() {
    while (this.isSending) await wait(0.1);
    await this.send();
  }
}
