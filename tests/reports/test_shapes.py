"""How reports are called."""

from __future__ import annotations

from datetime import date

import pytest
from apiflask import APIFlask

from lms.reports.rules import Slice
from lms.reports.shapes import suggested_title


@pytest.mark.parametrize(
    ("first", "last", "dimensions", "about", "title"),
    [
        (None, None, (), [], "All time"),
        (date(2026, 7, 1), date(2026, 9, 30), ("country",), [], "Quarter 3 of 2026, by country"),
        (date(2025, 10, 1), date(2025, 12, 31), ("country", "sector"), [], "Quarter 4 of 2025, by country and sector"),
        (date(2025, 1, 1), date(2025, 12, 31), ("source",), ["Kenya"], "2025, by way of attending · Kenya"),
        (date(2026, 7, 1), date(2026, 9, 29), (), [], "1 July 2026 to 29 September 2026"),
        (date(2026, 4, 1), date(2026, 9, 30), (), [], "1 April 2026 to 30 September 2026"),
        (None, date(9999, 12, 31), (), [], "Until 31 December 9999"),
        (date(9999, 10, 1), date(9999, 12, 31), (), [], "1 October 9999 to 31 December 9999"),
    ],
)
def test_a_title_is_suggested(
    app: APIFlask,
    first: date | None,
    last: date | None,
    dimensions: tuple[str, ...],
    about: list[str],
    title: str,
) -> None:
    with app.test_request_context():
        assert suggested_title(Slice(first, last), dimensions, about) == title
