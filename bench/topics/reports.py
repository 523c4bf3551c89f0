"""Slices and crosses of many attendances on both databases: from memory, after a restart, against plain
`COUNT(DISTINCT)`, and of fewer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from flask_migrate import upgrade
from sqlalchemy import text

from bench.aims import CROSS_MS, SLICE_MS
from bench.attendances import fill
from bench.database import empty_database, opened, postgresql
from bench.registry import topic
from bench.site import Bench
from bench.table import CannotMeasure, Row
from lms.attendance.actions.facts import rebuild_facts
from lms.core.base.roles import SYSTEM
from lms.core.database.cache_versions import memory
from lms.core.database.session import db
from lms.core.time import clock
from lms.reports.actions.public import store_series_facts
from lms.reports.facts.segments import Segment
from lms.reports.queries.figures import count
from lms.reports.rules import Slice

ROUNDS = 3
# ruff: noqa: S608 - our own words, put together
_OF_CREDITS = "SELECT count(DISTINCT c.person_id), count(*), sum(c.present_ms) FROM credit c"
_IN_LECTURE = f"{_OF_CREDITS} JOIN lecture l ON l.id = c.lecture_id WHERE c.outcome = 'attended'"
_LIVED = (
    f"{_OF_CREDITS} JOIN lecture l ON l.id = c.lecture_id JOIN person_country p ON p.person_id = c.person_id AND "
    "p.since = (SELECT max(q.since) FROM person_country q WHERE q.person_id = c.person_id AND "
    "q.since <= date(l.actual_start)) JOIN country n ON n.id = p.country_id WHERE c.outcome = 'attended'"
)
SLICES: list[tuple[str, Slice, str]] = [
    ("everything", Slice(), f"{_OF_CREDITS} WHERE c.outcome = 'attended'"),
    ("a year", Slice(from_day=date(2023, 1, 1), to_day=date(2023, 12, 31)),
     f"{_IN_LECTURE} AND l.actual_start >= '2023-01-01' AND l.actual_start < '2024-01-01'"),
    ("a series", Slice(series="s40"), f"{_IN_LECTURE} AND l.series_id = 40"),
    ("a country", Slice(country="AD"), f"{_LIVED} AND n.code = 'AD'"),
    ("a region", Slice(region="002"), f"{_LIVED} AND n.region_code IN (SELECT code FROM region WHERE code IN "
     "('015', '202', '014', '017', '018', '011'))"),
    ("a source", Slice(source="replay"), f"{_OF_CREDITS} WHERE c.outcome = 'attended' AND c.source = 'replay'"),
    ("a sector", Slice(sector="business"), f"{_OF_CREDITS} WHERE c.outcome = 'attended' AND c.sector = 'business'"),
]  # fmt: skip
CROSSES: list[tuple[str, str | None]] = [
    ("country,year", f"{_LIVED} GROUP BY n.code, substr(CAST(l.actual_start AS TEXT), 1, 4)"),
    ("sector,year", f"{_IN_LECTURE} GROUP BY c.sector, substr(CAST(l.actual_start AS TEXT), 1, 4)"),
    ("source,year", None),
    ("country,month", None),
    ("country,sector", None),
    ("country,source", None),
    ("region,gender", None),
    ("sector,gender", None),
]
SEGMENTS = ("facts", "registrations", "awards")
Timed = tuple[float, float, float | None]
FEWER = 200_000


@topic("reports")
def reports(bench: Bench) -> Iterator[Row]:
    """Each question at the full number and at 200,000, in one process; on SQLite, then on PostgreSQL."""
    attendances = bench.of(10_000_000 if bench.is_full else 1_000_000, 2_000)
    lectures = bench.of(1_000, 20)

    def on_sqlite(count: int) -> tuple[Path, str]:
        return made(bench.folder / f"reports-{count}", "", count, lectures), ""

    yield from _measured("SQLite", attendances, on_sqlite)
    with postgresql(is_kept=not bench.is_tiny) as named:

        def on_postgresql(count: int) -> tuple[Path, str]:
            folder = bench.folder / f"reports-postgresql-{count}"
            url = named(f"reports_{count}", not (folder / "made").exists())
            return made(folder, url, count, lectures), url

        yield from _measured("PostgreSQL", attendances, on_postgresql)


def _measured(database: str, attendances: int, of: Callable[[int], tuple[Path, str]]) -> Iterator[Row]:
    fewer = min(FEWER, attendances // 2)
    small, large = (_in_new_process(*of(number), with_sql=number == attendances) for number in (fewer, attendances))
    for what, (warm, _cold, sql) in large.timed.items():
        is_cross = what.startswith("by ")
        yield Row(
            f"{database}: {what}, in memory, of {attendances:,}", warm, "ms", sql,
            aim=CROSS_MS if is_cross else SLICE_MS,
        )  # fmt: skip
        yield Row(f"{database}: {what}, in memory, of {fewer:,}", small.timed[what][0], "ms")
    yield Row(f"{database}: the first question after a start", large.timed["everything"][1], "ms")
    yield Row(f"{database}: the facts in memory", large.facts_mb, "MB")
    yield Row(f"{database}: the most memory of a process that counts {attendances:,}", large.most_mb, "MB")
    yield Row(f"{database}: the same of {fewer:,}", small.most_mb, "MB")


def made(folder: Path, url: str, attendances: int, lectures: int) -> Path:
    """A data folder with so many attendances, kept for the next time; they stand in the database of `url`, if given."""
    is_there = (folder / "made").exists()
    if not is_there:
        empty_database(folder, url)
    with opened(folder, url):
        if is_there:
            upgrade()  # it may be of an earlier version
        else:
            fill(max(attendances // 10, 200), lectures, attendances)
        rebuild_facts(missing_only=True, by=SYSTEM)
        store_series_facts(by=SYSTEM)
    (folder / "made").touch()
    return folder


@dataclass(frozen=True)
class Counting:
    """What is asked → milliseconds from memory, of the first time, and of the plain SQL.

    Megabytes of the facts, and the most that the process held until it ran the plain SQL.
    """

    timed: dict[str, Timed]
    facts_mb: float
    most_mb: float


def _in_new_process(folder: Path, url: str, *, with_sql: bool) -> Counting:
    """As `count_all`, in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        return processes.submit(count_all, folder, url, with_sql=with_sql).result()


