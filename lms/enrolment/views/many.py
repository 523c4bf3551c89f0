"""Pages for many people at once: decisions about those who are selected, and files of people to enrol."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.batches.views import BatchPages, preview_or_return
from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import DomainError, Forbidden, Invalid, TooLarge, WrongKind
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _l, _n
from lms.core.time import clock
from lms.enrolment.actions import many
from lms.enrolment.batch_actions import ENROLMENT_CHANGES, preview_batch
from lms.enrolment.forms import FileForm
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.batches import count_places
from lms.enrolment.queries.preview import preview_enrolments
from lms.enrolment.views.blueprint import bp
from lms.enrolment.views.places import Enrolments, back_to_list
from lms.web.lists.parts import read_selection
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

BatchPages(
    ENROLMENT_CHANGES,
    path="/series/<slug>/enrolment-changes",
    endpoints=("list_changes", "change", "undo_change"),
    templates=("enrolment/change.html", "enrolment/changes.html"),
    back=lambda series: url_for("enrolment.series_enrolments", slug=series.slug),
    question=_l("Why are you rejecting these people?"),
    more=lambda view, preview, **_reader: {"places": count_places(view.batch) if preview is None else 0},
).add_to(bp)


@bp.post("/series/<slug>/enrolment-changes")
@allow(SIGNED_IN)
def preview_changes(slug: str) -> ResponseReturnValue:
    """Previews accepting, rejecting or withdrawing the selected people, or all that the filter matches. Nothing is
    changed yet."""
    by, selection, status = current_actor(), read_selection(), request.form.get("status", "")
    series = get_series(slug, by=by)
    if status not in set(EnrolmentStatus):
        raise Invalid("status", _("Unknown value."))
    enrolments = Enrolments(slug)
    people = enrolments.people if selection.everybody else selection.ids
    return preview_or_return(
        lambda: preview_batch(series.id, people, status=EnrolmentStatus(status), by=by, at=clock.now()),
        page=lambda batch: url_for(".change", slug=slug, batch=batch),
        back=enrolments.here(),
    )


# Files, in two steps: look, then take


def _import_series(slug: str, by: Actor) -> Series:
    if not by.is_administrator:
        raise Forbidden
    return get_series(slug, by=by)


@bp.route("/series/<slug>/enrolments/import", methods=["GET", "POST"])
@upload_limit
@allow(Role.ADMINISTRATOR)
def import_file(slug: str) -> ResponseReturnValue:
    """Uploads a file of people for a preview. Nothing is saved in the series."""
    by = current_actor()
    series = _import_series(slug, by)
    form, status = FileForm(), 200
    if request.method == "POST":
        status = 422
        if form.validate():
            content, name = form.file.data.read(), form.file.data.filename or ""
            try:
                many.keep_file(series.id, content, name=name, by=by, at=clock.now())
            except (Invalid, TooLarge, WrongKind) as error:
                form.file.errors = [error.message]
                status = error.status
            else:
                return redirect(url_for("enrolment.import_preview", slug=slug), 303)
    return render_template("enrolment/import.html", series=series, form=form), status


@bp.route("/series/<slug>/enrolments/import/preview", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def import_preview(slug: str) -> ResponseReturnValue:
    """Previews the import of a file, then imports its good rows or cancels."""
    by = current_actor()
    series = _import_series(slug, by)
    file = many.find_file(series.id, by=by, at=clock.now())
    if request.method == "POST" and request.form.get("do") == "leave":
        many.drop_file(series.id, by=by)
        flash(_("Nothing was saved."), "done")
        return back_to_list(slug)
    if file is None:
        flash(_("There is no file to preview. Choose the file again."), "wrong")
        return redirect(url_for("enrolment.import_file", slug=slug), 303)
    if request.method == "POST":
        if request.form.get("mark") != file.mark:
            flash(_("Another file was chosen in the meantime. This is a preview of that file."), "wrong")
            return redirect(url_for("enrolment.import_preview", slug=slug), 303)
        try:
            answer = many.publish_enrolments(series.id, file.people, skip_bad_rows=True, by=by, at=clock.now())
        except DomainError as error:
            flash(error.message, "wrong")
            return redirect(url_for("enrolment.import_preview", slug=slug), 303)
        many.drop_file(series.id, by=by)
        flash(_n("%(num)s person was enrolled.", "%(num)s people were enrolled.", answer.created), "done")
        for note in answer.notes:
            flash(note, "")
        return back_to_list(slug)
    preview = preview_enrolments(series.id, file.people, by=by)
    return render_template(
        "enrolment/preview.html", series=series, preview=preview, file_name=file.name, mark=file.mark
    )
