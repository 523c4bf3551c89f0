"""Who has earned a certificate, who just missed it and who gets one: every place says the same, whatever happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lms.catalogue.models import CertificateKind, WalkIns
from lms.catalogue.queries.lectures import stations_of
from lms.catalogue.queries.policies import current_policy
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.eligibility import earning
from lms.certificates.queries.certificates import counted_lectures
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.certificates.queries.eligibility import preview
from lms.certificates.queries.progress import standings_of
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.dashboards.queries.own import list_own_series
from lms.people.models import Person
from tests.attendance import test_histories
from tests.attendance.history import History, Step, steps
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
People = set[str]
policies = st.fixed_dictionaries(
    {
        "min_percent": st.sampled_from([20, 60]),
        "min_lectures": st.sampled_from([None, 1, 2]),
        "min_minutes": st.sampled_from([None, 40, 95]),
    }
)


def groups_of(history: History) -> dict[EarnerGroup, People]:
    """Who is in each group of what is said before issuing, as the database counts it."""
    slug = history.series.slug
    found = {}
    for group in EarnerGroup:
        page = preview(slug, by=SYSTEM, shown=group, request=ListRequest(size=100), at=history.now)
        found[group] = {row.person for row in page.rows}
        assert page.counts[group] == len(page.rows)
    return found


def own_pages(history: History) -> tuple[People, People, People]:
    """Who is enrolled, who has attended enough and who just missed it, as each person's own page says."""
    enrolled, reached, misses = set(), set(), set()
    mailed = standings_of(history.series_id, [person_id for person_id, *_rest in history.people], at=history.now)
    for person_id, public_id, _email in history.people:
        if db.session.get_one(Person, person_id).canonical_id != person_id:
            continue  # merged: reads the pages of who that is today
        by = Actor(person_id=person_id)
        for own in list_own_series(person_id, by=by, at=history.now):
            if own.is_in and own.standing is not None:
                assert mailed[person_id] == own.standing
                enrolled.add(public_id)
                reached.update({public_id} if own.standing.is_reached else ())
                misses.update({public_id} if own.standing.just_misses else ())
    return enrolled, reached, misses


def check(history: History) -> None:
    history.series = db.session.merge(history.series)
    groups = groups_of(history)
    enrolled, reached, misses = own_pages(history)
    assert groups[EarnerGroup.EARNED] == reached
    assert groups[EarnerGroup.MISSES] == misses
    assert groups[EarnerGroup.REST] >= misses
    if enrolled:  # nobody has a standing where no lecture counts
        assert groups[EarnerGroup.REST] == enrolled - reached
    done = issue_certificates(history.series_id, by=SYSTEM, at=history.now)
    assert (done["issued"], done["not_earned"]) == (len(reached), len(groups[EarnerGroup.REST]))
    after = groups_of(history)
    assert (after[EarnerGroup.HAVE], after[EarnerGroup.EARNED], after[EarnerGroup.UNEARNED]) == (reached, set(), set())


def live(make: Make, history: list[Step], policy: dict[str, object]) -> History:
    lived = History(make, certificate=CertificateKind.PARTICIPATION, confirmed_names=False, **policy)
    lived.run(history)
    return lived


FIXTURE = [HealthCheck.function_scoped_fixture]
ADA, BEN, HELD = 0, 1, 0
ATTENDED = [Step("import_rows", ADA, 1, HELD, 3)]
PARTLY = [Step("import_rows", BEN, 1, HELD, 0), Step("end", BEN, 0, 1, 0)]


@pytest.mark.databases
@settings(max_examples=2, suppress_health_check=FIXTURE)
@example(history=ATTENDED, policy={"min_percent": 60, "min_lectures": 1})
@example(history=ATTENDED + PARTLY, policy={"min_percent": 60, "min_lectures": 1, "min_minutes": 95})
@given(history=steps(14), policy=policies)
def test_preview_and_own_page_and_issuing_agree(make: Make, history: list[Step], policy: dict[str, object]) -> None:
    check(live(make, history, policy))


@pytest.mark.long(seconds=70)
@settings(max_examples=60, suppress_health_check=FIXTURE)
@given(history=steps(40), walk_ins=st.sampled_from(WalkIns), policy=policies)
def test_roster_and_own_page_and_credit_then_preview_and_issuing_agree_after_long_histories(
    make: Make, history: list[Step], walk_ins: WalkIns, policy: dict[str, object]
) -> None:
    lived = live(make, history, policy | {"walk_ins": walk_ins})
    test_histories.check(lived)
    check(lived)


def test_a_lecture_is_as_long_as_it_was_on_each_page(make: Make) -> None:
    start = datetime(2026, 6, 1, 8, tzinfo=UTC)
    series = make.series(policy={"certificate": CertificateKind.PARTICIPATION, "min_minutes": 60})
    make.lecture(series, state="held", starts_at=start, actual_start=start, actual_end=start + timedelta(hours=3))
    policy = current_policy(series.id)
    lists = stations_of([series.id], by=SYSTEM)[series.id], counted_lectures(series.id)
    assert [earning(lectures, policy).one_lecture for lectures in lists] == [180, 180]
