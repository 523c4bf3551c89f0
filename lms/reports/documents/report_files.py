"""A report as a file: CSV, XLSX, JSON, or a table of plain text. Cells that look like formulas are harmless."""

import io
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from lms.core.storage.tables import Workbook, Year, widths_of, write_csv
from lms.core.text.i18n import _, _p
from lms.core.time import clock
from lms.reports import shapes
from lms.reports.queries import definitions as definitions_queries
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.figures import FigureReport
from lms.reports.rules import FIGURES, Figures, Opening, Ratings
from lms.reports.shapes import Cross
from lms.web.api.api import rfc3339
from lms.web.pages.time import organiser_zone, zone_city

OPENING = ("opening_sessions", "opening_attendances")
"""Columns of a report in which opening balances are: how much of each row's figures they are."""


SATISFACTION = tuple(Ratings().as_json())
"""The columns of *satisfaction*: empty where nothing is stated."""


def file_name(report: FigureReport, figure: str) -> str:
    """Returns what a file of a report is called, without its ending: the figure asked for, the groups, the filters, and
    the period, or the day as at which all of it was counted: `participants-by-country-2024`."""
    slice_ = report.slice
    parts = [figure, *(["by", *report.dimensions] if report.dimensions else [])]
    parts += [f"{name}-{value}" for name, value in slice_.parameters.items() if name not in ("from", "to")]
    parts.append(_period(slice_.from_day, slice_.to_day) or str(clock.day_of(report.as_at, clock.reporting_zone())))
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts)


def _period(first: date | None, last: date | None) -> str:
    """A period as part of a file's name: "2024", "2020-2024", "2024-04-01-to-2024-06-30", "until-2024-06-30"."""
    if first is not None and last is not None:
        if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31):
            return f"{first.year}" if first.year == last.year else f"{first.year}-{last.year}"
        return f"{first}-to-{last}"
    if first is not None:
        return f"from-{first}"
    return f"until-{last}" if last is not None else ""


def headings(report: FigureReport) -> list[str]:
    """Two columns for each dimension (key and name), then the figures by their names in the API."""
    keys = [column for name in report.dimensions for column in (name, f"{name}_name")]
    return [*keys, *FIGURES, *SATISFACTION, *(OPENING if report.opening is not None else ())]


def rows(report: FigureReport) -> Iterator[list[object]]:
    """A row for each group; without dimensions one row of totals."""
    if not report.dimensions:
        yield [*_figures(report.totals), *_of_opening(report, report.opening)]
    for group in report.groups:
        keys = group.keys * len(report.dimensions) if group.folded else group.keys
        named = [cell for key, label in zip(keys, group.labels, strict=False) for cell in (key, label)]
        yield [*named, *_figures(group.figures), *_of_opening(report, group.opening)]


def _figures(figures: Figures) -> list[int | float | None]:
    return [*figures.as_json().values(), *figures.ratings.as_json().values()]


def _of_opening(report: FigureReport, opening: Opening | None) -> list[int]:
    """How much of a row is of opening balances; nothing in a report without any."""
    if report.opening is None:
        return []
    return [0, 0] if opening is None else [opening.sessions, opening.attendances]


def as_csv(report: FigureReport, uncertified: Collection[str | None] = ()) -> Iterator[str]:
    """The lines of a CSV file. `uncertified` are the keys of groups that give no certificates: they have no number."""
    names = headings(report)
    place = names.index("certificates")
    lines = (
        [*row[:place], row[place] or "", *row[place + 1 :]] if row[0] in uncertified else row for row in rows(report)
    )
    return write_csv(names, lines)


def as_json(report: FigureReport) -> str:
    """The object of the API."""
    return json.dumps(api_object(report), ensure_ascii=False, indent=2) + "\n"


def api_object(report: FigureReport) -> dict[str, Any]:
    """`{as_at, definitions, totals, groups}`."""
    return {"as_at": rfc3339(report.as_at), "definitions": definitions(), **report.as_json()}


