"""The signature of a viewing group: nothing counts before it, and how much after it."""

from __future__ import annotations

from datetime import datetime

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.attendance.actions.closing import close_attendance
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.attendance.models.groups import GroupSignature
from lms.attendance.queries.history import get_history
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.roster import get_row
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.audit import list_entries
from lms.core.database.session import db
from lms.enrolment.queries.rows import find_enrolment
from lms.people.models import Person
from lms.viewing_groups.actions.groups import GroupInput, add_addresses, call_off, edit_group, open_group, tick
from lms.viewing_groups.actions.signing import Basis, sign_group, take_back_signature
from lms.web.pages.locale import speaking
from tests.factories import Make
from tests.languages import offering
from tests.rows import each_row
from tests.viewing_groups.gathering import DRAFT, TIMES, Story

pytestmark = [pytest.mark.usefixtures("context"), pytest.mark.databases]


@pytest.fixture
def story(make: Make, at: datetime) -> Story:
    return Story(make, at)


def test_nothing_counts_before_the_signature_and_everybody_on_the_list_does_after_it(story: Story) -> None:
    group = story.open()
    story.tick(group, *story.people[:2])
    assert db.session.scalars(select(Presence)).all() == []
    signed = story.sign(group)
    assert (signed.people, signed.notes) == (2, [])
    assert signed.statement == (
        "I confirm that these 2 people watched “Rules of origin” together: Nairobi, Treasury Building, room 4, "
        "24 November 2026, 09:00 to 10:30 (Nairobi time)."
    )
    assert [story.credit(one) for one in story.people] == [
        (90, Outcome.ATTENDED, Source.GROUP), (90, Outcome.ATTENDED, Source.GROUP), None,
    ]  # fmt: skip
    row = attendance_of_person(story.people[0].id, by=SYSTEM)[0]
    assert row.explanation == "90 of 90 minutes, group viewing in Nairobi: attended"
    assert row.sources == [Source.GROUP]
    shown = get_row(story.lecture.id, story.people[1].public_id, by=SYSTEM, at=story.at)
    assert shown.explanation == row.explanation


def test_the_statement_has_the_title_in_the_language_of_who_signs(app: APIFlask, story: Story) -> None:
    group = story.open()
    story.tick(group, *story.people[:2])
    story.lecture.translations = {"fr": {"title": "Règles d’origine"}}
    db.session.commit()
    with offering(app, "fr"), speaking("fr", None):
        assert "Règles d’origine" in story.sign(group).statement


def test_signing_twice_is_signing_once_and_another_signature_is_refused(story: Story) -> None:
    group = story.open()
    story.tick(group, story.people[0])
    first, second = story.sign(group), story.sign(group)
    assert second.statement == first.statement
    assert len(db.session.scalars(select(GroupSignature)).all()) == 1
    assert len(db.session.scalars(select(Presence)).all()) == 1
    other = Basis(start=TIMES.start, until=datetime(2026, 11, 24, 10, 0))  # noqa: DTZ001
    with pytest.raises(Refused, match="is signed"):
        story.sign(group, other)
    with pytest.raises(Refused, match="is signed"):
        story.tick(group, story.people[1])
    with pytest.raises(Refused, match="is signed"):
        edit_group(group, DRAFT, by=story.focal, at=story.at)


def test_a_signature_is_taken_back_with_a_reason_and_given_anew(story: Story) -> None:
    group = story.open()
    story.tick(group, *story.people)
    story.sign(group)
    with pytest.raises(Invalid):
        take_back_signature(group, reason=" ", by=story.focal, at=story.at)
    take_back_signature(group, reason="One too many", by=story.focal, at=story.at)
    take_back_signature(group, reason="again", by=story.focal, at=story.at)
    assert [story.credit(one) for one in story.people] == [None, None, None]
    tick(group, remove=[story.people[2].public_id], by=story.focal, at=story.at)
    story.sign(group)
    assert [story.credit(one) is not None for one in story.people] == [True, True, False]
    signatures = db.session.scalars(select(GroupSignature).order_by(GroupSignature.id)).all()
    assert [(one.people, one.reason, one.taken_back_at is not None) for one in signatures] == [
        (3, "One too many", True), (2, "", False),
    ]  # fmt: skip
    verbs = [entry.verb for entry in list_entries("group", story.view(group).group.id)]
    assert verbs == ["group.sign", "group.remove", "group.take_back", "group.sign", "group.add", "group.open"]


