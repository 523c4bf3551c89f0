"""Whole numbers in addresses and parameters: none is larger than the database's columns."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

LARGEST = 2**31 - 1
"""The largest number that a key has on every database."""


def whole(text: str) -> int:
    """The whole number that a parameter says: for `request.args.get(…, type=whole)`. Raises ValueError."""
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError(text)
    return number


class _Whole(IntegerConverter):
    """`<int:…>` of an address: a larger number leads to no page."""

    def __init__(
        self,
        map: Map,
        fixed_digits: int = 0,
        min: int | None = None,
        max: int | None = LARGEST,
        signed: bool = False,
    ) -> None:
        super().__init__(map, fixed_digits, min, max, signed)


def init_app(app: Flask) -> None:
    """Has every address read its numbers so."""
    app.url_map.converters["int"] = _Whole
