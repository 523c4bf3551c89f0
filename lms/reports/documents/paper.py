"""A report document on paper: A4, PDF/A-2a and PDF/UA-1, with the same pictures and tables as the page."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import g

from lms.certificates.pdf.script_detection import language_of
from lms.core.base.settings import organiser_in
from lms.core.text.i18n import _
from lms.core.text.punctuation import gap
from lms.core.text.typesetting import can_draw, coverage, drawable, font_folders, replaced_words, tongue, typeset
from lms.core.time import clock
from lms.reports.documents.model import Picture, ReportDocument, Section, Table
from lms.reports.documents.wording import as_at, written
from lms.web.pages.locale import direction, reader_locale, speaking
from lms.web.pages.pictures import ticks
from lms.web.pages.time import language_name, number, organiser_zone, viewer_zone, whole_number

TEMPLATE = Path(__file__).parents[1] / "design" / "document.typ"

FALLBACK = "en"
_WANTED = "paper_language"


@contextmanager
def drawable_language(kind: str = "pdf") -> Iterator[None]:
    """Reads what follows for a PDF in English where no installed font has the letters of the reader's language.

    `pdf_of`, called within, says why.
    """
    language = reader_locale()
    if kind != "pdf" or can_draw(language):
        yield
        return
    with speaking(FALLBACK, viewer_zone()):
        setattr(g, _WANTED, language)
        try:
            yield
        finally:
            g.pop(_WANTED, None)


def pdf_of(out: ReportDocument) -> bytes:
    """The report document as PDF; the same document gives the same bytes."""
    if (language := g.get(_WANTED)) is not None:
        why = _("This file is in English: the server has no font for %(language)s.", language=language_name(language))
        out = replace(out, note=gap().join(filter(None, [why, out.note])))
    folders = font_folders()
    fonts = coverage(folders)
    content, changed = drawable(_content(out), fonts)
    if changed:
        content["footnotes"].append(replaced_words(fonts))
    content["tongues"] = _tongues(content, content["tongue"]["lang"])
    return typeset(TEMPLATE, {"out": json.dumps(content, ensure_ascii=False, sort_keys=True)}, folders)


def _content(out: ReportDocument) -> dict[str, Any]:
    language = reader_locale()
    day = clock.day_of(out.as_at, organiser_zone())
    return {
        "tongue": {**tongue(language), "dir": direction(language)},
        "organiser": organiser_in(language),
        "over": out.over,
        "title": out.title,
        "answer": out.answer,
        "lede": out.lede,
        "points": list(out.points),
        "note": out.note,
        "day": [day.year, day.month, day.day],
        "as_at": _("As at %(when)s.", when=as_at(out)),
        "figures": [
            {"label": figure.label, "value": figure.text or whole_number(figure.value), "note": figure.note}
            for figure in out.headline
        ],
        "sections": [_section(section) for section in out.sections],
        "lead": out.lead,
        "footnotes": list(out.footnotes),
        "page": _("Page"),
    }


def _tongues(content: Any, language: str) -> dict[str, dict[str, str | None]]:
    """The texts that are not in the language of the document (titles, names), with the language they are written in."""
    if isinstance(content, str):
        spoken = language_of(content, language)
        return {} if spoken == language else {content: tongue(spoken)}
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    return {text: own for part in parts for text, own in _tongues(part, language).items()}


def _section(section: Section) -> dict[str, Any]:
    table = section.table if section.table is not None and section.table.rows else None
    return {
        "title": section.title,
        "text": section.text,
        "picture": _picture(section.picture) if section.picture and section.picture.marks else None,
        "table": _table(table) if table else None,
        "points": [point.text for point in section.points],
        "note": section.empty if section.is_empty else section.note,
    }


def _picture(picture: Picture) -> dict[str, Any]:
    most = max(mark.value for mark in picture.marks)
    values = ticks(most)
    return {
        "kind": picture.kind,
        "told": picture.description,
        "most": most or 1,
        "marks": [
            {
                "label": mark.label,
                "value": mark.value,
                "shown": whole_number(mark.value),
                "note": mark.note,
                "partial": mark.partial,
            }
            for mark in picture.marks
        ],
        "ticks": [{"value": value, "shown": number(value)} for value in values],
        "axis": list(picture.axis),
    }


def _table(table: Table) -> dict[str, Any]:
    kinds = [column.kind for column in table.columns]
    rows = [*table.rows[:: table.thin], *([table.foot] if table.foot else [])]
    return {
        "columns": [
            {"name": column.name, "text": column.kind in {"text", "day", "moment", "year"}} for column in table.columns
        ],
        "rows": [[written(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows],
        "has_foot": table.foot is not None,
    }
