// <form data-ticks>: each tick is saved at once, one person a request and one request at a time. Without this script the
// button of the form saves what was ticked.

const form = document.querySelector("form[data-ticks]");
if (form) {
  const said = form.querySelector("[role=status]");
  form.querySelector("[type=submit]").parentElement.hidden = true;
  let last = Promise.resolve();

  async function save(box) {
    const isTicked = box.checked;
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value, one: box.value });
    if (isTicked) body.append("people", box.value);
    let [text, isSaved] = [form.dataset.failed, false];
    try {
      const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
      isSaved = answer.ok;
      if (answer.headers.get("content-type").startsWith("text/plain")) text = await answer.text();
    } catch {}
    said.textContent = text;
    if (!isSaved && box.checked === isTicked) box.checked = !isTicked;
  }

  form.addEventListener("change", ({ target }) => {
    last = last.then(() => save(target));
  });
}
