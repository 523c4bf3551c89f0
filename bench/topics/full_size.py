"""The demonstration at its full size, on both databases.

It measures what a request costs all processes that work for it, with eight clients at once, and how long people wait at
a rate that a large programme has at its busiest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median, quantiles
from urllib.parse import urlencode

import psycopg
from sqlalchemy import func, select

from bench.aims import CORRECTION_MS, CORRECTIONS_A_SECOND, PAGE_MS, PAGES_A_SECOND, SAME, STRANGER
from bench.database import copied_to_postgresql, postgresql
from bench.registry import topic
from bench.served import Cost, Served, get, parent_of, post
from bench.site import Bench
from bench.table import Aim, CannotMeasure, Row
from lms.app import create_app
from lms.attendance.models.credits import Credit
from lms.catalogue.models import Lecture, LectureState
from lms.config import Config
from lms.core.db import db
from lms.demo.population import FULL_SCALE
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.live.tokens import make_token
from lms.people.models import Person, PersonEmail

CLIENTS = 8
ROUNDS = 3
ROSTERS = (100, 2_500, 10_000)
CORRECTED = 2_500


class FullSize(Bench):
    """As large as `make demo` builds it; on the database of `url`, if given."""

    people = FULL_SCALE
    workers = 2

    def __init__(self, bench: Bench, url: str = "") -> None:
        super().__init__(bench.folder, is_tiny=bench.is_tiny)
        self.url = url

    @cached_property
    def config(self) -> Config:
        """The demonstration's."""
        built: Config = super().config
        return copied_to_postgresql(built, self.url) if self.url else built

    @cached_property
    def site(self) -> Served:
        """The demonstration, served; processes of the database count."""
        served: Served = super().site
        if self.url:
            with psycopg.connect(self.url.replace("+psycopg", "")) as line:
                backend = line.info.backend_pid
                served.also_counts.append(parent_of(backend))
        return served


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
        """What one request costs all processes."""
        return median(cost.cpu_ms for cost, _bare in self.costs)


@topic("full-size")
def full_size(bench: Bench) -> Iterator[Row]:
    """SQLite first, then PostgreSQL."""
    yield from _measured(FullSize(bench), "SQLite")
    with postgresql(is_kept=False) as named:
        yield from _measured(FullSize(bench, named("full_size", True)), "PostgreSQL")


def _measured(bench: FullSize, database: str) -> Iterator[Row]:
    """Each round asks for the empty page beside each kind, once every process is warm and nothing else runs."""
    try:
        kinds = _kinds(bench)
        nothing = [get("/")] * bench.of(2000, 10)
        for kind in kinds:
            bench.site.cost(kind.rounds[0], connections=CLIENTS, accepts=kind.accepts)
        if not bench.is_tiny:
            bench.site.wait_until_idle()
        for turn in range(bench.of(ROUNDS, 1)):
            for kind in kinds:
                bare = bench.empty.cost(nothing, connections=CLIENTS, all_processes=True)
                sent = kind.rounds[turn + 1]
                cost = bench.site.cost(sent, connections=CLIENTS, accepts=kind.accepts, all_processes=True)
                kind.costs.append((cost, bare))
        for kind in kinds:
            if kind.rate is not None:
                cost = bench.site.cost(kind.rounds[-1], connections=2 * CLIENTS, rate=kind.rate, accepts=kind.accepts)
                kind.waits = cost.report.latencies_ms
        for kind in kinds:
            yield _row(f"{database}: {kind.name}", kind)
        named = {kind.name: kind for kind in kinds}
        fewest, most = (named[f"roster of about {size:,}"].cpu_ms for size in (ROSTERS[0], ROSTERS[-1]))
        yield Row(f"{database}: the largest roster beside the smallest", most, "CPU ms", baseline=fewest, aim=SAME)
        pages = [kind for kind in kinds if kind.rate == PAGES_A_SECOND]
        slowest, name = max((quantiles(kind.waits, n=20)[18], kind.name) for kind in pages)
        yield Row(f"{database}: any page, {PAGES_A_SECOND}/s, p95 ({name})", slowest, "ms", aim=PAGE_MS)
        slowest, name = max((quantiles(kind.waits_of_eight, n=20)[18], kind.name) for kind in pages)
        yield Row(f"{database}: any page, eight at once, p95 ({name})", slowest, "ms")
        waits, name = kinds[-1].waits, f"{database}: {kinds[-1].name}, {CORRECTIONS_A_SECOND}/s"
        yield Row(f"{name}, p50", median(waits), "ms")
        yield Row(f"{name}, p99", quantiles(waits, n=100)[98], "ms", aim=CORRECTION_MS)
    finally:
        bench.close()


def _row(name: str, kind: Kind) -> Row:
    return Row(
        name,
        kind.cpu_ms,
        "CPU ms",
        baseline=median(bare.cpu_ms for _cost, bare in kind.costs),
        rate=median(cost.rate for cost, _bare in kind.costs),
        aim=kind.aim,
    )


def _kinds(bench: FullSize) -> list[Kind]:
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
        page("home", get("/"), 400, STRANGER),
        page("series", get(series), 400, STRANGER),
        page("lecture", get(lecture), 400, STRANGER),
        page("/impact", get("/impact"), 400, STRANGER),
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


def _joins(bench: FullSize, emails: list[str]) -> list[list[bytes]]:
    headers, path = bench.token("admin"), f"/api/v1/lectures/{bench.places.live}/join"
    count = bench.of(800, 8)
    return _rounds(
        [
            post(path, json.dumps({"email": emails[number % len(emails)]}).encode(), "application/json", headers)
            for number in range(count)
        ],
    )


def _beats(bench: FullSize) -> list[list[bytes]]:
    named = bench.places
    made = []
    for number in range(bench.of(8000, 8)):
        token = make_token(named.secret, named.joins[number % len(named.joins)])
        body = json.dumps({"room_token": token, "seq": named.next_seq + number}).encode()
        made.append(post(f"/api/v1/lectures/{named.live}/presence", body, "text/plain"))
    return _rounds(made)


def _corrections(bench: FullSize, lecture_id: int, people: list[str]) -> list[list[bytes]]:
    headers, token = bench.form("admin")
    kind = headers.pop("Content-Type")
    made = []
    for number in range(bench.of(800, 10)):
        form = {"csrf_token": token, "outcome": "excused", "reason": f"bench {token[-6:]} {number}"}
        path = f"/lectures/{lecture_id}/roster/{people[number % len(people)]}"
        made.append(post(path, urlencode(form).encode(), kind, headers))
    return _rounds(made)
