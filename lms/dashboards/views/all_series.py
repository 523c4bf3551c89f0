"""The administrators' list of series."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from lms.core.i18n import _l
from lms.core.roles import Role
from lms.dashboards.queries.all_series import TO_ISSUE, SeriesState, list_all_series
from lms.dashboards.views.blueprint import bp
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import Column, ListDefinition, ListPage, Sifted, read_list

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
