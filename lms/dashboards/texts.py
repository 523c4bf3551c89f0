"""Texts that people wrote, as pages show them: Markdown made safe, passages marked with their language."""

from __future__ import annotations

import re
from html import unescape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from lms.web.locale import reader_locale

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
    """What a text says beyond its summary: all but the first paragraph, or all of it where the summary is cut."""
    first, _gap, rest = (text or "").strip().partition("\n\n")
    return rest.strip() if len(plain(first)) <= SUMMARY and not first.startswith(("#", "*", "-", ">")) else text or ""


def without_class_name(error: str) -> str:
    """What a stored error says, without the name of its class; empty where it says nothing else."""
    return _CLASS_NAME.sub("", error.strip())


def passage(text: str, language: str | None = None) -> Markup:
    """A name or title in its own direction, marked with its language where that is not the page's."""
    tag = (language or "").replace("_", "-")
    if not tag or tag.split("-")[0] == reader_locale().split("_")[0]:
        return Markup(f"<bdi>{escape(text)}</bdi>")  # noqa: S704 - escaped
    return Markup(f'<bdi lang="{escape(tag)}">{escape(text)}</bdi>')  # noqa: S704 - escaped
