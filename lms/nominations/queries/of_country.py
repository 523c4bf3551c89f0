"""Nominations of a country: the list and its figures, one of them, the series open to it, and the seats that they hold.

Also which nominations are a person's, and what that person's own export contains of them.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import contains_eager

from lms.catalogue.models import Admission, Lecture, Series, SeriesCountry, Visibility
from lms.catalogue.queries.loading import title_order
from lms.catalogue.rules import TO_COME_STATES
from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_column
from lms.enrolment.models import CountryQuota, EnrolmentSource, SeatKind
from lms.enrolment.queries.seats import count_quota_seats
from lms.nominations.models import Nomination, NominationState
from lms.nominations.queries.listing import NominationFilter, matching
from lms.nominations.rules import may_nominate
from lms.people.models import Person, PersonEmail


def nominee_names(series_id: int, nominees: Collection[str], q: str, *, by: Actor) -> dict[str, str]:
    """The names of nominees of a series that somebody may know, by the id of the nomination: of these, or all whose
    name has the part `q`. Names that were erased are left out."""
    query = matching(NominationFilter(q=q), by=by).where(Nomination.series_id == series_id, Nomination.full_name != "")
    if not q:
        query = query.where(among(Nomination.public_id, nominees))
    return dict(read(query.with_only_columns(Nomination.public_id, Nomination.full_name)))


def held_seats() -> dict[tuple[int, SeatKind, int | None], int]:
    """How many seats are held for nominees, by series, kind and, where of a quota, country."""
    query = select(Nomination.series_id, Nomination.seat_kind, Nomination.country_id, func.count())
    query = query.where(Nomination.seat_kind.is_not(None))
    counts: dict[tuple[int, SeatKind, int | None], int] = {}
    rows = read(query.group_by(Nomination.series_id, Nomination.seat_kind, Nomination.country_id))
    for series_id, kind, country_id, number in rows:
        key = (series_id, kind, country_id if kind is SeatKind.QUOTA else None)
        counts[key] = counts.get(key, 0) + number
    return counts


@dataclass(frozen=True)
class NominationsOfCountry:
    """One page of a list of nominations, and how many there are."""

    rows: list[Nomination]
    total: int


def list_nominations(filters: NominationFilter, request: ListRequest, *, by: Actor) -> NominationsOfCountry:
    """The nominations of the actor's countries that a filter holds, on the page and in the order that are asked for: by
    `nominated`, `name`, `state`, `series` or `answer_by`."""
    query = _nominations(filters, by)
    total = db.session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
    request = request.within(total)
    keys: dict[str, Any] = {
        "name": func.lower(Nomination.full_name),
        "state": Nomination.state,
        "answer_by": Nomination.expires_at,
    }
    key = title_order() if request.sort == "series" else keys.get(request.sort, Nomination.id)
    rows = query.order_by(key.is_(None), key.desc() if request.descending else key, Nomination.id.desc())
    rows = rows.options(contains_eager(Nomination.series), contains_eager(Nomination.country))
    return NominationsOfCountry(list(db.session.scalars(rows.limit(request.size).offset(request.offset))), total)


def every_nomination(filters: NominationFilter, *, by: Actor) -> list[Nomination]:
    """All nominations of the actor's countries that a filter holds, newest first."""
    rows = _nominations(filters, by).order_by(Nomination.id.desc())
    return list(db.session.scalars(rows.options(contains_eager(Nomination.series), contains_eager(Nomination.country))))


def ids_of(filters: NominationFilter, *, by: Actor, up_to: int | None = None) -> list[str]:
    """The public ids of all nominations that a filter holds, up to an id: those that somebody has seen counted."""
    query = _nominations(filters, by).with_only_columns(Nomination.public_id, maintain_column_froms=True)
    if up_to is not None:
        query = query.where(Nomination.id <= up_to)
    return list(read_column(query))


def last_id() -> int:
    """The id of the latest nomination of all."""
    return db.session.scalar(select(func.max(Nomination.id))) or 0


def get_own_nomination(public_id: str, *, by: Actor) -> Nomination:
    """A nomination of one of the actor's countries. Raises NotFound."""
    nominations = own_among([public_id], by=by)
    if not nominations:
        raise NotFound
    return nominations[0]


