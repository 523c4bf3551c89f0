"""A finding: one line of `lms check`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lms.config import Config


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """The finding of a check. `remedy` says what to do, where something is wrong."""

    level: Level
    about: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class CheckContext:
    """The arguments of a check: the settings, the time, and whether only what is quick is wanted."""

    config: Config
    at: datetime
    is_quick: bool = False


def ok(about: str, text: str) -> Finding:
    """Nothing is wrong."""
    return Finding(Level.OK, about, text)


def warning(about: str, text: str, remedy: str) -> Finding:
    """Something may go wrong."""
    return Finding(Level.WARNING, about, text, remedy)


def fault(about: str, text: str, remedy: str) -> Finding:
    """Something is wrong: `lms check` exits with 1."""
    return Finding(Level.FAULT, about, text, remedy)
