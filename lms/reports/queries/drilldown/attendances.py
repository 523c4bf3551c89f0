"""The attendances behind a figure, person by person."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import numpy as np

from lms.attendance.facts import TRAITS, Columns, source_of
from lms.core.sorting import sort_key
from lms.reports.facts.selection import HeldLecture, Numbers
from lms.reports.opening_balances.counting import Row as Balance
from lms.reports.queries.drilldown.context import DrilldownContext, by_id, key_of_people, known_people
from lms.reports.queries.drilldown.rows import DrilldownRow, Listed
from lms.reports.queries.drilldown.sessions import rows_before, titles_of

_BY_LECTURE: Final = frozenset({"day", "lecture", "series"})
"""The orders in which the attendances of one lecture stay together."""


def open_attendances(context: DrilldownContext) -> Listed:
    return open_credits(context).then(rows_before(context, {row.id: [row] for row in attendances_before(context)}))


def attendances_before(context: DrilldownContext) -> list[Balance]:
    return [row for row in context.balances.rows if row.attendances]


def open_credits(context: DrilldownContext) -> Listed:
    """Person by person of each lecture. Where those of one lecture stay together, only the lectures of a page are
    opened."""
    lectures = [one for one in context.lectures() if one.id in context.sums]
    by_lecture = context.request.sort in _BY_LECTURE
    if by_lecture:
        lectures = _in_order_of_lectures(context, lectures)
    if by_lecture and context.people is None:
        return _lecture_by_lecture(context, lectures)
    columns = context.of_matching_people(
        context.selection.columns(context.selection.facts.attendances, "person", "country", "traits", "ms")
    )
    place = by_id({one.id: number for number, one in enumerate(lectures)})[columns["owner"]]
    key = None if by_lecture else _key_of_credits(context, columns)
    columns = context.arranged(columns, key, place, columns["person"])

    def between(start: int, end: int) -> list[DrilldownRow]:
        return _rows_of_credits(context, {name: column[start:end] for name, column in columns.items()})

    return Listed(len(columns["owner"]), between)


def _in_order_of_lectures(context: DrilldownContext, lectures: Sequence[HeldLecture]) -> list[HeldLecture]:
    titles = titles_of(one.id for one in lectures) if context.request.sort == "lecture" else {}
    return context.in_order(
        lectures,
        {
            "day": lambda lecture: (lecture.day, lecture.id),
            "lecture": lambda lecture: sort_key(titles[lecture.id]),
            "series": lambda lecture: sort_key(context.names.label("series", lecture.series_id)),
        },
    )


def _lecture_by_lecture(context: DrilldownContext, lectures: Sequence[HeldLecture]) -> Listed:
    ends = list(accumulate(context.sums[one.id][0] for one in lectures))

    def between(start: int, end: int) -> list[DrilldownRow]:
        rows: list[DrilldownRow] = []
        for held, last in zip(lectures, ends, strict=True):
            first = last - context.sums[held.id][0]
            if last <= start or first >= end:
                continue
            columns = context.selection.of_lecture(held.id)
            part = {name: column[max(start - first, 0) : end - first] for name, column in columns.items()}
            part["owner"] = np.full(len(part["person"]), held.id)
            rows += _rows_of_credits(context, part)
        return rows

    return Listed(ends[-1] if ends else 0, between)


def _key_of_credits(context: DrilldownContext, columns: Columns) -> Numbers:
    """The number that attendances are sorted by."""
    sort = context.request.sort
    if sort == "minutes":
        return columns["ms"].astype(np.int64)
    if sort == "source":
        words = [sort_key(context.names.label("source", source_of(traits))) for traits in range(TRAITS)]
        order = {word: place for place, word in enumerate(sorted(set(words)))}
        return np.array([order[word] for word in words], np.int64)[columns["traits"]]
    return key_of_people(context, columns)


def _rows_of_credits(context: DrilldownContext, columns: Columns) -> list[DrilldownRow]:
    listed = {name: column.tolist() for name, column in columns.items()}
    known, titles = known_people(listed["person"]), titles_of(set(listed["owner"]))
    lectures, names = context.selection.facts.lectures, context.names
    rows = zip(*(listed[name] for name in ("owner", "person", "country", "traits", "ms")), strict=True)
    return [
        DrilldownRow(
            lectures[owner].day, owner, titles[owner], names.label("series", lectures[owner].series_id),
            known[person][1], known[person][0], names.label("country", country or None),
            source=names.label("source", source_of(traits)), ms=ms,
        )
        for owner, person, country, traits, ms in rows
    ]  # fmt: skip
