"""Builds the demonstration: the files of `generate`, taken in through the same imports that real files use."""

import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import delete, select

from lms.attendance.actions.facts import rebuild_facts
from lms.attendance_imports.actions.imports import check_rows, publish_matched
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.models import Lecture, Series
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.keys import ensure_key
from lms.config import Config
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Invalid
from lms.core.base.roles import SYSTEM
from lms.core.database import search
from lms.core.database.session import action, db, read
from lms.demo import checks, discussion, feedback, follow_up, mails, nominations
from lms.demo.folder import FolderMark, Rest, find_mark, indexed_at_the_end, many_rows, replaced, set_mark
from lms.demo.generate import KEEPS_SEATS, SEED, AttendanceFile, Demonstration
from lms.demo.jobs import latest_missed, request_recording
from lms.demo.lectures import go_live, list_speakers, upload_files
from lms.demo.population import FEWEST, FULL_SCALE
from lms.demo.programme import load_countries, load_instructors, read_json
from lms.demo.reading import Files, reading
from lms.demo.scheduling import ask_questions, enrol, leave_to_answer, prepare_next_year, release_seats, schedule
from lms.demo.staff import ADMIN, TRAINEE, actor_of, add_signatory, make_staff, prepare_countries, register_twice
from lms.reports.actions.public import refresh_public_figures
from lms.reports.actions.snapshots import publish_snapshot
from lms.reports.models import SnapshotVisibility
from lms.reports.rules import Slice

Say = Callable[[str], None]


