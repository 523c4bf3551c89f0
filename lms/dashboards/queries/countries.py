"""Countries of the list: what refers to each, what a merge or its undoing would change, and what was done to them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import aliased

from lms.attendance.models.groups import ViewingGroup
from lms.catalogue.models import SeriesCountry
from lms.certificates.models import Award
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database.audit import list_entries
from lms.core.database.session import db, read, rehearse
from lms.enrolment.models import CountryQuota, Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import day_of
from lms.nominations.models import Nomination
from lms.people.actions.country_merging import merge_countries, undo_country_merge
from lms.people.models import Country, CountryMerge, Person, RoleGrant
from lms.people.queries.countries import (
    PartnerSpan,
    belonging_to,
    country_names,
    list_countries,
    listed_country,
    partner_spans,
)
from lms.reports.models import OpeningRow
from lms.reports.queries.figures import attended_totals
from lms.reports.rules import Slice

_REHEARSED: Final = "?"
"""The reason of a merge that is only looked at."""
COUNTED: Final = (
    "people",
    "focal_points",
    "enrolments",
    "seats",
    "certificates",
    "nominations",
    "groups",
    "older",
    "series",
)
"""What is counted of a country."""


@dataclass(frozen=True)
class DescribedCountry:
    """A country with its name in a language, the spans in which it is a partner, and the code of the country that it
    is since they were merged."""

    country: Country
    name: str
    partner: Sequence[PartnerSpan]
    merged_into: str | None


@dataclass(frozen=True)
class CountryHoldings:
    """How much refers to a country: of `COUNTED`, each by name; and in which spans it is a partner."""

    numbers: Mapping[str, int]
    spans: Sequence[PartnerSpan]


@dataclass(frozen=True)
class CountryFigures:
    """The organiser's totals that a merge of countries may change."""

    participants: int
    countries: int
    partner_countries: int


@dataclass(frozen=True)
class CountryMergePreview:
    """The rows of each country, now and then; `promoted` of the waiting lists would get a seat. Of a merge, `after` has
    the one kept; of its undoing, both, the one kept first."""

    first: CountryHoldings
    second: CountryHoldings
    after: tuple[CountryHoldings, CountryHoldings]
    now: CountryFigures
    then: CountryFigures
    promoted: int

    @property
    def kept(self) -> CountryHoldings:
        """The rows of the kept country after a merge."""
        return self.after[0]


@dataclass(frozen=True)
class MergedCountry:
    """A merge in force: the country that is merged, into which, why, when and by whom."""

    country: Country
    kept: Country
    reason: str
    merged_at: datetime
    by: str | None


@dataclass(frozen=True)
class CountryEvent:
    """Something that was done to a country: `before` and `after` have what changed, by name; `kept` and `merged` are
    the codes of a merge."""

    id: int
    verb: str
    at: datetime
    by: str | None
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    kept: str | None = None
    merged: str | None = None
    reason: str = ""


def describe_countries(countries: Sequence[Country], *, locale: str) -> list[DescribedCountry]:
    """These countries as the API shows them, with names in a language."""
    names, spans = country_names(locale), partner_spans()
    codes = {one.id: one.code for one in list_countries()} if any(one.merged_into_id for one in countries) else {}
    return [
        DescribedCountry(
            country,
            names[country.code],
            spans.get(country.id, []),
            codes[country.merged_into_id] if country.merged_into_id is not None else None,
        )
        for country in countries
    ]


def holdings_of(country_ids: Collection[int], at: datetime) -> dict[int, CountryHoldings]:
    """Returns what refers to each of these countries."""
    spans = partner_spans()
    holdings: dict[int, dict[str, int]] = {id_: dict.fromkeys(COUNTED, 0) for id_ in country_ids}
    for name, country_id, number in read(union_all(*_counts(sorted(country_ids), at))):
        holdings[country_id][name] = number or 0
    return {id_: CountryHoldings(numbers, spans.get(id_, [])) for id_, numbers in holdings.items()}


def _counts(ids: Sequence[int], at: datetime) -> Iterator[Any]:
    for id_ in ids:
        of_country = belonging_to([id_], day_of(at)).subquery()
        yield select(literal("people"), literal(id_), func.count(func.distinct(of_country.c[0])))
    for name, column, number, where in (
        ("focal_points", RoleGrant.country_id, func.count(), [RoleGrant.revoked_at.is_(None)]),
        ("enrolments", Enrolment.registered_country_id, func.count(), []),
        ("seats", CountryQuota.country_id, func.sum(CountryQuota.seats), []),
        ("certificates", Award.awarded_country_id, func.count(), []),
        ("nominations", Nomination.country_id, func.count(), []),
        ("groups", ViewingGroup.country_id, func.count(), []),
        ("older", OpeningRow.country_id, func.sum(OpeningRow.attendances), []),
        ("series", SeriesCountry.country_id, func.count(), []),
    ):
        yield select(literal(name), column, number).where(column.in_(ids), *where).group_by(column)


def _figures(*, by: Actor, at: datetime) -> CountryFigures:
    counted = attended_totals(Slice(), by=by, at=at)
    return CountryFigures(counted.participants, counted.countries, counted.partner_countries)


