"""The organiser's list of countries: names, regions, partnerships."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import zip_longest

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core import clock
from lms.core.db import rehearse
from lms.core.errors import Invalid, NotFound, Refused
from lms.core.i18n import _, translated
from lms.core.roles import Actor, Role
from lms.dashboards.queries.countries import country_history, list_country_merges
from lms.dashboards.views.blueprint import bp
from lms.enrolment.queries.rows import day_of
from lms.people.actions.countries import add_country, change_country, set_partnerships, undo_country_change
from lms.people.models import Country
from lms.people.queries.countries import (
    PartnerSpan,
    country_names,
    list_countries,
    list_regions,
    listed_country,
    partner_spans,
    partnerships,
    region_names,
)
from lms.people.queries.country_names import territories
from lms.reports.queries.figures import totals
from lms.reports.rules import Slice
from lms.web.forms import flash_refusal
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale

MOST_SPANS = 12


@bp.get("/admin/countries")
@allow(Role.ADMINISTRATOR)
def countries() -> ResponseReturnValue:
    """Lists all countries and areas with their partnerships."""
    names, spans, today = country_names(reader_locale()), partner_spans(), day_of(clock.now())
    listed = list_countries()
    rows = sorted(listed, key=lambda country: names.get(country.code, country.code))
    partners = {id_ for id_, given in spans.items() if any(_holds(span, today) for span in given)}
    if request.args.get("show") == "partners":
        rows = [one for one in rows if one.id in spans]
    return render_template(
        "dashboards/countries.html",
        rows=rows,
        codes={one.id: one.code for one in listed},
        names=names,
        spans=spans,
        partners=partners,
        today=today,
        only_partners=request.args.get("show") == "partners",
    )


def _holds(span: PartnerSpan, day: date) -> bool:
    return span[0] <= day and (span[1] is None or span[1] >= day)


@bp.route("/admin/countries/new", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def new_country() -> ResponseReturnValue:
    """Adds a country with a code of the organiser's own."""
    faults: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = add_country(
                request.form.get("code", ""), _texts("name"), region=request.form.get("region") or None,
                by=current_actor(), at=clock.now(),
            )  # fmt: skip
        except Invalid as error:
            faults = _faults(error)
        else:
            flash(_("The country was added."), "done")
            return redirect(url_for("dashboards.edit_country", code=made.code), 303)
    page = render_template(
        "dashboards/country_new.html", faults=faults, languages=_languages(), regions=list_regions(), given=request.form
    )
    return page, 422 if faults else 200


@bp.route("/admin/countries/<code>", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def edit_country(code: str) -> ResponseReturnValue:
    """Shows a country, and changes its names, region and last day."""
    country, by, at = find_country(code), current_actor(), clock.now()
    if request.method == "POST":
        try:
            change_country(
                country.code, _texts("name"), region=request.form.get("region") or None,
                valid_until=_date("valid_until"), notices=_texts("notice"), by=by, at=at,
            )  # fmt: skip
        except Invalid as error:
            return _page(country, faults=_faults(error)), 422
        except Refused as error:
            flash(error.message, "wrong")
            return redirect(url_for("dashboards.edit_country", code=country.code), 303)
        flash(_("Saved."), "done")
        return redirect(url_for("dashboards.edit_country", code=country.code), 303)
    return _page(country)


@bp.post("/admin/countries/<code>/undo")
@allow(Role.ADMINISTRATOR)
def undo_country(code: str) -> ResponseReturnValue:
    """Undoes the last change of a country's names, region, last day and notices."""
    country = find_country(code)
    with flash_refusal():
        undo_country_change(
            country.code, expected=request.form.get("change", 0, type=int), by=current_actor(), at=clock.now()
        )
        flash(_("The last change was undone."), "done")
    return redirect(url_for("dashboards.edit_country", code=country.code), 303)


@bp.post("/admin/countries/<code>/partner")
@allow(Role.ADMINISTRATOR)
def edit_partner(code: str) -> ResponseReturnValue:
    """Shows what another partnership would change in the figures; with `confirm`, saves it."""
    country, by, at = find_country(code), current_actor(), clock.now()
    try:
        spans = _spans()
        if request.form.get("confirm"):
            set_partnerships(country.code, spans, by=by, at=at)
            flash(_("The partnership was saved."), "done")
            return redirect(url_for("dashboards.edit_country", code=country.code), 303)
        now, then = _partner_countries(by, at), rehearse(lambda: _partners_with(country.code, spans, by, at))
    except Invalid as error:
        return _page(country, faults=_faults(error)), 422
    except Refused as error:
        flash(error.message, "wrong")
        return redirect(url_for("dashboards.edit_country", code=country.code), 303)
    return render_template(
        "dashboards/country_partner.html", country=country, spans=spans, before=_spans_of(country), now=now, then=then
    )


def find_country(code: str) -> Country:
    """The row of the list in the address. Raises NotFound."""
    country = listed_country(code)
    if country is None:
        raise NotFound
    return country


def _partner_countries(by: Actor, at: datetime) -> int:
    return totals(Slice(), by=by, at=at).partner_countries


def _partners_with(code: str, spans: Sequence[PartnerSpan], by: Actor, at: datetime) -> int:
    set_partnerships(code, spans, by=by, at=at)
    return _partner_countries(by, at)


def _spans_of(country: Country) -> list[PartnerSpan]:
    return [PartnerSpan(one.since, one.until) for one in partnerships(country.id)]


def _page(country: Country, *, faults: dict[str, str] | None = None) -> str:
    by = current_actor()
    history = country_history(country, by=by)
    last = next((one for one in history if one.verb == "set_partnerships"), None)
    merges = list_country_merges(country.id, by=by)
    return render_template(
        "dashboards/country_edit.html",
        country=country,
        names=country.names or {},
        ready={language: territories(language).get(country.code, country.code) for language in _languages()},
        spans=_spans_of(country),
        undo=last.before.get("spans") if last is not None else None,
        last=next((one for one in history if one.verb == "change_country"), None),
        history=history,
        notices=country.notices or {},
        region_names=region_names(reader_locale()),
        merged_into=next((one for one in merges if one.country.id == country.id), None),
        merges=[one for one in merges if one.kept.id == country.id],
        languages=_languages(),
        regions=list_regions(),
        faults=faults or {},
    )


def _languages() -> list[str]:
    return sorted(translated(), key=lambda language: (language != "en", language))


def _texts(name: str) -> dict[str, str]:
    return {language: request.form.get(f"{name}_{language}", "") for language in _languages()}


def _date(name: str) -> date | None:
    return _read_date(request.form.get(name, ""), name)


def _read_date(text: str, field: str) -> date | None:
    try:
        return date.fromisoformat(text) if text.strip() else None
    except ValueError as error:
        raise Invalid(field, _("Enter a date like 2026-11-25.")) from error


def _spans() -> list[PartnerSpan]:
    spans: list[PartnerSpan] = []
    pairs = zip_longest(request.form.getlist("since"), request.form.getlist("until"), fillvalue="")
    for since, until in list(pairs)[:MOST_SPANS]:
        first, last = _read_date(since, "partner"), _read_date(until, "partner")
        if first is not None:
            spans.append(PartnerSpan(first, last))
        elif last is not None:
            raise Invalid("partner", _("Enter the first day too."))
    return spans


def _faults(error: Invalid) -> dict[str, str]:
    return {fault.field or "": fault.reason for fault in error.faults}
