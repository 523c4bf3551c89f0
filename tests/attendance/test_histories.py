"""Whatever happened to a series, everybody who is shown one person in one lecture is shown the same.

Long histories are lived once for this and for what follows from it: `tests/certificates/test_eligibility.py`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.credits import Credit
from lms.attendance.outcomes import AttendanceOutcome
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.roster import roster
from lms.catalogue.models import Lecture, LectureState, WalkIns
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.people.models import Person
from lms.reports.recounted_outcomes import outcome_differences
from tests.attendance.history import History, Step, steps
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
FIELDS = [field.name for field in fields(AttendanceOutcome)]
Rows = dict[int, dict[str, Any]]
ADA, BEN, CYR = 0, 1, 2


def values_of(row: AttendanceOutcome) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS}


def held_in(history: History) -> list[Lecture]:
    query = select(Lecture).where(Lecture.series_id == history.series_id, Lecture.state == LectureState.HELD)
    return list(db.session.scalars(query))


def roster_rows(lecture: Lecture) -> Rows:
    return {row.person_id: values_of(row) for row in roster(lecture.id, limit=None, by=SYSTEM)}


def own_rows(history: History, lecture: Lecture) -> Rows:
    """What each person's own page says of one lecture: that of the lecture, of the series, and of everything."""
    ids = [person_id for person_id, _public, _email in history.people]
    query = select(Person.id).where(Person.id.in_(ids), Person.canonical_id == Person.id)
    found: Rows = {}
    for person_id in db.session.scalars(query):
        pages = [
            [
                values_of(row)
                for row in attendance_of_person(person_id, by=SYSTEM, **asked)
                if row.lecture_id == lecture.id
            ]
            for asked in ({"lecture_id": lecture.id}, {"series_id": history.series_id}, {})
        ]
        assert pages[0] == pages[1] == pages[2]
        found.update((person_id, row) for row in pages[0])
    return found


def credited(lecture: Lecture) -> dict[int, tuple[Any, ...]]:
    columns = (Credit.present_ms, Credit.percent_tenths, Credit.outcome)
    query = select(Credit.person_id, *columns).where(Credit.lecture_id == lecture.id)
    return {person_id: tuple(values) for person_id, *values in db.session.execute(query)}


def check(history: History) -> None:
    """The roster's row is the person's own row, what of it counts is credited, and a recount changes nothing."""
    assert outcome_differences() == []
    for lecture in held_in(history):
        assert credit_lecture(lecture.id, by=SYSTEM, at=history.now) == 0
        rows = roster_rows(lecture)
        assert own_rows(history, lecture) == rows
        counted = {
            person_id: (row["present_ms"], row["percent_tenths"], row["outcome"])
            for person_id, row in rows.items()
            if row["correction"] is not None or (row["is_counted"] and row["present_ms"])
        }
        assert credited(lecture) == counted


REENROLLED = [
    Step("hold", ADA, 0, 2, 0, pause=2),
    Step("withdraw", ADA, 0, 0, 0, pause=1),
    Step("enrol", ADA, 0, 0, 0, pause=1),
]
ENTERED_AFTERWARDS = [Step("enrol", CYR, 0, 0, 0, pause=2), Step("hold", ADA, 0, 2, 3, pause=2)]
SEEN_FIRST = [Step("import_rows", CYR, 0, 0, 3, pause=1), Step("enrol", CYR, 0, 0, 0, pause=1)]
RAN_OVER = [
    Step("start", ADA, 0, 2, 0),
    *(Step("beat", ADA, ninths, 2, 3) for ninths in (0, 3, 6)),
    Step("end", ADA, 0, 2, 0, pause=6),
]
FIXTURE = [HealthCheck.function_scoped_fixture]


@settings(max_examples=settings.default.max_examples // 3, suppress_health_check=FIXTURE)
@example(history=REENROLLED, walk_ins=WalkIns.ENROL)
@example(history=ENTERED_AFTERWARDS, walk_ins=WalkIns.ENROL)
@example(history=RAN_OVER, walk_ins=WalkIns.ENROL)
@example(history=SEEN_FIRST, walk_ins=WalkIns.IGNORE)
@given(history=steps(14), walk_ins=st.sampled_from(WalkIns))
def test_roster_and_own_page_and_credit_say_the_same(make: Make, history: list[Step], walk_ins: WalkIns) -> None:
    lived = History(make, walk_ins=walk_ins)
    lived.run(history)
    check(lived)
