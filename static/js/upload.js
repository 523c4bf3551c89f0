// <form data-upload>: several files at once, one request each, with their progress. Without this script the form takes
// one file, and the browser shows how far it is.

const form = document.querySelector("form[data-upload]");
const input = form.querySelector("input[type=file]");
const text = form.dataset;
const MB = 1024 * 1024;
const jobs = document.createElement("div");
jobs.className = "stack";
form.after(jobs);
const size = (bytes) => (bytes / MB).toLocaleString(document.documentElement.lang || "en", { maximumFractionDigits: 1 });

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
  said.className = "quiet small";
  said.setAttribute("role", "status");
  head.append(name);
  job.append(head, bar, said);
  jobs.append(job);
  return { job, bar, said };
}

// Resolves to whether the file was saved
function send(file, { job, bar, said }) {
  const body = new FormData(form);
  body.set("file", file);
  bar.hidden = false;
  job.querySelectorAll("button").forEach((button) => button.remove());
  return new Promise((resolve) => {
    const stop = (sentence, isOver) => {
      bar.hidden = true;
      said.textContent = sentence;
      said.className = "note is-wrong";
      if (!isOver) {
        const again = document.createElement("button");
        again.type = "button";
        again.className = "btn btn-small";
        again.textContent = text.again;
        again.addEventListener("click", async () => {
          said.className = "quiet small";
          if (await send(file, { job, bar, said })) await renew();
        });
        job.append(again);
      }
      resolve(false);
    };
    if (file.size > Number(text.megabytes) * MB) return stop(text.large, true);
    const request = new XMLHttpRequest();
    request.open("POST", form.action.split("#")[0]);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      bar.value = Math.min(event.loaded, bar.max);
      const part = text.of.replace("{sent}", size(bar.value)).replace("{all}", size(file.size));
      said.textContent = event.loaded < event.total ? `${text.sending}: ${part}` : text.checking;
    });
    request.addEventListener("error", () => stop(text.broken, false));
    request.addEventListener("load", () => {
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        return stop(request.status === 413 ? text.large : text.broken, request.status === 413);
      }
      if (!answer.saved) return stop(answer.reason || text.broken, true);
      bar.value = bar.max;
      said.textContent = text.done;
      resolve(true);
    });
    request.send(body);
  });
}

// The list beneath as it is now
async function renew() {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  for (const part of ["#files", ".head"]) document.querySelector(part).replaceWith(page.querySelector(part));
}

input.multiple = true;
form.addEventListener("submit", async (event) => {
  if (!input.files.length) return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  const files = [...input.files].map((file) => [file, row(file)]);
  for (const [file, shown] of files) await send(file, shown);
  button.disabled = false;
  form.reset();
  await renew();
});
