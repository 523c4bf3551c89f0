// <form data-upload>: files in pieces, with their progress; what breaks off continues where it stopped, also after a
// reload, by the same file chosen again. Without this script the form takes one file whole.

const form = document.querySelector("form[data-upload]");
const input = form.querySelector("input[type=file]");
const text = form.dataset;
const MB = 1024 * 1024;
const PATIENCE = [1, 2, 4, 8, 15]; // seconds between tries
const video = document.getElementById("video"); // where a video belongs, on pages that take none
const jobs = document.createElement("div");
jobs.className = "stack";
form.after(jobs);
const size = (bytes) => (bytes / MB).toLocaleString(document.documentElement.lang || "en", { maximumFractionDigits: 1 });

class Refusal extends Error {}

// A form sent: its answer, read as JSON. Rejects with a Refusal where the answer is final, else with another error.
function post(url, fields, shown, progress = () => {}) {
  const body = fields instanceof FormData ? fields : new FormData();
  if (body !== fields) for (const [name, value] of Object.entries(fields)) body.set(name, value);
  body.set("csrf_token", form.elements.csrf_token.value);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    shown.stop = () => request.abort();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("error", () => reject(new Error(text.broken)));
    request.addEventListener("abort", () => reject(new Refusal(text.cancelled)));
    request.addEventListener("load", () => {
      if (request.status >= 500 || request.status === 429) return reject(new Error(text.broken));
      try {
        const answer = JSON.parse(request.responseText);
        return answer.reason ? reject(new Refusal(answer.reason)) : resolve(answer);
      } catch {
        return reject(new Refusal(request.status === 413 ? text.large : text.broken));
      }
    });
    request.send(body);
  });
}

function row(file) {
  const job = document.createElement("div");
  job.className = "job";
  job.setAttribute("data-testid", "upload-job");
  const head = document.createElement("p");
  const name = document.createElement("bdi");
  name.textContent = file.name;
  const bar = document.createElement("progress");
  bar.max = file.size || 1;
  bar.setAttribute("aria-label", file.name);
  const said = document.createElement("p");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-small";
  button.hidden = true;
  said.setAttribute("role", "status");
  head.append(name);
  job.append(head, bar, said, button);
  jobs.append(job);
  const shown = { bar, said, button, isCancelled: false, stop: () => {} };
  shown.say = (sentence, isWrong = false) => {
    said.textContent = sentence;
    said.className = isWrong ? "note is-wrong" : "quiet small";
  };
  return shown;
}

const back = (seconds) =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
    window.addEventListener("online", resolve, { once: true });
  });

async function pieces(file, shown) {
  if (shown.isCancelled) throw new Refusal(text.cancelled);
  const begun = await post(text.upload, { name: file.name, size: file.size, modified: file.lastModified }, shown);
  shown.discard = () => post(`${text.upload}/${begun.id}/discard`, {}, shown).catch(() => {});
  if (begun.saved) return;
  const at = (received) => {
    shown.bar.value = Math.min(received, file.size);
    const part = text.of.replace("{sent}", size(shown.bar.value)).replace("{all}", size(file.size));
    shown.say(`${text.sending}: ${part}. ${text.goesOn}`);
  };
  let { received } = begun;
  at(received);
  while (received < file.size) {
    if (shown.isCancelled) throw new Refusal(text.cancelled);
    const piece = file.slice(received, received + Number(text.piece));
    const from = received;
    const answer = await post(`${text.upload}/${begun.id}`, { offset: from, piece }, shown, (sent) => at(from + sent));
    received = answer.received;
    shown.tries = 0;
    at(received);
  }
  shown.say(text.checking);
  const whole = new FormData(form);
  whole.delete("file");
  whole.set("upload", begun.id);
  await post(form.action.split("#")[0], whole, shown);
}

// Resolves to whether the file was saved
async function send(file, shown) {
  if (file.size > Number(text.megabytes) * MB) {
    shown.bar.hidden = shown.button.hidden = true;
    shown.say(text.large, true);
    return false;
  }
  if (video && file.type.startsWith("video/")) {
    shown.bar.hidden = shown.button.hidden = true;
    shown.say("");
    shown.said.replaceChildren(video.content.cloneNode(true));
    return false;
  }
  shown.bar.hidden = shown.button.hidden = false;
  shown.button.textContent = text.cancel;
  shown.button.onclick = async () => {
    shown.isCancelled = true;
    shown.stop();
    await shown.discard?.();
    await renew();
  };
  for (shown.tries = 0; ; ) {
    try {
      await pieces(file, shown);
      shown.bar.value = shown.bar.max;
      shown.button.hidden = true;
      shown.say(text.done);
      return true;
    } catch (error) {
      const isOver = shown.isCancelled || error instanceof Refusal;
      if (!isOver && shown.tries < PATIENCE.length) {
        shown.say(text.waiting);
        await back(PATIENCE[shown.tries++]);
        continue;
      }
      shown.bar.hidden = true;
      shown.button.hidden = isOver;
      shown.say(shown.isCancelled ? text.cancelled : error.message, !shown.isCancelled);
      shown.button.textContent = text.again;
      shown.button.onclick = async () => {
        if (await send(file, shown)) await renew();
      };
      return false;
    }
  }
}

// The lists of the page as they are now; or on to the next page
async function renew() {
  if (text.next) return;
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  for (const part of ["#files", ".head", "#unfinished"]) {
    document.querySelector(part).replaceWith(page.querySelector(part));
  }
}

input.multiple = !text.next;
form.addEventListener("submit", async (event) => {
  if (!input.files.length) return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  let isSaved = true;
  const files = [...input.files].map((file) => [file, row(file)]);
  for (const [file, shown] of files) isSaved = !shown.isCancelled && (await send(file, shown)) && isSaved;
  button.disabled = false;
  form.reset();
  if (text.next && isSaved) location.assign(text.next);
  else await renew();
});
