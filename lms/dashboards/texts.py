"""Texts that people wrote, as pages show them: Markdown made safe, passages marked with their language."""

import re
from html import unescape
from typing import Any

import nh3
from babel import UnknownLocaleError
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from lms.core.text.translations import WrittenText, base_of, translation_for
from lms.core.time.days_off import language_of_names
from lms.web.pages.locale import direction, reader_locale

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "hr", "li", "ol", "p", "pre", "strong", "table", "tbody", "td",
    "th", "thead", "tr", "ul",
}  # fmt: skip
_CLASS_NAME = re.compile(r"^[A-Za-z_][\w.]*(?:: |$)")
SUMMARY = 220
_SCHEMES = {"http", "https", "mailto"}


def _lower(tokens: list[Token]) -> list[Token]:
    """Lowers the headings of a text below those of the page."""
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = "h3" if token.tag in {"h1", "h2"} else "h4"
    return tokens


def _rendered(text: str) -> str:
    tokens = _lower(_MARKDOWN.parse(text))
    made = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return nh3.clean(
        made, tags=_TAGS, attributes={"a": {"href"}}, url_schemes=_SCHEMES, link_rel="noopener noreferrer nofollow"
    )


def markdown(text: str | None) -> Markup:
    """Markdown as safe HTML: no raw HTML, no pictures, no scripts; headings begin at the third level."""
    return Markup(_rendered(text or ""))  # noqa: S704 - cleaned by nh3


def plain(text: str | None) -> str:
    """Markdown as one line of plain text, without marks."""
    return re.sub(r"\s+", " ", unescape(nh3.clean(_rendered(text or ""), tags=set()))).strip()


def summary(text: str | None, length: int = SUMMARY) -> str:
    """The beginning of a text as plain text: its first paragraph, cut at a word."""
    first = plain((text or "").strip().split("\n\n")[0])
    if len(first) <= length:
        return first
    return first[:length].rsplit(" ", 1)[0].rstrip(" ,.;:–—-") + " …"


def beyond(text: str | None) -> str:
    """Returns what a text says beyond its summary: all but the first paragraph, or all of it where the summary is
    cut."""
    first, _gap, rest = (text or "").strip().partition("\n\n")
    return rest.strip() if len(plain(first)) <= SUMMARY and not first.startswith(("#", "*", "-", ">")) else text or ""


def without_class_name(error: str) -> str:
    """Returns what a stored error says, without the name of its class; empty where it says nothing else."""
    return _CLASS_NAME.sub("", error.strip())


def passage(text: str, language: str | None = None) -> Markup:
    """A name or title in its own direction, marked with its language where that is not the page's."""
    return Markup(f"<bdi{lang_attributes(language)}>{escape(text)}</bdi>")  # noqa: S704 - escaped


def holiday_name(name: str, country: str) -> Markup:
    """The name of a public holiday of a country, marked with its language where that is not the page's."""
    return passage(name, language_of_names(country, reader_locale()))


def email_address(address: str) -> Markup:
    """An e-mail address in its own direction, which breaks before @ and dots and not within a word."""
    parts = re.split(r"(?=[@.])", address)
    return Markup("<bdi>{}</bdi>").format(Markup("<wbr>").join(parts))


def lang_attributes(language: str | None) -> Markup:
    """The attributes of an element with a text in this language: `lang`, and `dir`, where they are not the page's."""
    tag, locale = (language or "").replace("_", "-"), reader_locale()
    if not tag or base_of(tag) == base_of(locale):
        return Markup("")
    turned = _direction(tag)
    marked = Markup(' lang="{}"').format(tag)
    return marked if turned == direction(locale) else marked + Markup(' dir="{}"').format(turned)


def _direction(tag: str) -> str:
    try:
        return direction(base_of(tag))
    except (UnknownLocaleError, ValueError):
        return "auto"


def translation(row: Any, field: str = "title") -> WrittenText:
    """A field of a series, lecture or speaker in the reader's language if there is such a text, else the main text."""
    return translation_for(row, field, reader_locale())


def translated(row: Any, field: str = "title") -> Markup:
    """As `translation`, marked with its language."""
    text = translation(row, field)
    return passage(text.text, text.language)


def translated_inline(row: Any, field: str = "title") -> Markup:
    """As `translation`, within a sentence: an element marks it only where its language is not the page's."""
    text = translation(row, field)
    attributes = lang_attributes(text.language)
    return Markup("<bdi{}>{}</bdi>").format(attributes, text.text) if attributes else escape(text.text)
