"""Finds the folders that ship with the code: migrations, seeds, static."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder, in a checkout (next to `lms/`) or in an installed wheel (inside it)."""
    inside = _PACKAGE / parts[0]
    base = inside if inside.exists() else _PACKAGE.parent / parts[0]
    return base.joinpath(*parts[1:])
