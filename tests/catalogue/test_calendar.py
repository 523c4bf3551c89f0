"""A lecture's calendar file: what a calendar makes of it, and who may have it."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar, Component

from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.states import cancel_lecture, postpone_lecture
from lms.catalogue.calendar import time_zone
from lms.catalogue.models import Lecture, Series
from lms.core import clock
from lms.core.db import action, db
from tests.factories import Make


@pytest.fixture
def series(make: Make) -> Series:
    """Some series."""
    return make.series("trade", "Trade")


@pytest.mark.parametrize(
    ("state", "status", "method"),
    [
        ("scheduled", "CONFIRMED", "PUBLISH"),
        ("cancelled", "CANCELLED", "CANCEL"),
        ("postponed", "CANCELLED", "CANCEL"),
        ("held", "CONFIRMED", "PUBLISH"),
    ],
)
def test_calendar_file(client: FlaskClient, make: Make, series: Series, state: str, status: str, method: str) -> None:
    lecture = make.lecture(
        series,
        "Зерно, кофе; и чай " * 8,
        local_start=datetime(2036, 10, 20, 9),
        time_zone="Europe/Berlin",
        abstract="Long\nlines, " * 40,
        state=state,
        sequence=3,
    )
    answer = client.get(f"/lectures/{lecture.id}.ics")
    assert (answer.status_code, answer.content_type) == (200, f"text/calendar; charset=utf-8; method={method}")
    assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))
    assert answer.data.count(f"METHOD:{method}\r\n".encode()) == 1
    assert b"ATTENDEE" not in answer.data
    calendar = Calendar.from_ical(answer.data)
    [event] = calendar.walk("VEVENT")
    [zone] = calendar.walk("VTIMEZONE")
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == (f"lecture-{lecture.id}@localhost", 3, status)
    assert event["DTSTART"].params["TZID"] == zone["TZID"] == "Europe/Berlin"
    assert event.start.astimezone(UTC) == datetime(2036, 10, 20, 7, 0, tzinfo=UTC)
    assert event.end - event.start == timedelta(minutes=90)
    assert event["SUMMARY"] == lecture.title
    assert {part.name for part in zone.subcomponents} == {"STANDARD", "DAYLIGHT"}


def test_calendar_file_without_a_date_or_right(client: FlaskClient, make: Make, series: Series) -> None:
    waiting = make.lecture(series, state="scheduled")
    with client.application.app_context():

        @action
        def forget() -> None:
            found = db.session.get_one(Lecture, waiting.id)
            found.local_start, found.starts_at = None, None

        forget()
    assert client.get(f"/lectures/{waiting.id}.ics").status_code == 409
    assert client.get(f"/lectures/{make.lecture(series, state='draft').id}.ics").status_code == 404
    assert client.get("/lectures/99999.ics").status_code == 404


def test_calendar_file_in_utc_needs_no_zone(client: FlaskClient, make: Make, series: Series) -> None:
    lecture = make.lecture(series, local_start=datetime(2036, 10, 20, 9), time_zone="UTC")
    answer = client.get(f"/lectures/{lecture.id}.ics")
    assert b"DTSTART:20361020T090000Z" in answer.data
    assert b"VTIMEZONE" not in answer.data


@pytest.mark.databases
def test_a_lecture_taken_off_the_programme_is_cancelled_in_calendars(
    client: FlaskClient, make: Make, series: Series
) -> None:
    boss = make.actor(roles=["administrator"])
    lecture = make.lecture(series, "Trade rules", local_start=datetime(2036, 10, 20, 9), time_zone="Europe/Berlin")

    def read() -> tuple[int, str, str, bool]:
        answer = client.get(f"/lectures/{lecture.id}.ics")
        assert answer.status_code == 200
        calendar = Calendar.from_ical(answer.data)
        [event] = calendar.walk("VEVENT")
        assert event["UID"] == f"lecture-{lecture.id}@localhost"
        assert answer.content_type.endswith(f"method={calendar['METHOD']}")
        return event["SEQUENCE"], event["STATUS"], calendar["METHOD"], "SUMMARY" in event

    def turn(visibility: str) -> None:
        with client.application.app_context():
            edit_series(series.slug, {"visibility": visibility}, by=boss, at=clock.now())

    assert read() == (0, "CONFIRMED", "PUBLISH", True)
    turn("draft")
    assert read() == (1, "CANCELLED", "CANCEL", False)
    assert client.get(f"/lectures/{lecture.id}").status_code == 404
    turn("public")
    assert read() == (2, "CONFIRMED", "PUBLISH", True)
    with client.application.app_context():
        postpone_lecture(lecture.id, by=boss, at=clock.now())
    assert read() == (3, "CANCELLED", "CANCEL", True)
    with client.application.app_context():
        postpone_lecture(
            lecture.id, local_start=datetime(2036, 10, 21, 9), time_zone="Europe/Berlin", by=boss, at=clock.now()
        )
    assert read() == (4, "CONFIRMED", "PUBLISH", True)
    with client.application.app_context():
        cancel_lecture(lecture.id, reason="The lecturer is ill.", by=boss, at=clock.now())
    assert read() == (5, "CANCELLED", "CANCEL", True)


def test_a_lecture_that_was_never_public_has_no_calendar_file(client: FlaskClient, make: Make) -> None:
    hidden = make.series("hidden", "Hidden", visibility="draft")
    lecture = make.lecture(hidden, local_start=datetime(2036, 10, 20, 9), time_zone="Europe/Berlin")
    assert client.get(f"/lectures/{lecture.id}.ics").status_code == 404


def offset_in(component: Component, moment: datetime) -> timedelta:
    """What a calendar makes of a VTIMEZONE: the observance whose onset, in the offset before it, is the latest past."""
    onsets = [
        (one["DTSTART"].dt.replace(tzinfo=UTC) - one["TZOFFSETFROM"].td, one["TZOFFSETTO"].td)
        for one in component.subcomponents
    ]
    return max(one for one in onsets if one[0] <= moment)[1]


@pytest.mark.parametrize(
    "name",
    ["Africa/Casablanca", "Europe/Berlin", "Europe/Dublin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu",
     "Africa/Cairo", "America/Sao_Paulo", "Pacific/Apia"],
)  # fmt: skip
def test_the_time_zone_has_the_offset_of_each_hour(name: str) -> None:
    """Ramadan 2027 in Casablanca is 7 February to 14 March: five weeks at UTC+0."""
    component, zone = time_zone(name, date(2027, 2, 20)), ZoneInfo(name)
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    while moment < datetime(2028, 3, 1, tzinfo=UTC):
        assert offset_in(component, moment) == moment.astimezone(zone).utcoffset(), moment
        moment += timedelta(hours=1)


def test_onsets_are_written_in_the_offset_before() -> None:
    found = time_zone("Europe/Berlin", date(2027, 1, 10)).to_ical().replace(b"\r\n", b"\n")
    assert b"BEGIN:DAYLIGHT\nDTSTART:20270328T020000\nTZNAME:CEST\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n" in found
    assert b"BEGIN:STANDARD\nDTSTART:20271031T030000\nTZNAME:CET\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n" in found


def test_a_lecture_in_ramadan_begins_when_it_does(client: FlaskClient, make: Make, series: Series) -> None:
    lecture = make.lecture(series, local_start=datetime(2027, 2, 20, 9), time_zone="Africa/Casablanca")
    calendar = Calendar.from_ical(client.get(f"/lectures/{lecture.id}.ics").data)
    [zone], [event] = calendar.walk("VTIMEZONE"), calendar.walk("VEVENT")
    assert event["DTSTART"].dt.replace(tzinfo=None) == datetime(2027, 2, 20, 9)
    assert offset_in(zone, datetime(2027, 2, 20, 9, tzinfo=UTC)) == timedelta(0)
