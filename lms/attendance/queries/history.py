"""The history of one person's attendance of a lecture, with corrections to remove or restore."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from lms.attendance import rules
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Closing, Correction
from lms.attendance.models.evidence import (
    AttendanceImport,
    Join,
    Presence,
    ReplayViewing,
    Resolution,
    UnmatchedAttendee,
)
from lms.attendance.models.groups import ViewingGroup
from lms.attendance.queries.closings import find_closing
from lms.attendance.queries.roster import RosterRow, get_editable_lecture, get_row
from lms.catalogue.models import Lecture, LectureChange
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.audit import AuditEntry, AuditSubject
from lms.core.database.session import db
from lms.core.text.i18n import _, _n
from lms.core.time import clock
from lms.core.time.durations import whole_minutes
from lms.people.models import Person
from lms.people.queries.persons import members, person_id_of


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was done: when, in a sentence, in whose own words if there are any, and by whom.

    `by` is a person's id, null for the system. `said_by_person`: the person of the history wrote or did it.
    `correction_id` names what was set by hand, while it can be withdrawn or set again.
    """

    at: datetime
    kind: str
    text: str
    words: str = ""
    by: int | None = None
    said_by_person: bool = False
    correction_id: int | None = None
    holds: bool = False


@dataclass(frozen=True)
class HistoryContext:
    """The person and the lecture of a history; `members` are the ids of all rows that are this person today.

    `is_own`: the person reads it. What only staff should know (names of files, who was merged) is then left out.
    """

    lecture: Lecture
    person_id: int
    members: tuple[int, ...]
    is_own: bool


Teller = Callable[[HistoryContext], Iterable[Step]]
_TELLERS: list[Teller] = []


def tells(teller: Teller) -> Teller:
    """Registers a function that yields steps of histories."""
    _TELLERS.append(teller)
    return teller


@dataclass(frozen=True)
class History:
    """The steps, the latest first, with the names of those who took them; of a person on the roster also the row."""

    lecture: Lecture
    steps: list[Step]
    names: dict[int, str]
    row: RosterRow | None = None
    is_closed: bool = False


def get_history(lecture_id: int, person_public_id: str, *, by: Actor, at: datetime) -> History:
    """A person's history in a lecture, for the staff of the lecture. NotFound for who is not on the roster."""
    lecture = get_editable_lecture(lecture_id, by=by)
    row = get_row(lecture_id, person_public_id, by=by, at=at)
    steps = _steps(lecture, person_id_of(person_public_id), is_own=False)
    return History(lecture, steps, _names(steps), row, find_closing(lecture_id) is not None)


def own_history(lecture: Lecture, *, by: Actor) -> list[Step]:
    """Returns what was done about one's own attendance, the latest first; who of the staff did it is not said."""
    return [] if by.person_id is None else _steps(lecture, by.person_id, is_own=True)


def _steps(lecture: Lecture, person_id: int, *, is_own: bool) -> list[Step]:
    context = HistoryContext(lecture, person_id, tuple(members(person_id)), is_own)
    steps = [step for teller in _TELLERS for step in teller(context)]
    return sorted(steps, key=lambda step: step.at, reverse=True)  # of one moment: in the order of the tellers


def _names(steps: Iterable[Step]) -> dict[int, str]:
    ids = {step.by for step in steps if step.by is not None}
    if not ids:
        return {}
    return dict(db.session.execute(select(Person.id, Person.full_name).where(Person.id.in_(ids))).all())


@tells
def _corrections(context: HistoryContext) -> Iterable[Step]:
    earlier = aliased(Correction)
    query = (
        select(Correction, earlier.made_at)
        .outerjoin(earlier, earlier.id == Correction.restores_id)
        .where(Correction.lecture_id == context.lecture.id, Correction.person_id.in_(context.members))
        .order_by(Correction.id.desc())
    )
    rows = db.session.execute(query).all()
    made = {correction.made_at for correction, _restored in rows}
    for correction, restored in rows:
        if correction.withdrawn_at is not None and correction.withdrawn_at not in made:
            yield Step(
                at=correction.withdrawn_at,
                kind="withdrawn",
                text=_("Correction removed. The result follows the evidence."),
                by=correction.withdrawn_by,
            )
        word = rules.outcome_word(correction.outcome)
        yield Step(
            at=correction.made_at,
            kind="set",
            text=_("Corrected to %(outcome)s.", outcome=word)
            if restored is None
            else _("Correction restored: %(outcome)s.", outcome=word),
            words=correction.reason,
            by=correction.by_person_id,
            correction_id=correction.id,
            holds=correction.withdrawn_at is None,
        )


