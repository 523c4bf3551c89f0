"""A cache per process and app, kept between requests. Store only data that can be read again at any time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from flask import current_app

from lms.core import cache_versions

T = TypeVar("T")
MOST_KEPT = 32
"""The number of entries cached of a kind."""


def memory(name: str) -> dict[Any, Any]:
    """A dictionary that lives as long as the app. Keys say all that an entry depends on; who writes replaces whole
    entries, so that other threads see the old one or the new one."""
    entries: dict[Any, Any] = current_app.extensions.setdefault(f"lms.memory.{name}", {})
    return entries


def kept_until_changed(stamp: str, key: Hashable, read: Callable[[], T], *, name: str = "") -> T:
    """What `read` answers, kept until a stamp changes (`core.cache_versions`): the `MOST_KEPT` entries of a `name`, by
    default that of the stamp, that were read last. The key says all that an entry depends on besides."""
    entries = memory(name or stamp)
    version = cache_versions.stamp_of(stamp)  # before the cached data is read
    entry: tuple[int | None, T] | None = entries.get(key)
    if entry is None or entry[0] != version:
        entry = version, read()
        entries.pop(key, None)
        entries[key] = entry
        while len(entries) > MOST_KEPT:
            entries.pop(next(iter(entries)), None)
    return entry[1]
