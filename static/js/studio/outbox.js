// What was recorded and not yet sent: in the browser's database, so that neither a dropped line nor a reload loses any.
// Where there is no database (some private windows), in the memory of this page.
const RETRY_SECONDS = 1;

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

export class Outbox {
  // `onReceipt(chunk, status, receipt)` for each answer of the server; `onChange()` when the line is lost or back.
  constructor({ onReceipt, onChange }) {
    this.onReceipt = onReceipt;
    this.onChange = onChange;
    this.isLost = false;
    this.isSending = false;
    this.memory = [];
    this.database = null;
    this.hasDatabase = true;
  }

  async chunks(mode) {
    this.database = this.database || (await openDatabase());
    return this.database.transaction("chunks", mode).objectStore("chunks");
  }

  async keep(chunk) {
    if (this.hasDatabase) {
      try {
        return await asPromise((await this.chunks("readwrite")).put(chunk));
      } catch (error) {
        this.hasDatabase = false; // full, or forbidden: what is in it already is still sent
      }
    }
    this.memory.push(chunk);
  }

  async first() {
    try {
      const cursor = await asPromise((await this.chunks("readonly")).openCursor());
      if (cursor) return cursor.value;
    } catch (error) {
      this.hasDatabase = false;
    }
    return this.memory[0] || null;
  }

  async forget(chunk) {
    if (this.memory[0] === chunk) return this.memory.shift();
    return asPromise((await this.chunks("readwrite")).delete([chunk.address, chunk.number]));
  }

  async count() {
    try {
      return this.memory.length + (await asPromise((await this.chunks("readonly")).count()));
    } catch (error) {
      return this.memory.length;
    }
  }

  // Sends all there is, oldest first; it does not end while the line is lost.
  async send() {
    if (this.isSending) return;
    this.isSending = true;
    try {
      for (let chunk = await this.first(); chunk; chunk = await this.first()) {
        const answer = await this.put(chunk);
        const isLost = !answer || answer.status >= 500;
        if (isLost !== this.isLost) {
          this.isLost = isLost;
          this.onChange();
        }
        if (isLost) {
          await wait(RETRY_SECONDS);
          continue;
        }
        await this.forget(chunk); // also what the server refuses for good
        this.onReceipt(chunk, answer.status, await answer.json());
      }
    } finally {
      this.isSending = false;
    }
  }

  async put(chunk) {
    const content = await chunk.blob.arrayBuffer();
    try {
      return await fetch(`${chunk.address}/${chunk.number}`, {
        method: "PUT", body: content, credentials: "omit",
        headers: { "Stream-Token": chunk.token, "Content-Digest": await digest(content), "Content-Type": "application/octet-stream" },
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
