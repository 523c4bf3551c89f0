"""Files made in the background: all of them, once, whole, whoever is killed midway."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.certificates import keys, numbers
from lms.certificates.actions import awards, batch_render, changes
from lms.certificates.models import Certificate
from lms.certificates.pdf import store as printing
from lms.certificates.pdf.check import check_pdf
from lms.certificates.queries import certificates
from lms.core.background import jobs
from lms.core.background.jobs import Job
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.folder_files import FolderFiles
from lms.core.text.typesetting import CannotRender
from tests.certificates.conftest import Programme
from tests.certificates.revisions import first_revision
from tests.faults.forks import alive_in_group

Make = Callable[..., Programme]


def rows() -> list[Certificate]:
    return list(db.session.scalars(select(Certificate).order_by(Certificate.id)))


@pytest.fixture
def issued(app: APIFlask, programme: Make, at: datetime) -> Programme:
    made = programme({f"Person {place}": "aaa" for place in range(3)})
    with app.app_context():
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    return made


def test_issuing_in_the_background_makes_the_files_too(
    app: APIFlask, programme: Make, administrator: Actor, at: datetime
) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa", "Cy": "---"})
    with app.app_context():
        awards.request_issue(made.series_id, by=administrator, at=at)
        jobs.run_due()
        last = db.session.scalars(select(Job).order_by(Job.id.desc())).first()
        assert last is not None
        assert (last.kind, last.result, last.done) == ("render_certificates", {"made": 2, "kept": 0, "refused": []}, 2)
        for row in rows():
            kept = printing.find_pdf(row)
            assert kept is not None
            check = check_pdf(kept, keys.trusted_certificates())
            assert (check.intact, check.ours, check.number) == (True, True, numbers.write(row.number))


def test_what_is_there_is_not_made_again(
    app: APIFlask, issued: Programme, administrator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        first = certificates.get_pdf(numbers.write(rows()[0].number), by=administrator)
        told: list[tuple[int, int]] = []
        assert batch_render.fill(issued.series_id, lambda *far: told.append(far)) == batch_render.RenderResult(
            made=2, reused=1
        )
        assert told == [(3, 3)]
        monkeypatch.setattr(printing, "made", lambda *_: pytest.fail("made again"))
        assert batch_render.fill(issued.series_id, lambda *_: None) == batch_render.RenderResult(made=0, reused=3)
        assert printing.find_pdf(rows()[0]) == first


def test_one_that_cannot_be_set_holds_up_no_other(
    app: APIFlask, issued: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        bad = numbers.write(rows()[1].number)
        whole = printing.made

        def made(order: printing.Order, render_context: printing.RenderContext) -> bytes:
            if order.award.number == bad:
                raise CannotRender("no glyph")
            return whole(order, render_context)

        monkeypatch.setattr(printing, "made", made)
        result = batch_render.fill(issued.series_id, lambda *_: None)
        assert result == batch_render.RenderResult(made=2, reused=0, refused=[{"number": bad, "reason": "no glyph"}])


def test_one_that_is_withdrawn_while_it_is_made_leaves_no_file(
    app: APIFlask, issued: Programme, administrator: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        number = numbers.write(rows()[2].number)
        whole = FolderFiles.put

        def put(store: FolderFiles, key: str, content: bytes) -> None:
            if key == printing.key_of(rows()[2]):
                changes.withdraw(number, by=administrator, at=at)
            whole(store, key, content)

        monkeypatch.setattr(FolderFiles, "put", put)
        batch_render.fill(issued.series_id, lambda *_: None)
        assert [printing.is_kept(row) for row in rows()] == [True, True, False]


@pytest.mark.long
def test_processes_of_their_own_make_the_same_files(
    app: APIFlask, issued: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        here = [printing.pdf_of(row, lambda row=row: batch_render.render_jobs_of([row])[0]) for row in rows()]  # type: ignore[misc]
        for row in rows():
            printing.forget_pdf(row)
        monkeypatch.setattr(batch_render, "FEW", 0)
        monkeypatch.setattr(batch_render, "BATCH", 1)
        assert batch_render.fill(issued.series_id, lambda *_: None) == batch_render.RenderResult(made=3, reused=0)
        assert [first_revision(printing.find_pdf(row) or b"") for row in rows()] == [
            first_revision(pdf) for pdf in here
        ]


RUN = """
import sys
from lms.app import create_app
from lms.certificates.actions import batch_render
batch_render.FEW, batch_render.BATCH = 0, 2
with create_app().app_context():
    batch_render.fill(int(sys.argv[1]), lambda done, total: None)
"""


@pytest.mark.long
def test_a_press_that_is_killed_leaves_whole_files_and_is_followed_by_another(
    app: APIFlask, programme: Make, at: datetime
) -> None:
    made = programme({f"Person {place}": "aaa" for place in range(60)})
    with app.app_context():
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
        folder = files.folder() / "certificates"
        shutil.rmtree(folder, ignore_errors=True)
        environment = {**os.environ, **app.extensions["lms.config"].environment()}
        command = [sys.executable, "-c", RUN, str(made.series_id)]
        with subprocess.Popen(command, env=environment, start_new_session=True) as process:
            deadline = time.monotonic() + 60
            while len(list(folder.rglob("*.pdf"))) < 10 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 60
        while living := alive_in_group(process.pid):  # those it began end with it
            assert time.monotonic() < deadline, living
            time.sleep(0.05)
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pdf")}
        assert 10 <= len(before) < 60
        trusted = keys.trusted_certificates()
        for path in before:
            check = check_pdf(path.read_bytes(), trusted)
            assert (check.intact, check.ours) == (True, True)
        result = batch_render.fill(made.series_id, lambda *_: None)
        assert (result.made, result.reused) == (60 - len(before), len(before))
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert len(list(folder.rglob("*.pdf"))) == 60
