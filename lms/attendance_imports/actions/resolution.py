"""Resolving unmatched attendees: one at a time, all strong matches together, and undo.

Every step locks the series' unmatched attendees, then the lectures concerned: of two concurrent decisions, the second
sees the first, and both are counted. A decision names the version that the user saw.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update

from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.actions.people import take_walk_ins
from lms.attendance.models.evidence import MatchMethod, Presence, UnmatchedAttendee
from lms.attendance.queries.closings import find_closing
from lms.attendance_imports.actions.unmatched import hold_unmatched_attendees, settle, settle_alone
from lms.attendance_imports.queries.review import find_strong
from lms.attendance_imports.queries.unmatched import claimable, lectures_told_of, standing_in_words
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among
from lms.core.database.session import action, db
from lms.core.text.i18n import _, _n
from lms.core.text.translations import reader_text
from lms.people.models import Person
from lms.people.queries.persons import person_id_of


@dataclass
class ResolutionResult:
    """The result of a resolution: `count` attendees or rows, and what was done about walk-ins, in words."""

    count: int = 0
    notes: list[str] = field(default_factory=list)


@action
def resolve_attendee(
    lecture_id: int,
    attendee_id: int,
    *,
    person: str | None,
    version: int,
    rows: Collection[str] | None = None,
    by: Actor,
    at: datetime,
) -> ResolutionResult:
    """Resolves an unmatched attendee in its whole series: to a person (public id), or to null for someone who is not a
    participant.

    With `rows` (pieces of evidence of this lecture), only those rows are resolved, each separately. `version` is the
    version that the user saw. The lectures concerned are counted at once. For the lecture's instructors and
    administrators. NotFound for an unmatched attendee that was not seen in this lecture, rows of another attendee, and
    an unknown person; Invalid without a row; Refused once someone else has decided, and where attendance is closed.
    """
    lecture = _held_for(lecture_id, by)
    who = _person(person) if person is not None else None
    how = MatchMethod.HAND if who is not None else MatchMethod.NOBODY
    row = _unmatched_attendee(lecture, attendee_id)
    if rows is None and row.version == version + 1 and (row.how, row.person_id) == (how, who):
        return ResolutionResult()  # sent twice
    _check_seen(row, version)
    if rows is not None and not rows:
        raise Invalid("rows", _("Select the rows this applies to."))
    was = row.person_id
    if rows is None:
        concerned = _lock(lecture, lectures_told_of([attendee_id]))
        settle({attendee_id: who}, how, by=by, at=at)
    else:
        concerned = _lock(lecture, [lecture_id])
        _check_rows(lecture, attendee_id, rows)
        settle_alone(lecture, dict.fromkeys(rows, who), how, by=by, at=at)
    audit.record(
        "attendance.decide", by=by, at=at, detail={"how": how.value}, lecture=concerned, attendee=attendee_id,
        person=_some(who, was),
    )  # fmt: skip
    notes, _here = take_walk_ins(lecture, [who], by=by, at=at) if who is not None else ([], set())
    _recount(concerned, _some(who, was), by=by, at=at)
    return ResolutionResult(len(rows) if rows is not None else 1, notes)


@action
def reject_attendees(lecture_id: int, versions: Mapping[int, int], *, by: Actor, at: datetime) -> ResolutionResult:
    """Marks unmatched attendees of this lecture as not participants, in its whole series.

    `versions` are those that the user saw, by attendee. Left out, with a note, are attendees who have been resolved
    since, and those who also appear in a lecture whose attendance is closed. Raises NotFound, and Refused where the
    attendance of this lecture is closed.
    """
    lecture = _held_for(lecture_id, by)
    check_not_closed(lock_lecture(lecture_id))
    rejected, changed, closed = [], 0, 0
    for attendee_id, version in sorted(versions.items()):
        row = _unmatched_attendee(lecture, attendee_id)
        if row.version != version or row.how is not None:
            changed += 1
        elif any(find_closing(other) is not None for other in lectures_told_of([attendee_id])):
            closed += 1
        else:
            rejected.append(attendee_id)
    settle(dict.fromkeys(rejected), MatchMethod.NOBODY, by=by, at=at)
    if rejected:
        detail = {"how": MatchMethod.NOBODY.value, "count": len(rejected)}
        audit.record("attendance.decide", by=by, at=at, detail=detail, lecture=sorted(lectures_told_of(rejected)))
    notes = []
    if changed:
        notes.append(_n("%(num)s was resolved by someone else.", "%(num)s were resolved by someone else.", changed))
    if closed:
        notes.append(
            _n("%(num)s also appears in a lecture whose attendance is closed.",
               "%(num)s also appear in lectures whose attendance is closed.", closed)
        )  # fmt: skip
    return ResolutionResult(len(rejected), notes)


@action
def undo_decision(lecture_id: int, attendee_id: int, *, version: int, by: Actor, at: datetime) -> None:
    """Undoes a resolution. The attendee is unmatched until resolved again.

    A row that was resolved separately returns to its attendee. Raises NotFound and Refused as for resolving. If it is
    already undone, nothing changes.
    """
    lecture = _held_for(lecture_id, by)
    row = _unmatched_attendee(lecture, attendee_id)
    if row.how is None and row.version == version + 1:
        return  # sent twice
    _check_seen(row, version)
    if row.how is None:
        return
    was, whole = row.person_id, row.within_id
    concerned = _lock(lecture, lectures_told_of([attendee_id]))
    settle({attendee_id: None}, MatchMethod.UNDONE, by=by, at=at)
    meant = None
    if whole is not None:
        db.session.execute(
            update(Presence)
            .where(Presence.attendee_id == attendee_id)
            .values(attendee_id=whole)
            .execution_options(synchronize_session=False)
        )
        meant = db.session.scalar(select(UnmatchedAttendee.person_id).where(UnmatchedAttendee.id == whole))
    audit.record("attendance.undo_decision", by=by, at=at, lecture=concerned, attendee=attendee_id, person=_some(was))
    _recount(concerned, _some(was, meant), by=by, at=at)


@action
def accept_strong(lecture_id: int, *, seen: str, by: Actor, at: datetime) -> ResolutionResult:
    """Accepts all strong matches. `seen` identifies the list that was reviewed (`find_strong`); raises Refused if it
    has changed.
    """
    lecture = _held_for(lecture_id, by)
    strong = find_strong(lecture, by=by)
    if strong.mark != seen:
        raise Refused(_("The list has changed since you opened it. Please review it again."))
    people = {one.attendee_id: one.candidate.known.person_id for one in strong.items}
    if not people:
        return ResolutionResult()
    concerned = _lock(lecture, lectures_told_of(people))
    settle(people, MatchMethod.TOGETHER, by=by, at=at)
    meant = set(people.values())
    detail = {"how": MatchMethod.TOGETHER.value, "count": len(people)}
    audit.record("attendance.decide", by=by, at=at, detail=detail, lecture=concerned, person=meant)
    _recount(concerned, meant, by=by, at=at)
    return ResolutionResult(len(people))


@action
def link_attendees(person_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Gives people the evidence that was kept under an address which is known to be theirs by now, in every series,
    and counts it; what somebody decided by hand stays. Returns how many lectures were counted.

    Who somebody is does not wait for attendance to be reopened: closed lectures count it too, as after a merge.
    """
    for series_id in sorted({series_id for series_id, _person in claimable(person_ids).values()}):
        hold_unmatched_attendees(series_id)
    hold_facts()
    people: dict[int, int | None] = {id_: person for id_, (_series, person) in claimable(person_ids).items()}
    if not people:
        return 0
    concerned = sorted(lectures_told_of(people))
    for lecture_id in concerned:
        lock_lecture(lecture_id)
    settle(people, MatchMethod.ADDRESS, by=by, at=at)
    claimers = _some(*people.values())
    audit.record("attendance.claim", by=by, at=at, lecture=concerned, person=claimers)
    for lecture_id in concerned:
        take_walk_ins(db.session.get_one(Lecture, lecture_id), sorted(claimers), by=by, at=at)
        credit_lecture(lecture_id, by=by, at=at, only=claimers)
    return len(concerned)


