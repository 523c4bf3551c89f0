"""Finds English words in what somebody reads in another language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml import html
from sqlalchemy import String, cast, select
from sqlalchemy.types import JSON

from lms.core.base.settings import settings
from lms.core.database.session import Base, db

WORDS = re.compile(r"(?<!\w)[A-Za-z][a-z’'-]+(?: +[A-Za-z][a-z’'-]+)*(?!\w)")
ATTRIBUTES = ("title", "alt", "placeholder", "aria-label", "label")
NAMES = frozenset(
    [
        "Serai", "Zoom", "Teams", "Webex", "Moodle", "Google", "Outlook", "LinkedIn", "Chrome", "Firefox", "Safari",
        "Unicode", "English", "Kenya", "cookie", "government", "business", "academia", "other", "vtt", "srt",
        "Fatima", "Zahra", "Benali", "Achieng", "Odhiambo", "Nameless",
    ]
)  # fmt: skip
"""Names that stay as they are: of products and standards, values of files, and of people in examples."""
SAMPLES = (
    "Apple", "Apple Calendar", "Google Calendar", "Google Meet", "Microsoft", "Microsoft Teams", "Open Badges",
    "Tencent Meeting",
    "Getting paid", "Cross-border e-commerce for small exporters", "The lecturer is ill", "Dear The Trainee",
    "Enter the e-mail address",
)  # fmt: skip
"""Names of several words, what people wrote in examples and in a message with a name, and a reason that was stored."""


def written_by_people() -> str:
    """Every text of the current app's database, and the names that its settings have."""
    config = settings()
    texts = [config.organiser, config.signatory, config.signatory_office, config.organiser_city]
    for table in Base.metadata.sorted_tables:
        columns = [column for column in table.columns if isinstance(column.type, String | JSON)]
        if columns:
            for row in db.session.execute(select(*(cast(column, String) for column in columns))):
                texts += [value for value in row if value]
    return "\n".join(texts)


def texts_of(page: str) -> Iterator[str]:
    """What a reader of a page sees or hears, without what is marked as English or as not to be translated."""
    return _texts_in(html.fromstring(page))


def _texts_in(element: html.HtmlElement) -> Iterator[str]:
    if isinstance(element.tag, str) and not _is_marked(element):
        yield element.text or ""
        yield from (element.get(name, "") for name in ATTRIBUTES)
        if element.tag == "input" and element.get("type") == "submit":
            yield element.get("value", "")
        for child in element:
            yield from _texts_in(child)
            yield child.tail or ""


def _is_marked(element: html.HtmlElement) -> bool:
    """Whether an element is not read, is in another language, or is a place of the list of time zones."""
    return (
        element.tag in {"script", "style", "code", "kbd", "samp", "template"}
        or element.get("translate") == "no"
        or (element.tag != "html" and element.get("lang") is not None)
        or (element.tag == "option" and "UTC" in (element.text or ""))
    )


def english_in(texts: Iterable[str], data: str) -> Iterator[tuple[str, str]]:
    """English phrases that do not come from the data, each with the text around it."""
    for text in texts:
        for match in WORDS.finditer(re.sub(r"\S*[@/_\d]\S*|\w+\.\w\S*", " ", text)):
            phrase = match[0]
            if phrase not in data and phrase not in SAMPLES and not NAMES.issuperset(phrase.split()):
                yield phrase, " ".join(text.split())[:100]


_BLOCKS = frozenset(
    {"p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "h4", "caption", "figcaption", "label", "legend", "title"}
)


def blocks_of(page: str) -> Iterator[str]:
    """The text of each paragraph, cell, heading or label of a page as it is read in one go."""
    yield from _blocks_in(html.fromstring(page))[0]


def _blocks_in(element: html.HtmlElement) -> tuple[list[str], str]:
    """The blocks within an element, and its text that belongs to the block around it. What is marked is a dot."""
    if not isinstance(element.tag, str):
        return [], ""
    if _is_marked(element):
        return [], "·"
    blocks, text = [], element.text or ""
    for child in element:
        inner, words = _blocks_in(child)
        blocks += inner
        text += words + (child.tail or "")
    if element.tag in _BLOCKS:
        return [*blocks, " ".join(text.split())], " · "
    return blocks, text
