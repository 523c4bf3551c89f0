"""Reports of attendance: read and looked at outside any transaction, published in one short one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, select, update

from lms.attendance import reading, rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, insert_presence
from lms.attendance.actions.tallies import hold_tallies
from lms.attendance.actions.walk_ins import take_walk_ins
from lms.attendance.models import AttendanceImport, Presence, Source
from lms.attendance.queries.evidence import is_held
from lms.attendance.queries.imports import kept_import, window_of
from lms.attendance.queries.matching import Matches, belonging, match_rows
from lms.attendance.reading import Report, ReportRow
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core import audit, clock, files
from lms.core.db import action, db
from lms.core.errors import Fault, Invalid, Refused
from lms.core.imports import ImportAnswer
from lms.core.roles import Actor
from lms.core.words import _

KEPT = timedelta(days=1)
"""How long a file waits between the two steps of the page."""


@dataclass
class StagedAttendance:
    """A report that was read for a lecture and not yet written."""

    lecture_id: int
    file_name: str
    digest: str
    report: Report

    @property
    def rows(self) -> list[ReportRow]:
        """The rows that can be taken."""
        return self.report.rows

    @property
    def rejected(self) -> list[Fault]:
        """What is wrong, by line."""
        return self.report.rejected


def stage_attendance(
    lecture_id: int,
    content: bytes,
    *,
    file_name: str,
    format: str = "auto",
    time_zone: str | None = None,
    date_order: str | None = None,
    by: Actor,
) -> StagedAttendance:
    """Reads a report for a lecture; writes nothing.

    Raises Invalid (`format`, `time_zone`, `date_order`, `file`), WrongKind, TooLarge; Refused where the lecture
    cannot have evidence, its attendance is closed, or the report has no minute in common with it.
    """
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    check_not_closed(lecture)
    start, end = window_of(lecture)
    report = reading.read_report(content, format=format, time_zone=time_zone, date_order=date_order)
    if report.rows and not rules.clip([(row.joined_ms, max(row.left_ms, row.joined_ms + 1)) for row in report.rows],
                                      start, end):  # fmt: skip
        raise Refused(_("Nobody in this file was there during the lecture. Is it the right file and time zone?"))
    return StagedAttendance(lecture_id, file_name[:200], reading.digest(content), report)


@dataclass
class _Tally:
    """What is to be written of a report, and whose evidence is new."""

    new: list[dict[str, Any]] = field(default_factory=list)
    known: list[dict[str, Any]] = field(default_factory=list)
    answer: ImportAnswer = field(default_factory=ImportAnswer)
    newly_seen: list[int] = field(default_factory=list)
    evidence: set[str] = field(default_factory=set)


def preview_attendance(staged: StagedAttendance, *, by: Actor) -> tuple[ImportAnswer, int]:
    """What publishing would answer as things stand now, and how many people seen are not enrolled. Writes nothing."""
    lecture = get_lecture(staged.lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    tally = _tally(lecture, staged, match_rows(lecture, staged.rows))
    return tally.answer, len(set(tally.newly_seen) - belonging(lecture))


def _tally(lecture: Lecture, staged: StagedAttendance, matches: Matches) -> _Tally:
    """Sorts the rows into new evidence, evidence whose person has become known, and what is there already."""
    query = select(Presence.evidence, Presence.person_id).where(Presence.lecture_id == lecture.id)
    there: dict[str, int | None] = dict(db.session.execute(query).all())
    tally = _Tally()
    unmatched = {one["row"] for one in matches.unmatched}
    answer = tally.answer
    for row, person_id, who in zip(staged.rows, matches.people, matches.who, strict=True):
        evidence = reading.evidence_of(who, row.joined_ms, row.left_ms, "import")
        counts = row.line not in unmatched
        if evidence not in there:
            there[evidence] = person_id
            tally.evidence.add(evidence)
            tally.new.append(
                {
                    "lecture_id": lecture.id,
                    "person_id": person_id,
                    "source": Source.IMPORT,
                    "joined_ms": row.joined_ms,
                    "left_ms": row.left_ms,
                    "evidence": evidence,
                    "import_id": None,
                    "name": (row.name or None) if person_id is None else None,
                    "email": (row.email or None) if person_id is None else None,
                }
            )
            answer.created += counts
        elif there[evidence] is None and person_id is not None:
            there[evidence] = person_id
            tally.known.append({"seen": evidence, "who": person_id})
            answer.updated += counts
        else:
            answer.unchanged += counts
            continue
        if person_id is not None:
            tally.newly_seen.append(person_id)
    answer.rows = staged.report.total
    answer.matched = matches.matched
    answer.rejected = list(staged.rejected)
    answer.unmatched = list(matches.unmatched)
    answer.notes = list(staged.report.notes)
    return tally


@action
def publish_attendance(
    staged: StagedAttendance, *, skip_bad_rows: bool = False, by: Actor, at: datetime
) -> ImportAnswer:
    """Writes what was staged: evidence, walk-ins, credits. Matches are looked up anew.

    The same evidence again creates nothing, whatever file it comes in. Raises Invalid with every bad row unless
    they are to be skipped.
    """
    if staged.rejected and not skip_bad_rows:
        raise Invalid(faults=staged.rejected)
    hold_tallies()
    db.session.execute(select(Lecture.id).where(Lecture.id == staged.lecture_id).with_for_update())
    lecture = get_lecture(staged.lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    check_not_closed(lecture)
    window_of(lecture)
    if lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None and lecture.starts_at > at:
        raise Refused(_("This lecture has not begun."))
    if not staged.rows and staged.rejected:
        raise Invalid(faults=staged.rejected)
    tally = _tally(lecture, staged, match_rows(lecture, staged.rows))
    answer = tally.answer
    if tally.new or tally.known:
        _write(lecture, staged, tally, by=by, at=at)
        notes, here = take_walk_ins(lecture, tally.newly_seen, by=by, at=at)
        answer.notes += notes
    else:
        here = belonging(lecture)
    if is_held(lecture):
        credit_lecture(lecture.id, by=by, at=at, enrolled=here)
    elif lecture.state is LectureState.SCHEDULED and staged.rows:
        answer.notes.append(_proposal(lecture, staged.rows))
    return answer


def _write(lecture: Lecture, staged: StagedAttendance, tally: _Tally, *, by: Actor, at: datetime) -> None:
    answer = tally.answer
    counts = {"rows": answer.rows, "created": answer.created, "updated": answer.updated,
              "unmatched": len(answer.unmatched), "rejected": len(answer.rejected)}  # fmt: skip
    row = AttendanceImport(
        lecture_id=lecture.id,
        file_name=staged.file_name,
        digest=staged.digest,
        by_person_id=by.person_id,
        staged_at=at,
        published_at=at,
        answer=counts,
    )
    db.session.add(row)
    db.session.flush()
    for new in tally.new:
        new["import_id"] = row.id
    insert_presence(sorted(tally.new, key=lambda new: new["person_id"] or 0))
    if tally.known:
        table = cast(Table, Presence.__table__)
        statement = (
            update(table)
            .where(table.c.lecture_id == lecture.id, table.c.evidence == bindparam("seen"))
            .values(person_id=bindparam("who"), name=None, email=None)
        )
        db.session.connection().execute(statement, tally.known)
    audit.record("attendance.import", by=by, at=at, detail=counts, lecture=lecture.id, person=tally.newly_seen)


def _proposal(lecture: Lecture, rows: Sequence[ReportRow]) -> str:
    assert lecture.starts_at is not None
    planned = clock.to_ms(lecture.starts_at)
    start, end = rules.propose_times(
        [(row.joined_ms, row.left_ms) for row in rows], planned, planned + lecture.duration_minutes * rules.MINUTE_MS
    )
    return _(
        "Nobody started this lecture. By the file it was given from %(start)s to %(end)s (UTC): start and end it "
        "with these times, and attendance is counted.",
        start=f"{clock.from_ms(start):%Y-%m-%d %H:%M}",
        end=f"{clock.from_ms(end):%Y-%m-%d %H:%M}",
    )


# The two steps of the page: the file waits under a key of our own, with what was said about it


@action
def keep_file(
    lecture_id: int, content: bytes, *, file_name: str, options: dict[str, str], by: Actor, at: datetime
) -> str:
    """Keeps a file between the two steps; answers its public id. Files left behind for a day go."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    old = select(AttendanceImport).where(
        AttendanceImport.published_at.is_(None), AttendanceImport.staged_at < at - KEPT
    )
    for row in db.session.scalars(old):
        files.delete(row.file_key or "")
        db.session.delete(row)
    row = AttendanceImport(
        lecture_id=lecture_id,
        file_name=file_name[:200],
        digest=reading.digest(content),
        by_person_id=by.person_id,
        staged_at=at,
        answer=options,
    )
    db.session.add(row)
    db.session.flush()
    row.file_key = f"attendance/{row.public_id}"
    files.store(row.file_key, content)
    return row.public_id


@action
def publish_kept(public_id: str, *, skip_bad_rows: bool, by: Actor, at: datetime) -> ImportAnswer:
    """The second step: publishes a kept file and forgets it."""
    row, content = kept_import(public_id, by=by)
    staged = stage_attendance(row.lecture_id, content, file_name=row.file_name, **row.answer, by=by)
    answer = publish_attendance(staged, skip_bad_rows=skip_bad_rows, by=by, at=at)
    _forget(row)
    return answer


@action
def drop_kept(public_id: str, *, by: Actor, at: datetime) -> None:  # noqa: ARG001 - as every action
    """Leaves a kept file unpublished and forgets it."""
    row, _content = kept_import(public_id, by=by)
    _forget(row)


def _forget(row: AttendanceImport) -> None:
    files.delete(row.file_key or "")
    db.session.execute(delete(AttendanceImport).where(AttendanceImport.id == row.id))


__all__ = [
    "StagedAttendance",
    "drop_kept",
    "keep_file",
    "preview_attendance",
    "publish_attendance",
    "publish_kept",
    "stage_attendance",
]
