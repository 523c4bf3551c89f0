"""Exports of rows: bounded, whole, harmless, and for who may see them, also when they are fetched."""

from __future__ import annotations

import csv
import io
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select, text, update
from werkzeug.test import TestResponse

from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Role
from lms.core.database.audit import AuditEntry
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.time import clock
from lms.people.actions.privacy import erase_person
from lms.people.models import Gender, Person, PersonEmail, RoleGrant, Sector
from lms.reports.actions.exports import (
    as_question,
    as_slice,
    drop_old_exports,
    fetch_export,
    forget_exports,
    request_export,
)
from lms.reports.queries.figures import count
from lms.reports.rules import EXPORT_KEPT, MOST_EXPORTS, Slice
from tests.factories import Make
from tests.forms import token_in
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)


@pytest.fixture
def attended(world: World) -> list[int]:
    """Two lectures; three of KE in the first, one of them and one of UG in the second. Names look like formulas."""
    series = world.series("one")
    first, second = world.lecture(series, NOON), world.lecture(series, NOON + timedelta(days=1))
    kenyans, other = [world.person("KE") for _n in range(3)], world.person("UG")
    for person, name in zip([*kenyans, other], ["=1+1", "+254", "Wanjiru", "@sum"], strict=True):
        world.execute(update(Person).where(Person.id == person).values(full_name=name, sector=Sector.ACADEMIA))
    world.insert(
        PersonEmail, person_id=kenyans[0], address="w@x.example", key="w@x.example", is_primary=True, verified_at=NOON
    )
    world.attend(first, *kenyans, sector=Sector.BUSINESS, gender=Gender.FEMALE)
    world.attend(second, kenyans[0], other, minutes=45)
    return [*kenyans, other]


def ask(by: Any, kind: str = "people", form: str = "csv", slice_: Slice | None = None) -> str:
    return request_export(kind, form, slice_ or Slice(), by=by, at=clock.now())


def job_of(public_id: str) -> Job:
    return db.session.scalars(select(Job).where(Job.public_id == public_id)).one()


def lines_of(public_id: str) -> list[list[str]]:
    content = files.find((job_of(public_id).result or {})["file"])
    assert content is not None
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.databases
def test_people_as_lines(app: APIFlask, make: Make, attended: list[int]) -> None:
    reporter = make.actor(roles=[Role.REPORTER])
    with app.app_context():
        export_id = ask(reporter)
        jobs.run_due()
        job = job_of(export_id)
        assert (job.state, (job.result or {})["rows"], job.done, job.total) == (JobState.DONE, 4, 5, 5)
        lines = lines_of(export_id)
        assert lines[0][:4] == ["person", "full_name", "native_name", "email"]
        first = dict(zip(lines[0], lines[1], strict=True))
        assert first == {
            "person": "p" + first["person"][1:], "full_name": "'=1+1", "native_name": "", "email": "w@x.example",
            "countries": "KE", "organisation": "", "job_title": "", "sector": "academia", "gender": "",
            "attendances": "2", "minutes": "105", "first_day": "2024-05-06", "last_day": "2024-05-07",
        }  # fmt: skip
        assert [line[1] for line in lines[1:]] == ["'=1+1", "'+254", "Wanjiru", "'@sum"]
        counted = count(Slice(), by=SYSTEM, at=clock.now()).totals
        assert len(lines) - 1 == counted.participants
        assert sum(int(line[lines[0].index("attendances")]) for line in lines[1:]) == counted.attendances


def test_attendances_as_a_workbook(app: APIFlask, make: Make, attended: list[int]) -> None:
    reporter = make.actor(roles=[Role.REPORTER])
    with app.app_context():
        export_id = ask(reporter, "attendances", "xlsx", Slice(country="KE", from_day=date(2024, 5, 6)))
        jobs.run_due()
        content = files.find((job_of(export_id).result or {})["file"])
    assert content is not None
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.sheet_names == ["Rows", "Definitions and filters"]
    rows = book.get_sheet_by_name("Rows").to_python()
    assert len(rows) == 5
    first = dict(zip(rows[0], rows[1], strict=True))
    assert first["full_name"] == "'=1+1"
    assert (first["country"], first["sector"], first["gender"], first["series"]) == ("KE", "business", "female", "one")
    assert (first["day"], first["minutes"]) == (date(2024, 5, 6), 60.0)
    assert first["started_at"] == datetime(2024, 5, 6, 12, 0)  # noqa: DTZ001 - as a cell has it: of Beijing
    about = dict(row[:2] for row in book.get_sheet_by_name("Definitions and filters").to_python())
    assert (about["country"], about["from"], about["Rows"]) == ("KE", "2024-05-06", "attendances")
    assert about["attendances"].startswith("One person in one lecture")


