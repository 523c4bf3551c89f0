"""Files of attendance that wait to be imported, under an internal key, with the answers about them and the content read
from them; published at once or, where they are large, in the background."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from lms.attendance.models.evidence import AttendanceImport
from lms.attendance_imports.actions.imports import Matched, check_rows, counts_of, match_staged, publish_matched
from lms.attendance_imports.actions.staging import (
    StagedAttendance,
    StagedFile,
    check_can_import,
    delete_files,
    find_staged,
    stage_attendance,
    store_staged,
)
from lms.attendance_imports.queries.imports import content_of, kept_row
from lms.attendance_imports.readers import reading
from lms.attendance_imports.readers.mapping import ColumnPreview
from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.background.jobs import Job, JobState, request_job
from lms.core.base.errors import NotFound
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.people.models import new_public_id

Progress = Callable[[int, int], None]
STEPS = 3
"""A file is read, matched and written."""
KEPT = timedelta(days=1)
"""How long a file waits to be imported."""
JOB = "import_attendance"
LARGE = 5_000
"""Files with more rows are imported in the background."""


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


# Large files, imported in the background, so that users need not wait


@action
def request_publish(public_id: str, *, skip_bad_rows: bool, by: Actor, at: datetime) -> Job:
    """Requests that an uploaded file is published in the background. Returns the waiting or running job if there is
    one.

    Raises NotFound for a file that is gone, and for people who cannot edit the lecture.
    """
    row = kept_row(public_id, by=by)
    waiting = select(Job).where(Job.kind == JOB, Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
    for there in db.session.scalars(waiting):
        if there.arguments["import_id"] == public_id:
            return there
    arguments = {
        "import_id": public_id, "lecture_id": row.lecture_id, "digest": row.digest, "skip_bad_rows": skip_bad_rows,
        "by": by.person_id, "at": at.isoformat(),
    }  # fmt: skip
    return request_job(JOB, arguments, by=by, at=at, total=STEPS)


def publish_large(
    public_id: str, lecture_id: int, digest: str, *, skip_bad_rows: bool, by: Actor, at: datetime, progress: Progress
) -> dict[str, Any]:
    """Publishes an uploaded file and returns the counts. Restarted after it was done, it returns the same."""
    try:
        answer = publish_kept(public_id, skip_bad_rows=skip_bad_rows, by=by, at=at, progress=progress)
    except NotFound:
        query = select(AttendanceImport.answer).where(
            AttendanceImport.lecture_id == lecture_id,
            AttendanceImport.digest == digest,
            AttendanceImport.published_at == at,
        )
        done = db.session.scalar(query)
        if done is None:
            raise NotFound(
                _("This upload has expired or was already processed. If it was not imported, upload the file again.")
            ) from None
        return dict(done)
    return {**counts_of(answer), "notes": answer.notes}
