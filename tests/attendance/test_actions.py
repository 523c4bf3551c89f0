"""Evidence, credits, corrections, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from lms.attendance.actions import corrections
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.people import erase_evidence
from lms.attendance.actions.room import open_join, record_beat
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Beat, Source
from lms.attendance.queries import viewers
from lms.attendance.queries.outcomes import counted_ms, exclusion_reasons
from lms.attendance.queries.persons import attendance_of_person, export_of_person
from lms.attendance.queries.roster import (
    cursor_of,
    get_rostered_lecture,
    list_unmatched,
    presence_curve,
    roster,
    roster_totals,
)
from lms.attendance.queries.roster_query import RosterFilter
from lms.attendance.queries.viewers import count_viewers
from lms.attendance_imports.actions.kept_files import drop_kept, keep_file, publish_kept
from lms.attendance_imports.queries.imports import kept_row
from lms.catalogue.actions.states import end_lecture, reopen_lecture, start_lecture, undo_start
from lms.catalogue.models import Lecture, WalkIns
from lms.core.background import jobs
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db, is_sqlite
from lms.core.time import clock
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.models import Person
from tests.attendance.scene import END, START, Scene, minute
from tests.queries import count_statements

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


@pytest.mark.databases(differs=True)
def test_import_credits_clipped_and_united(scene: Scene) -> None:
    answer = scene.publish(
        ("ADA@x.example", -5, 20), ("ada@x.example", 10, 40), ("ada@x.example", 60, 100), ("ben@x.example", 0, 53.999)
    )
    assert (answer.rows, answer.matched, answer.created, answer.unchanged, answer.unmatched) == (4, 4, 4, 0, [])
    ada, ben = scene.credit("Ada"), scene.credit("Ben")
    assert ada is not None
    assert ben is not None
    assert (ada.present_ms, ada.percent_tenths, ada.outcome, ada.source) == (
        70 * 60_000, 777, Outcome.ATTENDED, Source.LIVE
    )  # fmt: skip
    assert (ben.percent_tenths, ben.outcome) == (599, Outcome.PARTIAL)
    assert scene.credit("Cyr") is None
    rows = {row.full_name: row for row in roster(scene.lecture.id, by=scene.by, limit=50)}
    assert list(rows) == ["Ada", "Ben", "Cyr"]
    assert rows["Ada"].explanation == "70 of 90 minutes, 1 rejoin: attended"
    assert rows["Ada"].minutes == 70.0
    assert [(a, b) for a, b, *_ in rows["Ada"].intervals] == [
        (clock.to_ms(START), clock.to_ms(minute(40))),
        (clock.to_ms(minute(60)), clock.to_ms(END)),
    ]
    assert (rows["Cyr"].minutes, rows["Cyr"].outcome, rows["Cyr"].sources) == (0.0, Outcome.ABSENT, [])
    totals = roster_totals(scene.lecture.id, by=scene.by)
    assert (totals.people, totals.attended, totals.partial, totals.absent) == (3, 1, 1, 1)


def test_the_curve_counts_nobody_twice_and_nothing_outside(scene: Scene) -> None:
    scene.publish(
        ("ada@x.example", -20, 20), ("ada@x.example", 10, 40), ("ada@x.example", 60, 100), ("ben@x.example", 30, 61)
    )
    curve = presence_curve(scene.lecture.id, by=scene.by)
    assert curve == [1] * 30 + [2] * 10 + [1] * 20 + [2] + [1] * 29  # one number a minute


def test_the_same_evidence_creates_nothing_also_from_another_file(scene: Scene) -> None:
    scene.publish(("ada@x.example", 0, 60), ("ben@x.example", 0, 30))
    before = scene.counts()
    computed = scene.credit("Ada").computed_at  # type: ignore[union-attr]
    again = scene.publish(("BEN@X.example", 0, 30), ("ada@x.example", 0, 60), at=END + timedelta(days=1))
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    assert scene.counts() == before
    assert scene.credit("Ada").computed_at == computed  # type: ignore[union-attr]


def test_a_row_twice_in_a_file_counts_once(scene: Scene) -> None:
    answer = scene.publish(("ada@x.example", 0, 60), ("ada@x.example", 0, 60))
    assert (answer.rows, answer.matched, answer.created, answer.unchanged) == (2, 2, 1, 1)


def test_bad_rows_stop_the_file_unless_skipped(scene: Scene) -> None:
    text = f"email,joined_at,left_at\nada@x.example,{START.isoformat()},{END.isoformat()}\nben@x.example,x,y\n"
    with pytest.raises(Invalid) as caught:
        scene.publish_text(text)
    assert [fault.row for fault in caught.value.faults] == [3]
    assert scene.counts() == (0, 0, 0)
    answer = scene.publish_text(text, skip_bad_rows=True)
    assert (answer.rows, answer.created, [fault.row for fault in answer.rejected]) == (2, 1, [3])


def test_no_overlap_with_the_lecture_is_refused(scene: Scene) -> None:
    with pytest.raises(Refused):
        scene.publish(("ada@x.example", 100, 130))
    assert scene.counts() == (0, 0, 0)


def test_unknown_people_are_told_kept_and_recognised_later(scene: Scene) -> None:
    answer = scene.publish(("new@x.example", 0, 60), ("ada@x.example", 0, 60))
    assert (answer.matched, answer.created) == (1, 1)
    assert [(one["row"], one["email"], one["candidates"]) for one in answer.unmatched] == [(2, "new@x.example", [])]
    assert len(list_unmatched(scene.lecture.id, by=scene.by)) == 1
    person = scene.make.person("New", email="new@x.example")
    scene.make.enrolment(scene.series, person)
    again = scene.publish(("new@x.example", 0, 60), ("ada@x.example", 0, 60))
    assert (again.matched, again.created, again.updated, again.unchanged) == (2, 0, 1, 1)
    assert list_unmatched(scene.lecture.id, by=scene.by) == []
    assert db.session.get_one(Credit, (scene.lecture.id, person.id)).outcome is Outcome.ATTENDED


def test_without_an_address_the_exact_name_among_the_enrolled_matches(scene: Scene) -> None:
    twin = [scene.make.person("Twin", email=f"twin{n}@x.example") for n in (1, 2)]
    for person in twin:
        scene.make.enrolment(scene.series, person)
    scene.make.person("Stranger", email="stranger@x.example")
    stay = f"{START.isoformat()},{END.isoformat()}"
    answer = scene.publish_text(f"name,joined_at,left_at\n  ada ,{stay}\nTwin,{stay}\nStranger,{stay}\n")
    assert (answer.matched, answer.created) == (1, 1)
    assert scene.credit("Ada") is not None
    assert [one["row"] for one in answer.unmatched] == [3, 4]
    assert {one["person"] for one in answer.unmatched[0]["candidates"]} == {person.public_id for person in twin}
    assert answer.unmatched[1]["candidates"] == []
    assert db.session.scalar(select(func.count()).select_from(Credit)) == 1


@pytest.mark.databases(differs=True)
def test_walk_ins_are_enrolled_where_there_is_a_place(make: Any) -> None:
    scene = Scene(make, capacity=4)
    for name in ("Dot", "Eve"):
        scene.people[name] = make.person(name, email=f"{name.lower()}@x.example")
    answer = scene.publish(("dot@x.example", 0, 90), ("eve@x.example", 0, 90))
    assert answer.created == 2
    assert len(answer.notes) == 2
    assert scene.credit("Dot") is not None
    assert scene.credit("Eve") is None
    row = scene.row("Eve")
    assert (row.outcome, row.minutes, row.is_counted) == (Outcome.ABSENT, 90.0, False)
    assert row.explanation == "90 of 90 minutes, not counted: not enrolled, series full"
    assert roster_totals(scene.lecture.id, by=scene.by).people == 5


def test_why_a_person_is_not_counted_is_read_without_the_others_of_the_series(make: Any) -> None:
    scene = Scene(make)
    person = make.person("Dot", email="dot@x.example")
    statements: list[tuple[str, Any]] = []

    def note(_line: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        statements.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert exclusion_reasons(scene.lecture, [person.id]) == {person.id: "not enrolled"}
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    if not is_sqlite():
        return  # which has statistics to choose by
    [(statement, parameters)] = [pair for pair in statements if "JOIN enrolment" in pair[0]]
    plan = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert [line[3].split()[1] for line in plan] == ["person", "enrolment"]


def test_walk_ins_are_ignored_where_the_policy_says_so(make: Any) -> None:
    scene = Scene(make, policy={"walk_ins": WalkIns.IGNORE})
    scene.people["Dot"] = make.person("Dot", email="dot@x.example")
    answer = scene.publish(("dot@x.example", 0, 90))
    assert answer.notes == ["1 attendee is not enrolled and is kept as evidence only."]
    assert scene.credit("Dot") is None
    assert "does not accept walk-ins" in scene.row("Dot").explanation
    make.enrolment(scene.series, scene.people["Dot"])
    scene.publish(("dot@x.example", 0, 90))
    assert scene.credit("Dot") is not None


def test_instructors_in_a_report_are_not_enrolled(scene: Scene) -> None:
    email = scene.make.person  # the teacher has an address of its own
    assert email is not None
    address = "teacher@x.example"
    scene.teacher2 = scene.make.person("Host", email=address, roles=["instructor"])  # type: ignore[attr-defined]
    answer = scene.publish(("person1@example.org", 0, 90))
    assert answer.matched == 1
    assert db.session.scalar(select(func.count()).select_from(Enrolment)) == 3


def test_a_lecture_that_nobody_started_keeps_evidence_and_proposes_times(make: Any) -> None:
    scene = Scene(make)
    change(scene.lecture, state="scheduled", actual_start=None, actual_end=None)
    answer = scene.publish(("ada@x.example", 2, 88), at=END + timedelta(hours=1))
    assert answer.created == 1
    assert "4 November 2026, 09:00 to 4 November 2026, 10:30 (Africa/Nairobi)" in answer.notes[-1]
    assert scene.credit("Ada") is None
    start_lecture(scene.lecture.id, by=scene.by, at=END + timedelta(hours=2), started_at=START)
    end_lecture(scene.lecture.id, by=scene.by, at=END + timedelta(hours=2), ended_at=END)
    jobs.run_due()
    assert scene.credit("Ada").outcome is Outcome.ATTENDED  # type: ignore[union-attr]


def test_a_cancelled_lecture_and_one_to_come_take_no_report(scene: Scene) -> None:
    change(scene.lecture, state="scheduled", actual_start=None, actual_end=None)
    with pytest.raises(Refused):
        scene.publish(("ada@x.example", 0, 60), at=START - timedelta(hours=2))
    change(scene.lecture, state="cancelled")
    with pytest.raises(Refused):
        scene.publish(("ada@x.example", 0, 60))


def change(lecture: Lecture, **values: Any) -> None:
    @action
    def write() -> None:
        db.session.execute(update(Lecture).where(Lecture.id == lecture.id).values(**values))

    write()


def live(scene: Scene) -> None:
    change(scene.lecture, state="live", actual_end=None)


def beats(scene: Scene, name: str, first: float, last: float) -> int:
    join = open_join(scene.lecture.id, scene.people[name].id, by=SYSTEM, at=minute(first))
    join_id, moment, seq = join.id, minute(first), 0
    while moment <= minute(last):
        record_beat(join_id, seq, at=moment)
        moment, seq = moment + timedelta(seconds=30), seq + 1
    return join_id


def test_viewers_are_counted_once_for_all_who_look_within_seconds(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(scene)
    beats(scene, "Ada", 9, 10)
    count, counted = viewers.viewers, []
    monkeypatch.setattr(viewers, "viewers", lambda *given: counted.append(given) or count(*given))

    def look(seconds: float) -> tuple[int, int]:
        return count_viewers(scene.lecture.id, minute(10 + seconds / 60)), len(counted)

    assert look(1) == (1, 1)
    beats(scene, "Ben", 10, 10)
    assert look(5.9) == (1, 1)
    assert look(6) == (2, 2)
    assert look(3) == (2, 3)  # a clock that was put back
    assert look(60) == (0, 4)


def test_beats_become_presence_when_the_lecture_ends(scene: Scene) -> None:
    live(scene)
    first = beats(scene, "Ada", -3, 30)
    beats(scene, "Ada", 20, 40)
    record_beat(first, 5, at=minute(70))
    assert counted_ms(scene.lecture.id, scene.people["Ada"].id, minute(50)) == 40 * 60_000
    assert count_viewers(scene.lecture.id, minute(30.5)) == 1
    assert count_viewers(scene.lecture.id, minute(50)) == 0
    assert scene.counts()[:2] == (0, 0)
    row = roster(scene.lecture.id, by=scene.by, limit=9, at=minute(40))[0]
    assert (row.minutes, row.outcome, row.sources) == (40.0, Outcome.PARTIAL, [Source.LIVE])
    end_lecture(scene.lecture.id, by=scene.by, at=END)
    record_beat(first, 999, at=END + timedelta(seconds=10))
    jobs.run_due()
    credit = scene.credit("Ada")
    assert credit is not None
    assert (credit.present_ms, credit.source) == (40 * 60_000, Source.LIVE)
    assert db.session.scalar(select(func.count()).select_from(Beat)) == 0
    before = scene.counts()
    credit_lecture(scene.lecture.id, by=SYSTEM, at=END)
    assert scene.counts() == before


def test_a_beat_for_another_lecture_or_no_join_is_not_there(scene: Scene) -> None:
    live(scene)
    join_id = beats(scene, "Ada", 0, 0)
    with pytest.raises(NotFound):
        record_beat(join_id, 7, lecture_id=scene.lecture.id + 1, at=minute(1))
    with pytest.raises(NotFound):
        record_beat(join_id + 99, 7, at=minute(1))


def test_reopening_takes_the_credits_back_and_counts_on(scene: Scene) -> None:
    live(scene)
    beats(scene, "Ada", 0, 30)
    end_lecture(scene.lecture.id, by=scene.by, at=minute(31))
    jobs.run_due()
    assert scene.credit("Ada") is not None
    reopen_lecture(scene.lecture.id, by=scene.by, at=minute(32))
    assert scene.credit("Ada") is None
    beats(scene, "Ada", 32, 60)
    assert counted_ms(scene.lecture.id, scene.people["Ada"].id, minute(60)) == 58 * 60_000
    end_lecture(scene.lecture.id, by=scene.by, at=END)
    jobs.run_due()
    assert scene.credit("Ada").present_ms == 58 * 60_000  # type: ignore[union-attr]


def test_undoing_a_start_keeps_what_was_recorded(scene: Scene) -> None:
    live(scene)
    beats(scene, "Ada", 0, 30)
    undo_start(scene.lecture.id, by=scene.by, at=minute(30))
    assert scene.counts()[0] == 0
    start_lecture(scene.lecture.id, started_at=START, by=scene.by, at=minute(31))
    end_lecture(scene.lecture.id, by=scene.by, at=END)
    jobs.run_due()
    first = scene.credit("Ada")
    assert first is not None
    undo_start(scene.lecture.id, by=scene.by, at=END)
    assert scene.credit("Ada") is None
    start_lecture(scene.lecture.id, started_at=START, by=scene.by, at=END)
    end_lecture(scene.lecture.id, ended_at=END, by=scene.by, at=END)
    jobs.run_due()
    again = scene.credit("Ada")
    assert again is not None
    assert (again.present_ms, first.present_ms) == (30 * 60_000, 30 * 60_000)


def correct(scene: Scene, name: str, outcome: Outcome | None, reason: str = "power cut") -> None:
    public_id = scene.people[name].public_id
    corrections.correct(scene.lecture.id, public_id, outcome=outcome, reason=reason, by=scene.by, at=END)


def test_a_correction_wins_until_withdrawn_and_keeps_the_evidence(scene: Scene) -> None:
    scene.publish(("ada@x.example", 0, 30))
    correct(scene, "Ada", Outcome.EXCUSED)
    credit, row = scene.credit("Ada"), scene.row("Ada")
    assert credit is not None
    assert (credit.outcome, credit.present_ms, credit.source) == (Outcome.EXCUSED, 30 * 60_000, Source.LIVE)
    assert row.sources == [Source.IMPORT, Source.MANUAL]
    assert row.explanation == "30 of 90 minutes: excused, corrected (power cut)"
    assert row.correction is not None
    assert (row.correction.by, row.correction.at) == ("Lin Yuhan", END)
    scene.publish(("ada@x.example", 30, 80))
    assert scene.credit("Ada").outcome is Outcome.EXCUSED  # type: ignore[union-attr]
    correct(scene, "Ada", None)
    assert scene.credit("Ada").outcome is Outcome.ATTENDED  # type: ignore[union-attr]


def test_a_correction_without_evidence_adds_no_minutes(scene: Scene) -> None:
    correct(scene, "Cyr", Outcome.ATTENDED)
    credit = scene.credit("Cyr")
    assert credit is not None
    assert (credit.outcome, credit.present_ms, credit.source) == (Outcome.ATTENDED, 0, Source.MANUAL)
    correct(scene, "Cyr", Outcome.ATTENDED, "seen by the host")
    correct(scene, "Cyr", None)
    assert scene.credit("Cyr") is not None, "the correction before it holds again"
    correct(scene, "Cyr", None)
    assert scene.credit("Cyr") is None


@pytest.mark.databases("sqlite")  # which counts its steps
def test_a_correction_reads_only_the_person_of_a_large_lecture(scene: Scene) -> None:

    def steps(reason: str) -> int:
        taken = 0

        def count() -> None:
            nonlocal taken
            taken += 1

        line: Any = db.session.connection().connection.dbapi_connection
        line.set_progress_handler(count, 10)
        correct(scene, "Ada", Outcome.EXCUSED, reason)
        line.set_progress_handler(None, 10)
        return taken

    scene.publish(("ada@x.example", 0, 30))
    correct(scene, "Ada", Outcome.EXCUSED, "first")
    few = steps("of three")
    for number in range(100):
        scene.make.enrolment(scene.series, scene.make.person(f"Guest {number}", email=f"guest{number}@x.example"))
    scene.publish(*((f"guest{number}@x.example", 0, 90) for number in range(100)))
    many = steps("of a hundred and three")
    assert many < few * 1.5  # one row more of a guest each would be ten times as many


def test_corrections_are_refused_without_reason_right_or_end(scene: Scene) -> None:
    with pytest.raises(Invalid) as caught:
        correct(scene, "Ada", Outcome.ATTENDED, "  ")
    assert caught.value.faults[0].field == "reason"
    stranger = scene.make.person("Stranger")
    with pytest.raises(NotFound):
        corrections.correct(
            scene.lecture.id, stranger.public_id, outcome=Outcome.ATTENDED, reason="x", by=scene.by, at=END
        )
    other = scene.make.actor(roles=["instructor"])
    with pytest.raises(Forbidden):
        corrections.correct(
            scene.lecture.id, scene.people["Ada"].public_id, outcome=Outcome.ATTENDED, reason="x", by=other, at=END
        )
    live(scene)
    with pytest.raises(Refused):
        correct(scene, "Ada", Outcome.ATTENDED)


def test_merged_people_have_one_credit_and_undoing_restores_two(scene: Scene) -> None:
    scene.publish(("ada@x.example", 0, 40), ("ben@x.example", 30, 60))
    admin = scene.make.administrator()
    ada, ben = scene.people["Ada"].public_id, scene.people["Ben"].public_id
    merge_people(ada, ben, reason="The same person", by=admin, at=END)
    assert scene.credit("Ada").present_ms == 60 * 60_000  # type: ignore[union-attr]
    assert scene.credit("Ben") is None
    again = scene.publish(("ada@x.example", 0, 40), ("ben@x.example", 30, 60))
    assert (again.created, again.unchanged) == (0, 2)
    assert [row.full_name for row in roster(scene.lecture.id, by=scene.by, limit=9)] == ["Ada", "Cyr"]
    undo_merge(ben, by=admin, at=END)
    assert scene.credit("Ada").present_ms == 40 * 60_000  # type: ignore[union-attr]
    assert scene.credit("Ben").present_ms == 30 * 60_000  # type: ignore[union-attr]


def test_sector_and_gender_are_frozen_with_the_first_credit(scene: Scene) -> None:
    person = scene.make.person("Fay", email="fay@x.example", sector="business", gender="female")
    scene.make.enrolment(scene.series, person)
    scene.publish(("fay@x.example", 0, 30))

    @action
    def move() -> None:
        db.session.execute(update(Person).where(Person.id == person.id).values(sector="government"))

    move()
    scene.publish(("fay@x.example", 30, 80))
    credit = db.session.get_one(Credit, (scene.lecture.id, person.id))
    assert (credit.sector, credit.gender, credit.outcome) == ("business", "female", Outcome.ATTENDED)


def test_a_walk_in_who_withdraws_keeps_the_credit_at_a_recount(make: Any) -> None:
    scene = Scene(make)
    scene.people["Dot"] = make.person("Dot", email="dot@x.example")
    scene.publish(("dot@x.example", 0, 90))

    @action
    def leave() -> None:
        values = {"status": EnrolmentStatus.WITHDRAWN, "withdrawn_at": END + timedelta(days=2)}
        db.session.execute(update(Enrolment).where(Enrolment.person_id == scene.people["Dot"].id).values(**values))

    leave()
    credit_lecture(scene.lecture.id, by=SYSTEM, at=END + timedelta(days=3))
    assert scene.credit("Dot") is not None


def test_own_attendance_tells_what_was_missed_too(scene: Scene) -> None:
    scene.publish(("ada@x.example", 0, 62))
    ada = scene.make.actor(scene.people["Ada"])
    cyr = scene.make.actor(scene.people["Cyr"])
    own = attendance_of_person(scene.people["Ada"].id, by=ada)
    assert [(one.title, one.explanation) for one in own] == [(scene.lecture.title, "62 of 90 minutes: attended")]
    assert own[0].outcome is Outcome.ATTENDED
    assert own[0].united == [(0.0, 62.0)]
    assert own[0].needed_ms == 54 * 60_000
    assert [one.outcome for one in attendance_of_person(scene.people["Cyr"].id, by=cyr)] == [Outcome.ABSENT]
    with pytest.raises(NotFound):
        attendance_of_person(scene.people["Cyr"].id, by=ada)


def test_the_roster_is_paged_searched_and_kept_from_others(scene: Scene) -> None:
    first = roster(scene.lecture.id, by=scene.by, limit=2)
    assert [row.full_name for row in first] == ["Ada", "Ben", "Cyr"]
    rest = roster(scene.lecture.id, by=scene.by, limit=2, cursor=cursor_of(first[1]))
    assert [row.full_name for row in rest] == ["Cyr"]
    assert [
        row.full_name for row in roster(scene.lecture.id, by=scene.by, limit=9, filters=RosterFilter(q="BEN@X"))
    ] == ["Ben"]
    for name, native in (("ben Ali", None), ("Adamu", "ДАНИИЛ"), ("Ben", None)):
        scene.make.enrolment(scene.series, scene.make.person(name, native_name=native))
    ordered, cursor = [], None
    for _page in range(6):
        rows = roster(scene.lecture.id, by=scene.by, limit=1, cursor=cursor)
        ordered.append(rows[0].full_name)
        cursor = cursor_of(rows[0])
    assert ordered == ["Ada", "Adamu", "Ben", "Ben", "ben Ali", "Cyr"]
    assert [
        row.full_name for row in roster(scene.lecture.id, by=scene.by, limit=9, filters=RosterFilter(q="даниил"))
    ] == ["Adamu"]
    with pytest.raises(Invalid):
        roster(scene.lecture.id, by=scene.by, limit=2, cursor="nonsense")
    with pytest.raises(Forbidden):
        roster(scene.lecture.id, by=scene.make.actor(scene.people["Ada"]), limit=2)
    assert len(roster(scene.lecture.id, by=scene.make.actor(roles=["reporter"]), limit=9)) == 6


@pytest.mark.databases
def test_the_roster_is_in_the_order_of_names_whatever_their_letters(make: Any, context: None) -> None:
    scene = Scene(make)
    for name in ("Émile", "Emily", "ömer", "Omari", "Élodie", "Zoë", "BEN", "Ægir"):
        make.enrolment(scene.series, make.person(name))
    ordered, cursor = [], None
    while len(ordered) < 11:
        rows = roster(scene.lecture.id, by=scene.by, limit=1, cursor=cursor)
        ordered.append(rows[0].full_name)
        cursor = cursor_of(rows[0])
    assert ordered == ["Ada", "Ægir", "Ben", "BEN", "Cyr", "Élodie", "Émile", "Emily", "Omari", "ömer", "Zoë"]
    assert len(rows) == 1


def test_erasing_takes_names_and_reasons_and_leaves_the_totals(scene: Scene) -> None:
    scene.publish(("ada@x.example", 0, 60), ("new@x.example", 0, 60))
    correct(scene, "Ada", Outcome.EXCUSED, "Ada was ill")
    person = scene.people["Ada"]
    exported = export_of_person(person.id)
    assert (len(exported["presence"]), exported["corrections"][0]["reason"]) == (1, "Ada was ill")
    before = roster_totals(scene.lecture.id, by=scene.by)
    erase_evidence(person.id, by=SYSTEM, at=END)
    assert export_of_person(person.id)["corrections"][0]["reason"] == ""
    assert roster_totals(scene.lecture.id, by=scene.by) == before


def test_a_kept_file_is_published_once_or_left(scene: Scene) -> None:
    content = f"email,joined_at,left_at\nada@x.example,{START.isoformat()},{END.isoformat()}\n".encode()
    kept = [keep_file(scene.lecture.id, content, file_name="a.csv", options={}, by=scene.by, at=END) for _n in range(2)]
    answer = publish_kept(kept[0], skip_bad_rows=False, by=scene.by, at=END)
    assert answer.created == 1
    drop_kept(kept[1], by=scene.by, at=END)
    for public_id in kept:
        with pytest.raises(NotFound):
            kept_row(public_id, by=scene.by)
    assert scene.counts() == (1, 1, 1)


def test_the_queries_of_a_page_do_not_grow_with_its_rows(scene: Scene) -> None:
    ada = scene.make.actor(scene.people["Ada"])
    scene.publish(("ada@x.example", 0, 62))

    ada_id, lecture_id = scene.people["Ada"].id, scene.lecture.id

    def own() -> int:
        return count_statements(lambda: attendance_of_person(ada_id, by=ada))

    def page() -> int:
        return count_statements(lambda: roster(lecture_id, by=scene.by, limit=50))

    before = own(), page()
    policy = get_rostered_lecture(lecture_id, by=scene.by).policy_id
    for _n in range(5):
        scene.make.lecture(
            scene.series, state="held", actual_start=START, actual_end=END, starts_at=START, policy_id=policy
        )
    for n in range(5):
        person = scene.make.person(email=f"more{n}@x.example")
        scene.make.enrolment(scene.series, person)
        scene.publish((f"more{n}@x.example", 0, 62))
    assert (own(), page()) == before
