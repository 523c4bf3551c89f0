"""The places of a series: the list, the line, the reader's own place, counts."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from lms.catalogue.models import Admission, Lecture, Series
from lms.catalogue.rules import TO_COME_STATES
from lms.core.base.errors import Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database import cache_versions
from lms.core.database.cache_versions import kept_until_changed
from lms.core.database.session import db, read_column, read_value
from lms.core.text.i18n import name_key
from lms.core.text.typed_text import stated
from lms.enrolment import rules
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus, SeatKind
from lms.enrolment.queries.answers import GivenAnswer, given_by, having_answers
from lms.enrolment.queries.rows import SPEAKS, country_on, day_of, find_enrolment, speaking
from lms.enrolment.queries.seats import kept_seats
from lms.enrolment.queries.sharing import hidden_among, matching_for
from lms.people.models import Country, Person
from lms.people.queries.countries import belonging_to, country_by_code, country_codes_of, country_id_of
from lms.people.queries.finding import count_organisations, names_organisation
from lms.people.queries.persons import addresses_of

STAMP = "countries_of_series"
"""The version of what people's countries in a series are counted from."""
cache_versions.watch(
    STAMP, frozenset({"enrolment", "superseded_enrolment", "person", "person_country", "country"}).__contains__
)


@dataclass(frozen=True)
class Seat:
    """One person's place in a series as an actor sees it. `position` counts from 1 in the waiting list, else null.

    `is_hidden`: the actor sees nothing of the person but the address; `country` is then null. `answers` are those to
    the questions at enrolment; null where the actor may not read them, or they were not asked for.
    """

    enrolment: Enrolment
    series: Series
    person: Person
    email: str | None
    country: str | None
    position: int | None
    is_hidden: bool = False
    answers: Mapping[str, GivenAnswer] | None = None

    @property
    def shown(self) -> Person:
        """The person, without what is hidden from the actor."""
        return Person() if self.is_hidden else self.person

    @property
    def is_accepted(self) -> bool:
        """Whether the person has accepted a place that somebody else gave them."""
        return self.enrolment.profile_shared_at is not None

    @property
    def label(self) -> str:
        """The person's name, or the address where the name is hidden."""
        return self.email or "" if self.is_hidden else self.person.full_name

    @property
    def id(self) -> int:
        """The id by which cursors count."""
        return self.enrolment.id


@dataclass(frozen=True)
class OwnPlace:
    """A reader's own place in a series and what can be done about it.

    `refusal` says why one cannot enrol oneself, null where one can. `waiting` is the length of the line.
    """

    enrolment: Enrolment | None
    position: int | None
    waiting: int
    taken: int
    capacity: int | None
    free: int | None
    refusal: str | None
    by_application: bool
    is_over: bool

    @property
    def status(self) -> str | None:
        """The state of the reader's enrolment, null for none."""
        return self.enrolment.status.value if self.enrolment is not None else None

    @property
    def is_active(self) -> bool:
        """Whether the reader has a place, waits for one or has applied."""
        return self.enrolment is not None and self.enrolment.status in rules.ACTIVE


@dataclass(frozen=True)
class SeatFilter:
    """Which places of a series are asked for. `country` is a code, of today; who sees only the names that are shared
    finds people by country only among these."""

    q: str = stated("", length=200)
    status: EnrolmentStatus | None = None
    country: str | None = stated(None, length=8)
    source: EnrolmentSource | None = None
    organisation: str | None = stated(None, length=200)
    unanswered: bool = False
    """Only who was enrolled by somebody else and has not accepted yet."""
    of_quota: bool = False
    """Only people with a seat of a country's quota."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What people answered at enrolment, by the key of the question: `values_of`. For staff of the series."""


def _visible(series: Series, by: Actor, day: date) -> ColumnElement[bool] | None:
    """Which rows of a series the actor may read; None for all."""
    if rules.may_see_all(series, by):
        return None
    is_self = Person.id == (by.person_id or 0)
    return or_(is_self, Person.id.in_(belonging_to(by.country_ids, day))) if by.is_focal_point else is_self


