"""Pages for the roster of a lecture and for corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions import corrections
from lms.attendance.forms import CorrectionForm, ManyForm
from lms.attendance.presence import span_of
from lms.attendance.queries import roster as roster_queries
from lms.attendance.queries.appeals import open_appeals_by_person
from lms.attendance.queries.closings import view_of
from lms.attendance.queries.roster import RosterPage, get_roster_page, get_row
from lms.attendance.views.blueprint import bp
from lms.catalogue.models import LectureState
from lms.catalogue.rules import marks_of, may_edit_lecture
from lms.core import clock
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _, _n
from lms.core.tables import write_csv
from lms.people.queries.countries import country_names
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale

PAGE = 50
PRINTED = 1000
"""Rows of one printable page, some twenty sheets; what is more follows on the next."""


@bp.get("/lectures/<int:lecture_id>/roster")
@allow(SIGNED_IN)
def roster(lecture_id: int) -> ResponseReturnValue:
    """Shows who attended, with the evidence."""
    return _roster_page(lecture_id, request.args.get("open"), None)


def _roster_page(lecture_id: int, opened: str | None, form: CorrectionForm | None, many: ManyForm | None = None) -> str:
    by, at = current_actor(), clock.now()
    q, cursor = _sought(), request.args.get("cursor")
    page = get_roster_page(lecture_id, by=by, limit=PAGE, cursor=cursor, q=q, at=at)
    row = next((one for one in page.rows if one.public_id == opened), None)
    if form is None and row is not None:
        form = CorrectionForm(formdata=None, outcome=row.outcome.value)
    may_edit = may_edit_lecture(page.lecture, by)
    held = page.lecture.state is LectureState.HELD
    closing = view_of(lecture_id) if held else None
    return render_template(
        "attendance/roster.html",
        marks=marks_of(page.lecture),
        opened=opened,
        form=form,
        many=many or ManyForm(formdata=None),
        ticked=set(request.form.getlist("people")) if many is not None else set(),
        may_edit=may_edit,
        may_correct=may_edit and closing is None,
        closing=closing,
        appeals=open_appeals_by_person(lecture_id, by=by) if held and may_edit else {},
        from_ms=clock.from_ms,
        **_shown(page, q, cursor, at),
    )


def _shown(page: RosterPage, q: str, cursor: str | None, at: datetime) -> dict[str, Any]:
    """The context shared by the roster on screen and on paper."""
    return {
        "lecture": page.lecture,
        "page": page,
        "q": q,
        "cursor": cursor,
        "span": span_of(page.lecture, clock.to_ms(at)),
        "needed_percent": page.needed_percent,
        "countries": country_names(reader_locale(), {one.country for one in page.rows if one.country}),
        "at": at,
    }


@bp.get("/lectures/<int:lecture_id>/roster/print")
@allow(SIGNED_IN)
def roster_print(lecture_id: int) -> ResponseReturnValue:
    """The printable roster, with all rows and without controls."""
    at, q, cursor = clock.now(), _sought(), request.args.get("cursor")
    page = get_roster_page(lecture_id, by=current_actor(), limit=PRINTED, cursor=cursor, q=q, at=at)
    return render_template("attendance/roster_print.html", **_shown(page, q, cursor, at))


def _kept() -> dict[str, Any]:
    """The part of the roster that was shown."""
    return {name: value for name in ("q", "cursor") if (value := request.args.get(name))}


def _sought() -> str:
    return request.args.get("q", "").strip()[:200]


@bp.get("/lectures/<int:lecture_id>/roster/<person_id>")
@allow(SIGNED_IN)
def person(lecture_id: int, person_id: str) -> ResponseReturnValue:
    """Redirects to one person on the roster."""
    row = get_row(lecture_id, person_id, by=current_actor(), at=clock.now())
    return redirect(
        url_for(".roster", lecture_id=lecture_id, q=row.full_name, open=person_id, _anchor=f"p-{person_id}")
    )


@bp.post("/lectures/<int:lecture_id>/roster/<person_id>")
@allow(SIGNED_IN)
def correct(lecture_id: int, person_id: str) -> ResponseReturnValue:
    """Saves or removes a correction."""
    form = CorrectionForm()
    if form.validate_on_submit():
        try:
            corrections.correct(
                lecture_id,
                person_id,
                outcome=form.wanted,
                reason=form.reason.data or "",
                by=current_actor(),
                at=clock.now(),
            )
        except Invalid as error:
            form.take(error)
        except Refused as error:
            form.form_errors.append(error.message)
        else:
            said = _("Correction removed.") if form.wanted is None else _("Correction saved. The evidence is kept.")
            flash(said, "done")
            values: dict[str, Any] = {"lecture_id": lecture_id, "open": person_id, "_anchor": f"p-{person_id}"}
            return redirect(url_for(".roster", **values, **_kept()))
    return _roster_page(lecture_id, person_id, form), 422


@bp.post("/lectures/<int:lecture_id>/roster")
@allow(SIGNED_IN)
def correct_many(lecture_id: int) -> ResponseReturnValue:
    """Saves or removes a correction for all selected people."""
    form, ticked, changed = ManyForm(), request.form.getlist("people"), []

    def work() -> None:
        given: dict[str, Any] = {"reason": form.reason.data or "", "by": current_actor(), "at": clock.now()}
        changed.append(corrections.correct_many(lecture_id, ticked, outcome=form.wanted, **given))

    status = form.attempt(work)
    if status is not None:
        return _roster_page(lecture_id, None, None, form), status
    said = _n("Correction saved for %(num)s person.", "Correction saved for %(num)s people.", changed[0])
    if form.wanted is None:
        said = _n("Correction removed for %(num)s person.", "Correction removed for %(num)s people.", changed[0])
    flash(said, "done")
    return redirect(url_for(".roster", lecture_id=lecture_id, **_kept(), _anchor="people"))


@bp.get("/lectures/<int:lecture_id>/roster.csv")
@allow(SIGNED_IN)
def roster_csv(lecture_id: int) -> ResponseReturnValue:
    """The whole roster as CSV."""
    rows = roster_queries.roster(lecture_id, by=current_actor(), limit=None, at=clock.now())
    headings = [
        "email", "full_name", "native_name", "country", "organisation", "minutes", "percent", "outcome", "sources",
        "explanation",
    ]  # fmt: skip
    lines = write_csv(
        headings,
        (
            (
                row.email, "" if row.is_hidden else row.full_name, row.native_name, row.country, row.organisation,
                row.minutes, row.percent, row.outcome.value, " ".join(row.sources), row.explanation,
            )
            for row in rows
        ),
    )  # fmt: skip
    answer = Response(stream_with_context(lines), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="roster-{lecture_id}.csv"'
    return answer
