"""Report documents as files (PDF, XLSX, CSV, JSON). Cells that look like formulas are harmless."""

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response
from werkzeug.wsgi import FileWrapper

from lms.core.base.errors import NotFound
from lms.core.storage import files
from lms.core.storage.tables import MIME, Workbook, Year, widths_of, write_csv
from lms.core.text.i18n import _
from lms.reports.documents import paper
from lms.reports.documents.model import Kind, ReportDocument, Value
from lms.reports.documents.wording import as_at, plain
from lms.reports.queries.definitions import definitions
from lms.web.api.api import rfc3339
from lms.web.pages.time import organiser_zone, zone_city

PIECE = 64 * 1024
Content = bytes | str | Iterable[bytes] | Iterable[str]
FILES = (("pdf", "PDF"), ("xlsx", "XLSX"), ("csv", "CSV"), ("json", "JSON"))
"""The kinds of file, and their names on buttons."""


def file_of(out: ReportDocument, kind: str) -> tuple[Content, str, str]:
    """(content, content type, file name) of a report document. Raises NotFound for a kind that there is not."""
    name = f"{out.name}-{out.as_at:%Y-%m-%d}.{kind}"
    if kind == "pdf":
        return paper.pdf_of(out), "application/pdf", name
    if kind == "xlsx":
        return workbook_of(out), MIME, name
    if kind == "csv":
        return write_csv(("section", "row", "figure", "value"), lines_of(out)), "text/csv; charset=utf-8", name
    if kind == "json":
        return json.dumps(object_of(out), ensure_ascii=False, indent=2) + "\n", "application/json", name
    raise NotFound


def workbook_of(out: ReportDocument) -> bytes:
    """A workbook: the totals, a sheet for each table, and what was asked, when, and what each figure counts."""
    buffer = io.BytesIO()
    with Workbook(buffer, zone=organiser_zone()) as book:
        totals = [(figure.label, figure.value, figure.note) for figure in out.figures]
        headings = (_("Figure"), _("Value"), _("Note"))
        book.add_sheet(_("Totals"), headings, totals, widths=widths_of(headings, totals))
        for section in out.sections:
            if section.table is not None:
                columns = section.table.columns
                names = [column.name for column in columns]
                rows = [
                    [_cell(value, column.kind) for value, column in zip(row, columns, strict=True)]
                    for row in section.table.lines
                ]
                book.add_sheet(section.title, names, rows, widths=widths_of(names, rows))
        add_about(book, [(_("Report"), out.title), (_("As at"), as_at(out)), *out.filters], out.footnotes)
    return buffer.getvalue()


def _cell(value: Value, kind: Kind) -> Value:
    return Year(value) if kind == "year" and isinstance(value, str) and value.isdecimal() else value


def add_about(book: Workbook, filters: list[tuple[str, str]], notes: tuple[str, ...] = ()) -> None:
    """The sheet with the settings, the time and time zone, and the definition of each figure."""
    city = zone_city(organiser_zone())
    lines = [*filters, (_("Time zone"), f"{city} ({organiser_zone()})"), *((_("Note"), note) for note in notes)]
    lines += list(definitions(city).items())
    headings = (_("What"), _("Meaning"))
    book.add_sheet(_("Definitions and filters"), headings, lines, widths=(24, 60))


def lines_of(out: ReportDocument) -> Iterator[tuple[object, ...]]:
    """Every value of a report document on its own line, for programs: (section, row, figure, value)."""
    for figure in out.figures:
        yield "totals", "", figure.name, figure.value
    for section in out.sections:
        if section.table is None:
            continue
        columns = section.table.columns
        for row in section.table.lines:
            for column, value in zip(columns[1:], row[1:], strict=True):
                yield section.anchor, row[0], column.definition or column.name, plain(value)


def object_of(out: ReportDocument) -> dict[str, Any]:
    """A report document as a JSON object."""
    return {
        "title": out.title,
        "as_at": rfc3339(out.as_at),
        "asked": dict(out.filters),
        "definitions": definitions(zone_city(organiser_zone())),
        "totals": {figure.name: figure.value for figure in out.figures},
        "sections": {
            section.anchor: {
                "title": section.title,
                "columns": [column.definition or column.name for column in section.table.columns],
                "rows": [[plain(value) for value in row] for row in section.table.rows],
                "all": [plain(value) for value in section.table.foot] if section.table.foot else None,
                "note": section.note,
            }
            for section in out.sections
            if section.table is not None
        },
    }


def file_answer(content: Content, kind: str, name: str) -> Response:
    """A file to keep."""
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def rows_answer(key: str, name: str) -> Response:
    """The file of exported rows, however long it is. Raises NotFound once it is gone."""
    opened = files.reading(key)
    if opened is None:
        raise NotFound
    file, size = opened
    answer = file_answer(FileWrapper(file, PIECE), MIME if name.endswith("xlsx") else "text/csv; charset=utf-8", name)
    answer.content_length = size
    answer.headers["Cache-Control"] = "no-store"
    return answer
