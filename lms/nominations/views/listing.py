"""The list of a focal point's nominations, and what can be done with those selected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _l, _lp, _n, name_key
from lms.core.time import clock
from lms.nominations.actions.invitations import remind_selected
from lms.nominations.actions.nominating import submit_drafts, withdraw_nominations
from lms.nominations.models import OPEN, Nomination, NominationState
from lms.nominations.queries.listing import NominationFilter, count_by_state, list_nominated_series
from lms.nominations.queries.of_country import (
    every_nomination,
    ids_of,
    last_id,
    list_nominations,
    own_among,
)
from lms.nominations.views.profile_requests import bp
from lms.people.queries.countries import country_names, own_countries
from lms.web.forms.forms import flash_refusal, whole
from lms.web.lists.parts import NAME, SERIES, Chip, Choice, Column, FileColumn, Select, counted_chips, read_selection
from lms.web.lists.routes import list_files, list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

FITTING: Mapping[str, frozenset[NominationState]] = {
    "submit": frozenset({NominationState.DRAFTED}),
    "remind": frozenset({NominationState.INVITED}),
    "withdraw": OPEN,
}
"""What can be done with a selection, and the states of nominations that it can be done with."""


def state_words() -> dict[NominationState, str]:
    """The words for the states, as figures above a list say them."""
    return {
        NominationState.DRAFTED: _("Drafts"),
        NominationState.SUBMITTED: _("Awaiting decision"),
        NominationState.INVITED: _("Invited"),
        NominationState.ACCEPTED: _("Confirmed"),
        NominationState.DECLINED: _("Declined"),
        NominationState.REJECTED: _("Rejected"),
        NominationState.EXPIRED: _("Expired"),
        NominationState.WITHDRAWN: _("Withdrawn"),
    }


def filter_of(request: ListRequest) -> NominationFilter:
    """The filter of a list of nominations."""
    filters = request.filters
    return NominationFilter(
        q=request.q,
        state=NominationState(filters["state"]) if "state" in filters else None,
        series=filters.get("series"),
        country=filters.get("country"),
    )


def filter_selects(series: list[tuple[str, str]], codes: Iterable[str], names: Mapping[str, str]) -> list[Select]:
    """The filters of a list of nominations: by series and by country."""
    by_name = sorted(codes, key=lambda code: name_key(names[code]))
    return [
        Select("series", _("Series"), [Choice(slug, title) for slug, title in series]),
        Select("country", _("Country"), [Choice(code, names[code]) for code in by_name]),
    ]


@list_files(bp, "/country/nominations", Role.FOCAL_POINT)
@list_page(bp, "/country/nominations", Role.FOCAL_POINT)
class CountryNominations(ListView[Nomination]):
    """Lists the nominations of the reader's countries."""

    endpoint, template, title = "nominations.listing", "nominations/listing.html", _l("Nominations")
    anchor = testid = "nominations"
    filters = {"state": frozenset(NominationState), "series": None, "country": None}
    order = "nominated"
    columns = (
        NAME,
        Column("organisation", _l("Organisation"), place="wide"),
        replace(SERIES, place="under"),
        Column(
            "nominated",
            _lp("date", "Nominated"),
            _l("newest first"),
            _l("oldest first"),
            descending=True,
            place="wide nobr",
        ),
        Column("state", _l("State"), _l("A to Z"), _l("Z to A"), place="state"),
        Column("answer_by", _l("Answer by"), _l("soonest first"), _l("latest first")),
        Column("note", _l("Note"), place="wide"),
    )
    chips_filter = "state"
    bulk_endpoint = "nominations.act_on_selection"
    file_columns = (
        FileColumn("email"),
        FileColumn("full_name"),
        FileColumn("native_name"),
        FileColumn("organisation"),
        FileColumn("job_title"),
        FileColumn("sector"),
        FileColumn("gender"),
        FileColumn("language"),
        FileColumn("country", "country.code"),
        FileColumn("series", "series.slug"),
        FileColumn("state", "state.value"),
        FileColumn("reason"),
        FileColumn("nominated_at", "created_at"),
        FileColumn("invited_at"),
        FileColumn("answer_by", "expires_at"),
        FileColumn("answered_at"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.file_name = "nominations"
        self.hidden = {"answer_by"}  # the note says it
        self.countries = own_countries(self.by)

    @property
    def nominations(self) -> NominationFilter:
        """The filter, for actions on everybody whom the list has."""
        return replace(filter_of(self.request), is_own=True)

    def query(self, request: ListRequest) -> tuple[Sequence[Nomination], int]:
        page = list_nominations(self.nominations, request, by=self.by)
        self.selectable = [row.public_id for row in page.rows]
        return page.rows, page.total

    def file_query(self, request: ListRequest) -> Iterable[Nomination]:
        return every_nomination(self.nominations, by=self.by)

    def file_words(self) -> list[str]:
        return []

    def chips(self) -> list[Chip]:
        words = {state: word for state, word in state_words().items() if self.counts[state]}
        return counted_chips(self.counts, words)

    def selects(self) -> list[Select]:
        codes = [row.code for row in self.countries]
        names = country_names(reader_locale()) if len(codes) > 1 else dict.fromkeys(codes, "")
        selects = filter_selects(list_nominated_series(by=self.by, is_own=True), codes, names)
        return [select for select in selects if len(select.choices) > 1]

    def context(self) -> dict[str, Any]:
        self.counts = count_by_state(self.nominations, by=self.by)
        return {"counts": self.counts, "countries": self.countries}


@bp.post("/country/nominations")
@allow(Role.FOCAL_POINT)
def act_on_selection() -> ResponseReturnValue:
    """Asks before it submits, withdraws or invites again the selected nominations; then does it."""
    by = current_actor()
    view = CountryNominations()
    what = request.form.get("do", "")
    if what not in FITTING:
        raise Invalid("do", _("Unknown value."))
    selection = read_selection()
    up_to = _up_to()
    ids = ids_of(view.nominations, by=by, up_to=up_to) if selection.everybody else selection.ids
    back = view.here()
    chosen = own_among(ids, by=by)
    if not chosen:
        flash(_("Select at least one nomination."), "wrong")
        return redirect(back, 303)
    if len(chosen) < len(set(ids)):
        raise NotFound
    if not request.form.get("confirm"):
        fitting = [one for one in chosen if one.state in FITTING[what]]
        return render_template(
            "nominations/confirm.html",
            what=what,
            everybody=selection.everybody,
            ids=[] if selection.everybody else ids,
            up_to=up_to,
            fitting=fitting,
            left_out=len(chosen) - len(fitting),
            back=back,
            action=view.bulk_address,
        )
    with flash_refusal():
        _do(what, ids)
    return redirect(back, 303)


def _up_to() -> int:
    """The latest nomination that the list counted when somebody selected all of it."""
    try:
        return whole(request.form.get("up_to", ""))
    except ValueError:
        return last_id()


def _do(what: str, ids: list[str]) -> None:
    by, at = current_actor(), clock.now()
    if what == "remind":
        sent, left = remind_selected(ids, by=by, at=at)
        say_reminded(sent, left)
    elif what == "withdraw":
        withdrawn = withdraw_nominations(ids, by=by, at=at)
        flash(_n("%(num)s nomination was withdrawn.", "%(num)s nominations were withdrawn.", withdrawn), "done")
    else:
        gone, drafts_left = submit_drafts(ids, by=by, at=at)
        flash(_n("%(num)s nomination was submitted.", "%(num)s nominations were submitted.", gone), "done")
        if drafts_left:
            flash(
                _n(
                    "%(num)s stays a draft: your country has no place left.",
                    "%(num)s remain drafts: your country has no places left.",
                    drafts_left,
                ),
                "now",
            )


def say_reminded(sent: int, left: int) -> None:
    """Says how many invitations were sent again, and how many were not."""
    flash(_n("%(num)s invitation was sent again.", "%(num)s invitations were sent again.", sent), "done")
    if left:
        flash(
            _n(
                "%(num)s was left out: it was sent less than 3 days ago, or waits for no answer.",
                "%(num)s were left out: they were sent less than 3 days ago, or wait for no answer.",
                left,
            ),
            "now",
        )


@bp.post("/country/nominations/remind")
@allow(Role.FOCAL_POINT)
def remind_all() -> ResponseReturnValue:
    """Sends all invitations again that the address's filter holds and that wait for an answer."""
    by, at = current_actor(), clock.now()
    nominations = CountryNominations().nominations
    ids = ids_of(replace(nominations, state=NominationState.INVITED), by=by)
    say_reminded(*remind_selected(ids, by=by, at=at))
    return redirect(url_for("dashboards.country", country=nominations.country), 303)
