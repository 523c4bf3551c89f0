"""Viewing groups: who opens them, and who comes onto a list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.models.groups import GroupEntry, ViewingGroup
from lms.core.base.errors import DomainError, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS
from lms.core.database.session import db
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person, export_person
from lms.viewing_groups import queries as viewing
from lms.viewing_groups import rules
from lms.viewing_groups.actions.groups import (
    GroupInput,
    add_addresses,
    call_off,
    check_in,
    drop_address,
    open_group,
    renew_code,
    tick,
)
from lms.viewing_groups.actions.signing import sign_group, take_back_signature
from tests.factories import Make
from tests.rows import each_row
from tests.viewing_groups.gathering import DRAFT, START, TIMES, Story

pytestmark = [pytest.mark.usefixtures("context"), pytest.mark.databases]


@pytest.fixture
def story(make: Make, at: datetime) -> Story:
    return Story(make, at)


def test_a_focal_point_ticks_and_sees_the_own_country_only(story: Story, make: Make) -> None:
    foreigner = make.person("Nguyen", "n@vn.example", country="VN")
    make.enrolment(story.series, foreigner)
    group = story.open()
    for nobody in (foreigner.public_id, "nobody-at-all"):
        with pytest.raises(Invalid) as error:
            tick(group, add=[nobody], by=story.focal, at=story.at)
        assert error.value.faults[0].reason == f"{nobody}: No person from this country has this e-mail address."
    pasted = add_addresses(group, "n@vn.example\nx@nowhere.example", by=story.focal, at=story.at)
    assert [fault.reason for fault in pasted.rejected] == [
        "n@vn.example: No person from this country has this e-mail address.",
        "x@nowhere.example: No person from this country has this e-mail address.",
    ]
    # staff may; the focal point signs for one more and does not see who it is
    assert story.tick(group, foreigner, by=story.teacher) == (1, 0)
    seen = story.list(group)
    assert ([one.full_name for one in seen.people], seen.elsewhere, seen.size) == ([], 1, 1)
    assert [one.full_name for one in story.list(group, by=story.teacher).people] == ["Nguyen"]
    offered = viewing.offered_to_group(story.view(group), by=story.focal, at=story.at)
    assert [one.full_name for one in offered.people] == ["Kenyan 0", "Kenyan 1", "Kenyan 2"]
    other = make.actor(roles=[("focal_point", "VN")], country="VN")
    for work in (
        lambda: viewing.get_group(group, by=other),
        lambda: tick(group, add=[foreigner.public_id], by=other, at=story.at),
        lambda: sign_group(group, basis=TIMES, mark=seen.mark, by=other, at=story.at),
        lambda: take_back_signature(group, reason="x", by=other, at=story.at),
    ):
        with pytest.raises(NotFound):
            work()
    assert viewing.list_groups(story.lecture.id, by=other) == []
    assert [one.group.public_id for one in viewing.list_groups(story.lecture.id, by=story.teacher)] == [group]
    reader = make.actor(roles=["reporter"], country=None)
    with pytest.raises(Forbidden):
        tick(group, add=[foreigner.public_id], by=reader, at=story.at)
    trainee = make.actor(story.people[0])
    with pytest.raises(Forbidden):
        viewing.list_groups(story.lecture.id, by=trainee)
    with pytest.raises(NotFound):
        viewing.get_group(group, by=trainee)


def test_who_may_open_a_group_and_where(story: Story, make: Make) -> None:
    assert story.open() == story.open()  # a double submission
    with pytest.raises(Forbidden):
        story.open(by=story.focal, country="VN")
    with pytest.raises(Forbidden):
        story.open(by=make.actor(story.people[0]))
    with pytest.raises(Invalid):
        story.open(by=story.teacher)  # for which country?
    assert story.view(story.open(by=story.teacher, country="VN")).country == "VN"
    wrong = GroupInput(" ", "\u200b", "x" * 201, 0, "Nowhere/Land")
    with pytest.raises(Invalid) as error:
        open_group(story.lecture.id, wrong, by=story.focal, at=story.at)
    assert [fault.field for fault in error.value.faults] == ["city", "room", "organiser", "expected", "time_zone"]
    for state in ("cancelled", "postponed"):
        lecture = make.lecture(story.series, state=state)
        with pytest.raises(Refused):
            open_group(lecture.id, DRAFT, by=story.focal, at=story.at)
    draft = make.lecture(story.series, state="draft")
    with pytest.raises(NotFound):
        open_group(draft.id, DRAFT, by=story.focal, at=story.at)


def code_of(story: Story, group: str) -> str:
    return story.view(group).group.code


def test_checking_in_by_code(story: Story, make: Make) -> None:
    group = story.open()
    code, during = code_of(story, group), START + timedelta(minutes=5)
    first_person, two, three = story.people
    shown = rules.show_code(code)
    for typed in (shown, shown.lower(), f" {code[:2]} {code[2:]} "):
        checked_in = check_in(typed, by=make.actor(first_person), at=during)
        assert (checked_in.title, checked_in.place, checked_in.caution) == (
            "Rules of origin",
            "Nairobi, Treasury Building, room 4",
            None,
        )
    assert [row.full_name for row in story.list(group).people] == ["Kenyan 0"]
    # by an address, nobody learns whether it is known
    known = check_in(code, email="K1@ke.example", by=ANONYMOUS, at=during)
    unknown = check_in(code, email="nobody@ke.example", by=ANONYMOUS, at=during)
    abroad = make.person("Nguyen", "n@vn.example", country="VN")
    assert known == unknown == check_in(code, email="n@vn.example", by=ANONYMOUS, at=during)
    check_in(code, email="k1@KE.example", by=ANONYMOUS, at=during)
    # both ways in are one person
    check_in(code, by=make.actor(two), at=during)
    seen = story.list(group)
    assert [row.full_name for row in seen.people] == ["Kenyan 0", "Kenyan 1"]
    assert seen.unknown == ["nobody@ke.example", "n@vn.example"]
    with pytest.raises(Refused, match="another country"):
        check_in(code, by=make.actor(abroad), at=during)
    with pytest.raises(Invalid):
        check_in(code, by=ANONYMOUS, at=during)
    with pytest.raises(Invalid):
        check_in(code, email="no address", by=ANONYMOUS, at=during)
    story.sign(group)
    assert story.credit(two) == (90, Outcome.ATTENDED, Source.GROUP)
    assert [row.full_name for row in story.list(group).people] == ["Kenyan 0", "Kenyan 1"]
    with pytest.raises(Refused, match="already signed"):
        check_in(code, by=make.actor(three), at=during)


@each_row("minutes, holds", [(-61, False), (-59, True), (45, True), (90 + 59, True), (90 + 61, False)])
def test_a_code_holds_around_the_lecture_only(story: Story, make: Make, minutes: int, holds: bool) -> None:
    code = code_of(story, story.open())
    by = make.actor(story.people[0])
    if holds:
        check_in(code, by=by, at=START + timedelta(minutes=minutes))
        return
    with pytest.raises(Refused):
        check_in(code, by=by, at=START + timedelta(minutes=minutes))


def test_codes_that_nobody_shows(story: Story, make: Make) -> None:
    group = story.open()
    by, during = make.actor(story.people[0]), START + timedelta(minutes=5)
    old = code_of(story, group)
    renew_code(group, by=story.focal, at=story.at)
    new = code_of(story, group)
    for wrong in ("", "AAAA", "AAAA-AAAA", "UUUU-UUUU", old, "x" * 500):
        with pytest.raises(NotFound):
            check_in(wrong, by=by, at=during)
    check_in(new, by=by, at=during)
    call_off(group, by=story.focal, at=story.at)
    with pytest.raises(NotFound):
        check_in(new, by=by, at=during)


@pytest.mark.databases(differs=True)
def test_who_has_the_code_cannot_fill_the_list_without_end(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_LISTED", 2)
    code, during = code_of(story, story.open()), START + timedelta(minutes=5)
    for name in ("a", "b"):
        check_in(code, email=f"{name}@x.example", by=ANONYMOUS, at=during)
    with pytest.raises(Refused, match="full"):
        check_in(code, email="c@x.example", by=ANONYMOUS, at=during)


def test_an_address_that_becomes_known_is_on_the_list(story: Story, make: Make) -> None:
    group = story.open()
    during = START + timedelta(minutes=5)
    check_in(code_of(story, group), email="new@ke.example", by=ANONYMOUS, at=during)
    before = story.list(group)
    assert (before.people, before.unknown) == ([], ["new@ke.example"])
    make.person("New One", "new@ke.example")
    assert [one.full_name for one in story.list(group).people] == ["New One"]
    tick(group, remove=[story.list(group).people[0].public_id], by=story.focal, at=story.at)
    assert story.list(group).people == []
    check_in(code_of(story, group), email="unknown@ke.example", by=ANONYMOUS, at=during)
    drop_address(group, "unknown@ke.example", by=story.focal, at=story.at)
    assert db.session.scalars(select(GroupEntry)).all() == []


def test_merged_people_are_one_on_the_list_and_in_what_counts(story: Story, make: Make) -> None:
    first_person, two = story.people[:2]
    group = story.open()
    story.tick(group, first_person, two)
    story.sign(group)
    boss = make.administrator()
    merge_people(first_person.public_id, two.public_id, reason="The same person", by=boss, at=story.at)
    assert [row.full_name for row in story.list(group).people] == ["Kenyan 0"]
    assert (story.credit(first_person), story.credit(two)) == ((90, Outcome.ATTENDED, Source.GROUP), None)
    undo_merge(two.public_id, by=boss, at=story.at)
    assert story.credit(two) == (90, Outcome.ATTENDED, Source.GROUP)
    merge_people(first_person.public_id, two.public_id, reason="The same person", by=boss, at=story.at)
    take_back_signature(group, reason="x", by=story.focal, at=story.at)
    assert story.credit(first_person) is None


def test_erasure_leaves_the_count_and_no_name(story: Story, make: Make) -> None:
    boss = make.administrator()
    first_person, two = story.people[:2]
    signed, unsigned = story.open(), story.open(by=story.teacher, country="KE")
    unsigned = open_group(
        story.lecture.id,
        GroupInput("Kisumu", "Hall", "Kenyan 0", 9, "Africa/Nairobi"),
        by=story.focal,
        at=story.at,
    )[0]
    story.tick(signed, first_person, two)
    story.sign(signed)
    story.tick(unsigned, first_person)
    part = export_person(first_person.public_id, by=boss, at=story.at)["attendance"]["groups"]
    assert [(group["city"], group["on_list"], group["signed"]) for group in part] == [
        ("Nairobi", True, False), ("Kisumu", True, False),
    ]  # fmt: skip
    check_in(code_of(story, unsigned), email="k0@ke.example", by=ANONYMOUS, at=START)
    erase_person(
        first_person.public_id, confirmation="k0@ke.example", withdraw_certificates=False, by=boss, at=story.at
    )
    assert story.credit(first_person) == (90, Outcome.ATTENDED, Source.GROUP)
    assert story.list(signed).size == 2
    assert (story.list(unsigned).size, story.list(unsigned).unknown) == (0, [])
    assert story.view(unsigned).group.organiser == ""


def test_the_desk_lists_what_is_to_come_before_what_was(story: Story, make: Make) -> None:
    country_id = next(iter(story.focal.country_ids))
    held = story.open()
    later = make.lecture(story.series)
    coming = open_group(later.id, DRAFT, by=story.focal, at=story.at)[0]
    groups = viewing.list_country_groups(country_id, by=story.focal, at=story.at)
    assert [(one.group.public_id, one.state) for one in groups] == [(coming, "open"), (held, "open")]
    with pytest.raises(Forbidden):
        viewing.list_country_groups(country_id, by=make.actor(roles=[("focal_point", "VN")], country="VN"), at=story.at)
    open_to_all = [one.id for one in viewing.list_lectures_to_watch(_country("KE"), by=story.focal, at=story.at)]
    assert open_to_all == [later.id]


def _country(code: str) -> Any:
    from lms.people.queries.countries import country_by_code

    return country_by_code(code)


def test_what_is_wrong_is_a_domain_error_and_leaves_nothing(story: Story) -> None:
    group = story.open()
    for text in ("", "no address here", "\n" * 10):
        with pytest.raises(DomainError):
            add_addresses(group, text, by=story.focal, at=story.at)
    assert len(db.session.scalars(select(ViewingGroup)).all()) == 1
    assert db.session.scalars(select(GroupEntry)).all() == []
