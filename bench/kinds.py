"""Kinds of requests to a demonstration: pages of each role, joins, heartbeats and corrections by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

import psycopg
from sqlalchemy import delete, func, select, update

from bench.aims import CORRECTIONS_A_SECOND, PAGES_A_SECOND, STRANGER
from bench.database import config_on, copied_to_postgresql
from bench.served import Cost, Served, get, parent_of, post
from bench.site import Bench
from bench.table import Aim, CannotMeasure
from lms.app import create_app
from lms.attendance.models.credits import Credit
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Policy
from lms.certificates.models import Award
from lms.config import Config
from lms.core.database.session import db
from lms.core.time import clock
from lms.demo.build import ensure
from lms.demo.folder import FolderMark, Rest, find_mark, set_mark
from lms.demo.population import FULL_SCALE
from lms.enrolment.invitations import invite_due
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.live.tokens import make_token
from lms.mail.outbox import OutboxMail
from lms.people.models import Person, PersonEmail, PersonToCompare

CLIENTS = 8
ROUNDS = 3
ROSTERS = (100, 2_500, 10_000)
CORRECTED = 2_500


class SizedSite(Bench):
    """A demonstration of a number of people; on the database of `url`, if given."""

    def __init__(self, bench: Bench, url: str = "", *, people: int = FULL_SCALE, workers: int = 2) -> None:
        super().__init__(bench.folder, is_tiny=bench.is_tiny)
        self.url, self.people, self.workers = url, people, workers

    @cached_property
    def config(self) -> Config:
        """The demonstration's, copied to its PostgreSQL where that has none of this folder yet."""
        built: Config = self._built()
        if not self.url:
            return built
        mark = built.folder / "copied-to"
        if mark.exists() and mark.read_text(encoding="utf-8") == self.url:
            return config_on(built, self.url)
        moved = copied_to_postgresql(built, self.url)
        mark.write_text(self.url, encoding="utf-8")
        return moved

    def _built(self) -> Config:
        """A very large one without what the worker adds later, which takes a long time and is not measured."""
        if self.people <= FULL_SCALE:
            return super().config
        config = Config.load(
            data=str(self.folder / f"site-{self.people}"),
            database_url="",
            log_level="ERROR",
            base_url="http://127.0.0.1",
        )
        if find_mark(config) is None:
            now = clock.now()
            ensure(create_app, config, people=self.people, keep=False, now=now, say=lambda _line: None, leave_rest=True)
            _leave_nothing_to_do(config, now)
            set_mark(config, FolderMark(now, self.people, Rest.ADDED))
        return config

    @cached_property
    def site(self) -> Served:
        """The demonstration, served; processes of the database count."""
        served: Served = super().site
        if self.url:
            with psycopg.connect(self.url.replace("+psycopg", "")) as line:
                backend = line.info.backend_pid
                served.also_counts.append(parent_of(backend))
        return served


def _leave_nothing_to_do(config: Config, now: datetime) -> None:
    """Has the worker of a new demonstration compare nobody, and send no invitations."""
    app = create_app(config)
    with app.app_context():
        invite_due(at=now)
        db.session.execute(delete(OutboxMail))
        db.session.execute(delete(PersonToCompare))
        db.session.commit()
        db.session.remove()
        db.engine.dispose()


