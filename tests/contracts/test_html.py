"""Every page is valid HTML: quick checks of our own, and the Nu validator in the long tests."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.contracts.crawl import Crawl
from tests.contracts.pages import page_rules
from tests.contracts.world import ROLES, World
from tests.machine import lacks
from tests.validators import MODULES, install

pytestmark = pytest.mark.xdist_group("world")
REFERENCES = {"for", "list", "form", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "headers"}
DATETIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?"
)
"""What of HTML's valid strings for `datetime` the pages use: a date, or a moment with its offset."""


def texts(world: World, crawl: Crawl, roles: Sequence[str] = ROLES) -> Iterator[tuple[str, str]]:
    """Every page with each of its different texts: name and HTML, as the roles that may read it get it."""
    seen: set[str] = set()
    for role in roles:
        for rule in page_rules(world, role):
            page = crawl.read("GET", rule, role, "mine")
            answer = page.answer
            if answer.status_code == 200 and answer.mimetype == "text/html" and answer.text not in seen:
                seen.add(answer.text)
                yield f"{page.path} as {role}", answer.text


class Page(HTMLParser):
    """The ids, references, moments, headings and green buttons of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.moments: list[str] = []
        self.levels: list[int] = []
        self.called_invalid: list[str] = []
        self.main_steps = 0
        self._closed = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what the start of an element says."""
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        attributes = dict(attrs)
        if "required" in attributes and "aria-invalid" not in attributes:
            self.called_invalid.append(attributes.get("name") or "")
        classes = (attributes.get("class") or "").split()
        is_shown = "open" in attributes or "on-desk" in classes
        if tag == "details" and (self._closed or not is_shown):
            self._closed += 1
        self.main_steps += "btn-go" in classes and not self._closed
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in REFERENCES:
                self.references += (value or "").split()
            elif name == "datetime":
                self.moments.append(value or "")
            elif name == "href" and value and len(value) > 1 and value.startswith("#"):
                self.references.append(value[1:])

    def handle_endtag(self, tag: str) -> None:
        """Notes the end of a part that is closed."""
        if tag == "details" and self._closed:
            self._closed -= 1

    def faults(self) -> set[str]:
        """What a validator would say of it."""
        repeated_ids = {f"id twice: {one}" for one in self.ids if self.ids.count(one) > 1}
        repeated_ids |= {f"refers to nothing: {one}" for one in self.references if one not in self.ids}
        repeated_ids |= {f"no moment: {one}" for one in self.moments if not DATETIME.fullmatch(one)}
        repeated_ids |= {f"called invalid while it is empty: {one}" for one in self.called_invalid}
        repeated_ids |= {f"{self.main_steps} green buttons"} if self.main_steps > 1 else set()
        steps = zip(self.levels, self.levels[1:], strict=False)
        return repeated_ids | {f"h{after} follows h{before}" for before, after in steps if after > before + 1}


@pytest.mark.parametrize(
    "roles", [("anonymous", "administrator"), pytest.param(ROLES, marks=pytest.mark.long)], ids=["some", "all"]
)
def test_ids_are_unique_references_exist_and_moments_are_valid_on_every_page(
    world: World, crawl: Crawl, roles: Sequence[str]
) -> None:
    faults, read = set(), 0
    for name, text in texts(world, crawl, roles):
        faults |= {f"{name}: {fault}" for fault in Page(text).faults()}
        read += 1
    assert faults == set()
    assert read > 90


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('<i id="a"></i><i id="a"></i>', {"id twice: a"}),
        ('<label for="b">B</label><a href="#">top</a>', {"refers to nothing: b"}),
        (
            '<time datetime="2026-11-27T07:52:03.564621+00:00">now</time>',
            {"no moment: 2026-11-27T07:52:03.564621+00:00"},
        ),
        ("<h1>A</h1><h3>B</h3>", {"h3 follows h1"}),
        ('<input name="c" required>', {"called invalid while it is empty: c"}),
        ('<h1 id="a">A</h1><h2 aria-labelledby="a">B</h2><time datetime="2026-11-27T07:52:03+00:00">now</time>', set()),
    ],
)
def test_what_is_looked_for_on_a_page_is_found(text: str, faults: set[str]) -> None:
    assert Page(text).faults() == faults


@pytest.mark.long
def test_the_nu_validator_finds_nothing_on_any_page(world: World, crawl: Crawl, tmp_path: Path) -> None:
    java = shutil.which("java") or lacks("Java", "java")
    install()
    names = {}
    for count, (name, text) in enumerate(texts(world, crawl)):
        path = tmp_path / f"{count}.html"
        path.write_text(text)
        names[path.name] = name
    command = [java, "-jar", str(MODULES / "vnu-jar/build/dist/vnu.jar"), "--format", "json", "--exit-zero-always"]
    ran = subprocess.run(
        [*command, *(str(tmp_path / name) for name in names)], capture_output=True, text=True, check=True
    )
    messages = json.loads(ran.stderr)["messages"]
    assert [f"{names[Path(one['url']).name]}: {one['message']}" for one in messages] == []
    assert len(names) > 90
