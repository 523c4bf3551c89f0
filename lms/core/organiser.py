"""The organiser, as the settings name it."""

from __future__ import annotations

from lms.core.settings import settings
from lms.setting_values import name_in


def organiser_in(code: str) -> str:
    """The organiser's name in a language, else the main one."""
    return name_in(settings().organiser_names, code) or settings().organiser


def organiser_name() -> str:
    """The organiser's name; no password may be made of it."""
    return settings().organiser
