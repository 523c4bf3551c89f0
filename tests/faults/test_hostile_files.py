"""Files that are made to hurt: what they are answered, and that everybody else is served meanwhile."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from lms.attendance.actions.room import open_join
from lms.attendance_imports.readers.reading import read_report
from lms.catalogue.models import LectureState
from lms.core.base.errors import DomainError
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action
from lms.core.storage.tables import read_table
from lms.core.time import clock
from lms.live.tokens import make_token
from lms.viewing_groups.rules import addresses_in
from tests.factories import Make
from tests.faults.conftest import Site
from tests.faults.hostile import FILES, counted_strings, one_wide_line, repeated_string

COMMANDS = [pytest.param(name, marks=pytest.mark.long) for name in ("enrolments s", "attendance 1")]
AT, HOUR = datetime.fromisoformat("2026-11-04T06:00:00+00:00"), timedelta(hours=1)
ROOT = Path(__file__).resolve().parents[2]


SLOW = ("one long string named 60,000 times", "too many attendees")
KINDS = [pytest.param(name, marks=pytest.mark.long) if name in SLOW else name for name in FILES]


@pytest.fixture(scope="module", params=KINDS)
def hostile(request: pytest.FixtureRequest) -> tuple[bytes, int, int]:
    """A file, and what it is answered as a list and as a report."""
    make, as_list, as_report = FILES[request.param]
    return make(), as_list, as_report


def test_a_list_that_is_made_to_hurt_is_refused(hostile: tuple[bytes, int, int]) -> None:
    content, status, _as_report = hostile
    with pytest.raises(DomainError) as refused:
        read_table(content)
    assert refused.value.status == status


def test_a_report_that_is_made_to_hurt_is_refused(hostile: tuple[bytes, int, int]) -> None:
    content, _as_list, status = hostile
    with pytest.raises(DomainError) as refused:
        read_report(content)
    assert refused.value.status == status


@pytest.mark.parametrize("path", ["/api/v1/series/s/enrolments", "/api/v1/lectures/{lecture}/attendance-imports"])
def test_a_file_that_kills_its_reader_is_answered_with_a_sentence(client: FlaskClient, make: Make, path: str) -> None:
    headers = make.headers(make.person(email="admin@x.example", roles=["administrator"]))
    began = clock.now() - timedelta(days=2)
    lecture = make.lecture(
        make.series(slug="s"), state="held", starts_at=began, actual_start=began,
        actual_end=began + timedelta(minutes=90),
    )  # fmt: skip
    data = {"file": (io.BytesIO(counted_strings()), "list.xlsx")}
    answer = client.post(path.format(lecture=lecture.id), data=data, headers=headers)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json is not None
    assert [error["field"] for error in answer.json["errors"]] == ["file"]


@pytest.mark.long
def test_a_site_of_one_web_process_serves_on_while_hostile_files_are_read(tmp_path: Path) -> None:
    site = Site(tmp_path, "")
    try:
        site.start(workers=1)
        (web,) = site.web_processes()
        headers = site.make.headers(site.make.person(email="admin@x.example", roles=["administrator"]))
        began = clock.now() - timedelta(minutes=10)
        series = site.make.series(slug="s")
        lecture = site.make.lecture(series, state=LectureState.LIVE, starts_at=began, actual_start=began)
        viewer = site.make.person()
        join = site.within(lambda: joined(lecture.id, viewer.id, began))
        statuses: Counter[int] = Counter()
        done = threading.Event()

        def watch() -> None:
            beat = {"room_token": make_token("tests-only", join), "seq": 0}
            while not done.is_set():
                beat["seq"] += 1
                statuses[site.post(f"/api/v1/lectures/{lecture.id}/presence", beat)[0]] += 1

        watching = threading.Thread(target=watch)
        watching.start()
        answers = [
            site.post_file("/api/v1/series/s/enrolments", content, headers)[0]
            for content in (
                counted_strings(),
                repeated_string(),
                one_wide_line(),
                b"email,full_name\na@x.example,Ana\n",
            )
        ]
        done.set()
        watching.join()
        assert answers == [422, 422, 413, 200]
        assert list(statuses) == [204]
        assert statuses[204] > 20
        assert site.web_processes() == [web]
    finally:
        site.close()


@action
def joined(lecture_id: int, person_id: int, at: datetime) -> int:
    return open_join(lecture_id, person_id, by=SYSTEM, at=at).id


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a command on a data folder with a series and a lecture."""
    site = Site(tmp_path_factory.mktemp("site"), "")
    site.make.lecture(site.make.series(slug="s"), state="held", starts_at=AT, actual_start=AT, actual_end=AT + HOUR)
    site.close()
    return {**os.environ, **site.config.environment(), "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("command", ["people", *COMMANDS])
def test_the_command_line_says_in_one_line_what_is_wrong(
    prepared: dict[str, str], tmp_path: Path, command: str
) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(counted_strings())
    arguments = [sys.executable, "-m", "lms", "import", *command.split(), str(path)]
    ran = subprocess.run(arguments, env=prepared, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("lms: This file cannot be read: ")
    assert ran.stderr.count("\n") == 1


def test_a_pasted_list_without_an_address_is_looked_through_once() -> None:
    assert addresses_in("a" * 500_000) == []  # tried from every letter it would take hours


@given(st.text(alphabet="ab@ ,;:<>()[]\"'\n\t\u2028", max_size=40))
def test_addresses_of_a_pasted_list_are_the_words_with_a_mark_within(text: str) -> None:
    expected: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for address in re.findall(r"[^\s,;:<>()\[\]\"']+@[^\s,;:<>()\[\]\"']+", line):
            expected.setdefault(address, number)
    assert addresses_in(text) == [(number, address) for address, number in expected.items()]