@pytest.mark.databases(differs=True)
def test_nobody_counts_twice_in_two_groups_or_at_home_and_in_a_group(story: Story) -> None:
    person, other = story.people[:2]
    first = story.open()
    second = open_group(
        story.lecture.id, GroupInput("Mombasa", "Hall", "Ali", 9, "Africa/Nairobi"), by=story.focal, at=story.at
    )[0]
    for group in (first, second):
        story.tick(group, person)
    story.tick(second, other)
    story.seen(person, 0, 30)
    story.seen(other, 0, 80)
    story.sign(first)
    half = Basis(start=datetime(2026, 11, 24, 9, 40), until=datetime(2026, 11, 24, 11, 30))  # noqa: DTZ001
    story.sign(second, half)
    assert story.credit(person) == (90, Outcome.ATTENDED, Source.GROUP)
    assert story.credit(other) == (90, Outcome.ATTENDED, Source.LIVE)  # owes nothing to the group
    row = attendance_of_person(person.id, by=SYSTEM)[0]
    assert row.explanation == "90 of 90 minutes, group viewing in Mombasa, Nairobi: attended"
    take_back_signature(first, reason="not there", by=story.focal, at=story.at)
    assert story.credit(person) == (80, Outcome.ATTENDED, Source.GROUP)  # 0–30 at home, 40–90 in Mombasa


def test_the_groups_connection_says_when_it_watched(story: Story, make: Make) -> None:
    group = story.open()
    story.tick(group, story.people[0])
    connection = Basis(connection="focal@ke.example")
    with pytest.raises(Invalid) as error:
        story.sign(group, connection)
    assert error.value.faults[0].field == "connection"
    assert story.focal.person_id is not None
    account = db.session.get_one(Person, story.focal.person_id)
    story.seen(account, -10, 20)
    story.seen(account, 40, 95, Source.IMPORT)
    story.seen(account, 0, 90, Source.REPLAY)
    story.sign(group, connection)
    assert story.credit(story.people[0]) == (70, Outcome.ATTENDED, Source.GROUP)
    take_back_signature(group, reason="x", by=story.focal, at=story.at)
    # of a stranger's presence a focal point learns nothing; staff may name anybody
    stranger = make.person("Somebody", "stranger@vn.example", country="VN")
    story.seen(stranger, 0, 90)
    with pytest.raises(Invalid):
        story.sign(group, Basis(connection="stranger@vn.example"))
    story.sign(group, Basis(connection="stranger@vn.example"), by=story.teacher)
    assert story.credit(story.people[0]) == (90, Outcome.ATTENDED, Source.GROUP)


@each_row(
    "start, until, field",
    [
        ((9, 0), (9, 0), "watched_until"),
        ((10, 30), (9, 0), "watched_until"),
        ((10, 30), (11, 30), "watched_from"),
        ((3, 0), (10, 30), "watched_from"),
        ((9, 0), (15, 0), "watched_until"),
        ((9, 0), None, "watched_until"),
        (None, (9, 0), "watched_from"),
    ],
)
def test_times_that_cannot_be_are_refused(
    story: Story, start: tuple[int, int] | None, until: tuple[int, int] | None, field: str
) -> None:
    group = story.open()
    story.tick(group, story.people[0])
    basis = Basis(
        start=datetime(2026, 11, 24, *start) if start else None,  # noqa: DTZ001
        until=datetime(2026, 11, 24, *until) if until else None,  # noqa: DTZ001
    )
    with pytest.raises(Invalid) as error:
        story.sign(group, basis)
    assert [fault.field for fault in error.value.faults] == [field]
    assert db.session.scalars(select(Presence)).all() == []


