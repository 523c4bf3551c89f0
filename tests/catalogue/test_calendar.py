"""A lecture's calendar file: what a calendar makes of it, and who may have it."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from lms.catalogue.models import Lecture, Series
from lms.core.db import action, db
from tests.factories import Make


@pytest.fixture
def series(make: Make) -> Series:
    """Some series."""
    return make.series("trade", "Trade")


@pytest.mark.parametrize(
    ("state", "status"), [("scheduled", "CONFIRMED"), ("cancelled", "CANCELLED"), ("held", "CONFIRMED")]
)
def test_calendar_file(client: FlaskClient, make: Make, series: Series, state: str, status: str) -> None:
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
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))
    assert b"METHOD:PUBLISH" in answer.data
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
    waiting = make.lecture(series, state="postponed")
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