def definitions() -> dict[str, str]:
    """Returns what each figure counts, with the organiser's city named."""
    return definitions_queries.definitions(zone_city(organiser_zone()))


def as_xlsx(
    report: FigureReport,
    texts: Mapping[str, str] | None = None,
    about: Sequence[tuple[str, str]] = (),
    *,
    cross: Cross | None = None,
) -> bytes:
    """A workbook with the groups, the settings, the totals and the definitions; the cross table comes first.

    `texts` are the definitions where they are not the current ones; `about` are further notes about the report.
    """
    buffer = io.BytesIO()
    with Workbook(buffer, zone=organiser_zone()) as book:
        if cross is not None:
            add_cross(book, cross, report.dimensions)
        names, figures = headings(report), [_typed(row, report.dimensions) for row in rows(report)]
        book.add_sheet(_("Figures"), names, figures, widths=widths_of(names, figures))
        called, meanings = figure_names(), definitions() if texts is None else texts
        city = zone_city(organiser_zone())
        lines: list[Sequence[object]] = [*about, (_("As at"), rfc3339(report.as_at)), *filters_of(report)]
        lines.append((_("Time zone"), f"{city} ({organiser_zone()})"))
        lines += [(called[name], value, meanings[name]) for name, value in report.totals.as_json().items()]
        lines += [(_("Opening balances"), None, words) for words in shapes.opening_words(report.opening)]
        book.add_sheet(_("About"), (_("What"), _("Value"), _("Meaning")), lines, widths=(24, 24, 60))
    return buffer.getvalue()


def add_cross(book: Workbook, cross: Cross, dimensions: Sequence[str]) -> None:
    """A sheet with a cross table, its totals last."""
    down, across = dimensions
    names = dict(shapes.COLUMN_NAMES)
    heads = [str(names[down]), *(named(label, across) for _key, label in cross.columns), _p("totals", "All")]
    lines = [[named(label, down), *values, whole] for _key, label, values, whole in cross.rows]
    lines.append([_p("totals", "All"), *cross.foot[0], cross.foot[1]])
    book.add_sheet(figure_names()[cross.figure], heads, lines, widths=widths_of(heads, lines))


def named(label: str, dimension: str) -> str | Year:
    """The name of a group as a cell: a year is a number."""
    return Year(label) if dimension == "year" and label.isdecimal() else label


def _typed(row: Sequence[object], dimensions: Sequence[str]) -> list[object]:
    """A row of `rows` with its years as numbers."""
    typed = list(row)
    for place, name in enumerate(dimensions):
        for column in (2 * place, 2 * place + 1):
            typed[column] = named(str(row[column]), name) if row[column] is not None else None
    return typed


def filters_of(report: FigureReport) -> list[tuple[str, str]]:
    """Returns what was asked for, as (parameter, value)."""
    given: list[tuple[str, object]] = [("from", report.slice.from_day), ("to", report.slice.to_day)]
    given += report.slice.filters.items()
    given.append(("by", ",".join(report.dimensions) or None))
    return [(name, str(value).lower() if value is True or value is False else str(value))
            for name, value in given if value is not None]  # fmt: skip


def as_text(report: FigureReport) -> Iterator[str]:
    """A plain text table with aligned columns and the totals in the last line."""
    names = figure_names()
    lines = [[*report.dimensions, *(names[name] for name in FIGURES)]]
    for group in report.groups:
        labels = [*group.labels, *[""] * (len(report.dimensions) - len(group.labels))]
        lines.append([*labels, *(f"{value:,}" for value in group.figures.as_json().values())])
    whole = [_p("totals", "All"), *[""] * (len(report.dimensions) - 1)] if report.dimensions else []
    lines.append([*whole, *(f"{value:,}" for value in report.totals.as_json().values())])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [
            cell.ljust(width) if column < len(report.dimensions) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    yield from shapes.opening_words(report.opening)
