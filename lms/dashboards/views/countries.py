"""The organiser's list of countries: names, regions and partnerships; merging two of them, and undoing it."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.database.search import match_of_text, search_words
from lms.core.database.session import rehearse
from lms.core.text.i18n import _, _l, name_key, translated
from lms.core.time import clock
from lms.dashboards.forms import MergeForm
from lms.dashboards.queries.countries import (
    country_history,
    get_country_merge,
    list_country_merges,
    preview_country_merge,
    preview_country_undo,
)
from lms.dashboards.views.blueprint import bp
from lms.enrolment.queries.rows import day_of
from lms.people.actions.countries import add_country, change_country, set_partnerships, undo_country_change
from lms.people.actions.country_merging import merge_countries, undo_country_merge
from lms.people.forms import grouped_choices
from lms.people.models import Country
from lms.people.queries.countries import (
    PartnerSpan,
    countries_meant,
    country_names,
    list_countries,
    list_regions,
    listed_country,
    named_regions,
    partner_spans,
    partnerships,
    region_names,
)
from lms.people.queries.country_names import territories
from lms.reports.queries.figures import totals
from lms.reports.rules import Slice
from lms.web.forms.forms import flash_refusal
from lms.web.lists.parts import Chip, Column, counted_chips
from lms.web.lists.routes import list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

MOST_SPANS = 12


class Show(StrEnum):
    """Which countries a list has, by their partnership."""

    PARTNERS = "partners"
    FORMER = "former"
    OTHERS = "others"


@list_page(bp, "/admin/countries", Role.ADMINISTRATOR)
class Countries(ListView[Country]):
    """Lists all countries and areas with their partnerships."""

    endpoint, template, title = "dashboards.countries", "dashboards/countries.html", _l("Countries and areas")
    text_label = _l("Country or area")
    filters = {"show": frozenset(Show)}
    order = "partner"
    columns = (
        Column("country", _l("Country or area"), _l("A to Z"), _l("Z to A")),
        Column("note", _l("Note"), place="under"),
        Column("code", _l("Code"), _l("A to Z"), _l("Z to A"), place="fig"),
        Column("partner", _l("Partner"), _l("partners first"), _l("partners last"), place="state"),
    )
    chips_filter = "show"

    def query(self, request: ListRequest) -> tuple[Sequence[Country], int]:
        self.names, self.spans, today = country_names(reader_locale()), partner_spans(), day_of(self.at)
        self.listed = list_countries()
        self.partners = {id_ for id_, spans in self.spans.items() if any(_holds(span, today) for span in spans)}
        self.counts = Counter(map(self._show, self.listed))
        words, chosen = tuple(search_words(request.q)), request.filters.get("show")
        meant = countries_meant(request.q, self.names)
        rows = [
            country
            for country in self.listed
            if chosen in (None, self._show(country))
            and (not words or country.code in meant or match_of_text(words, self._name(country)) is not None)
        ]
        if request.sort != "code":
            rows.sort(key=lambda country: name_key(self._name(country)))
        if request.sort == "partner":
            rows.sort(key=lambda country: list(Show).index(self._show(country)), reverse=request.descending)
        elif request.descending:
            rows.reverse()
        return request.rows_of_page(rows), len(rows)

    def _name(self, country: Country) -> str:
        return self.names.get(country.code, country.code)

    def _show(self, country: Country) -> Show:
        if country.id in self.partners:
            return Show.PARTNERS
        return Show.FORMER if country.id in self.spans else Show.OTHERS

    def chips(self) -> list[Chip]:
        words = {
            Show.PARTNERS: _("Partners"),
            Show.FORMER: _("Former or future partners"),
            Show.OTHERS: _("Never partners"),
        }
        return counted_chips(self.counts, words)

    def context(self) -> dict[str, Any]:
        return {
            "codes": {country.id: country.code for country in self.listed},
            "names": self.names,
            "spans": self.spans,
            "partners": self.partners,
        }


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
        "dashboards/country_new.html", faults=faults, languages=_languages(), regions=_regions(), given=request.form
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
        merged_into=next((merge for merge in merges if merge.country.id == country.id), None),
        merges=[merge for merge in merges if merge.kept.id == country.id],
        languages=_languages(),
        regions=_regions(),
        faults=faults or {},
    )


def _regions() -> list[tuple[str, str]]:
    """The regions that a country can be in, as (M49 code, name), by their names."""
    rows = tuple((region.code, region.name) for region in list_regions())
    return sorted(named_regions(rows, reader_locale()).items(), key=lambda row: name_key(row[1]))


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
        raise Invalid(field, _("Enter a date, such as 2026-12-02.")) from error


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


@bp.route("/admin/countries/<code>/merge", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def merge_country(code: str) -> ResponseReturnValue:
    """Finds another country, shows what merging it into this one would change, and merges it."""
    country, by, at = find_country(code), current_actor(), clock.now()
    other = listed_country(request.values.get("other", ""))
    form, status, preview, obstacle = MergeForm(), 200, None, None
    if other is not None:
        given = other.code
        done = redirect(url_for("dashboards.merged_country", code=country.code, other=given), 303)
        if other.merged_into_id == country.id:
            return done
        if request.method == "POST":
            failed = form.attempt(
                lambda: merge_countries(country.code, given, reason=form.reason.data or "", by=by, at=at)
            )
            if failed is None:
                return done
            status = failed
        try:
            preview = preview_country_merge(country, other, by=by, at=at)
        except (Refused, Invalid) as error:
            obstacle = error.message
    names = country_names(reader_locale())
    offered = [one.code for one in list_countries() if one.merged_into_id is None and one.id != country.id]
    page = render_template(
        "dashboards/country_merge.html",
        country=country,
        other=other,
        choices=grouped_choices({code: names[code] for code in offered}, reader_locale()),
        preview=preview,
        obstacle=obstacle,
        form=form,
    )
    return page, status


@bp.route("/admin/countries/<code>/merged/<other>", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def merged_country(code: str, other: str) -> ResponseReturnValue:
    """Shows a merge of two countries and what undoing it would change, and undoes it."""
    by, at = current_actor(), clock.now()
    if request.method == "POST":
        with flash_refusal():
            undo_country_merge(other, by=by, at=at)
            flash(_("The merge was undone. They are two countries again."), "done")
        return redirect(url_for("dashboards.edit_country", code=code), 303)
    merge = get_country_merge(code, other, by=by)
    preview = preview_country_undo(merge, by=by, at=at)
    return render_template("dashboards/country_merged.html", merge=merge, preview=preview)
