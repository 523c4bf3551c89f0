"""Every string a person reads goes through one of these: `_` (one), `_n` (singular and plural), `_l` (lazy)."""

from __future__ import annotations

from typing import Any

from babel.support import NullTranslations, Translations
from flask import g
from flask_babel import get_translations
from flask_babel.speaklater import LazyString

from lms.core.resources import resource

_outside: Any = None


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


__all__ = ["_", "_l", "_n", "catalogue", "use_language"]
