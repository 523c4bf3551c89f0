"""Pages for opening balances: sets and their rows, entered one by one or from a file. Reporters can read them;
administrators enter them.
"""

from functools import partial
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.forms import grouped_choices
from lms.people.queries.countries import country_names
from lms.reports.actions import opening_balances as opening_actions
from lms.reports.actions.opening_balances import (
    FIELDS,
    add_opening_row,
    create_opening_set,
    draft_of,
    edit_opening_set,
    publish_opening,
    remove_opening_set,
)
from lms.reports.forms import OpeningFileForm, OpeningRowForm, OpeningSetForm, RemoveOpeningForm
from lms.reports.queries.opening_balances import (
    get_opening_row,
    get_opening_set,
    list_opening_rows,
    list_opening_sets,
    set_of_row,
)
from lms.reports.views.blueprint import bp
from lms.web.forms.forms import BaseForm, whole
from lms.web.pages.locale import reader_locale
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

ROWS_A_PAGE = 100
LOOKED_AT = 50
"""The number of rows and faults of a file shown before it is entered."""


@bp.get("/admin/opening")
@allow(Role.ADMINISTRATOR, Role.REPORTER)
def opening() -> ResponseReturnValue:
    """Lists the sets of opening balances."""
    return render_template("reports/opening.html", sets=list_opening_sets(by=current_actor()), form=OpeningSetForm())


@bp.post("/admin/opening")
@allow(Role.ADMINISTRATOR)
def begin_opening() -> ResponseReturnValue:
    """Creates a set."""
    form, by = OpeningSetForm(), current_actor()
    made: list[str] = []
    status = form.attempt(lambda: made.append(create_opening_set(*form.entered, by=by, at=clock.now())))
    if status is not None:
        sets = list_opening_sets(by=by)
        return render_template("reports/opening.html", sets=sets, form=form), status
    flash(_("Set created. Now enter its rows."), "done")
    return redirect(url_for("reports.opening_set", public_id=made[0]), code=303)


