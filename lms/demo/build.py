"""Builds the demonstration: the files of `generate`, taken in through the same imports that real files use."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from flask import Flask
from flask_migrate import upgrade

from lms.attendance.actions.beats import record_beat
from lms.attendance.actions.facts import rebuild_facts
from lms.attendance.actions.joins import open_join
from lms.attendance.actions.offline import keep_offline_beats
from lms.attendance.rules import BEAT_SECONDS
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.actions.states import cancel_lecture, end_lecture, hold_lecture, postpone_lecture, start_lecture
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesInput
from lms.catalogue.models import Admission, CertificateKind, LectureState, Visibility
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.keys import ensure_key
from lms.config import Config
from lms.core import jobs
from lms.core.clock import to_ms
from lms.core.db import action, db
from lms.core.errors import Invalid
from lms.core.roles import SYSTEM, Actor, Role
from lms.demo import (
    announcements,
    calendars,
    countries,
    duplicates,
    follow_up,
    mails,
    materials,
    messages,
    nominations,
    planning,
    seats,
    speakers,
)
from lms.demo.folder import Mark, find_mark, replaced, set_mark
from lms.demo.generate import SEED, Demonstration, LectureFile
from lms.demo.population import FEWEST, FULL_SCALE
from lms.demo.programme import InstructorPlan, LecturePlan, SeriesPlan, load_instructors, load_partners, read
from lms.demo.programme import load_countries as load_plans
from lms.enrolment.actions.many import enrol_many, publish_enrolments
from lms.enrolment.membership import enrolled_ids
from lms.enrolment.models import EnrolmentSource
from lms.people.actions.access import DemoAccount, grant_role, set_demo_accounts
from lms.people.actions.countries import declare_partners, load_countries
from lms.people.actions.files import stage_people
from lms.people.actions.persons import create_person
from lms.people.queries.persons import find_person_by_email
from lms.reports.actions.public import refresh_public_figures
from lms.reports.actions.snapshots import publish_snapshot
from lms.reports.models import SnapshotVisibility
from lms.reports.rules import Slice
from lms.viewing_groups.actions.groups import GroupInput, open_group
from lms.web.second_factor import SWITCH

TO_ANSWER = "fees-and-fairness"
"""The series with lectures whose staff are asked whether they were held."""
IN_LIVE_GROUP = 14
"""People who have come onto the list of the group that watches the live lecture."""
LIVE_AUDIENCE = 60
"""How many stand in the room of the live lecture when the demonstration is built."""
LINE_DOWN = 4, 16
"""From which to which heartbeat after the join the line of some of them was down."""
BEFORE_FIRST = timedelta(days=14)
"""How long before its first lecture a series' file of enrolments is taken."""

ACCOUNTS = (
    DemoAccount("admin@demo.test", "Zhou Anran", "CN", (Role.ADMINISTRATOR,), time_zone="Asia/Shanghai"),
    DemoAccount("instructor@demo.test", "Lin Yuhan", "CN", (Role.INSTRUCTOR,), time_zone="Asia/Shanghai"),
    DemoAccount(
        "focal.ke@demo.test", "Peter Mutua Kilonzo", "KE", (Role.FOCAL_POINT,), "KE", time_zone="Africa/Nairobi"
    ),
    DemoAccount("trainee@demo.test", "Achieng Odhiambo", "KE", time_zone="Africa/Nairobi"),
)

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


def build(make_app: Callable[[Config], Flask], folder: Path, people: int, *, now: datetime, progress: Progress) -> None:
    """Builds the demonstration in `folder`, in place of the one that is there; interrupted, it leaves no trace.

    `now` is the moment that the programme is arranged around. Raises ValueError for too few people.
    """
    demonstration = Demonstration(now, people)
    with replaced(folder) as building:
        config = Config.load(data=str(building), database_url="")
        app = make_app(config)
        app.config[SWITCH] = False  # as in each demonstration: the mark that says so is set at the end
        with app.app_context():
            try:
                _fill(demonstration, progress)
            finally:
                db.session.remove()
                db.engine.dispose()
        set_mark(config, Mark(now, people))