def own_among(public_ids: Collection[str], *, by: Actor) -> list[Nomination]:
    """Those of the nominations that are of the actor's countries, newest first."""
    query = _nominations(NominationFilter(), by).where(among(Nomination.public_id, public_ids))
    query = query.options(contains_eager(Nomination.series), contains_eager(Nomination.country))
    return list(db.session.scalars(query.order_by(Nomination.id.desc())))


def _nominations(filters: NominationFilter, by: Actor) -> Select[Any]:
    return matching(replace(filters, is_own=True), by=by)


@dataclass(frozen=True)
class NominationEvent:
    """Something that happened to a nomination. `reason` is what somebody wrote."""

    at: datetime
    what: str
    by: str | None = None
    reason: str | None = None


def history_of(nomination: Nomination) -> list[NominationEvent]:
    """Returns what happened to a nomination, in its order."""
    people = [nomination.nominated_by_id, nomination.decided_by_id]
    names: dict[int, str] = dict(read(select(Person.id, Person.full_name).where(Person.id.in_(people))))
    decided_by = names.get(nomination.decided_by_id or 0)
    is_rejected = nomination.state is NominationState.REJECTED
    has_declined = nomination.state is NominationState.DECLINED
    steps = [
        (nomination.created_at, "nominated", names.get(nomination.nominated_by_id or 0), None),
        (nomination.submitted_at, "submitted", None, None),
        (nomination.decided_at, "rejected" if is_rejected else "approved", decided_by,
         nomination.reason if is_rejected else None),
        (nomination.invited_at, "invited", None, None),
        (nomination.reminded_at, "reminded", None, None),
        (nomination.answered_at, "declined" if has_declined else "answered", None,
         nomination.reason if has_declined else None),
    ]  # fmt: skip
    if nomination.state in (NominationState.ACCEPTED, NominationState.EXPIRED, NominationState.WITHDRAWN):
        steps.append((nomination.ended_at, nomination.state.value, None, None))
    if nomination.state is NominationState.ACCEPTED:
        steps = [step for step in steps if step[1] != "answered"]
    events = [NominationEvent(at, what, by, reason) for at, what, by, reason in steps if at is not None]
    order = {what: place for place, what in enumerate(_ORDER)}
    return sorted(events, key=lambda event: (event.at, order[event.what]))


_ORDER = (
    "nominated", "submitted", "rejected", "approved", "invited", "reminded", "answered", "declined",
    "accepted", "expired", "withdrawn",
)  # fmt: skip
"""What comes before what at one moment."""


@dataclass(frozen=True)
class CountrySeries:
    """A series with something to come, the country's quota in it, if there is one, and its nominations by state.

    `held`: the seats of the quota that are held for nominees, by the state of the nomination. `enrolled`: those that
    people enrolled have, by how they came into the series.
    """

    series: Series
    quota: CountryQuota | None
    counts: Mapping[NominationState, int]
    held: Mapping[NominationState, int]
    enrolled: Mapping[EnrolmentSource, int]
    at: datetime

    @property
    def is_kept(self) -> bool:
        """Whether seats are kept for the country now."""
        return self.quota is not None and self.quota.is_kept(self.at)

    @property
    def left(self) -> int | None:
        """How many seats of the quota are left; null where none are kept."""
        return self.quota.seats - self.quota.used if self.quota is not None and self.is_kept else None

    @property
    def seats_taken(self) -> Mapping[NominationState, int]:
        """How many seats of the quota nominees have, or have held for them, by the state of the nomination."""
        return {**self.held, NominationState.ACCEPTED: self.enrolled.get(EnrolmentSource.NOMINATION, 0)}

    @property
    def enrolled_directly(self) -> Mapping[EnrolmentSource, int]:
        """How many seats of the quota people have who were not nominated, by how they came into the series."""
        return {source: number for source, number in self.enrolled.items() if source is not EnrolmentSource.NOMINATION}

    @property
    def total(self) -> int:
        """How many nominations there are, in whatever state."""
        return sum(self.counts.values())


