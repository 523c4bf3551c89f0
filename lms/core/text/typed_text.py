"""Text that people typed, cleaned and checked, and codes that they read aloud and type.

Codes and numbers are in Crockford's base32, with its tolerance for typing errors.
"""

import re
import secrets
import unicodedata
from collections.abc import Collection
from dataclasses import field
from typing import Any

from lms.core.base.errors import Invalid
from lms.core.text.i18n import _

REASON_LENGTH = 1000
"""The maximum number of characters of a reason or an answer."""

_JOINERS = frozenset("\u200c\u200d")
_EMOJI_STYLE = "\ufe0f"
_BLANKS = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe0e\ufe0f")
_GONE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LINES = str.maketrans(dict.fromkeys("\r\x85\u2028\u2029", "\n") | dict.fromkeys("\t\x0b\x0c", " "))


def stated(
    default: Any,
    description: str = "",
    *,
    length: int | tuple[int, int] | None = None,
    among: Collection[str] | None = None,
) -> Any:
    """A field of an input dataclass, with what the API says and checks of it (`lms/web/api/inputs.py`).

    `length`: how long a text or list is at most, or (least, most). `among`: the values that it may have.
    """
    return field(default=default, metadata={"description": description, "length": length, "among": among})


def clean_line(text: str | None) -> str:
    """One line of text: NFC, without invisible characters, spaces folded; empty where nothing in it can be seen.

    Characters that steer the direction of writing go too, since they could show a name as another. Zero-width joiners
    stay between letters of scripts that write with them (Persian, Bengali, Sinhala, …) and within an emoji.
    """
    line = text or ""
    if line.isascii():
        if line.isprintable():
            return " ".join(line.split())
    else:
        line = unicodedata.normalize("NFC", " ".join(line.split()))
    line = " ".join(_visible(" ".join(line.split())).split())
    return line if line.isascii() or any(unicodedata.category(char)[0] != "M" for char in line) else ""


def clean_text(text: str | None) -> str:
    """A text of several lines, each without what `clean_line` takes out; the spaces within a line stay as they are."""
    whole = (text or "").replace("\r\n", "\n").translate(_LINES)
    if not whole.isascii():
        whole = unicodedata.normalize("NFC", whole)
    return "\n".join(
        line if line.isprintable() and line.isascii() else _visible(line) for line in whole.split("\n")
    ).strip()


def is_visible(char: str) -> bool:
    """Whether a character is kept wherever it is: it can be seen, or is a space."""
    return char not in _BLANKS and unicodedata.category(char) not in _GONE


def _visible(line: str) -> str:
    if line.isprintable() and _BLANKS.isdisjoint(line):  # the categories that go are not printable
        return line
    text = "".join(char for index, char in enumerate(line) if _is_kept(line, index, char))
    return unicodedata.normalize("NFC", text)


def _is_kept(line: str, index: int, char: str) -> bool:
    if char in _JOINERS:
        around = line[index - 1 : index] + line[index + 1 : index + 2]
        return len(around) == 2 and all(_is_joined(near) for near in around)
    if char == _EMOJI_STYLE:
        return index > 0 and unicodedata.category(line[index - 1]) == "So"
    return is_visible(char)


def _is_joined(char: str) -> bool:
    category = unicodedata.category(char)
    return (char > "\u0600" and category[0] in "LM") or category in {"So", "Sk"}


def checked_words(text: str | None, field: str = "reason", *, lack: str | None = None) -> str:
    """Cleaned text from a person; empty if nothing in it is visible.

    Raises Invalid at `field` where it is too long, or where it is empty and `lack` says what is missing.
    """
    words = clean_text(text)
    if len(words) > REASON_LENGTH:
        raise Invalid(field, _("Use at most %(n)s characters.", n=REASON_LENGTH))
    if clean_line(words):
        return words
    if lack is not None:
        raise Invalid(field, lack)
    return ""


SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_MARKS = re.compile(r"[\s\-_.·‐-―−]+")  # every kind of dash and space that a keyboard or a printout brings
_FORGIVEN = str.maketrans("OIL", "011")


def draw_signs(length: int) -> str:
    """Returns random characters, five bits each."""
    return "".join(secrets.choice(SIGNS) for _place in range(length))


def read_signs(typed: str) -> str:
    """Normalises typed input: upper case, no separators, O read as 0, I and L as 1."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", typed)).upper().translate(_FORGIVEN)