class Progress:
    """One line a phase: what is done, how much of it, and how long it took."""

    def __init__(self, say: Say, *, rewrite: bool) -> None:
        self.say = say
        self.rewrite = rewrite

    @contextmanager
    def phase(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Times a phase; what is yielded tells how far it is, shown only where a line can be rewritten."""
        began = time.monotonic()
        counted = ""

        def tell(done: int, total: int) -> None:
            nonlocal counted
            counted = f" {total:,}"
            if self.rewrite:
                sys.stdout.write(f"\r  {name}: {done:,} of {total:,}\x1b[K")
                sys.stdout.flush()

        yield tell
        if self.rewrite:
            sys.stdout.write("\r\x1b[K")
        self.say(f"  {name}:{counted} done in {time.monotonic() - began:.1f} s")


MakeApp = Callable[[Config], Flask]


def build(
    make_app: MakeApp,
    folder: Path,
    people: int,
    *,
    now: datetime,
    progress: Progress,
    leave_rest: bool = False,
    base_url: str | None = None,
) -> None:
    """Builds the demonstration in `folder`, replacing an existing one; if interrupted, it leaves no trace.

    `now` is the moment that the programme is arranged around. With `leave_rest` it ends as soon as the public pages
    have their data: `add_rest` adds the remainder. Raises ValueError for too few people.
    """
    demonstration = Demonstration(now, people)
    with replaced(folder) as building:
        address = {"base_url": base_url} if base_url is not None else {}
        config = Config.load(None, data=str(building), database_url="", **address)
        # First, because staff need no second factor in a demonstration
        set_mark(config, FolderMark(now, people, Rest.MISSING if leave_rest else Rest.ADDED))
        with _app_for_many_rows(make_app, config, people), reading(demonstration) as files:
            _fill(demonstration, files, progress)
            if not leave_rest:
                _fill_rest(demonstration, progress)


def add_rest(make_app: MakeApp, config: Config, *, say: Say) -> None:
    """Adds to a demonstration that is served what it was built without. Does nothing if it has been begun before: one
    that was interrupted remains incomplete, until it is built again.
    """
    mark = find_mark(config)
    if mark is None or mark.rest is not Rest.MISSING:
        return
    set_mark(config, replace(mark, rest=Rest.BEGUN))
    with _app_for_many_rows(make_app, config, mark.people):
        _fill_rest(Demonstration(mark.built_at, mark.people), Progress(say, rewrite=False))
        request_recording(TRAINEE, now=mark.built_at, say=say)
    set_mark(config, replace(mark, rest=Rest.ADDED))
    say("The demonstration is complete.")


@contextmanager
def _app_for_many_rows(make_app: MakeApp, config: Config, people: int) -> Iterator[None]:
    app = make_app(config)
    mails.write_to_sample(app, people)
    with app.app_context():
        gc.disable()  # nearly all objects live as long as the build: looking for those that do not takes a fifth of it
        try:
            with many_rows():
                yield
        finally:
            gc.enable()
            db.session.remove()
            db.engine.dispose()


def _fill(demonstration: Demonstration, files: Files, progress: Progress) -> None:
    """Adds what the public pages show, with its evidence: series, lectures, enrolments, attendance, certificates."""
    now = demonstration.now
    with progress.phase("Database, countries and partners"):
        upgrade()
        began = demonstration.first_start - timedelta(days=90)
        prepare_countries(at=began)
        ensure_key(by=SYSTEM, at=began)
        make_staff(at=began)
    take_in(demonstration, files, progress)
    with progress.phase("Public figures"):
        refresh_public_figures(by=SYSTEM, at=now)
    with progress.phase("Published report"):
        _publish_last_year(now)


def _fill_rest(demonstration: Demonstration, progress: Progress) -> None:
    """Adds what people find on the pages of lectures and after they signed in: appeals to answer, speakers, lectures to
    answer for and to prepare, files, nominations, e-mails of the last days, people who registered twice."""
    now, addresses = demonstration.now, _instructor_addresses()
    lin = addresses["lin"]
    with progress.phase("Other appeals, closings"):
        lectures = Files(demonstration).lectures()
        follow_up.take_in_rest(follow_up.FollowUp(demonstration, lectures), _lecture_ids(), addresses)
    with progress.phase("Search"):
        _index_people()
    with progress.phase("Speakers, and questions at enrolment"):
        list_speakers(demonstration.series, _lecture_ids(), now=now)
        ask_questions(now=now)
    with progress.phase("Lectures that wait for their staff"):
        leave_to_answer(now, addresses)
        prepare_next_year(demonstration.series, lin, now=now)
    with progress.phase("Files of lectures"):
        upload_files(demonstration.series, _lecture_ids(), now=now)
    with progress.phase("Nominations"):
        nominations.take_in(load_countries(), lin, ADMIN, people=demonstration.people, now=now, seed=SEED)
    with progress.phase("Knowledge checks"):
        checks.take_in(now=now)
    with progress.phase("Messages"):
        mails.write_messages(lin, now=now)
    with progress.phase("Calendars"):
        mails.move_and_subscribe(TRAINEE, now=now)
    with progress.phase("Lecture that is cancelled"):
        mails.cancel_an_hour(now=now)
    with progress.phase("E-mails about certificates, recordings, and the week"):
        mails.tell_holders(now=now)
        mails.take_in(now=now)
    with progress.phase("Feedback"):
        feedback.give(now=now, seed=SEED)
    with progress.phase("Questions and polls"):
        discussion.take_in(latest_missed(TRAINEE), trainee=TRAINEE, now=now, seed=SEED)
    with progress.phase("People who registered twice"):
        register_twice(by=actor_of(ADMIN, now), now=now)
    with progress.phase("Public figures"):
        refresh_public_figures(by=SYSTEM, at=now)


def _lecture_ids() -> dict[tuple[str, int], int]:
    """The ids of all lectures by the address of their series and their number in it."""
    rows = read(select(Series.slug, Lecture.id).join(Lecture, Lecture.series_id == Series.id).order_by(Lecture.id))
    numbers: Counter[str] = Counter()
    ids = {}
    for slug, lecture_id in rows:
        numbers[slug] += 1
        ids[slug, numbers[slug]] = lecture_id
    return ids


@action
def _index_people() -> None:
    search.ensure(db.session.connection())


def _instructor_addresses() -> dict[str, str]:
    """The e-mail address of each planned instructor by its key."""
    return {row["key"]: row["email"] for row in load_instructors()}


def _publish_last_year(now: datetime) -> None:
    """A report that everyone can read, with a note for readers."""
    year, report = now.year - 1, read_json("staff.json")["report"]
    publish_snapshot(
        report["title"].format(year=year),
        SnapshotVisibility.PUBLIC,
        Slice(date(year, 1, 1), date(year, 12, 31)),
        ("country",),
        note=report["note"].format(year=year),
        place=report["place"],
        by=SYSTEM,
        at=now,
    )


def take_in(demonstration: Demonstration, files: Files, progress: Progress) -> None:
    """The programme and all files: series, lectures, enrolments, attendance, certificates."""
    addresses = _instructor_addresses()
    with progress.phase("Series and lectures"):
        series_ids, lecture_ids = schedule(demonstration, addresses)
    with indexed_at_the_end():
        with progress.phase("Enrolments") as tell:
            enrol(demonstration, series_ids, addresses, files.people(), tell)
        with progress.phase("Seats of countries"):
            release_seats(series_ids[KEEPS_SEATS], demonstration.quotas, now=demonstration.now)
        with progress.phase("Attendance") as tell:
            lectures = _attend(files, lecture_ids, tell)
    with progress.phase("Groups, accepted appeals, corrections"):
        follow_up.take_in(follow_up.FollowUp(demonstration, lectures), lecture_ids, addresses)
    with progress.phase("Reminders"):
        mails.remind_of_live(now=demonstration.now)
    with progress.phase("Lecture that is live"):
        go_live(demonstration, series_ids, lecture_ids)
    follow_up.gather_groups(demonstration, lecture_ids)
    with progress.phase("Certificates") as tell:
        _certify(demonstration, series_ids, tell)


def _attend(
    files: Files, lecture_ids: dict[tuple[str, int], int], tell: Callable[[int, int], None]
) -> list[AttendanceFile]:
    lectures = files.lectures()
    _hold(lectures, lecture_ids)
    for done, (file, (staged, matched)) in enumerate(zip(lectures, files.attendance(lecture_ids), strict=True), 1):
        check_rows(staged, skip_bad_rows=False)
        answer = publish_matched(staged, matched, by=SYSTEM, at=file.end + timedelta(hours=1))
        if not answer.created:
            raise RuntimeError(f"{staged.file_name}: nothing was imported")
        tell(done, len(lectures))
    _forget_counts()
    return lectures


@action
def _hold(lectures: Sequence[AttendanceFile], lecture_ids: dict[tuple[str, int], int]) -> None:
    for file in lectures:
        lecture_id = lecture_ids[file.lecture.series, file.lecture.number]
        start_lecture(lecture_id, by=SYSTEM, at=file.start)
        end_lecture(lecture_id, by=SYSTEM, at=file.end)


@action
def _forget_counts() -> None:
    """Deletes the counts that the end of each lecture requested: its import has counted it."""
    db.session.execute(delete(Job).where(Job.kind == "credit_lecture", Job.state == JobState.QUEUED))


def _certify(demonstration: Demonstration, series_ids: dict[str, int], tell: Callable[[int, int], None]) -> None:
    issued = 0
    add_signatory(at=demonstration.first_start)
    for plan in demonstration.series:
        if plan.issue:
            last = max(lecture.starts_at.astimezone(UTC) for lecture in plan.lectures)
            result = issue_certificates(series_ids[plan.slug], by=SYSTEM, at=last + timedelta(days=8))
            issued += result["issued"]
            tell(issued, issued)


def ensure(
    make_app: MakeApp,
    config: Config,
    *,
    people: int | None,
    keep: bool,
    now: datetime,
    say: Say,
    leave_rest: bool = False,
) -> None:
    """Builds a demonstration in the data folder unless there is a current one.

    A demonstration older than a day, or incomplete, is rebuilt unless it is to be kept. `leave_rest` is that of
    `build`. Raises Refused for a folder with other data, Invalid for too few people.
    """
    if people is not None and people < FEWEST:
        raise Invalid("people", f"The demonstration needs {FEWEST} people or more.")
    mark = find_mark(config)
    if mark is not None and mark.is_stale(now) and not keep:
        say(f"The demonstration in {config.folder} is older than a day and will be rebuilt (KEEP=1 keeps it).")
        mark = None
    if mark is not None and mark.rest is not Rest.ADDED and not keep:
        say(f"The demonstration in {config.folder} is incomplete and will be rebuilt (KEEP=1 keeps it).")
        mark = None
    if mark is None:
        people = people or FULL_SCALE
        say(f"Building the demonstration with {people:,} people in {config.folder}")
        began = time.monotonic()
        progress = Progress(say, rewrite=sys.stdout.isatty())
        build(
            make_app, config.folder, people, now=now, progress=progress, leave_rest=leave_rest, base_url=config.base_url
        )
        say(f"Built in {time.monotonic() - began:.0f} s.")
        return
    say(f"The demonstration in {config.folder} already exists, with {mark.people:,} people, and is served unchanged.")
    if people not in (None, mark.people):
        say(f"For {people:,} people instead, delete that folder or set LMS_DATA to another.")
    with make_app(config).app_context():
        upgrade()
        rebuild_facts(missing_only=True, by=SYSTEM)
        ensure_key(by=SYSTEM, at=now)
        db.session.remove()
        db.engine.dispose()
