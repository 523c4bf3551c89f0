"""Finds characters of a text that no installed font has, before a certificate gets its number."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont
from fontTools.unicodedata import script

from lms.core.punctuation import listed

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


def named(signs: Sequence[str], limit: int = 5) -> str:
    """Formats the characters so that readers can look them up: `王 (U+738B), 小 (U+5C0F)`, with a count of more."""
    shown = [f"{sign} ({' '.join(f'U+{ord(part):04X}' for part in sign)})" for sign in signs[:limit]]
    return listed(shown) + (f" +{len(signs) - limit}" if len(signs) > limit else "")
