"""What a walk through the product takes: requests, statements, and modules of ours that somebody who follows it reads.

Counted in this process, so that the figures are the same on every machine. A module counts where a function of it ran.
They stand in docs/ARCHITECTURE.md, "What walks take": `check_document` compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from io import BytesIO
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from bench.database import copied
from bench.programme import (
    BEGAN,
    ENDED,
    SERIES,
    people_file,
    prepare_lecture,
    take_attendance,
    take_enrolments,
    zoom_file,
)
from bench.registry import topic
from bench.served import ROOT
from bench.site import Bench
from bench.table import CannotMeasure, Row
from lms.app import create_app
from lms.attendance.models.evidence import Presence
from lms.attendance_imports.queries import matching
from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.certificates.actions.awards import issue_certificates
from lms.config import Config
from lms.core.base.roles import SYSTEM, Role
from lms.core.database.session import db
from lms.core.storage import foreign_files
from lms.core.time import clock
from lms.people.actions.access import grant_role
from lms.people.actions.persons import create_person
from lms.people.actions.sessions import begin_session
from lms.people.devices import Device

_OURS = str(ROOT / "lms") + "/"
_WATCHED: dict[str, Callable[..., Any]] = {"files read": foreign_files.read_foreign, "matchings": matching.match_rows}
"""Functions whose calls are counted while a report is imported."""
_TOKEN = re.compile(r'name="?csrf_token"?[^>]*value="?([^" >]+)')
LARGE_DIFFERENCE = 5
"""From which difference on a walk is looked at."""


@dataclass
class Walk:
    """What one walk took so far. `calls` counts the functions that are watched, by name."""

    requests: int = 0
    statements: int = 0
    modules: set[str] = field(default_factory=set)
    calls: dict[str, int] = field(default_factory=dict)

    def rows(self, what: str) -> Iterator[Row]:
        """As rows of the table."""
        if self.requests:
            yield Row(f"{what}: requests", self.requests, "requests")
        yield Row(f"{what}: statements", self.statements, "statements")
        yield Row(f"{what}: modules", len(self.modules), "modules")
        shared = [name for name in self.modules if name.startswith(("core/", "web/"))]
        yield Row(f"{what}: of core and web", len(shared), "modules")
        yield from (Row(f"{what}: {name}", count, "times") for name, count in self.calls.items())


def check_document(rows: Sequence[Row], document: Path, *, is_written: bool) -> list[str]:
    """Compares walks with the table of a document, and writes the new figures if `is_written`.

    Returns a line for each figure that differs by five or more, or is in one of them only.
    """
    before, mark, rest = document.read_text(encoding="utf-8").partition("<!-- walks -->\n")
    shown, end, after = rest.partition("<!-- end of walks -->")
    if not (mark and end):
        raise CannotMeasure(f"{document.name} has no marks of walks")
    columns = ("requests", "statements", "modules", "of core and web", *_WATCHED)
    table: dict[str, dict[str, int]] = {}
    for row in rows:
        walk, _, name = row.what.partition(": ")
        table.setdefault(walk, {})[name] = int(row.measured)
    lines = [f"| walk | {' | '.join(columns)} |", "|---" + "|---:" * len(columns) + "|"]
    lines += [f"| {walk} | {' | '.join(str(of.get(name, '')) for name in columns)} |" for walk, of in table.items()]
    head, *documented_rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines()] or [[]]
    documented = {
        f"{walk}: {name}": int(figure)
        for walk, *figures in documented_rows[1:]
        for name, figure in zip(head[1:], figures, strict=True)
        if figure
    }
    measured = {f"{walk}: {name}": figure for walk, of in table.items() for name, figure in of.items()}
    if is_written:
        document.write_text("".join([before, mark, *(f"{line}\n" for line in lines), end, after]), encoding="utf-8")
    return [
        f"{what}: {measured.get(what, 'nothing')} in place of {documented.get(what, 'nothing')}"
        for what in sorted(documented.keys() | measured.keys())
        if what not in documented or what not in measured or abs(documented[what] - measured[what]) >= LARGE_DIFFERENCE
    ]


@contextmanager
def walking(watched: Mapping[str, Callable[..., Any]] = MappingProxyType({})) -> Iterator[Walk]:
    """Counts what this thread does until the end of the block, and how often `watched` functions run."""
    walk = Walk(calls=dict.fromkeys(watched, 0))
    codes = {function.__code__: name for name, function in watched.items()}

    def entered(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call" and frame.f_code.co_filename.startswith(_OURS):
            if frame.f_code.co_filename.endswith(".py") and frame.f_code.co_name != "<module>":
                walk.modules.add(frame.f_code.co_filename.removeprefix(_OURS))
            if frame.f_code in codes:
                walk.calls[codes[frame.f_code]] += 1

    def asked(*_given: object) -> None:
        walk.statements += 1

    event.listen(Engine, "before_cursor_execute", asked)
    sys.setprofile(entered)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        event.remove(Engine, "before_cursor_execute", asked)


@topic("walks")
def walks(bench: Bench) -> Iterator[Row]:
    """Imports a report on the pages, enrols, opens the exact totals, and issues a certificate that was earned."""
    count = bench.of(100, 4)
    config = Config.load(data=str(copied(bench.prepared, bench.folder / "walks")), database_url="", log_level="ERROR")
    config.demonstration_mark.write_text("{}")  # no second factor
    app = create_app(config)
    with app.app_context():
        secret = _session("lecturer@bench.example", Role.INSTRUCTOR)
        reporter, trainee = _session("reporter@bench.example", Role.REPORTER), _session("trainee@bench.example")
        lecture_id = prepare_lecture("lecturer@bench.example")
        take_enrolments(people_file(count))
        _plan_open_series()
    client = _client(app, secret)
    page = f"/lectures/{lecture_id}/attendance/import"
    client.get(page)  # what is made once a process is made now
    for number, (what, zone) in enumerate((("import a Zoom report", "UTC"), ("the same without a time zone", ""))):
        somebody = f"Somebody Else {number},,03/04/2026 06:00:00 AM,03/04/2026 07:00:00 AM,60,No,No"
        with walking(_WATCHED) as walk:
            _import(client, walk, page, zoom_file(count) + f"\n{somebody}".encode(), zone)
        yield from walk.rows(what)
    with app.app_context():
        if db.session.scalar(select(func.count(Presence.id))) != count + 2:
            raise CannotMeasure("the report was not imported")
        db.session.rollback()
    yield from _enrol(_client(app, trainee))
    with app.app_context():
        yield from _certificate(lecture_id)
    yield from _totals(_client(app, reporter))
    yield from _series(_client(app, trainee))
    with app.app_context():
        db.engine.dispose()


def _plan_open_series() -> None:
    """A series that everybody can enrol in, with a lecture to come."""
    at = clock.now()
    series = create_series(SeriesInput(slug="open", title="Open"), by=SYSTEM, at=at)
    starts_at = (at + timedelta(days=30)).replace(tzinfo=None, microsecond=0)
    draft = LectureInput(title="Open", time_zone="UTC", starts_at=starts_at, duration_minutes=90)
    schedule_lecture(series.slug, draft, by=SYSTEM, at=at)


def _client(app: Flask, secret: str) -> FlaskClient:
    """A browser that is signed in with the secret of a session."""
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = secret, True
    return client


def _enrol(client: FlaskClient) -> Iterator[Row]:
    """Sends the form that enrols in a series."""
    token = _TOKEN.search(client.get("/series/open").text)
    if token is None:
        raise CannotMeasure("the page of the series has no form")
    with walking() as walk:
        answer = client.post("/series/open/enrol", data={"csrf_token": token[1]})
    if answer.status_code != 303:
        raise CannotMeasure(f"enrolling is answered with {answer.status_code}")
    yield from walk.rows("enrol in a series")


def _totals(client: FlaskClient) -> Iterator[Row]:
    """Opens the page of exact totals, which has been opened before."""
    client.get("/admin/reports")
    with walking() as walk:
        answer = client.get("/admin/reports")
    if answer.status_code != 200:
        raise CannotMeasure(f"the totals are answered with {answer.status_code}")
    yield from walk.rows("open the exact totals")


def _series(client: FlaskClient) -> Iterator[Row]:
    """Opens the page of a series, which has been opened before."""
    client.get("/series/open")
    with walking() as walk:
        client.get("/series/open")
    yield from walk.rows("open a series")


def _certificate(lecture_id: int) -> Iterator[Row]:
    """Issues the certificates of a series of which all but one are issued already."""
    late, at = "late@bench.example", ENDED + timedelta(days=1)
    issue_certificates(SERIES, by=SYSTEM, at=at)  # the keys are made now
    take_enrolments(f"email,full_name\n{late},Late Comer".encode())
    take_attendance(lecture_id, f"email,joined_at,left_at\n{late},{BEGAN.isoformat()},{ENDED.isoformat()}\n".encode())
    with walking() as walk:
        issued = issue_certificates(SERIES, by=SYSTEM, at=at)
    if issued["issued"] != 1:
        raise CannotMeasure(f"{issued['issued']} certificates were issued")
    yield from walk.rows("issue one certificate")


def _session(email: str, *roles: Role) -> str:
    """Makes a person; returns the secret of a session that is signed in."""
    at = clock.now()
    person = create_person(full_name="Somebody", email=email, by=SYSTEM, at=at)
    for role in roles:
        grant_role(person.public_id, role, by=SYSTEM, at=at)
    return begin_session(person.id, Device("Firefox", "Linux"), lasts=timedelta(days=1), at=at)


def _import(client: FlaskClient, walk: Walk, page: str, report: bytes, zone: str) -> None:
    """Uploads a report and presses on, as somebody in a browser does, until it is imported."""

    def ask(method: str, where: str, **form: Any) -> Any:
        answer = client.open(
            where, method=method, data=form or None, content_type="multipart/form-data" if form else None
        )
        walk.requests += 1
        if answer.status_code >= 400 and answer.status_code != 422:
            raise CannotMeasure(f"{where} is answered with {answer.status_code}")
        return answer

    shown = ask("GET", page)
    sent: dict[str, Any] = {"file": (BytesIO(report), "zoom.csv"), "time_zone": zone, "date_order": "mdy"}
    for _turn in range(4):
        form = re.search(r'<form method="?post"?( action="?([^" >]+))?[^>]*class="?stack', shown.text)
        token = _TOKEN.search(shown.text)
        if form is None or token is None:
            raise CannotMeasure(
                f"there is no form at {page}: {shown.status_code} {shown.location} {shown.text[-3000:]}"
            )
        page = unescape(form[2]) if form[2] else page
        shown = ask("POST", page, csrf_token=token[1], **sent)
        if shown.status_code == 302 and sent.get("step") == "take":
            return
        if shown.status_code == 302:
            page = shown.location
            shown = ask("GET", page)
        sent = {"step": "take"}
        if 'value="answer"' in shown.text or "value=answer" in shown.text:
            sent = {"step": "answer", "time_zone": "UTC", "date_order": "mdy"}
    raise CannotMeasure("the report was not imported after four forms")
