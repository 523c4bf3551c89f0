"""Documents on paper: typst sets them as PDF/A-2a and PDF/UA-1, with fonts of the product's own installation only.

The same content gives the same bytes: nothing is read from the clock, the system's fonts or the network. Characters
that no installed font has are found before a document is set: a certificate is refused before it gets its number, in
all else a box is drawn for them (`drawable`).
"""

import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import structlog
import typst
from babel import Locale
from fontTools.ttLib import TTCollection, TTFont
from fontTools.unicodedata import script

from lms.core.base.errors import Busy
from lms.core.base.settings import resource, settings
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed

log = structlog.get_logger(__name__)

# Always both: under PDF/A a missing glyph is an error, in plain PDF a silent box.
STANDARDS: tuple[Literal["a-2a", "ua-1"], ...] = ("a-2a", "ua-1")
LIMIT_SECONDS = 30
"""How long a document may take, and how long a caller waits until the documents before it are done."""
MOST_STUCK = 4
"""A process starts no further documents while this many over the time limit are still being set."""
_one_at_a_time = threading.Lock()
_stuck: list[threading.Thread] = []


class CannotRender(Exception):
    """The document could not be set; the message is the typesetter's."""


class TypesettingTimeout(Busy):
    """Setting the document, or waiting for other documents, took too long (503)."""

    def __init__(self) -> None:
        super().__init__(_("This file could not be prepared in time. Wait a minute and try again."))


def font_folders() -> list[Path]:
    """Where fonts are: our own installation, then the folders of LMS_FONTS."""
    built_in = [resource("static", "build", "fonts"), resource("static", "build", "fonts-large")]
    named = settings().fonts
    return built_in + [Path(folder) for folder in named.split(":") if folder]


def can_draw(language: str) -> bool:
    """Whether the installed fonts have the letters of a language: of its name and of its months."""
    locale = Locale.parse(language, sep="-")
    words = [locale.get_display_name(locale) or "", *locale.months["format"]["wide"].values()]
    return not missing_signs("".join(words), coverage(font_folders()))


def tongue(language: str) -> dict[str, str | None]:
    """A BCP 47 tag in the parts that typst takes: `lang` and `region`."""
    primary, *rest = language.replace("_", "-").split("-")
    region = next((part.upper() for part in rest if len(part) == 2), None)
    if primary == "zh" and region is None:
        region = "TW" if "Hant" in rest else "CN"
    return {"lang": primary.lower(), "region": region}


@lru_cache(maxsize=4)
def _compiler(template: Path, _files: "tuple[FontFile, ...]", folders: tuple[str, ...]) -> typst.Compiler:
    """One compiler a process, template and set of fonts; a file that is new or changed makes a new one."""
    return typst.Compiler(str(template), root=str(template.parent), font_paths=list(folders), ignore_system_fonts=True)


def typeset(template: Path, inputs: Mapping[str, str], folders: Sequence[Path]) -> bytes:
    """Returns what a template makes of its inputs, as PDF.

    Raises CannotRender, above all for a character that no font has, and TypesettingTimeout.
    """
    return _in_time(
        template,
        lambda: _compiler_of(template, folders).compile(
            format="pdf", sys_inputs=dict(inputs), pdf_standards=[*STANDARDS], timestamp=0
        ),
    )


def draw(template: Path, inputs: Mapping[str, str], folders: Sequence[Path], *, ppi: float) -> bytes:
    """Returns what a template makes of its inputs, as PNG with `ppi` pixels an inch. Raises as `typeset` does."""
    return _in_time(
        template, lambda: _compiler_of(template, folders).compile(format="png", sys_inputs=dict(inputs), ppi=ppi)
    )


def draw_without_limit(template: Path, inputs: Mapping[str, str], *, ppi: float) -> bytes:
    """Draws as `draw` does, in the calling thread: for a child of `foreign_process`, which has its own limits.

    Raises CannotRender.
    """
    try:
        return _document_of(_compiler_of(template, ()).compile(format="png", sys_inputs=dict(inputs), ppi=ppi))
    except typst.TypstError as error:
        raise CannotRender(str(error)) from error


def _compiler_of(template: Path, folders: Sequence[Path]) -> typst.Compiler:
    return _compiler(template, font_files(folders), tuple(str(folder) for folder in folders))


