"""The HTML of a mail is made of the paragraphs of its text, and shows nothing that the text does not say."""

from __future__ import annotations

import re

import pytest
from apiflask import APIFlask
from jinja2 import UndefinedError

from lms.mail.html import act, as_html, lead, without_buttons
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from tests.rows import each_row

BASE = "https://serai.example"


def html(text: str, *, locale: str = "en") -> str:
    return as_html(text, subject="Hello", locale=locale, base_url=BASE)


def row(template: str = "reset", address: str = "ada@example.org", **payload: object) -> OutboxMail:
    return OutboxMail(
        id=1, template=template, address=address, locale="en", time_zone="", payload=payload, dedupe_key="k"
    )


def test_what_is_written_by_people_is_never_markup() -> None:
    shown = html("Dear <b>Ada</b> & co,\n\n  <script>alert(1)</script>\n\nSee https://x.example/?a=1&b=\"2'.")
    assert "<script" not in shown
    assert "Dear &lt;b&gt;Ada&lt;/b&gt; &amp; co," in shown
    assert '<a href="https://x.example/?a=1&amp;b=" ' in shown


def test_the_one_thing_to_do_is_a_button_in_html_and_an_address_in_the_text() -> None:
    text = "Open this link:" + act(f"{BASE}/reset/abc", "Choose a new password") + "Ministry"
    assert without_buttons(text) == f"Open this link:\n\n{BASE}/reset/abc\n\nMinistry"
    (button,) = re.findall(r'<a href="([^"]*)" style="display:inline-block[^"]*">([^<]*)</a>', html(text))
    assert button == (f"{BASE}/reset/abc", "Choose a new password")


def test_a_button_leads_only_to_our_own_site() -> None:
    """Also where somebody managed to write the signs that make one."""
    shown = html(act("https://evil.example/", "Sign in"))
    assert "display:inline-block" not in shown
    assert "Sign in" not in shown
    assert "display:inline-block" not in html(act(f"{BASE}.evil.example/", "Sign in"))


def test_links_of_a_list_show_their_words_in_html_and_their_address_in_the_text() -> None:
    text = "Add it:\n\n" + lead(f"{BASE}/google?a=1&b=2", "Google <b>") + lead(f"{BASE}/a.ics", "File") + "\n\nMinistry"
    assert (
        without_buttons(text) == f"Add it:\n\n  Google <b>: {BASE}/google?a=1&b=2\n  File: {BASE}/a.ics\n\n\nMinistry"
    )
    assert re.findall(r'<li[^>]*><a href="([^"]*)" style="color[^"]*">([^/]*)</a></li>', html(text)) == [
        (f"{BASE}/google?a=1&amp;b=2", "Google &lt;b&gt;"),
        (f"{BASE}/a.ics", "File"),
    ]


@each_row("url", ["https://evil.example/", f"{BASE}.evil.example/", f"{BASE}/a b", "javascript:alert(1)"])
def test_words_hide_no_address_that_is_not_our_own(url: str) -> None:
    """Also where somebody managed to write the signs that make such a link."""
    shown = html("Look:\n\n" + lead(url, "Sign in"))
    assert f"Sign in: {url}" in re.sub(r"<[^>]*>", "", shown)


def test_lines_that_are_set_in_become_a_list_and_links_keep_their_end() -> None:
    shown = html("Names:\n\n  Otieno\n  Chebet\n\nSee https://serai.example/a.")
    assert re.findall(r"<li[^>]*>([^<]*)</li>", shown) == ["Otieno", "Chebet"]
    assert ">https://serai.example/a</a>.</p>" in shown


@each_row("locale, said", [("en", "en ltr"), ("ar", "ar rtl"), ("zh", "zh-Hans ltr")])
def test_the_page_says_its_language_and_direction(locale: str, said: str) -> None:
    tag, direction = said.split()
    assert f'<html lang="{tag}" dir="{direction}">' in html("Text", locale=locale)


def test_nothing_is_loaded_from_elsewhere_and_no_colour_of_text_or_ground_is_set() -> None:
    shown = html("Text\n\n" + act(f"{BASE}/a", "Open"))
    assert not re.findall(r"<(?:img|link|style|script|table|iframe)|\ssrc=|url\(", shown)
    body = re.search(r"<body style=\"([^\"]*)\"", shown)
    assert body is not None
    assert "color" not in body[1]
    assert '<meta name="color-scheme" content="light dark">' in shown


def test_a_message_of_100_kb_is_written_whole(app: APIFlask) -> None:
    words = "\n\n".join(f"Paragraph {number} with a link to {BASE}/{number} and more." for number in range(1700))
    assert len(words) > 100_000
    payload = {"full_name": "Ada", "title": "Trade", "accepted": True, "outcome": None, "lecture_id": 7, "words": words}
    with app.app_context():
        message = render(row("appeal_answered", **payload), app.extensions["lms.config"])
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert part.get_content().count("Paragraph ") == 1700


def test_a_mail_that_lacks_a_value_is_not_written(app: APIFlask) -> None:
    with app.app_context(), pytest.raises(UndefinedError, match="'secret' is undefined"):
        render(row(full_name="Ada"), app.extensions["lms.config"])


def test_no_header_comes_in_by_a_name_or_an_address(app: APIFlask) -> None:
    title = "Trade\r\nBcc: all@example.org\r\n\r\nBuy"
    payload = {"full_name": "Ada", "title": title, "slug": "trade"}
    with app.app_context():
        message = render(row("enrolment_rejected", **payload), app.extensions["lms.config"])
        assert message["Bcc"] is None
        assert "\n" not in message["Subject"]
        for address in ("a@example.org, b@example.org", "a@example.org\r\nBcc: b@example.org", "Ada <a@example.org>"):
            with pytest.raises(Exception, match=r"[Ii]nvalid|CR or LF|[Ee]xpected"):
                render(row("enrolment_rejected", address, **payload), app.extensions["lms.config"])
