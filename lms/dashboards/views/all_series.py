"""The administrators' list of series."""

from __future__ import annotations

from dataclasses import replace

from flask import render_template
from flask.typing import ResponseReturnValue

from lms.core.errors import NotFound
from lms.core.i18n import _, _l
from lms.core.roles import Role
from lms.dashboards.queries.all_series import TO_ISSUE, SeriesState, list_all_series
from lms.dashboards.views.blueprint import bp
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import Column, ListDefinition, ListPage, Sifted, read_list
from lms.web.table_files import table_file

LIST = ListDefinition(
    filters={"state": frozenset({*SeriesState, TO_ISSUE})},
    columns=(
        Column("state", _l("State"), first=_l("running ones first"), last=_l("finished ones first")),
        Column("title", _l("Series"), first=_l("by title"), last=_l("by title, the last first")),
        Column(
            "enrolled", _l("Enrolled"), first=_l("most people first"), last=_l("fewest people first"),
            descending=True, numeric=True,
        ),
        Column(
            "held", _l("Held"), first=_l("most lectures held first"), last=_l("fewest lectures held first"),
            descending=True, numeric=True,
        ),
        Column(
            "earned", _l("Earned"), first=_l("most certificates earned first"),
            last=_l("fewest certificates earned first"), descending=True, numeric=True,
        ),
        Column(
            "issue", _l("To issue"), first=_l("most certificates to issue first"),
            last=_l("fewest certificates to issue first"), descending=True, numeric=True,
        ),
    ),
)  # fmt: skip
HEADINGS = [
    "slug", "title", "language", "state", "instructors", "enrolled", "lectures_held", "lectures", "certificates_earned",
    "certificates_to_issue", "latest_lecture",
]  # fmt: skip
_WIDTHS = [24, 40, 9, 12, 32, 10, 12, 10, 12, 12, 18]
EVERY_ROW = 1_000_000
_LABELS = {
    "": _l("all"),
    SeriesState.OPEN.value: _l("open for enrolment"),
    SeriesState.RUNNING.value: _l("running"),
    SeriesState.FINISHED.value: _l("finished"),
    TO_ISSUE: _l("to issue"),
}


@bp.get("/admin/series")
@allow(Role.ADMINISTRATOR)
def admin_series() -> ResponseReturnValue:
    """Lists all series with state, people enrolled, lectures held, certificates earned and to issue; drafts apart."""
    asked = read_list(LIST)
    found = list_all_series(asked.wanted, by=current_actor())
    figures = [Sifted(value, found.counts[value], str(label)) for value, label in _LABELS.items()]
    if found.drafts:
        figures.append(Sifted("drafts", len(found.drafts), str(_l("drafts")), url="#drafts"))
    return render_template(
        "dashboards/admin_series.html",
        found=found,
        figures=figures,
        list=ListPage(asked, found.total, endpoint="dashboards.admin_series"),
    )


@bp.get("/admin/series.<kind>")
@allow(Role.ADMINISTRATOR)
def admin_series_file(kind: str) -> ResponseReturnValue:
    """The list of all series, or what the filter holds of it, as CSV or XLSX; without drafts."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    wanted = read_list(LIST).wanted
    found = list_all_series(replace(wanted, page=1, size=EVERY_ROW), by=current_actor())
    rows = (
        (
            one.slug, one.title, one.language, one.state.value, ", ".join(found.givers.get(one.id, ())), one.enrolled,
            one.held, one.planned, one.totals.earned, one.totals.to_issue, one.latest,
        )
        for one in found.rows
    )  # fmt: skip
    parts = ["series", wanted.filters.get("state"), "search" if wanted.q else None]
    name = "-".join(part for part in parts if part)
    return table_file(kind, name, _("Series"), HEADINGS, rows, widths=_WIDTHS)