def _fill(demonstration: Demonstration, progress: Progress) -> None:
    now = demonstration.now
    with progress.phase("Database, countries and partners"):
        upgrade()
        _write_without_waiting()
        prepare(demonstration)
    with progress.phase("Names and habits of invented people") as tell:
        tell(len(demonstration.crowd.members), len(demonstration.crowd.members))
    take_in(demonstration, progress)
    with progress.phase("Public figures"):
        refresh_public_figures(by=SYSTEM, at=now)
    with progress.phase("Published report"):
        _publish_last_year(now)


def _publish_last_year(now: datetime) -> None:
    """A report that everyone can read, with a note for readers."""
    year = now.year - 1
    publish_snapshot(
        f"Participants by country, {year}",
        SnapshotVisibility.PUBLIC,
        Slice(date(year, 1, 1), date(year, 12, 31)),
        ("country",),
        note=f"Prepared for the annual review of {year}. Questions go to the ministry’s statistics desk.",
        place="Beijing",
        by=SYSTEM,
        at=now,
    )


def _write_without_waiting() -> None:
    """The folder is nobody's until it takes its place, and is put on disk whole before: no commit waits for it."""
    connection = db.engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA synchronous=OFF")
    finally:
        connection.close()


def prepare(demonstration: Demonstration) -> None:
    """Countries, partners, and everybody who does not come by a file."""
    began = min(lecture.starts_at for plan in demonstration.series for lecture in plan.lectures) - timedelta(days=90)
    began = began.astimezone(UTC)
    load_countries(by=SYSTEM, at=began)
    ensure_key(by=SYSTEM, at=began)
    declare_partners([(code, since, None) for code, since in load_partners().items()], by=SYSTEM, at=began)
    countries.tidy_list(at=began)
    instructors = load_instructors()
    set_demo_accounts(ACCOUNTS, by=SYSTEM, at=began)
    _make_instructors(instructors, at=began)
    follow_up.make_focal_points(read("focal_points.csv"), at=began)


@action
def _make_instructors(instructors: Sequence[InstructorPlan], *, at: datetime) -> None:
    own = {account.email for account in ACCOUNTS}
    for plan in instructors:
        if plan.email in own:
            continue
        person = create_person(
            full_name=plan.full_name,
            email=plan.email,
            country_code=plan.country,
            native_name=plan.native_name,
            gender=plan.gender,
            sector=plan.sector,
            organisation=plan.organisation,
            job_title=plan.job_title,
            by=SYSTEM,
            at=at,
        )
        grant_role(person.public_id, Role.INSTRUCTOR, by=SYSTEM, at=at)


def take_in(demonstration: Demonstration, progress: Progress) -> None:
    """The programme and all files: series, lectures, enrolments, attendance, certificates."""
    addresses = {plan.key: plan.email for plan in load_instructors()}
    series_ids: dict[str, int] = {}
    lecture_ids: dict[tuple[str, int], int] = {}
    with progress.phase("Series and lectures"):
        for plan in demonstration.series:
            at = opened_at(plan, demonstration.now)
            series_ids[plan.slug] = create_series(_series_draft(plan, demonstration, addresses), by=SYSTEM, at=at).id
            for lecture in plan.lectures:
                lecture_ids[plan.slug, lecture.number] = _schedule(plan, lecture, addresses, at=at)
    with progress.phase("Enrolments") as tell:
        _enrol(demonstration, series_ids, addresses, tell)
    with progress.phase("Seats of countries"):
        seats.release(series_ids[seats.KEEPS_SEATS], demonstration.quotas, now=demonstration.now)
    with progress.phase("Attendance") as tell:
        files = _attend(demonstration, lecture_ids, tell)
    with progress.phase("Groups, appeals and corrections"):
        follow_up.take_in(follow_up.FollowUp(demonstration, files), lecture_ids, addresses)
    with progress.phase("Speakers"):
        speakers.take_in(demonstration.series, lecture_ids, load_instructors(), now=demonstration.now)
    with progress.phase("Files of lectures"):
        materials.take_in(demonstration.series, lecture_ids, now=demonstration.now)
    with progress.phase("Reminders"):
        mails.remind_of_live(now=demonstration.now)
    with progress.phase("Lecture that is live"):
        _go_live(demonstration, series_ids, lecture_ids)
    _gather(demonstration, lecture_ids)
    _leave_to_answer(demonstration.now, addresses)
    with progress.phase("Nominations"):
        nominations.take_in(load_plans(), addresses["lin"], ACCOUNTS[0].email, now=demonstration.now, seed=SEED)
    planning.prepare_next_year(demonstration.series, addresses["lin"], now=demonstration.now)
    with progress.phase("Messages"):
        messages.take_in(addresses["lin"], now=demonstration.now)
    with progress.phase("Calendars"):
        calendars.take_in(ACCOUNTS[3].email, now=demonstration.now)
    with progress.phase("Lecture that is cancelled"):
        announcements.cancel_an_hour(now=demonstration.now)
    with progress.phase("Certificates") as tell:
        _certify(demonstration, series_ids, tell)
        announcements.tell_holders(now=demonstration.now)
    with progress.phase("Recordings and weekly mails"):
        mails.take_in(now=demonstration.now)
    with progress.phase("People who registered twice"):
        duplicates.take_in(by=follow_up.actor_of(ACCOUNTS[0].email, demonstration.now), now=demonstration.now)


