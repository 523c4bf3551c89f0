"""Ten thousand viewers of one lecture, each with a join of its own, and their heartbeats against `lms serve`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import click
from sqlalchemy import Select, create_engine, select

from bench.database import copied, empty_database, opened
from bench.programme import people_file, take_people
from bench.served import Served, free_port, post, serving
from bench.site import Bench
from bench.table import CannotMeasure
from lms.attendance.models.evidence import Beat, Join
from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.actions.states import start_lecture
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.bulk import insert_many
from lms.core.database.session import action
from lms.core.time import clock
from lms.live.tokens import make_token

VIEWERS = 10_000
BEAT_SECONDS = 30
SECRET = "bench-only"  # noqa: S105 - of a database that is thrown away
AT_ONCE = 256
"""So many heartbeats are under way at a time, as they are behind a proxy when a wave of viewers comes."""


@dataclass(frozen=True)
class Way:
    """How the heartbeats come: at what pace (None: as fast as they are answered), on kept connections or each on its
    own."""

    name: str
    rate: float | None
    keep: bool


WAYS = (
    Way("333/s, kept connections", VIEWERS / BEAT_SECONDS, True),
    Way("333/s, a connection each", VIEWERS / BEAT_SECONDS, False),
    Way("as fast as answered, kept connections", None, True),
    Way("as fast as answered, a connection each", None, False),
)


@dataclass(frozen=True)
class Outcome:
    """What one beat of every viewer came to. Latencies count from when a beat was due; `lost`: acknowledged and not
    in the database; `extra`: there more than once or never sent."""

    way: Way
    count: int
    acknowledged: int
    seconds: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    generator_share: float
    lost: int
    extra: int

    @property
    def rate(self) -> float:
        """Acknowledged a second."""
        return self.acknowledged / self.seconds


@dataclass(frozen=True)
class Audience:
    """A data folder with a live lecture, and the joins of its viewers; on the database of `url`, if given."""

    folder: Path
    lecture_id: int
    joins: list[int]
    url: str = ""

    def beats(self, seq: int) -> list[bytes]:
        """One beat of every viewer."""
        path = f"/api/v1/lectures/{self.lecture_id}/presence"
        sent = []
        for join_id in self.joins:
            body = json.dumps({"room_token": make_token(SECRET, join_id), "seq": seq}).encode()
            sent.append(post(path, body, "text/plain"))
        return sent

    def joins_now(self) -> list[int]:
        """The joins that the database has now."""
        return self._ids(select(Join.id).order_by(Join.id))

    def stored(self, seq: int) -> list[int]:
        """The joins whose beat of this number is in the database."""
        return self._ids(select(Beat.join_id).where(Beat.seq == seq))

    def _ids(self, query: Select[int]) -> list[int]:
        engine = create_engine(self.url or f"sqlite:///{self.folder / 'serai.db'}")
        try:
            with engine.connect() as line:
                return list(line.execute(query).scalars())
        finally:
            engine.dispose()


def gather(bench: Bench, viewers: int, url: str = "") -> Audience:
    """As many people, in a database of their own, who have joined a live lecture."""
    folder = bench.folder / "viewers"
    if url:
        empty_database(folder, url)
    else:
        copied(bench.prepared, folder)
    with opened(folder, url):
        take_people(people_file(viewers))
        began = clock.now() - timedelta(minutes=10)
        lecture_id = _go_live(began)
        _join(lecture_id, viewers, began)
    audience = Audience(folder, lecture_id, [], url)
    joins = audience.joins_now()
    if len(joins) != viewers:
        raise CannotMeasure(f"{len(joins)} of {viewers} viewers have joined")
    return replace(audience, joins=joins)


def _go_live(began: datetime) -> int:
    series = create_series(SeriesInput(slug="viewers", title="Viewers"), by=SYSTEM, at=began)
    draft = LectureInput(title="Viewers", time_zone="UTC", starts_at=began.replace(tzinfo=None, microsecond=0))
    lecture_id = schedule_lecture(series.slug, draft, by=SYSTEM, at=began).id
    start_lecture(lecture_id, by=SYSTEM, at=clock.now(), started_at=began)
    return lecture_id


@action
def _join(lecture_id: int, viewers: int, began: datetime) -> None:
    rows = [
        {"lecture_id": lecture_id, "person_id": number, "joined_ms": clock.to_ms(began), "beat_seconds": BEAT_SECONDS}
        for number in range(1, viewers + 1)
    ]
    insert_many(Join.__table__, rows)


@contextmanager
def room(
    audience: Audience,
    *,
    workers: int | None = None,
    threads: int | None = None,
    mail_url: str = "",
    media_key: str = "",
) -> Iterator[Served]:
    """The audience's data, served; as many web processes and threads as the settings say unless given."""
    overrides = {"data": str(audience.folder), "database_url": audience.url, "log_level": "ERROR", "secret_key": SECRET}
    overrides |= {"mail_url": mail_url, "media_key": media_key, "base_url": "http://127.0.0.1"}
    if threads is not None:
        overrides["threads"] = str(threads)
    config = Config.load(None, **overrides)
    port = free_port()
    command = ["-m", "lms", "serve", "--port", str(port), "--workers", str(workers or config.workers)]
    with serving(command, port, config.environment()) as served:
        yield served