def list_series_to_nominate(country_id: int, *, by: Actor, at: datetime) -> list[CountrySeries]:
    """Published series by nomination, or with seats for the country, that are open to it and have something to come.

    Those whose seats lapse first come first, then those that begin first. Raises NotFound for a country that the actor
    does not speak for.
    """
    if not may_nominate(by, country_id):
        raise NotFound
    coming = (
        select(Lecture.series_id, func.min(Lecture.starts_at).label("first"))
        .where(Lecture.state.in_(TO_COME_STATES))
        .group_by(Lecture.series_id)
        .subquery()
    )
    limited = exists().where(SeriesCountry.series_id == Series.id)
    query = (
        select(Series, CountryQuota, coming.c.first)
        .join(coming, coming.c.series_id == Series.id)
        .outerjoin(CountryQuota, and_(CountryQuota.series_id == Series.id, CountryQuota.country_id == country_id))
        .where(
            Series.visibility == Visibility.PUBLIC,
            or_(Series.admission == Admission.NOMINATION, CountryQuota.id.is_not(None)),
            or_(~limited, limited.where(SeriesCountry.country_id == country_id)),
        )
        .order_by(coming.c.first.is_(None), coming.c.first, Series.id)
    )
    pairs = [(series, quota) for series, quota, _first in db.session.execute(query)]
    ids = [series.id for series, _quota in pairs]
    counts, held = _counts(ids, country_id)
    enrolled = count_quota_seats(ids, country_id)
    listed = [
        CountrySeries(
            series,
            quota,
            counts.get(series.id, {}),
            held.get(series.id, {}),
            enrolled.get(series.id, {}),
            at,
        )
        for series, quota in pairs
    ]
    return sorted(listed, key=lambda item: _lapses(item, at))


def _lapses(item: CountrySeries, at: datetime) -> tuple[bool, float]:
    return (
        not item.left,
        item.quota.kept_until.timestamp() if item.left and item.quota is not None else at.timestamp(),
    )


_ByState = dict[int, Counter[NominationState]]


def _counts(series_ids: Collection[int], country_id: int) -> tuple[_ByState, _ByState]:
    """The nominations of each series by state: all, and those that hold a seat of the quota."""
    query = (
        select(Nomination.series_id, Nomination.state, Nomination.seat_kind, func.count())
        .where(Nomination.series_id.in_(series_ids), Nomination.country_id == country_id)
        .group_by(Nomination.series_id, Nomination.state, Nomination.seat_kind)
    )
    counts: _ByState = {}
    held: _ByState = {}
    for series_id, state, kind, count in db.session.execute(query):
        counts.setdefault(series_id, Counter())[state] += count
        if kind is SeatKind.QUOTA:
            held.setdefault(series_id, Counter())[state] += count
    return counts, held


def belongs_to(person_id: int) -> ColumnElement[bool]:
    """Whether a nomination is of this person (any row of a merged person): it says so, or has one of the addresses."""
    canonical = select(Person.canonical_id).where(Person.id == person_id).scalar_subquery()
    rows = select(Person.id).where(or_(Person.id == person_id, Person.canonical_id == canonical))
    keys = select(PersonEmail.key).where(PersonEmail.person_id.in_(rows))
    return or_(Nomination.person_id.in_(rows), Nomination.email_key.in_(keys))


def nominations_of_person(person_id: int) -> list[Nomination]:
    """All nominations of a person with series and country, newest first. Callers check permission."""
    query = (
        select(Nomination)
        .join(Nomination.series)
        .join(Nomination.country)
        .where(belongs_to(person_id))
        .options(contains_eager(Nomination.series), contains_eager(Nomination.country))
        .order_by(Nomination.id.desc())
    )
    return list(db.session.scalars(query))


def export_of_person(person_id: int) -> list[dict[str, Any]]:
    """The nominations of a person as plain JSON."""
    return [
        {
            "series": one.series.slug,
            "country": one.country.code,
            "state": one.state.value,
            "email": one.email,
            "full_name": one.full_name,
            "native_name": one.native_name,
            "organisation": one.organisation,
            "job_title": one.job_title,
            "sector": one.sector.value if one.sector is not None else None,
            "gender": one.gender.value if one.gender is not None else None,
            "language": one.language,
            "reason": one.reason,
            "letter": one.letter_name,
            "nominated_at": one.created_at.isoformat(),
            "answered_at": one.answered_at.isoformat() if one.answered_at is not None else None,
        }
        for one in nominations_of_person(person_id)
    ]
