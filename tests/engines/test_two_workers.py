"""Two workers on one PostgreSQL do each thing once, and one that is killed leaves nothing undone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from lms.core.background.jobs import Job, JobState
from lms.core.background.leases import Lease
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.mail import sending
from lms.mail.outbox import OutboxMail
from lms.reports.actions.public import last_refresh
from lms.reports.models import PublicFigures
from tests.faults.conftest import Site, own_database
from tests.faults.test_kills import graduates
from tests.faults.test_worker import Postman, ask_for_mail, postman, unsent
from tests.waiting import until

__all__ = ["postman"]
pytestmark = pytest.mark.long(seconds=40)
PEOPLE = 400


@pytest.fixture
def site(postgresql_url: str, tmp_path: Path, postman: tuple[Postman, str]) -> Iterator[Site]:
    with own_database(postgresql_url) as url:
        made = Site(tmp_path, url, mail_url=postman[1])
        yield made
        made.close()


def sent_to(server: Postman) -> Counter[str]:
    return Counter(to for _id, to in server.kept)


def taken_and_unsent() -> int:
    number = db.session.scalar(select(func.count()).where(OutboxMail.attempts > 0, OutboxMail.sent_at.is_(None))) or 0
    db.session.rollback()
    return number


def test_two_workers_send_each_mail_once_and_one_of_them_keeps_house(site: Site, postman: tuple[Postman, str]) -> None:
    server, _address = postman
    graduates(site, 10)
    site.within(lambda: ask_for_mail(range(PEOPLE)))
    site.start_worker()
    site.start_worker()
    until(lambda: site.within(unsent) == 0)
    until(lambda: site.within(last_refresh) is not None)
    # A mail that is posted now leaves at once: both are told of it, and one takes it
    for number in range(PEOPLE, PEOPLE + 20):
        site.within(lambda number=number: ask_for_mail(range(number, number + 1)))
    until(lambda: site.within(unsent) == 0)
    counts = sent_to(server)
    assert set(counts) == {f"n{number}@kill.example" for number in range(PEOPLE + 20)}
    assert set(counts.values()) == {1}

    def look() -> tuple[int, set[str]]:
        refreshes = db.session.scalar(select(func.count()).select_from(PublicFigures)) or 0
        return refreshes, set(db.session.scalars(select(Lease.name)))

    refreshes, leases = site.within(look)
    assert refreshes == 1
    assert {"recurring: public figures", "recurring: compare people", "recurring: credit replays"} <= leases


def test_what_a_killed_worker_had_taken_the_other_one_does(site: Site, postman: tuple[Postman, str]) -> None:
    server, _address = postman
    killed = threading.Event()

    def kill() -> None:
        site.kill_worker()
        killed.set()

    site.start_worker()
    until(site.workers)
    server.at = {30: kill}
    site.within(lambda: ask_for_mail(range(PEOPLE)))
    assert killed.wait(60)
    assert site.within(taken_and_unsent) > 0
    site.start_worker()
    site.start_worker()

    @action
    def run_out() -> None:
        past = clock.now().replace(year=2020)
        db.session.execute(update(Lease).values(expires_at=past))
        db.session.execute(update(Job).where(Job.state == JobState.RUNNING).values(leased_until=past))

    site.within(run_out)
    until(lambda: site.within(unsent) == 0)
    counts = sent_to(server)
    assert set(counts) == {f"n{number}@kill.example" for number in range(PEOPLE)}
    # Two threads of the killed worker sent these urgent mails, and each had up to MARK_AFTER not yet marked
    assert sum(counts.values()) <= PEOPLE + 2 * sending.MARK_AFTER + 1
    held = text("SELECT count(*) FROM lease WHERE expires_at > now()")
    until(lambda: site.within(lambda: db.session.scalar(held) or 0) >= 3)
