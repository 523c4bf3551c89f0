"""Rows that reports count, put straight into the tables, so that a test can work its figures out by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apiflask import APIFlask
from sqlalchemy import delete, insert, select, update

from lms.attendance.models.credits import Correction, Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.catalogue.models import CertificateKind, Delivery, Lecture, LectureState, Policy, Series, Visibility
from lms.certificates.models import Award, Certificate, CertificateState
from lms.core.database.cache_versions import Stamp
from lms.core.database.session import Base, db
from lms.core.time.clock import day_of
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.people.models import BEGINNING, Country, Gender, Partnership, Person, PersonCountry, Sector
from lms.people.queries.countries import countries_of

EARLY = datetime(2019, 1, 1, tzinfo=UTC)


class World:
    """Makes rows; each method returns the id. Days and hours are UTC; the reporting zone is Asia/Shanghai (+8)."""

    def __init__(self, app: APIFlask) -> None:
        self.app = app
        self.numbers = itertools.count(1)
        self.policies: dict[int, int] = {}
        with app.app_context(), db.engine.connect() as connection:
            self.countries = dict(connection.execute(select(Country.code, Country.id)).all())

    def insert(self, model: type[Base], **values: Any) -> int:
        with self.app.app_context(), db.engine.begin() as connection:
            key = connection.execute(insert(model).values(**values)).inserted_primary_key
            if model in (Enrolment, Award, Certificate):
                connection.execute(delete(Stamp))  # rows that come past the actions say nothing of it
        return int(key[0])

    def execute(self, statement: Any) -> None:
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(statement)

    def partner(self, code: str, since: date = date(2019, 1, 1), until: date | None = None) -> None:
        self.insert(Partnership, country_id=self.countries[code], since=since, until=until)

    def series(self, slug: str = "", language: str = "en", draft: bool = False) -> int:
        number = next(self.numbers)
        visibility = Visibility.DRAFT if draft else Visibility.PUBLIC
        made = self.insert(
            Series, slug=slug or f"series-{number}", title=f"Series {slug or number}", language=language,
            visibility=visibility, created_at=EARLY,
        )  # fmt: skip
        self.policies[made] = self.insert(Policy, series_id=made, created_at=EARLY)
        return made

    def lecture(
        self,
        series: int,
        start: datetime,
        language: str = "en",
        state: LectureState = LectureState.HELD,
        *,
        is_confirmed: bool = True,
    ) -> int:
        end = start + timedelta(minutes=90)
        return self.insert(
            Lecture, series_id=series, title="Lecture", state=state, time_zone="Asia/Shanghai", duration_minutes=90,
            language=language, delivery=Delivery.LINK, starts_at=start, actual_start=start, actual_end=end,
            policy_id=self.policies[series], created_at=EARLY,
            confirmed_at=end if is_confirmed else None,
        )  # fmt: skip

    def person(
        self,
        country: str | None = "KE",
        sector: Sector | None = None,
        gender: Gender | None = None,
        moved: dict[date, str | None] | None = None,
        full_name: str = "",
    ) -> int:
        """Somebody of a country from the beginning; `moved` names further ones by their first day."""
        number = next(self.numbers)
        made = self.insert(
            Person, public_id=f"p{number}", full_name=full_name or f"Person {number}", sector=sector, gender=gender,
            created_at=EARLY,
        )  # fmt: skip
        self.execute(update(Person).where(Person.id == made).values(canonical_id=made))
        first = {} if country is None else {BEGINNING: country}  # as the actions do: who states none has no row
        for since, code in {**first, **(moved or {})}.items():
            self.insert(PersonCountry, person_id=made, country_id=code and self.countries[code], since=since)
        return made

    def merge(self, main: int, merged: int) -> None:
        self.execute(update(Person).where(Person.id == merged).values(canonical_id=main))

    def undo_merge(self, merged: int) -> None:
        self.execute(update(Person).where(Person.id == merged).values(canonical_id=merged))

    def attend(
        self,
        lecture: int,
        *people: int,
        minutes: int = 60,
        outcome: Outcome = Outcome.ATTENDED,
        source: Source = Source.LIVE,
        sector: Sector | None = None,
        gender: Gender | None = None,
    ) -> None:
        policy = next(iter(self.policies.values()))
        for person in people:
            self.insert(
                Credit, lecture_id=lecture, person_id=person, present_ms=minutes * 60_000, percent_tenths=0,
                outcome=outcome, source=source, sector=sector, gender=gender, policy_id=policy, computed_at=EARLY,
            )  # fmt: skip

    def correct(self, lecture: int, person: int, outcome: Outcome) -> None:
        """A correction as attendance keeps it: a row of its own, and the credit's outcome equal to what holds."""
        self.insert(Correction, lecture_id=lecture, person_id=person, outcome=outcome, reason="by hand", made_at=EARLY)
        canonical_id = select(Person.canonical_id).where(Person.id == person).scalar_subquery()
        members = select(Person.id).where(Person.canonical_id == canonical_id)
        mine = (Credit.lecture_id == lecture) & Credit.person_id.in_(members)
        self.execute(update(Credit).where(mine).values(outcome=outcome))

    def enrol(
        self,
        series: int,
        *people: int,
        at: datetime,
        country: str | None = "KE",
        status: EnrolmentStatus = EnrolmentStatus.ENROLLED,
        source: EnrolmentSource = EnrolmentSource.SELF,
    ) -> None:
        for person in people:
            self.insert(
                Enrolment, public_id=f"e{next(self.numbers)}", series_id=series, person_id=person,
                status=status, source=source, registered_at=at, queued_at=at, profile_shared_at=at,
                registered_country_id=country and self.countries[country],
            )  # fmt: skip

    def award(
        self,
        series: int,
        person: int,
        at: datetime,
        *states: CertificateState,
        kind: CertificateKind = CertificateKind.PARTICIPATION,
    ) -> None:
        """An award with one certificate in each of these states, oldest first."""
        with self.app.app_context():
            country = countries_of([person], day_of(at, "Asia/Shanghai"))[person]
        award = self.insert(
            Award, series_id=series, person_id=person, kind=kind, awarded_at=at, awarded_country_id=country
        )
        for state in states or (CertificateState.VALID,):
            self.insert(
                Certificate, award_id=award, number=f"{next(self.numbers):017}", state=state, name="Somebody",
                series_title="Series", hours_ms=0, issued_on=at.date(), issued_at=at,
            )  # fmt: skip
