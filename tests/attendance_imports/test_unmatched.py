"""Evidence of somebody nobody knew at first: whose it is is read through the unmatched attendee."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import MatchMethod, Presence, Resolution, Source, UnmatchedAttendee
from lms.attendance.queries.outcomes import counted_ms
from lms.attendance.queries.persons import attendance_of_person, export_of_person
from lms.attendance.queries.roster import get_row, presence_curve, roster, roster_totals
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import StagedAttendance, check_can_import
from lms.attendance_imports.actions.unmatched import settle
from lms.attendance_imports.readers.report import Report, ReportRow
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from tests.attendance.scene import END, START, Scene, minute

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


def attendee_of(scene: Scene, name: str | None = None) -> UnmatchedAttendee:
    """The one unmatched attendee of the series, or the one of this name."""
    query = select(UnmatchedAttendee).where(UnmatchedAttendee.series_id == scene.series.id)
    if name is not None:
        query = query.where(UnmatchedAttendee.name == name)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def mean(scene: Scene, attendee: UnmatchedAttendee, person: Person | None, how: MatchMethod = MatchMethod.HAND) -> None:
    """Says who an unmatched attendee is, and counts anew."""
    id_, person_id, was = attendee.id, person.id if person else None, attendee.person_id

    @action
    def write() -> None:
        settle({id_: person_id}, how, by=scene.by, at=END)
        concerned = {one for one in (was, person_id) if one is not None}
        credit_lecture(scene.lecture.id, by=scene.by, at=END, only=concerned)

    write()


@pytest.mark.databases(differs=True)
def test_evidence_of_nobody_known_is_told_by_an_unmatched_attendee_once_in_a_series(scene: Scene) -> None:
    scene.publish(("New@x.example", 0, 20), ("NEW@x.example", 30, 50), ("ada@x.example", 0, 60))
    attendee = attendee_of(scene)
    assert (attendee.key, attendee.email, attendee.person_id, attendee.how) == (
        "new@x.example", "New@x.example", None, None
    )  # fmt: skip
    rows = db.session.execute(select(Presence.person_id, Presence.attendee_id).order_by(Presence.joined_ms)).all()
    ada = scene.people["Ada"].id
    assert sorted(rows, key=str) == sorted([(None, attendee.id), (None, attendee.id), (ada, None)], key=str)
    assert roster_totals(scene.lecture.id, by=scene.by).unmatched == 1


def test_all_that_reads_presence_follows_the_unmatched_attendee(scene: Scene) -> None:
    scene.publish(("new@x.example", 0, 40), ("ben@x.example", 0, 30), ("ben@x.example", 50, 90))
    ben = scene.people["Ben"]
    before = presence_curve(scene.lecture.id, by=scene.by)
    mean(scene, attendee_of(scene), ben)
    credit, row = scene.credit("Ben"), scene.row("Ben")
    assert credit is not None
    assert (credit.present_ms, credit.outcome) == (80 * 60_000, Outcome.ATTENDED)
    assert row.explanation == "80 of 90 minutes, 1 rejoin: attended"
    assert [(a, b) for a, b, *_ in row.intervals] == [
        (clock.to_ms(START), clock.to_ms(minute(40))),
        (clock.to_ms(minute(50)), clock.to_ms(END)),
    ]
    attendances = attendance_of_person(ben.id, by=scene.make.actor(ben))
    assert [one.present_ms for one in attendances] == [80 * 60_000]
    assert counted_ms(scene.lecture.id, ben.id, END) == 80 * 60_000
    assert presence_curve(scene.lecture.id, by=scene.by) == [
        count + (30 <= number < 40) for number, count in enumerate(before)
    ]
    exported = export_of_person(ben.id)
    assert len(exported["presence"]) == 3
    assert [(one["email"], one["how"]) for one in exported["unmatched_attendees"]] == [("new@x.example", "hand")]
    totals = roster_totals(scene.lecture.id, by=scene.by)
    assert (totals.people, totals.unmatched, totals.attended) == (3, 0, 1)


def test_somebody_seen_only_through_an_unmatched_attendee_stands_on_the_roster(scene: Scene) -> None:
    scene.publish(("new@x.example", 0, 40))
    mean(scene, attendee_of(scene), scene.make.person("Guest", email="guest@x.example"))
    for by, name in ((scene.make.administrator(), "Guest"), (scene.by, "guest@x.example")):
        rows = [row for row in roster(scene.lecture.id, by=by, limit=9) if row.email == "guest@x.example"]
        assert [(row.full_name, row.minutes, row.is_counted) for row in rows] == [(name, 40.0, False)]


def test_taking_a_decision_back_gives_the_evidence_back(scene: Scene) -> None:
    scene.publish(("new@x.example", 0, 60))
    mean(scene, attendee_of(scene), scene.people["Cyr"])
    assert scene.credit("Cyr") is not None
    mean(scene, attendee_of(scene), None, MatchMethod.UNDONE)
    assert scene.credit("Cyr") is None
    assert (attendee_of(scene).how, attendee_of(scene).version) == (None, 2)
    resolutions = db.session.scalars(select(Resolution).order_by(Resolution.version)).all()
    cyr = scene.people["Cyr"].id
    assert [(one.how, one.person_id, one.by_person_id) for one in resolutions] == [
        (MatchMethod.HAND, cyr, scene.teacher.id), (MatchMethod.UNDONE, None, scene.teacher.id)
    ]  # fmt: skip


def test_merging_and_undoing_follow_the_unmatched_attendee(scene: Scene) -> None:
    scene.publish(("new@x.example", 0, 40), ("ada@x.example", 30, 60))
    other = scene.make.person("Other", email="other@x.example")
    ada = scene.people["Ada"]
    mean(scene, attendee_of(scene), other)
    merge_people(ada.public_id, other.public_id, by=SYSTEM, at=END)
    assert scene.credit("Ada").present_ms == 60 * 60_000  # type: ignore[union-attr]
    assert attendee_of(scene).person_id == other.id
    undo_merge(other.public_id, by=SYSTEM, at=END)
    assert scene.credit("Ada").present_ms == 30 * 60_000  # type: ignore[union-attr]


def test_an_erased_persons_unmatched_names_lose_name_and_address_and_count_on(scene: Scene) -> None:
    stay = f"{START.isoformat()},{END.isoformat()}"
    text = f"email,name,joined_at,left_at\nold@x.example,Ada L,{stay}\n,Ada's phone,{stay}\nx@x.example,Xi,{stay}\n"
    scene.publish_text(text)
    for name in ("Ada L", "Ada's phone"):
        mean(scene, attendee_of(scene, name), scene.people["Ada"])
    before = roster_totals(scene.lecture.id, by=scene.by)
    ada = scene.people["Ada"].public_id
    erase_person(ada, confirmation="ada@x.example", withdraw_certificates=False, by=SYSTEM, at=END)
    rows = db.session.execute(
        select(UnmatchedAttendee.key, UnmatchedAttendee.name, UnmatchedAttendee.email).order_by(UnmatchedAttendee.id)
    ).all()
    assert sorted(row[1:] for row in rows if row[1] is None) == [(None, None)] * 2
    assert not any("ada" in key or "old" in key for key, _name, _email in rows)
    assert ("x@x.example", "Xi", "x@x.example") in rows
    credit_lecture(scene.lecture.id, by=SYSTEM, at=END)
    assert roster_totals(scene.lecture.id, by=scene.by) == before
    assert scene.publish_text(text).created == 0


def test_evidence_that_is_recognised_later_stays_as_it_was_seen(scene: Scene) -> None:
    scene.publish(("new@x.example", 0, 60))
    person = scene.make.person("New", email="new@x.example")
    scene.make.enrolment(scene.series, person)
    assert scene.publish(("new@x.example", 0, 60)).updated == 1
    assert db.session.scalar(select(Presence.person_id)) is None
    assert (attendee_of(scene).person_id, attendee_of(scene).how) == (person.id, MatchMethod.ADDRESS)
    assert [row[2] for row in get_row(scene.lecture.id, person.public_id, by=scene.by).intervals] == [Source.IMPORT]


def test_an_address_recognised_in_one_lecture_counts_in_the_others(scene: Scene) -> None:
    scene.publish(("new@x.example", 0, 60))
    first = scene.lecture
    scene.lecture = scene.make.lecture(
        scene.series, state="held", actual_start=START, actual_end=END, starts_at=START, instructors=[scene.teacher]
    )
    scene.publish(("new@x.example", 10, 90))
    person = scene.make.person("New", email="new@x.example")
    scene.make.enrolment(scene.series, person)
    scene.people["New"] = person
    scene.publish(("new@x.example", 10, 90))
    assert scene.credit("New").present_ms == 80 * 60_000  # type: ignore[union-attr]
    scene.lecture = first
    assert scene.credit("New").present_ms == 60 * 60_000  # type: ignore[union-attr]


def test_a_name_recognised_later_is_one_persons_in_this_lecture_only(scene: Scene) -> None:
    stay = f"{START.isoformat()},{END.isoformat()}"
    text = f"name,joined_at,left_at\nNew,{stay}\n"
    scene.publish_text(text)
    person = scene.people["New"] = scene.make.person("New", email="new@x.example")
    scene.make.enrolment(scene.series, person)
    assert scene.publish_text(text).updated == 1
    assert scene.credit("New") is not None
    by_kind = {one.key.split(":")[0]: one for one in db.session.scalars(select(UnmatchedAttendee))}
    assert (by_kind["name"].person_id, by_kind["row"].person_id) == (None, person.id)
    assert by_kind["row"].within_id == by_kind["name"].id
    twin = scene.make.person("New", email="twin@x.example")
    scene.make.enrolment(scene.series, twin)
    later = scene.publish_text(f"name,joined_at,left_at\nNew,{START.isoformat()},{minute(50).isoformat()}\n")
    assert (later.matched, len(later.unmatched[0]["candidates"])) == (0, 2)


def test_what_was_decided_before_is_applied_first_and_says_so(scene: Scene) -> None:
    scene.publish(("desk@x.example", 0, 60))
    mean(scene, attendee_of(scene), scene.people["Cyr"])
    answer = scene.publish(("desk@x.example", 60, 90))
    assert (answer.matched, answer.created, answer.unmatched) == (1, 1, [])
    assert scene.credit("Cyr").present_ms == 90 * 60_000  # type: ignore[union-attr]
    mean(scene, attendee_of(scene), None, MatchMethod.NOBODY)
    assert scene.credit("Cyr") is None
    answer = scene.publish(("desk@x.example", 61, 80))
    assert [one["reason"] for one in answer.unmatched] == [
        "Not a participant: resolved by Lin Yuhan on 4 November 2026."
    ]
    assert roster_totals(scene.lecture.id, by=scene.by).unmatched == 0


def rows_of(*rows: ReportRow) -> Report:
    return Report(format="zoom", total=len(rows), rows=list(rows))


def take(scene: Scene, *rows: ReportRow) -> ImportAnswer:
    times = check_can_import(scene.lecture, by=scene.by)
    staged = StagedAttendance(scene.lecture.id, "zoom.csv", "digest", rows_of(*rows), times)
    return publish_attendance(staged, by=scene.by, at=END)


def stay(line: int, name: str = "", **given: Any) -> ReportRow:
    return ReportRow(line, given.pop("email", ""), name, clock.to_ms(START), clock.to_ms(END), **given)


def test_names_that_are_only_like_somebodys_are_candidates_with_score_and_reasons(scene: Scene) -> None:
    person = scene.make.person("Brian Otieno Smith", email="brian@x.example")
    scene.make.enrolment(scene.series, person)
    answer = take(
        scene,
        stay(2, "Smith Otieno Brian"),
        stay(3, "brian otieno smith", reported_name="iPhone (brian otieno smith)"),
        stay(4, "Brian Otieno Smith", email="private@y.example"),
    )
    assert answer.matched == 1
    suggestions = [(one["row"], one["reason"], one["candidates"][0]["person"]) for one in answer.unmatched]
    assert suggestions == [
        (2, "No enrolled person has this name.", person.public_id),
        (4, "No person has this e-mail address.", person.public_id),
    ]
    first = answer.unmatched[0]["candidates"][0]
    assert (first["score"], first["reasons"]) == (96, ["same words in a different order"])
    totals = roster_totals(scene.lecture.id, by=scene.by)
    assert (totals.attended, totals.unmatched) == (1, 2)


def test_a_registrants_id_is_the_one_of_the_personal_link_or_of_the_address_beside_it(scene: Scene) -> None:
    ada, ben = scene.people["Ada"], scene.people["Ben"]
    answer = take(
        scene,
        stay(2, "X", registrant=ada.public_id),
        stay(3, "B", registrant="r-1", email="ben@x.example"),
        ReportRow(4, "", "phone", clock.to_ms(START), clock.to_ms(minute(20)), registrant="r-1"),
        stay(5, "C", registrant="r-2"),
        stay(6, "D", registrant="r-3", email="ben@x.example"),
        ReportRow(7, "ada@x.example", "D", clock.to_ms(START), clock.to_ms(minute(5)), registrant="r-3"),
        ReportRow(8, "", "D", clock.to_ms(START), clock.to_ms(minute(5)), registrant="r-3"),
    )
    assert [one["row"] for one in answer.unmatched] == [5, 8]  # nobody is known by it; two people share it
    assert answer.matched == 5
    keys = set(db.session.scalars(select(UnmatchedAttendee.key)))
    assert keys == {"registrant:r-2", "registrant:r-3"}
    people = set(db.session.scalars(select(Presence.person_id).where(Presence.person_id.is_not(None))))
    assert people == {ada.id, ben.id}


def test_hosts_and_panelists_count_when_they_are_enrolled_and_else_are_nobody_to_look_for(scene: Scene) -> None:
    scene.make.person("Guest", email="guest@x.example")
    answer = take(
        scene,
        stay(2, "Host", email="host@y.example", role="host"),
        stay(3, "Guest", email="guest@x.example", role="panelist"),
        stay(4, "Ada", email="ada@x.example", role="panelist"),
        stay(5, "Ben", role="panelist"),
    )
    assert (answer.rows, answer.matched, answer.created, answer.unmatched) == (4, 2, 2, [])
    assert answer.notes == ["2 rows of hosts and panelists who are not enrolled are ignored."]
    assert {row.full_name for row in roster(scene.lecture.id, by=scene.by, limit=9)} == {"Ada", "Ben", "Cyr"}
