"""Calendars to subscribe to: of a person, at a private address, and of a series."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.actions.states import cancel_lecture
from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.actions.calendars import NOTED_EVERY, make_address, note_reading, remove_address
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.calendars import own_address
from lms.people.actions.access import disable_person
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person, export_person
from lms.people.models import Person
from tests.enrolment.conftest import Cast, Reader
from tests.factories import Make
from tests.icalendars import fold
from tests.queries import statements

pytestmark = pytest.mark.databases
DAY = timedelta(days=1)


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


class Scene:
    """Amina has a place in a series of two lectures, and a private address; a third lecture was long ago."""

    def __init__(self, app: APIFlask, client: FlaskClient, make: Make) -> None:
        self.app, self.client, self.at = app, client, clock.now()
        with app.app_context():
            self.cast = Cast(make, self.at)
            self.amina, self.series_id = self.cast.person("Amina"), self.cast.series().id
            self.lectures = [
                self.cast.lecture(title=title, days=days).id
                for title, days in (("Rules of origin", 7), ("Valuation", 200), ("Long ago", -100))
            ]
            enrol(self.series_id, own(self.amina), by=self.amina, at=self.at)
            self.secret = make_address(by=self.amina, at=self.at)

    def do(self, act: Callable[..., Any], *given: Any, by: Actor = SYSTEM, **more: Any) -> Any:
        with self.app.app_context():
            return act(*given, by=by, at=self.at, **more)

    def shown(self, path: str = "") -> list[str]:
        """What a calendar program shows of a feed."""
        answer = self.client.get(path or f"/calendar/{self.secret}.ics")
        assert (answer.status_code, answer.content_type) == (200, "text/calendar; charset=utf-8; method=PUBLISH")
        assert b"ATTENDEE" not in answer.data
        assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))
        return [one["summary"] for one in fold([("PUBLISH", answer.data)]) if one["isShown"]]


@pytest.fixture
def scene(app: APIFlask, client: FlaskClient, make: Make) -> Scene:
    return Scene(app, client, make)


def test_the_calendar_of_a_person_follows_places_and_lectures(scene: Scene) -> None:
    assert scene.shown() == ["Rules of origin", "Valuation"]
    scene.do(cancel_lecture, scene.lectures[0], reason="The lecturer is ill.")
    answer = scene.client.get(f"/calendar/{scene.secret}.ics")
    assert b"SUMMARY:Cancelled: Rules of origin" in answer.data
    assert scene.shown() == ["Valuation"]
    scene.do(withdraw, scene.series_id, own(scene.amina), by=scene.amina)
    assert scene.shown() == []


def test_who_gives_a_lecture_has_it_too(scene: Scene, make: Make) -> None:
    with scene.app.app_context():
        ines = scene.cast.person("Ines")
        series = make.series("given", instructors=[db.session.get_one(Person, own(ines))])
        make.lecture(series, "Given", local_start=(scene.at + DAY).replace(tzinfo=None))
        scene.secret = make_address(by=ines, at=scene.at)
    assert scene.shown() == ["Given"]


def test_a_feed_says_how_often_to_read_it_and_where_to_join(scene: Scene) -> None:
    text = scene.client.get(f"/calendar/{scene.secret}.ics").get_data(as_text=True).replace("\r\n ", "")
    for line in ("REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H", "METHOD:PUBLISH"):
        assert f"{line}\r\n" in text
    assert f"http://localhost/lectures/{scene.lectures[0]}" in text
    assert re.search(r"^CONFERENCE;[^\n]*VALUE=URI", text, re.M)


def test_what_has_not_changed_is_answered_without_a_question(scene: Scene) -> None:
    path = f"/calendar/{scene.secret}.ics"
    etag = scene.client.get(path).headers["ETag"]
    with statements(scene.app) as said:
        again = scene.client.get(path, headers={"If-None-Match": etag})
        whole = scene.client.get(path)
    assert (again.status_code, again.data, said) == (304, b"", [])
    assert whole.status_code == 200
    scene.do(remove_address, by=scene.cast.person("Boris"))  # somebody else
    assert scene.client.get(path, headers={"If-None-Match": etag}).status_code == 304
    scene.do(cancel_lecture, scene.lectures[0], reason="The lecturer is ill.")
    assert scene.client.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_writing_down_that_it_was_read_makes_no_feed_anew(scene: Scene) -> None:
    path = f"/calendar/{scene.secret}.ics"
    scene.client.get(path, headers={"User-Agent": "Google-Calendar-Importer"})
    with scene.app.app_context():
        address = own_address(by=scene.amina)
        assert address is not None
        assert address.read_at is not None
        assert (address.program, address.secret) == ("Google Calendar", scene.secret)
        note_reading(scene.secret, "Outlook", at=address.read_at + NOTED_EVERY)
    with statements(scene.app) as said:
        scene.client.get(path)
    assert said == []
    with scene.app.app_context():
        assert getattr(own_address(by=scene.amina), "program", None) == "Outlook"


@pytest.mark.databases(differs=True)
def test_a_replaced_or_removed_address_stops_at_once(scene: Scene) -> None:
    path = f"/calendar/{scene.secret}.ics"
    assert scene.client.get(path).status_code == 200
    scene.secret = scene.do(make_address, by=scene.amina)
    assert scene.client.get(path).status_code == 404
    assert scene.shown() == ["Rules of origin", "Valuation"]
    scene.do(remove_address, by=scene.amina)
    assert scene.client.get(f"/calendar/{scene.secret}.ics").status_code == 404


def test_the_calendar_ends_with_its_person_and_stays_after_a_merge(scene: Scene, make: Make) -> None:
    boss = make.actor(roles=["administrator"])
    with scene.app.app_context():
        kept = scene.cast.person("Amina A")
        merge_people(kept.public_id, scene.amina.public_id, by=SYSTEM, at=scene.at)
    assert scene.shown() == ["Rules of origin", "Valuation"]
    with scene.app.app_context():
        assert export_person(scene.amina.public_id, by=boss, at=scene.at)["enrolment"] is not None
        gone = {"confirmation": "amina.a@people.test", "withdraw_certificates": False}
        erase_person(kept.public_id, by=boss, at=scene.at, **gone)
    assert scene.client.get(f"/calendar/{scene.secret}.ics").status_code == 404


def test_a_disabled_account_has_no_calendar(scene: Scene, make: Make) -> None:
    person = make.person("Chebet", "chebet@people.test", password="a long password")
    with scene.app.app_context():
        secret = make_address(by=make.actor(person), at=scene.at)
        assert scene.client.get(f"/calendar/{secret}.ics").status_code == 200
        disable_person(person.public_id, by=make.actor(roles=["administrator"]), at=scene.at)
    assert scene.client.get(f"/calendar/{secret}.ics").status_code == 404


def test_the_secret_is_not_in_the_database(scene: Scene) -> None:
    with scene.app.app_context():
        [row] = db.session.execute(db.text("SELECT * FROM calendar_address")).all()
    assert scene.secret not in repr(row)


def test_the_calendar_of_a_series_is_public_and_a_draft_has_none(scene: Scene, make: Make) -> None:
    path = "/series/customs/calendar.ics"
    assert scene.shown(path) == ["Rules of origin", "Valuation"]
    answer = scene.client.get(path)
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    make.series("hidden", visibility="draft")
    assert scene.client.get("/series/hidden/calendar.ics").status_code == 404
    assert scene.client.get("/series/nothing/calendar.ics").status_code == 404
    assert scene.client.get("/calendar/nothing.ics").status_code == 404


def test_a_year_of_lectures_is_read_at_the_right_moments(scene: Scene) -> None:
    """Clocks in Nairobi never change; in Berlin they do, so that one offset does not hold for all."""
    start = datetime(scene.at.year + 1, 1, 15, 9)  # noqa: DTZ001 - local time
    moments = []
    with scene.app.app_context():
        for month in (1, 4, 7, 11):
            lecture = scene.cast.make.lecture(
                db.session.get_one(Series, scene.series_id),
                f"Month {month}",
                local_start=start.replace(month=month),
                time_zone="Europe/Berlin",
            )
            moments.append(lecture.starts_at)
    answer = scene.client.get("/series/customs/calendar.ics")
    found = {one["summary"]: one["start"] for one in fold([("PUBLISH", answer.data)])}
    read = [found[f"Month {month}"] for month in (1, 4, 7, 11)]
    assert read == [moment.timestamp() for moment in moments if moment is not None]
    assert b"TZID=Europe/Berlin" not in answer.data


def test_the_page_makes_replaces_and_removes_the_address(reader: Any) -> None:
    amina: Reader = reader("Amina")
    assert 'data-testid="feed"' not in amina.get("/account/calendar").text
    assert amina.post("/account/calendar", do="make").status_code == 303
    first = re.search(r'value="(http://localhost/calendar/[\w-]{43}\.ics)"', amina.get("/account/calendar").text)
    assert first is not None
    assert len(first[1]) < 116  # Google takes no longer one
    amina.post("/account/calendar", do="make")
    assert first[1] not in amina.get("/account/calendar").text
    amina.post("/account/calendar", do="remove")
    assert 'data-testid="feed"' not in amina.get("/account/calendar").text
