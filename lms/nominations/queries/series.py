"""Series that a country's focal point can nominate for, with the seats that are kept for the country."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select

from lms.catalogue.models import Admission, Lecture, Series, SeriesCountry, Visibility
from lms.catalogue.rules import TO_COME_STATES
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.enrolment.models import CountryQuota, EnrolmentSource, SeatKind
from lms.enrolment.queries.series import count_quota_seats
from lms.nominations.models import Nomination, NominationState
from lms.nominations.rules import may_nominate


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
