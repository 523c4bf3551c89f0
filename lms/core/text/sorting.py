"""The order of names: the same on every database, whatever its collation."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import String

KEY_LENGTH = 200
R = TypeVar("R")

# Letters that do not fall apart into a base and a mark
_PLAIN = {
    "ə": "e", "ı": "i", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "ø": "o", "ł": "l", "œ": "oe", "ħ": "h", "ŧ": "t"
}  # fmt: skip


class CharacterTable(dict[int, str]):
    """A table for `str.translate` that asks what becomes of a character once, for all but rare ones."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change

    def __missing__(self, code: int) -> str:
        value = self._change(chr(code))
        if code < _RARE:
            self[code] = value
        return value


_RARE = 0x10000
_BARE = CharacterTable(lambda char: "" if unicodedata.combining(char) else _PLAIN.get(char, char))


def sort_key(name: str) -> str:
    """The sort key of a name: without case and accents, so that Émile sorts near Emil and Ömer near Omer.

    Letters of other scripts are unchanged. The key of a key is itself.
    """
    if name.isascii():
        return name.lower()[:KEY_LENGTH]
    parts = unicodedata.normalize("NFKD", name.casefold()).casefold()
    return unicodedata.normalize("NFC", parts.translate(_BARE))[:KEY_LENGTH]


def collation_key(name: str, locale: str) -> tuple[bytes | str, ...]:
    """Returns what a short list is sorted by for readers of a language: Chinese by pronunciation, others as `sort_key`.

    The two levels of GB 2312 hold the characters in use by pronunciation; rarer ones follow them.
    """
    key = sort_key(name)
    return (key.encode("gb18030"), key) if locale.startswith("zh") else (key,)


def by_name(pairs: Iterable[tuple[R, str]], locale: str) -> list[tuple[R, str]]:
    """Pairs of something and its name, by name for readers of a language."""
    return sorted(pairs, key=lambda pair: collation_key(pair[1], locale))


def moved(rows: Sequence[R], row: R, place: int) -> list[R]:
    """These rows with one of them at another place, counted from 1."""
    others = [one for one in rows if one is not row]
    return [*others[: max(0, place - 1)], row, *others[max(0, place - 1) :]]


def sorted_text() -> Any:
    """The type of a column of such keys: compared by code points."""
    return String(KEY_LENGTH).with_variant(String(KEY_LENGTH, collation="C"), "postgresql")
