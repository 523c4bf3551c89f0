"""Who may come in, and which of several rows speaks: without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.catalogue.models import Admission, Series
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import Actor, Role
from lms.enrolment import rules
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.people.models import Country, Person
from tests.rows import each_row

START = datetime(2026, 1, 1, tzinfo=UTC)


def row(row_id: int, status: EnrolmentStatus, minutes: int = 0) -> Enrolment:
    return Enrolment(id=row_id, status=status, queued_at=START + timedelta(minutes=minutes))


statuses = st.sampled_from(list(EnrolmentStatus))


@given(st.lists(st.tuples(statuses, st.integers(0, 9)), min_size=1, max_size=6), st.randoms())
def test_the_best_row_does_not_depend_on_the_order(given_rows: list[tuple[EnrolmentStatus, int]], rng: object) -> None:
    rows = [row(n, status, minutes) for n, (status, minutes) in enumerate(given_rows)]
    shuffled = list(rows)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.best(rows) is rules.best(shuffled)
    chosen = rules.best(rows)
    assert chosen is not None
    if any(one.status in rules.ACTIVE for one in rows):
        assert chosen.status in rules.ACTIVE


def test_a_place_speaks_before_a_wait_and_the_longer_wait_first() -> None:
    waiting, longer = row(1, EnrolmentStatus.WAITLISTED, 5), row(2, EnrolmentStatus.WAITLISTED, 3)
    enrolled = row(3, EnrolmentStatus.ENROLLED, 9)
    assert rules.best([waiting, longer]) is longer
    assert rules.best([waiting, longer, enrolled]) is enrolled
    assert rules.best([]) is None


def series(admission: Admission = Admission.OPEN, countries: tuple[int, ...] = ()) -> Series:
    made = Series(id=1, admission=admission)
    made.countries = [Country(id=country, code=f"C{country}") for country in countries]
    made.instructors = [Person(id=7)]
    return made


def test_oneself_comes_into_what_is_open_and_not_over() -> None:
    rules.check_can_enrol_oneself(series(), is_over=False)
    rules.check_can_enrol_oneself(series(Admission.APPLICATION), is_over=False)
    for given_series, is_over in ((series(Admission.NOMINATION), False), (series(), True)):
        with pytest.raises(Refused):
            rules.check_can_enrol_oneself(given_series, is_over=is_over)


@each_row("country, fits", [(1, True), (2, True), (3, False), (None, False)])
def test_a_series_for_certain_countries(country: int | None, fits: bool) -> None:
    rules.check_is_for_country(series(), country)
    if fits:
        rules.check_is_for_country(series(countries=(1, 2)), country)
    else:
        with pytest.raises(Refused):
            rules.check_is_for_country(series(countries=(1, 2)), country)


def test_only_the_own_hand_waits_for_a_decision() -> None:
    for source in EnrolmentSource:
        assert rules.wants_decision(series(Admission.APPLICATION), source) is (source is EnrolmentSource.SELF)
        assert rules.wants_decision(series(), source) is False


def test_who_moves_whom() -> None:
    focal = Actor(person_id=1, roles=frozenset({Role.FOCAL_POINT}), country_ids=frozenset({5}))
    teacher = Actor(person_id=7, roles=frozenset({Role.INSTRUCTOR}))
    stranger = Actor(person_id=8, roles=frozenset({Role.INSTRUCTOR}))
    reporter = Actor(person_id=9, roles=frozenset({Role.REPORTER}))
    for actor, country in ((focal, 5), (teacher, None), (Actor(system=True), 6)):
        rules.check_can_move(series(), actor, country)
    for actor, country in ((focal, 6), (focal, None), (stranger, 5), (reporter, 5), (Actor(), 5)):
        with pytest.raises(Forbidden):
            rules.check_can_move(series(), actor, country)


@each_row("before", list(EnrolmentStatus))
@each_row("after", list(EnrolmentStatus))
def test_which_changes_can_be_made(before: EnrolmentStatus, after: EnrolmentStatus) -> None:
    e = EnrolmentStatus
    allowed = {
        e.ENROLLED: {e.APPLIED, e.REJECTED, e.WITHDRAWN, e.ENROLLED},
        e.REJECTED: {e.APPLIED, e.WAITLISTED},
        e.WITHDRAWN: {e.APPLIED, e.WAITLISTED, e.ENROLLED},
    }.get(after, set())
    if before in allowed:
        rules.check_can_set(row(1, before), after)
    else:
        with pytest.raises(Refused):
            rules.check_can_set(row(1, before), after)
