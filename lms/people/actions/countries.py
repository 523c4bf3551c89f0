"""Writes to the list of countries."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import delete, or_, select

from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.base.settings import resource
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _, translated
from lms.core.text.typed_text import clean_line, clean_text
from lms.people.models import Country, Partnership, Region
from lms.people.queries.countries import PartnerSpan, get_country, listed_country

MAX_NAME = 100
MAX_NOTICE = 1000
_Texts = tuple[dict[str, str], dict[str, str]]
_CODE = re.compile(r"[A-Z][A-Z0-9]{1,7}")


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

    A repeated span changes nothing; an overlap with another span of the same country is Invalid.
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


def _checked(names: Mapping[str, str], region: str | None, notices: Mapping[str, str] | None = None) -> _Texts:
    """The names that differ from the ready-made ones, and the notices, by language. Raises Invalid with all faults."""
    faults: list[Fault] = []
    texts: list[dict[str, str]] = []
    for given, prefix, most, clean in (
        (names, "name", MAX_NAME, clean_line),
        (notices or {}, "notice", MAX_NOTICE, clean_text),
    ):
        cleaned = {language: clean(text) for language, text in given.items()}
        for language, text in cleaned.items():
            if language not in translated():
                reason = _("Unknown language: %(language)s.", language=language[:20])
                faults.append(Fault(reason, field=f"{prefix}_{language}"))
            elif len(text) > most:
                faults.append(Fault(_("Use at most %(n)s characters.", n=most), field=f"{prefix}_{language}"))
        texts.append({language: text for language, text in cleaned.items() if text})
    if region and db.session.get(Region, region) is None:
        faults.append(Fault(_("Choose an option from the list."), field="region"))
    if faults:
        raise Invalid(faults=faults)
    return texts[0], texts[1]


@action
def add_country(code: str, names: Mapping[str, str], *, region: str | None, by: Actor, at: datetime) -> Country:
    """Adds a country under a code of the organiser's own. For administrators. Raises Invalid."""
    if not by.is_administrator:
        raise Forbidden
    code = clean_line(code).upper()
    if not _CODE.fullmatch(code):
        raise Invalid("code", _("Use 2 to 8 letters and digits, beginning with a letter."))
    if listed_country(code) is not None:
        raise Invalid("code", _("%(code)s is on the list already.", code=code))
    checked_names, _notices = _checked(names, region)
    if "en" not in checked_names:
        raise Invalid("name_en", _("Enter the name in English."))
    country = Country(code=code, iso=None, names=checked_names, notices={}, region_code=region or None)
    db.session.add(country)
    db.session.flush()
    audit.record("add_country", by=by, at=at, country=country.id)
    return country


@action
def change_country(
    code: str,
    names: Mapping[str, str],
    *,
    region: str | None,
    valid_until: date | None,
    notices: Mapping[str, str] | None = None,
    by: Actor,
    at: datetime,
) -> bool:
    """Renames a country, moves it to another region, or ends it; what was counted keeps its country.

    `names` has those that the organiser chose, by language; an empty one gives the ready-made name back. `notices` are
    texts for the people of the country, by language; without it they stay. False where nothing differs. For
    administrators. Raises Invalid; NotFound; Refused for a country that was merged into another.
    """
    if not by.is_administrator:
        raise Forbidden
    country = hold_country(code)
    checked_names, texts = _checked(names, region, notices)
    if country.iso is None and "en" not in checked_names:
        raise Invalid("name_en", _("Enter the name in English."))
    before = _state(country)
    country.names, country.region_code, country.valid_until = checked_names, region or None, valid_until
    if notices is not None:
        country.notices = texts
    return _note_change(country, before, by=by, at=at)


@action
def edit_country(code: str, changes: Mapping[str, Any], *, by: Actor, at: datetime) -> None:
    """Changes what is named of a country, all or nothing: `names`, `notices`, `region`, `valid_until`, `partner`.

    As `change_country` and `set_partnerships`.
    """
    if not by.is_administrator:
        raise Forbidden
    country = hold_country(code)
    change_country(
        code,
        changes.get("names", country.names or {}),
        region=changes.get("region", country.region_code),
        valid_until=changes.get("valid_until", country.valid_until),
        notices=changes.get("notices"),
        by=by,
        at=at,
    )
    if "partner" in changes:
        set_partnerships(code, changes["partner"], by=by, at=at)


def hold_country(code: str) -> Country:
    """Within an action: the row of the list that is to be changed, held against others who change it. Raises NotFound;
    Refused where it was merged into another country."""
    stored = listed_country(code)
    if stored is None:
        raise NotFound
    query = select(Country).where(Country.id == stored.id).with_for_update(of=Country)
    country = db.session.scalars(query.execution_options(populate_existing=True)).one()
    if country.merged_into_id is not None:
        raise Refused(_("This country was merged into another one. Undo the merge first."))
    return country


def _state(country: Country) -> dict[str, Any]:
    """Returns what can be changed of a country, as it is noted."""
    return {
        "names": dict(country.names or {}),
        "notices": dict(country.notices or {}),
        "region": country.region_code,
        "until": _day(country.valid_until),
    }


def _note_change(country: Country, before: Mapping[str, Any], *, by: Actor, at: datetime) -> bool:
    after = _state(country)
    fields = sorted(name for name in before if before[name] != after[name])
    if fields:
        detail = {"fields": fields, "before": before, "after": after}
        audit.record("change_country", by=by, at=at, detail=detail, country=country.id)
    return bool(fields)


@action
def undo_country_change(code: str, *, expected: int, by: Actor, at: datetime) -> None:
    """Gives a country the names, region, last day and notices back that its last change took the place of.

    `expected` is the number of that change in the audit trail. For administrators. Raises NotFound, Invalid; Refused
    where someone changed the country since, or it was merged.
    """
    if not by.is_administrator:
        raise Forbidden
    country = hold_country(code)
    last = last_change(country.id)
    if last is None or last.id != expected or not _is_as(_state(country), last.detail.get("after")):
        raise Refused(_("Someone else changed this country in the meantime. Check it again."))
    before, was = _state(country), last.detail["before"]
    country.names, country.region_code = dict(was["names"]), was["region"]
    country.notices = dict(was.get("notices", before["notices"]))
    country.valid_until = date.fromisoformat(was["until"]) if was["until"] else None
    _note_change(country, before, by=by, at=at)


def last_change(country_id: int) -> audit.AuditEntry | None:
    """The last change of a country's names, region, last day or notices."""
    return next((entry for entry in audit.list_entries("country", country_id) if entry.verb == "change_country"), None)


def _is_as(state: Mapping[str, Any], noted: Mapping[str, Any] | None) -> bool:
    """Whether the state is the one noted; early changes noted none."""
    return noted is None or all(state[name] == value for name, value in noted.items())


@action
def set_partnerships(code: str, spans: Sequence[PartnerSpan], *, by: Actor, at: datetime) -> bool:
    """Says in which spans a country is a partner, in place of those known; False where nothing differs.

    For administrators. Raises Invalid for a span that ends before it begins, or overlaps another.
    """
    if not by.is_administrator:
        raise Forbidden
    country = hold_country(code)
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
    noted = (("before", before), ("after", ordered))
    db.session.execute(delete(Partnership).where(Partnership.country_id == country.id))
    db.session.add_all(Partnership(country_id=country.id, since=since, until=until) for since, until in ordered)
    detail = {name: [[_day(since), _day(until)] for since, until in given] for name, given in noted}
    audit.record("set_partnerships", by=by, at=at, detail=detail, country=country.id)
    return True


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
