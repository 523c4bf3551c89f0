"""Numbers and codes that people read aloud and type: Crockford's base32, and what is forgiven in it."""

from __future__ import annotations

import re
import secrets
import unicodedata

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_MARKS = re.compile(r"[\s\-_.·‐-―−]+")  # every kind of dash and space that a keyboard or a printout brings
_FORGIVEN = str.maketrans("OIL", "011")


def draw_signs(length: int) -> str:
    """So many random signs, five bits each."""
    return "".join(secrets.choice(SIGNS) for _place in range(length))


def read_signs(typed: str) -> str:
    """What was typed without the marks between groups, in capitals; O reads as 0, I and L as 1."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", typed)).upper().translate(_FORGIVEN)
