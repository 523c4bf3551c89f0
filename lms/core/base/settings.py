"""The settings of the application, what they say of the organiser and of limits, and the folders that ship with it."""

from pathlib import Path

from flask import current_app

from lms.config import Config
from lms.setting_values import name_in


def settings() -> Config:
    """Returns the settings that the current application was made with."""
    config: Config = current_app.extensions["lms.config"]
    return config


def signing_secrets() -> list[str]:
    """The secrets of the site: the one that signs, then those of earlier, which are still read."""
    return [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]


def addresses_per_day() -> int | None:
    """How many people one may enrol by e-mail address in 24 hours; null for no limit, as in a demonstration."""
    config = settings()
    return None if config.is_demonstration else config.addresses_per_day


def organiser_in(code: str) -> str:
    """The organiser's name in a language, else the main one."""
    return name_in(settings().organiser_names, code) or settings().organiser


def issuer_in(name: str, code: str) -> str:
    """The name that is stored with what the organiser issued, in a language; one of earlier as it is."""
    return organiser_in(code) if name == settings().organiser else name


def organiser_name() -> str:
    """The organiser's name; no password may be made of it."""
    return settings().organiser


_PACKAGE = Path(__file__).resolve().parents[2]


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder, in a checkout (next to `lms/`) or in an installed wheel (inside it)."""
    inside = _PACKAGE / parts[0]
    base = inside if inside.exists() else _PACKAGE.parent / parts[0]
    return base.joinpath(*parts[1:])
