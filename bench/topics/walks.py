"""What a walk through the product takes: requests, statements, and modules of ours that somebody who follows it reads.

Counted in this process, so that the figures are the same on every machine. A module counts where a function of it ran.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from io import BytesIO
from types import FrameType
from typing import Any

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
            yield Row(f"{what}, requests", self.requests, "requests")
        yield Row(f"{what}, statements", self.statements, "statements")
        yield Row(f"{what}, modules", len(self.modules), "modules")
        for name, count in self.calls.items():
            yield Row(f"{what}, {name}", count, "times")


@contextmanager
def walking(**watched: Callable[..., Any]) -> Iterator[Walk]:
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
    """Imports a Zoom report on the pages, answering what they ask, and issues a certificate that was earned."""
    count = bench.of(100, 4)
    config = Config.load(data=str(copied(bench.prepared, bench.folder / "walks")), database_url="", log_level="ERROR")
    config.demonstration_mark.write_text("{}")  # no second factor
    app = create_app(config)
    with app.app_context():
        secret = _instructor("lecturer@bench.example")
        lecture_id = prepare_lecture("lecturer@bench.example")
        take_enrolments(people_file(count))
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = secret, True
    page = f"/lectures/{lecture_id}/attendance/import"
    client.get(page)  # what is made once a process is made now
    for number, (what, zone) in enumerate((("import a report", "UTC"), ("import a report that is asked about", ""))):
        somebody = f"Somebody Else {number},,03/04/2026 06:00:00 AM,03/04/2026 07:00:00 AM,60,No,No"
        with walking(parses=foreign_files.read_foreign, matches=matching.match_rows) as walk:
            _import(client, walk, page, zoom_file(count) + f"\n{somebody}".encode(), zone)
        yield from walk.rows(what)
    with app.app_context():
        if db.session.scalar(select(func.count(Presence.id))) != count + 2:
            raise CannotMeasure("the report was not imported")
        db.session.rollback()
        yield from _certificate(lecture_id)
        db.engine.dispose()


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
    yield from walk.rows("issue a certificate")


def _instructor(email: str) -> str:
    """Makes an instructor; returns the secret of a session that is signed in."""
    at = clock.now()
    person = create_person(full_name="Lecturer", email=email, by=SYSTEM, at=at)
    grant_role(person.public_id, Role.INSTRUCTOR, by=SYSTEM, at=at)
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
        token = re.search(r'name="?csrf_token"?[^>]*value="?([^" >]+)', shown.text)
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
