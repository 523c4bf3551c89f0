"""Whom the rows of a report speak of: by address, else by the exact full name among the enrolled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from lms.attendance.queries.evidence import pieces
from lms.attendance.reading import ReportRow, plain_name
from lms.catalogue.models import Lecture
from lms.core.db import db
from lms.core.words import _
from lms.enrolment.queries import about, expected_at, expected_in
from lms.people.models import Person
from lms.people.queries import ids_by_email
from lms.people.rules import email_key


@dataclass
class Matches:
    """For each row the person (null: nobody, or nobody for sure) and who the row says it is, for its identity."""

    people: list[int | None] = field(default_factory=list)
    who: list[str] = field(default_factory=list)
    unmatched: list[dict[str, Any]] = field(default_factory=list)

    @property
    def matched(self) -> int:
        """How many rows belong to a known person."""
        return len(self.people) - len(self.unmatched)


FEW = 500
"""Up to so many people are asked for one by one."""


def belonging(lecture: Lecture, people: Collection[int] | None = None) -> set[int]:
    """Whose attendance of a lecture is credited: who was enrolled when it ended, and who is enrolled now.

    Of some `people` only, where given.
    """
    if people is None or len(people) > FEW:
        found = db.session.scalars(expected_at(lecture, or_now=True, people=people))
    else:
        query = expected_in(has_ended=lecture.actual_end is not None, or_now=True, of_some=True)
        found = db.session.scalars(query, about(lecture) | {"people": list(people)})
    return {person_id for person_id in found if person_id is not None}


def match_rows(lecture: Lecture, rows: Sequence[ReportRow]) -> Matches:
    """Matches the rows as things stand now; an address is compared in any case of letters."""
    found = Matches()
    keys = [email_key(row.email) if row.email else "" for row in rows]
    known = ids_by_email({key for key in keys if key})
    names: dict[str, list[tuple[int, str, str]]] | None = None
    for row, key in zip(rows, keys, strict=True):
        if key:
            person = known.get(key)
            found.people.append(person)
            found.who.append(key)
            if person is not None:
                continue
            reason = _("Nobody is known by this address.")
        else:
            person = None
            reason = _("Nobody of this name is enrolled.")
        if names is None and row.name:
            names = _names(belonging(lecture))
        alike = names.get(plain_name(row.name), []) if names and row.name else []
        if not key:
            if len(alike) == 1:
                person = alike[0][0]
            elif alike:
                reason = _("Several people of this name are enrolled.")
            found.people.append(person)
            found.who.append(f"name:{plain_name(row.name)}")
            if person is not None:
                continue
        found.unmatched.append(
            {
                "row": row.line,
                "name": row.name or None,
                "email": row.email or None,
                "reason": reason,
                "candidates": [
                    {"person": public_id, "full_name": full_name, "reasons": [_("the same full name")]}
                    for _id, public_id, full_name in alike
                ],
            }
        )
    return found


def _names(person_ids: set[int]) -> dict[str, list[tuple[int, str, str]]]:
    """People by their name as compared; a person's native name counts too."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for some in pieces(person_ids):
        query = select(Person.id, Person.public_id, Person.full_name, Person.native_name).where(
            Person.id.in_(some), Person.erased_at.is_(None)
        )
        for person_id, public_id, full_name, native_name in db.session.execute(query):
            for name in {plain_name(full_name), plain_name(native_name or "")} - {""}:
                found.setdefault(name, []).append((person_id, public_id, full_name))
    return found
