"""A file of nominees, a large one in a task, and the release of seats to a long waiting list, on both databases."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe

from sqlalchemy import select

from bench.database import empty_database, opened, postgresql, spent_on
from bench.registry import topic
from bench.site import Bench
from bench.table import CannotMeasure, Row
from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.catalogue.models import Admission, Series, Visibility
from lms.core.background import jobs
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db
from lms.enrolment.models import CountryQuota, Enrolment, EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.seat_entries import list_ledger
from lms.enrolment.quotas import next_release, release_now
from lms.nominations.actions.files import find_file, find_result, keep_file, nominate_file, preview_file, request_file
from lms.people.actions.access import create_staff
from lms.people.models import BEGINNING, Country, Person, PersonCountry
from lms.people.queries.access import load_actor
from lms.people.queries.countries import get_country
from lms.people.queries.persons import find_person_by_email

AT = datetime(2026, 11, 27, 9, tzinfo=UTC)


@topic("nominations")
def nominations(bench: Bench) -> Iterator[Row]:
    """SQLite, then PostgreSQL."""
    folder = bench.folder / "nominations"
    with opened(empty_database(folder)):
        yield from _measured(bench, "SQLite")
    with postgresql(is_kept=False) as named:
        url = named("nominations", True)
        with opened(empty_database(folder, url), url):
            yield from _measured(bench, "PostgreSQL")


def _measured(bench: Bench, where: str) -> Iterator[Row]:
    yield from _files(bench, where)
    yield from _release(bench.of(10_000, 200), where)


def _files(bench: Bench, where: str) -> Iterator[Row]:
    """A file of 5,000 rows at once, and one of 50,000 as the page does it: read, previewed, then a task."""
    by, country_id = _focal_point(), get_country("KE").id
    few, many = bench.of(5_000, 30), bench.of(50_000, 60)
    small = _series("small", None)
    spent, made = spent_on(lambda: _nominate(small, few, country_id, by))
    if made != few:
        raise CannotMeasure(f"{made} of {few} people were nominated")
    yield Row(f"file of {few:,} nominees, read, checked, nominated, {where}", spent.cpu, "CPU s")
    large, before = _series("large", None), _memory()
    spent, file_id = spent_on(lambda: keep_file(large, _csv(many), name="n.csv", country_id=country_id, by=by, at=AT))
    yield Row(f"file of {many:,} nominees, read, {where}", spent.cpu, "CPU s")
    spent, file = spent_on(lambda: find_file(file_id, by=by, at=AT))
    shown, _preview = spent_on(lambda: preview_file(file, by=by, at=AT))
    yield Row(f"… its preview, {where}", spent.cpu + shown.cpu, "CPU s")
    request_file(file, submit=True, by=by, at=AT)
    spent, _done = spent_on(lambda: jobs.run_due(at=AT))
    result = find_result(file_id, by=by, at=AT)
    if result is None or result.created != many:
        raise CannotMeasure("the task did not nominate everybody")
    yield Row(f"… nominated in a task, {where}", spent.cpu, "CPU s", rate=many / spent.wall)
    yield Row(f"… memory, {where}", _memory(), "MB", baseline=before)


def _focal_point() -> Actor:
    address = "focal@bench.example"
    create_staff(address, "Focal Point", Role.FOCAL_POINT, "KE", by=SYSTEM, at=AT)
    person = find_person_by_email(address)
    by = load_actor(person.id, AT) if person is not None else None
    if by is None:
        raise CannotMeasure("there is no focal point")
    return by


def _series(slug: str, capacity: int | None) -> Series:
    draft = SeriesInput(
        slug=slug, title=slug.title(), visibility=Visibility.PUBLIC, admission=Admission.NOMINATION, capacity=capacity
    )
    made = create_series(draft, by=SYSTEM, at=AT)
    start = (AT + timedelta(days=30)).replace(tzinfo=None)
    schedule_lecture(slug, LectureInput(title=slug, time_zone="UTC", starts_at=start), by=SYSTEM, at=AT)
    return made


def _csv(count: int) -> bytes:
    lines = (f"n{one}@bench.example,Nominee Number {one},Ministry of Trade,government\n" for one in range(count))
    return ("email,full_name,organisation,sector\n" + "".join(lines)).encode()


def _nominate(series: Series, count: int, country_id: int, by: Actor) -> int:
    file_id = keep_file(series, _csv(count), name="n.csv", country_id=country_id, by=by, at=AT)
    file = find_file(file_id, by=by, at=AT)
    preview_file(file, by=by, at=AT)
    return nominate_file(file, submit=True, by=by, at=AT).created


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _release(people: int, where: str) -> Iterator[Row]:
    """Half of those who wait get a seat that 80 countries did not use."""
    series = _fill(people)
    spent, release = spent_on(lambda: next_release(series, by=SYSTEM, at=AT))
    if release is None:
        raise CannotMeasure("no seats are kept")
    moment = release.at
    yield Row(f"preview of a release to {people:,} who wait, {where}", spent.cpu, "CPU s")
    spent, _none = spent_on(lambda: release_now("release", moment, by=SYSTEM, at=AT))
    db.session.rollback()
    taken = db.session.get_one(Series, series.id, populate_existing=True).taken
    if taken != people // 2:
        raise CannotMeasure(f"{taken} seats were taken")
    yield Row(f"the release of {taken:,} seats, {where}", spent.cpu, "CPU s", rate=taken / spent.wall)
    spent, _page = spent_on(lambda: list_ledger(series, ListRequest(), country_names={}, by=SYSTEM))
    yield Row(f"a page of the ledger afterwards, {where}", spent.cpu * 1000, "CPU ms")


@action
def _fill(people: int) -> Series:
    """A series for half of these people, all of whom wait, with all its seats kept for 80 countries."""
    series = _series("release", people // 2)
    countries = list(db.session.scalars(select(Country.id).order_by(Country.id).limit(80)))
    first = 1_000_000
    persons = [
        {
            "id": first + one,
            "public_id": token_urlsafe(12),
            "canonical_id": first + one,
            "full_name": f"Person {one}",
            "sort_name": f"person {one}",
            "search_name": f"person {one}",
            "search_organisation": "",
            "locale": "en",
            "created_at": AT,
        }
        for one in range(people)
    ]
    insert_many(Person.__table__, persons)
    homes = [
        {"person_id": first + one, "country_id": countries[one % len(countries)], "since": BEGINNING}
        for one in range(people)
    ]
    insert_many(PersonCountry.__table__, homes)
    places = [
        {
            "public_id": token_urlsafe(12),
            "series_id": series.id,
            "person_id": first + one,
            "status": EnrolmentStatus.WAITLISTED,
            "source": EnrolmentSource.SELF,
            "registered_at": AT,
            "queued_at": AT + timedelta(seconds=one),
        }
        for one in range(people)
    ]
    insert_many(Enrolment.__table__, places)
    each, more = divmod(people // 2, len(countries))
    quotas = [
        {
            "series_id": series.id,
            "country_id": country,
            "seats": each + (place < more),
            "used": 0,
            "kept_until": AT + timedelta(days=1),
        }
        for place, country in enumerate(countries)
    ]
    insert_many(CountryQuota.__table__, quotas)
    series.reserved = people // 2
    return series