def test_a_slice_with_nobody_is_a_file_without_rows(app: APIFlask, make: Make, world: World) -> None:
    reporter = make.actor(roles=[Role.REPORTER])
    with app.app_context():
        for form in ("csv", "xlsx"):
            export_id = ask(reporter, form=form, slice_=Slice(country="NR"))
            jobs.run_due()
            assert (job_of(export_id).state, (job_of(export_id).result or {})["rows"]) == (JobState.DONE, 0)


@pytest.mark.databases(differs=True)
def test_asked_ten_times_at_once_it_is_made_once(app: APIFlask, make: Make, attended: list[int]) -> None:
    reporter = make.actor(roles=[Role.REPORTER])
    answers: list[str] = []

    def one() -> None:
        with app.app_context():
            answers.append(ask(reporter))

    threads = [threading.Thread(target=one) for _n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 10
    assert len(set(answers)) == 1
    with app.app_context():
        assert len(db.session.scalars(select(Job.id)).all()) == 1
        with pytest.raises(Refused, match="in progress"):
            ask(reporter, "attendances")
        jobs.run_due()
        assert ask(reporter) not in answers, "once it is done, the question is a new one"


def test_only_so_many_wait(app: APIFlask, make: Make, attended: list[int]) -> None:
    several = [make.actor(roles=[Role.REPORTER]) for _n in range(MOST_EXPORTS + 1)]
    with app.app_context():
        for reporter in several[:-1]:
            ask(reporter)
        with pytest.raises(Refused, match=f"{MOST_EXPORTS} exports are already waiting"):
            ask(several[-1])


@pytest.mark.databases
def test_one_long_job_leaves_the_worker_to_short_ones(app: APIFlask, make: Make, attended: list[int]) -> None:
    first, second = (make.actor(roles=[Role.REPORTER]) for _n in range(2))
    with app.app_context():
        ask(first)
        waiting = ask(second)
        running = jobs._claim(at=clock.now())
        assert running is not None

        @action
        def short() -> int:
            return jobs.request_job("tests", {}, by=SYSTEM, at=clock.now()).id

        number = short()
        assert jobs._claim(at=clock.now()) == number, "the short one passes by"
        assert jobs._claim(at=clock.now()) is None
        jobs.run_job(running)
        assert jobs._claim(at=clock.now()) == job_of(waiting).id


def test_who_may_ask(app: APIFlask, make: Make, attended: list[int]) -> None:
    focal = make.actor(roles=[(Role.FOCAL_POINT, "KE")], country=None)
    with app.app_context():
        for slice_ in (Slice(), Slice(country="UG"), Slice(region="202")):
            with pytest.raises(Forbidden):
                ask(focal, slice_=slice_)
        for stranger in (make.actor(), make.actor(roles=[Role.INSTRUCTOR])):
            with pytest.raises(Forbidden):
                ask(stranger, slice_=Slice(country="KE"))
        with pytest.raises(Invalid):
            ask(focal, "secrets", slice_=Slice(country="KE"))
        with pytest.raises(Invalid):
            ask(focal, form="exe", slice_=Slice(country="KE"))
        with pytest.raises(Invalid):
            ask(focal, slice_=Slice(country="KE", from_day=date(2025, 1, 1), to_day=date(2024, 1, 1)))
        export_id = ask(focal, slice_=Slice(country="KE"))
        jobs.run_due()
        assert [line[4] for line in lines_of(export_id)[1:]] == ["KE", "KE", "KE"]


def test_a_right_that_went_meanwhile_is_asked_for_again(
    app: APIFlask, make: Make, world: World, attended: list[int]
) -> None:
    person = make.person(roles=[Role.REPORTER], country=None)
    reporter = make.actor(person)
    with app.app_context():
        made, never = ask(reporter), None
        jobs.run_due()
        never = ask(reporter, "attendances")
    world.execute(update(RoleGrant).where(RoleGrant.person_id == person.id).values(revoked_at=NOON))
    with app.app_context():
        jobs.run_due()
        assert job_of(never).state is JobState.FAILED
        with pytest.raises(Forbidden):
            fetch_export(made, by=make.actor(person), at=clock.now())
        with pytest.raises(NotFound):
            fetch_export(made, by=make.actor(roles=[Role.REPORTER]), at=clock.now())
        key, name = fetch_export(made, by=make.administrator(), at=clock.now())
        assert files.find(key) is not None
        assert name == f"people-{clock.now():%Y-%m-%d}.csv"
        verbs = db.session.scalars(select(AuditEntry.verb).order_by(AuditEntry.id)).all()
        assert [verb for verb in verbs if "export" in verb] == ["ask_export", "ask_export", "fetch_export"]


def test_a_file_is_kept_for_a_day(app: APIFlask, make: Make, attended: list[int]) -> None:
    reporter = make.actor(roles=[Role.REPORTER])
    with app.app_context():
        made = ask(reporter)
        jobs.run_due()
        key = (job_of(made).result or {})["file"]
        done = clock.now()
        assert drop_old_exports(at=done + EXPORT_KEPT - timedelta(minutes=1)) == 0
        with pytest.raises(NotFound):
            fetch_export(made, by=reporter, at=done + EXPORT_KEPT)
        assert files.find(key) is not None
        assert drop_old_exports(at=done + EXPORT_KEPT) == 1
        assert files.find(key) is None
        assert drop_old_exports(at=done + EXPORT_KEPT) == 0
        with pytest.raises(NotFound):
            fetch_export(made, by=reporter, at=done)


def test_who_is_erased_is_in_no_file_that_is_kept(app: APIFlask, make: Make, attended: list[int]) -> None:
    reporter = make.actor(roles=[Role.REPORTER])
    with app.app_context():
        made = ask(reporter)
        jobs.run_due()
        key = (job_of(made).result or {})["file"]
        public_id = db.session.scalars(select(Person.public_id).where(Person.id == attended[0])).one()
        erase_person(public_id, confirmation="w@x.example", withdraw_certificates=False, by=SYSTEM, at=clock.now())
        assert files.find(key) is None
        again = ask(reporter)
        jobs.run_due()
        assert lines_of(again)[1][1:4] == ["", "", ""], "counted still, without name or address"


def test_who_is_erased_while_a_file_is_written_stops_it(
    app: APIFlask, make: Make, world: World, attended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def erase(_run: jobs.Run, _done: int, _total: int) -> None:
        world.execute(update(Person).where(Person.id == attended[1]).values(erased_at=clock.now()))

    reporter = make.actor(roles=[Role.REPORTER])
    monkeypatch.setattr(jobs.Run, "progress", erase)
    with app.app_context():
        made = ask(reporter)
        jobs.run_due()
        assert job_of(made).state is JobState.FAILED
        assert files.find(f"exports/{job_of(made).id}.csv") is None


def test_a_question_survives_being_kept() -> None:
    slice_ = Slice(date(2024, 1, 1), date(2024, 12, 31), "one", "KE", "202", True)
    assert as_slice(as_question(slice_)) == slice_
    assert as_slice(as_question(Slice())) == Slice()


def test_from_the_page_to_the_file(app: APIFlask, client: FlaskClient, make: Make, attended: list[int]) -> None:
    def post(path: str, by: FlaskClient = client, **form: str) -> TestResponse:
        return by.post(path, data={"csrf_token": token_in(by.get("/admin/reports").text), **form})

    make.sign_in(client, make.person(roles=[(Role.FOCAL_POINT, "KE")], country=None))
    page = client.get("/admin/reports?country=KE&figure=participants").text
    assert 'action="/admin/reports/rows?country=KE&amp;figure=participants"' in page
    sent = post("/admin/reports/rows?country=KE", kind="people", format="csv")
    assert sent.status_code == 303
    task = sent.location
    assert "Waiting to start." in client.get(task).text
    busy = post("/admin/reports/rows?country=KE", kind="attendances", format="csv")
    assert busy.status_code == 409
    assert "You already have an export in progress." in busy.text
    assert post("/admin/reports/rows?country=UG", kind="people", format="csv").status_code == 403
    with app.app_context():
        jobs.run_due()
    shown = client.get(task).text
    assert "Rows: 3" in shown
    assert 'data-testid="fetch"' in shown
    fetch = task.replace("/jobs/", "/admin/reports/rows/")
    answer = post(fetch)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="people-')
    assert answer.content_length == len(answer.data)
    assert "w@x.example" in answer.data.decode("utf-8-sig")
    assert post(fetch + "x").status_code == 404
    make.sign_in(other := app.test_client(), make.person(roles=[(Role.FOCAL_POINT, "UG")], country=None))
    assert post(fetch, by=other).status_code == 404
    with app.app_context():
        forget_exports()
    assert "was deleted" in client.get(task).text


def test_a_report_on_paper(client: FlaskClient, make: Make, attended: list[int]) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    for query in ("", "rows=country", "rows=year&figure=attendances", "rows=country&columns=year", "country=NR"):
        answer = client.get(f"/admin/reports.pdf?{query}")
        assert answer.status_code == 200, query
        assert answer.data.startswith(b"%PDF")


MEGABYTE = 1024 * 1024
MOST_GROWN = 192 * MEGABYTE
"""Of which 128 are the pages that SQLite keeps for two connections; a million rows held at once are more by far."""


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * 4096


def many_attendances(app: APIFlask, world: World, people: int, lectures: int) -> None:
    """Every one of so many people of Kenya in every one of so many lectures, written by the database itself."""
    series = world.series("large")
    first, *_others = (world.lecture(series, NOON + timedelta(days=n)) for n in range(lectures))
    kenya = world.countries["KE"]
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {people}) "
    statements = (
        "INSERT INTO person (id, public_id, canonical_id, full_name, locale, created_at, sector) "
        f"{numbers} SELECT i, 'many' || i, i, 'Somebody with the number ' || i, 'en', '2019-01-01', 'business' FROM n",
        f"INSERT INTO person_country (person_id, country_id, since) {numbers} SELECT i, {kenya}, '0001-01-01' FROM n",
        "INSERT INTO credit (lecture_id, person_id, present_ms, percent_tenths, outcome, source, policy_id, "
        f"computed_at) {numbers} SELECT lecture.id, i, 3600000, 667, 'attended', 'live', lecture.policy_id, "
        f"'2024-05-06' FROM n JOIN lecture ON lecture.id >= {first}",
    )
    for statement in statements:
        world.execute(text(statement))


@pytest.mark.long
def test_a_million_rows_take_no_more_memory_than_a_few(
    app: APIFlask, make: Make, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_attendances(app, world, people=100_000, lectures=10)
    held: list[tuple[int, int]] = []
    monkeypatch.setattr(jobs.Run, "progress", lambda _run, done, _total: held.append((done, resident())))
    monkeypatch.setattr("lms.reports.jobs.TELL_SECONDS", 0)
    reporter = make.actor(roles=[Role.REPORTER])
    for kind, form, expected in (("attendances", "csv", 1_000_000), ("people", "xlsx", 100_000)):
        held[:] = [(0, resident())]
        with app.app_context():
            made = ask(reporter, kind, form)
            jobs.run_due()
            result = job_of(made).result or {}
            assert result["rows"] == expected
            opened = files.reading(result["file"])
            assert opened is not None
            opened[0].close()
            size = opened[1]
        assert held[-1][0] == 1_000_000
        highest = max(memory for _done, memory in held)
        settled = max(memory for done, memory in held if done <= 100_000)
        assert highest - settled < 16 * MEGABYTE, f"{kind}.{form} grows with its rows, in a file of {size:,} bytes"
        assert highest - held[0][1] < MOST_GROWN
        assert size > 100 * MEGABYTE or form == "xlsx", "or nothing would be shown"
