"""What `static/build.py` made: named by its content, light, in both directions of writing, and nobody else's."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from lms.web.pages.assets import manifest
from tests.rows import each_row

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "static/build"


def templates() -> Iterator[tuple[str, str]]:
    """Every page's name and its text without comments."""
    for path in (ROOT / "lms").rglob("templates/**/*.html"):
        yield path.name, re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def built(name: str) -> bytes:
    return (BUILD / manifest()[name]).read_bytes()


def test_every_page_finds_its_assets() -> None:
    named = {name for _page, text in templates() for name in re.findall(r"""asset\(["']([^"']+)["']\)""", text)}
    assert {"serai.css", "favicon.svg", "land.svg", "htmx.js"} <= named
    assert named - manifest().keys() == set()


def test_names_follow_the_content() -> None:
    for name, file in manifest().items():
        assert hashlib.sha256(built(name)).hexdigest()[:12] == file.split(".")[-2]
        packed = BUILD / f"{file}.gz"
        assert not packed.exists() or gzip.decompress(packed.read_bytes()) == built(name)


def test_stylesheet_is_light() -> None:
    assert len(gzip.compress(built("serai.css"), 9)) <= 12_000


@each_row("name", ["serai.css", "room.css", "desk.css", "api.css"])
def test_stylesheet_is_logical_and_reaches_nowhere(name: str) -> None:
    css = built(name).decode()
    assert re.findall(r"[;{](?:left|right|(?:margin|padding|border)-(?:left|right)[a-z-]*):", css) == []
    assert re.findall(r"(?:text-align|float|clear):(?:left|right)\b", css) == []
    assert re.findall(r"url\(|@import|https?:", css) == []


def test_our_scripts_are_small() -> None:
    ours = [path.name for path in (ROOT / "static/js").glob("*.js")]
    assert "page.js" in ours
    ours.remove("player.js")  # hls.js, loaded once there is something to play
    ours.remove("studio.js")  # loaded by those who give a lecture
    # A fifth above what the largest take: a library that comes along is more. What pages weigh is in test_weight.py
    assert [name for name in ours if len(gzip.compress(built(name), 9)) > 7_500] == []
    assert len(gzip.compress(built("studio.js"), 9)) < 8_400
    assert len(gzip.compress(built("player.js"), 9)) < 125_000


def test_lock_names_no_download_host() -> None:
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_templates_hold_no_styles_and_no_scripts_of_their_own() -> None:
    """The content policy would refuse them in silence."""
    inline = r"\sstyle=|<style|<script(?![^>]*\b(?:src|nonce)=)(?![^>]*ld\+json)[^>]*>|\son[a-z]+=[\"']|javascript:"
    assert [f"{page}: {piece}" for page, text in templates() for piece in re.findall(inline, text)] == []


def test_fonts_of_linux_come_before_its_default() -> None:
    """`system-ui` is DejaVu Sans on a plain Linux, and what follows it is never used for Latin letters."""
    stack = re.search(r"--sans:([^;}]*)", built("serai.css").decode())
    assert stack is not None
    families = [name.strip(' "') for name in stack[1].split(",")]
    assert families.index("Inter") < families.index("Noto Sans") < families.index("system-ui")
    assert families[-1] == "sans-serif"
