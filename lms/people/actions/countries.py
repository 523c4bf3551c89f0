"""Writes to the list of countries."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import or_, select

from lms.core import audit
from lms.core.db import action, db
from lms.core.errors import Forbidden, Invalid
from lms.core.i18n import _
from lms.core.resources import resource
from lms.core.roles import Actor
from lms.people.models import Country, Partnership, Region
from lms.people.queries.countries import get_country


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
