"""A small demonstration, built through the real imports on SQLite, and its figures against an independent count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from lms.app import create_app
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Closing, Correction, Credit, Outcome
from lms.attendance.models.evidence import Beat, Source, UnmatchedAttendee
from lms.attendance.models.groups import Entered, GroupEntry, GroupSignature, ViewingGroup
from lms.attendance.presence import viewers
from lms.attendance.queries.appeals import count_open_appeals
from lms.attendance.queries.sessions import unconfirmed_lectures
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.models import Lecture, LectureInstructor, LectureState, Series
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.models import Award, Certificate, CertificateDesign
from lms.config import Config
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import ANONYMOUS, SYSTEM, Role
from lms.core.base.settings import resource
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.dashboards.queries.waiting import find_next_to_earn
from lms.demo import mails, nominations
from lms.demo.build import add_rest, ensure
from lms.demo.folder import FolderMark, Rest, find_mark, set_mark
from lms.demo.follow_up import FollowUp
from lms.demo.generate import AttendanceFile, Demonstration
from lms.demo.programme import load_instructors, read_json
from lms.demo.staff import TRAINEE
from lms.discussion.models import LectureQuestion, PollAnswer, QuestionVote
from lms.discussion.polls import count_polls
from lms.discussion.queries import count_questions
from lms.enrolment.actions.many import publish_enrolments
from lms.enrolment.models import (
    CalendarAddress,
    CountryQuota,
    Enrolment,
    EnrolmentSource,
    EnrolmentStatus,
    SeatEntry,
    SeatKind,
    SeatReason,
)
from lms.enrolment.queries.seats import seat_differences
from lms.enrolment.queries.series import UNANSWERED
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.reasons import MailReason
from lms.materials.models import Audience, FileDownloads, LectureFile
from lms.messages.models import Message, MessageState
from lms.messages.queries import progress_of
from lms.nominations.models import Nomination, NominationState, RequestedChange
from lms.nominations.queries.of_country import held_seats
from lms.people.actions.accounts import check_password
from lms.people.models import MailChoice, Person, PersonMerge
from lms.people.people_files import stage_people
from lms.people.queries.access import load_actor
from lms.people.queries.countries import get_country, listed_country, notice_in
from lms.people.queries.duplicates import list_pairs
from lms.people.queries.mails import count_stopped
from lms.people.queries.persons import find_person_by_email, find_person_id
from lms.reports.queries.figures import public_totals, totals
from lms.reports.queries.snapshots import list_snapshots
from lms.reports.rules import Slice
from lms.reports.snapshots import thaw
from lms.speakers.models import LectureSpeaker, Speaker
from tests.demo.counting import attended_in
from tests.demo.sizes import DEMONSTRATION, PEOPLE

pytestmark = [DEMONSTRATION, pytest.mark.long]


@pytest.fixture
def context(built: APIFlask) -> Iterator[None]:
    with built.app_context():
        yield


@pytest.mark.usefixtures("context")
def test_headline_figures_are_those_of_an_independent_count(now: datetime) -> None:
    demonstration = Demonstration(now, PEOPLE)
    people: set[str] = set()
    files: list[AttendanceFile] = []
    attendances = 0
    for series in demonstration.series:
        for file in demonstration.attendance_files(series):
            files.append(file)
            attended = attended_in(file)
            attendances += len(attended)
            people |= attended
    for file, address in FollowUp(demonstration, files).additions():
        assert address not in attended_in(file)
        attendances += 1
        people.add(address)

    figures = totals(Slice(), by=SYSTEM, at=now)

    assert figures.sessions == 108
    assert figures.participants == len(people)
    assert figures.attendances == attendances
    assert figures.countries == 80
    assert figures.partner_countries == 36
    enrolled = sum(len(demonstration.enrolled(series)) for series in demonstration.series)
    assert figures.registrations == enrolled + nominations.COUNTRIES * sum(nominations.ACCEPT), (
        "and nominees who accepted"
    )
    assert figures.certificates == db.session.scalar(select(func.count()).select_from(Award))
    assert figures.ratings.answers > 0
    assert public_totals(at=now) == figures


@pytest.mark.usefixtures("context")
def test_each_account_signs_in_with_its_role(now: datetime) -> None:
    roles = {
        "admin@demo.test": {Role.ADMINISTRATOR},
        "instructor@demo.test": {Role.INSTRUCTOR},
        "focal.ke@demo.test": {Role.FOCAL_POINT},
        "trainee@demo.test": set(),
    }

    for email, expected in roles.items():
        person_id = check_password(email, "demo-only", demonstration=True, at=now)
        actor = load_actor(person_id, now)
        assert actor is not None
        assert actor.roles == expected


@pytest.mark.usefixtures("context")
def test_one_lecture_is_live_with_people_in_its_room(now: datetime) -> None:
    live = db.session.scalars(select(Lecture).where(Lecture.state == LectureState.LIVE)).one()
    taught = db.session.scalars(
        select(LectureInstructor.person_id).where(LectureInstructor.lecture_id == live.id)
    ).all()
    instructor = find_person_by_email("instructor@demo.test")

    assert instructor is not None
    assert instructor.id not in taught
    assert viewers(live.id, clock.to_ms(now)) == 60
    assert db.session.scalar(select(func.count()).select_from(Beat)) > 60


@pytest.mark.usefixtures("context")
def test_the_instructor_lectures_but_not_within_six_hours(now: datetime) -> None:
    instructor = find_person_by_email("instructor@demo.test")
    assert instructor is not None
    starts = db.session.scalars(
        select(Lecture.starts_at)
        .join(LectureInstructor, LectureInstructor.lecture_id == Lecture.id)
        .where(LectureInstructor.person_id == instructor.id, Lecture.state == LectureState.SCHEDULED)
    ).all()

    assert starts
    assert all(start is not None and start > now + timedelta(hours=6) for start in starts)


@pytest.mark.usefixtures("context")
def test_the_trainee_has_all_there_is_to_see() -> None:
    trainee = find_person_by_email("trainee@demo.test")
    assert trainee is not None
    places = select(Series.slug, Enrolment.status).join(Enrolment, Enrolment.series_id == Series.id)
    stands = dict(db.session.execute(places.where(Enrolment.person_id == trainee.id)).all())
    outcomes = set(db.session.scalars(select(Credit.outcome).where(Credit.person_id == trainee.id)))
    certificates = db.session.scalars(
        select(Certificate.series_title).join(Award).where(Award.person_id == trainee.id)
    ).all()

    assert stands["cross-border-ecommerce"] is EnrolmentStatus.ENROLLED
    assert stands["digital-customs-for-officials"] is EnrolmentStatus.WAITLISTED
    assert outcomes == {Outcome.ATTENDED, Outcome.PARTIAL}
    assert certificates == ["乡村直播电商"]  # in the language of its words


@pytest.mark.usefixtures("context")
def test_what_follows_lectures_is_there_in_every_state(now: datetime) -> None:
    def states(column: InstrumentedAttribute[Any]) -> set[str]:
        return set(db.session.scalars(select(column).distinct()))

    assert states(Appeal.state) == set(AppealState)
    assert {Outcome.ATTENDED, Outcome.EXCUSED} == states(Correction.outcome)
    assert Source.GROUP in states(Credit.source)
    taken_back = GroupSignature.taken_back_at.is_not(None)
    assert set(db.session.scalars(select(taken_back))) == {True, False}
    assert db.session.scalar(select(func.count()).where(ViewingGroup.called_off_at.is_not(None))) == 1
    number = select(func.count()).select_from(ViewingGroup).group_by(ViewingGroup.lecture_id)
    most = number.order_by(func.count().desc()).limit(1)
    assert db.session.scalar(most) == len(read_json("groups.json")["next"]), "a lecture with a list of groups"
    unanswered = (
        select(func.count()).select_from(Enrolment).where(UNANSWERED, Enrolment.source == EnrolmentSource.STAFF)
    )
    assert (db.session.scalar(unanswered) or 0) > 0, "people who were enrolled by an instructor and have not answered"
    assert db.session.scalar(select(func.count()).select_from(Closing)) == 5
    live = select(ViewingGroup.id).join(Lecture, Lecture.id == ViewingGroup.lecture_id)
    watching = live.where(Lecture.state == LectureState.LIVE).scalar_subquery()
    ticks = select(GroupEntry.entered, func.count()).group_by(GroupEntry.entered)
    assert set(dict(db.session.execute(ticks).all())) == {Entered.CODE, Entered.LIST}
    by_themselves = dict(db.session.execute(ticks.where(GroupEntry.group_id == watching)).all())
    assert by_themselves.keys() == {Entered.CODE}
    (report,) = list_snapshots(by=ANONYMOUS)
    assert thaw(report.content).note.startswith("Prepared for the annual review")
    assert db.session.scalar(select(func.count()).where(UnmatchedAttendee.how.is_(None))) == 17

    instructor = find_person_by_email("instructor@demo.test")
    assert instructor is not None
    actor = load_actor(instructor.id, now)
    assert actor is not None
    assert count_open_appeals(by=actor) > 0


@pytest.mark.usefixtures("context")
def test_what_was_built_meets_all_constraints() -> None:
    """SQLite does not check values while the demonstration is built."""
    assert db.session.scalar(text("PRAGMA ignore_check_constraints")) == 0
    assert db.session.scalars(text("PRAGMA integrity_check")).all() == ["ok"]
    assert db.session.execute(text("PRAGMA foreign_key_check")).all() == []


@pytest.mark.usefixtures("context")
def test_certificates_have_a_signatory() -> None:
    versions = db.session.scalars(select(Certificate.design).distinct()).all()
    designs = db.session.scalars(select(CertificateDesign).where(CertificateDesign.version.in_(versions))).all()
    assert [design.version for design in designs] == versions
    assert [design.spec["signatory"] for design in designs] == ["Liang Wenshu"]


@pytest.mark.usefixtures("context")
def test_one_certificate_is_refused_for_a_letter_that_no_font_has(now: datetime) -> None:
    series = db.session.scalars(select(Series).where(Series.slug == "paperless-trade")).one()
    again = issue_certificates(series.id, by=SYSTEM, at=now)

    assert again["issued"] == 0
    assert again["already_issued"] > 0
    refused = {one["person"] for one in again["refused"]}
    names = db.session.scalars(select(Person.full_name).where(Person.public_id.in_(refused))).all()
    assert names == ([] if resource("static", "build", "fonts-large").exists() else ["Tan Meiling"])


@pytest.mark.usefixtures("context")
def test_staff_are_asked_whether_two_lectures_were_held() -> None:
    assert [lecture.title for lecture in unconfirmed_lectures(by=SYSTEM)] == ["Rehearsal: sound and slides"]
    assert db.session.scalars(select(Lecture.title).where(Lecture.held_unknown)).all() == ["A fee for every step"]


@pytest.mark.usefixtures("context")
def test_who_enrols_reads_in_which_series_a_certificate_can_still_be_earned(now: datetime) -> None:
    late = db.session.scalars(select(Series).where(Series.slug == "cross-border-ecommerce")).one()
    instead = find_next_to_earn(late, by=ANONYMOUS, at=now)
    assert instead is not None
    assert instead.slug == "cooperative-finance"
    full = db.session.scalars(select(Series).where(Series.slug == "digital-customs-for-officials")).one()
    assert full.is_full


@pytest.mark.usefixtures("context")
def test_twenty_countries_have_nominations_in_every_state() -> None:
    query = select(Nomination.country_id, Nomination.state).distinct()
    states: dict[int, set[NominationState]] = {}
    for country_id, state in db.session.execute(query):
        states.setdefault(country_id, set()).add(state)
    assert len(states) == nominations.COUNTRIES
    assert set.union(*states.values()) == set(NominationState)
    assert all(len(each) >= 7 for each in states.values())
    assert db.session.scalar(select(func.count()).select_from(Nomination)) == 460
    answers = db.session.scalars(select(RequestedChange.accepted)).all()
    assert sorted(answers, key=str) == [None, True]
    letters = db.session.scalars(select(Nomination).where(Nomination.letter_digest.is_not(None))).all()
    assert {one.country_id for one in letters} == set(states)
    assert {one.letter_type for one in letters} == {"pdf", "png"}
    assert all(one.letter_key and files.find(one.letter_key) for one in letters)


@pytest.mark.usefixtures("context")
def test_a_country_was_merged_and_another_has_a_notice() -> None:
    merged, notice = read_json("staff.json")["merged country"], read_json("staff.json")["notice"]
    old, kept = listed_country(merged["old"]), listed_country(merged["kept"])
    assert old is not None
    assert kept is not None
    assert old.merged_into_id == kept.id
    assert notice_in(get_country(notice["country"]).notices, notice["country"], "en") is not None


@pytest.mark.usefixtures("context")
def test_nothing_is_left_to_do_but_a_recording_and_nothing_to_send() -> None:
    left = db.session.scalars(select(Job).where(Job.state != JobState.DONE)).all()
    assert [(job.kind, job.state) for job in left] == [("demo_recording", JobState.QUEUED)]
    unsent = select(OutboxMail.state, OutboxMail.reason, func.count()).where(OutboxMail.sent_at.is_(None))
    found = {
        (state, reason): count
        for state, reason, count in db.session.execute(unsent.group_by(OutboxMail.state, OutboxMail.reason))
    }
    assert found.pop((MailState.DECLINED, MailReason.DECLINED)) > 0
    assert found == {
        (MailState.FAILED, MailReason.NO_SUCH_ADDRESS): 1,
        (MailState.FAILED, MailReason.REFUSED): 1,
        (MailState.FAILED, MailReason.TOO_LARGE): 1,
        (MailState.STOPPED, MailReason.WITHHELD): mails.WITHHELD,
        (MailState.STOPPED, MailReason.ADDRESS_STOPPED): 1,
    }


@pytest.mark.usefixtures("context")
def test_mails_came_back_and_an_address_is_stopped() -> None:
    returned = select(OutboxMail.reason).where(OutboxMail.state == MailState.UNDELIVERED)
    assert set(db.session.scalars(returned)) == {MailReason.MAILBOX_FULL, MailReason.NO_SUCH_ADDRESS}
    assert count_stopped() == 1


@pytest.mark.usefixtures("context")
def test_mails_that_are_posted_by_themselves_are_there_and_some_people_decline_them() -> None:
    kinds = set(db.session.scalars(select(OutboxMail.kind).where(OutboxMail.sent_at.is_not(None)).distinct()))
    assert kinds >= {"places", "change", "reminder", "replay", "digest"}
    assert db.session.scalar(select(func.count()).select_from(MailChoice)) > 40


@pytest.mark.usefixtures("context")
def test_the_same_files_again_change_nothing(now: datetime) -> None:
    demonstration = Demonstration(now, PEOPLE)
    before = totals(Slice(), by=SYSTEM, at=now)
    plan = next(plan for plan in demonstration.series if plan.slug == "paperless-trade")
    series = db.session.scalars(select(Series).where(Series.slug == plan.slug)).one()
    file = next(iter(demonstration.attendance_files(plan)))
    of_series = select(Lecture).where(Lecture.series_id == series.id, Lecture.title == file.lecture.title)
    lecture = db.session.scalars(of_series).one()  # a copy of the series has the same titles
    series_id, lecture_id = series.id, lecture.id

    people = stage_people(demonstration.people_file(plan))
    enrolled = publish_enrolments(series_id, people, skip_bad_rows=False, by=SYSTEM, at=now)
    staged = stage_attendance(lecture_id, file.content, file_name="again.csv", by=SYSTEM)
    attended = publish_attendance(staged, by=SYSTEM, at=now)

    assert (enrolled.created, enrolled.updated, enrolled.unchanged) == (0, 0, enrolled.rows)
    assert (attended.created, attended.updated, attended.unchanged) == (0, 0, attended.rows)
    assert totals(Slice(), by=SYSTEM, at=now) == before


def test_people_who_registered_twice_wait_for_a_decision_and_one_is_merged(built: APIFlask, now: datetime) -> None:
    with built.app_context():
        pairs = list_pairs(offset=0, limit=50, day=now.date(), by=SYSTEM).pairs
        twice = [one for one in pairs if "second.record" in (one.second.email or "")]
        assert len(twice) == 2
        [merge] = db.session.scalars(db.select(PersonMerge)).all()
        assert (merge.reason, merge.undone_at) == ("Confirmed by telephone", None)


def test_people_are_invited_and_a_lecture_was_moved_and_moved_back(built: APIFlask) -> None:
    with built.app_context():
        told = Counter(db.session.scalars(db.select(OutboxMail.template)))
        assert told["lecture_invitation"] > 0
        assert told["lecture_postponed"] > 0
        assert set(db.session.scalars(db.select(CalendarAddress.program))) == {"Google Calendar"}


def test_a_lecture_was_cancelled_and_holders_of_certificates_were_told(built: APIFlask) -> None:
    with built.app_context():
        cancelled = db.session.scalars(db.select(Lecture).where(Lecture.title == "Your questions")).one()
        assert cancelled.state is LectureState.CANCELLED
        sent = db.select(OutboxMail).where(OutboxMail.sent_at.is_not(None))
        of_lecture = db.session.scalars(sent.where(OutboxMail.series_id == cancelled.series_id)).all()
        told = Counter(mail.template for mail in of_lecture if mail.payload.get("title") == "Your questions")
        assert min(told["lecture_invitation"], told["lecture_cancelled"]) > 0
        of_certificates = OutboxMail.template == "certificate_ready"
        ready = db.session.scalars(sent.where(of_certificates)).all()
        assert len({mail.person_id for mail in ready}) == len(ready) > 0
        states = db.select(OutboxMail.state).where(of_certificates).distinct()
        assert MailState.QUEUED not in set(db.session.scalars(states))


def test_people_ask_and_vote_in_the_live_lecture_and_in_the_one_with_a_recording(built: APIFlask) -> None:
    with built.app_context():
        counts = {}
        states = dict(db.session.execute(db.select(Lecture.id, Lecture.state)).all())
        for lecture_id in set(db.session.scalars(db.select(LectureQuestion.lecture_id))):
            questions, (polls, answers) = count_questions(lecture_id), count_polls(lecture_id)
            counts[states[lecture_id]] = questions.questions, questions.answered, polls
            assert min(questions.votes, answers) > 10
        assert counts == {LectureState.HELD: (10, 7, 1), LectureState.LIVE: (9, 1, 1)}
        trainee = find_person_id(TRAINEE)
        voters = {
            *db.session.scalars(db.select(QuestionVote.person_id)),
            *db.session.scalars(db.select(PollAnswer.person_id)),
        }
        assert trainee not in voters


def test_progress_is_one_line_a_phase(said: list[str], built: APIFlask) -> None:
    assert built is not None
    assert [line.split(":")[0].strip() for line in said[2:-1] if not line.startswith("Built in ")] == [
        "Database, countries and partners",
        "Series and lectures",
        "Enrolments",
        "Seats of countries",
        "Attendance",
        "Groups, accepted appeals, corrections",
        "Reminders",
        "Lecture that is live",
        "Certificates",
        "Public figures",
        "Published report",
        "Other appeals, closings",
        "Search",
        "Speakers, and questions at enrolment",
        "Lectures that wait for their staff",
        "Files of lectures",
        "Nominations",
        "Knowledge checks",
        "Messages",
        "Calendars",
        "Lecture that is cancelled",
        "E-mails about certificates, recordings, and the week",
        "Feedback",
        "Questions and polls",
        "People who registered twice",
        "Public figures",
    ]


def test_the_folder_is_marked_and_served_as_it_is(built: APIFlask, now: datetime) -> None:
    config: Config = built.extensions["lms.config"]
    told: list[str] = []

    ensure(create_app, config, people=500, keep=False, now=now + timedelta(hours=23), say=told.append)

    assert config.is_demonstration
    assert find_mark(config) == FolderMark(now, PEOPLE)
    assert "is served unchanged" in told[0]
    assert "500" in told[1]


def test_an_old_demonstration_is_kept_when_asked(tmp_path: Path) -> None:
    config = Config.load({}, data=str(tmp_path), database_url="")
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    set_mark(config, FolderMark(long_ago, 2000))
    told: list[str] = []

    ensure(create_app, config, people=None, keep=True, now=clock.now(), say=told.append)

    assert find_mark(config) == FolderMark(long_ago, 2000)
    assert len(told) == 1


def test_an_old_demonstration_is_built_anew_and_that_is_said_first(built: APIFlask, said: list[str]) -> None:
    mark = find_mark(built.extensions["lms.config"])
    assert "older than a day" in said[0]
    assert "2,000 people" in said[1]
    assert any(line.startswith("Built in ") for line in said)
    assert mark is not None
    assert mark.people == PEOPLE


def test_the_rest_is_added_after_the_first_page_and_only_once(built: APIFlask, said: list[str]) -> None:
    served = next(place for place, line in enumerate(said) if line.startswith("Built in "))
    assert any("Certificates" in line for line in said[:served])
    assert any("Nominations" in line for line in said[served:])
    assert said[-1] == "The demonstration is complete."
    told: list[str] = []
    add_rest(create_app, built.extensions["lms.config"], say=told.append)
    assert told == []


@pytest.mark.parametrize("rest", [Rest.MISSING, Rest.BEGUN])
def test_an_incomplete_demonstration_says_so_and_is_built_again(
    app: APIFlask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, rest: Rest
) -> None:
    config: Config = app.extensions["lms.config"]
    line = 'data-testid="incomplete"'
    rebuilt: list[int] = []
    monkeypatch.setattr("lms.demo.build.build", lambda _app, _folder, people, **_options: rebuilt.append(people))
    try:
        set_mark(config, FolderMark(clock.now(), 600, rest))
        assert line in client.get("/sign-in").text
        ensure(create_app, config, people=700, keep=False, now=clock.now(), say=print)
        set_mark(config, FolderMark(clock.now(), 600))
        assert line not in client.get("/sign-in").text
        ensure(create_app, config, people=700, keep=False, now=clock.now(), say=print)
    finally:
        config.demonstration_mark.unlink()
    assert rebuilt == [700]


def test_too_few_people_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    config = Config.load({}, data=str(tmp_path), database_url="")
    with pytest.raises(Invalid, match="400"):
        ensure(create_app, config, people=10, keep=False, now=clock.now(), say=print)
    (tmp_path / "serai.db").write_bytes(b"real")
    with pytest.raises(Refused):
        ensure(create_app, config, people=None, keep=False, now=clock.now(), say=print)


def test_a_copied_series_and_a_repeat_with_a_skipped_clash_are_in_preparation(context: None) -> None:
    copied = db.session.scalars(select(Series).where(Series.slug.startswith("paperless-trade-"))).one()
    original = db.session.scalars(select(Series).where(Series.slug == "paperless-trade")).one()

    def lectures(series: Series) -> list[Lecture]:
        query = select(Lecture).where(Lecture.series_id == series.id).order_by(Lecture.starts_at)
        return list(db.session.scalars(query))

    assert [one.title for one in lectures(copied)] == [one.title for one in lectures(original)]
    gaps = [one.local_start - other.local_start
            for one, other in zip(lectures(copied), lectures(original), strict=True)
            if one.local_start and other.local_start]  # fmt: skip
    assert (len(set(gaps)), gaps[0].days % 7) == (1, 0)
    assert {one.state for one in lectures(copied)} == {LectureState.DRAFT}
    repeated = db.session.scalars(select(Lecture).where(Lecture.title.startswith("Open hour "))).all()
    days = sorted(one.local_start for one in repeated if one.local_start)
    weeks = [(day - days[0]).days / 7 for day in days]
    assert set(weeks) < set(range(8))
    given = select(LectureInstructor.person_id).where(LectureInstructor.lecture_id.in_([one.id for one in repeated]))
    theirs = select(LectureInstructor.lecture_id).where(LectureInstructor.person_id.in_(given))
    others = select(Lecture).where(Lecture.id.in_(theirs), Lecture.title.not_like("Open hour %"))
    # Where the instructor gives another lecture, none was made
    assert not {one.starts_at for one in repeated} & {one.starts_at for one in db.session.scalars(others)}
    assert len(days) >= 5


@pytest.mark.usefixtures("context")
def test_lectures_have_speakers_and_files_for_each_audience() -> None:
    lectures = db.session.scalar(select(func.count(LectureSpeaker.lecture_id.distinct()))) or 0
    assert lectures > 100
    assert db.session.scalar(select(func.count()).select_from(Speaker)) == len(load_instructors())
    found = db.session.execute(select(LectureFile.audience, func.count()).group_by(LectureFile.audience)).all()
    assert {audience for audience, _count in found} == set(Audience)
    kept = db.session.scalars(select(LectureFile)).all()
    assert all(files.has(file.key) for file in kept)
    assert db.session.scalar(select(func.sum(FileDownloads.count)))


@pytest.mark.usefixtures("context")
def test_messages_were_sent_stopped_and_begun() -> None:
    found = {row.state: row for row in db.session.scalars(select(Message))}
    assert set(found) == {MessageState.SENT, MessageState.STOPPED, MessageState.DRAFT}
    sent = found[MessageState.SENT]
    assert progress_of(sent).sent == sent.readers > 0


@pytest.mark.usefixtures("context")
def test_seats_are_kept_for_countries_released_and_passed_on(now: datetime) -> None:
    quotas = db.session.scalars(select(CountryQuota)).all()
    assert len(quotas) > 15
    assert {quota.released_at is None for quota in quotas} == {True, False}
    assert all((quota.kept_until > now) is (quota.released_at is None) for quota in quotas)
    whys = set(db.session.scalars(select(SeatEntry.why).distinct()))
    assert {SeatReason.ENROLLED, SeatReason.RELEASED, SeatReason.PROMOTED, SeatReason.WITHDRAWN} <= whys
    assert set(db.session.scalars(select(SeatEntry.kind).distinct())) == set(SeatKind)
    assert list(seat_differences(held_seats())) == []
