"""A cache per process and app, kept between requests. Store only data that can be read again at any time."""

from __future__ import annotations

from typing import Any

from flask import current_app


def memory(name: str) -> dict[Any, Any]:
    """A dictionary that lives as long as the app. Keys say all that an entry depends on; who writes replaces whole
    entries, so that other threads see the old one or the new one."""
    kept: dict[Any, Any] = current_app.extensions.setdefault(f"lms.memory.{name}", {})
    return kept
