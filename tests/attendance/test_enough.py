"""Who had enough minutes within the planned length of a lecture has attended it, however long it goes on (ADR 128)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from lms.attendance.actions.corrections import correct
from lms.attendance.actions.replays import credit_due_replays, record_played
from lms.attendance.actions.room import open_join, record_beat
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.outcomes import ComputedOutcome, compute_outcome
from lms.attendance.presence import PresenceInterval, Span, span_of
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.roster import get_roster_page, get_row
from lms.attendance.queries.times import preview_times
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.actions.states import correct_times, end_lecture, hold_lecture, reopen_lecture, start_lecture
from lms.catalogue.models import CertificateKind, Lecture
from lms.certificates.queries.progress import standings_of
from lms.core.background import jobs
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.live.queries import get_room, list_reaches
from lms.people.models import Person
from lms.reports.recounted_outcomes import outcome_differences
from tests.factories import Make

BEGAN = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
LIVE, GROUP, REPLAY = Source.LIVE, Source.GROUP, Source.REPLAY


def minute(n: float) -> datetime:
    return BEGAN + timedelta(minutes=n)


# What is decided, on milliseconds


def computed(*seen: tuple[int, int, Source], length: int = 68, plan: int = 10, **more: Any) -> ComputedOutcome:
    """Of a lecture that was planned for 10, took 68, and asks for 60 %."""
    span = Span(0, length + sum(b - a for a, b in more.get("pauses", ())), length, more.pop("pauses", ()), plan)
    return compute_outcome([PresenceInterval(*one) for one in seen], span=span, min_percent=60, **more)


def test_enough_of_the_planned_length_is_kept() -> None:
    found = computed((0, 15, LIVE))
    assert (found.outcome, found.present_ms, found.needed_ms, found.is_kept) == (Outcome.ATTENDED, 15, 6, True)
    assert computed((0, 5, LIVE), (8, 9, LIVE)).outcome is Outcome.ATTENDED
    assert computed((0, 5, LIVE), (9, 10, GROUP)).source is GROUP


@pytest.mark.parametrize("seen", [(0, 5, LIVE), (5, 45, LIVE), (10, 50, LIVE)])
def test_without_that_the_actual_length_decides(seen: tuple[int, int, Source]) -> None:
    found = computed(seen)
    assert (found.outcome, found.needed_ms, found.is_kept) == (Outcome.PARTIAL, 41, False)
    assert computed((10, 51, LIVE)).outcome is Outcome.ATTENDED


def test_a_lecture_that_ended_before_the_rule_or_early_is_measured_by_its_actual_length() -> None:
    assert computed((0, 15, LIVE), plan=0).outcome is Outcome.PARTIAL
    short = computed((0, 5, LIVE), length=8)
    assert (short.outcome, short.needed_ms, short.is_kept) == (Outcome.ATTENDED, 5, False)


def test_pauses_are_no_part_of_the_planned_length() -> None:
    """Planned for 10 and paused from 4 to 24, the planned length has passed at 30."""
    pauses = ((4, 24),)
    assert computed((24, 30, LIVE), pauses=pauses).outcome is Outcome.ATTENDED
    assert computed((4, 29, LIVE), pauses=pauses).outcome is Outcome.PARTIAL


def test_replay_counts_by_the_actual_length_only() -> None:
    assert computed((0, 10, REPLAY)).outcome is Outcome.ABSENT, "a glance"
    assert computed((0, 5, LIVE), (5, 10, REPLAY)).outcome is Outcome.PARTIAL
    found = computed((0, 6, LIVE), (0, 68, REPLAY))
    assert (found.source, found.present_ms) == (LIVE, 6)


def test_a_correction_decides_as_ever() -> None:
    found = computed((0, 15, LIVE), by_hand=Outcome.PARTIAL)
    assert (found.outcome, found.needed_ms, found.is_kept) == (Outcome.PARTIAL, 41, False)


def test_a_sum_counts_within_the_planned_length_as_far_as_that_is_certain() -> None:
    span = Span(0, 68, 68, (), 10)

    def outcome(in_plan: tuple[int, int] | None) -> Outcome:
        piece = PresenceInterval(0, 15, Source.IMPORT, "zoom", 15, in_plan)
        return compute_outcome([piece], span=span, min_percent=60).outcome

    assert [outcome(one) for one in (None, (0, 5), (0, 6))] == [Outcome.PARTIAL, Outcome.PARTIAL, Outcome.ATTENDED]


# What is said and written


class Overrun:
    """A lecture planned for 10 minutes with Ada and Ben, which begins as planned, or at another minute."""

    def __init__(self, make: Make, began: float = 0, **policy: Any) -> None:
        self.make = make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.by = make.actor(self.teacher)
        self.series = make.series(instructors=[self.teacher], policy=policy)
        self.ada, self.ben = (make.person(name, f"{name.lower()}@x.example") for name in ("Ada", "Ben"))
        for person in (self.ada, self.ben):
            make.enrolment(self.series, person, at=minute(-600))
        self.id = make.lecture(self.series, starts_at=BEGAN, duration_minutes=10).id
        make._within(lambda: start_lecture(self.id, by=SYSTEM, at=minute(began)))

    def watch(self, person: Person, first: float, last: float, beat_seconds: int = 30) -> None:
        join = open_join(self.id, person.id, by=SYSTEM, at=minute(first), beat_seconds=beat_seconds).id
        count = int((last - first) * 60 / beat_seconds)
        for number in range(1, count + 1):
            record_beat(join, number, at=minute(first + number * beat_seconds / 60))

    def end(self, at: float) -> None:
        end_lecture(self.id, by=SYSTEM, at=minute(at))
        jobs.run_due()
        db.session.rollback()

    def room(self, at: float, person: Person | None = None) -> Any:
        return get_room(self.id, by=self.make.actor(person or self.ada), at=minute(at))

    def outcome(self, person: Person | None = None) -> Outcome | None:
        person = person or self.ada
        return db.session.scalar(
            select(Credit.outcome).where(Credit.lecture_id == self.id, Credit.person_id == person.id)
        )

    def explanation(self, person: Person | None = None) -> str:
        person = person or self.ada
        own = attendance_of_person(person.id, by=self.make.actor(person), lecture_id=self.id)[0]
        row = get_row(self.id, person.public_id, by=self.by)
        assert row.explanation == own.explanation
        return own.explanation


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("context")
def test_who_was_told_that_the_minutes_are_enough_has_attended(make: Make) -> None:
    """Told so at minutes 6 and 15 of a lecture planned for 10, Ada left. It ended at minute 68; Ben came at 8."""
    there = Overrun(make)
    there.watch(there.ada, 0, 15)
    there.watch(there.ben, 8, 68)
    said = [there.room(at) for at in (5, 6, 9.5, 12, 15)]
    assert [room.is_attended for room in said] == [False, True, True, True, True]
    assert [room.needed_ms // 60_000 for room in said] == [6] * 5, "what is needed never rises"
    there.end(68)
    assert (there.outcome(), there.outcome(there.ben)) == (Outcome.ATTENDED, Outcome.ATTENDED)
    assert outcome_differences() == []
    assert there.explanation() == "15 of 68 minutes, enough within the planned 10 minutes: attended"
    assert there.explanation(there.ben) == "60 of 68 minutes: attended"
    assert there.room(70).closing_words == (
        "Thank you for taking part. Your attendance: 15 of 68 minutes, enough within the planned 10 minutes: attended"
    )
    page = get_roster_page(there.id, request=ListRequest(sort="short"), by=there.by, at=minute(70))
    assert (page.totals.attended, page.totals.partial) == (2, 0)
    assert (page.needed_ms, page.needed_of_plan_ms) == (2_448_000, 360_000)
    assert [(row.short_by, row.needed_ms) for row in page.rows] == [("", 360_000), ("", 2_448_000)]


@pytest.mark.usefixtures("context")
def test_who_comes_too_late_for_that_is_told_to_stay_until_the_end(make: Make) -> None:
    there = Overrun(make)
    there.watch(there.ben, 8, 40)
    by = make.actor(there.ben)
    lectures = [(db.session.get_one(Lecture, there.id), 60)]

    def kind(at: float) -> str:
        reach = there.room(at, there.ben).reach
        assert reach == list_reaches(lectures, by=by, at=minute(at)).get(there.id)
        return reach.kind if reach is not None else ""

    assert [kind(at) for at in (9, 12, 21, 39)] == ["overrun", "overrun", "end", "end"]
    assert not there.room(39, there.ben).is_attended
    there.end(68)
    assert there.outcome(there.ben) is Outcome.PARTIAL
    assert there.explanation(there.ben) == "32 of 68 minutes: partial"


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("began", [-30, 0, 25])
def test_the_planned_length_is_counted_from_the_actual_start(make: Make, began: float) -> None:
    there = Overrun(make, began)
    there.watch(there.ada, began + 3, began + 10)
    there.watch(there.ben, began + 5, began + 30)
    there.end(began + 68)
    assert (there.outcome(), there.outcome(there.ben)) == (Outcome.ATTENDED, Outcome.PARTIAL)


@pytest.mark.usefixtures("context")
def test_a_beat_in_low_data_counts_within_the_planned_length_as_far_as_it_reaches_into_it(make: Make) -> None:
    """A beat at minute 10.5 says from 9 on: half of that is within the planned 10."""
    there = Overrun(make)
    there.watch(there.ada, 3.5, 12.5, beat_seconds=60)
    there.watch(there.ben, 4.5, 12.5, beat_seconds=60)
    there.end(68)
    assert (there.outcome(), there.outcome(there.ben)) == (Outcome.ATTENDED, Outcome.PARTIAL)


@pytest.mark.usefixtures("context")
def test_a_pause_moves_the_end_of_the_planned_length(make: Make) -> None:
    there = Overrun(make)
    there.watch(there.ada, 0, 4)
    pause_lecture(there.id, by=SYSTEM, at=minute(4))
    resume_lecture(there.id, by=SYSTEM, at=minute(24))
    there.watch(there.ada, 24, 26)
    there.watch(there.ben, 25, 31)
    assert there.room(26).is_attended
    there.end(70)
    assert (there.outcome(), there.outcome(there.ben)) == (Outcome.ATTENDED, Outcome.PARTIAL)


@pytest.mark.usefixtures("context")
def test_what_was_reached_before_a_mistaken_end_is_kept(make: Make) -> None:
    there = Overrun(make)
    there.watch(there.ada, 0, 7)
    there.end(8)
    assert there.explanation() == "7 of 8 minutes: attended"
    reopen_lecture(there.id, by=SYSTEM, at=minute(9))
    jobs.run_due()
    assert there.room(9).is_attended
    there.end(68)
    assert there.outcome() is Outcome.ATTENDED


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_lectures_that_ended_before_the_rule_keep_their_outcomes(make: Make) -> None:
    """An update changes no credit; neither does what recomputes one, nor another end. Reopened and ended, it holds."""
    there = Overrun(make)
    there.watch(there.ada, 0, 15)
    there.end(68)
    make.change(db.session.get_one(Lecture, there.id), keeps_enough=False)
    correct(there.id, there.ada.public_id, outcome=Outcome.EXCUSED, reason="x", by=SYSTEM, at=minute(70))
    correct(there.id, there.ada.public_id, outcome=None, by=SYSTEM, at=minute(71))
    assert there.outcome() is Outcome.PARTIAL
    assert there.explanation() == "15 of 68 minutes: partial"
    correct_times(there.id, started_at=BEGAN, ended_at=minute(60), by=SYSTEM, at=minute(72))
    jobs.run_due()
    assert there.outcome() is Outcome.PARTIAL
    reopen_lecture(there.id, by=SYSTEM, at=minute(73))
    there.end(74)
    assert there.outcome() is Outcome.ATTENDED


@pytest.mark.usefixtures("context")
def test_another_actual_start_moves_the_planned_length_and_the_preview_says_who_loses(make: Make) -> None:
    there = Overrun(make)
    there.watch(there.ada, 0, 6.5)
    there.end(68)
    preview = preview_times(there.id, minute(2), minute(68), by=there.by, at=minute(70))
    assert preview.difference.lost == [there.ada.id]
    correct_times(there.id, started_at=minute(2), ended_at=minute(68), by=SYSTEM, at=minute(70))
    jobs.run_due()
    assert there.outcome() is Outcome.PARTIAL


@pytest.mark.usefixtures("context")
def test_a_lecture_entered_afterwards_and_a_report_of_sums(make: Make) -> None:
    """A sum counts for the planned length as far as it is certain: who left at minute 9 was there within it, and of who
    left at the end, or at a time that nobody knows, that is not known."""
    people = {name: make.person(name, f"{name.lower()}@x.example") for name in ("Ada", "Ben", "Cyr")}
    series = make.series()
    for person in people.values():
        make.enrolment(series, person, at=minute(-600))
    lecture = make.lecture(series, starts_at=BEGAN, duration_minutes=10)
    hold_lecture(lecture.id, started_at=BEGAN, ended_at=minute(68), by=SYSTEM, at=minute(70))
    rows = [("ada", minute(0), minute(9), 8), ("ben", minute(0), minute(68), 8)]
    text = "".join(f"{name}@x.example,{a.isoformat()},{b.isoformat()},{n}\n" for name, a, b, n in rows)
    for content in (f"email,joined_at,left_at,minutes\n{text}", "email,minutes\ncyr@x.example,8\n"):
        staged = stage_attendance(lecture.id, content.encode(), file_name="report.csv", by=SYSTEM)
        publish_attendance(staged, by=SYSTEM, at=minute(70))
        jobs.run_due()
    rows_of = {name: get_row(lecture.id, person.public_id, by=SYSTEM) for name, person in people.items()}
    assert [row.outcome for row in rows_of.values()] == [Outcome.ATTENDED, Outcome.PARTIAL, Outcome.PARTIAL]


@pytest.mark.usefixtures("context")
def test_the_replay_asks_for_the_actual_length(make: Make) -> None:
    there = Overrun(make, replay_days=28)
    there.watch(there.ada, 0, 6)
    there.end(68)
    ranges = [(clock.to_ms(minute(0)), clock.to_ms(minute(41)))]
    for person in (there.ada, there.ben):
        record_played(there.id, person.id, ranges, began_ms=clock.to_ms(minute(70)), at=minute(120))
    credit_due_replays(at=minute(180))
    query = select(Credit.person_id, Credit.source).where(Credit.lecture_id == there.id)
    credits = dict(db.session.execute(query).all())
    assert credits == {there.ada.id: LIVE, there.ben.id: REPLAY}


@pytest.mark.usefixtures("context")
def test_the_certificate_counts_on_it_while_the_lecture_goes_on(make: Make) -> None:
    there = Overrun(make, certificate=CertificateKind.PARTICIPATION, min_lectures=1)
    there.watch(there.ada, 0, 7)
    there.watch(there.ben, 0, 5)
    standings = standings_of(there.series.id, [there.ada.id, there.ben.id], at=minute(40))
    assert {id_: one.can_be_earned for id_, one in standings.items()} == {there.ada.id: True, there.ben.id: False}


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_the_second_count_decides_again_what_is_enough(make: Make) -> None:
    """It names the lecture where a credit was written by another rule, either way."""
    there = Overrun(make)
    pause_lecture(there.id, by=SYSTEM, at=minute(4))
    resume_lecture(there.id, by=SYSTEM, at=minute(24))
    there.watch(there.ada, 3, 30)
    there.watch(there.ben, 26, 40)
    there.end(88)
    assert (there.outcome(), there.outcome(there.ben)) == (Outcome.ATTENDED, Outcome.PARTIAL)
    assert outcome_differences() == []
    lecture = db.session.get_one(Lecture, there.id)
    said = [f"lecture {there.id}: outcomes that are not what the minutes give: 1"]
    make.change(lecture, keeps_enough=False)
    assert outcome_differences() == said
    make.change(lecture, keeps_enough=True)
    db.session.execute(update(Credit).where(Credit.person_id == there.ben.id).values(outcome=Outcome.ATTENDED))
    assert outcome_differences() == said


def said_on(client: FlaskClient, paths: Iterable[str]) -> list[str]:
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", client.get(path).text)).split()) for path in paths]


def test_every_page_says_the_same_while_a_lecture_runs_over(
    make: Make, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = minute(40)
    monkeypatch.setattr(clock, "now", lambda: now)
    there = Overrun(make)
    with make.app.app_context():
        there.watch(there.ada, 0, 15)
        there.watch(there.ben, 8, 40)
    paths = ["/me", f"/lectures/{there.id}", f"/series/{there.series.slug}", f"/lectures/{there.id}/room"]
    make.sign_in(client, there.ada, at=now)
    own = said_on(client, paths)
    assert all("You need 6 of the 10 planned minutes." in page for page in own)
    assert "15 of 40 minutes" in own[3]
    state = client.get(f"{paths[3]}/state").get_json()
    assert (state["attended"], state["needed_minutes"], state["reach"]) == (True, 6, "")
    assert state["needed_words"] == "You need 6 of the 10 planned minutes."
    other = make.app.test_client()
    make.sign_in(other, there.ben, at=now)
    stay = "You have enough minutes so far. This lecture runs longer than planned: stay until it ends"
    assert all(stay in page and "10 planned minutes" not in page for page in said_on(other, paths))
    state = other.get(f"{paths[3]}/state").get_json()
    assert (state["attended"], state["needed_minutes"], state["reach"]) == (False, 24, "end")
    with make.app.app_context():
        there.end(68)
    teacher = make.app.test_client()
    make.sign_in(teacher, there.teacher, at=now)
    roster = said_on(teacher, [f"/lectures/{there.id}/roster"])[0]
    assert "41 needed of 68 minutes (or 6 within the planned 10 minutes)" in roster
    items = teacher.get(f"/api/v1/lectures/{there.id}/attendance", headers=make.headers(there.teacher)).get_json()[
        "items"
    ]
    assert {row["explanation"] for row in items} == {
        "15 of 68 minutes, enough within the planned 10 minutes: attended",
        "32 of 68 minutes: partial",
    }


def test_the_span_knows_when_the_planned_length_had_passed() -> None:
    assert Span(100, 300, 150, ((120, 170),), 40).plan_end == 190
    assert Span(100, 300, 150, ((120, 170),), 20).plan_end == 120
    assert Span(100, 300, 200, (), 0).plan_end == 100


@pytest.mark.usefixtures("context")
def test_a_lecture_to_come_is_measured_by_its_plan(make: Make) -> None:
    span = span_of(make.lecture(duration_minutes=10))
    assert (span.length_ms, span.plan_ms, span.runs_over) == (600_000, 600_000, False)
