"""kill -9 at seeded moments: what was acknowledged is there, what was not is absent or whole."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from lms.attendance.actions.room import open_join
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Beat, Source
from lms.catalogue.models import CertificateKind, LectureState, Policy, Series
from lms.certificates.models import Certificate
from lms.core.background.jobs import Job, JobState
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.enrolment.actions.many import publish_enrolments
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.live.tokens import make_token
from lms.people.models import Person, PersonEmail
from lms.people.people_files import stage_people
from tests.faults.conftest import Site
from tests.waiting import until

pytestmark = pytest.mark.long
NOBODY_ANSWERS = (OSError, http.client.HTTPException)


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# Heartbeats


class Viewers:
    """Many who say that they are there, and keep what was acknowledged."""

    def __init__(self, site: Site, count: int) -> None:
        self.site = site
        began = clock.now() - timedelta(minutes=10)
        series = site.make.series()
        self.lecture = site.make.lecture(series, state=LectureState.LIVE, starts_at=began, actual_start=began)
        person = site.make.person()

        @action
        def join() -> list[int]:
            return [open_join(self.lecture.id, person.id, by=SYSTEM, at=began).id for _number in range(count)]

        self.joins = site.within(join)
        self.sent: set[tuple[int, int]] = set()
        self.acknowledged: set[tuple[int, int]] = set()
        self.statuses: Counter[int] = Counter()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._watch, args=(join_id,), daemon=True) for join_id in self.joins]

    def _watch(self, join_id: int) -> None:
        path = f"/api/v1/lectures/{self.lecture.id}/presence"
        seq = 0
        while not self.stop.is_set():
            self.sent.add((join_id, seq))
            try:
                status, _body = self.site.post(path, {"room_token": make_token("tests-only", join_id), "seq": seq})
            except NOBODY_ANSWERS:
                time.sleep(0.05)
            else:
                self.statuses[status] += 1
                if status == 204:
                    self.acknowledged.add((join_id, seq))
            seq += 1

    def kept(self) -> set[tuple[int, int]]:
        return self.site.within(lambda: {(row.join_id, row.seq) for row in db.session.execute(select(Beat.__table__))})


def test_heartbeats_that_were_acknowledged_outlive_the_web_process_and_the_whole_site(site: Site) -> None:
    draw = random.Random(5)
    viewers = Viewers(site, 12)
    site.start()
    for thread in viewers.threads:
        thread.start()
    for turn in range(6):
        before = len(viewers.acknowledged)
        until(lambda wanted=before + 60: len(viewers.acknowledged) > wanted)
        time.sleep(draw.random() / 2)  # at any moment
        if turn % 2:
            site.kill()
            site.start()
        else:
            kill(site.web_processes()[:1])
    before = len(viewers.acknowledged)
    until(lambda: len(viewers.acknowledged) > before + 20)
    viewers.stop.set()
    for thread in viewers.threads:
        thread.join(30)
    stored = viewers.kept()
    assert set(viewers.statuses) == {204}
    assert len(viewers.acknowledged) > 300
    assert viewers.acknowledged - stored == set()
    assert stored - viewers.sent == set()


# Imports


def rows_of(name: str, count: int) -> bytes:
    lines = [f"{name}{number}@kill.example,{name.title()} {number},KE" for number in range(count)]
    return "\n".join(["email,full_name,country", *lines]).encode()


def standing(site: Site, series_id: int) -> tuple[int, int, int]:
    """(places, seats taken, people without an address or an address without a place) of a series."""

    def look() -> tuple[int, int, int]:
        places = db.session.scalar(
            select(func.count()).where(Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED)
        )
        taken = db.session.get_one(Series, series_id).taken
        people = db.session.scalar(select(func.count()).select_from(PersonEmail).where(PersonEmail.key.like("%@kill%")))
        everywhere = db.session.scalar(select(func.count()).select_from(Enrolment))
        db.session.rollback()
        return places or 0, taken, (people or 0) - (everywhere or 0)

    return site.within(look)


def test_an_import_is_whole_or_absent_whenever_the_site_dies(site: Site) -> None:
    count = 3000
    staff = site.make.headers(site.make.person("Zhou Anran", roles=["administrator"]))
    site.start(worker=False)
    came_out: Counter[str] = Counter()
    # how long one takes here and now, so that the kills fall into it
    undisturbed = site.make.series("undisturbed").slug
    began = time.monotonic()
    assert site.post_file(f"/api/v1/series/{undisturbed}/enrolments", rows_of("u", count), staff)[0] == 200
    takes = time.monotonic() - began
    for turn in range(8):
        series = site.make.series(f"turn-{turn}")
        path = f"/api/v1/series/turn-{turn}/enrolments"
        content = rows_of(f"t{turn}n", count)
        answers: list[int] = []

        def send(path: str = path, content: bytes = content, answers: list[int] = answers) -> None:
            with contextlib.suppress(*NOBODY_ANSWERS):
                answers.append(site.post_file(path, content, staff)[0])

        sending = threading.Thread(target=send)
        sending.start()
        time.sleep(takes * (turn + 0.5) / 8)
        if turn % 2:
            kill(site.web_processes())
        else:
            site.kill()
        sending.join(60)
        if not turn % 2:
            site.start(worker=False)
        else:
            until(lambda: answers_again(site))
        places, taken, astray = standing(site, series.id)
        assert places in (0, count)
        assert (taken, astray) == (places, 0)
        if answers:
            assert answers == [200]
            assert places == count
        came_out["acknowledged" if answers else "whole" if places else "absent"] += 1
        # the same file once more, as one does after such a thing
        assert site.post_file(path, content, staff)[0] == 200
        assert standing(site, series.id) == (count, count, 0)
    assert came_out["absent"] + came_out["whole"] > 0, came_out


def answers_again(site: Site) -> bool:
    try:
        return site.get("/healthz")[0] == 200
    except NOBODY_ANSWERS:
        return False


# Certificates


def graduates(site: Site, count: int) -> int:
    """A series with one held lecture that so many attended; answers its id."""
    began = clock.now() - timedelta(days=3)
    series = site.make.series("graduates", policy={"certificate": CertificateKind.PARTICIPATION})

    def enrol() -> None:
        people = stage_people(rows_of("g", count))
        publish_enrolments(series.id, people, skip_bad_rows=False, by=SYSTEM, at=began)

    site.within(enrol)

    def policy() -> int:
        return db.session.scalars(select(Policy.id).where(Policy.series_id == series.id)).one()

    lecture = site.make.lecture(
        series,
        state=LectureState.HELD,
        starts_at=began,
        actual_start=began,
        actual_end=began + timedelta(minutes=60),
        policy_id=site.within(policy),
    )
    policy_id = site.within(policy)

    @action
    def credit() -> None:
        query = select(Person.id).join(Enrolment, Enrolment.person_id == Person.id)
        rows = [
            {
                "lecture_id": lecture.id,
                "person_id": person_id,
                "present_ms": 3_600_000,
                "percent_tenths": 1000,
                "outcome": Outcome.ATTENDED,
                "source": Source.LIVE,
                "sector": None,
                "gender": None,
                "policy_id": policy_id,
                "computed_at": began,
            }
            for person_id in db.session.scalars(query.where(Enrolment.series_id == series.id))
        ]
        insert_many(Credit.__table__, rows)

    site.within(credit)
    return series.id


def test_a_worker_that_is_killed_while_issuing_issues_each_certificate_once(site: Site) -> None:
    draw = random.Random(23)
    count = 4000
    series_id = graduates(site, count)
    staff = site.make.headers(site.make.person("Lin Yuhan", roles=["administrator"]))
    site.start()
    status, body = site.post("/api/v1/series/graduates/certificates", {}, staff)
    assert status == 202, body
    kills = 0
    while wait_for_job(site, JobState.RUNNING, JobState.DONE) is JobState.RUNNING and kills < 5:
        time.sleep(draw.random() * 0.2)
        if state_of_job(site) is JobState.DONE:
            break
        site.kill()
        kills += 1
        site.within(let_lease_run_out)
        site.start()
    assert wait_for_job(site, JobState.DONE) is JobState.DONE

    def look() -> tuple[int, int, int]:
        rows = db.session.execute(select(Certificate.number, Certificate.award_id)).all()
        return len(rows), len({row.number for row in rows}), len({row.award_id for row in rows})

    assert kills > 0
    assert series_id > 0
    assert site.within(look) == (count, count, count)  # certificates, their numbers, who was awarded one


@action
def let_lease_run_out() -> None:
    """As if two minutes had passed."""
    past = clock.now() - timedelta(seconds=1)
    db.session.execute(update(Job).where(Job.state == JobState.RUNNING).values(leased_until=past))


def wait_for_job(site: Site, *states: JobState) -> JobState:
    """The state of the job, once it is one of these."""
    return until(lambda: (state := state_of_job(site)) in states and state, lambda: state_of_job(site))


def state_of_job(site: Site) -> JobState:
    def look() -> JobState:
        job_state = db.session.scalars(select(Job.state).where(Job.kind == "issue_certificates")).one()
        db.session.rollback()
        return job_state

    return site.within(look)
