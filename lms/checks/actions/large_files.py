"""Large files of questions: kept as they were sent, read by a worker, and previewed from what was read."""

from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from lms.checks.actions.bank import (
    STAGED,
    QuestionsPreview,
    ReadFile,
    checked_format,
    checked_language,
    preview_of,
    read_questions,
)
from lms.checks.queries.checks import get_series_to_edit
from lms.core.background.jobs import Job, request_job
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import action
from lms.core.storage import files
from lms.core.storage.foreign_files import TABLES
from lms.core.storage.staged import FOLDER
from lms.core.text.i18n import _

JOB: Final = "read_questions"
LARGE_BYTES: Final = 200 * 1024
"""Larger files are read in the background."""


def _key(file_id: str, by: Actor) -> str:
    return f"{FOLDER}/sent-questions/{by.person_id}-{file_id}"


def request_reading(slug: str, content: bytes, size: int, *, language: str = "", by: Actor, at: datetime) -> Job:
    """Keeps a file and has a worker read it for its preview. Raises as `bank.import_questions`."""
    get_series_to_edit(slug, by=by)
    checked_format(None, content, size)
    language, file_id = checked_language(slug, language, by=by), uuid4().hex
    files.store(_key(file_id, by), content)
    try:
        return _request(slug, file_id, language, by=by, at=at)
    except BaseException:
        files.delete(_key(file_id, by))
        raise


@action
def _request(slug: str, file_id: str, language: str, *, by: Actor, at: datetime) -> Job:
    series = get_series_to_edit(slug, by=by)
    arguments = {"series_id": series.id, "slug": slug, "file_id": file_id, "language": language, "by": by.person_id}
    return request_job(JOB, arguments, by=by, at=at)


def read_kept(slug: str, file_id: str, *, language: str, by: Actor, at: datetime) -> dict[str, Any]:
    """Reads a kept file for its preview; returns the counts. Read again, the counts are the same.

    Raises NotFound once it is gone, and as `bank.import_questions`.
    """
    file = STAGED.find(file_id, by=by, at=at)
    if file is None:
        content = files.find(_key(file_id, by))
        if content is None:
            raise NotFound(_("This upload has expired. Upload the file again."))
        try:
            file = ReadFile(read_questions(slug, None, content, len(content), lane=TABLES, by=by), language)
            STAGED.keep(file_id, file, by=by, at=at)
        finally:
            files.delete(_key(file_id, by))
    answer = preview_of(slug, file_id, file, by=by, at=at).answer
    new = answer.created + answer.updated
    return {"new": new, "unchanged": answer.unchanged, "rejected": len(answer.rejected)}


def find_preview(slug: str, file_id: str, *, by: Actor, at: datetime) -> QuestionsPreview:
    """The preview of a file that a worker has read. Raises NotFound and Forbidden, and NotFound once it is gone."""
    get_series_to_edit(slug, by=by)
    file = STAGED.find(file_id, by=by, at=at)
    if file is None:
        reason = _("This upload has expired or was already processed. If it was not imported, upload the file again.")
        raise NotFound(reason)
    return preview_of(slug, file_id, file, by=by, at=at)
