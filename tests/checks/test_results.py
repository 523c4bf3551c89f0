"""What came of checks: who passed, how questions did, what was learned, and small groups."""

from __future__ import annotations

import pytest

from lms.checks.models import CheckKind
from lms.checks.queries.checks import get_check
from lms.checks.queries.results import ResultCounts, analyse_items, count_results, item_shares, learning_gains
from lms.core.base.errors import Forbidden
from tests.checks.conftest import Sittings

pytestmark = pytest.mark.databases


def test_people_are_counted_once_and_by_their_best(sittings: Sittings) -> None:
    check_id = sittings.check(attempts=None)
    sittings.take(check_id, sittings.ada, right=0)
    sittings.take(check_id, sittings.ada)
    sittings.take(check_id, sittings.ben, right=1)
    assert count_results(sittings.series, by=sittings.by) == {check_id: ResultCounts(2, 1)}
    with pytest.raises(Forbidden):
        count_results(sittings.series, by=sittings.ada)


def test_items_are_analysed_at_first_attempts_from_five_people_on(sittings: Sittings) -> None:
    check_id = sittings.check(sittings.bank[:4], shuffle=False, attempts=None)
    people = [sittings.enrolled(f"P{number}") for number in range(5)]
    for person, right in zip(people, (0, 1, 2, 3), strict=False):
        sittings.take(check_id, person, right=right)
    check = get_check(sittings.series, check_id, by=sittings.by)
    few = analyse_items(sittings.series, check, by=sittings.by)
    assert [(one.people, one.right_percent) for one in few] == [(4, None)] * 4, "four people are too few to be shown"
    admin = sittings.make.administrator()
    assert [one.right_percent for one in analyse_items(sittings.series, check, by=admin)] == [75, 50, 25, 0]
    assert item_shares(sittings.series, by=sittings.by) == {}
    sittings.take(check_id, people[4], right=4)
    sittings.take(check_id, people[0])
    items = analyse_items(sittings.series, check, by=sittings.by)
    assert [one.right_percent for one in items] == [80, 60, 40, 20], "a second attempt does not count"
    assert [one.discrimination for one in items] == [0.51, 0.72, 0.72, 0.51]
    assert item_shares(sittings.series, by=sittings.by)[sittings.bank[0]] == 80


def test_learning_is_the_difference_of_those_who_took_both(sittings: Sittings) -> None:
    pre = sittings.check(sittings.bank[:4], kind=CheckKind.PRE)
    post = sittings.check(sittings.bank[:4], kind=CheckKind.POST)
    for number in range(5):
        person = sittings.enrolled(f"P{number}")
        sittings.take(pre, person, right=1)
        if number < 4:
            sittings.take(post, person, right=4 if number else 3)
    sittings.take(post, sittings.ada)
    assert learning_gains(sittings.series, by=sittings.by) == [], "four people"
    (gain,) = learning_gains(sittings.series, by=sittings.make.administrator())
    assert (gain.people, gain.before, gain.after, gain.gain) == (4, 25.0, 93.8, 68.8)
