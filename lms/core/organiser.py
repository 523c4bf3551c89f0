"""The organiser, as the settings name it."""

from __future__ import annotations

from lms.core.settings import settings
from lms.setting_values import name_in


def organiser_in(code: str) -> str:
    """The organiser's name in a language, else the main one."""
    return name_in(settings().organiser_names, code) or settings().organiser


def issuer_in(name: str, code: str) -> str:
    """The name that is stored with what the organiser issued, in a language; one of earlier as it is."""
    return organiser_in(code) if name == settings().organiser else name


def organiser_name() -> str:
    """The organiser's name; no password may be made of it."""
    return settings().organiser
