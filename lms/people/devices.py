"""The device that a browser names, coarsely: families of browsers and systems, and nothing that singles one out."""

from dataclasses import dataclass
from typing import Final

_BROWSERS: Final = (
    ("MicroMessenger/", "WeChat"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("UCBrowser/", "UC Browser"),
    ("QQBrowser/", "QQ Browser"),
    ("YaBrowser/", "Yandex Browser"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""In this order: most browsers also name those they descend from, which come last."""
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Device:
    """A family of browsers and one of systems; empty where unknown."""

    browser: str = ""
    system: str = ""


def describe(user_agent: str) -> Device:
    """The device that a `User-Agent` header names."""
    return Device(_first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent))


def _first(families: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in families if mark in user_agent), "")
