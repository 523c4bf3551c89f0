"""Tallies are written with the credits they count: in the same transaction, the lecture's row locked first."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from datetime import date

from sqlalchemy import delete, insert, select, update

from lms.attendance import tallies
from lms.attendance.models.credits import Credit, Tally
from lms.attendance.queries.tallies import attended_rows, attended_sums, days_of_held, has_tally
from lms.catalogue.models import Lecture
from lms.core.bulk import among
from lms.core.db import IDENTITY, action, db, one_at_a_time
from lms.core.errors import Forbidden
from lms.core.roles import Actor
from lms.people.models import Person

FEW = 500
"""Up to so many people are changed within a stored tally; for more it is made anew."""


def hold_tallies(*, alone: bool = False) -> None:
    """Taken before credits are written (by many at once), or before it changes who people are and where from (alone):
    neither then counts with what the other is about to change."""
    one_at_a_time(IDENTITY, shared=not alone)


def write_tally(lecture_id: int, only: Collection[int] | None = None) -> None:
    """Brings the tally of a lecture in line with its credits, inside the running action, its lecture locked.

    `only` names all people (ids, canonical now or until now) of whom something may have changed.
    """
    day = days_of_held([lecture_id]).get(lecture_id)
    if day is None:
        drop_tally(lecture_id)
        return
    query = select(Tally.day, Tally.people, Tally.cells).where(Tally.lecture_id == lecture_id)
    row = db.session.execute(query.with_for_update()).one_or_none()
    if row is None or only is None or len(only) > FEW or row.day != day:
        _store(lecture_id, tallies.build(day, attended_rows(lecture_id, day)), is_new=row is None)
        return
    tally = tallies.unpack(day, row.people, row.cells)
    if _change(tally, lecture_id, day, only):
        _store(lecture_id, tally, is_new=False)


def _change(tally: tallies.Tally, lecture_id: int, day: date, only: Iterable[int]) -> bool:
    """Counts some people anew; whether anything differs."""
    before = {person: tally.remove(person) for person in only if person in tally.people}
    after = {row.person: tally.add(row) for row in attended_rows(lecture_id, day, list(only))}
    # Sums are taken from the rows of all who stand there: nothing is added to what was added up before
    codes = {*before.values(), *after.values()}
    sums = {code: attended_sums(lecture_id, tally.people_in(code)) for code in codes}
    held = tally.sums_of(codes)
    if before == after and held == sums:
        return False
    tally.set_sums(sums)
    return True


def _store(lecture_id: int, tally: tallies.Tally, *, is_new: bool) -> None:
    people, cells = tallies.pack(tally)
    values = {"version": secrets.randbits(62), "day": tally.day, "people": people, "cells": cells}
    if is_new:
        db.session.execute(insert(Tally).values(lecture_id=lecture_id, **values))
    else:
        db.session.execute(update(Tally).where(Tally.lecture_id == lecture_id).values(**values))


def drop_tally(lecture_id: int) -> None:
    """Forgets the tally of a lecture that has no credits any more."""
    db.session.execute(delete(Tally).where(Tally.lecture_id == lecture_id))


def retally_lecture(lecture_id: int) -> None:
    """Counts a lecture whose day may have changed, inside the running action."""
    hold_tallies()
    lock_held(lecture_id)
    if has_tally(lecture_id):
        write_tally(lecture_id)


def lock_held(lecture_id: int) -> None:
    """Holds a lecture until the action ends: its credits and its tally change one after the other."""
    db.session.execute(select(Lecture.id).where(Lecture.id == lecture_id).with_for_update(of=Lecture))


def retally_people(person_ids: Collection[int]) -> None:
    """Counts these people anew wherever they have a credit, inside the running action: their country has changed."""
    hold_tallies(alone=True)
    own = select(Person.canonical_id).where(among(Person.id, person_ids))
    rows = db.session.execute(
        select(Credit.lecture_id, Credit.person_id, Person.canonical_id)
        .join(Person, Person.id == Credit.person_id)
        .where(Person.canonical_id.in_(own))
    )
    touched: dict[int, set[int]] = {}
    for lecture_id, person_id, canonical_id in rows:
        touched.setdefault(lecture_id, set()).update({person_id, canonical_id or person_id})
    for lecture_id in sorted(touched):
        lock_held(lecture_id)
        write_tally(lecture_id, touched[lecture_id])


@action
def rebuild_tallies(*, missing_only: bool = False, by: Actor) -> int:
    """Makes the tallies of all held lectures anew from the rows; returns how many. For administrators.

    With `missing_only` only of lectures that have none, or one of another day than theirs.
    """
    if not by.is_administrator:
        raise Forbidden
    hold_tallies(alone=True)
    days = days_of_held()
    stored = dict(db.session.execute(select(Tally.lecture_id, Tally.day)).all())
    for lecture_id in stored.keys() - days.keys():
        drop_tally(lecture_id)
    wanted = [id_ for id_, day in sorted(days.items()) if not missing_only or stored.get(id_) != day]
    for lecture_id in wanted:
        write_tally(lecture_id)
    return len(wanted)
