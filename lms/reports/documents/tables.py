"""The rows behind figures as tables: each figure's columns on its page, in its files, and in the order of its list."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lms.core.text.i18n import _, _l, _lp
from lms.core.time import durations
from lms.reports.documents.model import Kind, Value
from lms.reports.queries.drilldown_lists import OF_KIND, OF_PARTNER, DrilldownRow, DrilldownRows
from lms.reports.rules import VALUES, Ratings
from lms.web.lists.parts import Column, FileColumn, Text

Cell = Callable[[DrilldownRow], Value]

KINDS: Final = {"participation": _l("Participation"), "completion": _l("Completion")}
_TEXT_OF_PEOPLE: Final = _l("Name, e-mail or organisation")


@dataclass(frozen=True)
class TableColumn(Column):
    """A column of a page. `value` is the cell of a row, by default the attribute that has the column's name."""

    kind: Kind = "text"
    value: Cell | None = None

    def read(self, row: DrilldownRow) -> Value:
        """The cell of a row."""
        cell: Value = self.value(row) if self.value else getattr(row, self.name)
        return cell


@dataclass(frozen=True)
class FigureTable:
    """The rows behind a figure. The first column is the name of a row, and `below` what is beneath it.

    `places` are the classes of the columns: on phones `wide` ones are left out. `order` are the columns that a list is
    sorted by, the first of them unless another is named. `text_label` is what the text of a list is searched in.
    """

    columns: tuple[TableColumn, ...]
    places: tuple[str, ...]
    files: tuple[FileColumn, ...] = ()
    order: tuple[TableColumn, ...] = ()
    filters: Mapping[str, Collection[str] | None] = field(default_factory=dict)
    below: str = ""
    text_label: Text = _TEXT_OF_PEOPLE

    @property
    def placed(self) -> list[TableColumn]:
        """The columns with their classes."""
        return [replace(column, place=place) for column, place in zip(self.columns, self.places, strict=True)]


def _number(
    name: str, label: Text, first: Text, last: Text, value: Cell | None = None, kind: Kind = "number"
) -> TableColumn:
    return TableColumn(name, label, first, last, descending=True, numeric=True, kind=kind, value=value)


def _text(name: str, label: Text, first: Text, last: Text, value: Cell | None = None) -> TableColumn:
    return TableColumn(name, label, first, last, value=value)


def _file(name: str, value: str | Cell = "") -> FileColumn:
    return FileColumn(name, value, width=len(name) + 2)


def _person(row: DrilldownRow) -> Value:
    return _("Deleted person") if row.person is None else row.person


def _country(row: DrilldownRow) -> Value:
    if row.is_older and row.country_code is not None:
        return _("%(country)s (only before this system)", country=row.country)
    return row.country


def _minutes(row: DrilldownRow) -> Value:
    return None if row.ms is None else durations.tenth_minutes(row.ms)


def _whole_minutes(row: DrilldownRow) -> Value:
    return durations.whole_minutes(row.ms or 0)


def _hours(row: DrilldownRow) -> Value:
    return None if row.ms is None else durations.tenth_hours(row.ms)


def _ratings(row: DrilldownRow) -> Ratings:
    return row.ratings or Ratings()


DAY: Final = TableColumn("day", _l("Day"), _l("newest first"), _l("oldest first"), descending=True, kind="day")
PERSON: Final = _text("person", _l("Person"), _l("A to Z"), _l("Z to A"), _person)
LECTURE: Final = _text("lecture", _l("Lecture"), _l("A to Z"), _l("Z to A"))
SERIES: Final = _text("series", _l("Series"), _l("A to Z"), _l("Z to A"))
COUNTRY: Final = _text(
    "country", _l("Country or area"), _l("A to Z"), _l("Z to A"), _country
)  # fmt: skip
SOURCE: Final = _text("source", _l("Way of attending"), _l("A to Z"), _l("Z to A"))
KIND: Final = _text("kind", _l("Kind"), _l("A to Z"), _l("Z to A"), lambda row: str(KINDS[row.kind or ""]))
MINUTES: Final = _number("minutes", _l("Minutes"), _l("most first"), _l("fewest first"), _minutes, "decimal")
PARTICIPANTS: Final = _number("participants", _l("Participants"), _l("most first"), _l("fewest first"))
ATTENDANCES: Final = _number("attendances", _l("Attendances"), _l("most first"), _l("fewest first"))
CERTIFICATES: Final = _number("certificates", _l("Certificates"), _l("most first"), _l("fewest first"))
HOURS: Final = _number("contact_hours", _l("Contact hours"), _l("most first"), _l("fewest first"), _hours)
_ANSWERS: Final = _number(
    "answers", _l("Answers"), _l("most first"), _l("fewest first"), lambda row: _ratings(row).answers
)
_MEAN: Final = _number(
    "mean", _l("Mean"), _l("highest first"), _l("lowest first"), lambda row: _ratings(row).mean, "decimal"
)
_SATISFIED: Final = _number(
    "satisfied", _l("4 or 5"), _l("highest first"), _l("lowest first"), lambda row: _ratings(row).satisfied_percent,
    "percent",
)  # fmt: skip
_NAME: Final = replace(PERSON, name="name")
_WHOLE_MINUTES: Final = replace(MINUTES, kind="number", value=_whole_minutes)

