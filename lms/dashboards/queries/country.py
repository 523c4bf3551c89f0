"""A focal point's dashboard: the people and totals of their country, and the series open to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, or_, select

from lms.catalogue.models import Lecture, LectureState, Series, SeriesCountry, Visibility
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.people import CountryPerson, CountryTotals, Places, country_standing, list_country_people
from lms.people.models import Country
from lms.people.queries.countries import own_countries, own_country

PAGE = 10


@dataclass(frozen=True)
class OpenSeries:
    """A public series with something to come that people of the country may be in, and how many of them are."""

    series: Series
    enrolled: int
    waiting: int


@dataclass(frozen=True)
class CountryDashboard:
    """The dashboard of a focal point. `people` is one page, `more` says whether another follows; `places` by series."""

    country: Country
    countries: Sequence[Country]
    totals: CountryTotals
    places: Places
    people: Sequence[CountryPerson]
    more: bool


def get_country_dashboard(
    code: str | None, *, q: str | None, cursor: int | None, by: Actor, at: datetime
) -> CountryDashboard:
    """Returns the dashboard for one of the actor's countries. Default: the first by code. NotFound for others."""
    countries = own_countries(by)
    country = own_country(countries, code)
    standing, places = country_standing([country.id], by=by, at=at)
    people = list_country_people([country.id], by=by, limit=PAGE, cursor=cursor, q=q, at=at)
    return CountryDashboard(
        country=country,
        countries=countries,
        totals=standing,
        places=places,
        people=people[:PAGE],
        more=len(people) > PAGE,
    )


def list_open_series(country: Country, places: Places, *, by: Actor) -> list[OpenSeries]:
    """Public series with upcoming lectures that are for everyone or for this country, the next one first.

    `places`: states of the country's people.
    """
    if country.id not in by.country_ids and not by.is_administrator:
        raise Forbidden
    coming = (
        select(Lecture.series_id, func.min(Lecture.starts_at).label("first"))
        .where(Lecture.state.in_((LectureState.SCHEDULED, LectureState.LIVE, LectureState.POSTPONED)))
        .group_by(Lecture.series_id)
        .subquery()
    )
    for_all = ~exists().where(SeriesCountry.series_id == Series.id)
    for_it = exists().where(SeriesCountry.series_id == Series.id, SeriesCountry.country_id == country.id)
    query = (
        select(Series)
        .join(coming, coming.c.series_id == Series.id)
        .where(Series.visibility == Visibility.PUBLIC, or_(for_all, for_it))
        .order_by(coming.c.first.is_(None), coming.c.first, Series.id)
    )
    open_series = list(db.session.scalars(query))
    return [
        OpenSeries(
            one,
            places.get(one.id, {}).get(EnrolmentStatus.ENROLLED, 0),
            places.get(one.id, {}).get(EnrolmentStatus.WAITLISTED, 0),
        )
        for one in open_series
    ]
