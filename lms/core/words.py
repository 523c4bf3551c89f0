"""Every string a person reads goes through one of these: `_` (one), `_n` (singular and plural), `_l` (lazy)."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_babel import get_translations
from flask_babel.speaklater import LazyString


def catalogue() -> Any:
    """The translations of who reads: asked of Flask-Babel once a page, not once a string."""
    try:
        return g.catalogue
    except AttributeError:
        g.catalogue = found = get_translations()
        return found
    except RuntimeError:  # outside of any app
        return get_translations()


def _(text: str, /, **words: Any) -> str:
    said: str = catalogue().ugettext(text)
    return said % words if words else said


def _n(one: str, many: str, num: int, /, **words: Any) -> str:
    said: str = catalogue().ungettext(one, many, num)
    return said % {"num": num, **words}


def _l(text: str, /, **words: Any) -> LazyString:
    return LazyString(_, text, **words)


__all__ = ["_", "_l", "_n", "catalogue"]
