"""Numbers and codes that people read aloud and type, in Crockford's base32 with its tolerance for typing errors."""

from __future__ import annotations

import re
import secrets
import unicodedata

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_MARKS = re.compile(r"[\s\-_.·‐-―−]+")  # every kind of dash and space that a keyboard or a printout brings
_FORGIVEN = str.maketrans("OIL", "011")


def draw_signs(length: int) -> str:
    """Returns random characters, five bits each."""
    return "".join(secrets.choice(SIGNS) for _place in range(length))


def read_signs(typed: str) -> str:
    """Normalises typed input: upper case, no separators, O read as 0, I and L as 1."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", typed)).upper().translate(_FORGIVEN)
