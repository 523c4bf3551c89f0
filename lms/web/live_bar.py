"""Which live lectures a reader has closed the bar of: a cookie with their ids."""

from __future__ import annotations

from flask import request

CLOSED_LIVE = "closed_live"
MOST_CLOSED = 20
_LONGEST = 12


def read_ids(text: str) -> list[int]:
    """The ids of lectures in a text such as `12.15`; what is no id is left out."""
    parts = text[: MOST_CLOSED * (_LONGEST + 1)].split(".")
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= _LONGEST]


def closed_live() -> list[int]:
    """The lectures of which the reader has closed the bar."""
    return read_ids(request.cookies.get(CLOSED_LIVE, ""))
