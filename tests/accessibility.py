"""What axe finds wrong with a page in a browser."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_RUN = """async (isResized) => {
  // Targets of at least 24 px are left out by default. What sticks to the window covers them only until they are moved
  const size = {"target-size": {enabled: true}};
  const options = {resultTypes: ["violations"], preload: false, rules: size}; // preloads sound, which no page has
  const visible = [...document.body.querySelectorAll("*")].filter((e) => e.checkVisibility({visibilityProperty: true}));
  const results = [];
  if (isResized) {
    options.rules = {...size, "color-contrast": {enabled: false}};
    const appeared = new Set(visible.filter((e) => !window.seenByAxe.has(e)));
    const include = [...appeared].filter((e) => !appeared.has(e.parentElement));
    if (include.length) results.push(await axe.run({include}, {...options, rules: {}, runOnly: ["color-contrast"]}));
  }
  window.seenByAxe = new Set(visible);
  const stuck = visible.filter((e) => getComputedStyle(e).position === "sticky");
  stuck.forEach((e) => (e.style.position = "static"));
  results.push(await axe.run(options));
  stuck.forEach((e) => (e.style.position = ""));
  return results.flatMap((result) => result.violations)
    .map((rule) => `${rule.id}: ${rule.nodes[0].html.slice(0, 200)}`);
}"""


def violations(page: Page) -> list[str]:
    """Every rule that a page breaks, with the first element that does."""
    page.wait_for_load_state()  # a followed link may have shown its address only
    page.evaluate(AXE_SCRIPT)
    faults: list[str] = page.evaluate(_RUN, False)
    return faults


def violations_after_resizing(page: Page) -> list[str]:
    """The same for a page that was checked at another width.

    The contrast of colors, which takes most of the time, is checked for what has appeared.
    """
    faults: list[str] = page.evaluate(_RUN, True)
    return faults
