"""Imports of attendance reports: read and previewed outside any transaction, published in one short one."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, true

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
    StagedFile,
    check_can_import,
    delete_files,
    find_staged,
    stage_attendance,
    store_staged,
)
from lms.attendance_imports.actions.unmatched import (
    ReportedIdentity,
    hold_unmatched_attendees,
    keep_unmatched_attendees,
    recount_elsewhere,
    settle,
    settle_alone,
)
from lms.attendance_imports.queries.imports import content_of, kept_row, window_of
from lms.attendance_imports.queries.matching import (
    LEADING,
    AttendeeMatch,
    NameMatches,
    match_again,
    match_rows,
)
from lms.attendance_imports.queries.unmatched import StoredEvidence, evidence_in
from lms.attendance_imports.readers import reading
from lms.attendance_imports.readers.mapping import ColumnPreview
from lms.attendance_imports.readers.report import ReportRow
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.loading import complete_lectures
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.events import AttendanceReported, publish
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.text.i18n import _, _n
from lms.core.time import clock, durations
from lms.core.time.dates import moment_in
from lms.enrolment.membership import eligible_people
from lms.enrolment.queries.sharing import hidden_among
from lms.people.actions.persons import hold_addresses
from lms.people.models import new_public_id
from lms.people.queries.persons import ids_by_email

Progress = Callable[[int, int], None]
STEPS = 3
"""A file is read, matched and written."""
KEPT = timedelta(days=1)
"""How long a file waits to be imported."""


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
    perhaps = {one.known.person_id for match in matches for one in match.candidates}
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
                "person": one.known.public_id,
                "full_name": one.known.full_name,
                "score": one.score,
                "reasons": list(one.reasons),
            }
            for one in match.candidates
            if one.known.person_id not in hidden
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


# The pages: a file waits under an internal key, with the answers about it and the content read from it


def keep_file(
    lecture_id: int,
    content: bytes,
    *,
    file_name: str,
    options: dict[str, Any],
    staged_file: StagedFile | None = None,
    by: Actor,
    at: datetime,
) -> str:
    """Stores a file until it is imported, with what was read from it; returns its public id.

    Files that are never imported are deleted a day later.
    """
    public_id = new_public_id()
    file_key = f"attendance/{public_id}"
    try:
        files.store(file_key, content)
        if staged_file is not None:
            store_staged(file_key, staged_file)
        values = {"public_id": public_id, "lecture_id": lecture_id, "file_name": file_name[:200], "file_key": file_key,
                  "digest": reading.digest(content), "answer": options}  # fmt: skip
        _keep(values, by=by, at=at)
    except BaseException:
        delete_files(file_key)
        raise
    return public_id


@action
def _keep(values: dict[str, Any], *, by: Actor, at: datetime) -> None:
    check_can_edit_lecture(get_lecture(values["lecture_id"], by=by), by)
    old = select(AttendanceImport).where(
        AttendanceImport.published_at.is_(None), AttendanceImport.staged_at < at - KEPT
    )
    for left in db.session.scalars(old):
        delete_files(left.file_key or "")
        db.session.delete(left)
    db.session.add(AttendanceImport(**values, by_person_id=by.person_id, staged_at=at))


def keep_answer(public_id: str, *, staged_file: StagedFile, by: Actor, at: datetime) -> None:
    """Stores the answers about how to read an uploaded file, and what was found in it by them."""
    store_staged(kept_row(public_id, by=by).file_key or "", staged_file)
    _keep_answer(public_id, options=dict(staged_file.options), by=by, at=at)


@action
def _keep_answer(public_id: str, *, options: dict[str, Any], by: Actor, at: datetime) -> None:  # noqa: ARG001 - as every action
    kept_row(public_id, by=by).answer = options


def columns_of(row: AttendanceImport) -> ColumnPreview | None:
    """The columns of an uploaded file to ask about, if any."""
    cached = find_staged(row.file_key or "", row.answer)
    return cached.column_preview if cached is not None else reading.look_at(content_of(row))


def find_staged_import(row: AttendanceImport, *, by: Actor) -> StagedFile:
    """Returns what was found in a kept file. It is read again only where that is not known, or the lecture has other
    times.

    Raises as `stage_attendance`, and NotFound once the file is gone.
    """
    times = check_can_import(db.session.get_one(Lecture, row.lecture_id), by=by)
    cached = find_staged(row.file_key or "", row.answer)
    if cached is not None and cached.staged is not None and cached.staged.times == times:
        return cached
    content = content_of(row)
    staged = stage_attendance(row.lecture_id, content, file_name=row.file_name, **row.answer, by=by)
    columns = staged.column_preview or (cached.column_preview if cached is not None else None)
    return StagedFile(row.answer, staged, column_preview=columns)


def publish_kept(
    public_id: str,
    *,
    skip_bad_rows: bool,
    by: Actor,
    at: datetime,
    progress: Progress = lambda _done, _total: None,
) -> ImportAnswer:
    """The last step: publishes an uploaded file and deletes it.

    What is to be read and matched is so before the transaction. Reports finished steps to `progress`. Raises NotFound
    once the file is published or cancelled.
    """
    progress(0, STEPS)
    staged_file = find_staged_import(kept_row(public_id, by=by), by=by)
    return publish_found(public_id, staged_file, skip_bad_rows=skip_bad_rows, by=by, at=at, progress=progress)


def publish_found(
    public_id: str,
    staged_file: StagedFile,
    *,
    skip_bad_rows: bool,
    by: Actor,
    at: datetime,
    progress: Progress = lambda _done, _total: None,
) -> ImportAnswer:
    """`publish_kept` of what was found in the file."""
    staged = staged_file.staged
    assert staged is not None
    check_rows(staged, skip_bad_rows=skip_bad_rows)
    progress(1, STEPS)
    matched = match_staged(staged, earlier=staged_file.names, by=by)
    progress(2, STEPS)
    return _publish_kept(public_id, staged, matched, by=by, at=at)


@action
def _publish_kept(
    public_id: str, staged: StagedAttendance, matched: Matched, *, by: Actor, at: datetime
) -> ImportAnswer:
    waiting = select(AttendanceImport).where(
        AttendanceImport.public_id == public_id, AttendanceImport.published_at.is_(None)
    )
    row = db.session.scalar(waiting.with_for_update())
    if row is None:
        raise NotFound
    answer = publish_matched(staged, matched, by=by, at=at)
    _forget(row)
    return answer


@action
def drop_kept(public_id: str, *, by: Actor, at: datetime) -> None:  # noqa: ARG001 - as every action
    """Leaves a kept file unpublished and forgets it."""
    _forget(kept_row(public_id, by=by))


def _forget(row: AttendanceImport) -> None:
    delete_files(row.file_key or "")
    db.session.execute(delete(AttendanceImport).where(AttendanceImport.id == row.id))
