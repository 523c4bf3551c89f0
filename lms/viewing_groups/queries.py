"""Queries for viewing groups. Focal points see only those of their own country."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from lms.attendance.models.groups import Entered, GroupEntry, GroupSignature, ViewingGroup
from lms.attendance.presence import WHO
from lms.catalogue.models import Lecture, LectureState, Series, SeriesCountry
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.loading import complete_lectures
from lms.catalogue.rules import may_edit_lecture, may_see_lecture
from lms.catalogue.visibility import visible
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.search import match_of_text, search_words
from lms.core.database.session import db
from lms.core.text.i18n import name_key
from lms.core.text.punctuation import listed
from lms.core.text.sorting import sort_key
from lms.enrolment.membership import eligible_at, eligible_people
from lms.enrolment.queries.rows import day_of
from lms.enrolment.queries.sharing import hidden_among, matching_for, names_as_seen
from lms.enrolment.rules import speaks_for
from lms.people.models import Country, Person, PersonEmail
from lms.people.queries.countries import belonging_to, countries_of
from lms.people.queries.persons import addresses_of, ids_by_email, members
from lms.viewing_groups import rules
from lms.viewing_groups.rules import show_code

SHOWN = 300
"""How many people from a country a list offers at once; others are found by search."""
UPCOMING = 5
RECENT = timedelta(days=60)
LATE = timedelta(hours=6)
"""How long after its planned start a lecture that nobody started is still offered."""


@dataclass(frozen=True)
class GroupView:
    """A group with its lecture, its country's code, the number of entries on its list, and the current signature.

    `may_run`: whether the reader can tick and sign.
    """

    group: ViewingGroup
    lecture: Lecture
    country: str
    listed: int
    signature: GroupSignature | None
    may_run: bool = False

    @property
    def code(self) -> str | None:
        """The check-in code, for readers who can manage the group."""
        return show_code(self.group.code) if self.may_run else None

    @property
    def place(self) -> str:
        """City and room."""
        return listed([self.group.city, self.group.room])

    @property
    def state(self) -> str:
        """open, signed or called_off."""
        if self.group.called_off_at is not None:
            return "called_off"
        return "signed" if self.signature is not None else "open"


@dataclass(frozen=True)
class ListedPerson:
    """One person from a country on a group's list. `entered` null: not on the list. `is_enrolled`: whether the presence
    would be counted.
    """

    person_id: int
    public_id: str
    full_name: str
    native_name: str | None
    organisation: str | None
    email: str | None
    entered: Entered | None
    entered_at: datetime | None
    is_enrolled: bool


@dataclass(frozen=True)
class GroupList:
    """The people on a group's list, by name.

    `unknown` are e-mail addresses that match nobody in this country; `elsewhere` counts people from other countries
    added by staff whom the reader cannot see. `mark` identifies the list.
    """

    people: list[ListedPerson]
    unknown: list[str]
    elsewhere: int
    mark: str

    @property
    def size(self) -> int:
        """How many people would be signed for."""
        return len(self.people) + self.elsewhere


@dataclass(frozen=True)
class Offered:
    """Enrolled people from the country who are not on the list, by name. `left_out` says how many more there are."""

    people: list[ListedPerson]
    left_out: int


def _may_run(view: GroupView, by: Actor) -> bool:
    """Whether a person can tick and sign: the country's focal points, and the staff of the lecture."""
    return may_edit_lecture(view.lecture, by) or speaks_for(by, view.group.country_id)


def get_group(public_id: str, *, by: Actor) -> GroupView:
    """A group, for its country's focal points, the lecture's staff and reporters. NotFound for everybody else."""
    views = _views([ViewingGroup.public_id == public_id], by=by)
    if not views:
        raise NotFound
    view = views[0]
    if not may_see_lecture(view.lecture, by) or not (by.is_reporter or view.may_run):
        raise NotFound
    return view


def get_lecture_with_groups(lecture_id: int, *, by: Actor) -> Lecture:
    """A lecture, for people who can see its groups. Raises Forbidden, or NotFound where the lecture is not visible."""
    lecture = get_lecture(lecture_id, by=by)
    if not (by.is_reporter or by.is_focal_point or may_edit_lecture(lecture, by)):
        raise Forbidden
    return lecture


