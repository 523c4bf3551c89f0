"""The data of the dossier of a country: figures, people, upcoming lectures, region, changes since it was published."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.core.base.errors import Forbidden, Invalid, NotFound
from lms.core.base.roles import Actor, Role
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.text.translations import reading_key
from lms.core.time import clock
from lms.core.time.zones import main_zone
from lms.enrolment.models import CountryQuota, EnrolmentStatus
from lms.enrolment.queries.people import CountryTotals, Places, Undecided, country_standing, list_undecided
from lms.nominations.models import NominationState
from lms.nominations.queries.listing import NominationFilter, count_by_state
from lms.people.models import Country, RoleGrant
from lms.people.queries.countries import country_by_code, country_names, partner_ids, partnerships, region_names
from lms.reports.facts.counting import people_of
from lms.reports.facts.selection import FactSelection
from lms.reports.models import Snapshot, SnapshotDossier
from lms.reports.queries.drilldown_lists import titles_of
from lms.reports.queries.drilldown_people import Institution, list_institutions
from lms.reports.queries.facts import load
from lms.reports.queries.figures import FigureReport, count, count_several
from lms.reports.queries.scope import Partners, resolve
from lms.reports.queries.snapshots import list_snapshots
from lms.reports.rules import Figures, Opening, Slice
from lms.reports.snapshots import thaw
from lms.viewing_groups.queries import GroupView, list_country_groups

LOOKED_THROUGH: Final = 20
"""The number of recent published reports searched for the country's figures."""


@dataclass(frozen=True)
class Since:
    """The figures of a country as they were published and as the same question is counted now."""

    title: str
    public_id: str
    as_at: datetime
    slice: Slice
    then: Figures
    now: Figures
    is_dossier: bool


def find_published(country: Country, totals: FigureReport, *, by: Actor, at: datetime, locale: str) -> Since | None:
    """The later of the two, or the dossier if both were published at once; None if there is neither.

    For readers of the country's dossier; `totals` are its all-time figures. Withdrawn reports are ignored.
    """
    dossier = _last_dossier(country)
    for row in list_snapshots(by=by, limit=LOOKED_THROUGH):
        if dossier is not None and row.published_at <= dossier[0].published_at:
            break
        published = None if row.withdrawn_at is not None else _slice_and_totals(row, country.code)
        if published is None:
            continue
        slice_, then = published
        try:
            now = count(slice_, by=by, at=at, locale=locale).totals
        except (Invalid, NotFound):  # its series is not there any more
            continue
        return Since(row.title, row.public_id, row.as_at, slice_, then, now, is_dossier=False)
    if dossier is None:
        return None
    row, then = dossier
    return Since(row.title, row.public_id, row.published_at, totals.slice, then, totals.totals, is_dossier=True)


def _last_dossier(country: Country) -> tuple[Snapshot, Figures] | None:
    query = (
        select(Snapshot, SnapshotDossier.figures)
        .join(SnapshotDossier, SnapshotDossier.snapshot_id == Snapshot.id)
        .where(
            SnapshotDossier.country_id == country.id,
            SnapshotDossier.figures.is_not(None),
            Snapshot.withdrawn_at.is_(None),
        )
        .order_by(Snapshot.id.desc())
        .limit(1)
    )
    row = db.session.execute(query).one_or_none()
    return None if row is None else (row[0], Figures(**row[1]))


def _slice_and_totals(row: Snapshot, code: str) -> tuple[Slice, Figures] | None:
    """One country in a published report: the question for its figures, and the figures."""
    frozen = thaw(row.content)
    report = frozen.report
    if report.slice.country is not None:
        return (report.slice, report.totals) if report.slice.country.upper() == code else None
    for groups in [report, *frozen.margins]:
        if groups.dimensions == ("country",):
            for group in groups.groups:
                if group.keys == (code,) and not group.folded:
                    return replace(report.slice, country=code), group.figures
    return None


COMING = (LectureState.LIVE, LectureState.SCHEDULED, LectureState.POSTPONED)


@dataclass(frozen=True)
class AttendedLecture:
    """A lecture with the attendances of the country's people, on its day in the reporting zone."""

    id: int
    title: str
    day: date
    attendances: int


@dataclass(frozen=True)
class Upcoming:
    """An upcoming lecture, with the country's enrolled, waiting and applied people."""

    lecture: Lecture
    enrolled: int
    waiting: int
    applied: int


