"""How well a name fits what was typed, where, and which letters of it did."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache

from lms.core.search_index import JOINED, LEAST, folded, search_words, searchable
from lms.core.sorting import sort_key


class Match(IntEnum):
    """The best comes first."""

    SAME = 0
    WORDS = 1
    BEGINS = 2
    PART = 3


def steps_of(words: Sequence[str]) -> list[tuple[Match, tuple[str, ...]]]:
    """What a `searchable` text contains at each step, from the narrowest to the widest.

    One letter is only looked for as a word, or at the beginning of a name.
    """
    if not words:
        return []
    steps = [
        (Match.SAME, (f"= {' '.join(words)} =",)),
        (Match.WORDS, tuple(f" {word} " for word in words)),
        (Match.BEGINS, tuple(map(_beginning, words)) if len("".join(words)) > 1 else (f"= {words[0]}",)),
        (Match.PART, tuple(word if len(word) >= LEAST else _beginning(word) for word in words)),
    ]
    return steps if len("".join(words)) > 1 else steps[:3]


def _beginning(word: str) -> str:
    return f" {word}" if len(word) > 1 else f" {word} "


def match_of(words: Sequence[str], stored: str) -> Match | None:
    """The narrowest step at which a `searchable` text fits."""
    return next((step for step, parts in steps_of(words) if all(part in stored for part in parts)), None)


def match_of_text(words: Sequence[str], text: str) -> Match | None:
    """As `match_of`, of a text as it is written."""
    return match_of(words, searchable(text))


def match_of_title(phrases: Sequence[str], title: str) -> Match | None:
    """As `match_of_text`, for phrases of `search_phrases`."""
    return match_of(phrases, folded(searchable(title)))


def is_mentioned(phrases: Sequence[str], text: str) -> bool:
    """Whether a longer text has, for each of the phrases (`search_phrases`), a word that begins with it. Single letters
    never match.

    Where words are written together, as Arabic writes its article, or without spaces, a part of a word is enough.
    """
    if len("".join(phrases)) < 2:
        return False
    stored = _stored(text)
    return bool(stored) and all(
        (phrase if len(phrase) >= LEAST and phrase[0] >= _WRITTEN_TOGETHER else _beginning(phrase)) in stored
        for phrase in phrases
    )


def is_in_any(phrases: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether each of the phrases (`search_phrases`) is a part of one of the texts."""
    stored = "".join(map(_stored, texts))
    return all(phrase in stored for phrase in phrases)


_WRITTEN_TOGETHER = "\u0590"
"""The first letter of the scripts from Hebrew and Arabic to those of East Asia."""


@lru_cache(maxsize=4096)
def _stored(text: str) -> str:
    """A longer text as it is compared, in passages that no key is too short for."""
    return folded(searchable(*_PASSAGE.findall(text)))


_PASSAGE = re.compile(r"\S.{0,99}(?=\s|$)|\S.{0,99}", re.DOTALL)


def excerpt_of(text: str, words: Sequence[str], *, length: int = 160) -> str:
    """The part of a text around the first place that fits, cut between words."""
    if len(text) <= length:
        return text
    first = next((len(before) for before, _piece in _places(text, words)), 0)
    start = max(0, min(first - length // 3, len(text) - length))
    start = text.rfind(" ", 0, start) + 1 if start else 0
    end = len(text) if start + length >= len(text) else text.rfind(" ", 0, start + length)
    end = end if end > start else start + length
    return f"{'… ' if start else ''}{text[start:end]}{' …' if end < len(text) else ''}"


def _places(text: str, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The text before each match, and the match."""
    before = ""
    for piece, fits in pieces_of(text, words):
        if fits:
            yield before, piece
        before += piece


def pieces_of(text: str, words: Sequence[str]) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it is what was looked for: of each word the first place, at the beginning of
    a word where there is one. Marks stay with their letter."""
    plain = list(map(_plain, text))
    starts, joined = [], ""
    for piece in plain:
        starts.append(len(joined))
        joined += piece
    fits = [False] * len(text)
    for word in words:
        at = f" {joined}".find(f" {word}")
        at = at if at >= 0 else joined.find(word)
        if at < 0:
            continue
        for place, (start, piece) in enumerate(zip(starts, plain, strict=True)):
            is_within = at <= start < at + len(word)
            fits[place] |= is_within if piece else place > 0 and fits[place - 1]
    pieces: list[tuple[str, bool]] = []
    for char, is_fit in zip(text, fits, strict=True):
        if pieces and pieces[-1][1] == is_fit:
            pieces[-1] = pieces[-1][0] + char, is_fit
        else:
            pieces.append((char, is_fit))
    return pieces


def compared(text: str) -> str:
    """A text of any length as `pieces_of` compares it."""
    return "".join(map(_plain, text))


def _plain(char: str) -> str:
    """A sign as it is compared: nothing for a mark, a space for punctuation."""
    if char in JOINED:
        return ""
    return sort_key(char) if search_words(char) or not sort_key(char) else " "