def list_groups(lecture_id: int, *, by: Actor) -> list[GroupView]:
    """The groups of a lecture by location: all for its staff and reporters, those of their own country for focal
    points.
    """
    lecture = get_lecture_with_groups(lecture_id, by=by)
    where: list[ColumnElement[bool]] = [ViewingGroup.lecture_id == lecture_id]
    if not (by.is_reporter or may_edit_lecture(lecture, by)):
        where.append(ViewingGroup.country_id.in_(by.country_ids))
    views = _views(where, by=by)
    return sorted(views, key=lambda view: (view.state == "called_off", sort_key(view.group.city), view.group.id))


@dataclass(frozen=True)
class GroupPage:
    """A page of the groups of a lecture: `total` are those that its filters leave, `states` and `countries` how many of
    all there are."""

    rows: list[GroupView]
    total: int
    states: Counter[str]
    countries: Counter[str]

    @property
    def every(self) -> int:
        """How many groups there are."""
        return self.states.total()


def list_group_page(lecture_id: int, request: ListRequest, names: Mapping[str, str], *, by: Actor) -> GroupPage:
    """A page of the groups of a lecture. See `list_groups`."""
    every = list_groups(lecture_id, by=by)
    matching = _in_order([one for one in every if _matches(one, request)], request, names)
    page = request.within(len(matching))
    return GroupPage(
        matching[page.offset : page.offset + page.size],
        len(matching),
        Counter(one.state for one in every),
        Counter(one.country for one in every),
    )


def _matches(view: GroupView, request: ListRequest) -> bool:
    filters, group, words = request.filters, view.group, tuple(search_words(request.q))
    return (
        filters.get("state", view.state) == view.state
        and filters.get("country", view.country) == view.country
        and (not request.q or match_of_text(words, f"{group.city} {group.room} {group.organiser}") is not None)
    )


def _in_order(views: list[GroupView], request: ListRequest, names: Mapping[str, str]) -> list[GroupView]:
    """Groups by what is asked for; those that are alike as `list_groups` has them."""
    keys: dict[str, Callable[[GroupView], Any]] = {
        "place": lambda view: sort_key(view.place),
        "country": lambda view: name_key(names.get(view.country, view.country)),
        "organiser": lambda view: sort_key(view.group.organiser),
        "listed": lambda view: view.listed,
        "expected": lambda view: view.group.expected,
    }
    return sorted(views, key=keys[request.sort], reverse=request.descending) if request.sort in keys else views


def list_country_groups(country_id: int, *, by: Actor, at: datetime) -> list[GroupView]:
    """The groups of one country that are upcoming, waiting for a signature, or recently signed.

    Upcoming ones come first, next lecture first; then the others, latest lecture first.
    """
    if not (by.is_reporter or speaks_for(by, country_id)):
        raise Forbidden
    begins = func.coalesce(Lecture.actual_start, Lecture.starts_at)
    fits = [
        ViewingGroup.country_id == country_id,
        ViewingGroup.called_off_at.is_(None),
        or_(GroupSignature.id.is_(None), begins > at - RECENT),
    ]
    views = [one for one in _views(fits, by=by) if may_see_lecture(one.lecture, by)]

    def place(view: GroupView) -> tuple[bool, float]:
        moment = view.lecture.actual_start or view.lecture.starts_at
        stamp = moment.timestamp() if moment is not None else 0.0
        over = view.lecture.state is LectureState.HELD
        return over, -stamp if over else stamp

    return sorted(views, key=place)


def list_lectures_to_watch(country: Country, *, by: Actor, at: datetime) -> list[Lecture]:
    """Returns what is live or next for people of a country, the live ones first."""
    only = exists().where(SeriesCountry.series_id == Lecture.series_id)
    query = (
        select(Lecture)
        .join(Series)
        .where(
            Lecture.state.in_((LectureState.LIVE, LectureState.SCHEDULED)),
            or_(Lecture.state == LectureState.LIVE, Lecture.starts_at > at - LATE),
            visible(by),
            or_(~only, only.where(SeriesCountry.country_id == country.id)),
        )
        .order_by(Lecture.state != LectureState.LIVE, Lecture.starts_at, Lecture.id)
        .limit(UPCOMING)
    )
    return list(db.session.scalars(query))


