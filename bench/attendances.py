"""Attendances in great number, put straight into the tables: many lectures of many people of eighty countries."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice

from sqlalchemy import text

from lms.core.database.session import db, is_sqlite

COUNTRIES, SERIES, YEARS = 80, 100, range(2020, 2027)
EARLY = datetime(2019, 1, 1, tzinfo=UTC)
MOVED = date(2023, 7, 1)
SECTORS = ("government", "business", "academia", "civil_society", "other", None)
GENDERS = ("female", "male", "other", None)
SOURCES = ("live", "live", "live", "live", "live", "live", "live", "group", "replay", "replay")
LANGUAGES = ("en", "fr", "ar", "zh")
BATCH = 50_000
_BESIDE = "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND type <> 'table' AND sql IS NOT NULL"
"""Indexes and triggers of a table, which are made again once its rows are there."""


def fill(people: int, lectures: int, attendances: int) -> None:
    """Fills empty tables: each lecture has as many of the attendances, each person two registrations.

    One in forty people moved to another country in 2023, one in fifty has another sector since.
    """
    draw = random.Random(11)  # noqa: S311 - the same rows each time
    with db.engine.connect() as connection:
        countries = list(connection.execute(text("SELECT id FROM country ORDER BY code")).scalars())[:COUNTRIES]
    weights = [1 / (3 + place) for place in range(COUNTRIES)]
    home = draw.choices(countries, weights, k=people)
    sector = draw.choices(SECTORS, (30, 30, 15, 10, 5, 10), k=people)
    gender = draw.choices(GENDERS, (45, 45, 2, 8), k=people)
    ids = range(1, people + 1)
    put("person", "id, public_id, canonical_id, full_name, sector, gender, locale, created_at",
         ((i, f"b{i}", i, f"Person {i}", sector[i - 1], gender[i - 1], "en", EARLY) for i in ids))  # fmt: skip
    moved = ((i, draw.choice(countries), MOVED) for i in ids if i % 40 == 0)
    put("person_country", "person_id, country_id, since",
         chain(((i, home[i - 1], date(1900, 1, 1)) for i in ids), moved))  # fmt: skip
    series = range(1, SERIES + 1)
    put("series", "id, slug, title, description, language, visibility, admission, taken, created_at",
         ((i, f"s{i}", f"Series {i}", "", LANGUAGES[i % 4], "public", "open", 0, EARLY) for i in series))  # fmt: skip
    put("policy", "id, series_id, version, min_percent, min_lectures_percent, replay_days, walk_ins, confirmed_names, "
         "created_at", ((i, i, 1, 60, 60, 30, "enrol", 0, EARLY) for i in series))  # fmt: skip
    starts = sorted(_day(draw) for _number in range(lectures))
    rows = ((i, 1 + i * SERIES // (lectures + 1), f"Lecture {i}", "", "held", "UTC", 90,
             LANGUAGES[(1 + i * SERIES // (lectures + 1)) % 4], "[]", "[]", "link", starts[i - 1], starts[i - 1],
             starts[i - 1] + timedelta(minutes=90), 1 + i * SERIES // (lectures + 1), 0, EARLY)
            for i in range(1, lectures + 1))  # fmt: skip
    put("lecture", "id, series_id, title, abstract, state, time_zone, duration_minutes, language, interpretation, "
         "materials, delivery, starts_at, actual_start, actual_end, policy_id, sequence, created_at", rows)  # fmt: skip
    put("credit", "lecture_id, person_id, present_ms, percent_tenths, outcome, source, sector, gender, policy_id, "
         "computed_at", _credits(draw, starts, people, attendances // lectures, sector, gender))  # fmt: skip
    opening = datetime(2019, 12, 1, 6, tzinfo=UTC)

    def registered(series_id: int, i: int) -> datetime:
        return opening + timedelta(days=series_id * 25 + i * 13 % 90)

    turns = ((1 + (i * 7 + turn * 31) % SERIES, i) for i in ids for turn in range(2))
    put("enrolment", "public_id, series_id, person_id, status, source, registered_at, registered_country_id, "
         "queued_at", ((f"e{i}-{own}", own, i, "enrolled", "self", registered(own, i), home[i - 1], registered(own, i))
                       for own, i in turns))  # fmt: skip
    awarded = [(i, 1 + i * 7 % SERIES, registered(1 + i * 7 % SERIES, i) + timedelta(days=120))
               for i in range(5, people + 1, 5)]  # fmt: skip
    put("award", "id, series_id, person_id, kind, awarded_at",
         ((i, own, i, "participation", at) for i, own, at in awarded))  # fmt: skip
    put("certificate", "award_id, number, state, name, series_title, lectures, hours_ms, issued_on, issued_at, "
         "design",
         ((i, f"{i:017}", "valid", "Somebody", "Series", "[]", 0, at.date(), at, 1)
          for i, _own, at in awarded))  # fmt: skip
    put("stamp", "kind, of_id, value", ((kind, i, i) for kind in ("registrations", "awards") for i in series))


def _day(draw: random.Random) -> datetime:
    return datetime(draw.choice(YEARS), 1, 1, 6, tzinfo=UTC) + timedelta(days=draw.randrange(365))


def _credits(
    draw: random.Random,
    starts: list[datetime],
    people: int,
    each: int,
    sector: list[str | None],
    gender: list[str | None],
) -> Iterator[tuple[object, ...]]:
    for lecture, start in enumerate(starts, 1):
        late = start.date() >= MOVED
        for i in sorted(draw.sample(range(1, people + 1), each)):
            then = "other" if late and i % 50 == 0 else sector[i - 1]
            yield (lecture, i, 3_240_000 + (i * 7919 + lecture * 104_729) % 2_160_000, 800, "attended",
                   SOURCES[(i + lecture * 3) % 10], then, gender[i - 1], 1, EARLY)  # fmt: skip


def put(table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Rows straight into a table, on either database."""
    raw = db.engine.raw_connection()
    try:
        cursor = raw.cursor()
        if is_sqlite():
            assert isinstance(raw.driver_connection, sqlite3.Connection)
            for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-400000", "soft_heap_limit=0"):
                cursor.execute(f"PRAGMA {pragma}")
            holes = ", ".join("?" * (columns.count(",") + 1))
            cursor.execute("BEGIN")
            beside = cursor.execute(_BESIDE, [table]).fetchall()
            for kind, name, _statement in beside:
                cursor.execute(f"DROP {kind} {name}")
            for batch in batched_rows(rows):
                cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({holes})", batch)  # noqa: S608
            for _kind, _name, statement in beside:
                cursor.execute(statement)
            cursor.execute("COMMIT")
        else:
            cursor.execute("SET session_replication_role = replica")  # no look-up for each key
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            raw.commit()
    finally:
        raw.invalidate()


def batched_rows(rows: Iterable[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    """Rows as SQLite stores them, so many at once."""
    given = iter(rows)
    while batch := list(islice(given, BATCH)):
        yield [tuple(_stored(value) if isinstance(value, date) else value for value in row) for row in batch]


@lru_cache(maxsize=10_000)
def _stored(value: date) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value.isoformat()
