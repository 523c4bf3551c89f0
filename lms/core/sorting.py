"""The order of names: the same on every database, whatever its collation."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import String

KEY_LENGTH = 200
R = TypeVar("R")

# Letters that do not fall apart into a base and a mark
_PLAIN = str.maketrans(
    {"ə": "e", "ı": "i", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "ø": "o", "ł": "l", "œ": "oe", "ħ": "h", "ŧ": "t"}
)


def sort_key(name: str) -> str:
    """What a name is sorted by: without case and marks, so that Émile stands beside Emil and Ömer beside Omer.

    Letters of other scripts stay as they are. The key of a key is itself.
    """
    if name.isascii():
        return name.lower()[:KEY_LENGTH]
    parts = unicodedata.normalize("NFKD", name.casefold()).casefold().translate(_PLAIN)
    bare = "".join(sign for sign in parts if not unicodedata.combining(sign))
    return unicodedata.normalize("NFC", bare)[:KEY_LENGTH]


def moved(rows: Sequence[R], row: R, place: int) -> list[R]:
    """These rows with one of them at another place, counted from 1."""
    others = [one for one in rows if one is not row]
    return [*others[: max(0, place - 1)], row, *others[max(0, place - 1) :]]


def sorted_text() -> Any:
    """The type of a column of such keys: compared by code points."""
    return String(KEY_LENGTH).with_variant(String(KEY_LENGTH, collation="C"), "postgresql")