def _held_for(lecture_id: int, by: Actor) -> Lecture:
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    hold_unmatched_attendees(lecture.series_id)
    hold_facts()
    return lecture


def _person(public_id: str) -> int:
    person_id = person_id_of(public_id)
    if db.session.get_one(Person, person_id).erased_at is not None:
        raise NotFound
    return person_id


def _unmatched_attendee(lecture: Lecture, attendee_id: int) -> UnmatchedAttendee:
    """An unmatched attendee of the series that was seen in this lecture, as it is now."""
    row = db.session.scalar(
        select(UnmatchedAttendee)
        .where(UnmatchedAttendee.id == attendee_id, UnmatchedAttendee.series_id == lecture.series_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    seen = select(Presence.id).where(Presence.lecture_id == lecture.id, Presence.attendee_id == attendee_id)
    if row is None or (db.session.scalar(seen.limit(1)) is None and row.within_id is None):
        raise NotFound
    return row


def _check_seen(row: UnmatchedAttendee, version: int) -> None:
    if row.version != version:
        raise Refused(
            _("Someone else resolved this first (%(now)s). Please review it again.", now=standing_in_words(row.id))
        )


def _check_rows(lecture: Lecture, attendee_id: int, rows: Collection[str]) -> None:
    evidence = select(Presence.evidence).where(
        Presence.lecture_id == lecture.id, Presence.attendee_id == attendee_id, among(Presence.evidence, rows)
    )
    if set(db.session.scalars(evidence)) != set(rows):
        raise NotFound


def _lock(lecture: Lecture, lecture_ids: Collection[int]) -> list[int]:
    """Holds the lectures concerned, this one among them, in one order; Refused where one is closed."""
    concerned = sorted({lecture.id, *lecture_ids})
    for lecture_id in concerned:
        locked = lock_lecture(lecture_id)
        if lecture_id == lecture.id:
            check_not_closed(locked)
        elif find_closing(lecture_id) is not None:
            raise Refused(
                _(
                    "This person also appears in “%(title)s”, whose attendance is closed. Resolve the rows of "
                    "this lecture only, or reopen the other lecture.",
                    title=reader_text(locked),
                )
            )
    return concerned


def _recount(lecture_ids: Sequence[int], people: Collection[int], *, by: Actor, at: datetime) -> None:
    if people:
        who = set(db.session.scalars(select(Person.canonical_id).where(among(Person.id, people))))
        for lecture_id in lecture_ids:
            credit_lecture(lecture_id, by=by, at=at, only={*people, *(one for one in who if one is not None)})


def _some(*people: int | None) -> set[int]:
    return {person for person in people if person is not None}
