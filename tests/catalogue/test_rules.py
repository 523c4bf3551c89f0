"""Pure decisions: local time to instant, spans, the route, cleaned text."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lms.catalogue.inputs import is_web_address
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import (
    length_ms,
    occupied,
    overlaps,
    resolve_local,
    stop_state,
    stop_states,
)
from lms.core.base.errors import Invalid
from tests.rows import each_row

ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Gaza"]
LOCAL = st.datetimes(datetime(1995, 1, 1), datetime(2060, 1, 1)).map(lambda moment: moment.replace(microsecond=0))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(local=LOCAL, zone=st.sampled_from(ZONES))
def test_resolve_local_is_undone_by_the_zone_or_refused(context: None, local: datetime, zone: str) -> None:
    where = ZoneInfo(zone)
    readings = {
        instant
        for fold in (0, 1)
        if (instant := local.replace(tzinfo=where, fold=fold).astimezone(UTC)).astimezone(where).replace(tzinfo=None)
        == local
    }
    if len(readings) == 1:
        assert resolve_local(local, zone) == readings.pop()
    else:
        with pytest.raises(Invalid):
            resolve_local(local, zone)


def test_resolve_local_gap_names_the_next_valid_time(context: None) -> None:
    with pytest.raises(Invalid, match=r"02:30 on 2026-03-29 does not exist.*2026-03-29 03:00") as caught:
        resolve_local(datetime(2026, 3, 29, 2, 30), "Europe/Berlin")
    assert caught.value.faults[0].field == "starts_at"


def test_resolve_local_gap_at_midnight_names_the_next_valid_time(context: None) -> None:
    """Egypt puts the clocks forward at midnight."""
    with pytest.raises(Invalid, match=r"2023-04-28 01:00"):
        resolve_local(datetime(2023, 4, 28, 0, 15), "Africa/Cairo")


def test_resolve_local_fold_names_both_times(context: None) -> None:
    with pytest.raises(Invalid, match=r"00:30 UTC \(UTC\+02:00\).*01:30 UTC \(UTC\+01:00\)"):
        resolve_local(datetime(2026, 10, 25, 2, 30), "Europe/Berlin")


@each_row(
    "zone, local, utc",
    [
        ("Asia/Beirut", datetime(2023, 3, 31, 12, 0), datetime(2023, 3, 31, 9, 0, tzinfo=UTC)),
        ("Africa/Cairo", datetime(2023, 5, 1, 12, 0), datetime(2023, 5, 1, 9, 0, tzinfo=UTC)),
        ("Africa/Casablanca", datetime(2026, 2, 25, 12, 0), datetime(2026, 2, 25, 12, 0, tzinfo=UTC)),
        ("Africa/Casablanca", datetime(2026, 4, 25, 12, 0), datetime(2026, 4, 25, 11, 0, tzinfo=UTC)),
        ("Asia/Gaza", datetime(2023, 5, 1, 12, 0), datetime(2023, 5, 1, 9, 0, tzinfo=UTC)),
    ],
)
def test_resolve_local_knows_late_changes_of_law(context: None, zone: str, local: datetime, utc: datetime) -> None:
    assert resolve_local(local, zone) == utc


@each_row("zone", ["Mars/Olympus", "", "/etc/passwd", "../x", "Factory", "x" * 300])
def test_resolve_local_unknown_zone_is_invalid(context: None, zone: str) -> None:
    with pytest.raises(Invalid) as caught:
        resolve_local(datetime(2026, 3, 3, 3, 3), zone)
    assert caught.value.faults[0].field == "time_zone"


@each_row("local", [datetime(1989, 12, 31), datetime(2101, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)])
def test_resolve_local_refuses_offsets_and_far_years(context: None, local: datetime) -> None:
    with pytest.raises(Invalid):
        resolve_local(local, "UTC")


def lecture(key: int, state: LectureState, hours: float | None, **more: object) -> Lecture:
    begun = None if hours is None else datetime(2026, 11, 25, tzinfo=UTC) + timedelta(hours=hours)
    return Lecture(id=key, state=state, starts_at=begun, duration_minutes=90, **more)


def test_stop_states_names_the_first_to_come_next() -> None:
    lectures = [
        lecture(1, LectureState.HELD, -48),
        lecture(2, LectureState.CANCELLED, -24),
        lecture(3, LectureState.LIVE, 0),
        lecture(4, LectureState.SCHEDULED, 48),
        lecture(5, LectureState.SCHEDULED, 24),
        lecture(6, LectureState.POSTPONED, None),
        lecture(7, LectureState.DRAFT, 12),
    ]
    assert stop_states(lectures, datetime(2026, 11, 25, tzinfo=UTC)) == {
        1: "done",
        2: "cancelled",
        3: "now",
        4: "later",
        5: "next",
        6: "later",
        7: "later",
    }


def test_stop_state_of_one_that_should_have_begun_is_next() -> None:
    assert stop_state(lecture(1, LectureState.SCHEDULED, -1), datetime(2026, 11, 25, tzinfo=UTC)) == "next"


def test_occupied_is_actual_once_begun() -> None:
    began = datetime(2026, 11, 20, 10, tzinfo=UTC)
    held = lecture(1, LectureState.HELD, 0, actual_start=began, actual_end=began + timedelta(minutes=7))
    assert occupied(held) == (began, began + timedelta(minutes=7))
    assert length_ms(held) == 7 * 60_000
    assert occupied(lecture(2, LectureState.CANCELLED, 0)) is None
    assert length_ms(lecture(2, LectureState.LIVE, 0, actual_start=began)) is None


def test_overlaps_leaves_edges_free() -> None:
    hour = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(4)]
    assert overlaps((hour[0], hour[2]), (hour[1], hour[3]))
    assert not overlaps((hour[0], hour[1]), (hour[1], hour[2]))


@each_row(
    "address", ["https://meet.example/x", "http://10.0.0.1:8080/a?b=c", "HTTPS://EXAMPLE.org", "https://例え.jp/"]
)
def test_is_web_address_takes_http(address: str) -> None:
    assert is_web_address(address)


@each_row(
    "address",
    [
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "ftp://x.example/",
        "//x.example/",
        "https://",
        "https:///x",
        "https://x y/",
        "https:\\\\x",
        "https://[::1",
        "https://x:99999/",
        "x" * 2100,
        "https://x/" + "a" * 2000,
    ],
)
def test_is_web_address_refuses_the_rest(address: str) -> None:
    assert not is_web_address(address)
