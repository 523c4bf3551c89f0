"""The HTML of a mail, made of the paragraphs of its text: one statement of the words, so both always say the same.

A paragraph whose lines begin with two blanks becomes a list, an address becomes a link, what the filter `act` writes
becomes a button, and what the filter `lead` writes a link with words. Styles are inline, without tables and pictures;
no colour of text or ground is set, so that a mail program in dark mode may choose both.
"""

import re

from markupsafe import Markup, escape

from lms.core.text.i18n import language_tag
from lms.web.pages.locale import direction

_ACT, _LEADS_TO, _LEAD = "\x01", "\x02", "\x03"
"""Between the first two is the label of a button, between the last and the second the words of a link; the address
follows. Forms accept none of these characters."""
_ADDRESS = re.compile(r"https?://[^\s<>\"“”]*[^\s<>\"“”.,;:!?)]")
_BUTTON = (
    "display:inline-block;padding:12px 20px;border-radius:6px;background-color:#00626b;color:#ffffff;"
    "font-weight:600;text-decoration:none"
)
_LINK = "color:#0a7f89;overflow-wrap:anywhere"
_PARAGRAPH = "margin:0 0 16px"


def act(url: str, label: str) -> str:
    """Formats the link to the one thing to do: the address in the text, a button in the HTML."""
    return f"\n\n{_ACT}{label}{_LEADS_TO}{url}\n\n"


def lead(url: str, words: str) -> str:
    """Formats a line of a list that leads somewhere: words and address in the text, words that are a link in the
    HTML."""
    return f"  {_LEAD}{words}{_LEADS_TO}{url}\n"


def without_buttons(text: str) -> str:
    """The text with the bare addresses of its buttons, and those of its links after their words."""
    text = re.sub(f"{_ACT}[^{_LEADS_TO}\n]*{_LEADS_TO}", "", text)
    return re.sub(f"{_LEAD}([^{_LEADS_TO}\n]*){_LEADS_TO}", r"\1: ", text)


def as_html(text: str, *, subject: str, locale: str, base_url: str) -> str:
    """The page of a mail. Buttons, and links with words, lead only to addresses under `base_url`."""
    blocks = [_block(block, base_url) for block in re.split(r"\n{2,}", text.strip("\n")) if block.strip()]
    return (
        f'<!doctype html>\n<html lang="{escape(language_tag(locale))}" dir="{direction(locale)}">\n<head>\n'
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(subject)}</title>\n</head>\n"
        '<body style="margin:0;padding:24px 16px">\n'
        "<div style=\"max-width:600px;margin:0 auto;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif\">\n"
        f'<h1 style="margin:0 0 16px;font-size:22px;line-height:1.35">{escape(subject)}</h1>\n'
        + "\n".join(blocks)
        + "\n</div>\n</body>\n</html>\n"
    )


def letter(page: str) -> Markup:
    """The paragraphs of a mail's page as a part of one of our own pages, which have no inline styles."""
    inner = page.partition("<h1")[2].partition("</h1>")[2].rpartition("</div>")[0]
    with_classes = inner.replace(f' style="{_BUTTON}"', ' class="btn btn-go"')
    return Markup(re.sub(r' style="[^"<>]*"', "", with_classes))  # noqa: S704 - escaped when it was made


def _block(block: str, base_url: str) -> str:
    if block.startswith(_ACT):
        label, _sign, url = block[1:].partition(_LEADS_TO)
        if url.startswith(f"{base_url}/") and "\n" not in block:
            return f'<p style="margin:24px 0"><a href="{escape(url)}" style="{_BUTTON}">{escape(label)}</a></p>'
        block = url
    lines = block.split("\n")
    if all(line.startswith("  ") for line in lines):
        items = "\n".join(f'<li style="margin:0 0 4px">{_item(line.strip(), base_url)}</li>' for line in lines)
        return f'<ul style="margin:0 0 16px;padding:0 20px;list-style-type:none;font-weight:600">\n{items}\n</ul>'
    return f'<p style="{_PARAGRAPH}">' + "<br>\n".join(_linked(line) for line in lines) + "</p>"


def _item(line: str, base_url: str) -> Markup:
    """A line of a list, which may be a link with words."""
    words, _sign, url = line.partition(_LEADS_TO)
    if words.startswith(_LEAD) and url.startswith(f"{base_url}/") and not re.search(r"\s", url):
        return Markup('<a href="{url}" style="{style}">{words}</a>').format(url=url, style=_LINK, words=words[1:])
    return _linked(without_buttons(line))


def _linked(line: str) -> Markup:
    """A line with its addresses as links."""
    parts, end = [], 0
    for match in _ADDRESS.finditer(line):
        link = Markup('<a href="{url}" style="{style}">{url}</a>').format(url=match[0], style=_LINK)
        parts += [escape(line[end : match.start()]), link]
        end = match.end()
    return Markup("").join([*parts, escape(line[end:])])