def opened_at(plan: SeriesPlan, now: datetime) -> datetime:
    """When a series was put on the programme: well before its first lecture, and before now."""
    first = min((lecture.starts_at.astimezone(UTC) for lecture in plan.lectures), default=now)
    return min(first, now) - 2 * BEFORE_FIRST


def _series_draft(plan: SeriesPlan, demonstration: Demonstration, addresses: dict[str, str]) -> SeriesInput:
    days = [lecture.local_start.date() for lecture in plan.lectures if lecture.state not in ("postponed", "draft")]
    return SeriesInput(
        slug=plan.slug,
        title=plan.title,
        description=plan.description,
        language=plan.language,
        visibility=Visibility(plan.visibility),
        admission=Admission(plan.admission),
        starts_on=min(days, default=None),
        ends_on=max(days, default=None),
        capacity=demonstration.capacity(plan),
        instructors=tuple(addresses[key] for key in plan.instructors),
        policy=PolicyInput(
            min_lectures_percent=plan.min_lectures_percent,
            certificate=CertificateKind(plan.certificate) if plan.certificate else None,
        ),
    )


def _schedule(plan: SeriesPlan, lecture: LecturePlan, addresses: dict[str, str], *, at: datetime) -> int:
    past = lecture.state == "held"
    place = f"{plan.slug}/{lecture.number}"
    draft = LectureInput(
        title=lecture.title,
        abstract=lecture.abstract,
        starts_at=lecture.local_start,
        time_zone=lecture.time_zone,
        duration_minutes=lecture.minutes,
        language=lecture.language,
        interpretation=lecture.interpretation,
        instructors=tuple(addresses[key] for key in lecture.instructors),
        join_url=f"https://meet.lectures.example/{place}",
        recording_url=f"https://recordings.lectures.example/{place}" if past else None,
        materials=({"title": "Slides (PDF)", "url": f"https://files.lectures.example/{place}.pdf"},) if past else (),
        state=LectureState.DRAFT if lecture.state == "draft" else LectureState.SCHEDULED,
    )
    made = schedule_lecture(plan.slug, draft, by=SYSTEM, at=at)
    lecture_id = made.id
    # Told to nobody: the enrolments come afterwards
    if lecture.state == "cancelled":
        cancel_lecture(lecture_id, reason=lecture.abstract, by=SYSTEM, at=at)
    elif lecture.state == "postponed":
        postpone_lecture(lecture_id, by=SYSTEM, at=at)
    return lecture_id


def _enrol(
    demonstration: Demonstration,
    series_ids: dict[str, int],
    addresses: dict[str, str],
    tell: Callable[[int, int], None],
) -> None:
    total = sum(len(demonstration.enrolled(plan)) for plan in demonstration.series)
    done = 0
    for plan in demonstration.series:
        enrolled = len(demonstration.enrolled(plan))
        if not enrolled:
            continue
        staged = stage_people(demonstration.people_file(plan))
        at = opened_at(plan, demonstration.now) + BEFORE_FIRST
        if plan.slug == seats.KEEPS_SEATS:
            seats.keep(demonstration.quotas, at=at - timedelta(days=1))
        if (
            plan.instructors
            and plan.slug != seats.KEEPS_SEATS
            and all(one.state == "scheduled" for one in plan.lectures)
        ):
            by = follow_up.actor_of(addresses[plan.instructors[0]], at)
            _enrol_by_staff(demonstration, plan, series_ids[plan.slug], by=by, at=at)
        publish_enrolments(series_ids[plan.slug], staged, skip_bad_rows=False, by=SYSTEM, at=at)
        done += enrolled
        tell(done, total)


