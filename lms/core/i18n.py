"""Every string a person reads goes through one of these: `_` (one), `_n` (singular and plural), `_l` (lazy)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from babel.support import NullTranslations, Translations
from flask import current_app, g, has_app_context
from flask_babel import get_translations
from flask_babel.speaklater import LazyString

from lms.core.resources import resource

LANGUAGES = ("en", "fr", "es", "ru", "ar", "zh", "pt")
"""Languages that pages and mail may be translated into. English is what everything is written in."""
SPOKEN = "lms.languages"
"""Where an application keeps those into which it is translated."""

_outside: Any = None


@lru_cache(maxsize=1)
def find_translated() -> tuple[str, ...]:
    """The languages that have a compiled catalogue, English first."""
    folder = resource("translations")
    return tuple(code for code in LANGUAGES if code == "en" or (folder / code / "LC_MESSAGES" / "messages.mo").exists())


def translated() -> tuple[str, ...]:
    """The languages that pages and mail really speak: no other may be chosen anywhere."""
    found: tuple[str, ...] | None = current_app.extensions.get(SPOKEN) if has_app_context() else None
    return found or find_translated()


def spoken(code: str | None) -> str:
    """The language for somebody who wishes for this one: it, where it is translated, else English."""
    return code if code in translated() else "en"


def use_language(code: str) -> None:
    """What is said from now on is in this language: for a process that has no application."""
    global _outside
    _outside = Translations.load(str(resource("translations")), [code]) if code != "en" else NullTranslations()


def catalogue() -> Any:
    """The translations of who reads: asked of Flask-Babel once a page, not once a string."""
    try:
        return g.catalogue
    except AttributeError:
        g.catalogue = found = get_translations()
        return found
    except RuntimeError:  # outside of any app
        return _outside or get_translations()


def _(text: str, /, **words: Any) -> str:
    said: str = catalogue().ugettext(text)
    return said % words if words else said


def _n(one: str, many: str, num: int, /, **words: Any) -> str:
    said: str = catalogue().ungettext(one, many, num)
    return said % {"num": num, **words}


def _l(text: str, /, **words: Any) -> LazyString:
    return LazyString(_, text, **words)
