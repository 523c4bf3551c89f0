"""A second, independent count: plain Python over plain rows, sharing nothing with the queries it checks.

Slow and simple on purpose. `lms report verify` and the tests compare the two.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

from sqlalchemy import select

from lms.attendance import facts as columns
from lms.attendance.models.credits import LectureFacts
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.reports.queries.figures import count
from lms.reports.recounted_rows import BalanceRow, Fact, RecountRows
from lms.reports.rules import Figures, Slice

QUESTIONS: tuple[tuple[str, ...], ...] = (
    (), ("country",), ("region",), ("series",), ("year",), ("month",), ("sector",), ("gender",), ("source",),
    ("language",), ("country", "year"), ("series", "sector"), ("country", "sector"), ("region", "gender"),
    ("source", "country"), ("month", "language"),
)  # fmt: skip

SLICES = (Slice(sector="government"), Slice(gender="female"), Slice(source="live"), Slice(partner=True, language="en"))
_NAMED = ("sector", "gender", "source")
_OF_PEOPLE = (*_NAMED, "country", "region", "partner")


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
            day, series = rows.day(lecture.actual_start), rows.series[lecture.series_id].slug
            if within(day, series, lecture.language):
                values = {"series": series, "language": lecture.language}
                values |= {"year": str(day.year), "month": day.isoformat()[:7]}
                sessions[tuple(values[name] for name in dimensions)].add(lecture.id)
    older = _opening(rows, slice_, dimensions)
    if not dimensions:
        groups.setdefault((), [])
    rated = _ratings(rows, slice_, dimensions, within)
    return {
        key: _count(rows, groups.get(key, []), sessions[key], older.get(key, []), today)
        | _rated(rated.get(key, []) if key in groups or key in sessions else [])
        for key in {*groups, *sessions, *older}
    }


def _ratings(
    rows: RecountRows, slice_: Slice, dimensions: tuple[str, ...], within: Callable[[date, str, str], bool]
) -> dict[tuple[str | None, ...], list[int]]:
    """The released ratings by key; none where a slice is no sum of whole lectures, or of their cells of one attribute
    in whole quarters."""
    named = {name for name in _OF_PEOPLE if getattr(slice_, name) is not None} | {*dimensions}.intersection(_OF_PEOPLE)
    if len(named) > 1 or (named and not _may_be_of_people(slice_, dimensions)):
        return {}
    (attribute,) = named or {"total"}
    filtered = getattr(slice_, attribute, None)
    codes = {str(row.id): row.code for row in rows.countries.values()}
    by_key: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for lecture_id, released in rows.ratings.items():
        lecture = rows.held.get(lecture_id)
        if lecture is None or lecture_id not in rows.sessions:
            continue
        day, series = rows.day(lecture.actual_start), rows.series[lecture.series_id].slug
        if not within(day, series, lecture.language):
            continue
        for cell, ratings in released.get(attribute, {}).items():
            value: str | None = (codes[cell] if attribute == "country" else cell) if cell else None
            if filtered is None or value == (str(filtered).lower() if attribute == "partner" else filtered):
                values = {"series": series, "language": lecture.language, "year": str(day.year), attribute: value}
                values["month"] = day.isoformat()[:7]
                by_key[tuple(values[name] for name in dimensions)] += ratings
    return by_key


def _may_be_of_people(slice_: Slice, dimensions: tuple[str, ...]) -> bool:
    starts = slice_.from_day is None or (slice_.from_day.month % 3 == 1 and slice_.from_day.day == 1)
    end = slice_.to_day and slice_.to_day + timedelta(days=1)
    ends = end is None or (end.month % 3 == 1 and end.day == 1)
    return starts and ends and slice_.language is None and not {"month", "language"}.intersection(dimensions)


def _rated(ratings: list[int]) -> dict[str, int | float]:
    return {
        "answers": len(ratings),
        "ratings": sum(ratings),
        "satisfied": sum(rating in (4, 5) for rating in ratings),
    }


def _opening(
    rows: RecountRows, slice_: Slice, dimensions: tuple[str, ...]
) -> dict[tuple[str | None, ...], list[BalanceRow]]:
    """The opening balances of a slice by key: none by, or under a filter of, what they do not have."""
    lacking = {"sector", "gender", "source", "language"}
    if lacking & {*dimensions, *slice_.filters}:
        return {}
    slugs = {row.id: row.slug for row in rows.series.values()}
    rows_by_key: dict[tuple[str | None, ...], list[BalanceRow]] = defaultdict(list)
    for row in rows.balances:
        land = rows.countries.get(row.country_id) if row.country_id is not None else None
        region = land.region_code if land else None
        values = {
            "series": slugs.get(row.series_id) if row.series_id is not None else None,
            "country": land.code if land else None,
            "region": region,
            "year": str(row.day.year),
            "month": row.day.isoformat()[:7],
        }
        if (
            (slice_.from_day is None or slice_.from_day <= row.day)
            and (slice_.to_day is None or row.day <= slice_.to_day)
            and slice_.series in (None, values["series"])
            and slice_.country in (None, values["country"])
            and (slice_.region is None or rows.region_holds(slice_.region, region))
            and slice_.partner in (None, rows.is_partner(row.country_id, row.day))
        ):
            rows_by_key[tuple(values[name] for name in dimensions)].append(row)
    return rows_by_key


def _count(
    rows: RecountRows, facts: list[Fact], sessions: set[int], older: list[BalanceRow], today: date
) -> dict[str, int | float]:
    attendances = [fact for fact in facts if fact.kind == "attendance"]
    countries = {fact.country for fact in attendances if fact.country is not None}
    codes = {row.id: row.code for row in rows.countries.values()}
    countries |= {codes[row.country_id] for row in older if row.country_id is not None and row.attendances > 0}
    ids = {row.code: row.id for row in rows.countries.values()}
    hours = sum(fact.ms for fact in attendances) / 3_600_000
    return {
        "sessions": len(sessions) + len({(row.day, row.title_key) for row in older}),
        "participants": len({fact.who for fact in attendances}),
        "attendances": len(attendances) + sum(row.attendances for row in older),
        "countries": len(countries),
        "partner_countries": sum(rows.is_partner(ids[code], today) for code in countries),
        "registrations": sum(fact.kind == "registration" for fact in facts),
        "contact_hours": int(hours * 10 + 0.5) / 10,
        "certificates": sum(fact.kind == "certificate" for fact in facts),
    }


def facts_differences(rows: RecountRows) -> list[str]:
    """Which stored facts are not what the rows say, a line each. A lecture may have none: then its rows are read."""
    ids: dict[str | None, int | None] = {row.code: row.id for row in rows.countries.values()}
    lines = []
    for lecture_id in db.session.scalars(select(LectureFacts.lecture_id).order_by(LectureFacts.lecture_id)).all():
        query = select(LectureFacts.attendances, LectureFacts.content).where(LectureFacts.lecture_id == lecture_id)
        attendances, content = db.session.execute(query).one()
        counted = {
            fact.who: (ids.get(fact.country), fact.sector, fact.gender, fact.source, fact.ms)
            for fact in (rows.attendances_in(lecture_id) if lecture_id in rows.held else ())
        }
        stored = columns.unpack(columns.ATTENDANCES, content)
        stored_rows = [
            (
                person,
                country or None,
                columns.sector_of(traits),
                columns.gender_of(traits),
                columns.source_of(traits),
                ms,
            )
            for person, country, traits, ms in zip(
                *(stored[name].tolist() for name in columns.ATTENDANCES), strict=True
            )
        ]
        if stored_rows != [(person, *counted[person]) for person in sorted(counted)]:
            lines.append(f"lecture {lecture_id}: its facts are not those of the rows")
        if attendances != len(counted):
            lines.append(f"lecture {lecture_id}: its facts have another number of attendances than the rows")
    return lines


def _numbers(counted: Figures) -> dict[str, int | float]:
    """Every number of a report, with those that *satisfaction* is worked out from."""
    ratings = counted.ratings
    more = {"answers": ratings.answers, "ratings": ratings.total, "satisfied": ratings.satisfied}
    return counted.as_json() | more


def differences(rows: RecountRows, slice_: Slice, dimensions: tuple[str, ...], at: datetime) -> list[str]:
    """Where the reports and the second count disagree, a line each; empty where they agree."""
    report = count(slice_, dimensions, by=SYSTEM, at=at)
    reported: dict[Any, dict[str, int | float]] = {group.keys: _numbers(group.figures) for group in report.groups}
    if not dimensions:
        reported = {(): _numbers(report.totals)}
    recounted = figures(rows, slice_, dimensions, at)
    nothing = dict.fromkeys(_numbers(report.totals), 0)
    lines = []
    for key, name in product(sorted({*reported, *recounted}, key=str), nothing):
        reported_value, other = reported.get(key, nothing)[name], recounted.get(key, nothing)[name]
        if reported_value != other:
            lines.append(
                f"{name} of {'/'.join(map(str, key)) or 'everything'}: reported {reported_value}, recounted {other}"
            )
    return lines
