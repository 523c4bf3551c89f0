"""The organiser's own list of countries, their partnerships, and which country somebody belonged to on a day."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from babel.lists import format_list
from flask_babel import get_locale
from sqlalchemy import Select, Text, cast, exists, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from lms.core.base.errors import Forbidden, Invalid, NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_column
from lms.core.text.i18n import _
from lms.core.text.sorting import by_name
from lms.people.models import Country, Partnership, Person, PersonCountry, Region
from lms.people.queries.country_names import code_of_name, codes_of_shared_name, name_key, regions, territories


class PartnerSpan(NamedTuple):
    """First and last day of a partnership; without a last day it lasts."""

    since: date
    until: date | None


def united_spans(spans: Iterable[PartnerSpan]) -> list[PartnerSpan]:
    """The days of all these spans in as few spans as possible, oldest first."""
    united: list[PartnerSpan] = []
    for since, until in sorted(spans, key=lambda span: span[0]):
        last = united[-1] if united else None
        if last is None or (last[1] is not None and last[1] + timedelta(days=1) < since):
            united.append(PartnerSpan(since, until))
        else:
            ends = None if last[1] is None or until is None else max(last[1], until)
            united[-1] = PartnerSpan(last[0], ends)
    return united


def list_countries() -> list[Country]:
    """Returns all countries by code, including former ones."""
    return list(db.session.scalars(select(Country).order_by(Country.code)))


def own_countries(by: Actor) -> list[Country]:
    """The countries that a focal point speaks for, by code. Raises Forbidden where there are none."""
    if not by.is_focal_point or not by.country_ids:
        raise Forbidden
    return list(db.session.scalars(select(Country).where(Country.id.in_(by.country_ids)).order_by(Country.code)))


def own_country(countries: Sequence[Country], code: str | None) -> Country:
    """The one of a focal point's countries that has this code, without one the first. Raises NotFound for others."""
    country = next((one for one in countries if not code or one.code == code.upper()), None)
    if country is None:
        raise NotFound
    return country


def listed_country(code: str | None) -> Country | None:
    """The row of the list that has this code, in any case of letters, also where it was merged into another."""
    if not code:
        return None
    return db.session.scalar(select(Country).where(Country.code == code.strip().upper()))


def country_by_code(code: str | None) -> Country | None:
    """The country of a code, in any case of letters; for a merged one, the country that it was merged into."""
    country = listed_country(code)
    if country is None or country.merged_into_id is None:
        return country
    return db.session.get(Country, country.merged_into_id)


def country_ids() -> dict[str, int]:
    """Code → id of the country that it means now, of all countries."""
    return dict(read(select(Country.code, func.coalesce(Country.merged_into_id, Country.id))))


def with_merged(ids: Collection[int]) -> Select[int]:
    """The query of these countries and of those that were merged into them: what was published keeps its country."""
    return select(Country.id).where(or_(Country.id.in_(ids), Country.merged_into_id.in_(ids)))


def get_country(code: str, *, field: str = "country") -> Country:
    """The country of a code; Invalid, naming the field, for an unlisted code."""
    country = country_by_code(code)
    if country is None:
        raise Invalid(field, unknown_country(code))
    return country


def unknown_country(text: str) -> str:
    """Says that a text names no country; where it can mean several, which they are, with their codes."""
    locale = str(get_locale() or "en")
    names = country_names(locale, codes_of_shared_name(text))
    if not names:
        return _("There is no country with the code “%(code)s”.", code=text[:20])
    listed = format_list([f"{name} ({code})" for code, name in names.items()], style="or", locale=locale)
    return _("“%(name)s” can mean %(countries)s. Enter the code.", name=text[:40], countries=listed)


Rows = tuple[tuple[Any, ...], ...]
"""Rows as they were read: what is worked out of them alone is kept by them."""


def country_rows(codes: Iterable[str] | None = None) -> Rows:
    """(id, code, names by language as JSON, latitude, longitude) of every country, or of these `codes`."""
    query = select(Country.id, Country.code, cast(Country.names, Text), Country.latitude, Country.longitude)
    if codes is not None:
        query = query.where(Country.code.in_(sorted(codes)))
    return tuple(tuple(row) for row in read(query.order_by(Country.id)))


