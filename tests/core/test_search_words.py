"""The words of a text, as searches compare them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lms.core.database.search import search_words


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_plain_letters_have_the_same_words_beside_others(text: str) -> None:
    assert search_words(text) == search_words(f"{text} ж")[:-1]


def test_apostrophes_join_and_other_marks_divide() -> None:
    assert search_words("O'Neill-Smith, (Ann)") == ["oneill", "smith", "ann"]
