"""Behind a PgBouncer in transaction mode, statements stay prepared, locks hold, and the worker asks for its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select, text

from lms.attendance.actions.room import open_join
from lms.catalogue.models import LectureState
from lms.config import Config
from lms.core.background import signals
from lms.core.background.signals import JOBS, Listener
from lms.core.base.roles import SYSTEM
from lms.core.database.postgresql import connect, is_pooled
from lms.core.database.session import action, db, one_at_a_time
from lms.core.time import clock
from lms.enrolment.models import Enrolment
from lms.live.tokens import make_token
from lms.mail.outbox import MailState, OutboxMail
from tests.engines.pgbouncer import pgbouncer
from tests.faults.conftest import Site, own_database
from tests.waiting import until

pytestmark = pytest.mark.long(seconds=40)


@pytest.fixture
def direct_url(postgresql_url: str) -> Iterator[str]:
    with own_database(postgresql_url) as url:
        yield url


@pytest.fixture
def pooled_url(direct_url: str) -> Iterator[str]:
    with pgbouncer(direct_url) as url:
        yield url


@pytest.fixture
def site(pooled_url: str, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, pooled_url)
    yield site
    site.close()


def plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)


def test_a_pool_is_told_apart_from_the_server(direct_url: str, pooled_url: str) -> None:
    with psycopg.connect(plain(pooled_url)) as pooled, psycopg.connect(plain(direct_url)) as direct:
        assert is_pooled(pooled)
        assert not is_pooled(direct)


def test_prepared_statements_survive_a_change_of_the_servers_connection(pooled_url: str) -> None:
    lines = [connect(plain(pooled_url)) for _number in range(12)]
    with ThreadPoolExecutor(12) as threads:

        def ask(line: psycopg.Connection) -> set[int]:
            servers = set()
            for number in range(60):
                row = line.execute("SELECT %s::int, pg_backend_pid()", [number], prepare=True).fetchone()
                assert row is not None
                assert row[0] == number
                servers.add(row[1])
                line.rollback() if number % 3 else line.commit()
            return servers

        servers = list(threads.map(ask, lines))
    assert any(len(pids) > 1 for pids in servers)  # or nothing was tried
    for line in lines:
        line.close()


def test_locks_end_with_their_transaction(site: Site) -> None:
    at_once, most = 0, 0

    @action
    def take_turns() -> None:
        nonlocal at_once, most
        one_at_a_time("a test")
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.01)
        at_once -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _number: site.within(take_turns), range(40)))
    assert most == 1
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert site.within(lambda: db.session.scalar(text(held))) == 0


def test_the_worker_polls_behind_a_pool_and_listens_past_it(site: Site, direct_url: str) -> None:
    stopping = threading.Event()
    pooled = Listener.of(site.config)
    pooled.start(stopping)
    direct = Listener(direct_url)
    direct.start(stopping)
    until(lambda: direct.is_listening)
    assert not pooled.is_listening
    waiter = direct.waiter(JOBS)
    waiter.wait(stopping, is_soon=True)
    began = time.monotonic()
    pooled.waiter(JOBS).wait(stopping)
    assert time.monotonic() - began < signals.NET_SECONDS, "it looks again soon, since nothing wakes it"
    stopping.set()


def join_id(site: Site, lecture_id: int, person_id: int) -> int:
    return site.within(lambda: open_join(lecture_id, person_id, by=SYSTEM, at=clock.now()).id)


def test_people_enrol_watch_and_get_their_mail_through_a_pool(site: Site) -> None:
    began = clock.now()
    series = site.make.series()
    lecture = site.make.lecture(series, state=LectureState.LIVE, starts_at=began, actual_start=began)
    people = [site.make.person(f"Reader {number}", email=f"r{number}@example.org") for number in range(16)]
    staff = site.make.headers(site.make.person("Lin Yuhan", roles=["administrator"]))
    tokens = [site.make.headers(person) for person in people]
    site.start()
    with ThreadPoolExecutor(16) as threads:
        enrolled = list(
            threads.map(lambda mine: site.post(f"/api/v1/series/{series.slug}/enrolments", {}, mine), tokens)
        )
        assert {status for status, _body in enrolled} <= {200, 201}, enrolled[0]
        joins = [join_id(site, lecture.id, person.id) for person in people]
        path = f"/api/v1/lectures/{lecture.id}/presence"

        def beat(number: int) -> int:
            join, seq = joins[number % 16], number // 16
            return site.post(path, {"room_token": make_token("tests-only", join), "seq": seq})[0]

        assert set(threads.map(beat, range(320))) == {204}
        pages = [
            "/",
            "/series",
            f"/series/{series.slug}",
            f"/lectures/{lecture.id}",
            "/impact",
            "/readyz",
            "/api/v1/series",
        ]
        assert {site.get(pages[number % len(pages)])[0] for number in range(60)} == {200}
        reports = list(threads.map(lambda _number: site.get("/api/v1/totals?by=country", staff)[0], range(16)))
        assert set(reports) == {200}

    def look() -> tuple[int, int]:
        sent = select(func.count()).where(OutboxMail.state == MailState.SENT)
        return db.session.scalar(select(func.count()).select_from(Enrolment)) or 0, db.session.scalar(sent) or 0

    until(lambda: site.within(look)[1] >= 16)
    assert site.within(look)[0] == 16


def test_the_check_says_that_the_worker_polls(site: Site, direct_url: str) -> None:
    from lms.operations.checks.database import check_pool
    from lms.operations.checks.model import CheckContext

    def texts(config: Config) -> list[str]:
        with site.app.app_context():
            return [finding.text for finding in check_pool(CheckContext(config, at=clock.now()))]

    assert texts(site.config) == ["a pool is in front of the database, so the worker looks for work twice a second"]
    environment = {**site.config.environment(), "LMS_DATABASE_DIRECT_URL": direct_url}
    assert texts(Config.load(environment)) == []
