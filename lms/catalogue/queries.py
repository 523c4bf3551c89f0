"""Reads of series and lectures. Queries that routes call take `by` and return only what that actor can see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from lms.catalogue import statements
from lms.catalogue.inputs import is_slug
from lms.catalogue.models import (
    Admission,
    Lecture,
    LectureChange,
    LectureInstructor,
    LectureState,
    Policy,
    Series,
    SeriesCountry,
    SeriesInstructor,
    Visibility,
)
from lms.catalogue.rules import (
    TEACHING_ROLES,
    Station,
    may_edit_lecture,
    may_edit_series,
    may_see_lecture,
    may_see_series,
    teaching_id,
)
from lms.catalogue.visibility import ids_with
from lms.catalogue.visibility import shown_lecture as _shown_lecture
from lms.catalogue.visibility import visible as _visible
from lms.core.db import db, read, read_column, read_one
from lms.core.errors import Forbidden, Invalid, NotFound
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.people.models import Country, Person, RoleGrant
from lms.people.queries.access import holders_of
from lms.people.queries.persons import addresses_of

_giving = union_all(
    select(LectureInstructor.lecture_id, cast(null(), Integer).label("series_id"), LectureInstructor.person_id).where(
        LectureInstructor.lecture_id.in_(bindparam("lectures", expanding=True))
    ),
    select(cast(null(), Integer), SeriesInstructor.series_id, SeriesInstructor.person_id).where(
        SeriesInstructor.series_id.in_(bindparam("series", expanding=True))
    ),
).subquery()
_GIVERS = (
    select(_giving.c.lecture_id, _giving.c.series_id, Person)
    .join(Person, Person.id == _giving.c.person_id)
    .order_by(Person.full_name)
)
_COUNTRIES = (
    select(SeriesCountry.series_id, Country)
    .join(Country, Country.id == SeriesCountry.country_id)
    .where(SeriesCountry.series_id.in_(bindparam("ids", expanding=True)))
    .order_by(Country.code)
)


@dataclass(frozen=True, kw_only=True)
class SeriesFilter:
    """Which series. `q`: words, all of which stand in title, description or a lecture's title, in any case.

    `language`: given in it or interpreted into it. `open`: whether a lecture is still to come. `cursor`: the
    last id seen; lists run from the newest to the oldest.
    """

    q: str = ""
    language: str | None = None
    admission: Admission | None = None
    visibility: Visibility | None = None
    open: bool | None = None
    cursor: int | None = None
    limit: int = 50


# What belongs to series and lectures. SQLAlchemy's own loading of these relationships costs a page several times what
# the questions themselves do, so they are asked here and put in place.


def complete_series(found: Sequence[Series]) -> list[Series]:
    """These series with who gives them and whose people they are for: two questions, however many."""
    if found:
        _put_givers([], found)
        countries = _lists(found)
        for series_id, country in db.session.execute(_COUNTRIES, {"ids": list(countries)}):
            countries[series_id].append(country)
        for one in found:
            set_committed_value(one, "countries", countries[one.id])
    return list(found)


def complete_lectures(found: Sequence[Lecture], *, by: Actor | None = None) -> list[Lecture]:
    """These lectures with who gives them, their series, and who gives those: two questions at most, however many.

    Who gives a series is left out for an actor who is nobody: it makes no difference to them.
    """
    series = _series_of(found)
    for lecture in found:
        set_committed_value(lecture, "series", series[lecture.series_id])
    is_somebody = by is None or by.person_id is not None or by.system
    _put_givers(found, [one for one in series.values() if is_somebody and "instructors" not in one.__dict__])
    return list(found)


def _series_of(lectures: Sequence[Lecture]) -> dict[int, Series]:
    """The series of lectures by id; what this unit of work has read already is not read again."""
    ids = {lecture.series_id for lecture in lectures}
    read = {key: db.session.identity_map.get(identity_key(Series, key)) for key in ids}
    known: dict[int, Series] = {key: series for key, series in read.items() if series is not None}
    if missing := ids - known.keys():
        known |= {one.id: one for one in db.session.scalars(select(Series).where(Series.id.in_(missing)))}
    return known


def _put_givers(lectures: Sequence[Lecture], series: Sequence[Series]) -> None:
    """Puts in place who gives these lectures and series."""
    if not lectures and not series:
        return
    of_lectures, of_series = _lists(lectures), _lists(series)
    for lecture_id, series_id, person in db.session.execute(
        _GIVERS, {"lectures": list(of_lectures), "series": list(of_series)}
    ):
        (of_lectures[lecture_id] if series_id is None else of_series[series_id]).append(person)
    for owners, lists in ((lectures, of_lectures), (series, of_series)):
        for one in owners:
            set_committed_value(one, "instructors", lists[one.id])


def _lists(owners: Sequence[Series | Lecture]) -> dict[int, list[Any]]:
    return {one.id: [] for one in owners}


# Series


def get_series(slug: str, *, by: Actor) -> Series:
    """The series of this address. NotFound where there is none or it is not theirs to see."""
    return _seen(find_series(slug), by)


def get_series_by_id(series_id: int, *, by: Actor) -> Series:
    """As `get_series`, by the inner id."""
    return _seen(_one_series(_SERIES_OF_ID, series_id), by)


def _seen(series: Series | None, by: Actor) -> Series:
    if series is None or not may_see_series(series, by):
        raise NotFound
    return series


def find_series(slug: str) -> Series | None:
    """Returns a series by slug without a permission check: for actions and commands, never for routes."""
    if not is_slug(slug):
        return None
    return _one_series(_SERIES_OF_SLUG, slug)


def free_slug(wanted: str) -> str:
    """This web address, or where a series has it, the same with the next free number. A proposal, not a promise."""
    taken = set(read_column(select(Series.slug).where(Series.slug.startswith(wanted[:74], autoescape=True))))
    numbered = (f"{wanted[:74]}-{number}" for number in count(2))
    return wanted if wanted not in taken else next(one for one in numbered if one not in taken)


_SERIES_OF_ID = select(Series).where(Series.id == bindparam("key"))
_SERIES_OF_SLUG = select(Series).where(Series.slug == bindparam("key"))


def _one_series(query: Select[Series], key: int | str) -> Series | None:
    series = db.session.scalars(query, {"key": key}).one_or_none()
    return None if series is None else complete_series([series])[0]


def list_series(wanted: SeriesFilter, *, by: Actor) -> list[Series]:
    """The series that match, newest first: up to `limit + 1`, so that the caller knows whether there are more."""
    query = _matching(wanted, by).order_by(Series.id.desc()).limit(wanted.limit + 1)
    if wanted.cursor is not None:
        query = query.where(Series.id < wanted.cursor)
    return complete_series(db.session.scalars(query).all())


@dataclass(frozen=True)
class Card:
    """A series in the list, with what stands there of all its lectures that the reader may see, in their order: id,
    state, times, languages and recording, named as in `Lecture`."""

    series: Series
    lectures: Sequence[Any]


def list_cards(wanted: SeriesFilter, *, by: Actor, offset: int = 0) -> tuple[list[Card], int]:
    """One page of the list of series, and how many match: what comes next first, then what was held last first."""
    query = statements.cards(wanted.admission, wanted.visibility, wanted.open, *_kind(by))
    if wanted.q.strip() or wanted.language:
        query = query.where(_found(wanted, by))
    found = db.session.execute(query, {"limit": wanted.limit, "offset": offset}).all()
    rows, total = [row[0] for row in found], found[0][1] if found else 0
    if offset and not rows:
        total = db.session.scalar(_matching(wanted, by).with_only_columns(func.count(Series.id))) or 0
    lectures: dict[int, list[Any]] = {one.id: [] for one in rows}
    for lecture in read(statements.card_lectures(*_kind(by)), {"ids": list(lectures)}) if rows else []:
        lectures[lecture.series_id].append(lecture)
    return [Card(one, lectures[one.id]) for one in rows], total


def list_languages(*, by: Actor) -> list[str]:
    """The codes of all languages that one can hear: of visible series, and interpreted into."""
    found: set[str] = set(db.session.scalars(select(Series.language).where(_visible(by)).distinct()))
    query = select(Lecture.language, Lecture.interpretation).join(Series).where(_visible(by), _shown_lecture(by))
    for language, interpretation in db.session.execute(query):
        found.update([language, *interpretation])
    return sorted(found)


def _kind(by: Actor) -> tuple[bool, int | None]:
    return by.is_reporter, teaching_id(by)


def _matching(wanted: SeriesFilter, by: Actor) -> Select[Series]:
    query = select(Series).where(*statements.conditions(wanted.admission, wanted.visibility, wanted.open, *_kind(by)))
    return query.where(_found(wanted, by))


def _found(wanted: SeriesFilter, by: Actor) -> ColumnElement[bool]:
    """What is searched for, where there is a search."""
    if not (wanted.q.strip() or wanted.language):
        return true()
    return Series.id.in_(ids_with(wanted.q, wanted.language, by))


def instructor_addresses(items: Sequence[Series | Lecture], *, by: Actor) -> dict[int, list[str] | None]:
    """The primary addresses of the instructors of each series or lecture, by its id; null where `by` may not see
    them."""
    own = {
        item.id: may_edit_series(item, by) if isinstance(item, Series) else may_edit_lecture(item, by) for item in items
    }
    known = addresses_of({person.id for item in items if own[item.id] for person in item.instructors})
    return {
        item.id: [known[person.id] for person in item.instructors if person.id in known] if own[item.id] else None
        for item in items
    }


def addresses_to_list(given: Series | Lecture, *, by: Actor) -> list[str]:
    """The addresses of the instructors of a series or lecture who can be listed for a lecture too; none where `by` may
    not see them."""
    may_see = may_edit_series(given, by) if isinstance(given, Series) else may_edit_lecture(given, by)
    if not may_see:
        return []
    known = addresses_of(holders_of([person.id for person in given.instructors], TEACHING_ROLES))
    return [known[person.id] for person in given.instructors if person.id in known]


def list_teachers() -> list[tuple[int, str]]:
    """(person id, name) of everybody who can be listed as an instructor. For forms of staff, never for routes."""
    query = (
        select(Person.id, Person.full_name)
        .where(
            Person.id == Person.canonical_id,
            exists().where(
                RoleGrant.person_id == Person.id, RoleGrant.role.in_(TEACHING_ROLES), RoleGrant.revoked_at.is_(None)
            ),
        )
        .order_by(Person.sort_name, Person.id)
    )
    return [(key, name) for key, name in read(query)]


def address_of_teacher(name: str) -> str:
    """The address of the only instructor of this name, in any case of letters. Invalid at `instructor_name`."""
    wanted = " ".join(name.split()).casefold()
    found = [key for key, full_name in list_teachers() if full_name.casefold() == wanted]
    addresses = list(addresses_of(found).values())
    if len(addresses) == 1:
        return addresses[0]
    said = (
        _("Several instructors are called “%(name)s”. Enter the e-mail address above.", name=name[:200])
        if len(found) > 1
        else _("No instructor is called “%(name)s”. Choose a name from the list.", name=name[:200])
    )
    raise Invalid("instructor_name", said)


# Policies


_NEWEST_POLICY = (
    select(Policy).where(Policy.series_id == bindparam("series_id")).order_by(Policy.version.desc()).limit(1)
)
_POLICIES = select(Policy).where(Policy.series_id.in_(bindparam("ids", expanding=True))).order_by(Policy.version)


def current_policy(series_id: int) -> Policy:
    """Returns the newest policy of a series, which applies to lectures not yet held."""
    return db.session.scalars(_NEWEST_POLICY, {"series_id": series_id}).one()


def current_policies(series_ids: Iterable[int]) -> dict[int, Policy]:
    """The newest policy of each of these series."""
    found = db.session.scalars(_POLICIES, {"ids": list(series_ids)})
    return {policy.series_id: policy for policy in found}


def policy_for(lecture: Lecture) -> Policy:
    """The policy a lecture was held under, or the one it will be."""
    if lecture.policy_id is None:
        return current_policy(lecture.series_id)
    read_already = db.session.identity_map.get(identity_key(Policy, lecture.policy_id))
    return read_already or db.session.scalars(_POLICY, {"policy_id": lecture.policy_id}).one()


_POLICY = select(Policy).where(Policy.id == bindparam("policy_id"))


# Lectures


def get_lecture(lecture_id: int, *, by: Actor) -> Lecture:
    """The lecture. NotFound where there is none or it is not theirs to see."""
    lecture = find_lecture(lecture_id)
    if lecture is None or not may_see_lecture(lecture, by):
        raise NotFound
    return lecture


def get_lecture_to_join(lecture_id: int, *, by: Actor) -> tuple[Station, str | None]:
    """As `get_lecture`, what deciding about joining needs, and the link of the meeting."""
    known = 0 < lecture_id < 2**31
    row = read_one(statements.to_join(*_kind(by)), {"lecture_id": lecture_id}) if known else None
    if row is None:
        raise NotFound
    station: list[Any]
    *station, join_url = row
    return Station(*station), join_url


def get_lecture_for_calendar(lecture_id: int, *, by: Actor) -> Lecture:
    """The lecture, also one that was public and is hidden now, of which a calendar may read only that.

    NotFound where there is none, or it was never theirs to see.
    """
    lecture = find_lecture(lecture_id)
    if lecture is None or not (may_see_lecture(lecture, by) or _was_public(lecture)):
        raise NotFound
    return lecture


def _was_public(lecture: Lecture) -> bool:
    hidden = select(LectureChange.id).where(LectureChange.lecture_id == lecture.id, LectureChange.what == "hidden")
    return lecture.state is not LectureState.DRAFT and db.session.scalar(hidden.limit(1)) is not None


def find_lecture(lecture_id: int) -> Lecture | None:
    """Returns a lecture without a permission check: for actions, jobs and commands, never for routes."""
    if not 0 < lecture_id < 2**31:
        return None
    found = db.session.execute(_LECTURE, {"lecture_id": lecture_id}).one_or_none()
    return None if found is None else complete_lectures([found[0]])[0]


_LECTURE = select(Lecture, Series).join(Series).where(Lecture.id == bindparam("lecture_id"))


_BEGAN = func.coalesce(Lecture.actual_start, Lecture.starts_at)
_IN_ORDER = select(Lecture).order_by(_BEGAN.is_(None), _BEGAN, Lecture.id)
_LECTURES_OF_SERIES = _IN_ORDER.where(Lecture.series_id.in_(bindparam("ids", expanding=True)))
_LECTURES = _IN_ORDER.where(Lecture.id.in_(bindparam("ids", expanding=True)))


def _in_order(query: Select[Lecture], ids: Iterable[int], by: Actor) -> list[Lecture]:
    """Lectures in the order of their time, those without a date last."""
    return complete_lectures(db.session.scalars(query, {"ids": list(ids)}).all(), by=by)


def list_lectures(series_id: int, *, by: Actor) -> list[Lecture]:
    """The lectures of a series in the order of their time, those without a date last."""
    found = _in_order(_LECTURES_OF_SERIES, [series_id], by)
    return [lecture for lecture in found if may_see_lecture(lecture, by)]


def stations_of(series_ids: Collection[int], *, by: Actor) -> dict[int, list[Station]]:
    """The lectures of several series in the order of their time, those without a date last."""
    found: dict[int, list[Station]] = {one: [] for one in series_ids}
    for row in read(statements.stations(*_kind(by)), {"ids": list(found)}) if found else []:
        found[row[1]].append(Station(*row))
    return found


def list_between(
    start: datetime, end: datetime, *, series_ids: Collection[int] | None = None, by: Actor
) -> list[Station]:
    """The lectures that begin between two instants, in their order; of these series where they are given."""
    query = statements.between(*_kind(by))
    if series_ids is not None:
        query = query.where(Lecture.series_id.in_(series_ids))
    return [Station(*row) for row in read(query, {"start": start, "end": end})]


def list_givers_of_series(series_ids: Collection[int]) -> dict[int, list[str]]:
    """The names of who gives each of these series, in their order. For pages of administrators."""
    found: dict[int, list[str]] = {one: [] for one in series_ids}
    query = (
        select(SeriesInstructor.series_id, Person.full_name)
        .join(Person, Person.id == SeriesInstructor.person_id)
        .where(SeriesInstructor.series_id.in_(series_ids))
        .order_by(Person.full_name)
    )
    for series_id, name in read(query) if found else []:
        found[series_id].append(name)
    return found


def name_givers(stations: Sequence[Station]) -> None:
    """Puts in place who gives these lectures: ids, full and native names, in the order of names."""
    givers: dict[int, list[Any]] = {one.id: [] for one in stations}
    for row in read(statements.GIVERS, {"ids": list(givers)}) if givers else []:
        givers[row.lecture_id].append(row)
    for one in stations:
        one.instructors = givers[one.id]


def list_lectures_page(series_id: int, *, by: Actor, cursor: int | None, limit: int) -> list[Lecture]:
    """The lectures of a series by id after `cursor`: up to `limit + 1`."""
    query = select(Lecture).join(Series).where(Lecture.series_id == series_id, _visible(by), _shown_lecture(by))
    if cursor is not None:
        query = query.where(Lecture.id > cursor)
    return complete_lectures(db.session.scalars(query.order_by(Lecture.id).limit(limit + 1)).all(), by=by)


def list_upcoming(*, by: Actor, at: datetime, limit: int = 20) -> list[Lecture]:
    """Lectures on the programme whose planned end has not passed, the next one first; those of drafts only for
    their staff."""
    since = at - timedelta(hours=24)
    rows = read(statements.upcoming(*_kind(by)), {"since": since, "limit": limit + 50})
    coming = [id_ for id_, starts, minutes in rows if starts and starts + timedelta(minutes=minutes) > at][:limit]
    return _in_order(_LECTURES, coming, by) if coming else []


def list_live(*, by: Actor) -> list[Lecture]:
    """Lectures that are live now, the one that began last first; those of draft series only for their staff."""
    query = (
        select(Lecture)
        .join(Series)
        .where(Lecture.state == LectureState.LIVE, _visible(by))
        .order_by(Lecture.actual_start.desc(), Lecture.id)
    )
    return complete_lectures(db.session.scalars(query).all(), by=by)


_LIVE_IN_PUBLIC = (
    select(Lecture.id, Lecture.title, Lecture.actual_start)
    .join(Series)
    .where(Lecture.state == LectureState.LIVE, Series.visibility == Visibility.PUBLIC)
    .order_by(Lecture.actual_start.desc(), Lecture.id)
)


def list_live_in_public() -> list[tuple[int, str, datetime | None]]:
    """As `list_live` for everybody, in the few words that stand on top of each page: id, title, actual start."""
    return [(id_, title, began) for id_, title, began in read(_LIVE_IN_PUBLIC)]


def list_taught(person_id: int, *, by: Actor, limit: int = 500) -> list[Station]:
    """The lectures of all series on whose lists a person is, latest first, those without a date on top; with who gives
    them.

    For an instructor's own series; for administrators and reporters anybody's. Raises Forbidden.
    """
    _check_own(person_id, by)
    found = [Station(*row) for row in read(statements.TAUGHT, {"person_id": person_id, "limit": limit})]
    name_givers(found)
    return found


def list_taught_series(person_id: int, *, by: Actor) -> list[Series]:
    """The series on whose lists a person is, newest first, with who gives them. Who may ask: as for `list_taught`."""
    _check_own(person_id, by)
    found = list(db.session.scalars(statements.TAUGHT_SERIES, {"person_id": person_id}))
    _put_givers([], found)
    return found


def _check_own(person_id: int, by: Actor) -> None:
    if teaching_id(by) != person_id and not by.is_reporter:
        raise Forbidden


@dataclass(frozen=True)
class Listings:
    """The lists of instructors that a person leaves with a role: of series that are not over, and of lectures that
    have not begun."""

    series: Sequence[Series]
    lectures: Sequence[int]


def list_listings_to_end(person_id: int, *, without_grant: int, by: Actor) -> Listings:
    """What a person leaves when a role ends: nothing while another role still allows the lists.

    For administrators. Raises Forbidden.
    """
    if not by.is_administrator:
        raise Forbidden
    if holders_of([person_id], TEACHING_ROLES, without_grant=without_grant):
        return Listings((), ())
    return current_listings(person_id)


def current_listings(person_id: int) -> Listings:
    """The lists that a person is on, of series that are not over and of lectures that have not begun."""
    series = (
        select(Series)
        .join(SeriesInstructor, SeriesInstructor.series_id == Series.id)
        .where(SeriesInstructor.person_id == person_id, statements.IS_NOT_OVER)
        .order_by(Series.title, Series.id)
    )
    lectures = (
        select(Lecture.id)
        .join(LectureInstructor, LectureInstructor.lecture_id == Lecture.id)
        .where(LectureInstructor.person_id == person_id, Lecture.state.in_(statements.NOT_BEGUN_STATES))
        .order_by(Lecture.id)
    )
    return Listings(db.session.scalars(series).all(), db.session.scalars(lectures).all())


def was_postponed(lecture_id: int) -> bool:
    """Returns whether a lecture was ever moved, with notice to the enrolled."""
    query = exists().where(LectureChange.lecture_id == lecture_id, LectureChange.what.in_(["postponed", "rescheduled"]))
    return bool(db.session.scalar(select(query)))


def list_changes(lecture_id: int, *, by: Actor) -> list[LectureChange]:
    """The history of a lecture, oldest first. Its staff only."""
    lecture = get_lecture(lecture_id, by=by)
    if not may_edit_lecture(lecture, by) and not by.is_reporter:
        raise Forbidden
    query = select(LectureChange).where(LectureChange.lecture_id == lecture_id).order_by(LectureChange.id)
    return list(db.session.scalars(query))


def list_around(person_ids: Iterable[int], start: datetime, end: datetime) -> list[tuple[Lecture, int]]:
    """Lectures that may take up these people between two instants, each with the person: for the check of a clash."""
    began = func.coalesce(Lecture.actual_start, Lecture.starts_at)
    query = (
        select(Lecture, LectureInstructor.person_id)
        .join(LectureInstructor, LectureInstructor.lecture_id == Lecture.id)
        .where(
            LectureInstructor.person_id.in_(list(person_ids)),
            Lecture.state.in_((LectureState.SCHEDULED, LectureState.LIVE, LectureState.HELD)),
            and_(began < end, began > start - timedelta(hours=24)),
        )
        .order_by(began, Lecture.id)
    )
    found = [(lecture, person_id) for lecture, person_id in db.session.execute(query)]
    complete_lectures(list({lecture.id: lecture for lecture, _person in found}.values()))
    return found


def list_taking_up(person_ids: Collection[int], series_id: int | None, start: datetime, end: datetime) -> list[Lecture]:
    """Lectures between two instants that may be in the way of others: those that these people give, and those of a
    series, its drafts too. For checks of dates, never for routes."""
    began = func.coalesce(Lecture.actual_start, Lecture.starts_at)
    given = exists().where(LectureInstructor.lecture_id == Lecture.id, LectureInstructor.person_id.in_(person_ids))
    query = (
        select(Lecture)
        .where(
            Lecture.state.not_in((LectureState.CANCELLED, LectureState.POSTPONED)),
            or_(given, Lecture.series_id == series_id) if series_id is not None else given,
            began < end,
            began > start - timedelta(hours=24),
        )
        .order_by(began, Lecture.id)
    )
    return complete_lectures(db.session.scalars(query).all())


def export_taught(person_id: int, *, by: Actor) -> dict[str, Any]:
    """All that is stored here on a person, as plain JSON. Forbidden but for oneself and administrators."""
    if by.person_id != person_id and not by.is_administrator:
        raise Forbidden
    series = select(Series.slug).join(SeriesInstructor).where(SeriesInstructor.person_id == person_id)
    lectures = (
        select(Lecture.id, Lecture.title)
        .join(LectureInstructor, LectureInstructor.lecture_id == Lecture.id)
        .where(LectureInstructor.person_id == person_id)
    )
    changes = select(LectureChange.lecture_id, LectureChange.what, LectureChange.at).where(
        LectureChange.by_person_id == person_id
    )
    return {
        "series_given": sorted(db.session.scalars(series)),
        "lectures_given": [{"id": key, "title": title} for key, title in db.session.execute(lectures)],
        "changes_made": [
            {"lecture": key, "what": what, "at": moment.isoformat()}
            for key, what, moment in db.session.execute(changes)
        ],
    }
