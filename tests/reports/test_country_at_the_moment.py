"""A registration and a certificate count under the country of their moment, whatever is changed on the same day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lms.attendance.actions.corrections import correct
from lms.attendance.models.credits import Outcome
from lms.certificates.actions.awards import issue_certificates
from lms.core.roles import SYSTEM
from lms.enrolment.actions.places import enrol
from lms.people.actions.persons import change_profile
from lms.people.models import Person
from lms.reports import recount
from lms.reports.queries.figures import count
from lms.reports.rules import Slice
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
MORNING = datetime(2026, 11, 25, 1, tzinfo=UTC)  # 09:00 in Beijing
HOUR = timedelta(hours=1)


def move(person: Person, code: str, at: datetime) -> None:
    change_profile(person.public_id, {"country": code, "country_from": at.date()}, by=SYSTEM, at=at)


def by_country(at: datetime) -> dict[str, dict[str | None, int]]:
    """Country → count, of registrations and of certificates; both must be those of the second count."""
    rows = recount.Rows("Asia/Shanghai")
    assert recount.differences(rows, Slice(), ("country",), at) == []
    groups = count(Slice(), ("country",), by=SYSTEM, at=at).groups
    names = ("registrations", "certificates")
    by_name = {name: {group.keys[0]: getattr(group.figures, name) for group in groups} for name in names}
    return {name: {code: n for code, n in figures.items() if n} for name, figures in by_name.items()}


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
