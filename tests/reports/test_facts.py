"""Facts in columns are counted as rows are one by one; only what changed is read again. Without a database."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from lms.attendance.facts import (
    ATTENDANCES,
    GENDERS,
    SECTORS,
    Attended,
    changed,
    columns_from,
    columns_of,
    gender_of,
    pack,
    sector_of,
    traits_of,
    unpack,
)
from lms.reports.facts import counting
from lms.reports.facts.counting import count, people_of
from lms.reports.facts.segments import SERIES_FACTS, Read, Segment, SegmentPart, joined, refreshed
from lms.reports.facts.selection import PEOPLE, Facts, FactSelection, Filters, HeldLecture
from tests.rows import each_row

FIRST = date(2020, 1, 1)
PARTNERS = [
    (date.min, frozenset[int]()),
    (date(2021, 3, 1), frozenset({1, 2})),
    (date(2022, 3, 1), frozenset({2, 3})),
]
DIMENSIONS = ("country", "region", "partner", "sector", "gender", "source", "series", "language", "year", "month")


def attendances(draw: random.Random, most: int = 30) -> list[Attended]:
    return [
        Attended(
            person,
            draw.choice([None, *range(1, 7)]),
            draw.choice(SECTORS),
            draw.choice(GENDERS),
            draw.choice(["live", "group", "replay"]),
            draw.randrange(10**7),
        )
        for person in draw.sample(range(1, 60), draw.randrange(most))
    ]


class History:
    """Facts made at random, and the same as rows: a dictionary each."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        regions = {country: draw.choice([None, "002", "019"]) for country in range(1, 7)}
        languages = {series: draw.choice(["en", "fr"]) for series in (1, 40, 90)}
        self.lectures = {
            id_: HeldLecture(id_, draw.choice([*languages]), draw.choice(["en", "fr", "ar"]), self.day())
            for id_ in draw.sample(range(1, 400), 9)
        }
        attended = {id_: attendances(draw) for id_ in [*self.lectures, 777]}  # the last is no session
        self.rows: list[dict[str, Any]] = [
            {
                **row._asdict(),
                "kind": "attendances",
                "id": id_,
                "day": lecture.day,
                "series": lecture.series_id,
                "language": lecture.language,
            }
            for id_, lecture in self.lectures.items()
            for row in attended[id_]
        ]
        of_series: dict[str, list[SegmentPart]] = {}
        for kind in ("registrations", "certificates"):
            lines = {series: [self.line(series * 100 + n) for n in range(draw.randrange(9))] for series in languages}
            of_series[kind] = joined(
                [(series, None, columns_from(SERIES_FACTS, own)) for series, own in lines.items()], SERIES_FACTS
            )
            for series, rows_of_series in lines.items():
                for person, country, traits, day, id_ in rows_of_series:
                    self.rows.append({
                        "kind": kind, "id": id_, "person": person, "country": country or None, "series": series,
                        "sector": sector_of(traits), "gender": gender_of(traits), "source": None,
                        "language": languages[series], "day": date.fromordinal(day),
                    })  # fmt: skip
        for row in self.rows:
            row["year"], row["month"] = str(row["day"].year), row["day"].isoformat()[:7]
            row["region"] = regions.get(row["country"])
            row["partner"] = row["country"] in [own for since, own in PARTNERS if since <= row["day"]][-1]
        reads: list[Read] = [(id_, None, columns_of(own)) for id_, own in attended.items()]
        some = draw.randrange(len(reads))
        parts = [*joined(reads[:some], ATTENDANCES), *joined(reads[some:], ATTENDANCES)]
        self.facts = Facts(
            self.lectures,
            parts,
            of_series["registrations"],
            of_series["certificates"],
            regions,
            languages,
            lambda: PARTNERS,
        )

    def day(self) -> date:
        return FIRST + timedelta(days=self.draw.randrange(1500))

    def line(self, id_: int) -> tuple[int, int, int, int, int]:
        traits = traits_of(self.draw.choice(SECTORS), self.draw.choice(GENDERS))
        return self.draw.randrange(1, 60), self.draw.randrange(7), traits, self.day().toordinal(), id_

    def filters(self) -> Filters:
        among = {
            name: frozenset(self.draw.choices([*(row[name] for row in self.rows), "elsewhere"], k=3))
            for name in self.draw.sample(DIMENSIONS, self.draw.randrange(3))
        }
        first, last = self.draw.choice([None, date(2021, 5, 5)]), self.draw.choice([None, date(2022, 5, 5)])
        return Filters(first, last, among)

    @staticmethod
    def _is_left(row: dict[str, Any], filters: Filters, names: Collection[str]) -> bool:
        return (filters.from_day or date.min) <= row["day"] <= (filters.to_day or date.max) and all(
            row[name] in values for name, values in filters.among.items() if name in names
        )

    def left(self, filters: Filters) -> list[dict[str, Any]]:
        return [row for row in self.rows if self._is_left(row, filters, DIMENSIONS)]

    def sessions(self, filters: Filters) -> list[dict[str, Any]]:
        """All lectures, whoever came."""
        rows = [
            {
                "id": lecture.id,
                "day": lecture.day,
                "series": lecture.series_id,
                "language": lecture.language,
                "year": str(lecture.day.year),
                "month": lecture.day.isoformat()[:7],
            }
            for lecture in self.lectures.values()
        ]
        return [row for row in rows if self._is_left(row, filters, {*DIMENSIONS} - PEOPLE)]