@dataclass(frozen=True)
class Waiting:
    """A series in which people of the country wait for a decision or a place, and how many."""

    series: Series
    numbers: Undecided


@dataclass(frozen=True)
class Peer:
    """A peer of a country: its region, or the whole programme. `exact` as in a report."""

    name: str | None
    figures: Figures
    opening: Opening | None
    as_at: datetime
    exact: bool


@dataclass(frozen=True)
class UnfilledQuota:
    """A series with seats that are kept for the country, `left` of them without a person, until a moment."""

    series: Series
    left: int
    kept_until: datetime


@dataclass(frozen=True)
class OpenMatters:
    """The points that a meeting with the country can settle: seats that lapse, lists of groups that nobody has signed,
    invitations without an answer, and whether the country has a focal point.
    """

    quotas: list[UnfilledQuota]
    unsigned: list[GroupView]
    unanswered: int
    has_focal_point: bool


@dataclass(frozen=True)
class Dossier:
    """The dossier of a country. `by` has its figures by year, sector, gender, source and series.

    `since_partner` are the participants from the first day of the current partnership on. `zone` is the time zone of
    most of the country's people.
    """

    code: str
    name: str
    region: str | None
    zone: str | None
    partner_since: date | None
    partner_until: date | None
    since_partner: int | None
    totals: FigureReport
    by: dict[str, FigureReport]
    people: CountryTotals
    institutions: list[Institution]
    lectures: list[AttendedLecture]
    """All that were attended, the most attended first."""
    upcoming: list[Upcoming]
    undecided: list[Waiting]
    matters: OpenMatters
    since: Since | None
    peers: list[Peer]


DIMENSIONS = ("year", "sector", "gender", "source", "series")


def get_dossier(code: str, *, by: Actor, at: datetime, locale: str = "en") -> Dossier:
    """The current, exact dossier of a country, for reporters and the country's own focal point.

    Raises NotFound for an unknown country and, for a focal point, for any other country.
    """
    country = get_reported_country(code, by=by)
    slice_ = Slice(country=country.code)
    reports = count_several(slice_, [(), *((name,) for name in DIMENSIONS)], by=by, at=at, locale=locale)
    people, places = country_standing([country.id], by=by, at=at)
    institutions, lectures = _read_rows(slice_, by=by)
    since, until = _partner_span(country, clock.day_of(at, clock.reporting_zone()))
    is_partner = since is not None and until is None
    return Dossier(
        code=country.code,
        name=country_names(locale)[country.code],
        region=region_names(locale).get(country.region_code or ""),
        zone=main_zone(country.iso),
        partner_since=since,
        partner_until=until,
        since_partner=count(replace(slice_, from_day=since), by=by, at=at).totals.participants if is_partner else None,
        totals=reports[0],
        by=dict(zip(DIMENSIONS, reports[1:], strict=True)),
        people=people,
        institutions=institutions,
        lectures=lectures,
        upcoming=_upcoming(places, by=by),
        undecided=_undecided(list_undecided([country.id], by=by, at=at), by=by),
        matters=_open_matters(country, by=by, at=at),
        since=find_published(country, reports[0], by=by, at=at, locale=locale),
        peers=_peers(country, by=by, at=at, locale=locale),
    )


def get_reported_country(code: str, *, by: Actor) -> Country:
    """A country, for readers with access to its report. Raises NotFound otherwise, as for an unknown code."""
    if not (by.is_reporter or by.is_focal_point):
        raise Forbidden
    country = country_by_code(code)
    if country is None or not (by.is_reporter or country.id in by.country_ids):
        raise NotFound
    return country


def list_reported_countries(*, by: Actor, at: datetime, locale: str) -> tuple[FigureReport, frozenset[str]]:
    """The figures by country, for readers with access to all of them, and the codes of current partners."""
    if not by.is_reporter:
        raise Forbidden
    report = count(Slice(), ("country",), by=by, at=at, locale=locale)
    partners = partner_ids(clock.day_of(at, clock.reporting_zone()))
    codes = db.session.scalars(select(Country.code).where(among(Country.id, partners)))
    return report, frozenset(codes)


