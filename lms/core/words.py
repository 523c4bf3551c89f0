"""Every string a person reads goes through one of these: `_` (one), `_n` (singular and plural), `_l` (lazy)."""

from __future__ import annotations

from collections.abc import Callable

from flask_babel import gettext, lazy_gettext, ngettext

_: Callable[..., str] = gettext
_n: Callable[..., str] = ngettext
_l = lazy_gettext

__all__ = ["_", "_l", "_n"]
