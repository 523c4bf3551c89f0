"""Punctuation between words that are not part of one message, as the reader's language writes it."""

from collections.abc import Iterable
from typing import Literal

from markupsafe import Markup, escape

from lms.core.text.i18n import _, reader_locale

Mark = Literal[",", ";"]

_SEPARATORS: dict[tuple[str, Mark], str] = {
    ("ar", ","): "، ",
    ("ar", ";"): "؛ ",
    ("zh", ","): "、",
    ("zh", ";"): "；",
}


def _is_chinese() -> bool:
    return reader_locale()[:2] == "zh"


def separator(mark: Mark = ",") -> str:
    """Returns what stands between two things of a list: a comma, or a semicolon where the things have commas."""
    return _SEPARATORS.get((reader_locale()[:2], mark), f"{mark} ")


def listed(items: Iterable[object], mark: Mark = ",") -> str:
    """A list of things; where one of them is markup the others are escaped, and the list is markup."""
    words = list(items)
    if any(hasattr(word, "__html__") for word in words):
        return Markup(separator(mark)).join(map(escape, words))  # noqa: S704 - a constant
    return separator(mark).join(str(word) for word in words)


def at_start(text: str) -> str:
    """Returns a text as it begins a line, with a large letter: many languages write months and languages small."""
    return text[:1].upper() + text[1:]


def comma() -> str:
    """Returns what stands between two phrases that are no list: Chinese has another comma there."""
    return "，" if _is_chinese() else separator()


def colon() -> str:
    """Returns what stands between a label and its value: French has a space before it."""
    return _("%(what)s: %(n)s", what="", n="")


def full_stop(words: str = "") -> str:
    """The end of a sentence with these words; nothing after an abbreviation, such as that of the year in Russian."""
    if words.rstrip().endswith("."):
        return ""
    return "。" if _is_chinese() else "."


def gap() -> str:
    """Returns what stands between two sentences, and before a bracket: nothing in Chinese."""
    return "" if _is_chinese() else " "


def quoted(words: str) -> str:
    """A name or title in quotation marks."""
    return _("“%(title)s”", title=words)
