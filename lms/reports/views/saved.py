"""Pages for saved reports: save, rename, schedule, unsubscribe."""

from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.mail import rendering
from lms.people.queries.persons import addresses_of
from lms.reports import shapes
from lms.reports.actions import saved as actions
from lms.reports.actions.sending import TEMPLATE
from lms.reports.forms import PERIOD_NAMES, RHYTHM_NAMES, RemoveSavedForm, SavedNameForm, ScheduleForm
from lms.reports.mailing import prepared
from lms.reports.models import SavedReport
from lms.reports.periods import Rhythm, next_due
from lms.reports.queries import saved as reading
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.labels import filters_in_words
from lms.reports.rules import read_question
from lms.reports.views.blueprint import address, bp, valid_form
from lms.reports.views.exact import totals_page
from lms.web.forms.forms import BaseForm
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import organiser_zone
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses


def init_app(app: Flask) -> None:
    """Has scheduled reports written by `prepared` when they are sent."""
    rendering.register(app, TEMPLATE, prepared)


@bp.post("/admin/reports/saved")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def save() -> ResponseReturnValue:
    """Saves the current report under a name."""
    by, form = current_actor(), SavedNameForm()
    report_form = valid_form(by, reader_locale())
    made: list[str] = []
    status = form.attempt(
        lambda: made.append(actions.save_report(form.name.data or "", report_form.question, by=by, at=clock.now()))
    )
    if status is not None:
        return totals_page(save_form=form, status=status)
    flash(_("Report saved. You can find it on the reports page."), "done")
    return redirect(url_for("reports.saved", public_id=made[0]), code=303)


@bp.get("/admin/reports/saved/<public_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def saved(public_id: str) -> ResponseReturnValue:
    """One of the reader's saved reports: its settings, name, schedule and sendings."""
    return _page(public_id)


def _page(public_id: str, status: int = 200, **forms: BaseForm) -> ResponseReturnValue:
    by, at = current_actor(), clock.now()
    row = reading.get_saved(public_id, by=by)
    schedule, readers = reading.find_schedule(row), reading.list_readers(row)
    listed = [reader.address for reader in readers if reader.unsubscribed_at is None]
    if schedule is None and not readers and by.person_id is not None:
        listed = list(addresses_of([by.person_id]).values())
    when: dict[str, Any] = {} if schedule is None else {"rhythm": str(schedule.rhythm), "hour": schedule.hour}
    given: dict[str, Any] = {
        "name_form": SavedNameForm(formdata=None, data={"name": row.name}),
        "schedule_form": ScheduleForm(formdata=None, data={"hour": 8, **when, "recipients": "\n".join(listed)}),
        "remove_form": RemoveSavedForm(formdata=None),
        **forms,
    }
    return render_template(
        "reports/saved.html",
        row=row,
        asks=_asks(row),
        open=address("reports.totals", row.question),
        schedule=schedule,
        rhythm=schedule and dict(RHYTHM_NAMES)[schedule.rhythm.value],
        following=schedule and next_due(schedule.rhythm, schedule.hour, at, organiser_zone()).moment,
        left=[reader for reader in readers if reader.unsubscribed_at is not None],
        sendings=reading.list_sendings(row),
        **given,
    ), status


def _asks(row: SavedReport) -> list[tuple[str, str]]:
    """The settings of a saved report, as pairs of label and value."""
    question = read_question(row.question)
    names = dict(shapes.DIMENSION_NAMES)
    lines = [(_("Figure"), figure_names()[question.figure])]
    if question.dimensions:
        lines.append((_("Grouped by"), " · ".join(str(names[name]) for name in question.dimensions)))
    today = clock.day_of(clock.now(), organiser_zone())
    days = shapes.period(question.on(today))
    if question.period is not None and question.on(today).from_day is not None:
        days = _("%(name)s (today: %(days)s)", name=dict(PERIOD_NAMES)[question.period.value], days=days)
    lines.append((_("Period"), days))
    filters = filters_in_words(question.slice, reader_locale())
    return [*lines, (_("Filters"), " · ".join(filters) or _("None"))]


@bp.post("/admin/reports/saved/<public_id>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def rename_saved(public_id: str) -> ResponseReturnValue:
    """Renames a saved report."""
    form, by = SavedNameForm(), current_actor()
    reading.get_saved(public_id, by=by)
    status = form.attempt(lambda: actions.rename_report(public_id, form.name.data or "", by=by, at=clock.now()))
    return _after(public_id, status, _("Saved."), name_form=form)


@bp.post("/admin/reports/saved/<public_id>/schedule")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def schedule_saved(public_id: str) -> ResponseReturnValue:
    """Schedules a saved report."""
    form, by = ScheduleForm(), current_actor()
    reading.get_saved(public_id, by=by)

    def schedule() -> None:
        timing = (Rhythm(form.rhythm.data), form.hour.data, form.recipients.data or "")
        actions.schedule_report(public_id, *timing, by=by, at=clock.now())

    return _after(public_id, form.attempt(schedule), _("The report will be sent."), schedule_form=form)


@bp.post("/admin/reports/saved/<public_id>/stop")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def stop_saved(public_id: str) -> ResponseReturnValue:
    """Stops sending a saved report."""
    actions.stop_schedule(public_id, by=current_actor(), at=clock.now())
    return _after(public_id, None, _("The report will no longer be sent."))


@bp.post("/admin/reports/saved/<public_id>/remove")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def remove_saved(public_id: str) -> ResponseReturnValue:
    """Deletes a saved report, after confirmation."""
    form, by = RemoveSavedForm(), current_actor()
    reading.get_saved(public_id, by=by)
    status = form.attempt(lambda: actions.remove_report(public_id, by=by, at=clock.now()))
    if status is not None:
        return _page(public_id, status, remove_form=form)
    flash(_("Saved report deleted."), "done")
    return redirect(url_for("reports.totals"), code=303)


def _after(public_id: str, status: int | None, message: str, **forms: BaseForm) -> ResponseReturnValue:
    if status is not None:
        return _page(public_id, status, **forms)
    flash(message, "done")
    return redirect(url_for("reports.saved", public_id=public_id), code=303)


@bp.route("/unsubscribe/<secret>", methods=["GET", "POST"])
@allow(ANYONE, allow_without_mfa=True)
@throttle_guesses("unsubscribe")
def unsubscribe(secret: str) -> ResponseReturnValue:
    """Unsubscribes from one report, by a POST from a person or a mail program (RFC 8058). A GET only asks for
    confirmation.
    """
    if request.method == "POST":
        actions.set_subscription(secret, is_subscribed=request.form.get("again") == "y", at=clock.now())
    shown = reading.look_at_subscription(secret)
    return render_template("reports/unsubscribe.html", shown=shown, secret=secret)
