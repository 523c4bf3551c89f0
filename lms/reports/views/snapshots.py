"""Pages for published reports: publish, list, read, download, withdraw."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from lms.core.base.errors import DomainError, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, Actor, Role
from lms.core.storage import tables
from lms.core.text.i18n import _, language_tag
from lms.core.time import clock
from lms.people.queries.countries import country_by_code
from lms.reports import shapes
from lms.reports import snapshots as codec
from lms.reports.actions import snapshots as snapshots_actions
from lms.reports.actions.snapshots import LONGEST_NOTE, Attached, check_words, publish_snapshot
from lms.reports.documents import report_files as files
from lms.reports.documents.files import file_answer
from lms.reports.documents.paper import drawable_language, pdf_of
from lms.reports.documents.totals import totals_document
from lms.reports.forms import PublishForm, ReportForm, WithdrawReportForm
from lms.reports.models import Snapshot, SnapshotVisibility
from lms.reports.queries.drilldown import NOT_STATED
from lms.reports.queries.figures import count, count_several, with_margins
from lms.reports.queries.labels import Names, choices
from lms.reports.queries.public import last_refresh
from lms.reports.queries.snapshots import (
    count_staff_readers,
    get_dossier_file,
    get_snapshot,
    list_dossiers,
    list_snapshots,
    may_count_exactly,
    may_read_figures,
)
from lms.reports.rules import FIGURES
from lms.reports.views.blueprint import address, bp, figures_shown, valid_form
from lms.reports.views.documents import asked_dossier, read_dossier
from lms.reports.views.drilldown import drilldown_of
from lms.web.api.api import integer_cursor, rfc3339
from lms.web.pages.locale import direction, reader_locale
from lms.web.pages.time import organiser_zone, zone_city
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor

A_PAGE = 50
CHANGES_SHOWN = 200
"""The number of changed figures of groups on the page; the API has all."""


@bp.get("/reports")
@allow(ANYONE, indexed=True)
@same_for_strangers
def snapshots() -> ResponseReturnValue:
    """Lists the published reports, newest first."""
    by, cursor = current_actor(), integer_cursor(request.args.get("cursor"))
    rows = list_snapshots(by=by, limit=A_PAGE, cursor=cursor)
    following = url_for("reports.snapshots", cursor=rows[A_PAGE - 1].id) if len(rows) > A_PAGE else None
    return render_template("reports/snapshots.html", rows=rows[:A_PAGE], following=following)


@bp.route("/reports/new", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def publish() -> ResponseReturnValue:
    """Publishes the current report under a title, for everyone or for staff."""
    by, at, locale = current_actor(), clock.now(), reader_locale()
    report_form = valid_form(by, locale)
    closed = _closed_to_public(report_form, locale)
    form = PublishForm()
    country = country_by_code(report_form.slice.country)
    form.offer(
        choices(Names(locale), by=by).countries,
        country=report_form.slice.country,
        is_closed=closed is not None,
        staff_readers=count_staff_readers(country, at=at),
    )
    status, asks = 200, False
    if request.method == "GET":
        form.key.data = secrets.token_urlsafe(16)
        form.title.data = shapes.suggested_title(report_form.slice, report_form.dimensions, report_form.about)
        form.visibility.data = SnapshotVisibility.STAFF.value
        form.dossier.data = report_form.slice.country or ""
    elif not form.validate() or not _are_good_words(form):
        status = 422
    elif form.is_public and closed is not None:
        form.take(Invalid("visibility", closed))
        status = 422
    elif not request.form.get("confirm"):
        asks = True
    elif form.is_public and not form.checked.data:
        form.take(Invalid("checked", _("Check the preview, then tick the box.")))
        status, asks = 422, True
    else:
        public_id = _publish(form, report_form, by=by, at=at)
        if public_id is not None:
            flash(_("Report published. You can withdraw it on this page."), "done")
            return redirect(url_for("reports.snapshot", public_id=public_id), code=303)
        status = 422
    is_public = form.is_public and closed is None
    dims = report_form.dimensions
    questions = with_margins(dims)
    counted_by = ANONYMOUS if is_public else by
    report, *margins = count_several(report_form.slice, questions, by=counted_by, at=at, locale=locale)
    return render_template(
        "reports/publish.html",
        form=form,
        asks=asks,
        is_public=is_public,
        closed=closed,
        refreshed=last_refresh() or at,
        groups=len(report.groups),
        longest_note=LONGEST_NOTE,
        dimensions=[str(label) for name, label in shapes.DIMENSION_NAMES if name in dims],
        target=address("reports.publish", request.args.to_dict()),
        back=address("reports.totals", request.args.to_dict()),
        **figures_shown(report, margins, report_form.figure.data, report_form.about),
    ), status


def _are_good_words(form: PublishForm) -> bool:
    """Whether the title and the note can be published; the form says what cannot."""
    try:
        check_words(form.title.data or "", form.note.data or "")
    except Invalid as error:
        form.take(error)
        return False
    return True


def _publish(form: PublishForm, report_form: ReportForm, *, by: Actor, at: datetime) -> str | None:
    """Publishes what the form says. None if it was refused; the form then says why."""
    try:
        return publish_snapshot(
            form.title.data or "",
            SnapshotVisibility(form.visibility.data),
            report_form.slice,
            report_form.dimensions,
            figure=report_form.figure.data,
            note=form.note.data or "",
            place=zone_city(organiser_zone()),
            locale=reader_locale(),
            key=form.key.data or None,
            attached=_attached(form.dossier.data, at),
            by=by,
            at=at,
        )
    except Invalid as error:
        form.take(error)
    except Forbidden as error:
        form.take(Invalid("visibility", error.message))
    return None


def _attached(code: str, at: datetime) -> list[Attached]:
    """The current PDF dossier of the selected country, or nothing where none is selected."""
    if not code:
        return []
    with drawable_language():
        dossier = asked_dossier(code, at)
        out = read_dossier(dossier, at)
        return [Attached(dossier.code, out.title, pdf_of(out), dossier.totals.totals)]


def _closed_to_public(report_form: ReportForm, locale: str) -> str | None:
    """Why the report is too detailed to be public, or None."""
    try:
        count(report_form.slice, report_form.dimensions, by=ANONYMOUS, at=clock.now(), locale=locale)
    except Forbidden as error:
        return error.message
    except NotFound:
        return _("This series is a draft.")
    return None


@bp.get("/reports/<public_id>")
@allow(ANYONE, indexed=True)
@same_for_strangers
def snapshot(public_id: str) -> ResponseReturnValue:
    """A published report with its frozen figures. Readers with exact access also see what has changed since."""
    return _page(get_snapshot(public_id, by=current_actor()), WithdrawReportForm(MultiDict()))


def _page(row: Snapshot, form: WithdrawReportForm) -> ResponseReturnValue:
    by, locale = current_actor(), reader_locale()
    frozen = codec.thaw(row.content)
    report, figure = frozen.report, request.args.get("figure", frozen.figure)
    if figure not in FIGURES:
        raise NotFound
    context: dict[str, Any] = {"row": row, "form": form, "frozen": frozen, "shown": may_read_figures(row, by=by)}
    context["dossiers"] = list_dossiers(row, by=by) if by.is_signed_in else []
    if context["shown"]:
        context |= {
            **figures_shown(report, frozen.margins, frozen.figure, frozen.about, shown=figure),
            "passage": {"lang": language_tag(frozen.language), "dir": direction(frozen.language)}
            if frozen.language != locale
            else {},
            "since": _since(row, frozen, by=by),
        }
    return render_template("reports/snapshot.html", **context), 422 if form.errors else 200


def _since(row: Snapshot, frozen: codec.Frozen, *, by: Actor) -> dict[str, Any] | None:
    """The changes since publication. None without exact access or where nothing can be counted."""
    if not may_count_exactly(row, by=by):
        return None
    slice_, dims = frozen.report.slice, frozen.report.dimensions
    try:
        now = count(slice_, dims, by=by, at=clock.now(), locale=reader_locale())
    except DomainError as error:
        return {"fails": error.message}
    changes = codec.of_groups(frozen.report, now)
    question = _as_address(frozen)
    return {
        "as_at": now.as_at,
        "totals": codec.of_totals(frozen.report, now),
        "groups": changes[:CHANGES_SHOWN],
        "today": address("reports.totals", question),
        "open": lambda change: drilldown_of(change.figure, **_narrowed(question, change.keys)),
        "more": max(len(changes) - CHANGES_SHOWN, 0),
        "has_folded": any(group.folded for group in frozen.report.groups),
    }


def _as_address(frozen: codec.Frozen) -> dict[str, str]:
    """The query parameters of the reports page for a published report."""
    axes = dict(zip(("rows", "columns"), frozen.report.dimensions, strict=False))
    return {"figure": frozen.figure, **frozen.report.slice.parameters, **axes}


def _narrowed(question: dict[str, str], keys: Sequence[str | None]) -> dict[str, str]:
    """The same, for one group."""
    group = dict(zip(("row", "column"), keys, strict=False))
    return question | {name: NOT_STATED if key is None else key for name, key in group.items()}


@bp.get("/reports/<public_id>.<kind>")
@allow(ANYONE)
def snapshot_file(public_id: str, kind: str) -> ResponseReturnValue:
    """Downloads a published report as PDF, CSV, XLSX, or as the frozen JSON whose checksum is on its page."""
    by = current_actor()
    row = get_snapshot(public_id, by=by)
    if kind not in {"pdf", "csv", "xlsx", "json"} or not may_read_figures(row, by=by):
        raise NotFound
    frozen = codec.thaw(row.content)
    name = f"report-{public_id}-{frozen.report.as_at:%Y-%m-%d}.{kind}"
    if kind == "json":
        return file_answer(row.content, "application/json", name)
    if kind == "pdf":
        with drawable_language():
            return file_answer(_on_paper(row, frozen), "application/pdf", name)
    if kind == "csv":
        return file_answer(files.as_csv(frozen.report), "text/csv; charset=utf-8", name)
    about = [
        (_("Title"), frozen.title),
        *([(_("Note"), frozen.note)] if frozen.note else []),
        (_("Published"), rfc3339(row.published_at) or ""),
        (_("checksum (SHA-256)"), row.digest),
    ]
    if row.withdrawn_at is not None:
        about.append((_("Withdrawn"), f"{rfc3339(row.withdrawn_at)}: {row.withdrawn_reason}"))
    return file_answer(
        files.as_xlsx(
            frozen.report, frozen.definitions, about, cross=shapes.cross(frozen.report, frozen.margins, frozen.figure)
        ),
        tables.MIME,
        name,
    )


def _on_paper(row: Snapshot, frozen: codec.Frozen) -> bytes:
    out = totals_document(
        frozen.report,
        frozen.figure,
        title=frozen.title,
        cross=shapes.cross(frozen.report, frozen.margins, frozen.figure),
    )
    lines = [_("SHA-256 checksum of the frozen report: %(digest)s", digest=row.digest)]
    if row.withdrawn_at is not None:
        lines.insert(0, _("This report was withdrawn. Reason: %(reason)s", reason=row.withdrawn_reason))
    lede = str(shapes.sentence(frozen.report, frozen.figure, frozen.about).striptags())
    footnotes = (*out.footnotes, *lines)
    return pdf_of(replace(out, over=_("Published report"), lede=lede, note=frozen.note, footnotes=footnotes))


@bp.get("/reports/<public_id>/dossiers/<digest>.pdf")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def attached_dossier(public_id: str, digest: str) -> ResponseReturnValue:
    """A country's dossier as frozen on publication, for staff and the country's own focal point."""
    _dossier, content = get_dossier_file(public_id, digest, by=current_actor())
    return file_answer(content, "application/pdf", f"dossier-{public_id}-{digest[:8]}.pdf")


@bp.post("/reports/<public_id>/withdraw")
@allow(Role.ADMINISTRATOR)
def withdraw_snapshot(public_id: str) -> ResponseReturnValue:
    """Withdraws a published report, with a reason. Its web page remains."""
    form, by = WithdrawReportForm(), current_actor()
    if form.validate():
        try:
            snapshots_actions.withdraw_snapshot(public_id, reason=form.reason.data or "", by=by, at=clock.now())
        except Invalid as error:
            form.take(error)
        except Refused as error:
            flash(error.message, "wrong")
        else:
            flash(_("Report withdrawn. Its page remains and says so."), "done")
    if form.errors:
        return _page(get_snapshot(public_id, by=by), form)
    return redirect(url_for("reports.snapshot", public_id=public_id), code=303)