def _in_time(template: Path, work: Callable[[], object]) -> bytes:
    """Sets one document at a time, in a separate thread: a compiler that never returns cannot be interrupted."""
    began = time.monotonic()
    if not _one_at_a_time.acquire(timeout=LIMIT_SECONDS):
        raise _too_late(template, began, "waiting for other documents")
    try:
        _stuck[:] = [thread for thread in _stuck if thread.is_alive()]
        if len(_stuck) >= MOST_STUCK:
            raise _too_late(template, began, "too many documents are stuck")
        result: Future[object] = Future()
        thread = threading.Thread(target=_settle, args=(result, work), name="typesetting", daemon=True)
        thread.start()
        try:
            document = result.result(LIMIT_SECONDS)
        except TimeoutError as error:
            _stuck.append(thread)
            _compiler.cache_clear()  # the stuck thread may hold a lock of its compiler
            raise _too_late(template, began, "setting the document") from error
    finally:
        _one_at_a_time.release()
    return _document_of(document)


def _document_of(result: object) -> bytes:
    if not isinstance(result, bytes):
        raise CannotRender("one document of one page was asked for")
    return result


def _settle(result: Future[object], work: Callable[[], object]) -> None:
    try:
        result.set_result(work())
    except typst.TypstError as error:
        failure = CannotRender(str(error))
        failure.__cause__ = error
        result.set_exception(failure)
    except BaseException as error:
        result.set_exception(error)


def _too_late(template: Path, began: float, phase: str) -> TypesettingTimeout:
    seconds = round(time.monotonic() - began, 1)
    log.error("typesetting took too long", template=template.name, phase=phase, seconds=seconds)
    return TypesettingTimeout()


BOX = "□"
FONT_KINDS = frozenset({".ttf", ".otf", ".ttc", ".otc"})

# Characters that are never drawn but affect their neighbours: joiners, breaks, direction.
_STEERING = frozenset("\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f\u2060")

# Signs that turn the direction of what follows: a name that shows other letters than it has is no name.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

FontFile = tuple[str, int, int]
Coverage = tuple[frozenset[int], ...]


def font_files(folders: Sequence[Path]) -> tuple[FontFile, ...]:
    """Every font file in the folders, with size and time of change, so that a new installation is seen."""
    files: list[FontFile] = []
    for folder in folders:
        for file in sorted(folder.glob("*")) if folder.is_dir() else []:
            if file.suffix.lower() in FONT_KINDS:
                status = file.stat()
                files.append((str(file), status.st_size, status.st_mtime_ns))
    return tuple(files)


@lru_cache(maxsize=8)
def _coverage(files: tuple[FontFile, ...]) -> Coverage:
    """Returns the code points of each font, largest first, without fonts of equal coverage."""
    coverages: set[frozenset[int]] = set()
    for path, _size, _changed in files:
        if path.lower().endswith("c"):
            with TTCollection(path, lazy=True) as collection:
                coverages.update(_drawn_by(font) for font in collection.fonts)
        else:
            with TTFont(path, lazy=True) as font:
                coverages.add(_drawn_by(font))
    return tuple(sorted(coverages, key=len, reverse=True))


def coverage(folders: Sequence[Path]) -> Coverage:
    """Returns what the fonts currently in the folders can draw. Call it once for many texts."""
    return _coverage(font_files(folders))


def _drawn_by(font: TTFont) -> frozenset[int]:
    """Returns what the font draws, without control characters, which PDF/A forbids."""
    # The table of characters refers to glyphs by name: naming them takes four times as long as counting
    font.setGlyphOrder([str(number) for number in range(font["maxp"].numGlyphs)])
    return frozenset(
        point
        for point in font.getBestCmap() or ()
        if point != 0xFEFF and chr(point) not in _TURNING and unicodedata.category(chr(point)) not in ("Cc", "Co", "Cs")
    )


def _is_drawn(sign: str) -> bool:
    return not (sign.isspace() or sign in _STEERING or 0xFE00 <= ord(sign) <= 0xFE0F)


def _clusters(text: str) -> Iterator[str]:
    """The text in pieces that one font must set alone: a character with the accents that share its script."""
    cluster = ""
    for sign in filter(_is_drawn, text):
        is_mark = unicodedata.category(sign).startswith("M")
        if cluster and (script(sign) == "Zinh" or (is_mark and script(cluster[0]) in ("Zyyy", "Zinh"))):
            cluster += sign
            continue
        if cluster:
            yield cluster
        cluster = sign
    if cluster:
        yield cluster


