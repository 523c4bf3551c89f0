"""`make`: what tests need to exist. People come through the actions, the rest through rows until a test says more.

Usable inside an app context and outside of one (around test-client calls); outside, what is returned is detached,
with its columns loaded.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from apiflask import APIFlask
from flask import has_app_context
from flask.testing import FlaskClient
from sqlalchemy import inspect, update

from lms.catalogue.models import (
    Lecture,
    LectureInstructor,
    LectureState,
    Policy,
    Series,
    SeriesInstructor,
    Visibility,
)
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import Base, action, db
from lms.core.time import clock
from lms.enrolment.models import (
    CountryQuota,
    Enrolment,
    EnrolmentSource,
    EnrolmentStatus,
    SeatEntry,
    SeatKind,
    SeatReason,
)
from lms.materials.models import Audience, FileState, LectureFile
from lms.people.actions.access import grant_role
from lms.people.actions.persons import create_person
from lms.people.actions.sessions import begin_session
from lms.people.devices import Device
from lms.people.models import Account, ApiToken, Person
from lms.people.passwords import hash_password, hash_secret
from lms.people.queries.access import load_actor
from lms.people.queries.countries import country_id_of, get_country

R = TypeVar("R")
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse battery"
_HASHES: dict[str, str] = {}


def _hash(password: str) -> str:
    if password not in _HASHES:
        _HASHES[password] = hash_password(password)
    return _HASHES[password]


class Make:
    """Makes rows with sensible values; every argument has a default."""

    def __init__(self, app: APIFlask) -> None:
        self.app = app
        self.numbers = itertools.count(1)

    def _within(self, work: Callable[[], R]) -> R:
        if has_app_context():
            return work()
        with self.app.app_context():
            made = work()
            if isinstance(made, Base):
                db.session.refresh(made)
                for relation in inspect(type(made)).relationships:
                    getattr(made, relation.key)
                db.session.expunge_all()
            return made

    def person(
        self,
        full_name: str | None = None,
        email: str | None = None,
        country: str | None = "KE",
        roles: Iterable[Role | str | tuple[Role | str, str]] = (),
        password: str | None = None,
        at: datetime = EARLY,
        **profile: Any,
    ) -> Person:
        """A person. `roles`: "instructor", or ("focal_point", "KE"); with a password or a role: with an account."""
        number = next(self.numbers)
        granted = [(Role(role), None) if isinstance(role, str) else (Role(role[0]), role[1]) for role in roles]

        @action
        def write() -> Person:
            made = create_person(
                full_name=full_name or f"Person {number}",
                email=email or f"person{number}@example.org",
                country_code=country,
                by=SYSTEM,
                at=at,
                verified=True,
                **profile,
            )
            if password or granted:
                hashed = _hash(password or PASSWORD)
                db.session.add(Account(person_id=made.id, password_hash=hashed, created_at=at))
            for role, code in granted:
                if role is Role.FOCAL_POINT:
                    code = code or country
                grant_role(made.public_id, role, country_code=code, by=SYSTEM, at=at)
            return made

        return self._within(write)

    def actor(self, person: Person | None = None, at: datetime | None = None, **given: Any) -> Actor:
        """The actor of a person (made from `given` where there is none)."""
        person_id = (person or self.person(**given)).id
        actor = self._within(lambda: load_actor(person_id, at or datetime(2030, 1, 1, tzinfo=UTC)))
        assert actor is not None
        return actor

    def administrator(self) -> Actor:
        """Some administrator."""
        return self.actor(roles=["administrator"], full_name="Administrator")

    def token(self, person: Person, scopes: Sequence[str] = ()) -> str:
        """A bearer token that holds; with `scopes` it is held to these."""
        person_id, secret = person.id, secrets.token_urlsafe(32)
        expires_at = EARLY + timedelta(days=36_500)

        @action
        def write() -> None:
            row = ApiToken(person_id=person_id, name="tests", scopes=list(scopes), secret_hash=hash_secret(secret))
            row.created_at, row.expires_at = EARLY, expires_at
            db.session.add(row)

        self._within(write)
        return secret

    def headers(self, person: Person) -> dict[str, str]:
        """The header that an API call of this person carries."""
        return {"Authorization": f"Bearer {self.token(person)}"}

    def sign_in(self, client: FlaskClient, person: Person, at: datetime | None = None) -> None:
        """Signs a test client in, without the form; the person gets an account where there is none."""
        person_id = person.id

        @action
        def account() -> None:
            if db.session.get(Account, person_id) is None:
                db.session.add(Account(person_id=person_id, password_hash=_hash(PASSWORD), created_at=EARLY))

        self._within(account)
        key = self._within(
            lambda: begin_session(person_id, Device("Firefox", "Linux"), lasts=timedelta(days=30), at=at or clock.now())
        )
        with client.session_transaction() as session:
            session["_user_id"] = key
            session["_fresh"] = True

    def series(
        self,
        slug: str | None = None,
        title: str | None = None,
        instructors: Iterable[Person] = (),
        visibility: Visibility | str = Visibility.PUBLIC,
        policy: dict[str, Any] | None = None,
        at: datetime = EARLY,
        **columns: Any,
    ) -> Series:
        """A public series with a policy; `columns` as in the table (capacity, admission, language, …)."""
        number = next(self.numbers)
        people = [person.id for person in instructors]

        @action
        def write() -> Series:
            made = Series(
                slug=slug or f"series-{number}",
                title=title or f"Series {number}",
                visibility=Visibility(visibility),
                created_at=at,
                **columns,
            )
            db.session.add(made)
            db.session.flush()
            db.session.add(Policy(series_id=made.id, version=1, created_at=at, **(policy or {})))
            db.session.add_all(SeriesInstructor(series_id=made.id, person_id=person) for person in people)
            return made

        return self._within(write)

    def lecture(
        self,
        series: Series | None = None,
        title: str | None = None,
        local_start: datetime | None = None,
        time_zone: str = "Africa/Nairobi",
        duration_minutes: int = 90,
        state: LectureState | str = LectureState.SCHEDULED,
        instructors: Iterable[Person] = (),
        at: datetime = EARLY,
        **columns: Any,
    ) -> Lecture:
        """A lecture, by default scheduled for 2 December 2026, 09:00 in Nairobi (06:00 UTC)."""
        series_id = (series or self.series()).id
        number = next(self.numbers)
        people = [person.id for person in instructors]
        local = local_start or datetime(2026, 12, 2, 9, 0)  # noqa: DTZ001 - local time, as it is planned
        planned = {"starts_at": local.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)} | columns
        if state == LectureState.HELD:
            planned.setdefault("confirmed_at", planned.get("actual_end"))

        @action
        def write() -> Lecture:
            made = Lecture(
                series_id=series_id,
                title=title or f"Lecture {number}",
                local_start=local,
                time_zone=time_zone,
                duration_minutes=duration_minutes,
                state=LectureState(state),
                created_at=at,
                **{"language": "en"} | planned,
            )
            db.session.add(made)
            db.session.flush()
            db.session.add_all(LectureInstructor(lecture_id=made.id, person_id=person) for person in people)
            return made

        return self._within(write)

    def change(self, lecture: Lecture, **values: Any) -> None:
        """Writes columns of a lecture, past the actions."""
        lecture_id = lecture.id

        @action
        def write() -> None:
            db.session.execute(update(Lecture).where(Lecture.id == lecture_id).values(**values))

        self._within(write)

    def file(self, lecture: Lecture, title: str, at: datetime = EARLY, **columns: Any) -> LectureFile:
        """A PDF file of a lecture that everyone can open; its content is not stored."""
        number = next(self.numbers)
        defaults = {"file_name": f"{title}.pdf", "audience": "everyone", "state": FileState.READY}

        @action
        def write() -> LectureFile:
            values = {**defaults, **columns}
            made = LectureFile(
                lecture_id=lecture.id,
                position=number,
                title=title,
                kind="pdf",
                size=1,
                digest=f"{number:064x}",
                uploaded_at=at,
                **{**values, "audience": Audience(values["audience"])},
            )
            db.session.add(made)
            return made

        return self._within(write)

    def enrolment(
        self,
        series: Series | None = None,
        person: Person | None = None,
        status: EnrolmentStatus | str = EnrolmentStatus.ENROLLED,
        source: EnrolmentSource | str = EnrolmentSource.STAFF,
        at: datetime = EARLY,
        **columns: Any,
    ) -> Enrolment:
        """A person's place in a series; an enrolled one takes a seat."""
        series_id = (series or self.series()).id
        person_id = (person or self.person()).id

        @action
        def write() -> Enrolment:
            enrolled = EnrolmentStatus(status) is EnrolmentStatus.ENROLLED
            country_id = country_id_of(person_id, at.date())
            made = Enrolment(
                series_id=series_id,
                person_id=person_id,
                status=EnrolmentStatus(status),
                source=EnrolmentSource(source),
                **{
                    "registered_at": at,
                    "queued_at": at,
                    "registered_country_id": country_id,
                    "enrolled_at": at if enrolled else None,
                    "profile_shared_at": at,
                    "seat_kind": SeatKind.OPEN if enrolled else None,
                }
                | columns,
            )
            db.session.add(made)
            if enrolled:
                db.session.get_one(Series, series_id).taken += 1
                entry = {"change": 1, "kind": SeatKind.OPEN, "why": SeatReason.ENROLLED, "country_id": country_id}
                db.session.add(SeatEntry(series_id=series_id, person_id=person_id, at=at, **entry))
            return made

        return self._within(write)

    def quota(
        self, series: Series, code: str, *, seats: int, kept_until: datetime = EARLY + timedelta(days=3650)
    ) -> CountryQuota:
        """Seats of a series that are kept for a country."""
        series_id = series.id

        @action
        def write() -> CountryQuota:
            made = CountryQuota(
                series_id=series_id, country_id=get_country(code).id, seats=seats, used=0, kept_until=kept_until
            )
            db.session.get_one(Series, series_id).reserved += seats
            db.session.add(made)
            return made

        return self._within(write)


@pytest.fixture
def make(app: APIFlask) -> Make:
    """Factories on this test's database."""
    return Make(app)
