"""How many of the enrolled are from which country and in which time zone, and for which countries seats are kept."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import case, func, select

from lms.core.base.roles import Actor
from lms.core.database.cache_versions import kept_until_changed
from lms.core.database.session import read
from lms.enrolment import rules
from lms.enrolment.models import CountryQuota, Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import country_on, day_of, speaking
from lms.enrolment.queries.series import STAMP
from lms.people.models import Country, Person

Homes = Mapping[tuple[str | None, str | None], int]
"""(Code of the country, time zone) → people; null where it is not known."""
_KEPT = "homes_of_enrolled"


def count_homes(series_id: int, *, by: Actor, at: datetime | None = None) -> Homes:
    """Counts the enrolled people of a series by their country today and their time zone.

    People whose profile the actor may not see are counted without either. Cached until an enrolment or a person
    changes.
    """
    day, shared_only = day_of(at), rules.sees_shared_only(by)
    key = series_id, shared_only, day
    return kept_until_changed(STAMP, key, lambda: _count(series_id, shared_only, day), name=_KEPT)


def _count(series_id: int, shared_only: bool, day: date) -> Homes:
    rows = read(_homes(series_id, day, shared_only=shared_only))
    return {(code, zone or None): number for code, zone, number in rows}


def _homes(series_id: int, day: date, *, shared_only: bool) -> Any:
    def seen(column: Any) -> Any:
        return case((Enrolment.profile_shared_at.is_not(None), column)) if shared_only else column

    each = (
        speaking(seen(country_on(day)).label("country_id"), seen(Person.time_zone).label("zone"))
        .where(Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED)
        .subquery()
    )
    return (
        select(Country.code, each.c.zone, func.count())
        .select_from(each)
        .outerjoin(Country, Country.id == each.c.country_id)
        .group_by(Country.code, each.c.zone)
    )


def seats_by_country(series_id: int) -> dict[str, int]:
    """Country → the seats of its quota in a series."""
    query = (
        select(Country.code, CountryQuota.seats)
        .join(Country, Country.id == CountryQuota.country_id)
        .where(CountryQuota.series_id == series_id, CountryQuota.seats > 0)
    )
    return dict(read(query))
