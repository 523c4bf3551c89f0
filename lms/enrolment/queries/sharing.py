"""Sharing: of whom the instructors of a series see the profile, and of whom the address alone."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_

from lms.catalogue.models import Series
from lms.catalogue.visibility import ids_taught_by
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.time.clock import now
from lms.enrolment import rules
from lms.enrolment.models import Enrolment
from lms.enrolment.queries.rows import day_of, having_address, having_name, matching, speaking
from lms.people.models import Person
from lms.people.queries.countries import belonging_to, countries_of
from lms.people.queries.persons import addresses_of


def shared_in(series_id: Any) -> Select[Any]:
    """The query of the people whose profile is shared with the staff of a series (an id, or a parameter for one)."""
    return speaking(Person.id).where(Enrolment.series_id == series_id, Enrolment.profile_shared_at.is_not(None))


def hidden_among(series_id: int, person_ids: Collection[int], *, by: Actor) -> set[int]:
    """Those of these people of whom the actor sees only the address in this series.

    Administrators and reporters see everybody, focal points the people of their countries, everybody themselves.
    """
    if not person_ids or not rules.sees_shared_only(by):
        return set()
    hidden = set(person_ids).difference(db.session.scalars(shared_in(series_id).where(among(Person.id, person_ids))))
    hidden.discard(by.person_id or 0)
    if hidden and by.is_focal_point:
        of = countries_of(sorted(hidden), day_of(now()))
        hidden = {one for one in hidden if not rules.speaks_for(by, of.get(one))}
    return hidden


def names_as_seen(person: Any, hidden: Collection[int], addresses: Mapping[int, str]) -> tuple[str, str | None]:
    """Full and native name of a person; of one who is hidden (`hidden_among`), the address alone."""
    return (addresses.get(person.id, ""), None) if person.id in hidden else (person.full_name, person.native_name)


def labels_of(series_id: int, names: Mapping[int, str], *, by: Actor) -> dict[int, str]:
    """The names of these people (by id), or the address of those whose name is hidden from the actor in this series."""
    hidden = hidden_among(series_id, names, by=by)
    addresses = addresses_of(hidden)
    return {id_: addresses.get(id_, "") if id_ in hidden else name for id_, name in names.items()}


def matching_for(q: str, series_id: int, *, by: Actor) -> ColumnElement[bool]:
    """As `matching`, for the lists of a series: an instructor finds people by their names only once these are shared.

    Who is no instructor sees on such lists only people whose names the actor may see.
    """
    if not by.is_instructor or not rules.sees_shared_only(by):
        return matching(q)
    return or_(having_address(q), and_(having_name(q), Person.id.in_(shared_in(series_id))))


def seen_in_search(by: Actor) -> ColumnElement[bool] | None:
    """Which `Person` the actor finds by name: administrators everybody (None), focal points the people of their
    countries, instructors those whose profile is shared in a series of theirs, all others nobody."""
    if by.is_administrator:
        return None
    kinds: list[ColumnElement[bool]] = []
    if by.is_focal_point:
        kinds.append(Person.canonical_id.in_(belonging_to(by.country_ids, day_of(now()))))
    if by.is_instructor:
        shared = speaking(Person.id).where(
            Enrolment.series_id.in_(ids_taught_by(by)), Enrolment.profile_shared_at.is_not(None)
        )
        kinds.append(Person.canonical_id.in_(shared))
    return or_(*kinds) if kinds else false()


def series_shared_with(person_ids: Collection[int], by: Actor) -> dict[int, str]:
    """A series of the actor's in which the profile of each of these people is shared, by its slug: the latest."""
    if not person_ids or not by.is_instructor:
        return {}
    query = (
        speaking(Person.id, Series.slug)
        .join(Series, Series.id == Enrolment.series_id)
        .where(
            Enrolment.series_id.in_(ids_taught_by(by)),
            Enrolment.profile_shared_at.is_not(None),
            among(Person.id, person_ids),
        )
        .order_by(Enrolment.id)
    )
    return dict(db.session.execute(query).all())


def known_to(person_ids: Collection[int], by: Actor) -> set[int]:
    """Those of these people whose profile is shared already in a series in which the actor is an instructor."""
    if not person_ids or not by.is_instructor:
        return set()
    query = speaking(Person.id).where(
        Enrolment.series_id.in_(ids_taught_by(by)),
        Enrolment.profile_shared_at.is_not(None),
        among(Person.id, person_ids),
    )
    return set(db.session.scalars(query))
