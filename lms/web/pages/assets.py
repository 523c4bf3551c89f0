"""Built assets, and the bar of live lectures.

`asset("serai.css")` is the address of the built file, with a hash of its content in the name. A cookie has the ids
of the live lectures of which a reader has closed the bar.
"""

import json
import os
from functools import lru_cache
from pathlib import Path

from flask import request, url_for

from lms.core.base.settings import resource

_LISTING = str(resource("static", "build", "manifest.json"))


@lru_cache(maxsize=4)
def _manifest(path: str, _changed: float) -> dict[str, str]:
    names: dict[str, str] = json.loads(Path(path).read_text(encoding="utf-8"))
    return names


def manifest() -> dict[str, str]:
    """Logical name → built name; empty where nothing has been built."""
    try:
        return _manifest(_LISTING, os.stat(_LISTING).st_mtime)  # noqa: PTH116 - the cheap way: several times a page
    except FileNotFoundError:
        return {}


def asset(name: str) -> str:
    """The address of a built asset; it may be kept by browsers for ever."""
    return url_for("static", filename=manifest().get(name, name))


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
