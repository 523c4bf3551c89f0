"""The same thing done twice at the same moment, through the doors: one row, the same answer, never a 500."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.attendance.models.credits import Correction, Credit, Outcome
from lms.attendance.models.evidence import Presence
from lms.catalogue.models import CertificateKind, LectureState, Policy
from lms.certificates.models import Certificate
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.enrolment.models import Enrolment
from lms.people.models import Person, PersonEmail
from tests.factories import Make

pytestmark = pytest.mark.databases(differs=True)
TWICE = 8
Ask = Callable[[], Any]


class Held:
    """A series with certificates, one lecture that was held, and people who attended it."""

    def __init__(self, app: APIFlask, make: Make, people: int = 12) -> None:
        self.app, self.make = app, make
        self.staff = make.headers(make.person("Zhou Anran", roles=["administrator"]))
        self.series = make.series(policy={"certificate": CertificateKind.PARTICIPATION})
        self.people = [make.person(f"Person {n}", email=f"p{n}@twice.example") for n in range(people)]
        for person in self.people:
            make.enrolment(self.series, person)
        self.began = clock.now() - timedelta(days=3)
        with app.app_context():
            policy_id = db.session.scalar(select(Policy.id).where(Policy.series_id == self.series.id))
        self.lecture = make.lecture(
            self.series,
            state=LectureState.HELD,
            starts_at=self.began,
            actual_start=self.began,
            actual_end=self.began + timedelta(minutes=90),
            policy_id=policy_id,
        )

    def report(self) -> bytes:
        times = f"{self.began:%Y-%m-%dT%H:%M:%SZ},{self.began + timedelta(minutes=80):%Y-%m-%dT%H:%M:%SZ}"
        lines = [f"p{n}@twice.example,{times}" for n in range(len(self.people))]
        return "\n".join(["email,joined_at,left_at", *lines]).encode()

    def ask(self, method: str, path: str, **sent: Any) -> Any:
        return self.app.test_client().open(path, method=method, headers=self.staff, **sent)

    def import_attendance(self) -> Any:
        file = (io.BytesIO(self.report()), "report.csv")
        return self.ask("POST", f"/api/v1/lectures/{self.lecture.id}/attendance-imports", data={"file": file})

    def count(self, table: Any) -> int:
        with self.app.app_context():
            return db.session.scalar(select(func.count()).select_from(table)) or 0

    def at_once(self, asks: list[Ask]) -> list[Any]:
        """The answers, in the order of the asking."""
        answers: list[Any] = [None] * len(asks)
        gate = threading.Barrier(len(asks))

        def run(place: int) -> None:
            gate.wait()
            try:
                answers[place] = asks[place]()
            except BaseException as error:
                answers[place] = error

        threads = [threading.Thread(target=run, args=(place,)) for place in range(len(asks))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert [answer for answer in answers if isinstance(answer, BaseException)] == []
        return answers


@pytest.fixture
def held(app: APIFlask, make: Make) -> Held:
    return Held(app, make)


def statuses(answers: list[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def test_certificates_issued_twice_at_once_are_one_each(held: Held) -> None:
    assert held.import_attendance().status_code == 200
    series_id = held.series.id

    def issue() -> dict[str, Any]:
        from lms.certificates.actions.awards import issue_certificates

        with held.app.app_context():
            return issue_certificates(series_id, by=SYSTEM, at=clock.now())

    results = held.at_once([issue] * 4)
    assert sum(result["issued"] for result in results) == len(held.people)
    with held.app.app_context():
        numbers = list(db.session.scalars(select(Certificate.number)))
    assert len(numbers) == len(set(numbers)) == len(held.people)


def test_certificates_asked_for_twice_at_once_are_one_job(held: Held) -> None:
    assert held.import_attendance().status_code == 200
    path = f"/api/v1/series/{held.series.slug}/certificates"
    answers = held.at_once([lambda: held.ask("POST", path, json={})] * TWICE)
    assert statuses(answers) == [202] * TWICE
    assert len({answer.json["job"] for answer in answers}) == 1


def test_two_corrections_at_once_leave_one_that_holds(held: Held) -> None:
    assert held.import_attendance().status_code == 200
    path = f"/api/v1/lectures/{held.lecture.id}/attendance/{held.people[0].public_id}"
    wishes = [Outcome.ABSENT, Outcome.EXCUSED, Outcome.PARTIAL, Outcome.ABSENT] * 2
    answers = held.at_once(
        [
            lambda outcome=outcome: held.ask("PATCH", path, json={"outcome": outcome, "reason": "seen otherwise"})
            for outcome in wishes
        ]
    )
    assert statuses(answers) == [200] * len(wishes)
    with held.app.app_context():
        holding = list(db.session.scalars(select(Correction).where(Correction.withdrawn_at.is_(None))))
        credit = db.session.get_one(Credit, (held.lecture.id, held.people[0].id))
        assert [one.outcome for one in holding] == [credit.outcome]


def test_corrections_of_two_people_at_once_both_hold(held: Held) -> None:
    assert held.import_attendance().status_code == 200
    base = f"/api/v1/lectures/{held.lecture.id}/attendance"
    wish = {"outcome": "excused", "reason": "was ill"}
    answers = held.at_once(
        [lambda who=who: held.ask("PATCH", f"{base}/{who.public_id}", json=wish) for who in held.people]
    )
    assert statuses(answers) == [200] * len(held.people)
    with held.app.app_context():
        outcomes = list(db.session.scalars(select(Credit.outcome)))
    assert outcomes == [Outcome.EXCUSED] * len(held.people)


def test_the_same_report_twice_at_once_is_the_same_evidence(held: Held) -> None:
    answers = held.at_once([held.import_attendance] * TWICE)
    assert statuses(answers) == [200] * TWICE
    assert (held.count(Presence), held.count(Credit)) == (len(held.people), len(held.people))
    assert sum(answer.json["created"] for answer in answers) == len(held.people)


def test_the_same_file_of_people_twice_at_once_is_one_person_each(held: Held) -> None:
    before = held.count(Person)
    lines = ["email,full_name,country", *(f"new{n}@twice.example,New {n},KE" for n in range(40))]

    def send() -> Any:
        data = {"file": (io.BytesIO("\n".join(lines).encode()), "people.csv")}
        return held.ask("POST", f"/api/v1/series/{held.series.slug}/enrolments", data=data)

    answers = held.at_once([send] * TWICE)
    assert statuses(answers) == [200] * TWICE
    assert (held.count(Person) - before, held.count(Enrolment)) == (40, 40 + len(held.people))


def test_two_files_with_the_same_people_in_another_order_at_once(held: Held) -> None:
    rows = [f"new{n}@twice.example,New {n},KE" for n in range(60)]

    def send(lines: list[str]) -> Any:
        text = "\n".join(["email,full_name,country", *lines])
        data = {"file": (io.BytesIO(text.encode()), "people.csv")}
        return held.ask("POST", f"/api/v1/series/{held.series.slug}/enrolments", data=data)

    answers = held.at_once([lambda: send(rows), lambda: send(rows[::-1])] * 3)
    assert statuses(answers) == [200] * 6
    assert held.count(Enrolment) == 60 + len(held.people)


def test_somebody_new_enrolled_twice_at_once_is_one_person(held: Held) -> None:
    path = f"/api/v1/series/{held.series.slug}/enrolments"
    wish = {"email": "Once@twice.example", "full_name": "Only Once", "country": "KE"}
    answers = held.at_once([lambda: held.ask("POST", path, json=wish)] * TWICE)
    assert statuses(answers) == [200] * (TWICE - 1) + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    with held.app.app_context():
        keys = select(func.count()).select_from(PersonEmail).where(PersonEmail.key == "once@twice.example")
        assert db.session.scalar(keys) == 1


def test_the_enrol_form_sent_twice_at_once_is_one_place(held: Held) -> None:
    trainee = held.make.person("Achieng", country="KE")
    held.make.lecture(held.series)

    def send() -> Any:
        client = held.app.test_client()
        held.make.sign_in(client, trainee)
        page = client.get(f"/series/{held.series.slug}").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        gate.wait()
        return client.post(f"/series/{held.series.slug}/enrol", data={"csrf_token": token})

    held.make.sign_in(held.app.test_client(), trainee)  # the account stands before they all come
    gate = threading.Barrier(TWICE)
    answers = held.at_once([send] * TWICE)
    assert {answer.status_code for answer in answers} == {303}
    assert held.count(Enrolment) == len(held.people) + 1


def test_a_series_made_twice_at_once_is_one(held: Held) -> None:
    wish = {"slug": "twice", "title": "Twice", "language": "en", "visibility": "public"}
    answers = held.at_once([lambda: held.ask("POST", "/api/v1/series", json=wish)] * TWICE)
    assert statuses(answers) == [200] * (TWICE - 1) + [201]


def test_a_lecture_ended_twice_at_once_is_ended_once(held: Held) -> None:
    began = clock.now() - timedelta(minutes=30)
    lecture = held.make.lecture(held.series, state=LectureState.LIVE, starts_at=began, actual_start=began)
    path = f"/api/v1/lectures/{lecture.id}/end"
    answers = held.at_once([lambda: held.ask("POST", path, json={})] * TWICE)
    assert statuses(answers).count(200) >= 1
    assert set(statuses(answers)) <= {200, 409}
    with held.app.app_context():
        ended = select(func.count()).select_from(jobs.Job).where(jobs.Job.kind == "credit_lecture")
        assert db.session.scalar(ended) == 1


def test_a_job_is_taken_by_one_of_two_workers(held: Held) -> None:
    ran: list[int] = []
    jobs.REGISTRY["test.count"] = lambda run, **_arguments: ran.append(run.job_id) or {}  # type: ignore[func-returns-value]

    @action
    def ask() -> None:
        for _number in range(20):
            jobs.request_job("test.count", {}, by=SYSTEM, at=clock.now())

    with held.app.app_context():
        ask()

    def work() -> None:
        with held.app.app_context():
            jobs.run_due()

    try:
        held.at_once([work] * 4)
    finally:
        del jobs.REGISTRY["test.count"]
    assert sorted(ran) == sorted(set(ran))
    assert len(ran) == 20
