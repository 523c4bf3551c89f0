"""The scope of a slice, in ids and instants: series, countries with all regions beneath, bounds in the reporting
zone."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select

from lms.catalogue.models import Series, Visibility
from lms.core.base.errors import Invalid, NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.text.i18n import _
from lms.core.text.translations import is_language, one_spelling
from lms.core.time import clock
from lms.people.models import Country, Partnership, Region
from lms.people.queries.countries import country_by_code
from lms.reports.facts.selection import Filters
from lms.reports.rules import VALUES, Slice, check_values


@dataclass(frozen=True)
class Scope:
    """A resolved slice. The period is given in days and as UTC bounds, without the end."""

    zone: str
    series_id: int | None = None
    country_id: int | None = None
    countries: frozenset[int | None] | None = None
    language: str | None = None
    filters: Filters = field(default_factory=Filters)
    start: datetime | None = None
    end: datetime | None = None


class Partners:
    """Which countries are formal partners on a day; each day is read once."""

    def __init__(self) -> None:
        spans = select(Partnership.country_id, Partnership.since, Partnership.until)
        self._spans = db.session.execute(spans).all()
        self._days: dict[date, frozenset[int]] = {}

    def on(self, day: date) -> frozenset[int]:
        """The ids of the partner countries on a day."""
        if day not in self._days:
            self._days[day] = frozenset(
                country for country, since, until in self._spans if since <= day and (until is None or day <= until)
            )
        return self._days[day]

    def changes(self) -> list[tuple[date, frozenset[int]]]:
        """The days on which the partner countries changed, in order, with those from then on; first the beginning."""
        days = {date.min}
        for _country, since, until in self._spans:
            days.add(since)
            if until is not None and until < date.max:
                days.add(until + timedelta(days=1))
        return [(day, self.on(day)) for day in sorted(days)]


def resolve(slice_: Slice, *, by: Actor) -> Scope:
    """The scope of a slice. Raises Invalid for an unknown code, NotFound for an unknown series."""
    check_values(slice_)
    language = None if slice_.language is None else _language(slice_.language)
    country_id: int | None = None
    countries: frozenset[int | None] | None = None
    if slice_.country is not None:
        country = country_by_code(slice_.country)
        if country is None:
            raise Invalid("country", _("There is no country with the code “%(code)s”.", code=slice_.country[:20]))
        country_id = country.id
        countries = frozenset({country_id})
    if slice_.region is not None:
        within = countries_within(slice_.region)
        countries = within if countries is None else countries & within
    zone = clock.reporting_zone()
    end = slice_.to_day + timedelta(days=1) if slice_.to_day and slice_.to_day < date.max else None
    series_id = None if slice_.series is None else _series_id(slice_.series, by=by)
    given: dict[str, Iterable[Hashable] | None] = {
        "country": countries,
        "series": None if series_id is None else [series_id],
        "partner": None if slice_.partner is None else [slice_.partner],
        **{name: None if getattr(slice_, name) is None else [getattr(slice_, name)] for name in ("language", *VALUES)},
    }
    return Scope(
        zone=zone,
        series_id=series_id,
        country_id=country_id,
        countries=countries,
        language=language,
        filters=Filters(
            slice_.from_day,
            slice_.to_day,
            {name: frozenset(values) for name, values in given.items() if values is not None},
            slice_.region,
        ),
        start=clock.start_of_day(slice_.from_day, zone) if slice_.from_day and slice_.from_day.year > 1 else None,
        end=clock.start_of_day(end, zone) if end else None,
    )


def _language(code: str) -> str:
    """A language that is known. Raises Invalid."""
    if not is_language(code):
        raise Invalid("language", _("“%(code)s” is not a known language. Use a code such as en or fr.", code=code[:32]))
    return one_spelling(code)


def _series_id(slug: str, *, by: Actor) -> int:
    row = db.session.execute(select(Series.id, Series.visibility).where(Series.slug == slug)).one_or_none()
    if row is None or (row.visibility == Visibility.DRAFT and not by.is_reporter):
        raise NotFound(_("Unknown series “%(slug)s”.", slug=slug[:80]))
    series_id: int = row.id
    return series_id


def countries_within(region: str) -> frozenset[int | None]:
    """The countries of an M49 region of any level, all beneath included. Raises Invalid for an unknown code."""
    parents = dict(db.session.execute(select(Region.code, Region.parent_code)).all())
    if region not in parents:
        raise Invalid("region", _("Unknown M49 region “%(code)s”.", code=region[:20]))
    rows = db.session.execute(select(Country.id, Country.region_code))
    return frozenset(country for country, code in rows if region in ancestors(code, parents))


def ancestors(code: str | None, parents: dict[str, str | None]) -> Iterable[str]:
    """A region and all regions that contain it, from the bottom up."""
    while code is not None:
        yield code
        code = parents.get(code)