def test_declared_times_are_clipped_to_the_lecture(story: Story) -> None:
    group = story.open()
    story.tick(group, story.people[0])
    story.sign(group, Basis(start=datetime(2026, 11, 24, 8, 0), until=datetime(2026, 11, 24, 9, 45)))  # noqa: DTZ001
    assert story.credit(story.people[0]) == (45, Outcome.PARTIAL, Source.GROUP)


def test_what_cannot_be_signed(story: Story, make: Make) -> None:
    group = story.open()
    with pytest.raises(Refused, match="There is nobody on the list"):
        story.sign(group)
    story.tick(group, story.people[0])
    mark = story.list(group).mark
    story.tick(group, story.people[1])
    with pytest.raises(Refused, match="has changed"):
        sign_group(group, basis=TIMES, mark=mark, by=story.focal, at=story.at)
    soon = make.lecture(story.series)
    coming = open_group(soon.id, DRAFT, by=story.focal, at=story.at)[0]
    tick(coming, add=[story.people[0].public_id], by=story.focal, at=story.at)
    with pytest.raises(Refused, match="after the lecture has been held"):
        story.sign(coming)
    call_off(coming, by=story.focal, at=story.at)
    with pytest.raises(Refused, match="was cancelled"):
        story.sign(coming)
    close_attendance(story.lecture.id, by=story.teacher, at=story.at)
    with pytest.raises(Refused, match="closed"):
        story.sign(group)
    with pytest.raises(Refused, match="closed"):
        open_group(story.lecture.id, DRAFT, by=story.focal, at=story.at)


def test_a_closed_lecture_keeps_its_signature(story: Story) -> None:
    group = story.open()
    story.tick(group, story.people[0])
    story.sign(group)
    close_attendance(story.lecture.id, by=story.teacher, at=story.at)
    with pytest.raises(Refused, match="closed"):
        take_back_signature(group, reason="x", by=story.focal, at=story.at)
    assert story.credit(story.people[0]) is not None


def test_a_list_twice_as_long_as_the_place_said_is_doubted_and_signed(story: Story, make: Make) -> None:
    group = story.open()
    for number in range(3):
        person = make.person(f"More {number}")
        make.enrolment(story.series, person)
        story.tick(group, person)
    story.tick(group, *story.people)
    signed = story.sign(group)
    assert signed.people == 6
    assert signed.notes == [
        ("6 people are on the list, but 3 were expected. Did everyone on the list watch in this room?")
    ]


@pytest.mark.parametrize("policy", ["enrol", "ignore"])
def test_walk_ins_by_the_policy_of_the_series(make: Make, at: datetime, policy: str) -> None:
    story = Story(make, at, policy={"walk_ins": policy})
    guest = make.person("Walk In", "walk@ke.example")
    group = story.open()
    assert add_addresses(group, "name,email\nWalk In,WALK@ke.example", by=story.focal, at=at).added == 1
    assert [one.is_enrolled for one in story.list(group).people] == [False]
    signed = story.sign(group)
    enrolled = find_enrolment(story.series.id, guest.id) is not None
    assert enrolled is (policy == "enrol")
    assert (story.credit(guest) is not None) is (policy == "enrol")
    assert len(signed.notes) == 1


def test_the_history_of_a_person_tells_the_list_and_the_signature(story: Story) -> None:
    group, (first, second) = story.open(), story.people[:2]
    story.tick(group, first, second)
    story.sign(group)
    take_back_signature(group, reason="The wrong room", by=story.focal, at=story.at)
    tick(group, remove=[first.public_id], by=story.focal, at=story.at)
    kinds = {"group_add", "group_remove", "group_sign", "group_take_back"}

    def steps(person: Person) -> list[str]:
        history = get_history(story.lecture.id, person.public_id, by=SYSTEM, at=story.at)
        return [step.text for step in history.steps if step.kind in kinds]

    assert steps(first) == [
        "Removed from the list of the viewing group in Nairobi.",
        "Signature for the viewing group in Nairobi withdrawn.",
        "Confirmed as present in the viewing group in Nairobi.",
        "Added to the list of the viewing group in Nairobi.",
    ]
    assert steps(second) == steps(first)[1:]
