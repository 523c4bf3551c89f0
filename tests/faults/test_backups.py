"""Backups of a site that people write to, and kill -9 in the middle of a backup."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from lms.app import create_app
from lms.attendance.models.evidence import Beat
from lms.certificates.actions import batch_render
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.verification.file_verification import VerdictState, verdict_of_file
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from tests.faults.conftest import Site, own_database
from tests.faults.forks import Forked
from tests.faults.test_kills import NOBODY_ANSWERS, Viewers, graduates, rows_of
from tests.tables import postgresql_tools
from tests.waiting import until

pytestmark = pytest.mark.long
PEOPLE = batch_render.FEW
"""As many as get their files without processes of their own, which would take longer than all the rest of the site."""


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """A site on each database, with certificates and their files."""
    tools = postgresql_tools() if database_url else ""
    made = Site(tmp_path / "data", database_url, postgresql_tools=tools)
    series_id = graduates(made, PEOPLE)

    def certify() -> None:
        issue_certificates(series_id, by=SYSTEM, at=clock.now())
        batch_render.fill(series_id, lambda done, total: None)

    made.within(certify)
    yield made
    made.close()


@pytest.fixture
def target(site: Site, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Config]:
    """An empty place to restore into."""
    with contextlib.ExitStack() as stack:
        url = ""
        if site.config.database_url:
            url = stack.enter_context(own_database(request.getfixturevalue("postgresql_url")))
        values = site.config.environment() | {"LMS_DATA": str(tmp_path / "restored"), "LMS_DATABASE_URL": url}
        yield Config(values)


def begin(config: Config, *arguments: object) -> Forked:
    """An `lms` command, in a process of its own."""
    return Forked(*arguments, environment={**os.environ, **config.environment()})


def run(config: Config, *arguments: object) -> tuple[int, str]:
    """The exit code of an `lms` command, and all that it said."""
    started = begin(config, *arguments)
    output = started.said()
    return started.wait(), output


def done(config: Config, *arguments: object) -> str:
    code, output = run(config, *arguments)
    assert code == 0, output
    return output


@contextlib.contextmanager
def served(config: Config, port: int) -> Iterator[None]:
    """A restored site, with its worker."""
    commands = [["serve", "--port", port, "--workers", 1]]
    if config.database_url:
        commands.append(["worker"])
    running = [begin(config, *command) for command in commands]

    def is_ready() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        return False

    try:
        until(is_ready)
        until(lambda: "worker: one is running" in run(config, "check", "--quick")[1])
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


def test_a_backup_while_four_clients_write_restores_to_a_site_in_which_nothing_is_wrong(
    site: Site, target: Config, tmp_path: Path
) -> None:
    viewers = Viewers(site, 2)
    staff = site.make.headers(site.make.person("Lin Yuhan", roles=["administrator"]))
    site.start()
    statuses: list[int] = []

    def import_people() -> None:
        for turn in itertools.count():
            if viewers.stop.is_set():
                return
            site.make.series(f"turn-{turn}")
            content = rows_of(f"w{turn}n", 40)
            with contextlib.suppress(*NOBODY_ANSWERS):
                statuses.append(site.post_file(f"/api/v1/series/turn-{turn}/enrolments", content, staff)[0])

    def enrol() -> None:
        site.make.series("one-by-one")
        for turn in itertools.count():
            if viewers.stop.is_set():
                return
            body = {"email": f"one{turn}@example.org", "full_name": f"One {turn}", "country": "KE"}
            with contextlib.suppress(*NOBODY_ANSWERS):
                statuses.append(site.post("/api/v1/series/one-by-one/enrolments", body, staff)[0])

    threads = [*viewers.threads, *(threading.Thread(target=work, daemon=True) for work in (import_people, enrol))]
    for thread in threads:
        thread.start()
    until(lambda: len(viewers.acknowledged) > 20 and len(statuses) > 5)
    first, last = tmp_path / "first", tmp_path / "last"
    done(site.config, "backup", first)
    before = set(viewers.acknowledged)
    done(site.config, "backup", last, "--since", first)
    viewers.stop.set()
    for thread in threads:
        thread.join(60)
    site.kill()
    assert set(statuses) <= {200, 201}
    manifest = json.loads((last / "manifest.json").read_text())
    pdfs = sorted(path for path in manifest["files"] if path.endswith(".pdf"))
    assert len(pdfs) == PEOPLE
    assert all((last / path).samefile(first / path) for path in pdfs)

    done(target, "restore", last)
    with served(target, site.port):
        output = done(target, "check")
    assert "faults 0" in output
    done(target, "report", "verify")
    totals = json.loads(done(target, "report", "totals", "--format", "json"))["totals"]
    assert {name: totals[name] for name in manifest["figures"]} == manifest["figures"]
    assert totals["certificates"] == PEOPLE
    app = create_app(target)
    with app.app_context():
        states = {verdict_of_file((target.folder / path).read_bytes()).state for path in pdfs}
        stored = {(row.join_id, row.seq) for row in db.session.execute(select(Beat.__table__))}
        db.session.remove()
        db.engine.dispose()
    assert states == {VerdictState.VALID}
    assert before - stored == set()
    assert stored - viewers.sent == set()


def test_a_backup_that_is_killed_is_no_backup_and_can_be_taken_again(
    site: Site, target: Config, tmp_path: Path
) -> None:
    draw = random.Random(7)
    folder, building = tmp_path / "backup", tmp_path / ".backup.unfinished"
    killed = 0
    for turn in range(4):
        started = begin(site.config, "backup", folder)
        until(lambda: building.exists() or started.poll() is not None)  # noqa: B023  awaited in this turn
        time.sleep(draw.random() * 0.1 * turn)
        started.send_signal(signal.SIGKILL)
        started.wait()
        if folder.exists():
            break
        killed += 1
        code, output = run(target, "restore", building)
        assert (code, "is not a complete backup" in output) == (1, True)
        assert not target.folder.exists()
    assert killed > 0
    if not folder.exists():
        done(site.config, "backup", folder)
    assert not building.exists()
    done(target, "restore", folder)
    done(target, "report", "verify")


def test_a_restore_that_is_killed_serves_nothing_and_can_be_run_again(
    site: Site, target: Config, tmp_path: Path
) -> None:
    draw = random.Random(11)
    folder = tmp_path / "backup"
    done(site.config, "backup", folder)
    killed = 0
    for turn in range(2):
        started = begin(target, "restore", folder)
        until(lambda: target.unfinished_restore.exists() or started.poll() is not None)  # noqa: B023  as above
        time.sleep(draw.random() * 0.4 * turn)
        started.send_signal(signal.SIGKILL)
        started.wait()
        if not target.unfinished_restore.exists():
            break  # it was done before the signal came
        killed += 1
        code, output = run(target, "serve", "--port", site.port)
        assert (code, "restore" in output) == (1, True), output
    assert killed > 0
    if target.unfinished_restore.exists():
        done(target, "restore", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    totals = json.loads(done(target, "report", "totals", "--format", "json"))["totals"]
    assert {name: totals[name] for name in manifest["figures"]} == manifest["figures"]
    done(target, "report", "verify")
    assert {str(path.relative_to(target.folder)) for path in target.folder.rglob("*.pdf")} == {
        path for path in manifest["files"] if path.endswith(".pdf")
    }
