"""The administrators' list of nominations, and decisions on those selected: previewed, confirmed and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core import clock
from lms.core.batches import AT_ONCE, NAMED, BatchStage
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _, _l
from lms.core.roles import Actor, Role
from lms.core.sorting import sort_key
from lms.nominations.actions.decision_batches import confirm_decision, preview_decision, undo_decision
from lms.nominations.forms.decision import DecisionForm
from lms.nominations.models import DecidedState, Decision, NominationState
from lms.nominations.queries.decisions import LEFT_OUT, get_decision, list_decided, list_decisions, preview_of
from lms.nominations.queries.listing import (
    CountrySeats,
    NominationFilter,
    count_by_state,
    list_country_seats,
    list_nominated_series,
    list_nominations,
    nominees_known,
)
from lms.nominations.rules import MAX_REASON
from lms.nominations.views.blueprint import bp
from lms.people.queries.countries import country_names
from lms.web.forms import flash_refusal
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import (
    AskedList,
    Choice,
    Column,
    ListDefinition,
    ListPage,
    Select,
    Sifted,
    read_list,
    read_selection,
)
from lms.web.locale import reader_locale
from lms.web.table_files import table_file

LIST = ListDefinition(
    size=15,
    filters={"state": frozenset(NominationState), "series": None, "country": None},
    columns=(
        Column("waiting", _l("Nominated"), first=_l("the longest wait first"), last=_l("the shortest wait first")),
        Column("name", _l("Name"), first=_l("by name"), last=_l("by name, the last first")),
        Column("country", _l("Country"), first=_l("by country"), last=_l("by country, the last first")),
        Column("series", _l("Series"), first=_l("by series"), last=_l("by series, the last first")),
        Column(
            "organisation",
            _l("Organisation"),
            first=_l("by organisation"),
            last=_l("by organisation, the last first"),
        ),
    ),
)


def _asked(names: Mapping[str, str], series: list[tuple[str, str]]) -> tuple[AskedList, NominationFilter]:
    """What the address asks of the list."""
    known = {**LIST.filters, "country": names.keys(), "series": {slug for slug, _title in series}}
    asked = read_list(replace(LIST, filters=known))
    filters = asked.wanted.filters
    return asked, NominationFilter(
        q=asked.wanted.q,
        state=NominationState(filters["state"]) if "state" in filters else None,
        series=filters.get("series"),
        country=filters.get("country"),
    )


@bp.get("/admin/nominations")
@allow(Role.ADMINISTRATOR)
def admin_nominations() -> ResponseReturnValue:
    """Lists nominations, those that wait for a decision first, and says how countries use their seats."""
    by, at = current_actor(), clock.now()
    names, series = country_names(reader_locale()), list_nominated_series(by=by)
    asked, wanted = _asked(names, series)
    counts = count_by_state(wanted, by=by)
    rows, total = list_nominations(wanted, asked.wanted, by=by, country_names=names)
    countries = list_country_seats(wanted.series, by=by, at=at)
    page = ListPage(asked, total, endpoint="nominations.admin_nominations", anchor="people")
    return render_template(
        "nominations/admin_nominations.html",
        rows=rows,
        list=page,
        sifted=_sifted(counts),
        selects=_selects(series, [one.code for one in countries], names),
        waiting=counts[NominationState.SUBMITTED],
        countries=countries,
        oldest=_oldest(countries, wanted.country),
        country_names=names,
        people=nominees_known(rows),
        series=_chosen(wanted.series, by),
    )


def _chosen(slug: str | None, by: Actor) -> Series | None:
    return get_series(slug, by=by) if slug is not None else None


def _oldest(countries: list[CountrySeats], code: str | None) -> datetime | None:
    waits = [one.oldest for one in countries if one.oldest is not None and code in (None, one.code)]
    return min(waits, default=None)


def _sifted(counts: Mapping[NominationState, int]) -> list[Sifted]:
    """The figures above the list."""
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
    shown = [Sifted(state, counts[state], word) for state, word in words.items()]
    return [*shown, Sifted("", sum(counts.values()), _("all"))]


def _selects(series: list[tuple[str, str]], codes: list[str], names: Mapping[str, str]) -> list[Select]:
    places = sorted(codes, key=lambda code: sort_key(names[code]))
    return [
        Select("series", _("Series"), [Choice(slug, title) for slug, title in series]),
        Select("country", _("Country"), [Choice(code, names[code]) for code in places]),
    ]


@bp.post("/admin/nominations")
@allow(Role.ADMINISTRATOR)
def preview_decisions() -> ResponseReturnValue:
    """Previews a decision on the selected nominations, or on all that the filter holds. Nothing is decided yet."""
    by = current_actor()
    selection, decision = read_selection(), request.form.get("decision", "")
    if decision not in set(Decision):
        raise Invalid("decision", _("Choose a decision from the list."))
    asked, wanted = _asked(country_names(reader_locale()), list_nominated_series(by=by))
    try:
        chosen = wanted if selection.everybody else selection.ids
        batch = preview_decision(chosen, Decision(decision), by=by, at=clock.now())
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
        values: dict[str, Any] = {**asked.parameters, "_anchor": "people"}
        return redirect(url_for(".admin_nominations", **values), 303)
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


HEADINGS = [
    "email", "full_name", "native_name", "country", "series", "state", "sector", "organisation", "job_title", "gender",
    "letter", "submitted_at", "decided_at", "invited_at", "answered_at", "reason",
]  # fmt: skip
_WIDTHS = [28, 28, 20, 8, 24, 12, 12, 28, 20, 8, 8, 20, 20, 20, 20, 40]


def _cells() -> Iterator[tuple[object, ...]]:
    """The rows of a file: all that the filter of the address holds."""
    by = current_actor()
    _list, wanted = _asked(country_names(reader_locale()), list_nominated_series(by=by))
    for one in list_nominations(wanted, by=by)[0]:
        yield (
            one.email, one.full_name, one.native_name, one.country.code, one.series.slug, one.state.value, one.sector,
            one.organisation, one.job_title, one.gender, "yes" if one.letter_name else "no", one.submitted_at,
            one.decided_at, one.invited_at, one.answered_at, one.reason,
        )  # fmt: skip


@bp.get("/admin/nominations.csv")
@allow(Role.ADMINISTRATOR)
def admin_nominations_csv() -> ResponseReturnValue:
    """The nominations, or what the filter holds of them, as CSV."""
    return table_file("csv", "nominations", _("Nominations"), HEADINGS, _cells())


@bp.get("/admin/nominations.xlsx")
@allow(Role.ADMINISTRATOR)
def admin_nominations_xlsx() -> ResponseReturnValue:
    """The nominations, or what the filter holds of them, as a workbook."""
    return table_file("xlsx", "nominations", _("Nominations"), HEADINGS, _cells(), widths=_WIDTHS)
