"""What another judgement of lectures would mean for certificates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from apiflask import APIFlask

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.outcomes import CreditValues
from lms.attendance.queries.change_preview import Change
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.queries.change_preview import preview_certificates
from lms.core.base.errors import Forbidden
from lms.core.base.roles import SYSTEM, Actor
from tests.certificates.conftest import BEGAN, Programme
from tests.factories import Make

pytestmark = pytest.mark.databases
NO = CreditValues(10 * 60_000, 111, Outcome.PARTIAL, Source.LIVE, 1)
YES = CreditValues(60 * 60_000, 666, Outcome.ATTENDED, Source.LIVE, 1)
PEOPLE: dict[str | tuple[str, str], str] = {"Ada": "aa-", "Ben": "ap-", "Cyr": "aa-", "Dan": "a--", "Eve": "aaa"}


def names(affected: object) -> list[str]:
    return [one.full_name for one in affected]  # type: ignore[attr-defined]


def test_who_would_earn_who_holds_and_who_waits(
    app: APIFlask, programme: Callable[..., Programme], administrator: Actor
) -> None:
    made = programme(PEOPLE, present=60)
    with app.app_context():
        first, second, third = made.lectures
        who = made.people
        changes = {
            second: {who["Ada"]: Change(YES, NO), who["Ben"]: Change(NO, YES), who["Cyr"]: Change(YES, None)},
            third: {who["Dan"]: Change(None, NO), who["Eve"]: Change(YES, NO), 999: Change(None, YES)},
        }
        before = preview_certificates(made.series_id, changes, by=administrator)
        assert before is not None
        assert (names(before.earn), names(before.unearn), names(before.miss)) == (["Ben"], [], ["Ada", "Cyr"])
        assert [one.attended for one in before.earn] == [2]
        issue_certificates(made.series_id, by=SYSTEM, at=BEGAN + timedelta(days=60))
        after = preview_certificates(made.series_id, changes, by=administrator)
        assert after is not None
        assert (names(after.earn), names(after.unearn), names(after.miss)) == (["Ben"], ["Ada", "Cyr"], [])
        assert all(one.number and one.number.startswith("SR-") for one in after.unearn)
        assert preview_certificates(made.series_id, {first: {}}, by=administrator) == type(after)()


def test_minutes_count_too(app: APIFlask, programme: Callable[..., Programme], administrator: Actor) -> None:
    made = programme({"Ada": "aa-", "Ben": "aa-"}, present=50, min_minutes=100)
    longer, shorter = YES._replace(present_ms=60 * 60_000), YES._replace(present_ms=40 * 60_000)
    was = YES._replace(present_ms=50 * 60_000)
    with app.app_context():
        found = preview_certificates(
            made.series_id,
            {made.lectures[0]: {made.people["Ada"]: Change(was, shorter), made.people["Ben"]: Change(was, longer)}},
            by=administrator,
        )
        assert found is not None
        assert (names(found.earn), names(found.miss)) == ([], ["Ada"])


def test_no_certificates_and_no_right(
    app: APIFlask, programme: Callable[..., Programme], administrator: Actor, make: Make
) -> None:
    made = programme(PEOPLE, kind=None)
    stranger = make.actor(roles=["instructor"])
    with app.app_context():
        assert preview_certificates(made.series_id, {}, by=administrator) is None
        with pytest.raises(Forbidden):
            preview_certificates(made.series_id, {}, by=stranger)
