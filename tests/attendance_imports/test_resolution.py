"""Deciding whom files mean, taking it back, and what becomes known later: credits follow at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from lms.attendance.actions.closing import close_attendance, reopen_attendance
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import MatchMethod, Presence, Resolution, UnmatchedAttendee
from lms.attendance_imports.actions.resolution import ResolutionResult, accept_strong, resolve_attendee, undo_decision
from lms.attendance_imports.queries.review import Unknown, find_people, list_strong, review_page
from lms.catalogue.models import WalkIns
from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import DomainError, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import db
from lms.enrolment.models import Enrolment, EnrolmentSource
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.persons import create_person
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from tests.attendance.scene import END, START, Scene, minute
from tests.properties import seeds

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
LATER = END + timedelta(hours=1)


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


def named(scene: Scene, *stays: tuple[str, float, float]) -> Any:
    """Brings in a file that has names only."""
    lines = [f"{name},{minute(a).isoformat()},{minute(b).isoformat()}" for name, a, b in stays]
    return scene.publish_text("name,joined_at,left_at\n" + "\n".join(lines) + "\n")


def unknown(scene: Scene, *, decided: bool = False, **options: Any) -> list[Unknown]:
    return review_page(scene.lecture.id, by=scene.by, decided=decided, **options).items


def decide(scene: Scene, attendee: Unknown, name: str | None, **options: Any) -> ResolutionResult:
    person = scene.people[name].public_id if name is not None else None
    options = {"version": attendee.version} | options
    return resolve_attendee(scene.lecture.id, attendee.id, person=person, by=scene.by, at=LATER, **options)


def undo(scene: Scene, attendee: Unknown) -> None:
    undo_decision(scene.lecture.id, attendee.id, version=attendee.version, by=scene.by, at=LATER)


def minutes(scene: Scene, name: str) -> float | None:
    credit = scene.credit(name)
    return credit.present_ms / 60_000 if credit is not None else None


def another_lecture(scene: Scene) -> None:
    scene.lecture = scene.make.lecture(
        scene.series, state="held", actual_start=START, actual_end=END, starts_at=START, instructors=[scene.teacher]
    )


def test_deciding_credits_at_once_and_is_remembered(scene: Scene) -> None:
    named(scene, ("Cyr's phone", 0, 20), ("Cyr's phone", 30, 50), ("Somebody", 0, 90))
    attendee = unknown(scene)[0]
    assert (attendee.name, attendee.present_ms, len(attendee.stays), attendee.version) == (
        "Cyr's phone",
        40 * 60_000,
        2,
        0,
    )
    assert decide(scene, attendee, "Cyr").count == 1
    assert minutes(scene, "Cyr") == 40
    assert [other.name for other in unknown(scene)] == ["Somebody"]
    done = unknown(scene, decided=True)[0]
    assert (done.how, done.decided_by, done.decided_at, done.version) == (MatchMethod.HAND, "Lin Yuhan", LATER, 1)
    assert done.person is not None
    assert done.person.full_name == "Cyr"
    another_lecture(scene)
    assert named(scene, ("cyr's  PHONE", 0, 60)).matched == 1
    assert minutes(scene, "Cyr") == 60
    entry = db.session.scalars(select(audit.AuditEntry).where(audit.AuditEntry.verb == "attendance.decide")).one()
    assert (entry.actor_id, entry.detail) == (scene.teacher.id, {"how": "hand"})


def test_a_decision_counts_in_every_lecture_of_the_series(scene: Scene) -> None:
    named(scene, ("phone", 0, 60))
    first = scene.lecture
    another_lecture(scene)
    named(scene, ("phone", 10, 90))
    attendee = unknown(scene)[0]
    assert attendee.lectures == 2
    decide(scene, attendee, "Cyr")
    assert minutes(scene, "Cyr") == 80
    undo(scene, unknown(scene, decided=True)[0])
    assert minutes(scene, "Cyr") is None
    scene.lecture = first
    assert minutes(scene, "Cyr") is None
    assert [one.lectures for one in unknown(scene)] == [2]


def test_only_some_rows_are_decided_and_go_back_when_undone(scene: Scene) -> None:
    named(scene, ("phone", 0, 20), ("phone", 30, 60), ("phone", 70, 90))
    attendee = unknown(scene)[0]
    rows = [stay.evidence for stay in attendee.stays]
    assert decide(scene, attendee, "Cyr", rows=rows[:1]).count == 1
    left = unknown(scene)[0]
    assert (left.id, left.version, len(left.stays)) == (attendee.id, 0, 2)
    decide(scene, left, "Ben", rows=rows[1:2])
    decide(scene, left, None, rows=rows[2:])
    assert unknown(scene) == []
    assert (minutes(scene, "Cyr"), minutes(scene, "Ben")) == (20, 30)
    for done in unknown(scene, decided=True):
        assert done.is_row
        undo(scene, done)
    assert (minutes(scene, "Cyr"), minutes(scene, "Ben")) == (None, None)
    whole = unknown(scene)[0]
    assert (whole.id, len(whole.stays)) == (attendee.id, 3)
    decide(scene, whole, "Ada")
    assert minutes(scene, "Ada") == 70
    with pytest.raises(NotFound):  # rows of another
        decide(scene, unknown(scene, decided=True)[0], "Ben", rows=["nonsense"])
    with pytest.raises(Invalid):
        decide(scene, unknown(scene, decided=True)[0], "Ben", rows=[])


def test_the_same_person_twice_is_united_and_another_decision_moves_the_evidence(scene: Scene) -> None:
    named(scene, ("phone", 0, 40), ("laptop", 20, 70))
    for attendee in unknown(scene):
        decide(scene, attendee, "Cyr")
    assert minutes(scene, "Cyr") == 70
    laptop = next(one for one in unknown(scene, decided=True) if one.name == "laptop")
    decide(scene, laptop, "Ben")
    assert (minutes(scene, "Cyr"), minutes(scene, "Ben")) == (40, 50)
    decide(scene, next(one for one in unknown(scene, decided=True) if one.name == "laptop"), None)
    assert minutes(scene, "Ben") is None


@pytest.mark.databases(differs=True)
def test_a_decision_on_what_was_decided_meanwhile_is_refused_and_says_what(scene: Scene) -> None:
    named(scene, ("phone", 0, 60))
    attendee = unknown(scene)[0]
    decide(scene, attendee, "Cyr")
    with pytest.raises(Refused) as caught:
        decide(scene, attendee, "Ben")
    assert "identified by Lin Yuhan on 4 November 2026" in caught.value.message
    assert decide(scene, attendee, "Cyr").count == 0  # the same once more: sent twice
    assert minutes(scene, "Cyr") == 60
    with pytest.raises(Refused):
        undo(scene, attendee)
    done = unknown(scene, decided=True)[0]
    undo(scene, done)
    undo(scene, done)  # sent twice
    assert len(db.session.scalars(select(Resolution)).all()) == 2


def test_somebody_not_enrolled_comes_in_as_the_policy_says(make: Any) -> None:
    for policy, enrolled in ((WalkIns.ENROL, True), (WalkIns.IGNORE, False)):
        scene = Scene.__new__(Scene)
        people = {"Dot": make.person("Dot", email=f"dot{policy.value}@x.example")}
        scene.make, scene.teacher = make, make.person("Lin Yuhan", roles=["instructor"])
        scene.by, scene.people = make.actor(scene.teacher), people
        scene.series = make.series(instructors=[scene.teacher], policy={"walk_ins": policy})
        another_lecture(scene)
        named(scene, ("phone", 0, 60))
        answer = decide(scene, unknown(scene)[0], "Dot")
        place = db.session.scalar(select(Enrolment).where(Enrolment.person_id == people["Dot"].id))
        assert (place is not None) is enrolled
        assert (minutes(scene, "Dot") is not None) is enrolled
        assert len(answer.notes) == 1
        assert scene.row("Dot").minutes == 60.0
        if place is not None:
            assert place.source is EnrolmentSource.WALK_IN


def test_what_cannot_be_decided(scene: Scene) -> None:
    named(scene, ("phone", 0, 60))
    attendee = unknown(scene)[0]
    lecture_id = scene.lecture.id

    def attempt(error: type[DomainError], **options: Any) -> None:
        given = {"person": scene.people["Cyr"].public_id, "version": 0, "by": scene.by, "at": LATER} | options
        with pytest.raises(error):
            resolve_attendee(given.pop("lecture", lecture_id), given.pop("which", attendee.id), **given)

    attempt(NotFound, which=attendee.id + 99)
    attempt(NotFound, person="nobody")
    attempt(Forbidden, by=scene.make.actor(scene.people["Ada"]))
    attempt(Forbidden, by=scene.make.actor(roles=["reporter"]))
    elsewhere = scene.make.lecture(scene.series, state="held", actual_start=START, actual_end=END)
    attempt(NotFound, lecture=elsewhere.id)
    gone = scene.make.person("Gone", email="gone@x.example")
    erase_person(gone.public_id, confirmation="gone@x.example", withdraw_certificates=False, by=SYSTEM, at=END)
    attempt(NotFound, person=gone.public_id)
    close_attendance(lecture_id, by=scene.by, at=LATER)
    attempt(Refused)
    reopen_attendance(lecture_id, reason="late report", by=scene.by, at=LATER)
    decide(scene, attendee, "Cyr")
    close_attendance(lecture_id, by=scene.by, at=LATER)
    with pytest.raises(Refused):
        undo(scene, unknown(scene, decided=True)[0])


def test_another_closed_lecture_stops_a_decision_for_all_but_not_for_the_rows(scene: Scene) -> None:
    named(scene, ("phone", 0, 60))
    close_attendance(scene.lecture.id, by=scene.by, at=LATER)
    closed = scene.lecture
    another_lecture(scene)
    named(scene, ("phone", 0, 50))
    attendee = unknown(scene)[0]
    with pytest.raises(Refused) as caught:
        decide(scene, attendee, "Cyr")
    assert closed.title in caught.value.message
    decide(scene, attendee, "Cyr", rows=[stay.evidence for stay in attendee.stays])
    assert minutes(scene, "Cyr") == 50
    scene.lecture = closed
    assert minutes(scene, "Cyr") is None


def test_all_with_one_strong_candidate_are_accepted_once_they_were_seen(scene: Scene) -> None:
    for name in ("Brian Otieno Smith", "Grace Wanjiru Kamau", "Dita Obi", "Zoë Müller"):
        scene.people[name] = scene.make.person(name, email=f"{len(scene.people)}@x.example")
        scene.make.enrolment(scene.series, scene.people[name])
    named(
        scene, ("Smith Otieno Brian", 0, 60), ("Grace Kamau", 0, 60), ("Dita", 0, 60), ("iPhone", 0, 60),
        ("Zoe Muller", 0, 30), ("Müller Zoë", 30, 60),
    )  # fmt: skip
    _lecture, strong = list_strong(scene.lecture.id, by=scene.by)
    # Two of them mean the same person: that is for somebody to look at
    assert [(one.name, one.candidate.known.full_name) for one in strong.items] == [
        ("Grace Kamau", "Grace Wanjiru Kamau"), ("Smith Otieno Brian", "Brian Otieno Smith"),
    ]  # fmt: skip
    with pytest.raises(Refused):
        accept_strong(scene.lecture.id, seen="another list", by=scene.by, at=LATER)
    assert accept_strong(scene.lecture.id, seen=strong.mark, by=scene.by, at=LATER).count == 2
    assert (minutes(scene, "Brian Otieno Smith"), minutes(scene, "Zoë Müller")) == (60, None)
    assert {one.how for one in unknown(scene, decided=True)} == {MatchMethod.TOGETHER}
    with pytest.raises(Refused):  # sent twice: the list is another by now
        accept_strong(scene.lecture.id, seen=strong.mark, by=scene.by, at=LATER)
    for attendee in unknown(scene, decided=True):
        undo(scene, attendee)
    assert minutes(scene, "Brian Otieno Smith") is None


@pytest.mark.databases(differs=True)
def test_an_address_that_becomes_known_brings_its_evidence_along(scene: Scene) -> None:
    scene.publish(("new@x.example", 0, 60), ("desk@x.example", 0, 60), ("guest@x.example", 0, 60))
    first = scene.lecture
    another_lecture(scene)
    scene.publish(("NEW@x.example", 0, 70))
    scene.lecture = first
    for attendee in unknown(scene):
        if attendee.email == "desk@x.example":
            decide(scene, attendee, "Cyr")
        if attendee.email == "guest@x.example":
            decide(scene, attendee, None)
    close_attendance(first.id, by=scene.by, at=LATER)
    for name in ("new", "desk", "guest"):
        given = {"full_name": name, "email": f"{name}@x.example", "country_code": "KE", "by": SYSTEM, "at": LATER}
        scene.people[name] = create_person(**given)
    before = db.session.scalar(select(func.max(Job.id))) or 0
    claims = list(db.session.scalars(select(Job.kind).where(Job.state == JobState.QUEUED)))
    assert claims == ["claim_unmatched_attendees"] * 2  # nothing waits for who was decided by hand
    jobs.run_due()
    # Who is a walk-in now was seen before: new in two lectures, guest in one
    assert list(db.session.scalars(select(Job.kind).where(Job.id > before))) == ["credit_lecture"] * 3
    assert (minutes(scene, "new"), minutes(scene, "guest"), minutes(scene, "desk")) == (60, 60, None)
    assert minutes(scene, "Cyr") == 60
    assert unknown(scene) == []
    another = db.session.scalars(select(Credit).where(Credit.person_id == scene.people["new"].id)).all()
    assert sorted(credit.present_ms for credit in another) == [60 * 60_000, 70 * 60_000]
    assert [one.decided_by for one in unknown(scene, decided=True) if one.how is MatchMethod.ADDRESS] == [None, None]


@pytest.mark.databases(differs=True)
def test_searching_finds_the_enrolled_and_whoever_has_exactly_the_address(scene: Scene) -> None:
    scene.make.person("Stranger", email="stranger@x.example")

    def names_found(words: str, by: Actor = scene.by) -> list[str]:
        people, _enrolled = find_people(scene.lecture.id, words, by=by)
        return [one.full_name for one in people]

    assert names_found("ad") == ["Ada"]
    assert names_found("BEN@x") == ["Ben"]
    assert names_found("stranger@x.example") == [], "an instructor learns nothing about people of other series"
    assert names_found("stranger@x.example", by=scene.make.administrator()) == ["Stranger"]
    assert names_found("stranger") == names_found("  ") == []
    with pytest.raises(Forbidden):
        find_people(scene.lecture.id, "ada", by=scene.make.actor(scene.people["Ada"]))


def test_pages_of_the_unknown_follow_each_other_and_are_searched(scene: Scene) -> None:
    named(scene, *((f"Unknown {n:02}", n, n + 5) for n in range(7)), ("Étienne", 0, 10))
    seen, after = [], 0
    while True:
        page = review_page(scene.lecture.id, by=scene.by, after=after, limit=3)
        seen += [one.name for one in page.items]
        assert (page.open, page.decided) == (8, 0)
        if page.following is None:
            break
        after = page.following
    assert len(seen) == len(set(seen)) == 8
    assert [one.name for one in unknown(scene, q="ETIENNE")] == ["Étienne"]
    assert unknown(scene, q="nobody") == []


# Whatever happens in whatever order, the credits are those that a count from scratch gives


def credits(scene: Scene) -> dict[int, tuple[int, Outcome]]:
    rows = db.session.execute(
        select(Credit.person_id, Credit.present_ms, Credit.outcome).where(Credit.lecture_id == scene.lecture.id)
    )
    return {person: (present, outcome) for person, present, outcome in rows}


def by_hand(scene: Scene) -> dict[int, int]:
    """The minutes of everybody, worked out from the rows one by one."""
    people = {row.id: row.canonical_id for row in db.session.scalars(select(Person))}
    meant = {row.id: row.person_id for row in db.session.scalars(select(UnmatchedAttendee))}
    seen: dict[int, set[int]] = {}
    for row in db.session.scalars(select(Presence).where(Presence.lecture_id == scene.lecture.id)):
        who = row.person_id if row.person_id is not None else meant.get(row.attendee_id or 0)
        if who is not None:
            first = int((row.joined_ms / 1000 - START.timestamp()) // 60)
            last = int((row.left_ms / 1000 - START.timestamp()) // 60)
            seen.setdefault(people[who] or who, set()).update(range(max(first, 0), min(last, 90)))
    return {person: len(found) * 60_000 for person, found in seen.items() if found}


@pytest.mark.parametrize("seed", seeds(6))
def test_random_histories_give_the_credits_of_a_count_from_scratch(make: Any, seed: int) -> None:
    scene, draw = Scene(make), random.Random(seed)
    lectures = [scene.lecture]
    another_lecture(scene)
    lectures.append(scene.lecture)
    names = ["Ada", "Ben", "Cyr"]
    whos = ["phone", "laptop", "ada@x.example", "x@x.example", "Ada"]

    def bring() -> None:
        for _n in range(draw.randint(1, 3)):
            who, start = draw.choice(whos), draw.randint(-10, 80)
            if "@" in who:
                scene.publish((who, start, start + draw.randint(1, 40)))
            else:
                named(scene, (who, start, start + draw.randint(1, 40)))

    def on_one(decided: bool, work: Callable[[Unknown], object]) -> None:
        attendees = unknown(scene, decided=decided)
        if attendees:
            work(draw.choice(attendees))

    def some(attendee: Unknown) -> object:
        rows = None
        if draw.random() < 0.4:
            rows = [stay.evidence for stay in attendee.stays if draw.random() < 0.5] or [attendee.stays[0].evidence]
        return decide(scene, attendee, draw.choice([*names, None]), rows=rows)

    def merge() -> None:
        merge_people(
            scene.people[draw.choice(names)].public_id, scene.people[draw.choice(names)].public_id, by=SYSTEM, at=LATER
        )

    steps = [
        *[bring] * 3, *[lambda: on_one(False, some)] * 4, lambda: on_one(True, some),
        *[lambda: on_one(True, lambda attendee: undo(scene, attendee))] * 2, merge,
        lambda: undo_merge(scene.people[draw.choice(names)].public_id, by=SYSTEM, at=LATER),
    ]  # fmt: skip
    for _n in range(30):
        scene.lecture = draw.choice(lectures)
        try:
            draw.choice(steps)()
        except DomainError:
            db.session.rollback()
        for scene.lecture in lectures:
            stored = credits(scene)
            assert {person: present for person, (present, _outcome) in stored.items()} == by_hand(scene)
            assert credit_lecture(scene.lecture.id, by=SYSTEM, at=LATER) == 0
            assert credits(scene) == stored
