"""The API of the list of countries: read, change, add, merge and part."""

from typing import Any

from apiflask import APIBlueprint

from lms.core.base.errors import Invalid, NotFound
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.dashboards.queries.countries import (
    DescribedCountry,
    describe_countries,
    get_country_merge,
    preview_country_merge,
)
from lms.dashboards.schemas import (
    CountriesOut,
    CountryIn,
    CountryMergeIn,
    CountryMergeOut,
    CountryMergePreviewOut,
    CountryOut,
    CountryPatch,
    OtherCountry,
)
from lms.people.actions.countries import add_country, edit_country
from lms.people.actions.country_merging import merge_countries, undo_country_merge
from lms.people.models import Country
from lms.people.queries.countries import PartnerSpan, list_countries, listed_country
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor

bp = APIBlueprint("countries_api", __name__, url_prefix="/api/v1")


@bp.get("/countries")
@allow(SIGNED_IN)
@scope("countries:read")
@bp.output(CountriesOut)
@bp.doc(summary="List countries", responses=[401])
def all_countries() -> dict[str, Any]:
    """Lists all countries and areas by code, also former and merged ones."""
    return {"items": describe_countries(list_countries(), locale=reader_locale())}


@bp.get("/countries/<code>")
@allow(SIGNED_IN)
@scope("countries:read")
@bp.output(CountryOut)
@bp.doc(summary="Read a country", responses=[401, 404])
def one_country(code: str) -> Any:
    """Returns a country."""
    return _one(code)


@bp.post("/countries")
@allow(Role.ADMINISTRATOR)
@scope("countries:write")
@bp.input(CountryIn, arg_name="given")
@bp.output(CountryOut, status_code=201)
@bp.doc(summary="Add a country", responses={403: "You are not an administrator"})
def create_country(given: dict[str, Any]) -> Any:
    """Adds a country with a code of the organiser's own."""
    made = add_country(given["code"], given["names"], region=given["region"], by=current_actor(), at=clock.now())
    return _one(made.code)


@bp.patch("/countries/<code>")
@allow(Role.ADMINISTRATOR)
@scope("countries:write")
@bp.input(CountryPatch, arg_name="changes")
@bp.output(CountryOut)
@bp.doc(
    summary="Change a country",
    responses={403: "You are not an administrator", 404: "Does not exist", 409: "It was merged into another country"},
)
def change_listed_country(code: str, changes: dict[str, Any]) -> Any:
    """Changes the fields sent, all or nothing. What was counted keeps its country."""
    if "partner" in changes:
        changes = {**changes, "partner": [PartnerSpan(one["since"], one["until"]) for one in changes["partner"]]}
    edit_country(code, changes, by=current_actor(), at=clock.now())
    return _one(code)


@bp.get("/countries/<code>/merge")
@allow(Role.ADMINISTRATOR)
@scope("countries:read")
@bp.input(OtherCountry, location="query", arg_name="query")
@bp.output(CountryMergePreviewOut)
@bp.doc(
    summary="Preview a merge of countries",
    responses={403: "You are not an administrator", 404: "Does not exist", 409: "They cannot be merged"},
)
def look_at_country_merge(code: str, query: dict[str, Any]) -> Any:
    """Returns what merging `other` into this country would move, and what it would change in the totals."""
    country, merged = _found(code), _other(query["other"])
    return preview_country_merge(country, merged, by=current_actor(), at=clock.now())


@bp.post("/countries/<code>/merge")
@allow(Role.ADMINISTRATOR)
@scope("countries:write")
@bp.input(CountryMergeIn, arg_name="given")
@bp.output(CountryMergeOut)
@bp.doc(
    summary="Merge another country into this one",
    responses={403: "You are not an administrator", 404: "Does not exist", 409: "They cannot be merged"},
)
def merge_country(code: str, given: dict[str, Any]) -> Any:
    """Makes two countries of the list one, also in the figures of earlier years. The same merge again changes nothing.
    Undo it with `merge/undo`."""
    kept_code, merged, by = _found(code).code, _other(given["other"]).code, current_actor()
    merge_countries(kept_code, merged, reason=given["reason"], by=by, at=clock.now())
    return get_country_merge(kept_code, merged, by=by)


@bp.post("/countries/<code>/merge/undo")
@allow(Role.ADMINISTRATOR)
@scope("countries:write")
@bp.input(OtherCountry, arg_name="given")
@bp.output(CountryOut)
@bp.doc(
    summary="Undo a merge of countries",
    responses={403: "You are not an administrator", 404: "Does not exist, or is not merged into this country"},
)
def undo_merge_of_countries(code: str, given: dict[str, Any]) -> Any:
    """Makes them two countries again, each with what it had. Returns the other country."""
    by = current_actor()
    merge = get_country_merge(code, given["other"], by=by)
    undo_country_merge(merge.country.code, by=by, at=clock.now())
    return _one(merge.country.code)


def _found(code: str) -> Country:
    country = listed_country(code)
    if country is None:
        raise NotFound
    return country


def _other(code: str) -> Country:
    country = listed_country(code)
    if country is None:
        raise Invalid("other", _("There is no country with the code “%(code)s”.", code=code[:20]))
    return country


def _one(code: str) -> DescribedCountry:
    return describe_countries([_found(code)], locale=reader_locale())[0]
