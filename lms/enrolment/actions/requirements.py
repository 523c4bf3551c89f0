"""What people enrolled in a series know of the requirement of its certificate."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, select, update

from lms.core.database.bulk import among
from lms.core.database.session import db, read
from lms.enrolment.membership import IS_ENROLLED
from lms.enrolment.models import Enrolment
from lms.enrolment.queries.rows import speaking
from lms.people.models import Person

_COLUMNS = (Enrolment.required_lectures, Enrolment.required_minutes, Enrolment.required_percent)


class KnownRequirement(NamedTuple):
    """What somebody knows: lectures, minutes in all, and the percent of a lecture; null where nothing is known."""

    lectures: int | None
    minutes: int | None
    percent: int | None


def known_requirements(series_id: int | None = None) -> list[tuple[int, KnownRequirement]]:
    """What the enrolled know, of all series or of one, by the id of the series: one item for each difference."""
    query = select(Enrolment.series_id, *_COLUMNS).where(IS_ENROLLED).distinct().order_by(Enrolment.series_id)
    if series_id is not None:
        query = query.where(Enrolment.series_id == series_id)
    return [(of_series, KnownRequirement(*numbers)) for of_series, *numbers in read(query)]


def enrolled_who_know(series_id: int, known: KnownRequirement) -> dict[int, int]:
    """The enrolled who know exactly this: the id of the enrolment, and the person."""
    query = speaking(Enrolment.id, Person.id).where(Enrolment.series_id == series_id, IS_ENROLLED, _is(known))
    return dict(read(query.order_by(Enrolment.id)))


def store_requirement(enrolment_ids: Collection[int], known: KnownRequirement, required: KnownRequirement) -> set[int]:
    """Stores a new requirement, inside the running action; returns the ids of the enrolments that knew the former."""
    statement = update(Enrolment).where(among(Enrolment.id, enrolment_ids), _is(known))
    values = dict(zip(_COLUMNS, required, strict=True))
    return set(db.session.scalars(statement.values(values).returning(Enrolment.id)))


def _is(known: KnownRequirement) -> ColumnElement[bool]:
    return and_(*(column.is_not_distinct_from(number) for column, number in zip(_COLUMNS, known, strict=True)))
