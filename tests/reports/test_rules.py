"""What needs no database: combining small groups, the daily hour, titles of reports, periods and due times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
from apiflask import APIFlask
from hypothesis import given
from hypothesis import strategies as st

from lms.reports.disclosure_control import folded, united
from lms.reports.facts.counting import Part
from lms.reports.periods import Period, Rhythm, days_of, last_due, next_due
from lms.reports.rules import FEWEST, Key, Slice, is_refresh_due
from lms.reports.shapes import suggested_title
from tests.rows import each_row


def part(*people: int) -> Part:
    made = Part()
    made.add_people(np.array(sorted(people), np.uint32))
    made.attendances = len(people)
    return made


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.sets(st.integers(0, 30), max_size=9), max_size=8))
def test_what_is_folded(groups: dict[str, set[int]]) -> None:
    parts: dict[Key, Part] = {(key,): part(*people) for key, people in groups.items()}
    shown, small = folded(parts)
    hidden = set(parts) - set(shown)
    assert set(small) == hidden
    other = united(small) if small else None
    assert all(len(one.people) >= FEWEST for one in shown.values())
    assert (other is None) == (not hidden)
    if other is not None:
        assert len(hidden) >= 2 or len(parts) == 1
        assert set(other.people) == set().union(*(groups[str(key[0])] for key in hidden))
        assert other.attendances + sum(one.attendances for one in shown.values()) == sum(map(len, groups.values()))
        if len(hidden) > 2:  # nothing more is folded than must be
            assert all(len(parts[key].people) < FEWEST for key in hidden)


@each_row(
    "last, now, due",
    [
        (None, "2026-11-25T00:00", True),
        ("2026-11-24T22:00", "2026-11-25T21:59", False),  # 06:00 there, and 05:59 a day later
        ("2026-11-24T22:00", "2026-11-25T22:00", True),
        ("2026-11-24T21:59", "2026-11-24T22:00", True),
        ("2026-11-20T12:00", "2026-11-25T12:00", True),
    ],
)
def test_it_is_due_at_six(last: str | None, now: str, due: bool) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert is_refresh_due(moment(last) if last else None, moment(now), "Asia/Shanghai") is due


@each_row(
    "first, last, dimensions, about, title",
    [
        (None, None, (), [], "All time"),
        (date(2026, 7, 1), date(2026, 9, 30), ("country",), [], "Quarter 3 of 2026 by Country"),
        (date(2025, 10, 1), date(2025, 12, 31), ("country", "sector"), [], "Quarter 4 of 2025 by Country × Sector"),
        (date(2025, 1, 1), date(2025, 12, 31), ("source",), ["Kenya"], "2025 by Way of attending · Kenya"),
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


BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"


@each_row(
    "period, today, first, last",
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


@each_row(
    "rhythm, hour, at, zone, day, moment",
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
