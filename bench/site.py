"""What is measured: a demonstration of its own, served; and what requests to it name."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import func, select

from bench.database import empty_database
from bench.served import ROOT, Served, free_port, serving
from bench.table import CannotMeasure
from lms.app import create_app
from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import Beat, Join
from lms.catalogue.models import Lecture, LectureState, Series
from lms.config import Config
from lms.core.database.session import db
from lms.core.time import clock
from lms.demo.build import ensure
from lms.demo.population import FEWEST
from lms.enrolment.models import Enrolment
from lms.people.models import PersonEmail

PASSWORD = "demo-only"  # noqa: S105 - the demonstration's own, said in public
ACCOUNTS = {
    "trainee": "trainee@demo.test",
    "instructor": "instructor@demo.test",
    "focal": "focal.ke@demo.test",
    "admin": "admin@demo.test",
}
_TOKEN = re.compile(rb'name="?csrf_token"?[^>]*value="?([^" >]+)')
FOLDER = ROOT / "var" / "bench"


@dataclass(frozen=True)
class Places:
    """What requests name: a held lecture of the trainee's, its series, the live lecture and its joins."""

    held: int
    series: str
    live: int
    joins: list[int]
    next_seq: int
    secret: str


class Bench:
    """Given to every topic: where to work, how much, and the site that they share, made when first asked for."""

    people = 3000
    workers = 1

    def __init__(self, folder: Path = FOLDER, *, is_tiny: bool = False, is_full: bool = False) -> None:
        self.folder = folder
        self.is_tiny = is_tiny
        self.is_full = is_full
        self._stack = ExitStack()

    def of(self, full: int, tiny: int) -> int:
        """A count: as much as a figure needs, or as little as shows that it can be taken."""
        return tiny if self.is_tiny else full

    def close(self) -> None:
        """Ends what runs."""
        self._stack.close()

    @cached_property
    def config(self) -> Config:
        """The demonstration's, built where there is none or an old one."""
        people = self.of(self.people, FEWEST)
        folder = self.folder / f"site-{people}"
        config = Config.load(data=str(folder), database_url="", log_level="ERROR", base_url="http://127.0.0.1")
        ensure(create_app, config, people=people, keep=False, now=clock.now(), say=lambda _line: None)
        return config

    @cached_property
    def prepared(self) -> Path:
        """A data folder with migrated tables and the countries, to be copied."""
        return empty_database(self.folder / "prepared")

    @cached_property
    def places(self) -> Places:
        """What requests name."""
        app = create_app(self.config)
        with app.app_context():
            try:
                return self._look(app)
            finally:
                db.session.remove()
                db.engine.dispose()

    def _look(self, app: Flask) -> Places:
        enrolled_series = (
            select(Enrolment.series_id)
            .join(PersonEmail, PersonEmail.person_id == Enrolment.person_id)
            .where(PersonEmail.key == ACCOUNTS["trainee"])
        )
        held = db.session.execute(
            select(Lecture.id, Series.slug)
            .join(Series, Series.id == Lecture.series_id)
            .join(Credit, Credit.lecture_id == Lecture.id)
            .where(Lecture.series_id.in_(enrolled_series), Lecture.state == LectureState.HELD)
            .group_by(Lecture.id, Series.slug)
            .order_by(func.count().desc())
        ).first()
        live = db.session.scalars(select(Lecture.id).where(Lecture.state == LectureState.LIVE)).first()
        if held is None or live is None:
            raise CannotMeasure(f"{self.config.folder} has no held lecture of the trainee's or none that is live")
        joins = list(db.session.scalars(select(Join.id).where(Join.lecture_id == live)))
        next_seq = (db.session.scalar(select(func.max(Beat.seq))) or 0) + 1
        return Places(held.id, held.slug, live, joins, next_seq, app.config["SECRET_KEY"])

    @cached_property
    def site(self) -> Served:
        """The demonstration, served by `lms serve`."""
        port = free_port()
        command = ["-m", "lms", "serve", "--port", str(port), "--workers", str(self.workers)]
        return self._stack.enter_context(serving(command, port, self.config.environment()))

    @cached_property
    def empty(self) -> Served:
        """The empty page on the same server, with as many web processes."""
        port = free_port()
        command = ["-m", "bench.empty", str(port), str(self.workers)]
        return self._stack.enter_context(serving(command, port, self.config.environment()))

    def sign_in(self, who: str) -> dict[str, str]:
        """The headers of a browser in which somebody (a key of `ACCOUNTS`) has signed in by the form."""
        page = self.site.ask("/sign-in")
        token = _TOKEN.search(page.body)
        if token is None:
            raise CannotMeasure("the form for signing in has no token")
        form = {"email": ACCOUNTS[who], "password": PASSWORD, "csrf_token": token[1].decode()}
        headers = _cookie(page.headers) | {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.site.ask("/sign-in", method="POST", body=urlencode(form).encode(), headers=headers)
        if answer.status != 302:
            raise CannotMeasure(f"{ACCOUNTS[who]} cannot sign in: {answer.status}")
        return _cookie(answer.headers)

    def form(self, who: str) -> tuple[dict[str, str], str]:
        """The headers of a browser in which somebody has signed in, and the token of its forms."""
        headers = self.sign_in(who)
        page = self.site.ask("/account", headers=headers)
        token = _TOKEN.search(page.body)
        if token is None:
            raise CannotMeasure("the page of the account has no form")
        if "set-cookie" in page.headers:
            headers = _cookie(page.headers)
        return headers | {"Content-Type": "application/x-www-form-urlencoded"}, token[1].decode()

    def token(self, who: str) -> dict[str, str]:
        """The header of a script to which somebody gave a token."""
        body = json.dumps({"email": ACCOUNTS[who], "password": PASSWORD, "name": "bench"}).encode()
        headers = {"Content-Type": "application/json"}
        answer = self.site.ask("/api/v1/tokens", method="POST", body=body, headers=headers)
        if answer.status not in (200, 201):
            raise CannotMeasure(f"{ACCOUNTS[who]} gets no token: {answer.status}")
        return {"Authorization": f"Bearer {json.loads(answer.body)['token']}"}


def _cookie(headers: dict[str, str]) -> dict[str, str]:
    return {"Cookie": headers["set-cookie"].partition(";")[0]}
