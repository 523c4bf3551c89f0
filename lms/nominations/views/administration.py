"""The administrators' list of nominations, and decisions on those selected: previewed, confirmed and taken back."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from lms.batches.views import BatchPages, preview_or_return
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Invalid
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _l, _lp
from lms.core.time import clock
from lms.nominations.actions.decision_batches import DECISIONS, preview_decision
from lms.nominations.models import Decision, Nomination, NominationState
from lms.nominations.queries.listing import (
    NominationFilter,
    count_by_state,
    list_country_seats,
    list_nominated_series,
    list_nominations,
    nominees_known,
)
from lms.nominations.rules import MAX_REASON
from lms.nominations.views.listing import filter_of, filter_selects
from lms.nominations.views.profile_requests import bp
from lms.people.queries.countries import country_names, known_codes
from lms.web.lists.parts import (
    COUNTRY,
    NAME,
    ORGANISATION,
    SERIES,
    Chip,
    Column,
    FileColumn,
    Select,
    counted_chips,
    read_selection,
)
from lms.web.lists.routes import list_files, list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@list_files(bp, "/admin/nominations", Role.ADMINISTRATOR)
@list_page(bp, "/admin/nominations", Role.ADMINISTRATOR)
class AllNominations(ListView[Nomination]):
    """Lists nominations, those that wait for a decision first, and says how countries use their seats."""

    endpoint, template, title = (
        "nominations.admin_nominations",
        "nominations/admin_nominations.html",
        _l("Nominations"),
    )
    anchor, testid = "people", "nominations"
    text_label = _l("Name, e-mail or organisation")
    filters = {"state": frozenset(NominationState), "series": None, "country": known_codes}
    order = "waiting"
    columns = (
        NAME,
        COUNTRY,
        ORGANISATION,
        SERIES,
        Column("letter", _l("Letter"), place="wide"),
        Column("waiting", _lp("date", "Nominated"), _l("oldest first"), _l("newest first"), place="wide"),
        Column("state", _l("State"), place="state"),
    )
    chips_filter = "state"
    bulk_endpoint = "nominations.preview_decisions"
    file_columns = (
        FileColumn("email", width=28),
        FileColumn("full_name", width=28),
        FileColumn("native_name", width=20),
        FileColumn("country", "country.code", 8),
        FileColumn("series", "series.slug", 24),
        FileColumn("state", "state.value", 12),
        FileColumn("sector"),
        FileColumn("organisation", width=28),
        FileColumn("job_title", width=20),
        FileColumn("gender", width=8),
        FileColumn("language", width=8),
        FileColumn("letter", lambda row: "yes" if row.letter_name else "no", 8),
        FileColumn("submitted_at", width=20),
        FileColumn("decided_at", width=20),
        FileColumn("invited_at", width=20),
        FileColumn("answered_at", width=20),
        FileColumn("reason", width=40),
    )

    def __init__(self) -> None:
        super().__init__()
        self.names = country_names(reader_locale())
        self.nominated_series = list_nominated_series(by=self.by)
        self.file_name = "nominations"

    def known(self, name: str) -> Collection[str] | None:
        return {slug for slug, _title in self.nominated_series} if name == "series" else super().known(name)

    @property
    def nominations(self) -> NominationFilter:
        """The filter, for decisions on everybody whom the list has."""
        return filter_of(self.request)

    def query(self, request: ListRequest) -> tuple[Sequence[Nomination], int]:
        rows, total = list_nominations(self.nominations, request, by=self.by, country_names=self.names)
        self.selectable = [row.public_id for row in rows if row.state is NominationState.SUBMITTED]
        self.selects_all = "state" in request.filters
        self.hidden |= {"country", "series"} & request.filters.keys()
        if request.filters.get("state") == NominationState.SUBMITTED:
            self.hidden.add("state")
        return rows, total

    def file_query(self, request: ListRequest) -> Iterable[Nomination]:
        return list_nominations(self.nominations, by=self.by)[0]

    def file_words(self) -> list[str]:
        return []

    def chips(self) -> list[Chip]:
        words = {
            NominationState.SUBMITTED: _("Waiting"),
            NominationState.INVITED: _("Invited"),
            NominationState.ACCEPTED: _("Confirmed"),
            NominationState.DECLINED: _("Declined"),
            NominationState.REJECTED: _("Rejected"),
            NominationState.EXPIRED: _("Expired"),
            NominationState.WITHDRAWN: _("Withdrawn"),
            NominationState.DRAFTED: _("Drafts"),
        }
        every, *states = counted_chips(self.counts, words)
        return [*states, every]

    def selects(self) -> list[Select]:
        return filter_selects(self.nominated_series, [row.code for row in self.countries], self.names)

    def context(self) -> dict[str, Any]:
        chosen = self.nominations
        self.counts = count_by_state(chosen, by=self.by)
        self.countries = list_country_seats(chosen.series, by=self.by, at=self.at)
        waits = [row.oldest for row in self.countries if row.oldest and chosen.country in (None, row.code)]
        return {
            "waiting": self.counts[NominationState.SUBMITTED],
            "countries": self.countries,
            "oldest": min(waits, default=None),
            "country_names": self.names,
            "people": nominees_known(self.rows),
            "series": get_series(chosen.series, by=self.by) if chosen.series is not None else None,
        }


@bp.post("/admin/nominations")
@allow(Role.ADMINISTRATOR)
def preview_decisions() -> ResponseReturnValue:
    """Previews a decision on the selected nominations, or on all that the filter holds. Nothing is decided yet."""
    by = current_actor()
    selection, decision = read_selection(), request.form.get("decision", "")
    if decision not in set(Decision):
        raise Invalid("decision", _("Choose an option from the list."))
    view = AllNominations()
    chosen = view.nominations if selection.everybody else selection.ids
    return preview_or_return(
        lambda: preview_decision(chosen, Decision(decision), by=by, at=clock.now()),
        page=lambda batch: url_for(".decision", batch=batch),
        back=view.here(),
    )


BatchPages(
    DECISIONS,
    path="/admin/nominations/decisions",
    endpoints=("decisions", "decision", "undo"),
    templates=("nominations/decision.html", "nominations/decisions.html"),
    back=lambda _nothing: url_for("nominations.admin_nominations", state="submitted"),
    reason_length=MAX_REASON,
    guard=Role.ADMINISTRATOR,
).add_to(bp)