def count_all(folder: Path, url: str, *, with_sql: bool) -> Counting:
    """Asks every question. CannotMeasure where the plain SQL of a slice counts something else."""
    timed: dict[str, Timed] = {}
    counted: dict[str, tuple[int, int]] = {}
    with opened(folder, url):
        at = clock.now()
        questions: list[tuple[str, Slice, tuple[str, ...], str | None]] = []
        questions += [(name, slice_, (), sql) for name, slice_, sql in SLICES]
        questions += [(f"by {by}", Slice(), tuple(by.split(",")), sql) for by, sql in CROSSES]
        for name, slice_, dimensions, _sql in questions:

            def ask(slice_: Slice = slice_, dimensions: tuple[str, ...] = dimensions) -> tuple[int, int]:
                figures = count(slice_, dimensions, by=SYSTEM, at=at).totals
                db.session.rollback()
                return figures.participants, figures.attendances

            cold = _ms(ask)
            warm = median(_ms(ask) for _turn in range(ROUNDS))
            timed[name], counted[name] = (warm, cold, None), ask()
        segments: list[Segment] = [segment for kept in SEGMENTS for segment in memory(kept).values()]
        most_mb = _peak_mb()
        for name, slice_, _dimensions, sql in questions if with_sql else ():
            if sql:
                rows: list[tuple[int, ...]] = []
                plain = _ms(lambda sql=sql, rows=rows: rows.extend(_run(sql)))  # type: ignore[misc]
                timed[name] = (*timed[name][:2], plain)
                if slice_ != Slice() and tuple(rows[0][:2]) != counted[name]:
                    raise CannotMeasure(f"{name}: {counted[name]} people and attendances, but SQL counts {rows[0][:2]}")
    columns = [column for segment in segments for column in (segment.owner, *segment.columns.values())]
    return Counting(timed, sum(column.nbytes for column in columns) / 1e6, most_mb)


def _peak_mb() -> float:
    """The most memory this process has held, in megabytes; getrusage would count that of its parent too (proc(5))."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def _run(sql: str) -> list[tuple[int, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