@dataclass
class Kind:
    """One kind of request; `rounds` has what is sent in each."""

    name: str
    rounds: list[list[bytes]]
    aim: Aim | None = None
    accepts: tuple[int, ...] = (200, 201, 204)
    rate: float | None = None
    costs: list[tuple[Cost, Cost]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Milliseconds from when each request was due until it was answered, at `rate`."""

    @property
    def waits_of_eight(self) -> list[float]:
        """Milliseconds that eight clients waited who ask again at once."""
        return [wait for cost, _bare in self.costs for wait in cost.report.latencies_ms]

    @property
    def cpu_ms(self) -> float:
        """What one request costs all processes: the round that least else on the machine took part in."""
        return min(cost.cpu_ms for cost, _bare in self.costs)

    @property
    def bare_cpu_ms(self) -> float:
        """What an empty page costs, of the rounds beside this kind."""
        return min(bare.cpu_ms for _cost, bare in self.costs)


def make_kinds(bench: SizedSite) -> list[Kind]:
    """What is measured; corrections come last."""
    named = bench.places
    trainee, instructor, admin = (bench.sign_in(who) for who in ("trainee", "instructor", "admin"))
    lecture, series = f"/lectures/{named.held}", f"/series/{named.series}"
    app = create_app(bench.config)
    with app.app_context():
        try:
            rosters = {size: _lecture_of(size) for size in ROSTERS}
            emails, corrected = _emails(named.live), _credited(rosters[CORRECTED])
        finally:
            db.session.remove()
            db.engine.dispose()

    def page(name: str, request: bytes, count: int, aim: Aim | None = None) -> Kind:
        return Kind(name, [[request] * bench.of(count, 2)] * (ROUNDS + 2), aim, rate=PAGES_A_SECOND)

    return [
        page("home", get("/"), 1000, STRANGER),
        page("series", get(series), 1000, STRANGER),
        page("lecture", get(lecture), 1000, STRANGER),
        page("/impact", get("/impact"), 1000, STRANGER),
        page("series, trainee", get(series, trainee), 100),
        page("lecture, trainee", get(lecture, trainee), 100),
        page("/me", get("/me", trainee), 100),
        page("/teach", get("/teach", instructor), 100),
        *(
            page(f"roster of about {size:,}", get(f"/lectures/{found}/roster", admin), 100)
            for size, found in rosters.items()
        ),
        Kind("join", _joins(bench, emails)),
        Kind("heartbeat", _beats(bench)),
        Kind(
            "correction by hand",
            _corrections(bench, rosters[CORRECTED], corrected),
            accepts=(302,),
            rate=CORRECTIONS_A_SECOND,
        ),
    ]


def _lecture_of(size: int) -> int:
    """The held lecture whose roster is nearest to a size: as many as are enrolled in its series."""
    enrolled = (
        select(Enrolment.series_id, func.count().label("people"))
        .where(Enrolment.status == EnrolmentStatus.ENROLLED)
        .group_by(Enrolment.series_id)
        .subquery()
    )
    query = (
        select(Lecture.id)
        .join(enrolled, enrolled.c.series_id == Lecture.series_id)
        .where(Lecture.state == LectureState.HELD)
        .order_by(func.abs(enrolled.c.people - size), Lecture.id)
    )
    lecture_id = db.session.scalars(query).first()
    if lecture_id is None:
        raise CannotMeasure("no lecture was held")
    return lecture_id


def series_without_certificates() -> int:
    """The series with most credits in which nobody has a certificate yet. Its policy provides for them from now on."""
    query = (
        select(Lecture.series_id)
        .join(Credit, Credit.lecture_id == Lecture.id)
        .where(Lecture.series_id.not_in(select(Award.series_id)))
        .group_by(Lecture.series_id)
        .order_by(func.count().desc())
        .limit(1)
    )
    series_id = db.session.scalar(query)
    if series_id is None:
        raise CannotMeasure("every series has its certificates")
    db.session.execute(
        update(Policy).where(Policy.series_id == series_id).values(certificate=CertificateKind.PARTICIPATION)
    )
    db.session.commit()
    return series_id


def _emails(lecture_id: int) -> list[str]:
    """Addresses of people who may join the live lecture."""
    query = (
        select(PersonEmail.address)
        .join(Enrolment, Enrolment.person_id == PersonEmail.person_id)
        .join(Lecture, Lecture.series_id == Enrolment.series_id)
        .where(Lecture.id == lecture_id, Enrolment.status == EnrolmentStatus.ENROLLED)
        .order_by(PersonEmail.id)
        .limit(1000)
    )
    return list(db.session.scalars(query))


def _credited(lecture_id: int) -> list[str]:
    """The public ids of people with a credit of a lecture."""
    query = (
        select(Person.public_id)
        .join(Credit, Credit.person_id == Person.id)
        .where(Credit.lecture_id == lecture_id)
        .order_by(Person.id)
        .limit(1000)
    )
    return list(db.session.scalars(query))


def _rounds(requests: list[bytes]) -> list[list[bytes]]:
    """Requests of which no two are the same, dealt to the rounds."""
    return [requests[turn :: ROUNDS + 2] for turn in range(ROUNDS + 2)]


def _joins(bench: SizedSite, emails: list[str]) -> list[list[bytes]]:
    headers, path = bench.token("admin"), f"/api/v1/lectures/{bench.places.live}/join"
    count = bench.of(800, 8)
    return _rounds(
        [
            post(path, json.dumps({"email": emails[number % len(emails)]}).encode(), "application/json", headers)
            for number in range(count)
        ],
    )


def _beats(bench: SizedSite) -> list[list[bytes]]:
    named = bench.places
    made = []
    for number in range(bench.of(8000, 8)):
        token = make_token(named.secret, named.joins[number % len(named.joins)])
        body = json.dumps({"room_token": token, "seq": named.next_seq + number}).encode()
        made.append(post(f"/api/v1/lectures/{named.live}/presence", body, "text/plain"))
    return _rounds(made)


def _corrections(bench: SizedSite, lecture_id: int, people: list[str]) -> list[list[bytes]]:
    headers, token = bench.form("admin")
    kind = headers.pop("Content-Type")
    made = []
    for number in range(bench.of(800, 10)):
        form = {"csrf_token": token, "outcome": "excused", "reason": f"bench {token[-6:]} {number}"}
        path = f"/lectures/{lecture_id}/roster/{people[number % len(people)]}"
        made.append(post(path, urlencode(form).encode(), kind, headers))
    return _rounds(made)
