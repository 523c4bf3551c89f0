"""Merging two countries of the list into one, and undoing it: the rows that move, and move back."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute

from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.events import CountriesMerged, CountryMergeUndone, PeopleCountriesChanged, publish
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.bulk import among
from lms.core.database.session import IDENTITY, action, db, one_at_a_time, read_column
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_text
from lms.people.models import BEGINNING, Country, CountryMerge, CountryMove, Partnership, PersonCountry, RoleGrant
from lms.people.queries.countries import PartnerSpan, listed_country, partner_spans, united_spans

Column = InstrumentedAttribute[Any]
"""A column that refers to a country, of a table whose key is `id`."""


def name_of(column: Column) -> str:
    """Returns what `CountryMove.what` says of a column."""
    return f"{column.class_.__tablename__}.{column.key}"


def move_rows(column: Column, event: CountriesMerged) -> None:
    """Lets the rows of the country that is merged refer to the one kept, and notes which they were."""
    table = column.class_
    rows = select(literal(event.merge_id), literal(name_of(column)), table.id).where(column == event.merged_id)
    db.session.execute(insert(CountryMove).from_select(["merge_id", "what", "row_id"], rows))
    write = update(table).where(column == event.merged_id).values({column.key: event.kept_id})
    db.session.execute(write.execution_options(synchronize_session=False))


def move_back(column: Column, event: CountryMergeUndone) -> None:
    """Lets the rows that a merge moved refer to their own country again, unless they refer to a third one by now."""
    table = column.class_
    moved = table.id.in_(_moved(event.merge_id, name_of(column)))
    write = update(table).where(moved, column == event.kept_id).values({column.key: event.merged_id})
    db.session.execute(write.execution_options(synchronize_session=False))


def moved_rows(column: Column, event: CountriesMerged | CountryMergeUndone) -> list[int]:
    """The ids of the rows that a merge moved."""
    return moved_ids(name_of(column), event)


def moved_ids(what: str, event: CountriesMerged | CountryMergeUndone) -> list[int]:
    """As `moved_rows`, for what a slice recorded under a separate name (`note_moved`)."""
    return list(read_column(_moved(event.merge_id, what).order_by(CountryMove.row_id)))


def note_moved(what: str, ids: Collection[int], event: CountriesMerged) -> None:
    """Notes rows that a slice moved itself."""
    moves = (CountryMove.merge_id == event.merge_id, CountryMove.what == what)
    db.session.execute(delete(CountryMove).where(*moves, among(CountryMove.row_id, ids)))
    rows = [{"merge_id": event.merge_id, "what": what, "row_id": id_} for id_ in sorted(ids)]
    if rows:
        db.session.execute(insert(CountryMove), rows)


def _moved(merge_id: int, what: str) -> Any:
    return select(CountryMove.row_id).where(CountryMove.merge_id == merge_id, CountryMove.what == what)


MAX_REASON: Final = 500
SETTLES: Final = timedelta(hours=1)
"""For so long rows are looked for that were being written while their country was merged."""
MOVED: Final = (PersonCountry.country_id, RoleGrant.country_id)
"""What this slice moves."""


@action
def merge_countries(kept_code: str, merged: str, *, reason: str, by: Actor, at: datetime) -> CountryMerge | None:
    """Merges a country of the list into another (both codes), also in all figures of the past.

    Returns None where `merged` was merged into `kept_code` already. For administrators. Raises NotFound; Invalid
    without a reason; Refused where either was merged into a third country, others were merged into `merged`, or both
    have nominated the same person for the same series.
    """
    if not by.is_administrator:
        raise Forbidden
    why = _checked_reason(reason)
    one_at_a_time(IDENTITY)  # before the rows: writers of credits hold this while referring to them
    remaining, other = _held(kept_code, merged)
    if remaining.id == other.id:
        raise Invalid("other", _("Choose another country."))
    if other.merged_into_id == remaining.id:
        return None
    if remaining.merged_into_id is not None or other.merged_into_id is not None:
        raise Refused(_("Someone else merged one of these countries first. Check again."))
    if db.session.scalar(select(Country.id).where(Country.merged_into_id == other.id).limit(1)) is not None:
        raise Refused(
            _("Other countries were merged into this one. Keep this country instead, or undo those merges first.")
        )
    other.merged_into_id = remaining.id
    row = CountryMerge(kept_id=remaining.id, merged_id=other.id, reason=why, merged_at=at, merged_by=by.person_id)
    row.before = {"partner": {"kept": _as_json(_spans(remaining.id)), "merged": _as_json(_spans(other.id))}}
    db.session.add(row)
    db.session.flush()
    _write_spans(remaining.id, united_spans([*_spans(remaining.id), *_spans(other.id)]))
    _write_spans(other.id, [])
    _move(CountriesMerged(by=by, at=at, merge_id=row.id, kept_id=remaining.id, merged_id=other.id))
    detail = {"reason": why, "kept": remaining.code, "merged": other.code}
    audit.record("merge_countries", by=by, at=at, detail=detail, country=[remaining.id, other.id])
    return row


def _checked_reason(text: str) -> str:
    reason = clean_text(text)
    if not reason:
        raise Invalid("reason", _("Say why these two are one country."))
    if len(reason) > MAX_REASON:
        raise Invalid("reason", _("Use at most %(n)s characters.", n=MAX_REASON))
    return reason


def _held(*codes: str) -> list[Country]:
    """The rows of these codes as they are in the database now; nobody else changes them until the action ends."""
    countries = [listed_country(code) for code in codes]
    ids = [country.id for country in countries if country is not None]
    if len(ids) < len(codes):
        raise NotFound
    query = select(Country).where(Country.id.in_(ids)).order_by(Country.id).with_for_update()
    rows = {row.id: row for row in db.session.scalars(query.execution_options(populate_existing=True))}
    return [rows[id_] for id_ in ids]


def _move(event: CountriesMerged) -> None:
    """Moves what refers to the country that is merged."""
    for column in MOVED:
        move_rows(column, event)
    publish(event)
    db.session.expire_all()


def settle_country_merges(*, at: datetime) -> int:
    """Moves rows of merged countries that somebody was writing during the merge; returns of how many merges. The
    worker's part."""
    query = select(CountryMerge.id).where(CountryMerge.undone_at.is_(None), CountryMerge.merged_at > at - SETTLES)
    merges: Sequence[int] = read_column(query)
    db.session.rollback()
    for merge_id in merges:
        _settle(merge_id, at=at)
    return len(merges)


