"""The country of a person: one answer for lists, rosters and reports, and the one of the moment in each figure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import delete, select

from lms.attendance.actions.corrections import correct
from lms.attendance.models.credits import Outcome
from lms.certificates.actions.awards import issue_certificates
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.enrolment.actions.places import enrol
from lms.enrolment.queries.rows import country_on
from lms.people.actions.persons import change_profile
from lms.people.models import Person, PersonCountry
from lms.people.queries.countries import belonging_to, countries_of, country_codes_of
from lms.people.queries.histories import Histories
from lms.reports import recount
from lms.reports.queries.figures import count
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.factories import Make
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
MARCH, MAY, JULY = date(2024, 3, 1), date(2024, 5, 6), date(2024, 7, 1)


@pytest.mark.databases
@pytest.mark.parametrize(
    ("countries", "other", "code"),
    [
        ({MARCH: None}, {MARCH: "UG"}, None),  # said last: not stated, whatever the other row says
        ({JULY: None}, {MARCH: "UG"}, "KE"),
        ({MARCH: "RW"}, {MAY: "UG"}, "RW"),
        (None, {MARCH: "UG"}, "UG"),  # nothing said of the own: the other row's
        (None, {MARCH: None}, None),
        (None, {JULY: "UG"}, "KE"),
    ],
)
def test_lists_and_reports_agree_on_merged_people(
    app: APIFlask,
    world: World,
    countries: dict[date, str | None] | None,
    other: dict[date, str | None],
    code: str | None,
) -> None:
    kept, merged = world.person("KE", moved=countries), world.person("KE", moved=other)
    if countries is None:
        world.execute(delete(PersonCountry).where(PersonCountry.person_id == kept))
    world.merge(kept, merged)
    series = world.series("one")
    lecture = world.lecture(series, NOON)
    world.attend(lecture, kept)
    world.enrol(series, kept, at=NOON)
    country = None if code is None else world.countries[code]
    with app.app_context():
        assert countries_of([kept], MAY) == {kept: country}
        assert country_codes_of([kept], MAY) == ({} if code is None else {kept: code})
        assert Histories([kept]).country(kept, MAY) == country
        assert db.session.scalar(select(country_on(MAY)).select_from(Person).where(Person.id == kept)) == country
        possible = [world.countries[each] for each in ("KE", "UG", "RW")]
        of_country = {id_ for id_ in possible if kept in db.session.scalars(belonging_to([id_], MAY))}
        assert of_country == ({country} - {None})
        report = count(Slice(), ("country",), by=SYSTEM, at=NOON)
        assert [group.keys for group in report.groups if group.figures.attendances] == [(code,)]


MORNING = datetime(2026, 11, 25, 1, tzinfo=UTC)  # 09:00 in Beijing
HOUR = timedelta(hours=1)


def move(person: Person, code: str, at: datetime) -> None:
    change_profile(person.public_id, {"country": code, "country_from": at.date()}, by=SYSTEM, at=at)


def by_country(at: datetime) -> dict[str, dict[str | None, int]]:
    """Country → count, of registrations and of certificates; both must be those of the second count."""
    rows = RecountRows("Asia/Shanghai")
    assert recount.differences(rows, Slice(), ("country",), at) == []
    groups = count(Slice(), ("country",), by=SYSTEM, at=at).groups
    names = ("registrations", "certificates")
    by_name = {name: {group.keys[0]: getattr(group.figures, name) for group in groups} for name in names}
    return {name: {code: n for code, n in figures.items() if n} for name, figures in by_name.items()}


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_a_country_changed_on_the_same_day_moves_neither(make: Make) -> None:
    series = make.series(policy={"certificate": "participation"})
    start = MORNING - timedelta(days=7)
    lecture = make.lecture(
        series, state="held", starts_at=start, actual_start=start, actual_end=start + HOUR, at=MORNING
    )
    before, after = make.person(country="KE"), make.person(country="KE")
    move(after, "GH", MORNING)
    for person in (before, after):
        enrol(series.id, person.id, by=SYSTEM, at=MORNING + HOUR)
        correct(lecture.id, person.public_id, outcome=Outcome.ATTENDED, reason="seen", by=SYSTEM, at=MORNING + HOUR)
    issue_certificates(series.id, by=SYSTEM, at=MORNING + 2 * HOUR)
    expected = {"KE": 1, "GH": 1}
    assert by_country(MORNING + 3 * HOUR) == {"registrations": expected, "certificates": expected}
    move(before, "UG", MORNING + 4 * HOUR)
    move(after, "UG", MORNING - timedelta(days=30))
    assert by_country(MORNING + 5 * HOUR) == {"registrations": expected, "certificates": expected}
