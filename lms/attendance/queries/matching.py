"""Whom the rows of a report speak of: by address, else by the exact full name among the enrolled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from lms.attendance.models import How
from lms.attendance.queries.appearances import Standing, standing_of
from lms.attendance.queries.evidence import pieces
from lms.attendance.reading import ReportRow, plain_name
from lms.catalogue.models import Lecture
from lms.core.db import db
from lms.core.words import _
from lms.enrolment.queries import about, expected_at, expected_in
from lms.people.models import Person
from lms.people.queries import ids_by_email
from lms.people.rules import email_key


@dataclass(frozen=True)
class Match:
    """Whom the rows of one "who" of a report mean, as things stand now.

    `person` is canonical; null: nobody, or nobody for sure. `how` they were found: by an address or a name, or as was
    decided earlier in the series (then `appearance` is what was decided upon). `reason` says why, or why nobody was.
    """

    key: str
    person: int | None
    how: How | None
    reason: str
    appearance: int | None = None
    candidates: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Matches:
    """The matches of a report's rows, in their order."""

    rows: list[Match]

    @property
    def matched(self) -> int:
        """How many rows belong to a known person."""
        return sum(match.person is not None for match in self.rows)


def who_of(row: ReportRow) -> str:
    """Who a row says it is: its address, else the registrant's id, else the name as the file writes it."""
    if row.email:
        return email_key(row.email)
    if row.registrant:
        return f"registrant:{row.registrant}"
    return f"name:{plain_name(row.said or row.name)}"


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
    """Matches the rows as things stand now: by what was decided in this series, else by address in any case of
    letters, by a registrant's id, or without either by the one enrolled of exactly this name."""
    keys = [who_of(row) for row in rows]
    first = dict(zip(reversed(keys), reversed(rows), strict=True))
    decided = {key: one for key, one in standing_of(lecture.series_id, first).items() if one.how is not None}
    known = ids_by_email({key for key, row in first.items() if row.email and key not in decided})
    found: dict[str, Match] = {}
    left: list[str] = []
    for key in first:
        if key in decided:
            found[key] = _as_decided(decided[key])
        elif key in known:
            found[key] = Match(key, known[key], How.ADDRESS, _("the same address"))
        else:
            left.append(key)
    if left:
        names = _names(belonging(lecture))
        found |= {key: _by_name(key, first[key], names) for key in left}
    return Matches([found[key] for key in keys])


def _as_decided(standing: Standing) -> Match:
    day = standing.decided_at.date() if standing.decided_at is not None else None
    reason = _("decided by %(who)s on %(day)s", who=standing.decided_by or _("the system"), day=day)
    if standing.person_id is None:
        reason = _("Nobody of ours: %(reason)s.", reason=reason)
    return Match(standing.key, standing.person_id, standing.how, reason, standing.id)


def _by_name(key: str, row: ReportRow, names: dict[str, list[tuple[int, str, str]]]) -> Match:
    alike = names.get(plain_name(row.name), []) if row.name else []
    if len(alike) == 1 and not row.email:
        return Match(key, alike[0][0], How.NAME, _("the same full name"))
    reason = _("Nobody is known by this address.") if row.email else _("Nobody of this name is enrolled.")
    if alike and not row.email:
        reason = _("Several people of this name are enrolled.")
    candidates = [
        {"person": public_id, "full_name": full_name, "reasons": [_("the same full name")]}
        for _id, public_id, full_name in alike
    ]
    return Match(key, None, None, reason, candidates=candidates)


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