@action
def _settle(merge_id: int, *, at: datetime) -> None:
    one_at_a_time(IDENTITY)
    row = db.session.get(CountryMerge, merge_id, populate_existing=True)
    if row is not None and row.undone_at is None:
        _move(CountriesMerged(by=SYSTEM, at=at, merge_id=row.id, kept_id=row.kept_id, merged_id=row.merged_id))


@action
def undo_country_merge(merged: str, *, by: Actor, at: datetime) -> None:
    """Makes two countries again of two that were merged: each has what it had, what came since stays with the one kept.

    For administrators. Raises NotFound; Refused where the country is not merged.
    """
    if not by.is_administrator:
        raise Forbidden
    one_at_a_time(IDENTITY)
    (other,) = _held(merged)
    query = select(CountryMerge).where(CountryMerge.merged_id == other.id, CountryMerge.undone_at.is_(None))
    row = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise Refused(_("This country is not merged with another one."))
    event = CountryMergeUndone(by=by, at=at, merge_id=row.id, kept_id=row.kept_id, merged_id=other.id)
    other.merged_into_id = None
    row.undone_at, row.undone_by = at, by.person_id
    db.session.flush()
    _part_spans(row)
    people = _people_moved(row.id)
    for column in MOVED:
        move_back(column, event)
    publish(event)
    if people:
        publish(PeopleCountriesChanged(by=by, at=at, person_ids=people, since=BEGINNING))
    db.session.execute(delete(CountryMove).where(CountryMove.merge_id == row.id))
    remaining = db.session.get_one(Country, row.kept_id)
    detail = {"kept": remaining.code, "merged": other.code}
    audit.record("undo_country_merge", by=by, at=at, detail=detail, country=[remaining.id, other.id])
    db.session.expire_all()


def _people_moved(merge_id: int) -> tuple[int, ...]:
    """Returns whose country a merge changed."""
    moved = (CountryMove.merge_id == merge_id, CountryMove.what == name_of(PersonCountry.country_id))
    query = select(PersonCountry.person_id).join(CountryMove, CountryMove.row_id == PersonCountry.id).where(*moved)
    return tuple(sorted(set(read_column(query))))


def _part_spans(row: CountryMerge) -> None:
    """Gives both their partnerships back: the kept one without those of the other, unless they were changed since."""
    partner = row.before["partner"]
    query = select(CountryMerge).where(
        CountryMerge.kept_id == row.kept_id, CountryMerge.id > row.id, CountryMerge.undone_at.is_(None)
    )
    before = expected = _from_json(partner["kept"])
    expected = united_spans([*expected, *_from_json(partner["merged"])])
    for later in db.session.scalars(query.order_by(CountryMerge.id)):
        spans = later.before["partner"]
        if _from_json(spans["kept"]) == expected:
            later.before = {**later.before, "partner": {**spans, "kept": _as_json(before)}}
        before = united_spans([*before, *_from_json(spans["merged"])])
        expected = united_spans([*expected, *_from_json(spans["merged"])])
    if _spans(row.kept_id) == expected:
        _write_spans(row.kept_id, before)
    _write_spans(row.merged_id, _from_json(partner["merged"]))


def _spans(country_id: int) -> list[PartnerSpan]:
    return partner_spans().get(country_id, [])


def _write_spans(country_id: int, spans: Sequence[PartnerSpan]) -> None:
    if _spans(country_id) == list(spans):
        return
    db.session.execute(delete(Partnership).where(Partnership.country_id == country_id))
    db.session.add_all(Partnership(country_id=country_id, since=since, until=until) for since, until in spans)
    db.session.flush()


def _as_json(spans: Iterable[PartnerSpan]) -> list[list[Any]]:
    return [[since.isoformat(), until.isoformat() if until is not None else None] for since, until in spans]


def _from_json(rows: Iterable[Sequence[Any]]) -> list[PartnerSpan]:
    return [
        PartnerSpan(date.fromisoformat(since), date.fromisoformat(until) if until else None) for since, until in rows
    ]
