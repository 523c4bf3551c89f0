"""The countries that a figure counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from lms.core.sorting import sort_key
from lms.reports.facts.counting import Part, count
from lms.reports.queries.drilldown.context import DrilldownContext
from lms.reports.queries.drilldown.rows import DrilldownRow, Listed

OF_PARTNER: Final = "of_partner"


def open_countries(context: DrilldownContext) -> Listed:
    """Each country with somebody of it."""
    rows = [row for row in country_rows(context) if context.finds(row.country or "")]
    partner = context.request.filters.get(OF_PARTNER)
    if partner is not None:
        codes = partner_codes(context)
        rows = [row for row in rows if (row.country_code in codes) is (partner == "true")]
    rows = context.in_order(
        rows,
        {
            "country": lambda row: sort_key(row.country or ""),
            "participants": lambda row: row.participants or 0,
            "attendances": lambda row: row.attendances or 0,
            "contact_hours": lambda row: row.ms or 0,
        },
    )
    return Listed(len(rows), lambda start, end: rows[start:end])


def country_rows(context: DrilldownContext) -> list[DrilldownRow]:
    """The countries that the figure counts, by name."""
    parts = count(context.selection.facts, context.selection.filters, ("country",))
    older: Counter[int | None] = Counter()
    for row in context.balances.rows:
        older[row.country_id] += row.attendances
    rows = []
    for country in {key[0] for key, part in parts.items() if part.attendances} | {id_ for id_ in older if older[id_]}:
        if not isinstance(country, int):
            continue
        part = parts.get((country,), Part())
        rows.append(
            DrilldownRow(
                country=context.names.label("country", country),
                country_code=context.names.key("country", country),
                participants=len(part.people),
                attendances=part.attendances + older.get(country, 0),
                ms=part.ms,
                is_older=not part.attendances,
            )
        )
    return sorted(rows, key=lambda row: sort_key(row.country or ""))


def partner_codes(context: DrilldownContext) -> set[str | None]:
    return {context.names.key("country", country) for country in context.today}


def open_partner_countries(context: DrilldownContext) -> Listed:
    return open_countries(replace(context, request=replace(context.request, filters={OF_PARTNER: "true"})))
