"""What somebody may see is said twice, as a rule on what was loaded and as a condition of SQL: both say the same."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.rules import may_see_lecture, may_see_series
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.base.errors import NotFound
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.enrolment.models import Enrolment
from lms.enrolment.queries.rows import get_enrolment
from lms.enrolment.queries.series import list_seats
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


def test_the_rule_and_the_sql_agree_on_who_sees_which_series_lecture_and_enrolment(make: Make) -> None:
    teacher, former, countryman = make.person(), make.person(), make.person(country="KE")
    of_kenya = make.actor(make.person(roles=[("focal_point", "KE")], country="KE"))
    readers = [
        ANONYMOUS,
        SYSTEM,
        Actor(person_id=countryman.id),
        Actor(person_id=former.id),  # on the lists of instructors still, without the role
        *[Actor(person_id=teacher.id, roles=frozenset({role})) for role in Role],
        Actor(person_id=teacher.id, roles=frozenset(Role)),
        of_kenya,
    ]
    for visibility in Visibility:
        for instructors in ([], [teacher, former], [teacher]):
            series = make.series(visibility=visibility, instructors=instructors)
            for state in LectureState:
                make.lecture(series, state=state)
                make.lecture(series, state=state, held_unknown=True)
            for person in (countryman, former, make.person(country="UG"), make.person(country=None)):
                make.enrolment(series, person)
    every_series, lectures = list(db.session.scalars(select(Series))), list(db.session.scalars(select(Lecture)))
    enrolments = list(db.session.scalars(select(Enrolment)))
    assert (len(every_series), len(lectures), len(enrolments)) == (6, 6 * 2 * len(LectureState), 24)
    for by in readers:
        seen = {one.id for one in every_series if may_see_series(one, by)}
        assert set(db.session.scalars(select(Series.id).where(visible(by)))) == seen
        shown = select(Lecture.id).join(Series).where(visible(by), shown_lecture(by))
        assert set(db.session.scalars(shown)) == {one.id for one in lectures if may_see_lecture(one, by)}
        places = {
            one.enrolment.id for row in every_series if row.id in seen for one in list_seats(row, by=by, limit=99)
        }
        assert places == {one.id for one in enrolments if _reads(one, by)}


def _reads(enrolment: Enrolment, by: Actor) -> bool:
    try:
        return get_enrolment(enrolment.public_id, by=by) is enrolment
    except NotFound:
        return False