def send(served: Served, audience: Audience, way: Way, *, seq: int) -> Outcome:
    """One beat of every viewer. CannotMeasure where one is refused."""
    cost = served.cost(audience.beats(seq), connections=AT_ONCE, rate=way.rate, keep=way.keep)
    report = cost.report
    stored = audience.stored(seq)
    acknowledged = {audience.joins[number] for number in report.acknowledged}
    latencies = sorted(report.latencies_ms)
    return Outcome(
        way=way,
        count=len(audience.joins),
        acknowledged=len(report.acknowledged),
        seconds=report.seconds,
        cpu_ms=cost.cpu_ms,
        p50_ms=latencies[len(latencies) // 2],
        p99_ms=latencies[len(latencies) * 99 // 100],
        generator_share=report.cpu_seconds / report.seconds,
        lost=len(acknowledged - set(stored)),
        extra=len(stored) - len(set(stored) & set(audience.joins)),
    )


@click.command("viewers")
@click.option("--workers", default=(1, 2), multiple=True, show_default=True, help="Web processes; several times.")
@click.option("--threads", default=(16, 64, 128), multiple=True, show_default=True, help="Threads of each; likewise.")
@click.option("--viewers", "count", default=VIEWERS, show_default=True)
@click.option("--fast", is_flag=True, help="Only as fast as they are answered, which takes a third of the time.")
@click.option("--times", default=1, show_default=True, help="How often each is measured, in turns.")
@click.pass_obj
def compare(bench: Bench, workers: Sequence[int], threads: Sequence[int], count: int, fast: bool, times: int) -> None:
    """Compares numbers of web processes and threads for the heartbeats of ten thousand viewers, on SQLite."""
    audience = gather(bench, count)
    click.echo("workers threads  way                                      acknowledged/s  CPU ms  p50 ms   p99 ms  "
               "lost  generator's CPU")  # fmt: skip
    for processes, some in [*product(workers, threads)] * times:
        copy = replace(audience, folder=copied(audience.folder, bench.folder / "viewers-served"))
        with room(copy, workers=processes, threads=some) as served:
            send(served, copy, WAYS[2], seq=0)  # what is compiled once a process
            for seq, way in enumerate(WAYS, 1):
                if fast and way.rate is not None:
                    continue
                came = send(served, copy, way, seq=seq)
                click.echo(
                    f"{processes:7} {some:7}  {way.name:40} {came.rate:14,.0f} {came.cpu_ms:7.2f} "
                    f"{came.p50_ms:7.1f} {came.p99_ms:8.1f} {came.lost + came.extra:5} {came.generator_share:16.0%}"
                )
