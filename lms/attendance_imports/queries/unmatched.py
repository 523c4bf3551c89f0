"""Queries for unmatched attendees and their resolutions."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased

from lms.attendance.models.evidence import MatchMethod, Presence, UnmatchedAttendee
from lms.attendance.presence import WHO
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.text.i18n import _
from lms.core.time.dates import day_in
from lms.people.models import Person, PersonEmail


@dataclass(frozen=True)
class AttendeeStatus:
    """An unmatched attendee: the person (canonical; null: not a participant, or not decided), and how, by whom and when
    that was decided.
    """

    id: int
    key: str
    person_id: int | None
    how: MatchMethod | None
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True)
class StoredEvidence:
    """A piece of evidence that is there: through which unmatched attendee, and whether it is settled whose it is."""

    attendee_id: int | None
    is_settled: bool


def evidence_in(lecture_id: int) -> dict[str, StoredEvidence]:
    """The evidence of a lecture, by its identity."""
    query = (
        select(
            Presence.evidence,
            Presence.attendee_id,
            Presence.person_id.is_not(None) | UnmatchedAttendee.how.is_not(None),
        )
        .outerjoin(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .where(Presence.lecture_id == lecture_id)
    )
    return {
        evidence: StoredEvidence(through, bool(settled)) for evidence, through, settled in db.session.execute(query)
    }


def lectures_told_of(attendee_ids: Iterable[int]) -> set[int]:
    """The lectures in which these unmatched attendees were seen."""
    query = select(Presence.lecture_id).where(among(Presence.attendee_id, list(attendee_ids))).distinct()
    return set(db.session.scalars(query))


def claimable(person_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """The unmatched attendees under an address of one of these people (canonical, or a row merged into them), except
    those resolved by hand to someone else: the series of each, and its person.
    """
    query = (
        select(UnmatchedAttendee.id, UnmatchedAttendee.series_id, WHO)
        .join(PersonEmail, PersonEmail.key == UnmatchedAttendee.key)
        .join(Person, Person.id == PersonEmail.person_id)
        .where(
            among(PersonEmail.person_id, list(person_ids)),
            Person.erased_at.is_(None),
            UnmatchedAttendee.how.is_(None) | (UnmatchedAttendee.how == MatchMethod.NOBODY),
        )
    )
    return {id_: (series_id, person_id) for id_, series_id, person_id in db.session.execute(query)}


def has_claims(person_ids: Collection[int]) -> bool:
    """Whether any evidence waits under an address of these people."""
    return bool(claimable(person_ids))


def decided_in_words(by: str | None, at: datetime | None) -> str:
    """The name of the person who decided, and the time."""
    return _("resolved by %(who)s on %(day)s", who=by or _("the system"), day=_day(at))


def standing_in_words(attendee_id: int) -> str:
    """How an attendee was resolved and by whom, without the name of the linked person."""
    decider = aliased(Person)
    query = (
        select(UnmatchedAttendee.how, UnmatchedAttendee.person_id, decider.full_name, UnmatchedAttendee.decided_at)
        .outerjoin(decider, decider.id == UnmatchedAttendee.decided_by)
        .where(UnmatchedAttendee.id == attendee_id)
    )
    how, meant, by, at = db.session.execute(query).one()
    words = {"who": by or _("the system"), "day": _day(at)}
    if meant is not None:
        return _("identified by %(who)s on %(day)s", **words)
    if how is MatchMethod.NOBODY:
        return _("marked as not a participant by %(who)s on %(day)s", **words)
    return _("undone by %(who)s on %(day)s", **words)


def _day(at: datetime | None) -> str:
    return day_in(at, "UTC") if at is not None else "–"


def standing_of(series_id: int, keys: Iterable[str]) -> dict[str, AttendeeStatus]:
    """The unmatched attendees of a series under these keys."""
    decider = aliased(Person)
    query = (
        select(
            UnmatchedAttendee.id,
            UnmatchedAttendee.key,
            WHO,
            UnmatchedAttendee.how,
            decider.full_name,
            UnmatchedAttendee.decided_at,
        )
        .outerjoin(Person, Person.id == UnmatchedAttendee.person_id)
        .outerjoin(decider, decider.id == UnmatchedAttendee.decided_by)
        .where(UnmatchedAttendee.series_id == series_id, among(UnmatchedAttendee.key, list(keys)))
    )
    return {row[1]: AttendeeStatus(*row) for row in db.session.execute(query)}