@tells
def _appeals(context: HistoryContext) -> Iterable[Step]:
    query = (
        select(Appeal)
        .where(Appeal.lecture_id == context.lecture.id, Appeal.person_id.in_(context.members))
        .order_by(Appeal.id.desc())
    )
    answers = {
        AppealState.ACCEPTED: _("Appeal accepted."),
        AppealState.DECLINED: _("Appeal declined."),
        AppealState.WITHDRAWN: _("Appeal cancelled."),
    }
    for appeal in db.session.scalars(query):
        if appeal.ended_at is not None:
            taken_back = appeal.state is AppealState.WITHDRAWN
            yield Step(
                at=appeal.ended_at,
                kind=appeal.state.value,
                text=answers[appeal.state],
                words=appeal.answer,
                by=appeal.person_id if taken_back else appeal.answered_by,
                said_by_person=taken_back,
            )
        yield Step(
            at=appeal.filed_at,
            kind="appeal",
            text=_("Appeal submitted."),
            words=appeal.text,
            by=appeal.person_id,
            said_by_person=True,
        )


@tells
def _closings(context: HistoryContext) -> Iterable[Step]:
    query = select(Closing).where(Closing.lecture_id == context.lecture.id).order_by(Closing.id.desc())
    for closing in db.session.scalars(query):
        if closing.reopened_at is not None:
            yield Step(
                at=closing.reopened_at,
                kind="reopened",
                text=_("Attendance of the lecture reopened."),
                words=closing.reason or "",
                by=closing.reopened_by,
            )
        yield Step(
            at=closing.closed_at,
            kind="closed",
            text=_("Attendance of the lecture closed."),
            by=closing.closed_by,
        )


@tells
def _reports(context: HistoryContext) -> Iterable[Step]:
    seen = (
        select(func.count())
        .select_from(Presence)
        .outerjoin(UnmatchedAttendee, UnmatchedAttendee.id == Presence.attendee_id)
        .where(
            Presence.import_id == AttendanceImport.id,
            or_(Presence.person_id.in_(context.members), UnmatchedAttendee.person_id.in_(context.members)),
        )
        .scalar_subquery()
    )
    query = (
        select(AttendanceImport, seen)
        .where(AttendanceImport.lecture_id == context.lecture.id, AttendanceImport.published_at.is_not(None))
        .order_by(AttendanceImport.id.desc())
    )
    for report, count in db.session.execute(query):
        what = _("A meeting report") if context.is_own else _("The report “%(name)s”", name=report.file_name)
        if count:
            text = _n(
                "%(what)s was imported. It contained %(num)s new interval for this person.",
                "%(what)s was imported. It contained %(num)s new intervals for this person.",
                count,
                what=what,
            )
        else:
            text = _("%(what)s was imported. It contained nothing new about this person.", what=what)
        yield Step(at=report.published_at, kind="report", text=text, by=report.by_person_id)


@tells
def _recognised(context: HistoryContext) -> Iterable[Step]:
    """That somebody of a report is this person, and that this was undone. The name in the report is for staff: it may
    be another's."""
    attendees_of_lecture = select(Presence.attendee_id).where(Presence.lecture_id == context.lecture.id)
    ever = select(Resolution.attendee_id).where(Resolution.person_id.in_(context.members))
    query = (
        select(Resolution, UnmatchedAttendee.name, UnmatchedAttendee.email)
        .join(UnmatchedAttendee, UnmatchedAttendee.id == Resolution.attendee_id)
        .where(UnmatchedAttendee.id.in_(attendees_of_lecture), UnmatchedAttendee.id.in_(ever))
        .order_by(Resolution.id)
    )
    was: dict[int, bool] = {}
    steps = []
    for decision, name, email in db.session.execute(query):
        is_now, before = decision.person_id in context.members, was.get(decision.attendee_id, False)
        was[decision.attendee_id] = is_now
        if is_now == before:
            continue
        who = _("a person in a report") if context.is_own else _("“%(name)s” in a report", name=name or email or "?")
        text = _("Identified: %(who)s is this person.", who=who)
        if before:
            text = _("Identification undone: %(who)s is this person.", who=who)
        steps.append(Step(at=decision.made_at, kind="recognised", text=text, by=decision.by_person_id))
    return reversed(steps)


