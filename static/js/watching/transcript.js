// The transcript of a replay beside it: loaded once it comes into view, it jumps, and marks the passage that plays.
const byId = (id) => document.getElementById(id);

export function connectTranscript(video) {
  const place = byId("transcript");
  if (!place) return;
  const observer = new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    const answer = await fetch(place.dataset.url).catch(() => null);
    if (!answer || !answer.ok) return; // the link to its page is there
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const passages = page.querySelector("[data-testid=passages]");
    if (!passages) return;
    place.append(document.importNode(passages, true));
    follow(video, place);
  });
  observer.observe(place.parentElement);
}

function follow(video, place) {
  const links = [...place.querySelectorAll("a[href*='#t=']")];
  const second = (link) => Number(link.hash.slice(3));
  place.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    video.currentTime = second(link);
    video.play().catch(() => {});
  });
  video.addEventListener("timeupdate", () => {
    const current = links.filter((link) => second(link) <= video.currentTime + 0.5).pop();
    for (const link of links) {
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  });
}
