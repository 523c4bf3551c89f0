"""Names, addresses and passwords."""

from __future__ import annotations

import pytest

from lms.core.base.errors import Invalid
from lms.people.rules import checked_address, checked_name, checked_password, email_key
from tests.rows import each_row


@pytest.fixture(autouse=True)
def _words(context: None) -> None:
    """Messages are looked up within an app."""


@each_row(
    "typed, expected",
    [
        ("Achieng  Odhiambo ", "Achieng Odhiambo"),
        ("Suharto", "Suharto"),
        ("van der Berg-O’Neil", "van der Berg-O’Neil"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("\u202eAda\u202c\u2066\u2069", "Ada"),
        ("A\u200bd\u200ba\ufeff", "Ada"),
        ("Ada\u00a0Min\tX\n", "Ada Min X"),
        ("Ad\u200da", "Ada"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("শ্র\u200dী", "শ্র\u200dী"),
        ("王小明", "王小明"),
        ("O\u0000K", "OK"),
    ],
)
def test_names_are_cleaned_and_nothing_else(typed: str, expected: str) -> None:
    assert checked_name(typed) == expected


@each_row("typed", ["", "  ", "\u200b\u202e", "\u3164", "x" * 201])
def test_names_that_are_none(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_name(typed)
    assert caught.value.faults[0].field == "full_name"


@each_row(
    "address",
    ["a@example.org", "First.Last+tag@mail.example.co.uk", "x_y@demo.test", "ñandú@example.org", "a@münchen.example"],
)
def test_addresses_that_are(address: str) -> None:
    assert email_key(checked_address(f" {address}\u200b ")) == email_key(address)


@each_row(
    "address",
    ["", "a", "a@", "@example.org", "a@example", "a b@example.org", "a@exa mple.org", "a..b@example.org",
     "a@-example.org", "a@example.org,b@example.org", "a" * 65 + "@example.org", "<a@example.org>"],
)  # fmt: skip
def test_addresses_that_are_not(address: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_address(address)
    assert caught.value.faults[0].field == "email"


def test_no_line_break_reaches_a_mail_header() -> None:
    with pytest.raises(Invalid):
        checked_address("a@example.org\r\nBcc: b@example.org")


@each_row("password", ["short", "x" * 201, "aaaaaaaaaa", "demo-only"])
def test_passwords_that_are_too_easy(password: str) -> None:
    with pytest.raises(Invalid):
        checked_password(password, demonstration=False)


def test_passwords_are_left_as_typed() -> None:
    assert checked_password(" with blanks ", demonstration=False) == " with blanks "
    assert checked_password("demo-only", demonstration=True) == "demo-only"
