// Captions of a replay, in a language of one's choice. They are drawn by the page, so that they look alike in all browsers
// and stay legible over a picture or none.
const byId = (id) => document.getElementById(id);
const CHOICE = "captions";

export function connectCaptions(video) {
  const select = byId("caption-language");
  if (!select) return;
  const place = byId("captions");
  let shown = null;

  function draw(cues, language) {
    const text = [...cues].map((cue) => cue.getCueAsHTML().textContent).join("\n");
    place.lang = language;
    place.dir = "auto";
    place.textContent = text;
    place.hidden = !text;
  }

  function choose() {
    if (shown) shown.remove();
    shown = null;
    draw([], "");
    const [option] = select.selectedOptions;
    if (!option.value) return;
    const element = document.createElement("track");
    Object.assign(element, { kind: "captions", src: option.dataset.address, srclang: option.value, label: option.textContent });
    video.append(element);
    element.track.mode = "hidden"; // loaded, and not drawn by the browser
    element.track.addEventListener("cuechange", () => { if (shown === element) draw(element.track.activeCues, option.value); });
    shown = element;
  }

  const saved = localStorage.getItem(CHOICE);
  if ([...select.options].some((option) => option.value === saved)) select.value = saved;
  select.addEventListener("change", () => {
    localStorage.setItem(CHOICE, select.value);
    choose();
  });
  choose();
}
