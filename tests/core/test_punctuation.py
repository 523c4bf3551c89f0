"""Lists, and days with times, in actions and in processes that have no application."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from markupsafe import Markup

from lms.core.text.i18n import use_language
from lms.core.text.punctuation import full_stop, listed, quoted, separator
from lms.core.time.dates import day_in, moment_in, span_in


@pytest.fixture
def chinese() -> Iterator[None]:
    """The process speaks Chinese, as one that reads a file for a Chinese reader."""
    use_language("zh")
    yield
    use_language("en")


def test_a_list_holds_what_it_is_given() -> None:
    assert listed([]) == ""
    assert listed(iter([1, "b"])) == "1, b"
    assert listed(["a", "b, c"], ";") == "a; b, c"
    assert not hasattr(listed(["<a>"]), "__html__")  # an e-mail and a message to a form are plain text
    assert listed(["<a>", Markup("<b>b</b>")]) == Markup("&lt;a&gt;, <b>b</b>")
    assert quoted("Opening") == "“Opening”"


def test_a_sentence_ends_with_one_full_stop() -> None:
    assert full_stop() == full_stop("2 lectures, 5 May 2026") == "."
    assert full_stop("2 лекции, 5 мая 2026 г.") == ""


@pytest.mark.usefixtures("chinese")
def test_a_process_without_an_application_separates_in_its_language() -> None:
    assert separator() == "、"
    assert listed(["甲", "乙"]) == "甲、乙"


START, END = datetime(2026, 12, 2, 6, tzinfo=UTC), datetime(2026, 12, 2, 7, 30, tzinfo=UTC)


def test_a_span_names_the_day_of_its_end_where_that_is_another() -> None:
    assert span_in(START, END, "UTC") == ("2 December 2026, 06:00", "07:30")
    assert span_in(START, END, "America/Denver") == ("1 December 2026, 23:00", "2 December 2026, 00:30")


@pytest.mark.usefixtures("chinese")
def test_a_day_is_written_as_the_language_writes_it() -> None:
    assert day_in(START, "UTC") == "2026年12月2日"
    assert moment_in(START, "UTC") == "2026年12月2日 06:00"
