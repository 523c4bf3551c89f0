"""Facts are written with the credits they are counted from: in the same transaction, the lecture's row locked first."""

import secrets
from collections.abc import Collection
from datetime import date

import numpy as np
from sqlalchemy import bindparam, delete, insert, select, update

from lms.attendance.facts import ATTENDANCES, Columns, changed, columns_of, pack, unpack
from lms.attendance.models.credits import Credit, LectureFacts
from lms.attendance.queries.facts import attended_rows, day_held, days_of_held, has_facts
from lms.catalogue.models import Lecture
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import IDENTITY, action, db, one_at_a_time, read, read_one
from lms.people.models import Person

FEW = 500
"""Up to this many people are changed within stored facts; for more, all are read again."""


def hold_facts(*, alone: bool = False) -> None:
    """Taken before credits are written (by many at once), or before it changes who people are and where from (alone):
    neither then counts with what the other is about to change."""
    one_at_a_time(IDENTITY, shared=not alone)


def write_facts(lecture_id: int, only: Collection[int] | None = None) -> None:
    """Brings the facts of a lecture in line with its credits, inside the running action, its lecture locked.

    `only` names all people (ids, canonical now or until now) of whom something may have changed.
    """
    _write_facts(lecture_id, days_of_held([lecture_id]).get(lecture_id), only)


def write_facts_of(lecture: Lecture, only: Collection[int]) -> None:
    """As `write_facts`, of a lecture whose row the running action has locked and read."""
    _write_facts(lecture.id, day_held(lecture), only)


def _write_facts(lecture_id: int, day: date | None, only: Collection[int] | None) -> None:
    if day is None:
        drop_facts(lecture_id)
        return
    stored = select(LectureFacts.day, LectureFacts.content).where(LectureFacts.lecture_id == lecture_id)
    row = read_one(stored.with_for_update())
    if row is None or only is None or len(only) > FEW or row.day != day:
        _store(lecture_id, day, columns_of(attended_rows(lecture_id, day)), is_new=row is None)
        return
    columns = changed(unpack(ATTENDANCES, row.content), only, attended_rows(lecture_id, day, only))
    if pack(ATTENDANCES, columns) != row.content:
        _store(lecture_id, day, columns, is_new=False)


def _store(lecture_id: int, day: date, columns: Columns, *, is_new: bool) -> None:
    values = {
        "version": secrets.randbits(62),
        "day": day,
        "attendances": len(columns["person"]),
        "content": pack(ATTENDANCES, columns),
    }
    if is_new:
        db.session.execute(insert(LectureFacts).values(lecture_id=lecture_id, **values))
    else:
        db.session.execute(update(LectureFacts).where(LectureFacts.lecture_id == lecture_id).values(**values))


def drop_facts(lecture_id: int) -> None:
    """Deletes the facts of a lecture that has no credits any more."""
    db.session.execute(delete(LectureFacts).where(LectureFacts.lecture_id == lecture_id))


def update_facts_of_lecture(lecture_id: int) -> None:
    """Recounts a lecture whose day may have changed, inside the running action."""
    hold_facts()
    lock_held(lecture_id)
    if has_facts(lecture_id):
        write_facts(lecture_id)


def lock_held(lecture_id: int) -> None:
    """Holds a lecture until the action ends: its credits and its facts change one after the other."""
    db.session.execute(select(Lecture.id).where(Lecture.id == lecture_id).with_for_update(of=Lecture))


def update_facts_of_people(person_ids: Collection[int]) -> None:
    """Counts these people again wherever they have a credit, inside the running action: their country has changed."""
    hold_facts(alone=True)
    of_people = select(Person.canonical_id).where(among(Person.id, person_ids))
    rows = db.session.execute(
        select(Credit.lecture_id, Credit.person_id, Person.canonical_id)
        .join(Person, Person.id == Credit.person_id)
        .where(Person.canonical_id.in_(of_people))
    )
    touched: dict[int, set[int]] = {}
    for lecture_id, person_id, canonical_id in rows:
        touched.setdefault(lecture_id, set()).update({person_id, canonical_id or person_id})
    for lecture_id in sorted(touched):
        lock_held(lecture_id)
        write_facts(lecture_id, touched[lecture_id])


def replace_country(before: int, after: int) -> None:
    """Counts all attendances of one country under another, inside the running action: nobody is of the first."""
    hold_facts(alone=True)
    changed_rows = []
    for lecture_id, content in read(select(LectureFacts.lecture_id, LectureFacts.content)):
        columns = unpack(ATTENDANCES, content)
        is_of = columns["country"] == before
        if is_of.any():
            columns["country"] = np.where(is_of, after, columns["country"])
            packed = pack(ATTENDANCES, columns)
            changed_rows.append({"of_id": lecture_id, "new": packed, "drawn": secrets.randbits(62)})
    if changed_rows:
        ids = [row["of_id"] for row in changed_rows]
        held = select(Lecture.id).where(among(Lecture.id, ids)).order_by(Lecture.id)
        db.session.execute(held.with_for_update(of=Lecture))
        statement = (
            update(LectureFacts.__table__)  # type: ignore[arg-type]
            .where(LectureFacts.lecture_id == bindparam("of_id"))
            .values(content=bindparam("new"), version=bindparam("drawn"))
        )
        db.session.connection().execute(statement, changed_rows)


@action
def rebuild_facts(*, missing_only: bool = False, by: Actor) -> int:
    """Writes the facts of all held lectures again from the rows; returns how many. For administrators.

    With `missing_only` only of lectures that have none, or of another day than theirs.
    """
    if not by.is_administrator:
        raise Forbidden
    hold_facts(alone=True)
    days = days_of_held()
    stored = dict(db.session.execute(select(LectureFacts.lecture_id, LectureFacts.day)).all())
    for lecture_id in stored.keys() - days.keys():
        drop_facts(lecture_id)
    lecture_ids = [id_ for id_, day in sorted(days.items()) if not missing_only or stored.get(id_) != day]
    for lecture_id in lecture_ids:
        write_facts(lecture_id)
    return len(lecture_ids)