def _enrol_by_staff(demonstration: Demonstration, plan: SeriesPlan, series_id: int, *, by: Actor, at: datetime) -> None:
    """Every third person of a series that is still to come was enrolled by its instructor, and has not answered yet."""
    members = [find_person_by_email(member.email) for member in demonstration.enrolled(plan)[::3]]
    known = [person.id for person in members if person is not None]
    enrol_many(series_id, known, source=EnrolmentSource.STAFF, by=by, at=at)


def _attend(
    demonstration: Demonstration, lecture_ids: dict[tuple[str, int], int], tell: Callable[[int, int], None]
) -> list[LectureFile]:
    files: list[LectureFile] = []
    for plan in demonstration.series:
        for file in demonstration.attendance_files(plan):
            lecture_id = lecture_ids[plan.slug, file.lecture.number]
            start_lecture(lecture_id, by=SYSTEM, at=file.start)
            end_lecture(lecture_id, by=SYSTEM, at=file.end)
            files.append(file)
    jobs.run_due(at=demonstration.now)  # counts that were asked for at each end: there is no evidence yet
    for done, file in enumerate(files, 1):
        lecture_id = lecture_ids[file.lecture.series, file.lecture.number]
        name = f"{file.lecture.series}-{file.lecture.number}.csv"
        staged = stage_attendance(lecture_id, file.content, file_name=name, by=SYSTEM)
        publish_attendance(staged, by=SYSTEM, at=file.end + timedelta(hours=1))
        tell(done, len(files))
    return files


@action
def _go_live(demonstration: Demonstration, series_ids: dict[str, int], lecture_ids: dict[tuple[str, int], int]) -> None:
    """Starts the current lecture, with people who have been in its room for a while."""
    random = Random(f"{SEED}:live")  # noqa: S311  invented, not a secret
    now = demonstration.now
    guests = {guest.email for guest in demonstration.guests}
    for plan in demonstration.series:
        for lecture in plan.lectures:
            if lecture.state != "live":
                continue
            lecture_id = lecture_ids[plan.slug, lecture.number]
            began = lecture.starts_at.astimezone(UTC) + timedelta(seconds=40)
            start_lecture(lecture_id, by=SYSTEM, at=now, started_at=began)
            waiting = sorted(enrolled_ids(series_ids[plan.slug]))[: -len(guests)]
            for place, person_id in enumerate(random.sample(waiting, min(LIVE_AUDIENCE, len(waiting)))):
                joined = began + timedelta(seconds=int(420 * random.random()))
                _stay(lecture_id, person_id, joined, now, line_down=place % 8 == 0)


GROUPS = (
    ("KE", GroupInput("Nairobi", "Treasury Building, room 4", "Peter Mutua Kilonzo", 30, "Africa/Nairobi")),
    ("UG", GroupInput("Kampala", "Trade House, hall 2", "Grace Nakato", 18, "Africa/Kampala")),
    ("PK", GroupInput("Lahore", "Chamber of Commerce, library", "Bilal Chaudhry", 25, "Asia/Karachi")),
)


def _gather(demonstration: Demonstration, lecture_ids: dict[tuple[str, int], int]) -> None:
    """Viewing groups in three countries for the next lecture, of which that of Nairobi is looked at by Kenya's focal
    point; and one for the lecture that is live, onto whose list people come by its code."""
    plans = [plan for plan in demonstration.series if plan.visibility == "public" and not plan.audience]
    coming = [one for plan in plans for one in plan.lectures if one.state == "scheduled"]
    if coming:
        first = min(coming, key=lambda one: one.starts_at)
        lecture_id = lecture_ids[first.series, first.number]
        for country, group in GROUPS:
            open_group(lecture_id, group, country=country, by=SYSTEM, at=demonstration.now)
    for plan in demonstration.series:
        for lecture in plan.lectures:
            if lecture.state == "live":
                _watch_live_together(demonstration, plan, lecture_ids[plan.slug, lecture.number])


