"""Whole numbers in addresses and parameters: none is larger than the database's columns."""

from __future__ import annotations

from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.routing import IntegerConverter

LARGEST = 2**31 - 1
"""The largest number that a key has on every database."""
_MOST_BYTES = 2**53


def whole(text: str) -> int:
    """The whole number that a parameter says: for `request.args.get(…, type=whole)`. Raises ValueError."""
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError(text)
    return number


def byte_count(text: str) -> int:
    """The size of a file that a parameter says, as `whole`, up to 9 petabytes. Raises ValueError."""
    number = int(text)
    if abs(number) > _MOST_BYTES:
        raise ValueError(text)
    return number


class _Whole(IntegerConverter):
    """`<int:…>` of an address, which has one spelling: no zeros before it and no digits of other scripts.

    With a larger number it is not found, whatever the method.
    """

    regex = "(?:0|[1-9][0-9]*)"

    def to_python(self, value: str) -> int:
        """The number. Raises NotFound, so that no other rule is tried."""
        number: int = super().to_python(value)
        if number > LARGEST:
            raise NotFound
        return number


def init_app(app: Flask) -> None:
    """Has every address read its numbers so."""
    app.url_map.converters["int"] = _Whole
