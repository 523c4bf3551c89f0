"""The catalogue that translators work from is in step with the code, and its sentences use the words of the field."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog

from tests.rows import each_row
from tools.messages import Found, extract_messages, find_messages, read_catalogue

BETTER = {
    r"\banew\b": ("It is counted anew.", "It is recounted."),
    r"\bnot hold\b|\bholds? (from|until|on|once|for) ": ("It holds from today.", "It applies from today."),
    r"\bhear (by|of|from)\b": ("You hear by e-mail.", "We will e-mail you."),
    r"\blook (among|into)\b|\bfor a look\b": ("Ask for a look", "Ask for a review"),
    r"\bnobody knows\b": ("2 people whom nobody knows", "2 people to identify"),
    r"\bof (now|then|before|ours|theirs)\b": ("The country of then", "Your country at that time"),
    r"\bonce more\b": ("Look once more.", "Check it again."),
    r"\bput(ting|s)? right\b": ("when it is put right", "when it is corrected"),
    r"\bsigns\b(?! (you|in|out|up)\b)|\b(check|a) sign\b(?!-in)": ("At most 8 signs.", "At most 8 characters."),
    r"\b(stands?|stood)\b": ("It stands so on your certificate.", "This is the name on your certificate."),
    r"\b(is|are|be) told\b": ("The enrolled are told.", "We will e-mail everyone enrolled."),
    r"\bthe own\b|\bone[’']s own\b": ("in the own profile", "in your profile"),
    r"\bunwanted mail\b": ("Look among the unwanted mail.", "Check your spam folder."),
    r"\b[Ww]hoever\b|^Who (has|comes|takes|may|finds) \b[^?]*$": (
        "Who comes early waits.",
        "People who come early wait.",
    ),
    r"\bWrite (?!to\b)": ("Write the full name.", "Enter your full name."),
    r"\bsees? to\b": ("Who sees to it", "Organiser"),
    r"\bgets? an? mail\b|\bby mail\b": ("You get a mail.", "We will e-mail you."),
}
"""Patterns of an interface that is translated word by word; for each, a sentence of that kind and a better one."""


@pytest.fixture(scope="module")
def found() -> list[Found]:
    """Each message where the code uses it."""
    return find_messages()


@pytest.fixture(scope="module")
def messages(found: list[Found]) -> Catalog:
    """The messages as they are in the code."""
    return extract_messages(found=found)


def forms(catalogue: Catalog) -> set[tuple[str, ...]]:
    """The texts of all messages: one, or singular and plural."""
    return {(item.id,) if isinstance(item.id, str) else tuple(item.id) for item in catalogue if item.id}


def test_the_catalogue_is_in_step_with_the_code(messages: Catalog) -> None:
    written, present = forms(read_catalogue()), forms(messages)
    assert sorted(present - written) == [], "run `make messages`"
    assert sorted(written - present) == [], "run `make messages`"


def test_no_message_is_also_the_singular_of_a_plural(found: list[Found]) -> None:
    """Gettext looks the two up under the same text, and gives the first plural form, with its number, for both."""
    plain = {(text, context) for _name, _line, text, _comments, context in found if isinstance(text, str)}
    plurals = [(text[0], context) for _name, _line, text, _comments, context in found if not isinstance(text, str)]
    assert plurals
    assert [singular for singular in plurals if singular in plain] == []


@each_row("pattern", BETTER)
def test_no_message_is_translated_word_by_word(messages: Catalog, pattern: str) -> None:
    texts = [
        text
        for item in messages
        if item.id
        for text in ([item.id] if isinstance(item.id, str) else item.id)
        if re.search(pattern, text)
    ]
    assert texts == [], "write it like: " + BETTER[pattern][1]


@each_row("pattern, example, better", [(pattern, *pair) for pattern, pair in BETTER.items()])
def test_a_pattern_finds_what_it_is_for(pattern: str, example: str, better: str) -> None:
    assert re.search(pattern, example)
    assert not re.search(pattern, better)


def test_pages_say_place_and_enrolment_for_one_thing_each(messages: Catalog) -> None:
    """`seats` is left as the name of a column of files, and registration as that of an account."""
    texts = [re.sub(r"%\(\w+\)s", "", text) for of_message in sorted(forms(messages)) for text in of_message]
    assert [text for text in texts if re.search(r"\bseats?\b", text, re.I) and "kept_until" not in text] == []
    assert [text for text in texts if re.search(r"\bregistrations\b", text, re.I)] == [
        "This file lists registrations, not attendance. Upload the participant report."
    ]
