"""Pages for unmatched attendees: one by one, and all strong matches together."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.queries.closings import view_of
from lms.attendance.queries.roster import walk_ins_of
from lms.attendance_imports.actions import resolution
from lms.attendance_imports.actions.resolution import ResolutionResult, accept_strong, resolve_attendee
from lms.attendance_imports.forms import DecisionForm
from lms.attendance_imports.queries.review import find_people, list_strong, review_page
from lms.attendance_imports.views.questions import bp
from lms.catalogue.rules import marks_of, may_edit_lecture
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import gap
from lms.core.time import clock
from lms.people.queries.countries import country_names
from lms.web.forms.forms import BaseForm, whole
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

PAGE = 25
STRONG_SHOWN = 500
NOBODY = "nobody"


@bp.get("/lectures/<int:lecture_id>/attendance/review")
@allow(SIGNED_IN)
def review(lecture_id: int) -> ResponseReturnValue:
    """Lists unmatched attendees with their candidates."""
    return _page(lecture_id)


def _place() -> dict[str, Any]:
    """The position on the page, to keep in links and forms."""
    after = request.args.get("after", "")
    given = {
        "show": "decided" if request.args.get("show") == "decided" else None,
        "q": request.args.get("q", "").strip()[:200] or None,
        "after": int(after) if after.isascii() and after.isdigit() and len(after) < 10 else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _page(lecture_id: int, wrong: int | None = None, form: DecisionForm | None = None) -> str:
    by, place = current_actor(), _place()
    page = review_page(
        lecture_id, by=by, decided="show" in place, q=place.get("q", ""), after=place.get("after", 0), limit=PAGE
    )
    words = request.args.get("who", "").strip()[:200]
    sought = request.args.get("find", type=whole)
    people, _here = find_people(lecture_id, words, by=by) if sought is not None and words else ([], set())
    codes = {one.known.country for item in page.items for one in item.candidates} | {one.country for one in people}
    return render_template(
        "attendance_imports/review.html",
        lecture=page.lecture,
        page=page,
        place=place,
        sought=sought,
        words=words,
        found=people,
        wrong=wrong,
        form=form,
        marks=marks_of(page.lecture),
        may_decide=may_edit_lecture(page.lecture, by),
        closing=view_of(page.lecture.id),
        walk_ins=walk_ins_of(page.lecture),
        countries=country_names(reader_locale(), {code for code in codes if code}),
        from_ms=clock.from_ms,
    )


def _back(lecture_id: int, **more: Any) -> ResponseReturnValue:
    return redirect(url_for(".review", lecture_id=lecture_id, **_place(), **more))


@bp.post("/lectures/<int:lecture_id>/attendance/review/<int:attendee_id>")
@allow(SIGNED_IN)
def decide(lecture_id: int, attendee_id: int) -> ResponseReturnValue:
    """Resolves one unmatched attendee."""
    by, form = current_actor(), DecisionForm()
    done = ResolutionResult()

    def attempt() -> None:
        nonlocal done
        if not form.person.data:
            raise Invalid("person", _("Select a person, or “Not a participant”."))
        done = resolve_attendee(
            lecture_id,
            attendee_id,
            person=None if form.person.data == NOBODY else form.person.data,
            version=form.version.data or 0,
            rows=form.rows.data or None,
            by=by,
            at=clock.now(),
        )

    status = form.attempt(attempt)
    if status is not None:
        return _page(lecture_id, attendee_id, form), status
    message = _("Saved and counted. You can undo this under “Resolved”.")
    flash(gap().join([message, *done.notes]), "done")
    return _back(lecture_id, _anchor="unknown")


@bp.post("/lectures/<int:lecture_id>/attendance/review/<int:attendee_id>/undo")
@allow(SIGNED_IN)
def undo_decision(lecture_id: int, attendee_id: int) -> ResponseReturnValue:
    """Undoes the resolution of one attendee."""
    form = DecisionForm()
    if form.validate_on_submit():
        try:
            resolution.undo_decision(
                lecture_id, attendee_id, version=form.version.data or 0, by=current_actor(), at=clock.now()
            )
        except Refused as error:
            flash(error.message, "wrong")
        else:
            flash(_("Undone. This presence does not count until it is resolved again."), "done")
    return _back(lecture_id, _anchor="unknown")


@bp.post("/lectures/<int:lecture_id>/attendance/review/nobody")
@allow(SIGNED_IN)
def reject_shown(lecture_id: int) -> ResponseReturnValue:
    """Says that all attendees shown on the page are no participants (`attendee`: id and version, `12:0`)."""
    versions = {}
    for shown in request.form.getlist("attendee")[:PAGE]:
        attendee_id, _colon, version = shown.partition(":")
        try:
            versions[whole(attendee_id)] = whole(version)
        except ValueError as error:
            raise NotFound from error
    try:
        done = resolution.reject_attendees(lecture_id, versions, by=current_actor(), at=clock.now())
    except Refused as error:
        flash(error.message, "wrong")
        return _back(lecture_id, _anchor="unknown")
    message = _n(
        "%(num)s attendee marked as not a participant. You can undo this under “Resolved”.",
        "%(num)s attendees marked as not a participant. You can undo each of these under “Resolved”.",
        done.count,
    )
    flash(gap().join([message, *done.notes]), "done")
    return _back(lecture_id, _anchor="unknown")


@bp.route("/lectures/<int:lecture_id>/attendance/review/strong", methods=["GET", "POST"])
@allow(SIGNED_IN)
def review_strong(lecture_id: int) -> ResponseReturnValue:
    """Reviews and accepts all attendees with one strong match."""
    by, form, status = current_actor(), BaseForm(), 200
    if request.method == "POST" and form.validate_on_submit():
        seen = request.form.get("seen", "")
        try:
            done = accept_strong(lecture_id, seen=seen, by=by, at=clock.now())
        except Refused as error:
            form.form_errors.append(error.message)
            status = error.status
        else:
            message = _n("%(num)s match accepted and counted.", "%(num)s matches accepted and counted.", done.count)
            flash(message + gap() + _("You can undo each of these under “Resolved”."), "done")
            return redirect(url_for(".review", lecture_id=lecture_id))
    lecture, strong = list_strong(lecture_id, by=by)
    page = render_template(
        "attendance_imports/review_strong.html",
        lecture=lecture,
        strong=strong,
        shown=STRONG_SHOWN,
        form=form,
        may_decide=may_edit_lecture(lecture, by),
    )
    return page, status
