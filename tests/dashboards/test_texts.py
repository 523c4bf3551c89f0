"""What people wrote is shown as they meant it, and nothing more."""

from __future__ import annotations

from apiflask import APIFlask

from lms.dashboards.texts import beyond, email_address, markdown, passage, summary
from tests.rows import each_row


@each_row(
    "text, made",
    [
        ("**steady** *trade*", "<p><strong>steady</strong> <em>trade</em></p>\n"),
        ("# Why", "<h3>Why</h3>\n"),
        ("### Smaller", "<h4>Smaller</h4>\n"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("![x](https://example.org/x.png)", "<p></p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        (
            "[x](https://example.org)",
            '<p><a href="https://example.org" rel="noopener noreferrer nofollow">x</a></p>\n',
        ),
        ("", ""),
        (None, ""),
    ],
)
def test_markdown_is_safe(text: str | None, made: str) -> None:
    assert markdown(text) == made


def test_summary_is_the_first_paragraph_without_marks() -> None:
    assert summary("From **parcel** & more.\n\nSecond.") == "From parcel & more."


def test_summary_is_cut_at_a_word() -> None:
    assert summary("one two three, four", 15) == "one two three …"


@each_row(
    "text, more",
    [("One.\n\nTwo.", "Two."), ("One.", ""), ("# One\n\nTwo.", "# One\n\nTwo."), ("a " * 200, "a " * 200), (None, "")],
)
def test_beyond_the_summary_is_what_it_leaves_out(text: str | None, more: str) -> None:
    assert beyond(text) == more


def test_passage_names_a_foreign_language(app: APIFlask) -> None:
    with app.test_request_context("/"):
        assert passage("Таможня", "ru") == '<bdi lang="ru">Таможня</bdi>'
        assert passage("Customs <b>", "en") == "<bdi>Customs &lt;b&gt;</bdi>"
        assert passage("Alfândega", "pt_BR") == '<bdi lang="pt-BR">Alfândega</bdi>'


def test_an_address_breaks_before_its_signs_and_not_within_a_word() -> None:
    address = email_address("rose<b@trade.ke.example")
    assert address == "<bdi>rose&lt;b<wbr>@trade<wbr>.ke<wbr>.example</bdi>"
