"""Series that a country's focal point can nominate for, with the seats that are kept for the country."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select

from lms.catalogue.models import Admission, Lecture, Series, SeriesCountry, Visibility
from lms.catalogue.statements import TO_COME_STATES
from lms.core.db import db
from lms.core.errors import NotFound
from lms.core.roles import Actor
from lms.enrolment.models import CountryQuota
from lms.nominations.models import Nomination, NominationState
from lms.nominations.rules import may_nominate


@dataclass(frozen=True)
class CountrySeries:
    """A series with something to come, the country's quota in it, if there is one, and its nominations by state."""

    series: Series
    quota: CountryQuota | None
    counts: dict[NominationState, int]
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
    found = [(series, quota) for series, quota, _first in db.session.execute(query)]
    counts = _counts([series.id for series, _quota in found], country_id)
    listed = [CountrySeries(series, quota, counts.get(series.id, {}), at) for series, quota in found]
    return sorted(listed, key=lambda one: _lapses(one, at))


def _lapses(one: CountrySeries, at: datetime) -> tuple[bool, float]:
    return (not one.left, one.quota.kept_until.timestamp() if one.left and one.quota is not None else at.timestamp())


def _counts(series_ids: Collection[int], country_id: int) -> dict[int, dict[NominationState, int]]:
    query = (
        select(Nomination.series_id, Nomination.state, func.count())
        .where(Nomination.series_id.in_(series_ids), Nomination.country_id == country_id)
        .group_by(Nomination.series_id, Nomination.state)
    )
    found: dict[int, dict[NominationState, int]] = {}
    for series_id, state, count in db.session.execute(query):
        found.setdefault(series_id, {})[state] = count
    return found
