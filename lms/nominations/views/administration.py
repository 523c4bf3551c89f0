"""The administrators' list of nominations, and decisions on those selected: previewed, confirmed and taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.series import get_series
from lms.core import clock
from lms.core.batches import AT_ONCE, NAMED, BatchStage
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _, _l
from lms.core.lists import ListRequest
from lms.core.roles import Role
from lms.nominations.actions.decision_batches import confirm_decision, preview_decision, undo_decision
from lms.nominations.forms.decision import DecisionForm
from lms.nominations.models import DecidedState, Decision, Nomination, NominationState
from lms.nominations.queries.decisions import LEFT_OUT, get_decision, list_decided, list_decisions, preview_of
from lms.nominations.queries.listing import (
    NominationFilter,
    count_by_state,
    list_country_seats,
    list_nominated_series,
    list_nominations,
    nominees_known,
)
from lms.nominations.rules import MAX_REASON
from lms.nominations.views.blueprint import bp
from lms.nominations.views.listing import filter_of, filter_selects
from lms.people.queries.countries import country_names, known_codes
from lms.web.forms import flash_refusal
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import (
    COUNTRY,
    NAME,
    ORGANISATION,
    SERIES,
    Chip,
    Column,
    FileColumn,
    ListView,
    Select,
    counted_chips,
    list_files,
    list_page,
    read_selection,
)
from lms.web.locale import reader_locale


@list_files(bp, "/admin/nominations", Role.ADMINISTRATOR)
@list_page(bp, "/admin/nominations", Role.ADMINISTRATOR)
class AllNominations(ListView[Nomination]):
    """Lists nominations, those that wait for a decision first, and says how countries use their seats."""

    endpoint, template, title = (
        "nominations.admin_nominations",
        "nominations/admin_nominations.html",
        _l("Nominations"),
    )
    anchor, testid, size = "people", "nominations", 15
    text_label, none_found = _l("Name, e-mail or organisation"), _l("No nominations found")
    filters = {"state": frozenset(NominationState), "series": None, "country": known_codes}
    order = "waiting"
    columns = (
        NAME,
        COUNTRY,
        SERIES,
        ORGANISATION,
        Column("letter", _l("Endorsement"), place="wide"),
        Column("waiting", _l("Nominated"), _l("the longest wait first"), _l("the shortest wait first"), place="wide"),
        Column("state", _l("State")),
    )
    chips_filter, chips_label = "state", _l("Show nominations by state")
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
        self.hidden = {"organisation"}  # it is beneath the name

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
            NominationState.SUBMITTED: _("waiting"),
            NominationState.INVITED: _("invited, no answer"),
            NominationState.ACCEPTED: _("confirmed"),
            NominationState.DECLINED: _("declined"),
            NominationState.REJECTED: _("rejected"),
            NominationState.EXPIRED: _("expired"),
            NominationState.WITHDRAWN: _("withdrawn"),
            NominationState.DRAFTED: _("drafts"),
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
        raise Invalid("decision", _("Choose a decision from the list."))
    view = AllNominations()
    try:
        chosen = view.nominations if selection.everybody else selection.ids
        batch = preview_decision(chosen, Decision(decision), by=by, at=clock.now())
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
        return redirect(view.here(), 303)
    return redirect(url_for(".decision", batch=batch.public_id), 303)


@bp.get("/admin/nominations/decisions")
@allow(Role.ADMINISTRATOR)
def decisions() -> ResponseReturnValue:
    """Lists the decisions on nominations, latest first."""
    return render_template("nominations/decisions.html", batches=list_decisions(by=current_actor()))


@bp.route("/admin/nominations/decisions/<batch>", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def decision(batch: str) -> ResponseReturnValue:
    """Previews a decision in numbers and confirms it with a reason; afterwards shows its progress, what came of it, and
    which nominations were skipped.
    """
    by, at = current_actor(), clock.now()
    form, status = DecisionForm(), 200
    if request.method == "POST":

        def work() -> None:
            confirm_decision(batch, reason=form.reason.data, by=by, at=at)

        failed = form.attempt(work)
        if failed is None:
            return redirect(url_for(".decision", batch=batch), 303)
        status = failed
    view = get_decision(batch, by=by)
    is_preview = view.stage is BatchStage.PREVIEWED
    chosen = (DecidedState.PENDING,) if is_preview else (DecidedState.CHANGED, DecidedState.TAKEN_BACK)
    return render_template(
        "nominations/decision.html",
        view=view,
        batch=view.batch,
        preview=preview_of(view, at=at) if is_preview else None,
        people=list_decided(view, chosen),
        left_out=list_decided(view, LEFT_OUT),
        country_names=country_names(reader_locale()),
        most=NAMED,
        max_reason=MAX_REASON,
        is_long=view.batch.size > AT_ONCE,
        form=form,
        at=at,
    ), status


@bp.post("/admin/nominations/decisions/<batch>/undo")
@allow(Role.ADMINISTRATOR)
def undo(batch: str) -> ResponseReturnValue:
    """Lets the nominations of a decision wait again, except those of which it cannot be taken back."""
    with flash_refusal():
        undo_decision(batch, by=current_actor(), at=clock.now())
    return redirect(url_for(".decision", batch=batch), 303)
