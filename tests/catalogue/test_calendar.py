"""A lecture's calendar file: what a calendar makes of it, and who may have it."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.states import cancel_lecture, postpone_lecture
from lms.catalogue.calendar import PROGRAMS
from lms.catalogue.models import Lecture, Series
from lms.core.database.session import action, db
from lms.core.time import clock
from tests.factories import Make
from tests.icalendars import fold
from tests.rows import each_row


@pytest.fixture
def series(make: Make) -> Series:
    """Some series."""
    return make.series("trade", "Trade")


@each_row(
    "state, status, method",
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


def test_calendar_file_without_a_date_or_right(client: FlaskClient, make: Make, series: Series) -> None:
    waiting = make.lecture(series, state="scheduled")
    with client.application.app_context():

        @action
        def forget() -> None:
            stored = db.session.get_one(Lecture, waiting.id)
            stored.local_start, stored.starts_at = None, None

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


@each_row(
    "name, local, offset",
    [
        ("Africa/Casablanca", datetime(2027, 2, 20, 9), timedelta(0)),  # Ramadan: five weeks that no rule says
        ("Europe/Berlin", datetime(2027, 7, 1, 9), timedelta(hours=2)),
        ("America/St_Johns", datetime(2027, 1, 20, 9), -timedelta(hours=3, minutes=30)),
        ("Asia/Kathmandu", datetime(2027, 1, 20, 9), timedelta(hours=5, minutes=45)),
    ],
)
def test_a_time_zone_is_the_one_offset_of_the_lecture(
    client: FlaskClient, make: Make, series: Series, name: str, local: datetime, offset: timedelta
) -> None:
    """Outlook takes no other rules than yearly ones from a file, and reads those of others wrongly."""
    lecture = make.lecture(series, local_start=local, time_zone=name)
    content = client.get(f"/lectures/{lecture.id}.ics").data
    [zone] = Calendar.from_ical(content).walk("VTIMEZONE")
    [always] = zone.subcomponents
    assert (zone["TZID"], always.name) == (name, "STANDARD")
    assert always["TZOFFSETFROM"].td == always["TZOFFSETTO"].td == offset
    [event] = fold([("PUBLISH", content)])
    assert event["start"] == (local - offset).replace(tzinfo=UTC).timestamp()


def test_a_lecture_during_which_clocks_change_is_written_in_utc(
    client: FlaskClient, make: Make, series: Series
) -> None:
    lecture = make.lecture(
        series, local_start=datetime(2027, 3, 28, 1, 30), time_zone="Europe/Berlin", duration_minutes=120
    )
    content = client.get(f"/lectures/{lecture.id}.ics").data
    assert b"VTIMEZONE" not in content
    [event] = fold([("PUBLISH", content)])
    assert event["start"] == datetime(2027, 3, 28, 0, 30, tzinfo=UTC).timestamp()
    assert event["end"] - event["start"] == 120 * 60


def test_links_to_calendars_on_the_web_say_the_moment_in_utc(client: FlaskClient, make: Make, series: Series) -> None:
    lecture = make.lecture(
        series, "Zoll & Handel, Teil 1", local_start=datetime(2036, 10, 20, 9), abstract="Long " * 900
    )
    page = client.get(f"/lectures/{lecture.id}").text
    links = [html.unescape(one) for one in re.findall(r'href="(https://[^"]+)"', page)]
    queries = {urlsplit(one).hostname: dict(parse_qsl(urlsplit(one).query)) for one in links}
    start, end = lecture.starts_at, lecture.starts_at and lecture.starts_at + timedelta(minutes=90)
    google = queries["calendar.google.com"]
    assert (google["text"], google["dates"]) == (lecture.title, f"{start:%Y%m%dT%H%M%SZ}/{end:%Y%m%dT%H%M%SZ}")
    for host in ("outlook.live.com", "outlook.office.com"):
        assert queries[host]["startdt"] == f"{start:%Y-%m-%dT%H:%M:%SZ}"
        assert queries[host]["location"] == f"http://localhost/lectures/{lecture.id}"
    assert all("+" not in one and len(one) < 1000 for one in links)


def test_links_in_mails_lead_to_calendars_on_the_web_with_what_holds_now(
    client: FlaskClient, make: Make, series: Series
) -> None:
    lecture = make.lecture(series, local_start=datetime(2036, 10, 20, 9))
    path = f"/lectures/{lecture.id}"
    page = html.unescape(client.get(path).text)
    for program in PROGRAMS:
        answer = client.get(f"{path}/calendars/{program}")
        assert answer.status_code == 302
        assert f'href="{answer.location}"' in page, "the same as on the page of the lecture"
    assert client.get(f"{path}/calendars/elsewhere").status_code == 404
    by = make.administrator()
    with client.application.app_context():
        cancel_lecture(lecture.id, reason="ill", by=by, at=clock.now())
    assert client.get(f"{path}/calendars/google").location == path
    hidden = make.lecture(make.series("draft", visibility="draft"))
    assert client.get(f"/lectures/{hidden.id}/calendars/google").status_code == 404