@tells
def _groups(context: HistoryContext) -> Iterable[Step]:
    """From the audit trail: removing a person from a list or a signature leaves no row."""
    words = {
        "group.check_in": _("Checked in to the viewing group in %(place)s."),
        "group.add": _("Added to the list of the viewing group in %(place)s."),
        "group.remove": _("Removed from the list of the viewing group in %(place)s."),
        "group.sign": _("Confirmed as present in the viewing group in %(place)s."),
        "group.take_back": _("Signature for the viewing group in %(place)s withdrawn."),
    }
    group = aliased(AuditSubject)
    about = select(AuditSubject.entry_id)
    these = about.where(AuditSubject.kind == "person", AuditSubject.subject_id.in_(context.members))
    of_lecture = about.where(AuditSubject.kind == "lecture", AuditSubject.subject_id == context.lecture.id)
    query = (
        select(AuditEntry, ViewingGroup.city)
        .join(group, and_(group.entry_id == AuditEntry.id, group.kind == "group"))
        .join(ViewingGroup, ViewingGroup.id == group.subject_id)
        .where(AuditEntry.verb.in_(words), AuditEntry.id.in_(these), AuditEntry.id.in_(of_lecture))
        .order_by(AuditEntry.id.desc())
    )
    for entry, city in db.session.execute(query):
        checked_in = entry.verb == "group.check_in"
        yield Step(
            at=entry.at,
            kind=entry.verb.replace(".", "_"),
            text=words[entry.verb] % {"place": city},
            by=context.person_id if checked_in else entry.actor_id,
            said_by_person=checked_in,
        )


@tells
def _lecture(context: HistoryContext) -> Iterable[Step]:
    words = {
        "ended": _("Lecture ended; attendance counted."),
        "reopened": _("Lecture reopened."),
        "times_corrected": _("Start and end of the lecture corrected; attendance recounted."),
    }
    query = (
        select(LectureChange)
        .where(LectureChange.lecture_id == context.lecture.id, LectureChange.what.in_(words))
        .order_by(LectureChange.id.desc())
    )
    for change in db.session.scalars(query):
        yield Step(at=change.at, kind=change.what, text=words[change.what], by=change.by_person_id)


@tells
def _merges(context: HistoryContext) -> Iterable[Step]:
    if context.is_own:
        return
    words = {
        "merge_people": _("Two records of this person merged; their evidence is combined."),
        "undo_merge": _("Merge of two records undone."),
    }
    for entry in audit.list_entries("person", context.person_id, limit=500):
        if entry.verb in words:
            yield Step(at=entry.at, kind=entry.verb, text=words[entry.verb], by=entry.actor_id)


@tells
def _replays(context: HistoryContext) -> Iterable[Step]:
    query = select(ReplayViewing).where(
        ReplayViewing.lecture_id == context.lecture.id, ReplayViewing.person_id.in_(context.members)
    )
    for viewing in db.session.scalars(query):
        minutes = whole_minutes(viewing.played_ms)
        text = _n("Watched %(num)s minute of the replay.", "Watched %(num)s minutes of the replay.", minutes)
        at = clock.from_ms(viewing.reported_ms)
        yield Step(at=at, kind="replay", text=text, by=context.person_id, said_by_person=True)


@tells
def _joins(context: HistoryContext) -> Iterable[Step]:
    query = select(func.min(Join.joined_ms), func.count()).where(
        Join.lecture_id == context.lecture.id, Join.person_id.in_(context.members)
    )
    first, count = db.session.execute(query).one()
    if count:
        text = _n("Joined the live room.", "Joined the live room, %(num)s times in total.", count)
        yield Step(at=clock.from_ms(first), kind="joined", text=text, by=context.person_id, said_by_person=True)