def _views(where: Sequence[ColumnElement[bool]], *, by: Actor | None) -> list[GroupView]:
    """Groups whole: of those of one lecture, one country or one id there are never many. Without `by`, who gives their
    lectures is left out."""
    listed = select(func.count()).where(GroupEntry.group_id == ViewingGroup.id).correlate(ViewingGroup)
    query = (
        select(ViewingGroup, Lecture, Country.code, listed.scalar_subquery(), GroupSignature)
        .join(Lecture, Lecture.id == ViewingGroup.lecture_id)
        .join(Country, Country.id == ViewingGroup.country_id)
        .outerjoin(
            GroupSignature,
            and_(GroupSignature.group_id == ViewingGroup.id, GroupSignature.taken_back_at.is_(None)),
        )
        .where(*where)
        .order_by(ViewingGroup.id)
    )
    views = [GroupView(*row) for row in db.session.execute(query)]
    if by is None:
        return views
    complete_lectures(list({view.lecture.id: view.lecture for view in views}.values()))
    return [replace(view, may_run=_may_run(view, by)) for view in views]


def find_by_code(code: str) -> GroupView | None:
    """The group with this code, unless it was cancelled. For check-in by anyone."""
    views = _views([ViewingGroup.code == code, ViewingGroup.called_off_at.is_(None)], by=None)
    return views[0] if views else None


def lecture_day(lecture: Lecture, at: datetime) -> date:
    """The day for which countries are read: the lecture's, or today while it is upcoming."""
    begins = lecture.actual_start or lecture.starts_at
    return day_of(min(begins, at) if begins is not None else at)


@dataclass(frozen=True)
class Resolved:
    """Entries of a list by who they are today (canonical): the earliest entry of each person, and what is left."""

    people: dict[int, GroupEntry]
    unknown: list[GroupEntry]


def resolve(group: ViewingGroup, lecture: Lecture, *, at: datetime) -> Resolved:
    """Resolves a list to people: e-mail addresses become people if they belong to the group's country."""
    query = (
        select(GroupEntry, WHO)
        .outerjoin(Person, Person.id == GroupEntry.person_id)
        .where(GroupEntry.group_id == group.id)
        .order_by(GroupEntry.id)
    )
    rows: list[tuple[GroupEntry, int | None]] = [(entry, who) for entry, who in db.session.execute(query)]
    known = ids_by_email({entry.key for entry, who in rows if who is None and entry.key is not None})
    countries = countries_of(set(known.values()), lecture_day(lecture, at)) if known else {}
    resolved = Resolved({}, [])
    for entry, who in rows:
        if who is None:
            who = known.get(entry.key or "")
            if who is not None and countries.get(who) != group.country_id:
                who = None
        if who is None:
            resolved.unknown.append(entry)
        else:
            resolved.people.setdefault(who, entry)
    return resolved


def list_of_group(view: GroupView, *, by: Actor, at: datetime) -> GroupList:
    """The list of a group that the actor can see (`get_group`)."""
    resolved = resolve(view.group, view.lecture, at=at)
    shown = set(resolved.people)
    if not (by.is_reporter or may_edit_lecture(view.lecture, by)):
        countries = countries_of(shown, lecture_day(view.lecture, at))
        shown = {one for one in shown if countries[one] in by.country_ids}
    return GroupList(
        people=_listed(shown, view.lecture, resolved, by),
        unknown=[entry.address or "" for entry in resolved.unknown],
        elsewhere=len(resolved.people) - len(shown),
        mark=rules.mark_of(resolved.people),
    )


