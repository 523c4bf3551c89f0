"""A report of the page of reports as a read-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lms.core.i18n import _
from lms.core.lists import rows_shown
from lms.reports.documents.model import Column, Figure, Picture, ReadOut, Section, Table
from lms.reports.documents.wording import ALL_FIGURES, figure_column, marks, values
from lms.reports.exports import files
from lms.reports.queries.definitions import definitions
from lms.reports.queries.figures import Report
from lms.reports.rules import TIME_DIMENSIONS, Group
from lms.reports.shapes import DIMENSION_NAMES, value_of
from lms.web.time import organiser_zone, zone_city

MOST_COLUMNS = 12
"""Columns of a picture; of more groups bars are drawn."""
MOST_BARS = 20
"""Bars of a picture on a page; the table next to it has all groups."""


@dataclass(frozen=True)
class Pictured:
    """What a page draws: the groups with the largest values, or the latest periods in order.

    `out_of`: how many groups have a value, if not all of them are drawn.
    `leaves_combined`: whether all are drawn but those that disclosure control combined.
    """

    kind: Literal["bars", "columns"]
    groups: list[Group]
    out_of: int | None
    leaves_combined: bool


def read_out(report: Report, figure: str, *, title: str, names: Mapping[str, str]) -> ReadOut:
    """All figures of the slice and its groups. `names` are those of the dimensions; `title` states the answer."""
    texts = definitions(zone_city(organiser_zone()))
    asked = tuple(files.asked(report))
    return ReadOut(
        name="totals",
        over=_("Report"),
        title=title,
        lede=texts[figure],
        as_at=report.as_at,
        figures=tuple(
            Figure(name, figure_column(name).name.lower(), getattr(report.totals, name), definition=name)
            for name in ALL_FIGURES
        ),
        sections=(_groups(report, figure, names),) if report.dimensions else (),
        asked=asked,
        footnotes=(" · ".join(f"{name}: {value}" for name, value in asked) + ".",) if asked else (),
    )


def _groups(report: Report, figure: str, names: Mapping[str, str]) -> Section:
    called = [names[name] for name in report.dimensions]
    column = figure_column(figure)
    return Section(
        anchor="groups",
        title=_("%(figure)s by %(groups)s", figure=column.name, groups=", ".join(called).lower()),
        picture=Picture(kind_of(report), marks(report, figure), _("As in the table.")),
        table=Table(
            (Column(" · ".join(called), "text"), *(figure_column(name) for name in _first(figure))),
            tuple((" · ".join(group.labels), *values(group, _first(figure))) for group in report.groups),
            foot=(_("All"), *(getattr(report.totals, name) for name in _first(figure))),
        ),
        note=_("Groups may add up to more than the total because each person is counted once in every total."),
        empty=_("Nothing was counted."),
    )


def heading(report: Report, figure: str) -> str:
    """What a report shows: "Participants by country"."""
    called = figure_column(figure).name
    if not report.dimensions:
        return called
    by = [str(dict(DIMENSION_NAMES)[name]).lower() for name in report.dimensions]
    if len(by) == 1:
        return _("%(figure)s by %(groups)s", figure=called, groups=by[0])
    return _("%(figure)s by %(rows)s and %(columns)s", figure=called, rows=by[0], columns=by[1])


def kind_of(report: Report) -> Literal["bars", "columns"]:
    """The picture of a report: columns for a few years or months, bars for everything else."""
    is_time = len(report.dimensions) == 1 and report.dimensions[0] in TIME_DIMENSIONS
    return "columns" if is_time and len(report.groups) <= MOST_COLUMNS else "bars"


def pictured(report: Report, figure: str) -> Pictured | None:
    """The picture of a report by one dimension on a page. None if there is nothing to draw."""
    kind = kind_of(report)
    some = [group for group in report.groups if value_of(group.figures, figure)]
    if not some:
        return None
    if kind == "columns":
        return Pictured(kind, report.groups, None, leaves_combined=False)
    if report.dimensions[0] in TIME_DIMENSIONS:
        ranked, shown = some, some[-_bars(len(some)) :]
    else:
        ranked = [group for group in some if not group.folded] or some  # what is combined would dwarf the others
        shown = sorted(ranked, key=lambda group: -value_of(group.figures, figure))[: _bars(len(ranked))]
    out_of = len(ranked) if len(shown) < len(ranked) else None
    return Pictured(kind, shown, out_of, leaves_combined=out_of is None and len(shown) < len(some))


def _bars(number: int) -> int:
    return rows_shown(number, MOST_BARS)


def _first(figure: str) -> tuple[str, ...]:
    """The figure that was asked for, then the others."""
    return (figure, *(name for name in ALL_FIGURES if name not in (figure, "partner_countries")))
