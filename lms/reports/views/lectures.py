"""Lecture reports as a page, PDF and workbook."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import may_edit_lecture
from lms.core import clock
from lms.core.errors import Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.reports.documents.answers import file_answer
from lms.reports.documents.files import FILES, file_of
from lms.reports.documents.lecture import read_out
from lms.reports.documents.model import ReadOut
from lms.reports.documents.writing import written
from lms.reports.queries.lecture import get_lecture_report
from lms.reports.views.blueprint import bp
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale


@bp.get("/lectures/<int:lecture_id>/report")
@allow(SIGNED_IN)
def lecture(lecture_id: int) -> ResponseReturnValue:
    """The report of a lecture: from registered to certified, minute by minute, by country. Focal points see only people
    from their own country.
    """
    by = current_actor()
    out = _read_out(lecture_id, by)
    shown = get_lecture(lecture_id, by=by)
    return render_template(
        "reports/lecture.html",
        lecture=shown,
        out=out,
        written=written,
        downloads=FILES,
        may_see_roster=by.is_reporter or may_edit_lecture(shown, by),
    )


@bp.get("/lectures/<int:lecture_id>/report.<kind>")
@allow(SIGNED_IN)
def lecture_file(lecture_id: int, kind: str) -> ResponseReturnValue:
    """Downloads the report. Returns 409 until the lecture has been held."""
    out = _read_out(lecture_id, current_actor())
    if out is None:
        raise Refused(_("This lecture has not been held yet."))
    return file_answer(*file_of(out, kind))


def _read_out(lecture_id: int, by: Actor) -> ReadOut | None:
    report = get_lecture_report(lecture_id, by=by, at=clock.now(), locale=reader_locale())
    if report is None:
        return None

    def dossier_url(code: str) -> str | None:
        return url_for("reports.dossier", code=code) if by.is_reporter or by.is_focal_point else None

    return read_out(report, dossier_url=dossier_url)