def named_countries(rows: Rows, locale: str) -> Mapping[str, str]:
    """Code → name that these rows give in a language."""
    known, english = territories(locale), territories("en")
    language = locale.replace("_", "-").split("-")[0]
    names = {}
    for _id, code, text, *_place in rows:
        names_of_row = json.loads(text or "null") or {}
        names[code] = (
            names_of_row.get(language) or known.get(code) or names_of_row.get("en") or english.get(code) or code
        )
    return MappingProxyType(names)


def country_names(locale: str, codes: Iterable[str] | None = None) -> Mapping[str, str]:
    """Code → name in a language: the organiser's own, else the UN's or CLDR's, else the code.

    Of these `codes` only, where given.
    """
    return named_countries(country_rows(codes), locale)


def known_codes() -> frozenset[str]:
    """The codes of all countries."""
    return frozenset(code for _country_id, code, *_names in country_rows())


def countries_meant(typed: str, names: Mapping[str, str]) -> list[str]:
    """The codes of those countries (code → name) that a whole text means: a code, or any name in use."""
    key = name_key(typed)
    if not key:
        return []
    meant = {code_of_name(typed), *codes_of_shared_name(typed)}
    return [code for code, name in names.items() if code in meant or key in {code.casefold(), name_key(name)}]


def partner_spans() -> dict[int, list[PartnerSpan]]:
    """Country → the spans in which it was or is a partner, oldest first."""
    spans: dict[int, list[PartnerSpan]] = {}
    query = select(Partnership.country_id, Partnership.since, Partnership.until).order_by(Partnership.since)
    for country_id, since, until in read(query):
        spans.setdefault(country_id, []).append(PartnerSpan(since, until))
    return spans


class Notice(NamedTuple):
    """A text for the people of a country, the language that it is in, and the country."""

    text: str
    language: str
    country: str


def notice_in(notices: Mapping[str, str], code: str, locale: str) -> Notice | None:
    """The text for the people of a country: in the reader's language, else in English, else in any; None without
    one."""
    for language in (locale.replace("_", "-").split("-")[0], "en", *sorted(notices)):
        if text := notices.get(language):
            return Notice(text, language, code)
    return None


def notice_of(person_id: int, day: date, locale: str) -> Notice | None:
    """The text for the people of the country that a person (canonical id) belongs to on a day."""
    rows = read(_with_codes(_histories([person_id], day)).add_columns(cast(Country.notices, Text)))
    if not rows or rows[-1][1] is None:
        return None
    return notice_in(json.loads(rows[-1][2]), rows[-1][1], locale)


def former_codes(day: date) -> set[str]:
    """The codes of countries that nobody can choose: their last day on the list is over, or they were merged."""
    query = select(Country.code).where(or_(Country.valid_until < day, Country.merged_into_id.is_not(None)))
    return set(read_column(query))


def list_regions() -> list[Region]:
    """The regions that a country can be in: those that have none below them."""
    parents = select(Region.parent_code).where(Region.parent_code.is_not(None))
    return list(db.session.scalars(select(Region).where(Region.code.not_in(parents)).order_by(Region.name)))


def region_rows() -> Rows:
    """(M49 code, English name) of every region."""
    return tuple(tuple(row) for row in read(select(Region.code, Region.name).order_by(Region.code)))


def named_regions(rows: Rows, locale: str) -> dict[str, str]:
    """M49 code → name that these rows give in a language."""
    known = regions(locale)
    return {code: known.get(code) or name for code, name in rows}


def region_names(locale: str) -> dict[str, str]:
    """M49 code → name: the table's own in English, elsewhere the UN's or CLDR's where there is one."""
    return named_regions(region_rows(), locale)


class CountryGroup(NamedTuple):
    """A part of the list that people choose a country from: (code, name) of its countries, by name."""

    label: str
    countries: list[tuple[str, str]]


