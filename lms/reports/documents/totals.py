"""A report of the page of reports as a report document."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lms.core.base.lists import rows_shown
from lms.core.text.i18n import _, _p
from lms.core.text.punctuation import colon, full_stop
from lms.reports.documents import report_files as files
from lms.reports.documents.model import Column, Figure, Picture, ReportDocument, Section, Table
from lms.reports.documents.wording import figure_column, marks, values
from lms.reports.queries.definitions import definitions
from lms.reports.queries.figures import FigureReport
from lms.reports.rules import FIGURES, TIME_DIMENSIONS, Group
from lms.reports.shapes import COLUMN_NAMES, Cross, grouped, value_of
from lms.web.pages.time import organiser_zone, zone_city

MOST_COLUMNS = 12
"""Columns of a picture; of more groups bars are drawn."""
MOST_ACROSS = 8
"""Columns of a cross table on paper; further ones continue in further tables."""
MOST_BARS = 20
"""Bars of a picture on a page; the table next to it has all groups."""


@dataclass(frozen=True)
class Pictured:
    """The groups that a page draws: the groups with the largest values, or the latest periods in order.

    `out_of`: how many groups have a value, if not all of them are drawn.
    `leaves_combined`: whether all are drawn but those that disclosure control combined.
    """

    kind: Literal["bars", "columns"]
    groups: list[Group]
    out_of: int | None
    leaves_combined: bool


def totals_document(report: FigureReport, figure: str, *, title: str, cross: Cross | None = None) -> ReportDocument:
    """All figures of the slice and its groups. `title` states the answer.

    Groups by two dimensions are a cross table of one figure, where there is one.
    """
    texts = definitions(zone_city(organiser_zone()))
    filters = tuple(files.filters_of(report))
    return ReportDocument(
        name="totals",
        over=_("Report"),
        title=title,
        lede=texts[figure],
        as_at=report.as_at,
        figures=tuple(
            Figure(name, figure_column(name).name, getattr(report.totals, name), definition=name) for name in FIGURES
        ),
        sections=_sections(report, figure, cross),
        filters=filters,
        footnotes=(" · ".join(f"{name}{colon()}{value}" for name, value in filters) + full_stop(),) if filters else (),
    )


def _sections(report: FigureReport, figure: str, cross: Cross | None) -> tuple[Section, ...]:
    if not report.dimensions:
        return ()
    if cross is None or not cross.rows:
        return (_groups(report, figure),)
    return tuple(_cross_sections(report, cross))


def _cross_sections(report: FigureReport, cross: Cross) -> Iterator[Section]:
    """The cross table, in as many parts as its columns need."""
    number = len(cross.columns)
    parts = max(math.ceil(number / MOST_ACROSS), 1)
    title, column = heading(report, cross.figure), Column(str(COLUMN_NAMES[report.dimensions[0]]), "text")
    for part in range(parts):
        shown = range(number * part // parts, number * (part + 1) // parts)
        is_last = part == parts - 1
        columns = [Column(cross.columns[place][1]) for place in shown]
        rows = [(label, [values[place] for place in shown], whole) for _key, label, values, whole in cross.rows]
        foot = [cross.foot[0][place] for place in shown]
        yield Section(
            anchor="groups" if not part else f"groups-{part + 1}",
            title=title if parts == 1 else _("%(title)s (%(n)s of %(all)s)", title=title, n=part + 1, all=parts),
            table=Table(
                (column, *columns, *([Column(_p("totals", "All"))] if is_last else [])),
                tuple((label, *values, *([whole] if is_last else [])) for label, values, whole in rows),
                foot=(_p("totals", "All"), *foot, *([cross.foot[1]] if is_last else [])),
            ),
            note=_overlap_note() if is_last else None,
        )


def _groups(report: FigureReport, figure: str) -> Section:
    called = [str(COLUMN_NAMES[name]) for name in report.dimensions]
    return Section(
        anchor="groups",
        title=heading(report, figure),
        picture=Picture(kind_of(report), marks(report, figure), _("As in the table.")),
        table=Table(
            (Column(" · ".join(called), "text"), *(figure_column(name) for name in _first(figure))),
            tuple((" · ".join(group.labels), *values(group, _first(figure))) for group in report.groups),
            foot=(_p("totals", "All"), *(getattr(report.totals, name) for name in _first(figure))),
        ),
        note=_overlap_note(),
        empty=_("Nothing was counted."),
    )


def _overlap_note() -> str:
    return _("Groups may add up to more than the total because each person is counted once in every total.")


def heading(report: FigureReport, figure: str) -> str:
    """Returns what a report shows: "Participants by Country"."""
    return grouped(figure_column(figure).name, report.dimensions)


def kind_of(report: FigureReport) -> Literal["bars", "columns"]:
    """The picture of a report: columns for a few years or months, bars for everything else."""
    is_time = len(report.dimensions) == 1 and report.dimensions[0] in TIME_DIMENSIONS
    return "columns" if is_time and len(report.groups) <= MOST_COLUMNS else "bars"


def pictured(report: FigureReport, figure: str) -> Pictured | None:
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
    return (figure, *(name for name in FIGURES if name not in (figure, "partner_countries")))
