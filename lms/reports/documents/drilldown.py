"""The rows behind a figure as tables: those of the system, and the aggregates from before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lms.core import measures
from lms.core.i18n import _, _l
from lms.reports.documents.model import Column, Table, Value
from lms.reports.documents.wording import figure_column
from lms.reports.queries.drilldown_rows import DrilldownRow, DrilldownRows

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "sessions": ("lecture", "series", "day", "attendances", "contact_hours"),
    "attendances": ("person", "lecture", "day", "then", "source", "minutes"),
    "contact_hours": ("person", "lecture", "day", "then", "source", "minutes"),
    "countries": ("country", "participants", "attendances", "contact_hours"),
    "partner_countries": ("country", "participants", "attendances", "contact_hours"),
    "registrations": ("person", "series", "day", "then"),
    "certificates": ("person", "series", "kind", "day", "then"),
}
OLDER: Final = ("lecture", "series", "day", "then", "attendances")
_KINDS = {"participation": _l("Participation"), "completion": _l("Completion")}


def tables(opened: DrilldownRows, url: Callable[[DrilldownRow], str | None]) -> list[tuple[str | None, Table]]:
    """The tables of a page, each with its title. `url` gives the link of a row's name. None without rows."""
    by_country = "country" in COLUMNS[opened.figure]
    own = [row for row in opened.rows if by_country or not row.is_older]
    older = [row for row in opened.rows if row.is_older and not by_country]
    found = [(None, _table(COLUMNS[opened.figure], own, url))] if own else []
    return [*found, *([(_("Before this system"), _table(OLDER, older, url))] if older else [])]


def _table(names: Sequence[str], rows: Sequence[DrilldownRow], url: Callable[[DrilldownRow], str | None]) -> Table:
    urls = {index: url(row) for index, row in enumerate(rows)}
    return Table(
        tuple(_column(name) for name in names),
        tuple(tuple(_value(row, name) for name in names) for row in rows),
        urls={index: found for index, found in urls.items() if found is not None},
    )


def _column(name: str) -> Column:
    if name in {"participants", "attendances", "contact_hours"}:
        return figure_column(name)
    if name == "day":
        return Column(_("Day"), "day")
    if name == "minutes":
        return Column(_("Minutes"), "decimal")
    words = {
        "lecture": _("Lecture"), "series": _("Series"), "person": _("Person"), "country": _("Country or area"),
        "then": _("Country at the time"), "source": _("Way of attending"), "kind": _("Kind"),
    }  # fmt: skip
    return Column(words[name], "text")


def _value(row: DrilldownRow, name: str) -> Value:
    if name == "person":
        return _("Deleted person") if row.person is None else row.person
    if name == "country" and row.is_older:
        return _("%(country)s (only before this system)", country=row.country)
    if name == "kind":
        return str(_KINDS[row.kind or ""])
    if name == "contact_hours":
        return None if row.ms is None else measures.tenth_hours(row.ms)
    if name == "minutes":
        return None if row.ms is None else measures.tenth_minutes(row.ms)
    found: Value = getattr(row, "country" if name == "then" else name)
    return found
