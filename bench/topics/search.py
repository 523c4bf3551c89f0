"""Search among a million people, on both databases: what is rare, what is common, and what a focal point may see."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate
from statistics import median

from sqlalchemy import select, text

from bench.database import empty_database, opened, postgresql
from bench.registry import topic
from bench.site import Bench
from bench.table import CannotMeasure, Row
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.bulk import insert_many
from lms.core.database.search import search_words, searchable
from lms.core.database.session import action, db, is_sqlite
from lms.core.text.sorting import sort_key
from lms.enrolment.queries.sharing import seen_in_search
from lms.people.models import BEGINNING, Country, Person, PersonCountry, PersonEmail
from lms.people.queries.finding import find_organisations, find_people

AT = datetime(2026, 11, 27, tzinfo=UTC)
AT_ONCE = 20_000
TIMES = 5
SYLLABLES = re.findall(
    "..",
    "sokekamaacdihubolanganmiraxuthpimuolefavirotalisimenabucoweyozapedurenughikutodalofinebisapu",
)
TYPED = (
    ("rare", "maduhupi"),
    ("two words", "so keka"),
    ("common", "mara"),
    ("two letters", "ka"),
    ("any part", "aduhu"),
    ("an address", "person77@"),
    ("nothing", "xyzzyx"),
)


@topic("search")
def search(bench: Bench) -> Iterator[Row]:
    """SQLite, then PostgreSQL."""
    people = bench.of(1_000_000, 300)
    folder = bench.folder / "search"
    with opened(empty_database(folder)):
        yield from _measured("SQLite", people)
    with postgresql(is_kept=False) as named:
        url = named("search", True)
        with opened(empty_database(folder, url), url):
            yield from _measured("PostgreSQL", people)


def _measured(where: str, people: int) -> Iterator[Row]:
    _fill(people)
    country = db.session.scalars(select(Country.id).order_by(Country.id)).first()
    if country is None:
        raise CannotMeasure("there are no countries")
    focal = Actor(person_id=1, roles=frozenset({Role.FOCAL_POINT}), country_ids=frozenset({country}))
    for what, typed in TYPED:
        yield Row(f"search, {what}, {where}", _took(typed, SYSTEM), "ms")
    for what, typed in TYPED[:3]:
        yield Row(f"search, {what}, focal point, {where}", _took(typed, focal), "ms")


def _took(typed: str, by: Actor) -> float:
    """Milliseconds of the clock to find people and organisations, each time from a new session."""
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        words = tuple(search_words(typed))
        scope = seen_in_search(by)
        find_people(words, typed=typed, scope=scope, day=AT.date(), by=by)
        find_organisations(words, scope=scope, by=by)
        times.append((time.perf_counter() - began) * 1000)
        db.session.remove()
    return median(times)


def _fill(people: int) -> None:
    """People with names of a few common and many rare words, half of them in a second script, from 100 countries."""
    chance = random.Random(1)  # noqa: S311 - the same people each time
    words = ["".join(chance.choices(SYLLABLES, k=chance.choice((1, 2, 2, 3)))) for _ in range(30_000)]
    weights = list(accumulate(1 / (place + 5) for place in range(len(words))))
    native = ["".join(chance.choices([chr(0x1780 + place) for place in range(30)], k=5)) for _ in range(20_000)]
    countries = list(db.session.scalars(select(Country.id).order_by(Country.id).limit(100)))
    for start in range(1, people + 1, AT_ONCE):
        _insert(range(start, min(start + AT_ONCE, people + 1)), chance, words, weights, native, countries)
    if not is_sqlite():
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as line:
            line.execute(text("VACUUM ANALYZE"))  # as autovacuum does


@action
def _insert(
    ids: range,
    chance: random.Random,
    words: list[str],
    weights: list[float],
    native: list[str],
    countries: list[int],
) -> None:
    people, emails, homes = [], [], []
    for number in ids:
        name = " ".join(chance.choices(words, cum_weights=weights, k=chance.choice((1, 2, 2, 3)))).title()
        native_name = " ".join(chance.choices(native, k=2)) if number % 2 else None
        organisation = f"{chance.choice(words).title()} Institute {number % 5000}"
        people.append(
            {
                "id": number,
                "public_id": f"bench-{number}",
                "canonical_id": number,
                "full_name": name,
                "sort_name": sort_key(name),
                "native_name": native_name,
                "search_name": searchable(name, native_name),
                "organisation": organisation,
                "search_organisation": searchable(organisation),
                "locale": "en",
                "created_at": AT,
            }
        )
        address = f"person{number}@example.org"
        emails.append({"person_id": number, "address": address, "key": address, "is_primary": True})
        homes.append({"person_id": number, "country_id": chance.choice(countries), "since": BEGINNING})
    insert_many(Person.__table__, people)
    insert_many(PersonEmail.__table__, emails)
    insert_many(PersonCountry.__table__, homes)
