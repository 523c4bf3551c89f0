"""The page of an invitation, as its nominee uses it: without an account, without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from lms.catalogue.actions.states import cancel_lecture
from lms.catalogue.queries.lectures import list_lectures
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.rows import find_enrolment
from lms.nominations.actions.nominating import nominate, withdraw_nominations
from lms.nominations.models import Nomination, NominationState
from lms.nominations.rules import INVITATION_LASTS
from lms.people.actions.countries import edit_country
from lms.people.models import Consent, Person
from lms.people.queries.countries import country_id_of, get_country
from lms.people.queries.persons import find_person_by_email
from tests.enrolment.conftest import Cast
from tests.factories import Make
from tests.forms import token_in
from tests.nominations.conftest import row, secret_of
from tests.rows import each_row

WAMBUI = "wambui.kamau@people.test"


@dataclass
class Scene:
    """A series, focal points, and a browser in which a nominee reads the mail."""

    app: APIFlask
    cast: Cast
    client: FlaskClient
    focals: dict[str, Actor] = field(default_factory=dict)
    series_id: int = 0

    def invite(self, name: str = "Wambui Kamau", *, country: str = "KE", at: datetime | None = None) -> str:
        """Nominates somebody; returns the address of the page in the mail, and the public id in `self.nomination`."""
        with self.app.app_context():
            if country not in self.focals:
                self.focals[country] = self.cast.staff(Role.FOCAL_POINT, f"Focal {country}", country=country)
            answer = nominate(
                self.series_id,
                [row(name)],
                country_id=get_country(country).id,
                by=self.focals[country],
                at=at or clock.now(),
            )
            self.nomination = answer.invited[0]
            return f"/invitation/{secret_of(row(name).email)}"

    def post(self, path: str, **form: Any) -> TestResponse:
        """Sends the form, and follows to what comes of it."""
        token = token_in(self.client.get("/sign-in").text)
        return self.client.post(path, data={"csrf_token": token, **form}, follow_redirects=True)

    def accept(self, path: str, **form: Any) -> TestResponse:
        """Accepts, with these changes of what is filled in."""
        given = {"full_name": "Wambui Njeri Kamau", "native_name": "", "is_from": "yes", "country": "", "consent": "y"}
        return self.post(path, answer="accept", **{**given, **form})

    def within(self, work: Callable[[], Any]) -> Any:
        with self.app.app_context():
            return work()


@pytest.fixture
def scene(app: APIFlask, make: Make, client: FlaskClient) -> Scene:
    cast = Cast(make, clock.now())
    with app.app_context():
        series = cast.series(title="Digital customs", admission="nomination", capacity=2)
        for days in (7, 14):
            cast.lecture(days=days)
        return Scene(app, cast, client, series_id=series.id)


def state_of(page: TestResponse) -> tuple[str, str]:
    found = re.search(r'data-state="(\w+)" data-status="(\w*)"', page.text)
    assert found is not None, page.text[:3000]
    return found[1], found[2]


def test_reading_an_invitation_changes_nothing_and_shows_what_it_is(scene: Scene) -> None:
    path = scene.invite()
    before = scene.within(lambda: db.session.scalar(select(func.count()).select_from(Person)))
    page = scene.client.get(path)
    assert page.status_code == 200
    for text in (
        "You are invited to “Digital customs”",
        "<bdi>Focal KE</bdi>, focal point for Kenya, has nominated you.",
        "Are you from Kenya?",
        "Nairobi time",
        "the organiser’s time",
        'value="Wambui Kamau"',
        'id="preview-name">Wambui Kamau<',
        "Accept the place",
        "Decline",
    ):
        assert text in page.text, text
    after = scene.within(lambda: db.session.scalar(select(func.count()).select_from(Person)))
    state = scene.within(lambda: db.session.scalars(select(Nomination.state)).one())
    assert (after, state) == (before, NominationState.INVITED)


def test_a_nominee_accepts_and_chooses_a_password(scene: Scene) -> None:
    path = scene.invite()
    done = scene.accept(path, native_name="Wambũi")
    assert state_of(done) == ("accepted", "enrolled")
    assert "What comes next" in done.text
    assert WAMBUI in done.text

    def look() -> tuple[Any, ...]:
        person = find_person_by_email(WAMBUI)
        assert person is not None
        enrolment = find_enrolment(scene.series_id, person.id)
        return person.full_name, person.native_name, enrolment and enrolment.status

    assert scene.within(look) == ("Wambui Njeri Kamau", "Wambũi", EnrolmentStatus.ENROLLED)
    page = scene.post(path, answer="password")
    assert page.request.path.startswith("/reset/")
    entered = scene.post(page.request.path, password="seven lamps at noon")
    assert entered.request.path == "/series/customs"
    assert 'data-status="enrolled"' in entered.text
    assert "Choose a password" not in scene.client.get(path).text


def test_declining_is_one_press_and_the_reason_is_optional(scene: Scene) -> None:
    path = scene.invite()
    assert state_of(scene.post(path, answer="decline", reason="")) == ("declined", "")
    assert scene.within(lambda: find_person_by_email(WAMBUI)) is None
    other = scene.invite("Otieno Ouma")
    assert scene.post(other, answer="decline", reason="x" * 501).status_code == 422
    scene.post(other, answer="decline", reason="On leave")
    assert scene.within(lambda: set(db.session.scalars(select(Nomination.reason)))) == {None, "On leave"}


def test_a_second_window_is_told_kindly_what_was_answered(scene: Scene) -> None:
    path = scene.invite()
    scene.accept(path)
    late = scene.post(path, answer="decline")
    assert state_of(late) == ("accepted", "enrolled")
    assert "You have already accepted this invitation. Nothing was changed." in late.text
    assert state_of(scene.accept(path)) == ("accepted", "enrolled")
    assert scene.within(lambda: db.session.scalar(select(func.count()).select_from(Consent))) == 1
    other = scene.invite("Otieno Ouma")
    scene.post(other, answer="decline")
    late = scene.accept(other)
    assert state_of(late) == ("declined", "")
    assert "You have already declined this invitation. Nothing was changed." in late.text


@pytest.fixture
def invitation(scene: Scene) -> str:
    """The page of an invitation."""
    return scene.invite()


@each_row(
    "form, wrong",
    [
        ({"full_name": ""}, "full_name"),
        ({"full_name": "x" * 300}, "full_name"),
        ({"consent": ""}, "consent"),
        ({"is_from": "no"}, "country"),
        ({"is_from": "no", "country": "??"}, "country"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(
    scene: Scene, invitation: str, form: dict[str, str], wrong: str
) -> None:
    form = {name: value for name, value in form.items() if (name, value) != ("consent", "")}
    given = {"full_name": "Wambui Njeri Kamau", "is_from": "yes", "country": ""}
    if wrong != "consent":
        given["consent"] = "y"
    answer = scene.post(invitation, answer="accept", **{**given, **form})
    assert answer.status_code == 422
    assert f'href="#{wrong}' in answer.text
    assert scene.within(lambda: find_person_by_email(WAMBUI)) is None


def test_a_known_person_reads_the_own_name_and_country(scene: Scene) -> None:
    scene.cast.make.person("Nguyễn Thị Châu", "chau.nguyen@people.test", country="VN", password="seven lamps at noon")
    path = scene.invite("Chau Nguyen")
    page = scene.client.get(path).text
    assert 'value="Nguyễn Thị Châu"' in page
    assert "Your profile says Viet Nam." in page
    assert re.search(r'value="no"[^>]*checked|checked[^>]*value="no"', page)
    answer = scene.accept(path, full_name="Nguyễn Thị Châu", is_from="no", country="VN")
    assert state_of(answer) == ("waiting", "")
    assert "Sign in" in answer.text

    def home() -> int | None:
        person = find_person_by_email("chau.nguyen@people.test")
        return country_id_of(person.id, clock.now().date()) if person is not None else None

    assert scene.within(home) == scene.within(lambda: get_country("VN").id)


def test_of_two_countries_the_other_link_shows_the_place(scene: Scene) -> None:
    mine = scene.invite()
    with scene.app.app_context():
        scene.focals["TZ"] = scene.cast.staff(Role.FOCAL_POINT, "Focal TZ", country="TZ")
        nominate(
            scene.series_id, [row("Wambui Kamau")], country_id=get_country("TZ").id, by=scene.focals["TZ"],
            at=clock.now() + timedelta(days=4),
        )  # fmt: skip
        theirs = f"/invitation/{secret_of(WAMBUI)}"
    assert mine != theirs
    assert state_of(scene.accept(theirs)) == ("accepted", "enrolled")
    assert state_of(scene.client.get(mine)) == ("accepted", "enrolled")


def test_links_that_are_gone_old_or_of_no_use_say_what_to_do(scene: Scene) -> None:
    gone = scene.client.get("/invitation/guess")
    assert (gone.status_code, "Ask the focal point of your country" in gone.text) == (404, True)
    assert scene.client.post("/invitation/guess", data={"answer": "accept"}).status_code in (400, 404)

    old = scene.invite("Old Link", at=clock.now() - INVITATION_LASTS)
    answer = scene.client.get(old)
    assert (answer.status_code, state_of(answer)) == (410, ("old", ""))
    assert "Ask <bdi>Focal KE</bdi>, who nominated you, to send the invitation again." in answer.text

    path = scene.invite()
    scene.within(lambda: withdraw_nominations([scene.nomination], by=scene.focals["KE"], at=clock.now()))
    assert state_of(scene.client.get(path)) == ("ended", "")
    assert scene.post(path, answer="password").status_code == 404


def test_a_cancelled_series_says_so(scene: Scene) -> None:
    path = scene.invite()
    with scene.app.app_context():
        for lecture in list_lectures(scene.series_id, by=SYSTEM):
            cancel_lecture(lecture.id, reason="No speaker", by=SYSTEM, at=clock.now())
    answer = scene.client.get(path)
    assert state_of(answer) == ("cancelled", "")
    assert "Accept the place" not in answer.text


def test_a_nominee_reads_the_notice_of_the_country(scene: Scene) -> None:
    page = scene.invite()
    assert "country-notice" not in scene.client.get(page).text
    notices = {"en": "Ask the embassy."}
    scene.within(lambda: edit_country("KE", {"notices": notices}, by=SYSTEM, at=clock.now()))
    assert "Ask the embassy." in scene.client.get(page).text
    scene.within(lambda: edit_country("KE", {"notices": {}}, by=SYSTEM, at=clock.now()))
