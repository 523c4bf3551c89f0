"""The lectures that a figure counts, and sessions from before the system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select

from lms.catalogue.models import Lecture
from lms.core.bulk import among
from lms.core.db import read
from lms.core.sorting import sort_key
from lms.reports.models import OpeningRow
from lms.reports.opening_balances.counting import Row as Balance
from lms.reports.queries.drilldown.context import DrilldownContext
from lms.reports.queries.drilldown.rows import DrilldownRow, Listed


def open_sessions(context: DrilldownContext) -> Listed:
    titles = titles_of(one.id for one in context.lectures())
    names, sums = context.names, context.sums
    held = context.in_order(
        [one for one in context.lectures() if context.finds(titles[one.id], names.label("series", one.series_id))],
        {
            "day": lambda lecture: (lecture.day, lecture.id),
            "lecture": lambda lecture: sort_key(titles[lecture.id]),
            "series": lambda lecture: sort_key(names.label("series", lecture.series_id)),
            "attendances": lambda lecture: sums.get(lecture.id, (0, 0))[0],
            "contact_hours": lambda lecture: sums.get(lecture.id, (0, 0))[1],
        },
    )

    def between(start: int, end: int) -> list[DrilldownRow]:
        return [
            DrilldownRow(
                one.day, one.id, titles[one.id], names.label("series", one.series_id),
                attendances=sums.get(one.id, (0, 0))[0], ms=sums.get(one.id, (0, 0))[1],
            )
            for one in held[start:end]
        ]  # fmt: skip

    return Listed(len(held), between).then(rows_before(context, sessions_before(context)))


def titles_of(lecture_ids: Iterable[int]) -> dict[int, str]:
    return dict(read(select(Lecture.id, Lecture.title).where(among(Lecture.id, lecture_ids))))


def sessions_before(context: DrilldownContext) -> dict[int, list[Balance]]:
    """The rows of each session from before the system, by the id of its first row."""
    rows: dict[int, list[Balance]] = {}
    for row in context.balances.rows:
        rows.setdefault(-row.session, []).append(row)
    return rows


def rows_before(context: DrilldownContext, by_set: Mapping[int, Sequence[Balance]]) -> Listed:
    """Aggregates from before the system, by the id of their (first) row."""
    titles = dict(read(select(OpeningRow.id, OpeningRow.title).where(among(OpeningRow.id, by_set)))) if by_set else {}
    numbers = [number for number in sorted(by_set) if context.finds(titles[number])]

    def between(start: int, end: int) -> list[DrilldownRow]:
        return [_row_before(context, titles[number], by_set[number]) for number in numbers[start:end]]

    return Listed(len(numbers), between)


def _row_before(context: DrilldownContext, title: str, rows: Sequence[Balance]) -> DrilldownRow:
    countries = {row.country_id for row in rows}
    return DrilldownRow(
        rows[0].day,
        lecture=title,
        series=None if rows[0].series_id is None else context.names.label("series", rows[0].series_id),
        country=context.names.label("country", rows[0].country_id) if len(countries) == 1 else None,
        attendances=sum(row.attendances for row in rows),
        is_older=True,
    )
