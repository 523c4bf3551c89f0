"""A second, independent count: plain Python over plain rows, sharing nothing with the queries it checks.

Slow and simple on purpose. `lms report verify` and the tests compare the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, select

from lms.attendance import facts as columns
from lms.attendance.models.credits import Correction, Credit, LectureFacts
from lms.catalogue.models import Lecture, LecturePause, Series
from lms.certificates.models import Award, Certificate
from lms.core.db import Base, db
from lms.core.roles import SYSTEM
from lms.enrolment.models import Enrolment
from lms.people.models import Country, Partnership, Person, PersonCountry, Region
from lms.reports.models import OpeningRow
from lms.reports.queries.figures import count
from lms.reports.rules import Slice

_TABLES = (
    Person, PersonCountry, Country, Region, Partnership, Series, Lecture, LecturePause, Credit, Correction, Enrolment,
    Award,
)  # fmt: skip
QUESTIONS: tuple[tuple[str, ...], ...] = (
    (), ("country",), ("region",), ("series",), ("year",), ("month",), ("sector",), ("gender",), ("source",),
    ("language",), ("country", "year"), ("series", "sector"), ("country", "sector"), ("region", "gender"),
    ("source", "country"), ("month", "language"),
)  # fmt: skip

SLICES = (Slice(sector="government"), Slice(gender="female"), Slice(source="live"), Slice(partner=True, language="en"))
_NAMED = ("sector", "gender", "source")
_OF_PEOPLE = (*_NAMED, "country", "region", "partner")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """Something that is counted, with all that it may be filtered and grouped by."""

    kind: str
    who: int
    what: int
    day: date
    series: str
    language: str
    country: str | None
    region: str | None
    partner: bool
    sector: str | None
    gender: str | None
    source: str | None
    ms: int


class RecountRows:
    """All rows of the tables that are counted from, as they are now, and the facts in them."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.tables = {model.__tablename__: self._read(model) for model in (*_TABLES, Certificate, OpeningRow)}
        self.people = {row["id"]: row for row in self.tables["person"]}
        self.countries = {row["id"]: row for row in self.tables["country"]}
        self.series = {row["id"]: row for row in self.tables["series"]}
        self.parents = {row["code"]: row["parent_code"] for row in self.tables["region"]}
        self.histories: dict[int, list[tuple[int, date, int | None]]] = defaultdict(list)
        for row in sorted(self.tables["person_country"], key=lambda row: row["id"]):
            self.histories[self.root(row["person_id"])].append((row["person_id"], row["since"], row["country_id"]))
        self.held = {row["id"]: row for row in self.tables["lecture"] if row["state"] == "held" and row["actual_start"]}
        present = {row["lecture_id"] for row in self.tables["credit"] if row["outcome"] in ("attended", "partial")}
        self.sessions = {
            id_ for id_, row in self.held.items()
            if row["confirmed_at"] or (id_ in present and self._seconds(row) >= 5 * 60)
        }  # fmt: skip
        self.facts = [*self._attendances(), *self._registrations(), *self._certificates()]

    def _seconds(self, lecture: Row) -> float:
        """How long a held lecture was: from the second of its start to that of its end, without its pauses."""
        first, last = lecture["actual_start"], lecture["actual_end"]
        paused: int = sum(
            max(0, (min(pause["ended_at"], last) - max(pause["started_at"], first)) // timedelta(milliseconds=1))
            for pause in self.tables["lecture_pause"]
            if pause["lecture_id"] == lecture["id"] and pause["withdrawn_at"] is None
        )
        return float(int(last.timestamp()) - int(first.timestamp()) - paused / 1000)

    @staticmethod
    def _read(model: type[Base]) -> list[Row]:
        assert isinstance(model.__table__, Table)
        wide = {"lectures", "materials", "interpretation", "abstract", "description", "organisation", "job_title"}
        columns = [column for column in model.__table__.columns if column.name not in wide]
        return [dict(row) for row in db.session.execute(select(*columns)).mappings()]

    def root(self, person: int) -> int:
        """The canonical person after merges."""
        canonical_id: int | None = self.people[person]["canonical_id"]
        return person if canonical_id is None else canonical_id

    def day(self, moment: datetime) -> date:
        """The day of an instant in the reporting zone."""
        return moment.astimezone(self.zone).date()

    def country_of(self, person: int, day: date) -> int | None:
        """The country of a person (after merges) on a day: what their own row has last, else another's."""
        for mine in (True, False):
            held = [row for row in self.histories[person] if (row[0] == person) == mine and row[1] <= day]
            if held:
                return sorted(held, key=lambda row: row[1])[-1][2]
        return None

    def is_partner(self, country: int | None, day: date) -> bool:
        """Whether a country is a partner on a day."""
        return any(
            row["country_id"] == country and row["since"] <= day and (row["until"] is None or day <= row["until"])
            for row in self.tables["partnership"]
        )

    def _fact(self, kind: str, who: int, what: int, day: date, series: int, country: int | None, **more: Any) -> Fact:
        person = self.people[who]
        land = self.countries.get(country) if country is not None else None
        given = {"sector": person["sector"], "gender": person["gender"], "source": None, "ms": 0}
        given["language"] = self.series[series]["language"]
        return Fact(
            kind=kind, who=who, what=what, day=day, series=self.series[series]["slug"],
            country=land["code"] if land else None, region=land["region_code"] if land else None,
            partner=self.is_partner(country, day), **(given | more),
        )  # fmt: skip

    def _attendances(self) -> Iterator[Fact]:
        set_by_hand = {
            (row["lecture_id"], self.root(row["person_id"])): row["outcome"]
            for row in sorted(self.tables["correction"], key=lambda row: row["id"])
            if row["withdrawn_at"] is None
        }
        by_attendance: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in self.tables["credit"]:
            outcome = set_by_hand.get((row["lecture_id"], self.root(row["person_id"])), row["outcome"])
            if outcome == "attended" and row["lecture_id"] in self.held:
                by_attendance[row["lecture_id"], self.root(row["person_id"])].append(row)
        for (lecture_id, person), rows in by_attendance.items():
            lecture = self.held[lecture_id]
            day = self.day(lecture["actual_start"])
            rows.sort(key=lambda row: (row["person_id"] != person, row["person_id"]))
            yield self._fact(
                "attendance", person, lecture_id, day, lecture["series_id"], self.country_of(person, day),
                language=lecture["language"], sector=rows[0]["sector"], gender=rows[0]["gender"],
                source=rows[0]["source"], ms=max(row["present_ms"] for row in rows),
            )  # fmt: skip

    def _registrations(self) -> Iterator[Fact]:
        first: dict[tuple[int, int], Row] = {}
        for row in sorted(self.tables["enrolment"], key=lambda row: (row["registered_at"], row["id"])):
            first.setdefault((row["series_id"], self.root(row["person_id"])), row)
        for (series, person), row in first.items():
            day = self.day(row["registered_at"])
            yield self._fact("registration", person, row["id"], day, series, row["registered_country_id"])

    def _certificates(self) -> Iterator[Fact]:
        states: dict[int, set[str]] = defaultdict(set)
        for row in self.tables["certificate"]:
            states[row["award_id"]].add(str(row["state"]))
        first: dict[tuple[int, int, str], Row] = {}
        awards = [row for row in self.tables["award"] if states[row["id"]] & {"valid", "withdrawn"}]
        for row in sorted(awards, key=lambda row: ("valid" not in states[row["id"]], row["awarded_at"])):
            first.setdefault((row["series_id"], self.root(row["person_id"]), row["kind"]), row)
        for (series, person, _kind), row in first.items():
            day = self.day(row["awarded_at"])
            yield self._fact("certificate", person, row["id"], day, series, row["awarded_country_id"])

    def region_holds(self, region: str, code: str | None) -> bool:
        """Whether a region is another one or holds it."""
        while code is not None and code != region:
            code = self.parents[code]
        return code == region


def _value(fact: Fact, dimension: str) -> str | None:
    if dimension == "year":
        return str(fact.day.year)
    if dimension == "month":
        return fact.day.isoformat()[:7]
    value = getattr(fact, dimension)
    return None if value is None else str(value)


def figures(
    rows: RecountRows, slice_: Slice, dimensions: tuple[str, ...], at: datetime
) -> dict[Any, dict[str, int | float]]:
    """Key (a tuple, one value a dimension) → the figures, counted one group after the other."""
    today = rows.day(at)
    about_people = any(getattr(slice_, name) is not None for name in _OF_PEOPLE)
    by_people = about_people or bool({"country", "region", "sector", "gender", "source"}.intersection(dimensions))

    def within(day: date, series: str, language: str) -> bool:
        early = slice_.from_day is not None and day < slice_.from_day
        late = slice_.to_day is not None and day > slice_.to_day
        return not early and not late and slice_.series in (None, series) and slice_.language in (None, language)

    def is_in_slice(fact: Fact) -> bool:
        return (
            within(fact.day, fact.series, fact.language)
            and (slice_.country is None or fact.country == slice_.country)
            and (slice_.region is None or rows.region_holds(slice_.region, fact.region))
            and (slice_.partner is None or fact.partner == slice_.partner)
            and all(getattr(slice_, name) in (None, getattr(fact, name)) for name in _NAMED)
        )

    groups: dict[tuple[str | None, ...], list[Fact]] = defaultdict(list)
    for fact in rows.facts:
        if is_in_slice(fact) and (fact.kind != "attendance" or fact.what in rows.sessions):
            groups[tuple(_value(fact, name) for name in dimensions)].append(fact)
    sessions: dict[tuple[str | None, ...], set[int]] = defaultdict(set)
    for key, facts in groups.items():
        sessions[key] = {fact.what for fact in facts if fact.kind == "attendance"}
    if not by_people:
        for lecture in (rows.held[id_] for id_ in rows.sessions):
            day, series = rows.day(lecture["actual_start"]), rows.series[lecture["series_id"]]["slug"]
            if within(day, series, lecture["language"]):
                values = {"series": series, "language": lecture["language"]}
                values |= {"year": str(day.year), "month": day.isoformat()[:7]}
                sessions[tuple(values[name] for name in dimensions)].add(lecture["id"])
    older = _opening(rows, slice_, dimensions)
    if not dimensions:
        groups.setdefault((), [])
    return {
        key: _count(rows, groups.get(key, []), sessions[key], older.get(key, []), today)
        for key in {*groups, *sessions, *older}
    }


def _opening(rows: RecountRows, slice_: Slice, dimensions: tuple[str, ...]) -> dict[tuple[str | None, ...], list[Row]]:
    """The opening balances of a slice by key: none by, or under a filter of, what they do not have."""
    lacking = {"sector", "gender", "source", "language"}
    if lacking & {*dimensions, *slice_.filters}:
        return {}
    slugs = {row["id"]: row["slug"] for row in rows.series.values()}
    rows_by_key: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in rows.tables["opening_row"]:
        land = rows.countries.get(row["country_id"]) if row["country_id"] is not None else None
        region = land["region_code"] if land else None
        values = {
            "series": slugs.get(row["series_id"]) if row["series_id"] is not None else None,
            "country": land["code"] if land else None,
            "region": region,
            "year": str(row["day"].year),
            "month": row["day"].isoformat()[:7],
        }
        if (
            (slice_.from_day is None or slice_.from_day <= row["day"])
            and (slice_.to_day is None or row["day"] <= slice_.to_day)
            and slice_.series in (None, values["series"])
            and slice_.country in (None, values["country"])
            and (slice_.region is None or rows.region_holds(slice_.region, region))
            and slice_.partner in (None, rows.is_partner(row["country_id"], row["day"]))
        ):
            rows_by_key[tuple(values[name] for name in dimensions)].append(row)
    return rows_by_key


def _count(
    rows: RecountRows, facts: list[Fact], sessions: set[int], older: list[Row], today: date
) -> dict[str, int | float]:
    attendances = [fact for fact in facts if fact.kind == "attendance"]
    countries = {fact.country for fact in attendances if fact.country is not None}
    codes = {row["id"]: row["code"] for row in rows.countries.values()}
    countries |= {codes[row["country_id"]] for row in older if row["country_id"] is not None and row["attendances"] > 0}
    ids = {row["code"]: row["id"] for row in rows.countries.values()}
    hours = sum(fact.ms for fact in attendances) / 3_600_000
    return {
        "sessions": len(sessions) + len({(row["day"], row["title_key"]) for row in older}),
        "participants": len({fact.who for fact in attendances}),
        "attendances": len(attendances) + sum(row["attendances"] for row in older),
        "countries": len(countries),
        "partner_countries": sum(rows.is_partner(ids[code], today) for code in countries),
        "registrations": sum(fact.kind == "registration" for fact in facts),
        "contact_hours": int(hours * 10 + 0.5) / 10,
        "certificates": sum(fact.kind == "certificate" for fact in facts),
    }


def facts_differences(rows: RecountRows) -> list[str]:
    """Which stored facts are not what the rows say, a line each. A lecture may have none: then its rows are read."""
    expected: dict[int, dict[int, tuple[Any, ...]]] = defaultdict(dict)
    ids: dict[str | None, int | None] = {row["code"]: row["id"] for row in rows.countries.values()}
    for fact in rows.facts:
        if fact.kind == "attendance":
            values = (ids.get(fact.country), fact.sector, fact.gender, fact.source)
            expected[fact.what][fact.who] = (*values, fact.ms)
    lines = []
    for stored in db.session.scalars(select(LectureFacts).order_by(LectureFacts.lecture_id)):
        counted = expected[stored.lecture_id] if stored.lecture_id in rows.held else {}
        read = columns.unpack(columns.ATTENDANCES, stored.content)
        stored_rows = [
            (
                person,
                country or None,
                columns.sector_of(traits),
                columns.gender_of(traits),
                columns.source_of(traits),
                ms,
            )
            for person, country, traits, ms in zip(*(read[name].tolist() for name in columns.ATTENDANCES), strict=True)
        ]
        if stored_rows != [(person, *counted[person]) for person in sorted(counted)]:
            lines.append(f"lecture {stored.lecture_id}: its facts are not those of the rows")
        if stored.attendances != len(counted):
            lines.append(f"lecture {stored.lecture_id}: its facts have another number of attendances than the rows")
    return lines


def differences(rows: RecountRows, slice_: Slice, dimensions: tuple[str, ...], at: datetime) -> list[str]:
    """Where the reports and the second count disagree, a line each; empty where they agree."""
    report = count(slice_, dimensions, by=SYSTEM, at=at)
    reported: dict[Any, dict[str, int | float]] = {group.keys: group.figures.as_json() for group in report.groups}
    if not dimensions:
        reported = {(): report.totals.as_json()}
    recounted = figures(rows, slice_, dimensions, at)
    nothing = dict.fromkeys(report.totals.as_json(), 0)
    lines = []
    for key, name in product(sorted({*reported, *recounted}, key=str), nothing):
        reported_value, other = reported.get(key, nothing)[name], recounted.get(key, nothing)[name]
        if reported_value != other:
            lines.append(
                f"{name} of {'/'.join(map(str, key)) or 'everything'}: reported {reported_value}, recounted {other}"
            )
    return lines
