"""Imports of attendance reports: read and previewed outside any transaction, published in one short one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, true

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_locked, insert_presence, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.actions.people import take_walk_ins
from lms.attendance.models.evidence import AttendanceImport, MatchMethod, Presence, Source, UnmatchedAttendee
from lms.attendance.presence import is_held
from lms.attendance.rules import evidence_of
from lms.attendance_imports.actions.mappings import keep_mapping
from lms.attendance_imports.actions.staging import (
    StagedAttendance,
)
from lms.attendance_imports.actions.unmatched import (
    ReportedIdentity,
    hold_unmatched_attendees,
    keep_unmatched_attendees,
    recount_elsewhere,
    settle,
    settle_alone,
)
from lms.attendance_imports.queries.imports import window_of
from lms.attendance_imports.queries.matching import (
    LEADING,
    AttendeeMatch,
    NameMatches,
    match_again,
    match_rows,
)
from lms.attendance_imports.queries.unmatched import StoredEvidence, evidence_in
from lms.attendance_imports.readers.report import ReportRow
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.loading import complete_lectures
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Invalid, Refused
from lms.core.base.events import AttendanceReported, publish
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _, _n
from lms.core.time import clock, durations
from lms.core.time.dates import moment_in
from lms.enrolment.membership import eligible_people
from lms.enrolment.queries.sharing import hidden_among
from lms.people.actions.persons import hold_addresses
from lms.people.queries.persons import ids_by_email


@dataclass
class _Tally:
    """The rows to write of a report, and the people whose evidence is new.

    `told` are those nobody is known by, under their keys; `new` rows name theirs by its key. Of evidence that was
    there, `settled` unmatched attendees mean somebody from now on, and `alone` are rows recognised by themselves.
    """

    new: list[tuple[dict[str, Any], str | None]] = field(default_factory=list)
    identities: dict[str, ReportedIdentity] = field(default_factory=dict)
    settled: dict[int, int] = field(default_factory=dict)
    alone: dict[str, int] = field(default_factory=dict)
    answer: ImportAnswer = field(default_factory=ImportAnswer)
    newly_seen: list[int] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.new or self.settled or self.alone)


@dataclass(frozen=True)
class ImportPreview:
    """The answer that publishing a report would give now, how many attendees are not enrolled, and the matches."""

    answer: ImportAnswer
    not_enrolled: int
    names: NameMatches


def preview_attendance(staged: StagedAttendance, *, by: Actor) -> ImportPreview:
    """Matches a report and says what publishing it would do. Writes nothing."""
    lecture = get_lecture(staged.lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    matches = match_rows(lecture, staged.rows)
    tally = _tally(lecture, staged, matches.rows, by)
    not_enrolled = len(set(tally.newly_seen) - eligible_people(lecture.id))
    return ImportPreview(tally.answer, not_enrolled, matches.names)


def _tally(lecture: Lecture, staged: StagedAttendance, matches: Sequence[AttendeeMatch], by: Actor) -> _Tally:
    """Sorts the rows into new evidence, evidence whose person is now known, and existing evidence."""
    there = evidence_in(lecture.id)
    tally, answer = _Tally(), ImportAnswer()
    perhaps = {candidate.known.person_id for match in matches for candidate in match.candidates}
    hidden = hidden_among(lecture.series_id, perhaps, by=by)
    guests = 0
    for row, match in zip(staged.rows, matches, strict=True):
        if row.role in LEADING and not match.is_expected:
            guests += 1
            continue
        evidence = evidence_of(match.key, *row.content)
        is_known = match.person is not None
        answer.matched += is_known
        if not is_known:
            answer.unmatched.append(_unmatched(row, match, hidden))
        if evidence not in there:
            there[evidence] = StoredEvidence(match.attendee, True)
            is_decided = match.attendee is not None
            through = match.key if is_decided or not is_known else None
            if through is not None and not is_decided:
                tally.identities.setdefault(match.key, (row.reported_name or row.name or None, row.email or None))
            tally.new.append((_presence(lecture, row, match, evidence), through))
            answer.created += is_known
        elif there[evidence].is_settled or not is_known:
            answer.unchanged += is_known
            continue
        else:
            _recognise(tally, there, evidence, match)
            answer.updated += 1
        if match.person is not None:
            tally.newly_seen.append(match.person)
    answer.rows = staged.report.total
    answer.rejected = list(staged.rejected)
    answer.notes = list(staged.report.notes)
    answer.not_read = list(staged.report.not_read)
    if guests:
        answer.notes.append(
            _n(
                "%(num)s row of a host or panelist who is not enrolled is ignored.",
                "%(num)s rows of hosts and panelists who are not enrolled are ignored.",
                guests,
            )
        )
    tally.answer = answer
    return tally


def _recognise(tally: _Tally, there: dict[str, StoredEvidence], evidence: str, match: AttendeeMatch) -> None:
    """Links stored evidence of a person who has become known.

    An address belongs to one person in the whole series. A name is only unique among those enrolled today, so the row
    is linked on its own.
    """
    assert match.person is not None
    attendee = there[evidence].attendee_id
    there[evidence] = StoredEvidence(attendee, True)
    if match.how is MatchMethod.NAME or attendee is None:
        tally.alone[evidence] = match.person
    else:
        tally.settled[attendee] = match.person


def _presence(lecture: Lecture, row: ReportRow, match: AttendeeMatch, evidence: str) -> dict[str, Any]:
    return {
        "lecture_id": lecture.id,
        "person_id": match.person if match.attendee is None else None,
        "source": Source.IMPORT,
        "joined_ms": row.joined_ms,
        "left_ms": row.left_ms,
        "stated_ms": row.stated_ms,
        "evidence": evidence,
        "import_id": None,
        "attendee_id": match.attendee,
    }


def _unmatched(row: ReportRow, match: AttendeeMatch, hidden: Collection[int]) -> dict[str, Any]:
    return {
        "row": row.line,
        "name": row.name or None,
        "email": row.email or None,
        "reason": match.reason,
        "candidates": [
            {
                "person": candidate.known.public_id,
                "full_name": candidate.known.full_name,
                "score": candidate.score,
                "reasons": list(candidate.reasons),
            }
            for candidate in match.candidates
            if candidate.known.person_id not in hidden
        ],
    }


def publish_attendance(
    staged: StagedAttendance, *, skip_bad_rows: bool = False, by: Actor, at: datetime
) -> ImportAnswer:
    """Writes a staged report: evidence, walk-ins, credits. Matches are looked up again before the transaction.

    The same evidence again creates nothing, whatever file it is in. Raises Invalid with every rejected row unless they
    are skipped.
    """
    check_rows(staged, skip_bad_rows=skip_bad_rows)
    return publish_matched(staged, match_staged(staged, by=by), by=by, at=at)


@dataclass(frozen=True)
class Matched:
    """The people matched to the rows of a report, and the state of the data at that time."""

    tally: _Tally
    basis: tuple[int, ...]


def check_rows(staged: StagedAttendance, *, skip_bad_rows: bool) -> None:
    """Invalid with every bad row, unless they are to be skipped and there are others."""
    if staged.rejected and (not skip_bad_rows or not staged.rows):
        raise Invalid(faults=staged.rejected)


def match_staged(staged: StagedAttendance, *, earlier: NameMatches | None = None, by: Actor) -> Matched:
    """Matches the rows of a report to people; after `earlier`, as far as something may have changed since. Writes
    nothing and blocks nobody.
    """
    lecture = get_lecture(staged.lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    basis = _basis(lecture)  # first: what comes in while the rest is read makes it another one
    rows = staged.rows
    matches = match_rows(lecture, rows) if earlier is None else match_again(lecture, rows, earlier)
    return Matched(_tally(lecture, staged, matches.rows, by), basis)


def _basis(lecture: Lecture) -> tuple[int, ...]:
    """A version that changes with each piece of evidence of a lecture and each decision about names of its series.

    Changes of people and places need no check: evidence is resolved when it is read.
    """
    latest = func.coalesce(func.max(Presence.id), 0).label("latest")
    seen = select(func.count().label("number"), latest).where(Presence.lecture_id == lecture.id).subquery()
    versions = func.coalesce(func.sum(UnmatchedAttendee.version), 0).label("versions")
    unmatched = select(func.count().label("unmatched"), versions)
    unmatched_rows = unmatched.where(UnmatchedAttendee.series_id == lecture.series_id).subquery()
    return tuple(db.session.execute(select(seen, unmatched_rows).join_from(seen, unmatched_rows, true())).one())


@action
def publish_matched(staged: StagedAttendance, matched: Matched, *, by: Actor, at: datetime) -> ImportAnswer:
    """The short transaction of `publish_attendance`. Rows affected by changes since matching are matched again."""
    lecture = get_lecture(staged.lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    series = lecture.series  # as long as it is named here, it is not read again
    hold_addresses(shared=True)
    hold_unmatched_attendees(series.id)
    hold_facts()
    check_not_closed(lock_lecture(lecture.id))
    complete_lectures([lecture])
    window_of(lecture)
    if lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None and lecture.starts_at > at:
        raise Refused(_("This lecture has not started yet."))
    if staged.mapping:
        keep_mapping(staged.signature, staged.mapping, lecture_id=lecture.id, by=by, at=at)
    tally = matched.tally
    unknown = [key for key in tally.identities if not key.startswith(("name:", "registrant:"))]
    if matched.basis != _basis(lecture) or ids_by_email(unknown):  # an address may have become known in the meantime
        tally = _tally(lecture, staged, match_rows(lecture, staged.rows).rows, by)
    answer = tally.answer
    if tally.writes:
        _write(lecture, staged, tally, by=by, at=at)
        notes, eligible = take_walk_ins(lecture, tally.newly_seen, by=by, at=at)
        answer.notes += notes
    else:
        eligible = eligible_people(lecture.id)
    if is_held(lecture):
        credit_locked(lecture, by=by, at=at, eligible=eligible)
        if lecture.join_url and tally.writes:
            publish(AttendanceReported(lecture_id=lecture.id, by=by, at=at))
    elif lecture.state is LectureState.SCHEDULED and (timed := [row for row in staged.rows if row.is_timed]):
        answer.notes.append(_proposal(lecture, timed))
    return answer


def counts_of(answer: ImportAnswer) -> dict[str, int]:
    """The import answer, as stored with the file."""
    return {"rows": answer.rows, "created": answer.created, "updated": answer.updated,
            "unmatched": len(answer.unmatched), "rejected": len(answer.rejected)}  # fmt: skip


def _write(lecture: Lecture, staged: StagedAttendance, tally: _Tally, *, by: Actor, at: datetime) -> None:
    counts = counts_of(tally.answer)
    row = AttendanceImport(
        lecture_id=lecture.id,
        file_name=staged.file_name,
        digest=staged.digest,
        format=staged.report.format,
        by_person_id=by.person_id,
        staged_at=at,
        published_at=at,
        answer=counts,
    )
    db.session.add(row)
    db.session.flush()
    attendee_ids = keep_unmatched_attendees(lecture.series_id, tally.identities)
    for new, through in tally.new:
        new["import_id"] = row.id
        if through in attendee_ids:
            new["attendee_id"] = attendee_ids[through]
    insert_presence(sorted((new for new, _through in tally.new), key=lambda new: new["person_id"] or 0))
    settle(tally.settled, MatchMethod.ADDRESS, by=by, at=at)
    settle_alone(lecture, tally.alone, MatchMethod.NAME, by=by, at=at)
    audit.record("attendance.import", by=by, at=at, detail=counts, lecture=lecture.id, person=tally.newly_seen)
    recount_elsewhere(lecture, tally.settled, by=by, at=at)


def _proposal(lecture: Lecture, timed: Sequence[ReportRow]) -> str:
    assert lecture.starts_at is not None
    planned = clock.to_ms(lecture.starts_at)
    start, end = rules.propose_times(
        [(row.joined_ms, row.left_ms) for row in timed],
        planned,
        planned + lecture.duration_minutes * durations.MINUTE_MS,
    )
    return _(
        "This lecture was not started here. According to the file it ran from %(start)s to %(end)s (%(zone)s). "
        "Attendance is counted after you confirm these times.",
        start=moment_in(clock.from_ms(start), lecture.time_zone),
        end=moment_in(clock.from_ms(end), lecture.time_zone),
        zone=lecture.time_zone,
    )
