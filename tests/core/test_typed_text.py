"""Lines and texts as they are stored."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from lms.core.text.typed_text import clean_line, clean_text
from tests.rows import each_row


@each_row(
    "typed, cleaned",
    [
        (" a\u202eb\x00 \n c ", "ab c"),
        ("\u200b\u200d \u2066", ""),
        (" \u0301 ", ""),
        (None, ""),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Ad\u200da", "Ada"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("Teaching 👩\u200d🏫", "Teaching 👩\u200d🏫"),
        ("☀\ufe0f and a\ufe0f", "☀\ufe0f and a"),
    ],
)
def test_a_line_keeps_scripts_and_emoji_and_drops_what_cannot_be_seen(typed: str | None, cleaned: str) -> None:
    assert clean_line(typed) == cleaned


@each_row(
    "typed, cleaned",
    [
        ("One\r\ntwo\rthree\u2028four", "One\ntwo\nthree\nfour"),
        ("  - one\n    - two  ", "- one\n    - two"),
        ("a\tb\x07", "a b"),
        ("\u202eone\n\u200bمی\u200cخواهم", "one\nمی\u200cخواهم"),
        (None, ""),
    ],
)
def test_a_text_keeps_its_lines(typed: str | None, cleaned: str) -> None:
    assert clean_text(typed) == cleaned


@given(st.text(max_size=60))
def test_cleaning_is_final_and_leaves_nothing_invisible(text: str) -> None:
    for clean in (clean_line, clean_text):
        once = clean(text)
        assert clean(once) == once
        assert unicodedata.is_normalized("NFC", once)
        assert all(unicodedata.category(char) != "Cc" or char == "\n" for char in once)
        assert not set(once) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")
