"""Columns, notes and values of report documents, in the reader's language."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from lms.core.text.i18n import _, _p
from lms.reports.documents.model import Column, Figure, Kind, Mark, ReportDocument, Table, Value
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.figures import FigureReport
from lms.reports.rules import Group, Ratings
from lms.web.api.api import rfc3339
from lms.web.pages.time import moment, number, one_decimal, organiser_zone, short_day, whole_number, zone_city


def figure_column(name: str) -> Column:
    """The column of a figure of the definitions."""
    return Column(figure_names()[name], definition=name)


Opening = Callable[..., str]
"""Gives the link to the rows of a figure: `(figure, row=key)` with the key of a group, or without one for the total."""


def group_table(
    heading: str,
    report: FigureReport,
    figures: Sequence[str],
    *,
    opened: Opening,
    has_foot: bool = True,
    urls: dict[int, str] | None = None,
) -> Table:
    """The groups of a report by one dimension, with some of its figures; the foot has the whole slice."""
    groups = report.groups
    links = {
        (row, column): opened(name, row=group.keys[0])
        for row, group in enumerate(groups)
        for column, name in enumerate(figures, 1)
        if getattr(group.figures, name)
    }
    if has_foot:
        links |= {
            (len(groups), column): opened(name)
            for column, name in enumerate(figures, 1)
            if getattr(report.totals, name)
        }
    return Table(
        columns=(
            Column(heading, "year" if report.dimensions == ("year",) else "text"),
            *(figure_column(name) for name in figures),
        ),
        rows=tuple((" · ".join(group.labels), *values(group, figures)) for group in groups),
        foot=(_p("totals", "All"), *(getattr(report.totals, name) for name in figures)) if has_foot else None,
        urls=urls or {},
        links=links,
    )


def values(group: Group, figures: Iterable[str]) -> tuple[Value, ...]:
    """Some figures of a group."""
    return tuple(getattr(group.figures, name) for name in figures)


def marks(report: FigureReport, figure: str = "participants", partial: str | None = None) -> tuple[Mark, ...]:
    """The groups of a report as marks of a chart. The group with the key `partial` is not complete yet."""
    return tuple(
        Mark(
            " · ".join(group.labels),
            getattr(group.figures, figure),
            partial=partial is not None and group.keys[0] == partial,
        )
        for group in report.groups
    )


def overlap_note(report: FigureReport, why: str) -> str | None:
    """Why the groups of people add up to more than the whole, where they do."""
    whole = sum(group.figures.participants for group in report.groups)
    return why if whole > report.totals.participants else None


def each(part: float, whole: float) -> float | None:
    """The average with one decimal, or None for an empty whole."""
    return round(part / whole, 1) if whole else None


NOTHING = "–"


def written(value: Value, kind: Kind) -> str:
    """A value in the reader's language: numbers grouped, days and instants in the organiser's zone."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return moment(value, organiser_zone())
    if isinstance(value, date):
        return short_day(value)
    if isinstance(value, str):
        return value
    if kind == "change":
        return f"+{number(value)}" if value > 0 else number(value)
    if kind == "number":
        return whole_number(value)
    if kind == "decimal" and isinstance(value, float):
        return one_decimal(value)
    return _("%(n)s%%", n=number(value)) if kind == "percent" else number(value)


def as_at(document: ReportDocument) -> str:
    """ "25 November 2026, 06:00 in Beijing"."""
    zone = organiser_zone()
    return _("%(moment)s in %(city)s", moment=moment(document.as_at, zone), city=zone_city(zone))


def plain(value: Value) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value


def satisfaction(ratings: Ratings, url: str | None = None) -> tuple[Figure, ...]:
    """*Satisfaction* as a total, to the nearest tenth; none below five answers."""
    if ratings.mean is None or ratings.satisfied_percent is None:
        return ()
    note = _(
        "of 5, by %(n)s answers; %(share)s%% gave 4 or 5",
        n=number(ratings.answers),
        share=number(ratings.satisfied_percent),
    )
    mean, label = ratings.mean_tenths / 10, _("Satisfaction")
    return (Figure("satisfaction", label, mean, note=note, url=url, definition="satisfaction", text=one_decimal(mean)),)
