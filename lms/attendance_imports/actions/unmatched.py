"""Unmatched attendees: stored once per series, resolved later, undone."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, select, update

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.evidence import MatchMethod, Presence, Resolution, UnmatchedAttendee
from lms.attendance_imports.queries.unmatched import lectures_told_of
from lms.catalogue.models import Lecture
from lms.core.base.roles import Actor
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import db, one_at_a_time

ReportedIdentity = tuple[str | None, str | None]
"""Name and e-mail address as given in a file."""


def hold_unmatched_attendees(series_id: int) -> None:
    """Locks a series until the action ends: nobody else resolves its attendees or imports a file meanwhile.

    Taken before any row is locked, so that concurrent imports and decisions count each other's rows.
    """
    one_at_a_time(f"unmatched attendees {series_id}")


def keep_unmatched_attendees(series_id: int, identities: Mapping[str, ReportedIdentity]) -> dict[str, int]:
    """The ids of the unmatched attendees under these keys, made where there are none."""
    rows = [
        {"series_id": series_id, "key": key, "name": name, "email": email, "version": 0}
        for key, (name, email) in sorted(identities.items())
    ]
    insert_many(UnmatchedAttendee.__table__, rows, unless=("series_id", "key"))
    query = select(UnmatchedAttendee.key, UnmatchedAttendee.id).where(
        UnmatchedAttendee.series_id == series_id, among(UnmatchedAttendee.key, list(identities))
    )
    return dict(db.session.execute(query).all())


def settle(people: Mapping[int, int | None], how: MatchMethod, *, by: Actor, at: datetime) -> None:
    """Resolves unmatched attendees (ids) inside the running action, and records the decision."""
    if not people:
        return
    table = cast(Table, UnmatchedAttendee.__table__)
    statement = (
        update(table)
        .where(table.c.id == bindparam("which"))
        .values(
            person_id=bindparam("whom"),
            how=None if how is MatchMethod.UNDONE else how,
            decided_by=by.person_id,
            decided_at=at,
            version=table.c.version + 1,
        )
    )
    given = [{"which": id_, "whom": person_id} for id_, person_id in sorted(people.items())]
    db.session.connection().execute(statement, given)
    now = select(table.c.id, table.c.version, table.c.person_id).where(among(table.c.id, list(people)))
    insert_many(
        Resolution.__table__,
        [
            {"attendee_id": id_, "version": version, "person_id": person_id, "how": how,
             "by_person_id": by.person_id, "made_at": at}
            for id_, version, person_id in db.session.execute(now)
        ],
    )  # fmt: skip


def settle_alone(
    lecture: Lecture, people: Mapping[str, int | None], how: MatchMethod, *, by: Actor, at: datetime
) -> None:
    """Resolves single pieces of evidence of a lecture, regardless of other attendees of the same name."""
    if not people:
        return
    was = (
        select(Presence.evidence, UnmatchedAttendee.id, UnmatchedAttendee.name, UnmatchedAttendee.email)
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .where(Presence.lecture_id == lecture.id, among(Presence.evidence, list(people)))
    )
    within = {evidence: (id_, (name, email)) for evidence, id_, name, email in db.session.execute(was)}
    identities = {f"row:{evidence}": said for evidence, (_id, said) in within.items()}
    attendee_ids = keep_unmatched_attendees(lecture.series_id, identities)
    presence, attendee = cast(Table, Presence.__table__), cast(Table, UnmatchedAttendee.__table__)
    db.session.connection().execute(
        update(attendee).where(attendee.c.id == bindparam("own")).values(within_id=bindparam("whole")),
        [{"own": attendee_ids[f"row:{evidence}"], "whole": id_} for evidence, (id_, _said) in within.items()],
    )
    db.session.connection().execute(
        update(presence)
        .where(presence.c.lecture_id == lecture.id, presence.c.evidence == bindparam("seen"))
        .values(attendee_id=bindparam("own")),
        [{"seen": evidence, "own": attendee_ids[f"row:{evidence}"]} for evidence in within],
    )
    settle({attendee_ids[f"row:{evidence}"]: people[evidence] for evidence in within}, how, by=by, at=at)


def recount_elsewhere(lecture: Lecture, people: Mapping[int, int], *, by: Actor, at: datetime) -> None:
    """Recounts these people in the other lectures in which these unmatched attendees were seen, inside the action."""
    if people:
        for lecture_id in sorted(lectures_told_of(people) - {lecture.id}):
            credit_lecture(lecture_id, by=by, at=at, only=set(people.values()))
