"""For whom a lecture is at night: the arrays against a plain restatement, minute by minute."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import pickle
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global
from babel.localedata import exists, resolve_locale_filename
from hypothesis import example, given
from hypothesis import strategies as st

from lms.catalogue.fair_hours import (
    Audience,
    AudienceBasis,
    AudienceGroup,
    FairHours,
    Hour,
    Lasting,
    burdens,
    country_hours,
    fairest,
    first_hour,
    hours_of_week,
    newly_at_night,
    rotation,
)
from lms.catalogue.rules import resolve_local
from lms.core.base.errors import Invalid
from lms.core.time.days_off import CLDR, holidays_on, weekend_of
from lms.core.time.zones import territories

SHANGHAI, NEW_YORK = "Asia/Shanghai", "America/New_York"
PLACES = [
    ("CN", SHANGHAI), ("EG", "Africa/Cairo"), ("PE", "America/Lima"), ("IN", "Asia/Kolkata"), ("NP", "Asia/Kathmandu"),
    ("MA", "Africa/Casablanca"), ("DE", "Europe/Berlin"), ("US", NEW_YORK), ("US", "America/Los_Angeles"),
    ("AU", "Australia/Lord_Howe"), ("IR", "Asia/Tehran"), ("CL", "America/Santiago"), ("FJ", "Pacific/Fiji"),
    ("WS", "Pacific/Apia"), ("LB", "Asia/Beirut"), ("KE", "Europe/London"), (None, "Africa/Lagos"), ("XX", "UTC"),
]  # fmt: skip


def plain(place: tuple[str | None, str], start: datetime, minutes: int) -> tuple[bool, bool]:
    """Whether somebody there attends at night, and on a day off: each minute by itself."""
    country, where = place[0], ZoneInfo(place[1])
    shown = [(start + timedelta(minutes=number)).astimezone(where) for number in range(minutes)]
    night = any(one.hour >= 22 or one.hour < 7 for one in shown)
    days = {one.date() for one in shown}
    off = country is not None and any(
        day.weekday() in weekend_of(country) or holidays_on(day, [country], "en") for day in days
    )
    return night, off


def audience(groups: Sequence[tuple[tuple[str | None, str], int]]) -> Audience:
    return Audience(AudienceBasis.ENROLLED, tuple(AudienceGroup(*place, people) for place, people in groups))


GROUPS = st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 900)), min_size=1, max_size=6)
STARTS = st.datetimes(datetime(2024, 1, 1), datetime(2029, 12, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
)


@given(GROUPS, st.lists(st.tuples(STARTS, st.integers(1, 1440)), min_size=1, max_size=5))
@example([(("EG", "Africa/Cairo"), 7)], [(datetime(2026, 4, 23, 21, 30, tzinfo=UTC), 90)])  # clocks change within it
@example([(("US", NEW_YORK), 3)], [(datetime(2026, 11, 1, 5, 59, tzinfo=UTC), 120), (datetime(2026, 3, 8, 6), 1)])
@example([(("AU", "Australia/Lord_Howe"), 3)], [(datetime(2026, 4, 4, 14, 45, tzinfo=UTC), 60)])  # by half an hour
@example([(("WS", "Pacific/Apia"), 3)], [(datetime(2011, 12, 30, 9, tzinfo=UTC), 120)])  # a day that was left out
def test_counts_are_those_of_each_minute(
    groups: list[tuple[tuple[str | None, str], int]], lectures: list[tuple[datetime, int]]
) -> None:
    lectures = [(start.replace(tzinfo=UTC), minutes) for start, minutes in lectures]
    spans = [Lasting(start, start + timedelta(minutes=minutes)) for start, minutes in lectures]
    counted = burdens(audience(groups), spans)
    for (start, minutes), burden in zip(lectures, counted, strict=True):
        minute_by_minute = [(people, place, *plain(place, start, minutes)) for place, people in groups]
        assert burden.night == sum(people for people, _place, night, _off in minute_by_minute if night)
        assert burden.day_off == sum(people for people, _place, _night, off in minute_by_minute if off)
        countries = {place[0] for place, _people in groups}
        by_country = {
            code: sum(people for people, place, night, _off in minute_by_minute if night and place[0] == code)
            for code in countries
        }
        assert burden.night_by_country == {code: number for code, number in by_country.items() if number}


@given(
    GROUPS,
    st.dates(date(2025, 1, 1), date(2028, 12, 1)),
    st.integers(0, 59),
    st.sampled_from([zone for _country, zone in PLACES]),
    st.integers(1, 300),
)
@example([(("PE", "America/Lima"), 5)], date(2026, 3, 4), 30, NEW_YORK, 90)  # a week that begins on a Wednesday
@example([(("DE", "Europe/Berlin"), 5)], date(2026, 10, 19), 0, "Europe/Berlin", 90)
def test_a_week_has_each_hour_that_its_clocks_show_once(
    groups: list[tuple[tuple[str | None, str], int]], first: date, minute: int, zone: str, minutes: int
) -> None:
    hours = hours_of_week(audience(groups), first, minute, zone, minutes)
    begin = datetime(first.year, first.month, first.day, 0, minute)
    assert [one.local for one in hours] == [begin + timedelta(hours=number) for number in range(168)]
    for hour in hours[::5]:
        try:
            assert hour.starts_at == resolve_local(hour.local, zone)
        except Invalid:
            assert hour.starts_at is None
        if hour.starts_at is None:
            continue
        minute_by_minute = [(people, *plain(place, hour.starts_at, minutes)) for place, people in groups]
        assert hour.night == sum(people for people, night, _off in minute_by_minute if night)
        assert hour.day_off == sum(people for people, _night, off in minute_by_minute if off)
        night, off = plain((territories().get(zone), zone), hour.starts_at, minutes)
        assert (hour.is_comfortable, hour.is_working_day) == (not night, not off)


def test_an_hour_that_the_clocks_skip_or_show_twice_is_none() -> None:
    people = audience([(("DE", "Europe/Berlin"), 5)])
    spring = hours_of_week(people, date(2026, 3, 23), 0, "Europe/Berlin", 90)
    autumn = hours_of_week(people, date(2026, 10, 19), 0, "Europe/Berlin", 90)
    gone = [one.local for week in (spring, autumn) for one in week if one.starts_at is None]
    assert gone == [datetime(2026, 3, 29, 2), datetime(2026, 10, 25, 2)]


AT = datetime(2026, 11, 28, tzinfo=UTC)
FOUR = audience(
    [(("VN", "Asia/Ho_Chi_Minh"), 612), (("EG", "Africa/Cairo"), 254), (("PE", "America/Lima"), 171),
     (("FJ", "Pacific/Fiji"), 46)]
)  # fmt: skip
WEEK = hours_of_week(FOUR, date(2027, 1, 4), 0, SHANGHAI, 90)


def offered(hours: Sequence[Hour], chosen: datetime | None, at: datetime = AT) -> list[FairHours]:
    return fairest(hours, FOUR, 90, chosen=chosen, at=at)


def test_the_fairest_hour_comes_first_and_weighs_least_of_all_where_the_lecture_is_given() -> None:
    chosen = datetime(2027, 1, 8, 14)
    offers = offered(WEEK, chosen)
    chosen_hour = next(one for one in WEEK if one.local == chosen)
    assert (chosen_hour.night, chosen_hour.day_off, chosen_hour.weight) == (
        171,
        254,
        298.0,
    )  # a Friday: a day off in Egypt
    weights = [one.best.weight for one in offers]
    assert weights == sorted(weights)
    assert weights[0] == min(
        one.weight for one in WEEK if one.is_comfortable and one.is_working_day and one.weight < chosen_hour.weight
    )
    assert (offers[0].best.local, offers[0].best.night) == (
        datetime(2027, 1, 6, 20),
        46,
    )  # 7 January is a holiday there
    assert all(one.best.weight < chosen_hour.weight for one in offers)


def test_hours_that_are_alike_are_one_group_on_all_days_that_have_it() -> None:
    groups = [
        (
            f"{one.first.local:%H}–{one.last.local:%H}",
            [day.day for day in one.days],
            one.is_row_of_days,
            one.burden.night_by_country,
            one.burden.day_off_by_country,
        )
        for one in offered(WEEK, None)
    ]
    assert groups == [
        ("20–20", [4, 5, 6], True, {"FJ": 46}, {}),
        ("13–16", [4, 5, 6], True, {"PE": 171}, {}),
        ("20–20", [7], False, {"FJ": 46}, {"EG": 254}),
        ("20–20", [8], False, {"FJ": 46}, {"EG": 254, "FJ": 46}),  # it ends on a Saturday there
        ("17–19", [4, 5, 6], True, {"PE": 171, "FJ": 46}, {}),
    ]


def test_a_group_of_all_days_is_any_working_day() -> None:
    people = audience([(("KE", "Africa/Nairobi"), 3), (("WS", "Pacific/Apia"), 1)])
    week = hours_of_week(people, date(2027, 1, 11), 0, SHANGHAI, 60)
    first = fairest(week, people, 60, chosen=None, at=AT)[0]
    assert first.is_any_working_day
    assert (first.first.local.hour, first.last.local.hour, len(first.days)) == (12, 16, 5)


def test_no_hour_is_listed_that_is_over_or_not_fairer() -> None:
    best = offered(WEEK, datetime(2027, 1, 8, 14))[0].best
    assert offered(WEEK, best.local) == []
    assert offered(WEEK, None, datetime(2027, 1, 11, tzinfo=UTC)) == []


def test_no_hour_is_listed_within_48_hours() -> None:
    now = datetime(2027, 1, 3, 23, 30, tzinfo=UTC)  # Monday, 07:30 in Shanghai
    offers = offered(WEEK, None, now)
    assert min(day for one in offers for day in one.days) == date(2027, 1, 6)
    assert all(one.best.starts_at and one.best.starts_at >= now + timedelta(hours=48) for one in offers)


def test_a_week_of_days_off_still_has_a_fairest_hour() -> None:
    week = hours_of_week(FOUR, date(2027, 1, 8), 0, SHANGHAI, 90)
    weekend = [one for one in week if one.local.weekday() in (5, 6)]
    assert offered(weekend, None)


def test_a_country_shows_the_clock_of_most_of_its_people_and_counts_the_others() -> None:
    people = audience([(("KE", "Africa/Nairobi"), 9), (("KE", "Europe/London"), 2), (("KE", "America/Lima"), 3)])
    start = datetime(2026, 12, 4, 6, tzinfo=UTC)
    (kenya,) = country_hours(people, Lasting(start, start + timedelta(hours=1)), SHANGHAI, "en")
    assert (kenya.people, kenya.elsewhere, kenya.zone, kenya.is_night) == (14, 5, "Africa/Nairobi", False)
    assert kenya.night == 5  # six in London, one in Lima
    assert kenya.start.hour == 9


def test_the_organisers_day_is_drawn_with_the_nights_there() -> None:
    start = datetime(2027, 1, 8, 6, tzinfo=UTC)
    rows = country_hours(FOUR, Lasting(start, start + timedelta(minutes=90)), SHANGHAI, "en")
    assert [(one.country, one.people) for one in rows] == [("VN", 612), ("EG", 254), ("PE", 171), ("FJ", 46)]
    days = {one.country: list(one.day) for one in rows}
    assert days["PE"] == [("early", 9.0, 2.0), ("night", 11.0, 9.0), ("early", 20.0, 1.0)]
    assert days["VN"] == [("night", 0.0, 8.0), ("early", 8.0, 1.0), ("early", 21.0, 2.0), ("night", 23.0, 1.0)]
    assert rows[1].is_weekend
    assert [one.is_night for one in rows] == [False, False, True, False]


def test_a_lecture_that_crosses_midnight_is_drawn_from_noon() -> None:
    start = datetime(2027, 1, 8, 15, 30, tzinfo=UTC)
    late = Lasting(start, start + timedelta(minutes=90))
    until_midnight = Lasting(start, start + timedelta(minutes=30))
    assert [first_hour(one, SHANGHAI) for one in (late, until_midnight)] == [12, 0]
    (row,) = country_hours(audience([(("CN", SHANGHAI), 1)]), late, SHANGHAI, "en")
    assert list(row.day) == [("early", 20.0 - 12, 2.0), ("night", 22.0 - 12, 9.0), ("early", 31.0 - 12, 1.0)]


def test_the_night_changes_with_the_clocks_of_a_country() -> None:
    starts = [datetime(2027, 3, 10, 11) + timedelta(days=7 * week) for week in range(3)]
    people = audience([(("DE", "Europe/Berlin"), 5), (("US", NEW_YORK), 3)])
    spans = [Lasting(one.replace(tzinfo=UTC), one.replace(tzinfo=UTC) + timedelta(hours=1)) for one in starts]
    before, *after = burdens(people, spans)
    assert before.night_by_country == {"US": 3}  # 06:00
    assert [one.night_by_country for one in after] == [{}, {}]  # 07:00, since clocks go forward on 14 March
    assert [newly_at_night(one, before) for one in after] == [{}, {}]
    assert newly_at_night(before, after[0]) == {"US": 3}


def test_the_rotation_says_how_often_it_was_night_for_most_of_a_country() -> None:
    starts = [datetime(2027, 1, day, hour, tzinfo=UTC) for day, hour in ((6, 6), (13, 6), (20, 12))]
    shares = rotation(FOUR, [Lasting(one, one + timedelta(minutes=90)) for one in starts])
    assert (shares.lectures, list(shares.nights), shares.others) == (3, [("PE", 2), ("FJ", 1)], 2)
    few = audience([(("KE", "Africa/Nairobi"), 9), (("KE", "America/Lima"), 1)])
    assert rotation(few, [Lasting(one, one + timedelta(minutes=90)) for one in starts]).nights == []


def own_data(locale: str) -> dict[str, Any]:
    """What CLDR says of a locale itself. Babel would keep what its `load` returns in place of the whole locale."""
    data: dict[str, Any] = pickle.loads(Path(resolve_locale_filename(locale)).read_bytes())
    return data


def test_weekends_are_those_of_cldr() -> None:
    weekends = {}
    for code in {*territories().values(), *CLDR}:
        known: dict[str, object] = get_global("territory_languages").get(code, {})
        name = next((f"{one}_{code}" for one in (*known, "en") if exists(f"{one}_{code}")), None)
        week = own_data(name).get("week_data", {}) if name is not None else {}
        first, last = week.get("weekend_start", 5), week.get("weekend_end", 6)
        weekends[code] = frozenset((first + number) % 7 for number in range((last - first) % 7 + 1))
    assert {code: days for code, days in weekends.items() if days != {5, 6}} == CLDR


def test_a_weekend_that_cldr_has_not_is_the_one_in_force() -> None:
    assert weekend_of("BD") == {4, 5}
    assert weekend_of("KE") == {5, 6}
