"""A report of the page of reports as a read-out."""

from __future__ import annotations

from collections.abc import Mapping

from lms.core.i18n import _
from lms.reports.documents.model import Column, Figure, Picture, ReadOut, Section, Table
from lms.reports.documents.wording import ALL_FIGURES, figure_column, marks, values
from lms.reports.exports import files
from lms.reports.queries.definitions import definitions
from lms.reports.queries.figures import Report
from lms.reports.rules import TIME_DIMENSIONS
from lms.web.time import organiser_zone, zone_city

MOST_COLUMNS = 12
"""Columns of a picture; of more groups bars are drawn."""


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
    is_time = len(report.dimensions) == 1 and report.dimensions[0] in TIME_DIMENSIONS
    kind = "columns" if is_time and len(report.groups) <= MOST_COLUMNS else "bars"
    column = figure_column(figure)
    return Section(
        anchor="groups",
        title=_("%(figure)s by %(groups)s", figure=column.name, groups=", ".join(called).lower()),
        picture=Picture("columns" if kind == "columns" else "bars", marks(report, figure), _("As in the table.")),
        table=Table(
            (Column(" · ".join(called), "text"), *(figure_column(name) for name in _first(figure))),
            tuple((" · ".join(group.labels), *values(group, _first(figure))) for group in report.groups),
            foot=(_("All"), *(getattr(report.totals, name) for name in _first(figure))),
        ),
        note=_("Groups may add up to more than the total because each person is counted once in every total."),
        empty=_("Nothing was counted."),
    )


def _first(figure: str) -> tuple[str, ...]:
    """The figure that was asked for, then the others."""
    return (figure, *(name for name in ALL_FIGURES if name not in (figure, "partner_countries")))
