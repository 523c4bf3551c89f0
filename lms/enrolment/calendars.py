"""Calendars to subscribe to: the lectures of a person, and where the person finds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select

from lms.catalogue.models import (
    LECTURE_TITLE,
    SERIES_TITLE,
    Lecture,
    LectureInstructor,
    LectureState,
    Series,
    SeriesInstructor,
    Visibility,
)
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_one
from lms.core.storage.secret_keys import SealBroken, unseal
from lms.enrolment.membership import IS_ENROLLED
from lms.enrolment.models import CalendarAddress, Enrolment
from lms.enrolment.queries.rows import PERSON_ROW, is_of
from lms.people.models import Account, Person
from lms.people.passwords import hash_secret

PAST = timedelta(days=90)
"""How long a lecture stays in feeds after its date."""
OFF = timedelta(days=30)
"""How long a cancelled one does, so that every program has read that it is off."""
MOST = 500


@dataclass(frozen=True)
class Subscriber:
    """The person to whom a private address belongs."""

    person_id: int
    full_name: str
    locale: str


@dataclass(frozen=True)
class OwnAddress:
    """The private address of the reader's calendar; `secret` is null where it cannot be shown any more."""

    secret: str | None
    made_at: datetime
    read_at: datetime | None
    program: str


def belongs_to(person_id: int) -> str:
    """Returns what the secret of a person's calendar is sealed for."""
    return f"calendar:{person_id}"


def own_address(*, by: Actor) -> OwnAddress | None:
    """The reader's address; null without one."""
    row = db.session.get(CalendarAddress, by.person_id) if by.person_id is not None else None
    if row is None:
        return None
    return OwnAddress(opened(row), row.made_at, row.read_at, row.program)


def opened(row: CalendarAddress) -> str | None:
    """The secret of an address; None where it was sealed with a secret of the installation that is gone."""
    try:
        return unseal(row.sealed, belongs_to=belongs_to(row.person_id))
    except SealBroken:
        return None


def export_of_calendar(person_id: int) -> dict[str, str | None] | None:
    """Returns what is stored of a person's private address, for the person's export; null without one."""
    row = db.session.get(CalendarAddress, person_id)
    if row is None:
        return None
    read_at = row.read_at.isoformat() if row.read_at is not None else None
    return {"made_at": row.made_at.isoformat(), "read_at": read_at, "program": row.program}


def subscriber_of(secret: str) -> Subscriber:
    """Returns whose address a secret is of. NotFound for none, and for a disabled account."""
    subscriber = (
        select(PERSON_ROW.canonical_id)
        .join(CalendarAddress, CalendarAddress.person_id == PERSON_ROW.id)
        .outerjoin(Account, Account.person_id == PERSON_ROW.canonical_id)
        .where(CalendarAddress.secret_hash == hash_secret(secret), Account.disabled_at.is_(None))
        .scalar_subquery()
    )
    row = read_one(select(Person.id, Person.full_name, Person.locale).where(Person.id == subscriber))
    if row is None:
        raise NotFound
    return Subscriber(*row)


_SAID = (
    Lecture.id,
    Lecture.sequence,
    Lecture.state,
    *LECTURE_TITLE,
    Lecture.abstract,
    Lecture.starts_at,
    Lecture.time_zone,
    Lecture.duration_minutes,
    Lecture.reason,
    *SERIES_TITLE,
)


def _read(condition: ColumnElement[bool], at: datetime) -> Sequence[Any]:
    """Returns what a calendar says of these lectures: those with a date that is not long past, the latest first."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    query = (
        select(*_SAID)
        .join(Series)
        .where(
            condition,
            Lecture.state != LectureState.DRAFT,
            Lecture.held_unknown.is_(False),
            Lecture.local_start.is_not(None),
            Lecture.starts_at > day - PAST,
            or_(Lecture.state != LectureState.CANCELLED, Lecture.starts_at > day - OFF),
        )
        .order_by(Lecture.starts_at.desc(), Lecture.id)
        .limit(MOST)
    )
    return read(query)


def read_own(person_id: int, *, at: datetime) -> Sequence[Any]:
    """All that the calendar of a person says: the lectures enrolled for, and those that the person gives."""
    enrolled = select(Enrolment.series_id).where(is_of(PERSON_ROW.canonical_id == person_id), IS_ENROLLED)
    gives = exists().where(LectureInstructor.lecture_id == Lecture.id, LectureInstructor.person_id == person_id)
    leads = exists().where(SeriesInstructor.series_id == Lecture.series_id, SeriesInstructor.person_id == person_id)
    attends = and_(Series.visibility == Visibility.PUBLIC, Lecture.series_id.in_(enrolled))
    return _read(or_(attends, gives, leads), at)


def read_of_series(series_id: int, *, at: datetime) -> Sequence[Any]:
    """All that the calendar of a series says."""
    return _read(Lecture.series_id == series_id, at)


def lectures_of(rows: Sequence[Any]) -> list[Lecture]:
    """The lectures that were read for a feed, with their series."""
    ids = [row.id for row in rows]
    query = select(Lecture, Series).join(Series).where(Lecture.id.in_(ids)).order_by(Lecture.starts_at, Lecture.id)
    return [lecture for lecture, _series in db.session.execute(query)]
