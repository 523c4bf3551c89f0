"""What a screen reader would say on its own: what is added to a live region that was in the accessible tree before."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page

_LISTEN = """
window.heard = [];
const lines = (text) => text.split("\\n").map((line) => line.trim()).filter(Boolean);
let known = new Map();
setInterval(() => {
  const shown = new Map();
  for (const region of document.querySelectorAll("[role=status], [role=alert], [aria-live]")) {
    if (!region.checkVisibility({ visibilityProperty: true }) || region.closest("[aria-hidden=true]")) continue;
    shown.set(region, lines(region.innerText));
    const before = known.get(region);
    if (before) window.heard.push(...shown.get(region).filter((line) => !before.includes(line)));
  }
  known = shown;
}, 50);
"""
_WATCH = """
window.writes = [];
new MutationObserver((changes) => window.writes.push(...changes.map(({ target }) => target.textContent)))
  .observe(document.querySelector("main"), { childList: true, characterData: true, subtree: true });
"""
_TURNS = """
window.shared = [];
new MutationObserver((changes) => {
  const spoken = changes.filter(({ target, addedNodes }) => addedNodes.length && target.closest("[role=status]"));
  if (!spoken.length || changes.every(({ target }) => target === spoken[0].target)) return;
  window.shared.push(spoken[0].target.innerText);
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["hidden"] });
"""


class Ear:
    """Listens to the pages that a window opens from now on."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(_LISTEN)

    def hears(self, words: str) -> None:
        """A line with these words is spoken on the page that is open, once, within some seconds."""
        deadline = time.monotonic() + 20
        while not (spoken := [line for line in self.heard() if words in line]) and time.monotonic() < deadline:
            self._page.wait_for_timeout(100)
        assert len(spoken) == 1, (words, self.heard())

    def heard(self) -> list[str]:
        """All that was spoken on the page that is open."""
        lines: list[str] = self._page.evaluate("window.heard")
        return lines


def watch_writes(page: Page) -> None:
    """Begins to note what scripts write into the main part of the page."""
    page.evaluate(_WATCH)


def writes(page: Page) -> list[str]:
    """What they have written since then."""
    texts: list[str] = page.evaluate("window.writes")
    return texts


def watch_turns(page: Page) -> None:
    """Begins to note what live regions are told while the page changes elsewhere too."""
    page.evaluate(_TURNS)


def shared_turns(page: Page) -> list[str]:
    """What they were told so since then: a reader may not speak it."""
    texts: list[str] = page.evaluate("window.shared")
    return texts


def accessible_nodes(page: Page, role: str) -> list[dict[str, Any]]:
    """The nodes of Chromium's accessible tree that have this role, with their properties by name."""
    session = page.context.new_cdp_session(page)
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        {
            "name": node.get("name", {}).get("value", ""),
            "about": node.get("description", {}).get("value", ""),
            **{value["name"]: value["value"].get("value") for value in node.get("properties", ())},
        }
        for node in tree
        if not node["ignored"] and node.get("role", {}).get("value") == role
    ]