def _has(font: frozenset[int], sign: str) -> bool:
    """Returns whether the font can set the character, composed or, as a shaper would, decomposed."""
    if ord(sign) in font:
        return True
    parts = unicodedata.normalize("NFD", sign)
    return len(parts) > 1 and all(ord(part) in font for part in parts)


@dataclass(frozen=True)
class _Plain:
    """Characters that need no individual check: some font has them, and they form separate clusters.

    `marks` do so unless characters of `common` (used in several scripts) precede them.
    """

    alone: frozenset[int]
    marks: frozenset[int]
    common: frozenset[int]


@lru_cache(maxsize=8)
def _plain(fonts: Coverage) -> _Plain:
    had: frozenset[int] = frozenset().union(*fonts)
    scripts = {point: script(chr(point)) for point in had}
    marks = {point for point in had if unicodedata.category(chr(point)).startswith("M")}
    alone = {point for point in had - marks if scripts[point] != "Zinh"} | {ord(sign) for sign in _STEERING | {" "}}
    return _Plain(
        alone=frozenset(alone),
        marks=frozenset(point for point in marks if scripts[point] != "Zinh"),
        common=frozenset(point for point in had if scripts[point] == "Zyyy" and _is_drawn(chr(point))),
    )


def missing_signs(text: str, fonts: Coverage) -> tuple[str, ...]:
    """Returns the characters of the text that would print as a box, each once, in order of appearance.

    If a letter and its accent each exist but no font has both, the pair is returned as one.
    """
    points = set(map(ord, text))
    if fonts and fonts[0].issuperset(points):
        return ()
    plain = _plain(fonts)
    marks = points - plain.alone
    stands = marks <= plain.marks and (not marks or plain.common.isdisjoint(points))
    if stands and unicodedata.is_normalized("NFC", text):
        return ()
    missing: dict[str, None] = {}
    for cluster in dict.fromkeys(_clusters(unicodedata.normalize("NFC", text))):
        if any(all(_has(font, sign) for sign in cluster) for font in fonts):
            continue
        alone = [sign for sign in cluster if not any(_has(font, sign) for font in fonts)]
        missing.update(dict.fromkeys(alone or [cluster]))
    return tuple(missing)


def box_of(fonts: Coverage) -> str:
    """The sign that stands for a character that no font has: a box, or a question mark where no font has that."""
    return "?" if missing_signs(BOX, fonts) else BOX


def drawable(content: Any, fonts: Coverage) -> tuple[Any, bool]:
    """A text, or the texts of lists and mappings, with a box in the place of what no font has; and whether anything was
    replaced. A character of several, such as an emoji of a family, is one box."""
    if isinstance(content, str):
        missing = missing_signs(content, fonts)
        if not missing:
            return content, False
        text, box = unicodedata.normalize("NFC", content), box_of(fonts)
        for sign in missing:
            text = text.replace(sign, box)
        return re.sub(f"{re.escape(box)}[\ufe0e\ufe0f]?(?:\u200d{re.escape(box)}[\ufe0e\ufe0f]?)*", box, text), True
    if isinstance(content, dict):
        parts = {name: drawable(value, fonts) for name, value in content.items()}
        return {name: part for name, (part, _changed) in parts.items()}, any(c for _part, c in parts.values())
    if isinstance(content, list | tuple):
        values = [drawable(value, fonts) for value in content]
        return [part for part, _changed in values], any(changed for _part, changed in values)
    return content, False


def replaced_words(fonts: Coverage) -> str:
    """The footnote of a document with boxes in it."""
    sign = box_of(fonts)
    return _("“%(sign)s” replaces characters that no installed font has. The page on screen shows them.", sign=sign)


def named(signs: Sequence[str], limit: int = 5) -> str:
    """Formats the characters so that readers can look them up: `王 (U+738B), 小 (U+5C0F)`, with a count of more."""
    shown = [f"{sign} ({' '.join(f'U+{ord(part):04X}' for part in sign)})" for sign in signs[:limit]]
    return listed(shown) + (f" +{len(signs) - limit}" if len(signs) > limit else "")
