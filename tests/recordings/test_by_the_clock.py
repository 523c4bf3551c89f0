"""What happens to recordings by themselves: people hear of them, and old ones are deleted after notice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.attendance.actions.closing import close_attendance
from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.mail.stops import stop_unwanted
from lms.people.queries.persons import Contact, contact_of
from lms.recordings import actions
from lms.recordings.queries import find_deletion
from lms.recordings.rules import MAIL_AFTER, NOTICE
from lms.streaming.actions import begin_epoch, begin_streaming, close_epoch, end_streams, note_segments, stop_streaming
from lms.streaming.models import Track
from lms.streaming.queries import find_stream
from tests.factories import Make
from tests.recordings.recorded import held_lecture, package, record

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


def mails(template: str = "replay_open") -> list[OutboxMail]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxMail).where(OutboxMail.template == template)))


def a_lecture_with_somebody_who_missed_it(make: Make, **more: object) -> Lecture:
    series = make.series()
    make.enrolment(series, make.person(email="ada@example.org"))
    return held_lecture(make, series=series, **more)


def test_people_hear_of_a_recording_once_some_minutes_after_it_is_complete(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    lecture = a_lecture_with_somebody_who_missed_it(make, state="live", actual_end=None)
    for _again in range(2):
        session = begin_streaming(lecture.id, Track.MAIN, by=make.administrator(), at=now)
        epoch_id = begin_epoch(session.id, start_ms=0, wall_ms=clock.to_ms(now))
        note_segments(epoch_id, {"v": [2000], "a": [2000]})
        close_epoch(epoch_id)
        stop_streaming(session.public_id, chunk_count=0, at=now)
        end_streams(lecture.id, at=now)
        package(make, lecture.id, tmp_path)
        assert not jobs.run_due(at=now)
    lecture = db.session.get_one(Lecture, lecture.id)
    edit_held(lecture, now)
    monkeypatch.setattr(clock, "now", lambda: now + MAIL_AFTER + timedelta(minutes=1))
    jobs.run_due()
    (mail,) = mails()
    assert (mail.address, mail.payload["in_room"], mail.payload["was_there"]) == ("ada@example.org", True, False)
    edit_lecture(lecture.id, {"recording_url": "https://video.example.org/1"}, by=SYSTEM, at=clock.now())
    assert len(mails()) == 1
    assert stop_unwanted(mails(), at=clock.now())
    edit_lecture(lecture.id, {"recording_url": None}, by=SYSTEM, at=clock.now())
    actions.remove(lecture.id, by=SYSTEM, at=clock.now())
    assert not stop_unwanted(mails(), at=clock.now())


def edit_held(lecture: Lecture, now: datetime) -> None:
    lecture.state, lecture.actual_end = LectureState.HELD, now
    db.session.commit()


def test_nobody_hears_of_the_recording_of_a_lecture_of_long_ago(make: Make) -> None:
    ended = clock.now() - timedelta(days=15)
    lecture = a_lecture_with_somebody_who_missed_it(
        make, starts_at=ended, actual_start=ended - timedelta(hours=1), actual_end=ended
    )
    record(lecture, 20_000)
    assert actions.announce(lecture.id, at=clock.now()) is False
    assert not mails()


@pytest.fixture
def _kept_for_90_days(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["lms.config"], "recordings_kept", 90)


def sweep(at: datetime) -> None:
    actions.announce_deletions(at=at)
    actions.delete_old_recordings(at=at)
    db.session.rollback()


@pytest.mark.usefixtures("_kept_for_90_days")
def test_a_recording_is_deleted_after_its_days_and_its_lecturers_know_before(make: Make) -> None:
    teacher = make.person("Lin Yuhan", email="lin@example.org", roles=["instructor"])
    lecture = held_lecture(make, series=make.series(instructors=[teacher]), instructors=[teacher])
    folder = f"recordings/{record(lecture, 120_000).public_id}"
    files.store(f"{folder}/v.m3u8", b"#EXTM3U")
    ended = lecture.actual_end
    assert ended is not None
    sweep(ended + timedelta(days=90) - NOTICE - timedelta(hours=1))
    assert not mails("recording_deletion")
    sweep(ended + timedelta(days=90) - NOTICE)
    sweep(ended + timedelta(days=89))
    (mail,) = mails("recording_deletion")
    assert (mail.address, mail.payload["minutes"]) == ("lin@example.org", 2)
    assert datetime.fromisoformat(mail.payload["deletes_at"]) == ended + timedelta(days=90)
    assert find_stream(lecture.id, Track.MAIN) is not None
    sweep(ended + timedelta(days=90))
    assert find_stream(lecture.id, Track.MAIN) is None
    assert not files.has(f"{folder}/v.m3u8")


@pytest.mark.usefixtures("_kept_for_90_days")
def test_a_setting_that_is_new_deletes_nothing_without_notice_and_nothing_that_is_kept(make: Make) -> None:
    ended = clock.now() - timedelta(days=400)
    old, retained = (
        held_lecture(make, starts_at=ended, actual_start=ended - timedelta(hours=1), actual_end=ended)
        for _number in range(2)
    )
    record(old, 20_000)
    record(retained, 20_000)
    assert actions.keep([retained.id], is_kept=True, by=make.administrator(), at=clock.now()) == 1
    now = clock.now()
    sweep(now)
    sweep(now + NOTICE - timedelta(minutes=1))
    assert find_stream(old.id, Track.MAIN) is not None
    sweep(now + NOTICE)
    assert find_stream(old.id, Track.MAIN) is None
    assert find_stream(retained.id, Track.MAIN) is not None


@pytest.mark.usefixtures("_kept_for_90_days")
def test_notice_is_given_again_where_recordings_are_kept_for_longer_since(
    app: APIFlask, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = make.person("Lin Yuhan", email="lin@example.org", roles=["instructor"])
    lecture = held_lecture(make, series=make.series(instructors=[teacher]), instructors=[teacher])
    record(lecture, 120_000)
    ended = lecture.actual_end
    assert ended is not None
    sweep(ended + timedelta(days=80))
    monkeypatch.setattr(app.extensions["lms.config"], "recordings_kept", 180)
    sweep(ended + timedelta(days=100))
    assert find_deletion(lecture, ended + timedelta(days=100)) == ended + timedelta(days=180)
    late = ended + timedelta(days=181)  # no worker ran on the day of notice
    assert find_deletion(lecture, late) == late + NOTICE
    sweep(late)
    first, second = mails("recording_deletion")
    told = [datetime.fromisoformat(mail.payload["deletes_at"]) for mail in (first, second)]
    assert told == [ended + timedelta(days=80) + NOTICE, late + NOTICE]
    sweep(late + NOTICE - timedelta(minutes=1))
    assert find_stream(lecture.id, Track.MAIN) is not None
    sweep(late + NOTICE)
    assert find_stream(lecture.id, Track.MAIN) is None
    assert len(mails("recording_deletion")) == 2


def test_without_the_setting_nothing_is_deleted(make: Make) -> None:
    ended = clock.now() - timedelta(days=4000)
    lecture = held_lecture(make, starts_at=ended, actual_start=ended - timedelta(hours=1), actual_end=ended)
    record(lecture, 20_000)
    sweep(clock.now())
    assert find_stream(lecture.id, Track.MAIN) is not None


@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("_kept_for_90_days")
def test_two_workers_announce_a_deletion_once(app: APIFlask, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = make.person("Lin Yuhan", email="lin@example.org", roles=["instructor"])
    lecture = held_lecture(make, series=make.series(instructors=[teacher]), instructors=[teacher])
    record(lecture, 120_000)
    ended = lecture.actual_end
    assert ended is not None

    def slow_contact_of(person_ids: Sequence[int]) -> dict[int, Contact]:
        time.sleep(0.3)
        return contact_of(person_ids)

    monkeypatch.setattr(actions, "contact_of", slow_contact_of)

    def announce(seconds: int) -> None:
        with app.app_context():
            actions.announce_deletions(at=ended + timedelta(days=80, seconds=seconds))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(announce, range(2)))
    assert len(mails("recording_deletion")) == 1


def test_a_recording_of_an_outside_meeting_waits_for_its_report(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then nobody knows who missed the lecture."""
    now = clock.now()
    lecture = a_lecture_with_somebody_who_missed_it(make, join_url="https://meet.example/1")
    record(lecture, 20_000).is_uploaded = True
    db.session.commit()
    for at in (now, now + timedelta(days=1)):
        assert actions.announce(lecture.id, at=at) is False
    edit_lecture(lecture.id, {"recording_url": "https://video.example.org/1"}, by=SYSTEM, at=now)
    assert not mails()
    close_attendance(lecture.id, by=make.administrator(), at=now)
    jobs.run_due()
    (mail,) = mails()
    assert mail.payload["in_room"]
