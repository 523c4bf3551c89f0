"""A cache per process and app, kept between requests. Store only data that can be read again at any time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from flask import current_app

from lms.core import cache_versions

T = TypeVar("T")
MOST_KEPT = 32
"""So many entries are kept of a kind."""


def memory(name: str) -> dict[Any, Any]:
    """A dictionary that lives as long as the app. Keys say all that an entry depends on; who writes replaces whole
    entries, so that other threads see the old one or the new one."""
    kept: dict[Any, Any] = current_app.extensions.setdefault(f"lms.memory.{name}", {})
    return kept


def kept_until_changed(stamp: str, key: Hashable, read: Callable[[], T], *, name: str = "") -> T:
    """What `read` answers, kept until a stamp changes (`core.cache_versions`): the `MOST_KEPT` entries of a `name`, by
    default that of the stamp, that were read last. The key says all that an entry depends on besides."""
    kept = memory(name or stamp)
    version = cache_versions.stamp_of(stamp)  # before what it stands for is read
    found: tuple[int | None, T] | None = kept.get(key)
    if found is None or found[0] != version:
        found = version, read()
        kept.pop(key, None)
        kept[key] = found
        while len(kept) > MOST_KEPT:
            kept.pop(next(iter(kept)), None)
    return found[1]
