"""The organiser, as the settings name it."""

from __future__ import annotations

from lms.core.settings import settings


def organiser_name() -> str:
    """The organiser's name; no password may be made of it."""
    return settings().organiser
