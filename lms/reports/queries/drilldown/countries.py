"""The countries that a figure counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from lms.core.sorting import sort_key
from lms.reports.facts.counting import Part, count
from lms.reports.queries.drilldown.asked import Asked
from lms.reports.queries.drilldown.rows import DrilldownRow, Listed

OF_PARTNER: Final = "of_partner"


def open_countries(asked: Asked) -> Listed:
    """Each country with somebody of it."""
    rows = [row for row in country_rows(asked) if asked.finds(row.country or "")]
    partner = asked.wanted.filters.get(OF_PARTNER)
    if partner is not None:
        codes = partner_codes(asked)
        rows = [row for row in rows if (row.country_code in codes) is (partner == "true")]
    rows = asked.in_order(
        rows,
        {
            "country": lambda row: sort_key(row.country or ""),
            "participants": lambda row: row.participants or 0,
            "attendances": lambda row: row.attendances or 0,
            "contact_hours": lambda row: row.ms or 0,
        },
    )
    return Listed(len(rows), lambda start, end: rows[start:end])


def country_rows(asked: Asked) -> list[DrilldownRow]:
    """The countries that the figure counts, by name."""
    parts = count(asked.selection.facts, asked.selection.filters, ("country",))
    older: Counter[int | None] = Counter()
    for row in asked.balances.rows:
        older[row.country_id] += row.attendances
    rows = []
    for country in {key[0] for key, part in parts.items() if part.attendances} | {id_ for id_ in older if older[id_]}:
        if not isinstance(country, int):
            continue
        part = parts.get((country,), Part())
        rows.append(
            DrilldownRow(
                country=asked.names.label("country", country),
                country_code=asked.names.key("country", country),
                participants=len(part.people),
                attendances=part.attendances + older.get(country, 0),
                ms=part.ms,
                is_older=not part.attendances,
            )
        )
    return sorted(rows, key=lambda row: sort_key(row.country or ""))


def partner_codes(asked: Asked) -> set[str | None]:
    return {asked.names.key("country", country) for country in asked.today}


def open_partner_countries(asked: Asked) -> Listed:
    return open_countries(replace(asked, wanted=replace(asked.wanted, filters={OF_PARTNER: "true"})))
