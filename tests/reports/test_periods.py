"""Moving periods and due moments, with fixed clocks: New Year, ends of quarters, clocks put forward and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.reports.periods import Period, Rhythm, days_of, last_due, next_due

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"


@pytest.mark.parametrize(
    ("period", "today", "first", "last"),
    [
        (Period.THIS_YEAR, date(2026, 1, 1), date(2026, 1, 1), date(2026, 12, 31)),
        (Period.LAST_QUARTER, date(2026, 1, 1), date(2025, 10, 1), date(2025, 12, 31)),
        (Period.LAST_QUARTER, date(2026, 3, 31), date(2025, 10, 1), date(2025, 12, 31)),
        (Period.LAST_QUARTER, date(2026, 4, 1), date(2026, 1, 1), date(2026, 3, 31)),
        (Period.LAST_QUARTER, date(2026, 12, 31), date(2026, 7, 1), date(2026, 9, 30)),
        (Period.LAST_MONTH, date(2024, 3, 31), date(2024, 2, 1), date(2024, 2, 29)),
        (Period.LAST_MONTH, date(2026, 1, 15), date(2025, 12, 1), date(2025, 12, 31)),
        (Period.ALL_TIME, date(2026, 1, 1), None, None),
    ],
)
def test_a_period_moves_with_the_calendar(period: Period, today: date, first: date | None, last: date | None) -> None:
    assert days_of(period, today) == (first, last)


@pytest.mark.parametrize(
    ("rhythm", "hour", "at", "zone", "day", "moment"),
    [
        # New Year comes eight hours earlier in Shanghai
        (Rhythm.QUARTERLY, 0, (2025, 12, 31, 16), SHANGHAI, date(2026, 1, 1), (2025, 12, 31, 16)),
        (Rhythm.QUARTERLY, 0, (2025, 12, 31, 15, 59), SHANGHAI, date(2025, 10, 1), (2025, 9, 30, 16)),
        (Rhythm.MONTHLY, 8, (2026, 3, 1, 0), SHANGHAI, date(2026, 3, 1), (2026, 3, 1, 0)),
        (Rhythm.WEEKLY, 8, (2026, 1, 2, 0), SHANGHAI, date(2025, 12, 29), (2025, 12, 29, 0)),
        (Rhythm.DAILY, 8, (2026, 1, 1, 23), SHANGHAI, date(2026, 1, 1), (2026, 1, 1, 0)),
        # 02:00 to 03:00 does not come on 29 March 2026 in Berlin: it is 03:00 there
        (Rhythm.DAILY, 2, (2026, 3, 29, 1), BERLIN, date(2026, 3, 29), (2026, 3, 29, 1)),
        (Rhythm.DAILY, 2, (2026, 3, 29, 0, 59), BERLIN, date(2026, 3, 28), (2026, 3, 28, 1)),
        # and comes twice on 25 October: the first one, and none again at the second
        (Rhythm.DAILY, 2, (2026, 10, 25, 0), BERLIN, date(2026, 10, 25), (2026, 10, 25, 0)),
        (Rhythm.DAILY, 2, (2026, 10, 25, 1), BERLIN, date(2026, 10, 25), (2026, 10, 25, 0)),
    ],
)
def test_the_latest_due_moment(
    rhythm: Rhythm, hour: int, at: tuple[int, ...], zone: str, day: date, moment: tuple[int, ...]
) -> None:
    due = last_due(rhythm, hour, datetime(*at, tzinfo=UTC), zone)  # type: ignore[misc,arg-type]
    assert (due.day, due.moment) == (day, datetime(*moment, tzinfo=UTC))  # type: ignore[misc,arg-type]


@given(
    st.sampled_from(Rhythm),
    st.integers(0, 23),
    st.datetimes(datetime(2019, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  the zone is beside
    st.sampled_from([BERLIN, SHANGHAI, "America/Sao_Paulo", "Africa/Cairo", "Pacific/Kiritimati", "UTC"]),
)
def test_nothing_is_due_twice_and_nothing_is_skipped(rhythm: Rhythm, hour: int, at: datetime, zone: str) -> None:
    last, following = last_due(rhythm, hour, at, zone), next_due(rhythm, hour, at, zone)
    assert last.moment <= at < following.moment
    assert last_due(rhythm, hour, following.moment, zone) == following
    assert last_due(rhythm, hour, following.moment - timedelta(seconds=1), zone) == last
