"""kill -9 of the worker alone: the site goes on, what it was doing is done once, and no mail is lost."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import func, select

from lms.certificates.models import Award, Certificate
from lms.core.background.jobs import JobState
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.live.tokens import make_token
from lms.mail import outbox, sending
from lms.mail.outbox import OutboxMail
from tests.faults.conftest import Site
from tests.faults.test_kills import Viewers, graduates, let_lease_run_out, state_of_job, wait_for_job
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.long(seconds=75)


def count(table: Any) -> int:
    number = db.session.scalar(select(func.count()).select_from(table)) or 0
    db.session.rollback()
    return number


def test_a_worker_killed_alone_issues_each_certificate_once_while_the_site_goes_on(site: Site) -> None:
    draw = random.Random(31)
    people = 2500
    graduates(site, people)
    viewers = Viewers(site, 1)
    staff = site.make.headers(site.make.person("Lin Yuhan", roles=["administrator"]))
    site.start()
    status, body = site.post("/api/v1/series/graduates/certificates", {}, staff)
    assert status == 202, body
    presence = f"/api/v1/lectures/{viewers.lecture.id}/presence"
    kills = 0
    for turn in range(4):
        if wait_for_job(site, JobState.RUNNING, JobState.DONE) is JobState.DONE:
            break
        time.sleep(draw.random() * 0.15)
        if state_of_job(site) is JobState.DONE:
            break
        until(site.workers)
        site.kill_worker()
        kills += 1
        # Nobody who reads, writes or watches notices
        beat = {"room_token": make_token("tests-only", viewers.joins[0]), "seq": turn}
        assert site.get("/series")[0] == 200
        assert site.post(presence, beat)[0] == 204
        assert site.post("/api/v1/series", {"slug": f"while-{turn}", "title": "While it is gone"}, staff)[0] == 201
        # and as long as the lease runs, nobody else takes it
        site.start_worker()
        until(site.workers)
        issued = site.within(lambda: count(Certificate))
        assert state_of_job(site) is JobState.RUNNING
        assert site.within(lambda: count(Certificate)) == issued
        site.within(let_lease_run_out)
    assert wait_for_job(site, JobState.DONE) is JobState.DONE
    assert kills > 0

    def look() -> tuple[int, int, int]:
        rows = db.session.execute(select(Certificate.number, Certificate.award_id)).all()
        return len(rows), len({row.number for row in rows}), len({row.award_id for row in rows})

    assert site.within(look) == (people, people, people)
    assert site.within(lambda: count(Award)) == people


# Mail


class Postman:
    """A mail server that keeps what it takes, and may do something in the middle of taking it."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str]] = []
        self.at: dict[int, Any] = {}  # what happens before the mail of this number is answered
        self.turn = threading.Lock()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        message = message_from_bytes(envelope.content)
        with self.turn:
            self.kept.append((message["Message-ID"], message["To"]))
            then = self.at.pop(len(self.kept), None)
        if then is not None:
            then()
        return "250 OK"


@pytest.fixture
def postman() -> Iterator[tuple[Postman, str]]:
    letters = Postman()
    controller = Controller(letters, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield letters, f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


@action
def ask_for_mail(numbers: range) -> None:
    for number in numbers:
        outbox.post_mail(
            "account_notice",
            address=f"n{number}@kill.example",
            payload={"what": "password", "full_name": f"Person {number}", "changed_at": clock.now().isoformat()},
            dedupe_key=f"kill:{number}",
            at=clock.now(),
        )


def unsent() -> int:
    number = db.session.scalar(select(func.count()).where(OutboxMail.sent_at.is_(None))) or 0
    db.session.rollback()
    return number


def test_a_worker_killed_while_mailing_sends_all_and_the_same_one_under_the_same_id(
    database_url: str, tmp_path: Path, postman: tuple[Postman, str]
) -> None:
    server, address = postman
    site = Site(tmp_path, database_url, mail_url=address)
    people, killed_at = 40, (1, 8, 30)
    server.at = dict.fromkeys(killed_at, site.kill_worker)  # it was taken, and nobody hears of it
    try:
        site.within(lambda: ask_for_mail(range(people)))
        site.start(worker=False)  # the first e-mail ends the worker, perhaps before all processes were seen
        site.start_worker()
        for number in killed_at:
            until(lambda number=number: len(server.kept) >= number and number not in server.at)
            assert site.get("/series")[0] == 200
            # what is asked for once more under its key is no second mail
            site.within(lambda number=number: ask_for_mail(range(number, number + 5)))
            site.start_worker()
            until(site.workers)
        until(lambda: site.within(unsent) == 0)
    finally:
        site.close()
    assert {to for _id, to in server.kept} == {f"n{number}@kill.example" for number in range(people)}
    ids = Counter(server.kept)
    assert len(ids) == people, "each mail has one id, whoever sends it"
    assert len({message_id for message_id, _to in ids}) == people
    # only what was taken and not marked came twice
    assert people + len(killed_at) <= sum(ids.values()) <= people + len(killed_at) * sending.MARK_AFTER