def _partner_span(country: Country, day: date) -> tuple[date | None, date | None]:
    """The current partnership, or the latest one: its first day, and the last day where it has ended."""
    begun = [span for span in partnerships(country.id) if span.since <= day]
    if not begun:
        return None, None
    last = begun[-1]
    return last.since, last.until if last.until is not None and last.until < day else None


def _read_rows(slice_: Slice, *, by: Actor) -> tuple[list[Institution], list[AttendedLecture]]:
    """Participants by what they name as their organisation today, and lectures by attendances."""
    scope = resolve(slice_, by=by)
    selection = FactSelection(load(scope, Partners()), scope.filters)
    attended = selection.sums()
    titles = titles_of(attended)
    days = {id_: selection.facts.lectures[id_].day for id_ in attended}
    lectures = [AttendedLecture(id_, titles[id_], days[id_], number) for id_, (number, _ms) in attended.items()]
    order = sorted(lectures, key=lambda lecture: (-lecture.attendances, -lecture.day.toordinal(), lecture.id))
    return list_institutions(people_of(selection)), order


def _upcoming(places: Places, *, by: Actor) -> list[Upcoming]:
    """Upcoming lectures of series with people from the country, next first, undated last."""
    query = (
        select(Lecture)
        .join(Lecture.series)
        .where(Lecture.state.in_(COMING), among(Lecture.series_id, places))
        .options(contains_eager(Lecture.series))
        .order_by(Lecture.starts_at.is_(None), Lecture.starts_at, Lecture.id)
    )
    if not by.is_reporter:
        query = query.where(Series.visibility == Visibility.PUBLIC)
    upcoming = []
    for lecture in db.session.scalars(query):
        state = places[lecture.series_id]
        numbers = [
            state.get(one, 0) for one in (EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED, EnrolmentStatus.APPLIED)
        ]
        if any(numbers):
            upcoming.append(Upcoming(lecture, *numbers))
    return upcoming


def _undecided(undecided: list[Undecided], *, by: Actor) -> list[Waiting]:
    """Waiting people with their series, by title. Drafts are included for reporters only."""
    query = select(Series).where(Series.id.in_([one.series_id for one in undecided]))
    if not by.is_reporter:
        query = query.where(Series.visibility == Visibility.PUBLIC)
    series = {one.id: one for one in db.session.scalars(query)}
    waiting = [Waiting(series[one.series_id], one) for one in undecided if one.series_id in series]
    return sorted(waiting, key=lambda item: (reading_key(item.series), item.series.id))


def _open_matters(country: Country, *, by: Actor, at: datetime) -> OpenMatters:
    query = (
        select(Series, CountryQuota)
        .join(CountryQuota, CountryQuota.series_id == Series.id)
        .where(
            CountryQuota.country_id == country.id,
            CountryQuota.seats > CountryQuota.used,
            Series.visibility == Visibility.PUBLIC,
        )
        .order_by(CountryQuota.kept_until, Series.id)
    )
    has_focal_point = select(RoleGrant.id).where(
        RoleGrant.role == Role.FOCAL_POINT, RoleGrant.country_id == country.id, RoleGrant.revoked_at.is_(None)
    )
    return OpenMatters(
        quotas=[
            UnfilledQuota(series, quota.seats - quota.used, quota.kept_until)
            for series, quota in db.session.execute(query)
            if quota.is_kept(at)
        ],
        unsigned=[
            view
            for view in list_country_groups(country.id, by=by, at=at)
            if view.state == "open" and view.listed and view.lecture.state is LectureState.HELD
        ],
        unanswered=count_by_state(NominationFilter(country=country.code), by=by).get(NominationState.INVITED, 0),
        has_focal_point=db.session.scalar(has_focal_point.limit(1)) is not None,
    )


def _peers(country: Country, *, by: Actor, at: datetime, locale: str) -> list[Peer]:
    """The region and the programme: exact for reporters; for a focal point as published, where they are published."""
    slices: list[tuple[str | None, Slice]] = [(None, Slice())]
    if country.region_code:
        slices.insert(0, (region_names(locale).get(country.region_code), Slice(region=country.region_code)))
    peers = []
    for name, wider in slices:
        try:
            report = count(wider, by=by, at=at, locale=locale)
        except Forbidden:  # too few people for the public
            continue
        peers.append(Peer(name, report.totals, report.opening, report.as_at, report.exact))
    return peers
