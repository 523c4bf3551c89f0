"""The rows behind a figure as tables: those of the system, and the aggregates from before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lms.core import measures
from lms.core.i18n import _, _l
from lms.reports.documents.model import Column, Kind, Value
from lms.reports.documents.wording import figure_column
from lms.reports.queries.drilldown_lists import DrilldownRow, DrilldownRows

Layout = Sequence[tuple[str, str]]
"""The columns of a table, each with its class: on phones `wide` ones are left out. The first is the row's name."""

_PERSON: Final[Layout] = (("person", ""), ("day", "state"), ("country", "wide"), ("source", "wide"), ("minutes", "fig"))
_COUNTRY: Final[Layout] = (
    ("country", ""), ("participants", "fig"), ("attendances", "wide"), ("contact_hours", "wide"),
)  # fmt: skip
COLUMNS: Final[Mapping[str, Layout]] = {
    "sessions": (("lecture", ""), ("day", "state"), ("attendances", "fig"), ("contact_hours", "wide")),
    "attendances": _PERSON,
    "contact_hours": _PERSON,
    "countries": _COUNTRY,
    "partner_countries": _COUNTRY,
    "registrations": (("person", ""), ("country", "state"), ("day", "fig")),
    "certificates": (("person", ""), ("kind", "state"), ("day", "fig"), ("country", "wide")),
}
OLDER: Final[Layout] = (("lecture", ""), ("day", "state"), ("country", "wide"), ("attendances", "fig"))
BELOW: Final = {
    "sessions": "series", "attendances": "lecture", "contact_hours": "lecture", "registrations": "series",
    "certificates": "series",
}  # fmt: skip
"""What is below the name of a row."""
FILES: Final[Mapping[str, Sequence[str]]] = {
    "sessions": ("lecture", "series", "day", "attendances", "contact_hours"),
    "attendances": ("full_name", "lecture", "series", "day", "country", "source", "minutes", "attendances"),
    "contact_hours": ("full_name", "lecture", "series", "day", "country", "source", "minutes"),
    "countries": ("country", "country_code", "participants", "attendances", "contact_hours"),
    "partner_countries": ("country", "country_code", "participants", "attendances", "contact_hours"),
    "registrations": ("full_name", "series", "day", "country"),
    "certificates": ("full_name", "series", "kind", "day", "country"),
}
"""The columns of a file of rows."""
KINDS: Final = {"participation": _l("Participation"), "completion": _l("Completion")}


@dataclass(frozen=True)
class Head:
    """A column: its name, its words, what its values are, and its class."""

    name: str
    label: str
    kind: Kind
    place: str

    @property
    def is_number(self) -> bool:
        """Whether its values are aligned to the end of their cells."""
        return self.kind not in ("text", "day")


@dataclass(frozen=True)
class Row:
    """A row: its name with a link, what is below it, and the values of the other columns."""

    name: Value
    below: Value
    url: str | None
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Rows:
    """A table of rows; `title` is None for those of the system."""

    title: str | None
    columns: tuple[Head, ...]
    rows: tuple[Row, ...]


def tables(opened: DrilldownRows, url: Callable[[DrilldownRow], str | None]) -> list[Rows]:
    """The tables of a page. `url` gives the link of a row's name. None without rows."""
    by_country = COLUMNS[opened.figure] is _COUNTRY
    rows = [row for row in opened.rows if by_country or not row.is_older]
    older = [row for row in opened.rows if row.is_older and not by_country]
    result = [_table(None, COLUMNS[opened.figure], rows, BELOW.get(opened.figure), url)] if rows else []
    return [*result, *([_table(_("Before this system"), OLDER, older, "series", url)] if older else [])]


def _table(
    title: str | None,
    layout: Layout,
    rows: Sequence[DrilldownRow],
    below: str | None,
    url: Callable[[DrilldownRow], str | None],
) -> Rows:
    heads = tuple(_head(name, place) for name, place in layout)
    return Rows(
        title,
        heads,
        tuple(
            Row(
                _value(row, heads[0].name),
                None if below is None else getattr(row, below),
                url(row),
                tuple(_value(row, head.name) for head in heads[1:]),
            )
            for row in rows
        ),
    )


def _head(name: str, place: str) -> Head:
    column = _column(name)
    return Head(name, column.name, column.kind, place)


def _column(name: str) -> Column:
    if name in {"participants", "attendances", "contact_hours"}:
        return figure_column(name)
    if name == "day":
        return Column(_("Day"), "day")
    if name == "minutes":
        return Column(_("Minutes"), "decimal")
    words = {
        "lecture": _("Lecture"), "person": _("Person"), "country": _("Country or area"),
        "source": _("Way of attending"), "kind": _("Kind"),
    }  # fmt: skip
    return Column(words[name], "text")


def _value(row: DrilldownRow, name: str) -> Value:
    if name == "person":
        return _("Deleted person") if row.person is None else row.person
    if name == "country" and row.is_older and row.country_code is not None:
        return _("%(country)s (only before this system)", country=row.country)
    if name == "kind":
        return str(KINDS[row.kind or ""])
    return _plain(row, name)


def _plain(row: DrilldownRow, name: str) -> Value:
    if name == "contact_hours":
        return None if row.ms is None else measures.tenth_hours(row.ms)
    if name == "minutes":
        return None if row.ms is None else measures.tenth_minutes(row.ms)
    value: Value = getattr(row, name)
    return value


def cells(figure: str, row: DrilldownRow) -> tuple[Any, ...]:
    """The cells of a row of a file (see `FILES`). Deleted people have no name; what is from before the system has as
    many attendances as it counts."""
    more = {"full_name": row.person or "", "attendances": row.attendances if row.attendances is not None else 1}
    return tuple(more[name] if name in more else _plain(row, name) for name in FILES[figure])
