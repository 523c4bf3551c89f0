"""One answer to which country somebody is of: lists, rosters and reports agree, also on merged people."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from apiflask import APIFlask
from sqlalchemy import delete, select

from lms.core.db import db
from lms.core.roles import SYSTEM
from lms.enrolment.queries.rows import country_on
from lms.people.models import Person, PersonCountry
from lms.people.queries.countries import belonging_to, countries_of, country_codes_of
from lms.people.queries.histories import Histories
from lms.reports.queries.figures import count
from lms.reports.rules import Slice
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
        of_country = {id_ for id_ in world.countries.values() if kept in db.session.scalars(belonging_to([id_], MAY))}
        assert of_country == ({country} - {None})
        report = count(Slice(), ("country",), by=SYSTEM, at=NOON)
        assert [group.keys for group in report.groups if group.figures.attendances] == [(code,)]
