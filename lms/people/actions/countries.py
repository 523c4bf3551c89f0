"""Writes to the list of countries."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise

from sqlalchemy import delete, or_, select

from lms.core import audit
from lms.core.db import action, db
from lms.core.errors import Fault, Forbidden, Invalid
from lms.core.i18n import _, translated
from lms.core.resources import resource
from lms.core.roles import Actor
from lms.core.typed_text import clean_line
from lms.people.models import Country, Partnership, Region
from lms.people.queries.countries import country_by_code, get_country

MAX_NAME = 100
_CODE = re.compile(r"[A-Z][A-Z0-9]{1,7}")
Span = tuple[date, date | None]
"""First and last day of a partnership; without a last day it lasts."""


def _seed(name: str) -> list[dict[str, str]]:
    with resource("seeds", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@action
def load_countries(*, by: Actor, at: datetime) -> int:
    """Loads regions and countries from the seeds; returns how many countries are new.

    Run again, it adds what is missing and corrects region, numeric code and centroid; names, partnerships and
    validity, which are the organiser's, stay as they are.
    """
    if not by.is_administrator:
        raise Forbidden
    regions = {region.code: region for region in db.session.scalars(select(Region))}
    for row in _seed("regions.csv"):
        region = regions.setdefault(row["code"], Region(code=row["code"]))
        region.name, region.parent_code = row["name"], row["parent"] or None
        db.session.add(region)
        db.session.flush()
    known = {country.code: country for country in db.session.scalars(select(Country))}
    added = 0
    for row in _seed("countries.csv"):
        country = known.get(row["code"])
        if country is None:
            country = Country(code=row["code"], iso=row["iso"] or None, names={})
            db.session.add(country)
            added += 1
        country.region_code, country.numeric = row["m49_region"] or None, row["numeric"] or None
        country.latitude = float(row["latitude"]) if row["latitude"] else None
        country.longitude = float(row["longitude"]) if row["longitude"] else None
    if added:
        audit.record("load_countries", by=by, at=at, detail={"added": added})
    return added


@action
def declare_partners(spans: Iterable[tuple[str, date, date | None]], *, by: Actor, at: datetime) -> int:
    """Marks countries as partners: (code, first day, last day or null); returns how many spans are new.

    The same span again changes nothing; one that overlaps another of the same country is Invalid.
    """
    if not by.is_administrator:
        raise Forbidden
    added: list[int] = []
    for code, since, until in spans:
        country = get_country(code)
        same = db.session.scalar(
            select(Partnership).where(Partnership.country_id == country.id, Partnership.since == since)
        )
        if same is not None:
            same.until = until
            continue
        overlap = select(Partnership.id).where(
            Partnership.country_id == country.id,
            or_(Partnership.until.is_(None), Partnership.until >= since),
            Partnership.since <= (until or date.max),
        )
        if db.session.scalar(overlap) is not None:
            raise Invalid("since", _("%(code)s is already a partner at that time.", code=country.code))
        db.session.add(Partnership(country_id=country.id, since=since, until=until))
        db.session.flush()
        added.append(country.id)
    if added:
        audit.record("declare_partners", by=by, at=at, country=added)
    return len(added)


def _checked(names: Mapping[str, str], region: str | None) -> dict[str, str]:
    """The names that differ from the ready-made ones, by language. Raises Invalid with all faults."""
    faults: list[Fault] = []
    kept = {language: clean_line(name) for language, name in names.items()}
    for language, name in kept.items():
        if language not in translated():
            faults.append(Fault(_("Unknown language: %(language)s.", language=language[:20]), field=f"name_{language}"))
        elif len(name) > MAX_NAME:
            faults.append(Fault(_("Use at most %(n)s characters.", n=MAX_NAME), field=f"name_{language}"))
    if region and db.session.get(Region, region) is None:
        faults.append(Fault(_("Choose a region from the list."), field="region"))
    if faults:
        raise Invalid(faults=faults)
    return {language: name for language, name in kept.items() if name}


@action
def add_country(code: str, names: Mapping[str, str], *, region: str | None, by: Actor, at: datetime) -> Country:
    """Adds a country under a code of the organiser's own. For administrators. Raises Invalid."""
    if not by.is_administrator:
        raise Forbidden
    code = clean_line(code).upper()
    if not _CODE.fullmatch(code):
        raise Invalid("code", _("Use 2 to 8 letters and digits, beginning with a letter."))
    if country_by_code(code) is not None:
        raise Invalid("code", _("%(code)s is on the list already.", code=code))
    kept = _checked(names, region)
    if "en" not in kept:
        raise Invalid("name_en", _("Enter the name in English."))
    country = Country(code=code, iso=None, names=kept, region_code=region or None)
    db.session.add(country)
    db.session.flush()
    audit.record("add_country", by=by, at=at, country=country.id)
    return country


@action
def change_country(
    code: str, names: Mapping[str, str], *, region: str | None, valid_until: date | None, by: Actor, at: datetime
) -> bool:
    """Renames a country, moves it to another region, or ends it; what was counted keeps its country.

    `names` has those that the organiser chose, by language; an empty one gives the ready-made name back. False where
    nothing differs. For administrators. Raises Invalid.
    """
    if not by.is_administrator:
        raise Forbidden
    country = get_country(code)
    before = {"names": dict(country.names or {}), "region": country.region_code, "until": _day(country.valid_until)}
    kept = _checked(names, region)
    if country.iso is None and "en" not in kept:
        raise Invalid("name_en", _("Enter the name in English."))
    country.names, country.region_code, country.valid_until = kept, region or None, valid_until
    after = {"names": kept, "region": country.region_code, "until": _day(valid_until)}
    fields = sorted(name for name in before if before[name] != after[name])
    if fields:
        audit.record("change_country", by=by, at=at, detail={"fields": fields, "before": before}, country=country.id)
    return bool(fields)


@action
def set_partnerships(code: str, spans: Sequence[Span], *, by: Actor, at: datetime) -> bool:
    """Says in which spans a country is a partner, in place of those known; False where nothing differs.

    For administrators. Raises Invalid for a span that ends before it begins, or overlaps another.
    """
    if not by.is_administrator:
        raise Forbidden
    country = get_country(code)
    ordered = sorted(spans, key=lambda span: span[0])
    for since, until in ordered:
        if until is not None and until < since:
            raise Invalid("partner", _("The last day is before the first."))
    for (_since, until), (following, _until) in pairwise(ordered):
        if until is None or until >= following:
            raise Invalid("partner", _("Two spans overlap."))
    rows = db.session.scalars(select(Partnership).where(Partnership.country_id == country.id).with_for_update())
    before = sorted(((row.since, row.until) for row in rows), key=lambda span: span[0])
    if before == ordered:
        return False
    db.session.execute(delete(Partnership).where(Partnership.country_id == country.id))
    db.session.add_all(Partnership(country_id=country.id, since=since, until=until) for since, until in ordered)
    detail = {"before": [[_day(since), _day(until)] for since, until in before]}
    audit.record("set_partnerships", by=by, at=at, detail=detail, country=country.id)
    return True


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