@each_row("seed", range(8))
def test_figures_are_those_of_rows_one_by_one(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    draw = random.Random(seed)
    # Whether pairs are marked in a table or sorted, and in how many steps, makes no difference
    monkeypatch.setattr(counting, "SPARSE", draw.choice([0, 2, 16]))
    monkeypatch.setattr(counting, "PENDING", draw.choice([3, 1000]))
    history = History(draw)
    for _turn in range(15):
        filters, dimensions = history.filters(), tuple(draw.sample(DIMENSIONS, draw.randrange(3)))
        expected: dict[Any, dict[str, list[dict[str, Any]]]] = {} if dimensions else {(): {}}
        for row in history.left(filters):
            kinds = expected.setdefault(tuple(row[name] for name in dimensions), {})
            kinds.setdefault(row["kind"], []).append(row)
        sessions: dict[Any, set[int]] = {}
        if PEOPLE.isdisjoint({*dimensions, *filters.among}):
            for row in history.sessions(filters):
                sessions.setdefault(tuple(row[name] for name in dimensions), set()).add(row["id"])
        counted = count(history.facts, filters, dimensions)
        assert counted.keys() == expected.keys() | sessions.keys()
        for key, part in counted.items():
            rows = expected.get(key, {}).get("attendances", [])
            assert (part.attendances, part.ms) == (len(rows), sum(row["ms"] for row in rows))
            assert part.people.tolist() == sorted({row["person"] for row in rows})
            assert part.countries == {row["country"] for row in rows}
            assert part.lectures == {row["id"] for row in rows} | sessions.get(key, set())
            for kind in ("registrations", "certificates"):
                assert getattr(part, kind) == len(expected.get(key, {}).get(kind, []))


@each_row("seed", range(4))
def test_a_selection_lists_the_rows_that_are_counted(seed: int) -> None:
    history = History(random.Random(seed))
    for _turn in range(10):
        filters = history.filters()
        selection, left = FactSelection(history.facts, filters), history.left(filters)
        rows = [row for row in left if row["kind"] == "attendances"]
        assert people_of(selection).tolist() == sorted({row["person"] for row in rows})
        assert selection.times().sum() == len(rows)
        rows_by_id = {id_: [row for row in rows if row["id"] == id_] for id_ in {row["id"] for row in rows}}
        assert selection.sums() == {id_: (len(one), sum(row["ms"] for row in one)) for id_, one in rows_by_id.items()}
        for id_, rows_of_id in rows_by_id.items():
            assert selection.of_lecture(id_)["person"].tolist() == sorted(row["person"] for row in rows_of_id)
        assert {lecture.id for lecture in selection.lectures()} == {row["id"] for row in history.sessions(filters)}
        registered = selection.columns(history.facts.registrations, "id", "person")
        expected = {(row["id"], row["person"]) for row in left if row["kind"] == "registrations"}
        assert {*zip(registered["id"].tolist(), registered["person"].tolist(), strict=True)} == expected


def test_only_what_changed_is_read_again() -> None:
    draw = random.Random(1)
    stored = {id_: (1, columns_of(attendances(draw))) for id_ in (3, 5, 64, 200)}
    cached: dict[int, Segment] = {}
    requested: list[int] = []

    def read(ids: Collection[int]) -> list[Read]:
        requested.extend(ids)
        return [(id_, *stored[id_]) for id_ in ids if id_ in stored]

    def refresh(*ids: int, version: int = 1) -> dict[int, list[int]]:
        requested.clear()
        versions = {id_: stored[id_][0] if id_ in stored else version for id_ in ids}
        parts = refreshed(cached, versions, read, ATTENDANCES)
        return {id_: part.segment.of(id_)["person"].tolist() for part in parts for id_ in part.owners}

    def expected(*ids: int) -> dict[int, list[int]]:
        return {id_: stored[id_][1]["person"].tolist() for id_ in ids}

    assert refresh(3, 5, 64, 200) == expected(3, 5, 64, 200)
    assert sorted(requested) == [3, 5, 64, 200]
    assert refresh(3, 5, 64, 200) == expected(3, 5, 64, 200)
    assert requested == []
    stored[5] = 2, columns_of(attendances(draw))
    assert refresh(3, 5) == expected(3, 5)
    assert requested == [5]
    stored[6] = 1, columns_of(attendances(draw))
    del stored[3]  # and what is no more is in no part, though somebody asks
    assert refresh(3, 5, 6, version=2) == expected(5, 6)
    assert sorted(requested) == [3, 6]


@each_row("seed", range(5))
def test_few_people_are_changed_within_stored_facts(seed: int) -> None:
    draw = random.Random(seed)
    before, after = attendances(draw), {row.person: row for row in attendances(draw)}
    people = {*draw.sample(range(1, 60), 20)}
    rows = [after[person] for person in people if person in after]
    expected = columns_of([*(row for row in before if row.person not in people), *rows])
    stored = unpack(ATTENDANCES, pack(ATTENDANCES, columns_of(before)))
    changed_rows = changed(stored, people, rows)
    assert pack(ATTENDANCES, changed_rows) == pack(ATTENDANCES, expected)
    assert np.all(np.diff(changed_rows["person"].astype(np.int64)) > 0)