_FULL_NAME: Final = _file("full_name", lambda row: row.person or "")  # none of deleted people
_HOURS: Final = _file("contact_hours", _hours)
_CREDIT_FILES: Final = (
    _FULL_NAME, *map(_file, ("lecture", "series", "day", "country", "source")), _file("minutes", _minutes),
)  # fmt: skip
_CREDITS: Final = FigureTable(
    (PERSON, DAY, COUNTRY, SOURCE, MINUTES),
    ("", "state", "wide", "wide", "fig"),
    _CREDIT_FILES,
    (DAY, PERSON, LECTURE, SERIES, COUNTRY, SOURCE, MINUTES),
    {"of_source": frozenset(VALUES["source"]), "of_country": None, "of_series": None},
    "lecture",
)
_COUNTRIES: Final = FigureTable(
    (COUNTRY, PARTICIPANTS, ATTENDANCES, HOURS),
    ("", "fig", "wide", "wide"),
    (*map(_file, ("country", "country_code", "participants", "attendances")), _HOURS),
    (PARTICIPANTS, COUNTRY, ATTENDANCES, HOURS),
    {OF_PARTNER: frozenset({"true", "false"})},
    text_label=_l("Country or area"),
)
_REGISTRATIONS: Final = FigureTable(
    (PERSON, COUNTRY, DAY),
    ("", "state", "fig"),
    (_FULL_NAME, *map(_file, ("series", "day", "country"))),
    (DAY, PERSON, SERIES, COUNTRY),
    {"of_country": None, "of_series": None},
    "series",
)
TABLES: Final[Mapping[str, FigureTable]] = {
    "participants": FigureTable(
        (
            _NAME, TableColumn("country", _l("Country at the time")), ATTENDANCES, _WHOLE_MINUTES,
            TableColumn("first", _lp("day", "First"), kind="day", value=lambda row: row.day),
        ),
        ("", "state", "fig", "wide", "wide"),
        (
            _FULL_NAME, _file("countries", "country"), _file("attendances"),
            _file("minutes", _whole_minutes), _file("first", "day"),
        ),
        (ATTENDANCES, _NAME, _WHOLE_MINUTES),
    ),
    "sessions": FigureTable(
        (LECTURE, DAY, ATTENDANCES, HOURS),
        ("", "state", "fig", "wide"),
        (*map(_file, ("lecture", "series", "day", "attendances")), _HOURS),
        (DAY, LECTURE, SERIES, ATTENDANCES, HOURS),
        {"of_series": None},
        "series",
        _l("Lecture or series"),
    ),
    # What is from before the system counts as many attendances as it has
    "attendances": replace(_CREDITS, files=(
        *_CREDIT_FILES, _file("attendances", lambda row: 1 if row.attendances is None else row.attendances),
    )),
    "contact_hours": _CREDITS,
    "countries": _COUNTRIES,
    "partner_countries": replace(_COUNTRIES, filters={}),
    "registrations": _REGISTRATIONS,
    "certificates": replace(
        _REGISTRATIONS,
        columns=(PERSON, KIND, DAY, COUNTRY),
        places=("", "state", "fig", "wide"),
        files=(_FULL_NAME, *map(_file, ("series", "kind", "day", "country"))),
        order=(*_REGISTRATIONS.order, KIND),
        filters={OF_KIND: frozenset(KINDS), **_REGISTRATIONS.filters},
    ),
    "satisfaction": FigureTable(
        (LECTURE, DAY, _ANSWERS, _MEAN, _SATISFIED),
        ("", "wide", "state", "fig", "wide"),
        (
            *map(_file, ("lecture", "series", "day")), _file("answers", lambda row: _ratings(row).answers),
            _file("mean", lambda row: _ratings(row).mean),
            _file("satisfied_percent", lambda row: _ratings(row).satisfied_percent),
        ),
        (DAY, LECTURE, SERIES, _ANSWERS, _MEAN, _SATISFIED),
        {"of_series": None},
        "series",
        _l("Lecture or series"),
    ),
}  # fmt: skip
OLDER: Final = FigureTable((LECTURE, DAY, COUNTRY, ATTENDANCES), ("", "state", "wide", "fig"), below="series")


def parts_of(opened: DrilldownRows) -> list[tuple[str | None, FigureTable, Sequence[DrilldownRow]]]:
    """The tables of a page: the rows of the system, and under a title the aggregates from before it."""
    if "countries" in opened.figure:
        return [(None, TABLES[opened.figure], opened.rows)] if opened.rows else []
    rows = [row for row in opened.rows if not row.is_older]
    older = [row for row in opened.rows if row.is_older]
    parts = [(None, TABLES[opened.figure], rows), (_("Before this system"), OLDER, older)]
    return [part for part in parts if part[2]]