def offered_to_group(view: GroupView, *, by: Actor, at: datetime, q: str | None = None) -> Offered:
    """Enrolled people from the country who can be ticked, by name, optionally with `q` in name or e-mail address.

    For a group that the actor can manage; empty for others.
    """
    if not view.may_run:
        return Offered([], 0)
    resolved = resolve(view.group, view.lecture, at=at)
    of_country = belonging_to([view.group.country_id], lecture_day(view.lecture, at))
    enrolled = eligible_at(view.lecture.id)
    query = select(Person.id).where(Person.id.in_(of_country), Person.id.in_(enrolled), Person.erased_at.is_(None))
    if q:
        query = query.where(matching_for(q, view.lecture.series_id, by=by))
    ids = [one for one in db.session.scalars(query.order_by(Person.sort_name, Person.id)) if one not in resolved.people]
    return Offered(_listed(ids[:SHOWN], view.lecture, None, by), max(len(ids) - SHOWN, 0))


def _listed(person_ids: Iterable[int], lecture: Lecture, resolved: Resolved | None, by: Actor) -> list[ListedPerson]:
    ids = list(person_ids)
    hidden = hidden_among(lecture.series_id, ids, by=by)
    addresses, enrolled = addresses_of(ids), eligible_people(lecture.id, ids)
    query = select(Person).where(among(Person.id, ids)).order_by(Person.sort_name, Person.id)
    people = []
    for person in db.session.scalars(query):
        entry = resolved.people.get(person.id) if resolved is not None else None
        full_name, native_name = names_as_seen(person, hidden, addresses)
        people.append(
            ListedPerson(
                person_id=person.id,
                public_id=person.public_id,
                full_name=full_name,
                native_name=native_name,
                organisation=None if person.id in hidden else person.organisation,
                email=addresses.get(person.id),
                entered=entry.entered if entry is not None else None,
                entered_at=entry.entered_at if entry is not None else None,
                is_enrolled=person.id in enrolled,
            )
        )
    return people


def local_span(view: GroupView) -> tuple[datetime | None, datetime | None]:
    """The start and end of the lecture to the minute, in local time at the location; None before."""
    start, end = view.lecture.actual_start, view.lecture.actual_end
    if start is None or end is None:
        return None, None
    zone, up = ZoneInfo(view.group.time_zone), timedelta(minutes=1) - timedelta(microseconds=1)
    first, last = (
        moment.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) for moment in (start, end + up)
    )
    return first, last


def signatures_of(view: GroupView) -> list[tuple[GroupSignature, str | None, str | None]]:
    """Every signature of a group, the last one first, with the names of who signed and who took it back."""
    signer, taker = (
        select(Person.full_name).where(Person.id == column).scalar_subquery()
        for column in (GroupSignature.signed_by, GroupSignature.taken_back_by)
    )
    query = select(GroupSignature, signer, taker).where(GroupSignature.group_id == view.group.id)
    return [(row[0], row[1], row[2]) for row in db.session.execute(query.order_by(GroupSignature.id.desc()))]


def export_of_person(person_id: int) -> list[dict[str, object]]:
    """The groups that list a person, or that the person opened or signed, for the person's own export."""
    rows = members(person_id)
    keys = select(PersonEmail.key).where(PersonEmail.person_id.in_(rows))
    on_list = exists().where(
        GroupEntry.group_id == ViewingGroup.id, or_(GroupEntry.person_id.in_(rows), GroupEntry.key.in_(keys))
    )
    signed = exists().where(
        GroupSignature.group_id == ViewingGroup.id,
        or_(GroupSignature.signed_by.in_(rows), GroupSignature.connection_id.in_(rows)),
    )
    query = (
        select(ViewingGroup, on_list.label("listed"), signed.label("signed"))
        .where(or_(on_list, signed, ViewingGroup.opened_by.in_(rows)))
        .order_by(ViewingGroup.id)
    )
    return [
        {
            "group": group.public_id,
            "lecture": group.lecture_id,
            "city": group.city,
            "room": group.room,
            "on_list": bool(listed),
            "opened": group.opened_by in rows,
            "signed": bool(has_signed),
        }
        for group, listed, has_signed in db.session.execute(query)
    ]
