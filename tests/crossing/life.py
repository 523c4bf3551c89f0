"""A lecture and its series that go through a random history, each step through the actions, beside the model of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from sqlalchemy import select

from lms.attendance.actions.closing import close_attendance, reopen_attendance
from lms.attendance.actions.corrections import correct
from lms.attendance.actions.reminders import post_due_reminders
from lms.attendance.actions.replays import credit_due_replays
from lms.attendance.actions.room import record_beat
from lms.attendance.models.credits import Outcome
from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.actions.states import (
    correct_times,
    end_lecture,
    hold_lecture,
    publish_lecture,
    reopen_lecture,
    start_lecture,
)
from lms.catalogue.models import CertificateKind
from lms.certificates.actions.requirements import compare_requirements
from lms.core.background import jobs
from lms.core.base.errors import DomainError
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.file_store import FileStore, StorageAway
from lms.core.time import clock
from lms.enrolment.actions.places import enrol
from lms.enrolment.invitations import invite_due
from lms.live.actions import begin_replay, join_lecture, report_played
from lms.mail.outbox import OutboxMail
from lms.people.models import new_public_id
from lms.recordings.actions import remove, trim
from lms.streaming import stream_packager
from lms.streaming.actions import (
    add_source_file,
    begin_epoch,
    begin_streaming,
    close_epoch,
    go_live,
    note_complete,
    note_packaged,
    note_segments,
)
from lms.streaming.encoder import AUDIO
from lms.streaming.media_probe import MediaInfo
from lms.streaming.models import StreamState, Track
from lms.streaming.queries import find_source_file, find_stream, next_session_to_package
from lms.streaming.rules import clock_time, source_key
from tests.attendance.history import History, Step
from tests.crossing.model import MINUTE, Course, Model
from tests.factories import Make

STORE = files.current_store
T0 = datetime(2026, 11, 4, 6, 0, tzinfo=UTC)
TICK = timedelta(seconds=15)
ADA, BEN, CYR, DIA = range(4)
LENGTH = 30 * MINUTE
PAUSES = (0, 3 * MINUTE, 12 * MINUTE, 30 * MINUTE, 24 * 60 * MINUTE, 8 * 24 * 60 * MINUTE)
"""How long it takes until a step: the two longest are for lectures that are over."""
MAIN, EARLIER, LATER, DRAFT = range(4)
LIVE = {"attend": 4, "pause": 2, "resume": 2, "cut": 1, "take_over": 1, "enrol": 1, "prepare": 1, "publish_lecture": 1}
AFTERWARDS = {
    "watch": 6, "report": 3, "upload": 2, "trim": 2, "wait": 2, "correct": 1, "withdraw_correction": 1, "close": 1,
    "reopen_attendance": 1, "correct_times": 1, "reopen": 1, "end": 1, "remove": 1, "attend": 1, "enrol": 1,
    "publish_lecture": 1, "hold_later": 1, "lose_storage": 1, "regain_storage": 2,
}  # fmt: skip
START, END = Step("start", 0, 0, MAIN, 0, pause=2), Step("end", 0, 0, MAIN, 0, pause=2)


def _some(weights: dict[str, int], at_most: int) -> st.SearchStrategy[list[Step]]:
    names = st.sampled_from([name for name, weight in weights.items() for _time in range(weight)])
    few = st.integers(0, 3)
    one = st.builds(Step, names, st.integers(1, 15), few, st.just(MAIN), few, st.sampled_from([0, 1, 1, 2, 3, 4, 5]))
    return st.lists(one, max_size=at_most)


def histories(at_most: int) -> st.SearchStrategy[list[Step]]:
    """A lecture that starts and ends, with what happens before and after it. In `person` of a step are all whom it
    concerns, one bit each."""
    halves = _some(LIVE, at_most // 2), _some(AFTERWARDS, at_most)
    return st.builds(lambda live, after: [START, *live, END, *after], *halves)


courses = st.builds(
    Course,
    percent=st.sampled_from([20, 60, 90]),
    replay_days=st.sampled_from([0, 7, 28, 28]),
    share=st.sampled_from([60, 75]),
    number=st.sampled_from([None, 2, 3]),
    outside=st.booleans(),
)


def people_of(step: Step) -> list[int]:
    return [person for person in range(4) if step.person >> person & 1]


class FileReader:
    """In place of ffmpeg: segments of a minute, of an uploaded file that is as long as its content says."""

    is_running, is_successful = False, True

    def __init__(self, _program: Path, folder: Path, renditions: list[str], *, source: Any, skip_ms: int, **_more: Any):
        self.renditions, self._folder = renditions, folder
        self._count = int(source.path.read_text()) - skip_ms // 60_000

    def segments(self, _rendition: str) -> list[int]:
        return [60_000] * self._count

    def initial_path(self, rendition: str) -> Path:
        return self.segment_path(rendition, 0)

    def segment_path(self, rendition: str, _number: int) -> Path:
        path = self._folder / rendition
        path.write_bytes(b"media")
        return path

    def finish(self) -> bool:
        return True

    def log_tail(self) -> str:
        return ""


class Life(History):
    """Ada and Ben are enrolled, Cyr was enrolled by others and has not accepted, Dia is a stranger. Of the series one
    lecture was held before, one is planned in twenty days; a draft may be added that is planned a week after it."""

    NAMES = ("Ada", "Ben", "Cyr", "Dia")

    def __init__(self, make: Make, course: Course, folder: Path, clock_of: pytest.MonkeyPatch) -> None:
        self.make, self.course, self.folder, self.now = make, course, folder, T0 - 20 * timedelta(minutes=1)
        clock_of.setattr(clock, "now", lambda: self.now)
        clock_of.setattr(stream_packager, "Encoder", FileReader)
        clock_of.setattr(files, "current_store", self.current_store)
        self.teachers = [make.person(name, f"{name}@x.example", roles=["instructor"]) for name in ("Lin", "Abebe")]
        self.lecturers = [make.actor(person) for person in self.teachers]
        policy = {
            "min_percent": course.percent, "replay_days": course.replay_days, "min_lectures": course.number,
            "min_lectures_percent": course.share, "certificate": CertificateKind.PARTICIPATION, "walk_ins": "ignore",
        }  # fmt: skip
        self.series = make.series(policy=policy, instructors=self.teachers)
        self.series_id, self.slug = self.series.id, self.series.slug
        self.persons = [make.person(name, f"{name.lower()}@x.example") for name in self.NAMES]
        self.people = [
            (one.id, one.public_id, f"{name.lower()}@x.example")
            for one, name in zip(self.persons, self.NAMES, strict=True)
        ]
        self.number_of = {person_id: number for number, (person_id, *_rest) in enumerate(self.people)}
        for number in (ADA, BEN, CYR):
            shared = {"profile_shared_at": None} if number == CYR else {}
            make.enrolment(self.series, self.persons[number], at=T0 - timedelta(days=60), **shared)
        self.actors = [make.actor(person) for person in self.persons]
        length = {"duration_minutes": LENGTH // MINUTE}
        link = {"join_url": "https://meet.example.org/1"} if course.outside else {}
        before = T0 - timedelta(days=30)
        planned = [
            make.lecture(self.series, starts_at=T0, **length, **link),
            make.lecture(
                self.series, state="held", starts_at=before, actual_start=before,
                actual_end=before + LENGTH * TICK, **length,
            ),
            make.lecture(self.series, starts_at=T0 + timedelta(days=20), **length),
        ]  # fmt: skip
        self.lectures = [one.id for one in planned]
        self.main = self.lectures[MAIN]
        self.posted, self.draft_at = 0, self.tick(T0 + timedelta(days=27))
        self.is_storage_there = True
        self.cuts: list[tuple[int, int]] = []
        self.replaced: dict[int, list[str]] = {}
        """The corrections of each person that hold again when those after them are taken back."""
        self.model = Model(
            course,
            planned=(self.tick(T0), self.tick(T0) + LENGTH),
            since={ADA: -1, BEN: -1, CYR: -1},
            silent={CYR},
            coming={"later": self.tick(T0 + timedelta(days=20))},
            earlier={ADA},
        )
        self._step_to(self.now)
        with make.app.app_context():
            self._let_attend(EARLIER, [ADA])
            compare_requirements(at=self.now)
            db.session.rollback()

    @property
    def now_by(self) -> dict[str, Any]:
        """Who acts, and when."""
        return {"by": self.lecturers[0], "at": self.now}

    # Time

    def tick(self, moment: datetime) -> int:
        return (moment - T0) // TICK

    def moment(self, tick: int) -> datetime:
        return T0 + tick * TICK

    def ms(self, tick: int) -> int:
        return clock.to_ms(self.moment(tick))

    def _step_to(self, moment: datetime) -> None:
        self.now, self.model.now = moment, self.tick(moment)

    def live_one(self, step: Step) -> Step:
        """The same, with time enough between: a lecture that is live does not go on for days."""
        is_long = step.pause >= 4
        return step._replace(pause=2) if is_long and self.model.state == "live" else step

    def current_store(self) -> FileStore:
        """The files, while storage is there."""
        if not self.is_storage_there:
            raise StorageAway("object storage is away")
        return STORE()

    def attempt(self, step: Step) -> bool:
        """Whether a step happens: not one that is refused, or that needs storage while it is away."""
        try:
            return super().attempt(step)
        except StorageAway:
            db.session.rollback()
            return False

    def happen(self, step: Step) -> None:
        """Time passes with what is due by then; then one step happens, or is refused, with what follows from it."""
        passed = PAUSES[self.live_one(step).pause] * TICK
        if passed:
            self._step_to(self.now + passed)
            self.follow()
        with self.make.app.app_context():
            self.attempt(step)
        self.follow()

    def follow(self) -> None:
        """The work of the worker and of the packager, and what is e-mailed by it."""
        with self.make.app.app_context():
            self.package()
            jobs.run_due()
            credit_due_replays(at=self.now + timedelta(minutes=1))
            for work in (invite_due, post_due_reminders, compare_requirements):
                work(at=self.now)
            db.session.rollback()
            self.check_mails()

    # The lecture

    def _start(self, _step: Step) -> None:
        self._go_on(start_lecture if self.course.outside else go_live)
        self.model.state, self.model.start = "live", self.model.now

    def _go_on(self, way: Callable[..., Any]) -> None:
        way(self.main, **self.now_by)
        if way is go_live and self.model.sent_since is None:
            self.model.sent_since = self.model.now

    def _pause(self, _step: Step) -> None:
        pause_lecture(self.main, **self.now_by)
        if self.model.paused_since is None:
            self.model.paused_since = self.model.now

    def _resume(self, _step: Step) -> None:
        if self.model.state == "live" and self.model.paused_since is not None:
            self._go_on(resume_lecture if self.course.outside or self.model.uploaded else go_live)
            self._end_pause()

    def _end_pause(self) -> None:
        if self.model.paused_since is not None:
            self.model.pauses.append((self.model.paused_since, self.model.now))
            self.model.paused_since = None

    def _cut(self, _step: Step) -> None:
        """The line of who speaks is gone for three minutes."""
        self.cuts.append((self.model.now, self.model.now + 3 * MINUTE))

    def _wait(self, _step: Step) -> None:
        """Nothing happens but what is due."""

    def _take_over(self, step: Step) -> None:
        if self.course.outside or self.model.uploaded:
            return
        by = self.lecturers[step.other % 2]
        begin_streaming(self.main, Track.MAIN, takes_over=True, by=by, at=self.now)
        if self.model.sent_since is None:
            self.model.sent_since = self.model.now

    def _end(self, _step: Step) -> None:
        end_lecture(self.main, **self.now_by)
        self._end_pause()
        self.model.state, self.model.end = "held", self.model.now

    def _reopen(self, _step: Step) -> None:
        reopen_lecture(self.main, **self.now_by)
        if self.model.end < self.model.now:
            self.model.pauses.append((self.model.end, self.model.now))
        self.model.state, self.model.is_complete = "live", False
        self.model.trim = (self.model.trim[0], None)

    def _correct_times(self, step: Step) -> None:
        end = self.model.end + (step.other - 2) * 3 * MINUTE
        correct_times(self.main, started_at=self.moment(self.model.start), ended_at=self.moment(end), **self.now_by)
        self.model.end = end

    # Presence

    def _attend(self, step: Step) -> None:
        """People who are in the room now have been there for some time."""
        if self.model.state != "live":
            return
        joined = self.now - (3, 6, 15, 27)[step.amount] * MINUTE * TICK
        for number in people_of(step):
            with suppress(DomainError):
                join = join_lecture(self.main, is_low_data=True, by=self.actors[number], at=joined)
                for beat in range(1, (self.now - joined) // (6 * TICK) + 1):
                    record_beat(join.join_id, beat, at=joined + beat * 6 * TICK)
                self.model.silent.discard(number)
                self.model.live[number] |= set(range(self.tick(joined), self.model.now))

    def _report(self, step: Step) -> None:
        if not self.course.outside or self.model.state != "held":
            return
        first = self.model.start + (step.other - 1) * 6 * MINUTE
        last = first + (3, 9, 15, 27)[step.amount] * MINUTE
        numbers = [number for number in people_of(step) if number != DIA]
        rows = [
            f"{self.people[n][2]},{self.moment(first).isoformat()},{self.moment(last).isoformat()}\n" for n in numbers
        ]
        self._publish(step, "email,joined_at,left_at\n" + "".join(rows))
        self.model.has_report = self.model.has_report or bool(numbers)
        self.model.announcements += [self.model.now] if numbers else []
        for number in numbers:
            self.model.live[number] |= set(range(first, last))

    def _close(self, _step: Step) -> None:
        close_attendance(self.main, **self.now_by)
        self.model.announcements += [self.model.now] if self.course.outside and not self.model.is_closed else []
        self.model.is_closed = True

    def _reopen_attendance(self, _step: Step) -> None:
        reopen_attendance(self.main, reason="more", **self.now_by)
        self.model.is_closed = False

    def _correct(self, step: Step) -> None:
        number, outcome = people_of(step)[0], list(Outcome)[step.amount]
        correct(self.main, self.people[number][1], outcome=outcome, reason="seen", **self.now_by)
        held = self.model.by_hand.get(number)
        if held is not None and held != outcome.value:
            self.replaced.setdefault(number, []).append(held)
        self.model.by_hand[number] = outcome.value

    def _withdraw_correction(self, step: Step) -> None:
        number = people_of(step)[0]
        correct(self.main, self.people[number][1], outcome=None, **self.now_by)
        if self.replaced.get(number):
            self.model.by_hand[number] = self.replaced[number].pop()
        else:
            self.model.by_hand.pop(number, None)

    def _enrol(self, _step: Step) -> None:
        enrol(self.series_id, self.people[DIA][0], by=self.actors[DIA], at=self.now)
        self.model.since.setdefault(DIA, self.model.now)

    # The recording

    def _upload(self, step: Step) -> None:
        minutes, public_id = (2, 15, 27, 30)[step.amount], new_public_id()
        info = MediaInfo("mov", minutes * 60_000, has_video=False)
        files.store(source_key(public_id), str(minutes).encode())
        add_source_file(self.main, public_id, "x.mp4", 99, info, **self.now_by)
        self.model.uploaded, self.model.trim, self.model.available = minutes * MINUTE, (0, None), None
        self.model.sent, self.model.sent_since, self.model.is_complete = [], self.model.start, False

    def _trim(self, step: Step) -> None:
        start, end = step.other * 3, len(self.model.recorded) // MINUTE - step.amount * 3
        trim(self.main, clock_time(start * 60_000), clock_time(end * 60_000), is_short_accepted=True, **self.now_by)
        self.model.trim = (start * MINUTE, end * MINUTE)

    def _remove(self, _step: Step) -> None:
        remove(self.main, **self.now_by)
        self.model.sent, self.model.uploaded, self.model.sent_since, self.model.trim = [], None, None, (0, None)
        self.model.is_complete, self.model.available = False, None

    def _watch(self, step: Step) -> None:
        """People play a part of the replay, as their pages report it; some say to have played more than can be."""
        first, count = step.other * 6 * MINUTE, (3, 9, 15, 30)[step.amount] * MINUTE
        positions = range(first, first + count)
        began = self.now - (count // (4 if step.other == 3 else 2)) * TICK
        for number in people_of(step):
            may = self.model.counts_now and number in self.model.since
            try:
                parts = begin_replay(self.main, by=self.actors[number], at=began)
                ranges = []
                for part in parts:
                    start, end = (edge * 15_000 - part.position_ms for edge in (first, first + count))
                    if max(start, 0) < min(end, part.length_ms):
                        ranges.append((part.wall_ms + max(start, 0), part.wall_ms + min(end, part.length_ms)))
                report_played(
                    self.main, self.people[number][0], ranges, began_ms=clock.to_ms(began), is_paused=True,
                    at=self.now,
                )  # fmt: skip
                is_counted = True
            except DomainError:
                is_counted = False
            assert is_counted == may
            if is_counted:
                self.model.silent.discard(number)
                self.model.play(number, positions, self.tick(began))

    def package(self) -> None:
        """What the packager makes of all that was sent, once the lecture is over and storage is there."""
        stream = find_stream(self.main, Track.MAIN)
        if stream is None or stream.state is not StreamState.ENDED or not self.is_storage_there:
            return
        while (session := next_session_to_package(stream.id)) is not None:
            if find_source_file(session.id) is not None:
                packager = stream_packager.StreamPackager(
                    self.make.app, stream.id, Path("ffmpeg"), self.folder / new_public_id(), threading.Event()
                )
                packager._run()
                continue
            assert session.stopped_at is not None
            start, end = self.tick(session.started_at), self.tick(session.stopped_at)
            for first, last in self._without_cuts(start, end):
                epoch = begin_epoch(session.id, start_ms=(first - start) * 15_000, wall_ms=self.ms(first))
                count = (last - first) // MINUTE
                note_segments(epoch, {"v": [60_000] * count, AUDIO: [60_000] * count})
                close_epoch(epoch)
                self.model.sent += range(first, last)
            note_packaged(session.id, at=self.now)
        if not note_complete(stream.id, at=self.now):
            assert find_stream(self.main, Track.MAIN).state is StreamState.COMPLETE
        self.model.is_complete = True
        self.model.available = self.model.now if self.model.available is None else self.model.available
        self.model.announcements += [self.model.now + 15 * MINUTE] if self.model.recorded else []

    def _without_cuts(self, start: int, end: int) -> list[tuple[int, int]]:
        runs, first = [], start
        for cut, until in sorted(self.cuts):
            if first <= cut < end and start <= cut:
                runs.append((first, cut))
                first = until
        return [(a, b) for a, b in [*runs, (first, end)] if a < b]

    def _lose_storage(self, _step: Step) -> None:
        self.is_storage_there = False

    def _regain_storage(self, _step: Step) -> None:
        self.is_storage_there = True

    # The series

    def _prepare(self, _step: Step) -> None:
        """A lecture is added, and nobody is told before it is published."""
        if "draft" not in self.model.coming:
            draft = self.make.lecture(self.series, starts_at=self.moment(self.draft_at), state="draft", at=self.now)
            self.lectures.append(draft.id)
            self.model.coming["draft"] = self.draft_at

    def _publish_lecture(self, _step: Step) -> None:
        if "draft" in self.model.coming and self.model.now < self.draft_at:
            publish_lecture(self.lectures[DRAFT], **self.now_by)
            self.model.published_at = self.model.now

    def _hold_later(self, step: Step) -> None:
        """The later lecture is given now, before its time, and some attend it."""
        until = self.now
        hold_lecture(self.lectures[LATER], started_at=until - LENGTH * TICK, ended_at=until, **self.now_by)
        numbers = [number for number in people_of(step) if number in self.model.since]
        self._let_attend(LATER, numbers)
        self.model.later, self.model.later_end = set(numbers), self.model.now

    def _let_attend(self, lecture: int, numbers: list[int]) -> None:
        for number in numbers:
            public_id = self.people[number][1]
            correct(self.lectures[lecture], public_id, outcome=Outcome.ATTENDED, reason="seen", by=SYSTEM, at=self.now)

    # What is e-mailed

    def check_mails(self) -> None:
        """The recording is announced to exactly those who are to be told, with the day until which it counts for them.
        Who knows of fewer lectures than a certificate asks for reads it once, after one was published. Nothing else is
        e-mailed but what somebody asked for."""
        self.model.know()
        unaware, announced = self.model.unaware(), {}
        grown: list[int] = []
        query = select(OutboxMail).where(OutboxMail.id > self.posted, OutboxMail.person_id.is_not(None))
        for mail in db.session.scalars(query.order_by(OutboxMail.id)):
            self.posted, number = mail.id, self.number_of[mail.person_id or 0]
            if mail.template == "replay_open":
                until = mail.payload["counts_until_at"]
                announced[number] = self.tick(datetime.fromisoformat(until)) if until else None
            elif mail.template == "requirement_grown" or "requirement" in mail.payload:
                grown.append(number)
            else:
                assert mail.template in {"lecture_invitation", "reminder_day", "enrolment_enrolled"}, mail.template
        expected = self.model.announce()
        assert announced == expected, (announced, expected)
        assert sorted(grown) == sorted(unaware & set(grown)), (grown, unaware)
        self.model.known.update(dict.fromkeys(grown, self.model.needed))
        is_late = self.model.now >= (self.model.published_at or self.model.now) + 60 * MINUTE
        assert not (is_late and self.model.is_settled and self.model.to_come() and unaware - set(grown)), unaware