def list_seats(
    series: Series,
    *,
    by: Actor,
    limit: int,
    cursor: int | None = None,
    q: str | None = None,
    status: EnrolmentStatus | None = None,
    country: str | None = None,
    source: EnrolmentSource | None = None,
    organisation: str | None = None,
    unanswered: bool = False,
    answers: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> list[Seat]:
    """Up to `limit + 1` places after `cursor`, in the order of registration; withdrawn rows too.

    Focal points see people of their country; everyone else outside the staff sees only themselves.
    """
    day = day_of(at)
    filters = SeatFilter(q or "", status, country, source, organisation, unanswered, answers=answers or {})
    query = (
        speaking(Enrolment, Person, Country.code)
        .outerjoin(Country, Country.id == country_on(day))
        .where(Enrolment.series_id == series.id, *_conditions(series, filters, by=by, day=day))
        .order_by(Enrolment.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        query = query.where(Enrolment.id > cursor)
    return _seats([(row[0], row[1], row[2]) for row in db.session.execute(query)], by)


@dataclass(frozen=True)
class SeatPage:
    """One page of the places that a filter holds, and how many there are."""

    seats: list[Seat]
    matching: int


def list_seat_page(
    series: Series,
    filters: SeatFilter,
    request: ListRequest,
    *,
    by: Actor,
    country_names: Mapping[str, str] | None = None,
    counts: Mapping[EnrolmentStatus, int] | None = None,
    at: datetime | None = None,
) -> SeatPage:
    """The places that a filter holds, in the order and on the page that are asked for: by registration (`registered`),
    `name`, `country` (by name, where names are given) or `organisation`. What is hidden from the reader comes last.
    `counts` are those of `count_by_status`, where they have just been asked."""
    matching = matching_seats(series, filters, by=by, at=at)
    if counts is not None and replace(filters, status=None) == SeatFilter() and rules.may_see_all(series, by):
        total = counts[filters.status] if filters.status is not None else sum(counts.values())
    else:
        total = read_value(select(func.count()).select_from(matching.subquery())) or 0
    request = request.within(total)
    day = day_of(at)
    code = select(Country.code).where(Country.id == country_on(day)).correlate(Person).scalar_subquery()
    key: Any = Enrolment.id
    if request.sort == "name":
        key = Person.sort_name
    elif request.sort == "organisation":
        key = func.nullif(func.lower(Person.organisation), "")
    elif request.sort == "country":
        names = country_names or {}
        places = {one: place for place, one in enumerate(sorted(names, key=lambda each: name_key(names[each])))}
        key = case(places, value=code) if places else code
    if request.sort in ("name", "organisation", "country") and by.is_instructor and rules.sees_shared_only(by):
        key = case((Enrolment.profile_shared_at.is_not(None), key), else_=None)
    query = (
        matching.with_only_columns(Enrolment, Person, Country.code)
        .outerjoin(Country, Country.id == country_on(day))
        .order_by(key.is_(None), key.desc() if request.descending else key, Enrolment.id)
        .limit(request.size)
        .offset(request.offset)
    )
    rows = db.session.execute(query)
    return SeatPage(_seats([(row[0], row[1], row[2]) for row in rows], by), total)


def matching_seats(series: Series, filters: SeatFilter, *, by: Actor, at: datetime | None) -> Select[Any]:
    """The query of the ids of the enrolments that the actor may read and that a filter holds."""
    held = speaking(Enrolment.id).where(Enrolment.series_id == series.id)
    return held.where(*_conditions(series, filters, by=by, day=day_of(at)))


UNANSWERED = and_(Enrolment.profile_shared_at.is_(None), Enrolment.status.in_(rules.ACTIVE))
"""Has a place, or waits for one, by somebody else's doing, and has not accepted."""


def count_unanswered(series: Series, *, by: Actor, at: datetime | None = None) -> int:
    """How many of those whom the actor may read were enrolled by somebody else and have not accepted yet."""
    query = matching_seats(series, SeatFilter(unanswered=True), by=by, at=at)
    return read_value(select(func.count()).select_from(query.subquery())) or 0


def _conditions(series: Series, filters: SeatFilter, *, by: Actor, day: date) -> list[ColumnElement[bool]]:
    """Returns what holds of the rows of a series that the actor may read and that a filter holds."""
    conditions: list[ColumnElement[bool]] = []
    visible = _visible(series, by, day)
    if visible is not None:
        conditions.append(visible)
    if filters.q:
        conditions.append(matching_for(filters.q, series.id, by=by))
    if filters.status is not None:
        conditions.append(Enrolment.status == filters.status)
    if filters.source is not None:
        conditions.append(Enrolment.source == filters.source)
    marks = ((filters.unanswered, UNANSWERED), (filters.of_quota, Enrolment.seat_kind == SeatKind.QUOTA))
    conditions += [condition for is_set, condition in marks if is_set]
    if filters.answers:
        conditions += having_answers(series, filters.answers, by=by)
    if filters.organisation is not None:
        conditions.append(names_organisation(filters.organisation))
        if by.is_instructor and rules.sees_shared_only(by):
            conditions.append(Enrolment.profile_shared_at.is_not(None))
    if filters.country is not None:
        country = country_by_code(filters.country)
        conditions.append(Person.id.in_(belonging_to([country.id] if country is not None else [], day)))
        if by.is_instructor and rules.sees_shared_only(by):
            conditions.append(Enrolment.profile_shared_at.is_not(None))
    return conditions


def count_countries(series: Series, *, by: Actor, at: datetime | None = None) -> dict[str, int]:
    """How many of the people in a series whom the actor may read are from each country, by its code."""
    day = day_of(at)

    def count(people: Select[Any]) -> dict[str, int]:
        return dict(Counter(country_codes_of(read_column(people), day).values()))

    return _counted("countries", series, count, by=by, day=day)


def count_organisations_of_series(series: Series, *, by: Actor, at: datetime | None = None) -> dict[str, int]:
    """How many of these people name each organisation (`count_organisations`)."""
    return _counted("organisations", series, count_organisations, by=by, day=day_of(at))


def _counted(
    what: str, series: Series, count: Callable[[Select[Any]], dict[str, int]], *, by: Actor, day: date
) -> dict[str, int]:
    """Returns what is counted of the people with an enrolment in a series whom the actor may read, by a query of their
    ids.

    Kept until an enrolment or a person changes: the filters of lists ask for it on each page.
    """
    everybody = rules.may_see_all(series, by)
    shared_only = everybody and rules.sees_shared_only(by)
    people = speaking(Person.id).where(Enrolment.series_id == series.id)
    if not everybody:
        return count(people.where(*_conditions(series, SeatFilter(), by=by, day=day)))
    seen = people.where(Enrolment.profile_shared_at.is_not(None)) if shared_only else people
    return kept_until_changed(STAMP, (what, series.id, shared_only, day), lambda: count(seen))


def get_seat(enrolment: Enrolment, *, by: Actor, at: datetime | None = None) -> Seat:
    """Returns what the actor sees of one enrolment that the actor may see."""
    query = speaking(Enrolment, Person, Country.code).outerjoin(Country, Country.id == country_on(day_of(at)))
    row = db.session.execute(query.where(Enrolment.id == enrolment.id)).one()
    return _seats([(row[0], row[1], row[2])], by)[0]


def with_answers(seats: Sequence[Seat], series: Series, *, by: Actor, at: datetime) -> list[Seat]:
    """The same places with the answers that the actor may read: one's own, and for staff of the series those of people
    whose profile is shared with them."""
    is_staff = rules.is_staff_of(series, by)
    seen = {seat.person.id for seat in seats if seat.person.id == by.person_id or (is_staff and seat.is_accepted)}
    answers = given_by(series, seen, by=by, at=at)
    return [
        replace(seat, answers=answers.get(seat.person.id, {})) if seat.person.id in seen else seat for seat in seats
    ]


def _seats(rows: list[tuple[Enrolment, Person, str | None]], by: Actor) -> list[Seat]:
    hidden = hidden_among(rows[0][0].series_id, [person.id for _row, person, _country in rows], by=by) if rows else ()
    addresses = addresses_of([person.id for _enrolment, person, _country in rows])
    positions = _positions([row[0] for row in rows if row[0].status is EnrolmentStatus.WAITLISTED])
    return [
        Seat(
            enrolment=enrolment,
            series=enrolment.series,
            person=person,
            email=addresses.get(person.id),
            country=None if person.id in hidden else country,
            position=positions.get(enrolment.id),
            is_hidden=person.id in hidden,
        )
        for enrolment, person, country in rows
    ]


def _positions(rows: list[Enrolment]) -> dict[int, int]:
    """The place in the line of waiting rows of one series, by their id."""
    if not rows:
        return {}
    line = (
        select(
            Enrolment.id,
            func.row_number().over(order_by=(Enrolment.queued_at, Enrolment.id)).label("position"),
        )
        .where(Enrolment.series_id == rows[0].series_id, Enrolment.status == EnrolmentStatus.WAITLISTED)
        .subquery()
    )
    query = select(line.c.id, line.c.position).where(line.c.id.in_([row.id for row in rows]))
    return dict(db.session.execute(query).all())


def position_of(enrolment: Enrolment) -> int | None:
    """The place in the waiting list, counted from 1; null for who does not wait."""
    if enrolment.status is not EnrolmentStatus.WAITLISTED:
        return None
    return _positions([enrolment]).get(enrolment.id)


def place_of(series: Series, *, by: Actor, at: datetime) -> OwnPlace:
    """The reader's own place in a series that the reader may see."""
    enrolment = find_enrolment(series.id, by.person_id) if by.person_id is not None else None
    waiting = count_waiting(series.id)
    refusal = None
    over = is_over(series.id)
    asks_country = by.person_id is not None and (series.countries or series.reserved)
    country_id = country_id_of(by.person_id, day_of(at)) if by.person_id is not None and asks_country else None
    try:
        rules.check_can_enrol_oneself(series, is_over=over)
        if by.person_id is not None and series.countries:
            rules.check_is_for_country(series, country_id)
        if enrolment is not None:
            rules.check_can_come_back(enrolment.status)
    except Refused as error:
        refusal = error.message
    return OwnPlace(
        enrolment=enrolment,
        position=position_of(enrolment) if enrolment is not None else None,
        waiting=waiting,
        taken=series.taken,
        capacity=series.capacity,
        free=_free_seats(series, country_id),
        refusal=refusal,
        by_application=series.admission is Admission.APPLICATION,
        is_over=over,
    )


def _free_seats(series: Series, country_id: int | None) -> int | None:
    """How many seats somebody of a country can get; null for no limit."""
    free = series.open_seats
    if free is None or not series.reserved or country_id is None:
        return free
    return free + kept_seats(series.id).get(country_id, 0)


def is_over(series_id: int) -> bool:
    """Whether all lectures of a series were held or cancelled; one without lectures is not over."""
    states = set(read_column(select(Lecture.state).where(Lecture.series_id == series_id).distinct()))
    return bool(states) and not states.intersection(TO_COME_STATES)


def count_waiting(series_id: int) -> int:
    """Counts the people on the waiting list, without reading those who have a place."""
    waiting = Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.WAITLISTED
    return read_value(speaking(func.count()).where(*waiting)) or 0


def count_by_status(
    series_id: int, *, country_ids: Collection[int] | None = None, at: datetime | None = None
) -> dict[EnrolmentStatus, int]:
    """Counts enrolments by state, of everyone or of people from some countries."""
    columns: tuple[Any, ...] = (Enrolment.status, func.count())
    query = select(*columns).where(SPEAKS)
    if country_ids is not None:
        query = speaking(*columns).where(Person.id.in_(belonging_to(country_ids, day_of(at))))
    query = query.where(Enrolment.series_id == series_id).group_by(Enrolment.status)
    counted: dict[EnrolmentStatus, int] = dict(db.session.execute(query).all())
    return {status: counted.get(status, 0) for status in EnrolmentStatus}