def _waiting(country_ids: Collection[int]) -> int:
    """How many people wait in series that keep seats for one of these countries."""
    series = select(CountryQuota.series_id).where(CountryQuota.country_id.in_(country_ids))
    query = select(func.count()).where(Enrolment.series_id.in_(series), Enrolment.status == EnrolmentStatus.WAITLISTED)
    number: int = read(query)[0][0]
    return number


def preview_country_merge(kept_country: Country, merged: Country, *, by: Actor, at: datetime) -> CountryMergePreview:
    """Returns what uniting two countries would change. For administrators. Raises what the merge itself raises."""
    return _preview(
        kept_country.id,
        merged.id,
        lambda: merge_countries(kept_country.code, merged.code, reason=_REHEARSED, by=by, at=at),
        by,
        at,
    )


def preview_country_undo(merge: MergedCountry, *, by: Actor, at: datetime) -> CountryMergePreview:
    """Returns what each country would have after a merge is undone. For administrators. Raises what the undoing
    raises."""
    return _preview(
        merge.kept.id, merge.country.id, lambda: undo_country_merge(merge.country.code, by=by, at=at), by, at
    )


def _preview(kept_id: int, merged_id: int, work: Any, by: Actor, at: datetime) -> CountryMergePreview:
    if not by.is_administrator:
        raise Forbidden
    both = (kept_id, merged_id)
    before, now, waiting = holdings_of(both, at), _figures(by=by, at=at), _waiting(both)

    def rehearsed() -> tuple[dict[int, CountryHoldings], CountryFigures, int]:
        work()
        return holdings_of(both, at), _figures(by=by, at=at), _waiting(both)

    after, then, still = rehearse(rehearsed)
    return CountryMergePreview(
        first=before[kept_id],
        second=before[merged_id],
        after=(after[kept_id], after[merged_id]),
        now=now,
        then=then,
        promoted=max(0, waiting - still),
    )


def list_country_merges(country_id: int | None = None, *, by: Actor) -> list[MergedCountry]:
    """The merges in force, of all or of this country, as the one kept or merged. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    kept_country, merged_country = aliased(Country), aliased(Country)
    query = (
        select(CountryMerge, kept_country, merged_country, Person.full_name)
        .join(kept_country, kept_country.id == CountryMerge.kept_id)
        .join(merged_country, merged_country.id == CountryMerge.merged_id)
        .outerjoin(Person, Person.id == CountryMerge.merged_by)
        .where(CountryMerge.undone_at.is_(None))
        .order_by(CountryMerge.id)
    )
    if country_id is not None:
        query = query.where((CountryMerge.kept_id == country_id) | (CountryMerge.merged_id == country_id))
    return [
        MergedCountry(merged, kept, row.reason, row.merged_at, name)
        for row, kept, merged, name in db.session.execute(query)
    ]


def get_country_merge(kept_code: str, merged: str, *, by: Actor) -> MergedCountry:
    """The merge of a country (code) into another. For administrators. Raises NotFound."""
    country = listed_country(merged)
    merges = list_country_merges(country.id, by=by) if country is not None else []
    for merge in merges:
        if merge.country.code == merged.upper() and merge.kept.code == kept_code.upper():
            return merge
    raise NotFound


def country_history(country: Country, *, by: Actor) -> list[CountryEvent]:
    """Returns what was done to a country, the newest first. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    entries = list_entries("country", country.id)
    actors = {entry.actor_id for entry in entries} - {None}
    names: dict[int, str] = dict(read(select(Person.id, Person.full_name).where(Person.id.in_(actors))))
    state: dict[str, Any] = {
        "names": dict(country.names or {}),
        "notices": dict(country.notices or {}),
        "region": country.region_code,
        "until": country.valid_until,
        "spans": partner_spans().get(country.id, []),
    }
    events = []
    for entry in entries:
        before, after = _changed(entry.verb, entry.detail, state)
        state |= before
        events.append(
            CountryEvent(
                id=entry.id,
                verb=entry.verb,
                at=entry.at,
                by=names.get(entry.actor_id or 0),
                before={name: value for name, value in before.items() if value != after[name]},
                after={name: after[name] for name, value in before.items() if value != after[name]},
                kept=entry.detail.get("kept"),
                merged=entry.detail.get("merged"),
                reason=entry.detail.get("reason", ""),
            )
        )
    return events


def _changed(verb: str, detail: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what an act changed, from what to what. Early acts noted only what was before: after them it was as
    `state`."""
    if verb == "change_country":
        before, after = detail["before"], detail.get("after")
        return _read(before), _read(after) if after is not None else {name: state[name] for name in before}
    if verb == "set_partnerships":
        spans, then = _spans(detail["before"]), detail.get("after")
        return {"spans": spans}, {"spans": _spans(then) if then is not None else state["spans"]}
    return {}, {}


def _read(noted: Mapping[str, Any]) -> dict[str, Any]:
    return {**noted, "until": _day(noted["until"])}


def _spans(noted: Sequence[Sequence[Any]]) -> list[PartnerSpan]:
    return [PartnerSpan(date.fromisoformat(since), _day(until)) for since, until in noted]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
