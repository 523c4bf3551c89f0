"""The list of a focal point's nominations, and what can be done with those selected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.errors import Invalid, NotFound
from lms.core.i18n import _, _l, _n
from lms.core.roles import Role
from lms.nominations.actions.nominating import submit_drafts, withdraw_nominations
from lms.nominations.actions.reminders import remind_selected
from lms.nominations.models import OPEN, NominationState
from lms.nominations.queries.listing import NominationFilter, count_by_state, list_nominated_series
from lms.nominations.queries.of_country import (
    every_nomination,
    ids_of,
    last_id,
    list_nominations,
    own_among,
)
from lms.nominations.views.blueprint import bp
from lms.people.queries.countries import country_names, own_countries
from lms.web.forms import flash_refusal
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import Choice, Column, ListDefinition, ListPage, Select, Sifted, read_list, read_selection
from lms.web.locale import reader_locale
from lms.web.numbers import whole
from lms.web.table_files import table_file

LIST = ListDefinition(
    filters={"state": frozenset(NominationState), "series": None, "country": None},
    columns=(
        Column("nominated", _l("Nominated"), first=_l("newest first"), last=_l("oldest first"), descending=True),
        Column("name", _l("Person"), first=_l("by name"), last=_l("by name, the last first")),
        Column("series", _l("Series"), first=_l("by series"), last=_l("by series, the last first")),
        Column("state", _l("State"), first=_l("by state"), last=_l("by state, the last first")),
        Column("answer_by", _l("Answer by"), first=_l("soonest first"), last=_l("latest first")),
    ),
)
FITTING: Mapping[str, frozenset[NominationState]] = {
    "submit": frozenset({NominationState.DRAFTED}),
    "remind": frozenset({NominationState.INVITED}),
    "withdraw": OPEN,
}
"""What can be done with a selection, and the states of nominations that it can be done with."""


def state_words() -> dict[NominationState, str]:
    """The words for the states, as figures above a list say them."""
    return {
        NominationState.DRAFTED: _("drafts"),
        NominationState.SUBMITTED: _("awaiting a decision"),
        NominationState.INVITED: _("invited, no answer"),
        NominationState.ACCEPTED: _("confirmed"),
        NominationState.DECLINED: _("declined"),
        NominationState.REJECTED: _("rejected"),
        NominationState.EXPIRED: _("expired"),
        NominationState.WITHDRAWN: _("withdrawn"),
    }


def _read() -> tuple[Any, NominationFilter]:
    """What the address asks of the list."""
    asked = read_list(LIST)
    filters = asked.wanted.filters
    return asked, NominationFilter(
        q=asked.wanted.q,
        state=NominationState(filters["state"]) if "state" in filters else None,
        series=filters.get("series"),
        country=filters.get("country"),
        own=True,
    )


@bp.get("/country/nominations")
@allow(Role.FOCAL_POINT)
def listing() -> ResponseReturnValue:
    """Lists the nominations of the reader's countries."""
    by = current_actor()
    asked, wanted = _read()
    page = list_nominations(wanted, asked.wanted, by=by)
    counts = count_by_state(wanted, by=by)
    series, countries = list_nominated_series(by=by, own=True), own_countries(by)
    return render_template(
        "nominations/listing.html",
        rows=page.rows,
        list=ListPage(asked, page.total, endpoint="nominations.listing", anchor="nominations"),
        sifted=_sifted(counts),
        selects=_selects(
            series if len(series) > 1 else [],
            [one.code for one in countries] if len(countries) > 1 else [],
        ),
        counts=counts,
        countries=countries,
    )


def _sifted(counts: Mapping[NominationState, int]) -> list[Sifted]:
    shown = [Sifted(state.value, counts[state], word) for state, word in state_words().items() if counts[state]]
    return [Sifted("", sum(counts.values()), _("all")), *shown]


def _selects(series: list[tuple[str, str]], codes: list[str]) -> list[Select]:
    found = []
    if series:
        found.append(Select("series", _("Series"), [Choice(slug, title) for slug, title in series]))
    if codes:
        names = country_names(reader_locale())
        found.append(Select("country", _("Country"), [Choice(code, names[code]) for code in codes]))
    return found


@bp.post("/country/nominations")
@allow(Role.FOCAL_POINT)
def act_on_selection() -> ResponseReturnValue:
    """Asks before it submits, withdraws or invites again the selected nominations; then does it."""
    by = current_actor()
    asked, wanted = _read()
    what = request.form.get("do", "")
    if what not in FITTING:
        raise Invalid("do", _("Unknown action."))
    selection = read_selection()
    up_to = _up_to()
    ids = ids_of(wanted, by=by, up_to=up_to) if selection.everybody else selection.ids
    back = url_for(".listing", **asked.parameters, _anchor="nominations")
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
            action=url_for(".act_on_selection", **asked.parameters),
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
        gone, kept = submit_drafts(ids, by=by, at=at)
        flash(_n("%(num)s nomination was submitted.", "%(num)s nominations were submitted.", gone), "done")
        if kept:
            flash(
                _n(
                    "%(num)s stays a draft: your country has no place left.",
                    "%(num)s remain drafts: your country has no places left.",
                    kept,
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
    _asked, wanted = _read()
    ids = ids_of(replace(wanted, state=NominationState.INVITED), by=by)
    say_reminded(*remind_selected(ids, by=by, at=at))
    return redirect(url_for("dashboards.country", country=wanted.country), 303)


HEADINGS = [
    "email", "full_name", "native_name", "organisation", "job_title", "sector", "gender", "country", "series", "state",
    "reason", "nominated_at", "invited_at", "answer_by", "answered_at",
]  # fmt: skip


def _cells() -> Iterator[tuple[object, ...]]:
    """The rows of a file: all that the filter of the address holds."""
    _asked, wanted = _read()
    for one in every_nomination(wanted, by=current_actor()):
        yield (
            one.email, one.full_name, one.native_name, one.organisation, one.job_title, one.sector, one.gender,
            one.country.code, one.series.slug, one.state.value, one.reason, one.created_at, one.invited_at,
            one.expires_at, one.answered_at,
        )  # fmt: skip


@bp.get("/country/nominations.csv")
@allow(Role.FOCAL_POINT)
def listing_csv() -> ResponseReturnValue:
    """The nominations that the filter holds, as CSV."""
    return table_file("csv", "nominations", _("Nominations"), HEADINGS, _cells())


@bp.get("/country/nominations.xlsx")
@allow(Role.FOCAL_POINT)
def listing_xlsx() -> ResponseReturnValue:
    """The nominations that the filter holds, as a workbook."""
    return table_file("xlsx", "nominations", _("Nominations"), HEADINGS, _cells())