@bp.get("/admin/opening/<public_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER)
def opening_set(public_id: str) -> ResponseReturnValue:
    """A set with its rows and the forms to add more."""
    return _set_page(public_id)


def _set_page(public_id: str, status: int = 200, **forms: BaseForm) -> ResponseReturnValue:
    by = current_actor()
    row = get_opening_set(public_id, by=by)
    page = max(request.args.get("page", 1, type=whole), 1)
    rows = list_opening_rows(row.id, by=by, limit=ROWS_A_PAGE, offset=(page - 1) * ROWS_A_PAGE)
    given: dict[str, Any] = {
        "set_form": OpeningSetForm(formdata=None, obj=row),
        "row_form": OpeningRowForm(formdata=None),
    }
    given |= {"file_form": OpeningFileForm(formdata=None), "remove_form": RemoveOpeningForm(formdata=None), **forms}
    _offer(given["row_form"])
    address = partial(url_for, "reports.opening_set", public_id=public_id)
    return render_template(
        "reports/opening_set.html",
        row=row,
        rows=rows[:ROWS_A_PAGE],
        names=country_names(reader_locale()),
        previous=address(page=page - 1) if page > 1 else None,
        following=url_for("reports.opening_set", public_id=public_id, page=page + 1)
        if len(rows) > ROWS_A_PAGE
        else None,
        **given,
    ), status


def _offer(form: OpeningRowForm) -> None:
    locale = reader_locale()
    form.offer(grouped_choices(country_names(locale), locale))


@bp.post("/admin/opening/<public_id>")
@allow(Role.ADMINISTRATOR)
def edit_opening(public_id: str) -> ResponseReturnValue:
    """Edits a set."""
    form = OpeningSetForm()
    status = form.attempt(lambda: edit_opening_set(public_id, *form.entered, by=current_actor(), at=clock.now()))
    if status is not None:
        return _set_page(public_id, status, set_form=form)
    flash(_("Saved."), "done")
    return redirect(url_for("reports.opening_set", public_id=public_id), code=303)


@bp.post("/admin/opening/<public_id>/remove")
@allow(Role.ADMINISTRATOR)
def remove_opening(public_id: str) -> ResponseReturnValue:
    """Deletes a set with all its rows, after confirmation."""
    form = RemoveOpeningForm()
    status = form.attempt(lambda: remove_opening_set(public_id, by=current_actor(), at=clock.now()))
    if status is not None:
        return _set_page(public_id, status, remove_form=form)
    flash(_("Set deleted. Figures no longer include it."), "done")
    return redirect(url_for("reports.opening"), code=303)


@bp.post("/admin/opening/<public_id>/rows")
@allow(Role.ADMINISTRATOR)
def add_opening(public_id: str) -> ResponseReturnValue:
    """Enters one row."""
    form, by = OpeningRowForm(), current_actor()
    _offer(form)
    status = form.attempt(lambda: add_opening_row(public_id, draft_of(form.data), by=by, at=clock.now()))
    if status is not None:
        return _set_page(public_id, status, row_form=form)
    flash(_("Row entered."), "done")
    return redirect(url_for("reports.opening_set", public_id=public_id), code=303)


@bp.post("/admin/opening/<public_id>/file")
@upload_limit
@allow(Role.ADMINISTRATOR)
def opening_file(public_id: str) -> ResponseReturnValue:
    """Previews a file (step 1), then enters its rows (step 2)."""
    form, by, at = OpeningFileForm(), current_actor(), clock.now()
    row = get_opening_set(public_id, by=by)
    is_second, sent, status = bool(form.upload.data), request.files.get("file"), 200
    try:
        if not is_second:
            form.upload.data = opening_actions.keep_file(sent.read() if sent else b"", by=by, at=at)
        file_id = form.upload.data or ""
        staged = opening_actions.find_file(file_id, by=by, at=at)
    except Invalid as error:
        form.take(error)
        form.upload.data = ""
        return _set_page(public_id, 422, file_form=form)
    if is_second:
        answers: list[ImportAnswer] = []

        def publish() -> None:
            skip = bool(form.skip_bad_rows.data)
            answers.append(publish_opening(public_id, staged, skip_bad_rows=skip, by=by, at=at))

        result = form.attempt(publish)
        if result is None:
            opening_actions.drop_file(file_id, by=by)
            flash(_done(answers[0]), "done")
            return redirect(url_for("reports.opening_set", public_id=public_id), code=303)
        status = result
    return render_template(
        "reports/opening_file.html", row=row, staged=staged, form=form, few=LOOKED_AT,
        names=country_names(reader_locale()), fields=FIELDS,
    ), status  # fmt: skip


def _done(answer: ImportAnswer) -> str:
    return _(
        "Rows entered: %(created)s new, %(updated)s changed, %(same)s unchanged, %(bad)s skipped.",
        created=answer.created,
        updated=answer.updated,
        same=answer.unchanged,
        bad=len({fault.row for fault in answer.rejected}),
    )


@bp.get("/admin/opening/rows/<int:row_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER)
def opening_row(row_id: int) -> ResponseReturnValue:
    """One row, to edit or delete."""
    row = get_opening_row(row_id, by=current_actor())
    given = {"lecture": row.title, "date": row.day.isoformat(), "series": row.series_name, "country": row.country_code}
    form = OpeningRowForm(formdata=None, data={**given, "attendances": str(row.attendances)})
    return _row_page(row_id, form)


def _row_page(row_id: int, form: OpeningRowForm, status: int = 200) -> ResponseReturnValue:
    row = get_opening_row(row_id, by=current_actor())
    _offer(form)
    return render_template("reports/opening_row.html", row=row, form=form), status


@bp.post("/admin/opening/rows/<int:row_id>")
@allow(Role.ADMINISTRATOR)
def edit_opening_row(row_id: int) -> ResponseReturnValue:
    """Edits one row."""
    form, by = OpeningRowForm(), current_actor()
    _offer(form)
    status = form.attempt(lambda: opening_actions.edit_opening_row(row_id, draft_of(form.data), by=by, at=clock.now()))
    if status is not None:
        return _row_page(row_id, form, status)
    flash(_("Saved."), "done")
    return redirect(_set_of(row_id), code=303)


@bp.post("/admin/opening/rows/<int:row_id>/remove")
@allow(Role.ADMINISTRATOR)
def remove_opening_row(row_id: int) -> ResponseReturnValue:
    """Deletes one row."""
    by, back = current_actor(), _set_of(row_id)
    opening_actions.remove_opening_row(row_id, by=by, at=clock.now())
    flash(_("Row deleted."), "done")
    return redirect(back, code=303)


def _set_of(row_id: int) -> str:
    public_id = set_of_row(get_opening_row(row_id, by=current_actor()))
    return url_for("reports.opening_set", public_id=public_id)
