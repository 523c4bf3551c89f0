"""Instructors of series and lectures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, or_, select

from lms.catalogue.models import Lecture, LectureChange, LectureInstructor, Series, SeriesInstructor
from lms.catalogue.queries.lectures import BEGAN, STATION, name_givers
from lms.catalogue.queries.loading import put_instructors, title_order
from lms.catalogue.rules import (
    NOT_BEGUN_STATES,
    TEACHING_ROLES,
    TO_COME_STATES,
    Station,
    may_edit_lecture,
    may_edit_series,
    teaching_id,
)
from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.roles import Actor
from lms.core.database.session import db, read
from lms.core.text.i18n import _
from lms.people.models import Person, RoleGrant
from lms.people.queries.access import holders_of
from lms.people.queries.persons import addresses_of, ids_by_email
from lms.people.rules import email_key


def instructor_addresses(items: Sequence[Series | Lecture], *, by: Actor) -> dict[int, list[str] | None]:
    """The primary addresses of the instructors of each series or lecture, by its id; null where `by` may not see
    them."""
    editable = {
        item.id: may_edit_series(item, by) if isinstance(item, Series) else may_edit_lecture(item, by) for item in items
    }
    known = addresses_of({person.id for item in items if editable[item.id] for person in item.instructors})
    return {
        item.id: [known[person.id] for person in item.instructors if person.id in known] if editable[item.id] else None
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
    holders = select(RoleGrant.person_id).where(RoleGrant.role.in_(TEACHING_ROLES), RoleGrant.revoked_at.is_(None))
    query = (
        select(Person.id, Person.full_name)
        .where(Person.id == Person.canonical_id, Person.id.in_(holders))
        .order_by(Person.sort_name, Person.id)
    )
    return [(key, name) for key, name in read(query)]


def names_of_addresses(addresses: Iterable[str], teachers: Iterable[tuple[int, str]]) -> dict[str, str]:
    """The names of those of these `teachers` who have these addresses. For forms of staff, never for routes."""
    keys, names = {address: email_key(address) for address in addresses}, dict(teachers)
    known = ids_by_email(set(keys.values())) if keys else {}
    return {address: names[known[key]] for address, key in keys.items() if known.get(key) in names}


def address_of_teacher(name: str) -> str:
    """The address of the only instructor of this name, in any case of letters. Invalid at `instructor_name`."""
    folded_name = " ".join(name.split()).casefold()
    person_ids = [key for key, full_name in list_teachers() if full_name.casefold() == folded_name]
    addresses = list(addresses_of(person_ids).values())
    if len(addresses) == 1:
        return addresses[0]
    message = (
        _("Several instructors are called “%(name)s”. Enter the e-mail address.", name=name[:200])
        if len(person_ids) > 1
        else _("No instructor is called “%(name)s”. Choose a name from the list.", name=name[:200])
    )
    raise Invalid("instructor_name", message)


def list_taught(person_id: int, *, by: Actor, limit: int = 500) -> list[Station]:
    """The lectures of all series on whose lists a person is, latest first, those without a date on top; with who gives
    them.

    For an instructor's own series; for administrators and reporters anybody's. Raises Forbidden.
    """
    _check_own(person_id, by)
    query = (
        select(*STATION)
        .join(SeriesInstructor, SeriesInstructor.series_id == Lecture.series_id)
        .where(SeriesInstructor.person_id == person_id)
        .order_by(BEGAN.is_(None).desc(), BEGAN.desc(), Lecture.id.desc())
        .limit(limit)
    )
    stations = [Station(*row) for row in read(query)]
    name_givers(stations)
    return stations


def list_taught_series(person_id: int, *, by: Actor) -> list[Series]:
    """The series that list a person as an instructor, newest first, with their instructors.

    Access is as for `list_taught`.
    """
    _check_own(person_id, by)
    query = (
        select(Series)
        .join(SeriesInstructor, SeriesInstructor.series_id == Series.id)
        .where(SeriesInstructor.person_id == person_id)
        .order_by(Series.id.desc())
    )
    rows = list(db.session.scalars(query))
    put_instructors([], rows)
    return rows


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
    """Returns what a person leaves when a role ends: nothing while another role still allows the lists.

    For administrators. Raises Forbidden.
    """
    if not by.is_administrator:
        raise Forbidden
    if holders_of([person_id], TEACHING_ROLES, without_grant=without_grant):
        return Listings((), ())
    return current_listings(person_id)


def current_listings(person_id: int) -> Listings:
    """The lists that a person is on, of series that are not over and of lectures that have not begun."""
    in_series = Lecture.series_id == Series.id
    is_not_over = or_(exists().where(in_series, Lecture.state.in_(TO_COME_STATES)), ~exists().where(in_series))
    series = (
        select(Series)
        .join(SeriesInstructor, SeriesInstructor.series_id == Series.id)
        .where(SeriesInstructor.person_id == person_id, is_not_over)
        .order_by(title_order(), Series.id)
    )
    lectures = (
        select(Lecture.id)
        .join(LectureInstructor, LectureInstructor.lecture_id == Lecture.id)
        .where(LectureInstructor.person_id == person_id, Lecture.state.in_(NOT_BEGUN_STATES))
        .order_by(Lecture.id)
    )
    return Listings(db.session.scalars(series).all(), db.session.scalars(lectures).all())


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