def grouped_countries(names: Mapping[str, str], day: date, locale: str) -> list[CountryGroup]:
    """These countries (code → name) as people choose from them: partners of a day first, then the others by continent.

    Groups and countries are by name in the language; countries without a continent come last.
    """
    rows = read(select(Region.code, Region.name, Region.parent_code))
    parents: dict[str, str | None] = {code: parent for code, _name, parent in rows}
    region_names = named_regions(tuple((code, name) for code, name, _parent in rows), locale)
    continents = {code: name for code, name in region_names.items() if parents[code] == _WORLD}
    by_group: dict[str | None, list[tuple[str, str]]] = {}
    is_partner = Country.id.in_(_partners_on(day)).label("is_partner")
    for code, region, belongs in read(select(Country.code, Country.region_code, is_partner).order_by(Country.id)):
        if code in names:
            while region is not None and region not in continents:
                region = parents.get(region)
            by_group.setdefault(_PARTNERS if belongs else region, []).append((code, names[code]))
    labels: dict[str | None, str] = {_PARTNERS: _("Partner countries")}
    labels |= by_name(continents.items(), locale)
    labels |= {None: _("Other countries and areas")}
    return [CountryGroup(label, by_name(by_group[key], locale)) for key, label in labels.items() if key in by_group]


_WORLD, _PARTNERS = "001", "partners"


def partnerships(country_id: int) -> list[Partnership]:
    """The spans in which a country was or is a partner, oldest first."""
    query = select(Partnership).where(Partnership.country_id == country_id).order_by(Partnership.since)
    return list(db.session.scalars(query))


def partner_ids(day: date) -> set[int]:
    """The countries that are formal partners on a day."""
    return set(db.session.scalars(_partners_on(day)))


def _partners_on(day: date) -> Select[int]:
    return select(Partnership.country_id).where(
        Partnership.since <= day, or_(Partnership.until.is_(None), Partnership.until >= day)
    )


def country_id_of(person_id: int, day: date) -> int | None:
    """The country a person belonged to on a day; None is *not stated*."""
    return countries_of([person_id], day)[person_id]


def partner_codes(day: date) -> list[str]:
    """The codes of the countries that are formal partners on a day."""
    return list(read_column(select(Country.code).where(Country.id.in_(_partners_on(day))).order_by(Country.code)))


def countries_of(person_ids: Iterable[int], day: date) -> dict[int, int | None]:
    """The country of each person on a day, by the dated history.

    The ids are canonical. A person merged from two rows without a country in their own row gets that of the other row;
    *not stated* in their own row is kept.
    """
    countries: dict[int, int | None] = dict.fromkeys(person_ids)
    rows: Any = read(_histories(list(countries), day).add_columns(PersonCountry.country_id))
    countries.update((own, country) for own, country in rows if own is not None)
    return countries


def country_codes_of(person_ids: Iterable[int], day: date) -> dict[int, str]:
    """The code of the country of each person on a day, as `countries_of`; who has none is left out."""
    codes: dict[int, str | None] = dict(read(_with_codes(_histories(list(person_ids), day))))
    return {own: code for own, code in codes.items() if code is not None}


def _with_codes(histories: Select[Any]) -> Any:
    return histories.add_columns(Country.code).outerjoin(Country, Country.id == PersonCountry.country_id)


_FEW = 500
"""Up to this many people are looked up one at a time."""


def belonging_to(country_ids: Collection[int], day: date) -> Select[int | None]:
    """The query of who belongs to one of these countries on a day, as `countries_of`: canonical ids."""
    member, other, held, later = aliased(Person), aliased(Person), aliased(PersonCountry), aliased(PersonCountry)
    rank = tuple_(member.id == member.canonical_id, held.since, held.id)
    outranked = (
        exists()
        .where(other.canonical_id == member.canonical_id, later.person_id == other.id, later.since <= day)
        .where(tuple_(other.id == other.canonical_id, later.since, later.id) > rank)
    )
    return (
        select(member.canonical_id)
        .join(held, held.person_id == member.id)
        .where(held.country_id.in_(country_ids), held.since <= day, ~outranked)
    )


def _histories(person_ids: Sequence[int], day: date) -> Select[Any]:
    """The histories of these people until a day, so that what holds comes last."""
    is_few = len(person_ids) <= _FEW
    is_of = Person.canonical_id.in_(person_ids) if is_few else among(Person.canonical_id, person_ids)
    return (
        select(Person.canonical_id)
        .join(PersonCountry, PersonCountry.person_id == Person.id)
        .where(is_of, PersonCountry.since <= day)
        .order_by(Person.id == Person.canonical_id, PersonCountry.since)
    )