def _watch_live_together(demonstration: Demonstration, plan: SeriesPlan, lecture_id: int) -> None:
    """A group whose people come onto its list by its code."""
    draft = GroupInput("Nairobi", "Trade House, hall 1", "Peter Mutua Kilonzo", 30, "Africa/Nairobi")
    public_id, _is_new = open_group(lecture_id, draft, country="KE", by=SYSTEM, at=demonstration.now)
    guests = {guest.email for guest in demonstration.guests}
    members = [one.email for one in demonstration.enrolled(plan) if one.country == "KE" and one.email not in guests]
    since = demonstration.now - timedelta(minutes=12)
    follow_up.check_in_people(public_id, members[-IN_LIVE_GROUP:], since=since)


def _leave_to_answer(now: datetime, addresses: dict[str, str]) -> None:
    """Two lectures that wait for their staff: one held for three minutes with nobody there, and one of yesterday of
    which nobody has said whether it was held. Their series is a draft, so that only staff see them."""
    zone = ZoneInfo("Asia/Shanghai")
    rehearsal, yesterday = (_at_ten(now - timedelta(days=days), zone) for days in (3, 1))
    draft = LectureInput(
        title="Rehearsal: sound and slides",
        abstract="A trial of the meeting with its lecturer.",
        starts_at=rehearsal.replace(tzinfo=None),
        time_zone=zone.key,
        duration_minutes=60,
        language="en",
        instructors=(addresses["kariuki"],),
        state=LectureState.SCHEDULED,
    )
    held = schedule_lecture(TO_ANSWER, draft, by=SYSTEM, at=rehearsal - timedelta(days=1))
    times = {"started_at": rehearsal, "ended_at": rehearsal + timedelta(minutes=3)}
    hold_lecture(held.id, **times, by=SYSTEM, at=rehearsal + timedelta(hours=1))
    jobs.run_due(at=now)  # the count after its end
    unanswered = replace(draft, title="A fee for every step", starts_at=yesterday.replace(tzinfo=None))
    schedule_lecture(TO_ANSWER, unanswered, by=SYSTEM, at=now)


def _at_ten(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(hour=10, minute=0, second=0, microsecond=0)


def _stay(lecture_id: int, person_id: int, joined: datetime, until: datetime, *, line_down: bool) -> None:
    """Heartbeats from a join on; where the line was down for some minutes, those that the page kept meanwhile."""
    join = open_join(lecture_id, person_id, by=SYSTEM, at=joined)
    every = timedelta(seconds=BEAT_SECONDS)
    count = (until - joined) // every
    down = range(LINE_DOWN[0], min(LINE_DOWN[1], count)) if line_down else range(0)
    for seq in range(1, count + 1):
        if seq not in down:
            record_beat(join.id, seq, at=joined + seq * every)
    if down:
        last = joined + (down.start - 1) * every
        kept = [(seq, (seq - down.start + 1) * BEAT_SECONDS * 1000) for seq in down]
        keep_offline_beats(join.id, kept, mark_ms=to_ms(last), lecture_id=lecture_id, at=joined + down.stop * every)


def _certify(demonstration: Demonstration, series_ids: dict[str, int], tell: Callable[[int, int], None]) -> None:
    issued = 0
    for plan in demonstration.series:
        if plan.issue:
            last = max(lecture.starts_at.astimezone(UTC) for lecture in plan.lectures)
            result = issue_certificates(series_ids[plan.slug], by=SYSTEM, at=last + timedelta(days=8))
            issued += result["issued"]
            tell(issued, issued)


def ensure(
    make_app: Callable[[Config], Flask], config: Config, *, people: int | None, keep: bool, now: datetime, say: Say
) -> None:
    """Sees to it that the data folder holds a demonstration: as it is, or built where there is none.

    One older than a day is built anew, unless it is to be kept. Raises Refused for a folder with other data,
    Invalid for too few people.
    """
    if people is not None and people < FEWEST:
        raise Invalid("people", f"The demonstration needs {FEWEST} people or more.")
    mark = find_mark(config)
    if mark is not None and mark.is_stale(now) and not keep:
        say(f"The demonstration in {config.folder} is older than a day and will be rebuilt (KEEP=1 keeps it).")
        mark = None
    if mark is None:
        wanted = people or FULL_SCALE
        say(f"Building the demonstration with {wanted:,} people in {config.folder}")
        began = time.monotonic()
        build(make_app, config.folder, wanted, now=now, progress=Progress(say, rewrite=sys.stdout.isatty()))
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
