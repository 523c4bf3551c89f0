"""Changes the question bank of a series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.checks import questions
from lms.checks.actions.checks import renew_versions
from lms.checks.models import BankQuestion, Check, QuestionKind
from lms.checks.qti.reading import is_qti
from lms.checks.queries.checks import count_questions, get_question, get_series_to_edit
from lms.checks.rules import MAX_BANK
from lms.core.base.errors import Fault, Invalid, Refused, TooLarge
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage.foreign_files import TABLES, read_foreign
from lms.core.storage.staged import StagedFiles
from lms.core.text.i18n import _

MAX_FILE_MB = 10
FORMATS = {"gift": "lms.checks.gift:read", "qti": "lms.checks.qti.reading:read"}


@dataclass(frozen=True)
class _ReadFile:
    """Questions of a file, each as its reader gives it, and what could not be read."""

    items: list[dict[str, Any]]


@dataclass(frozen=True)
class QuestionsPreview:
    """The effects of a file: `answer` counts what would be added, `new` has the kinds and names. `file_id` confirms it;
    it is empty where nothing would be added."""

    file_id: str
    answer: ImportAnswer
    new: Sequence[tuple[QuestionKind, str]]


STAGED = StagedFiles("questions", _ReadFile)


@action
def save_question(
    slug: str, question_id: int | None, kind: QuestionKind, sent: Mapping[str, Any], *, by: Actor, at: datetime
) -> int:
    """Adds a question to the bank of a series, or changes one; returns its id. The same question again is not added
    twice.

    People who have begun a check with it finish with the question as it was. For staff of the series: raises NotFound
    and Forbidden for others, Invalid as `questions.checked`, and Refused for a full bank.
    """
    series = get_series_to_edit(slug, by=by)
    definition = questions.checked(kind, sent)
    digest = questions.digest_of([kind, definition])
    if question_id is None:
        _hold_bank(series, 1)
        same = select(BankQuestion).where(
            BankQuestion.series_id == series.id, BankQuestion.digest == digest, BankQuestion.retired_at.is_(None)
        )
        if (known := db.session.scalars(same).first()) is not None:
            return known.id
        row = BankQuestion(series_id=series.id, kind=kind, definition=definition, digest=digest, changed_at=at)
        db.session.add(row)
    else:
        row = get_question(series, question_id, by=by)
        if row.digest == digest:
            return row.id
        row.kind, row.definition, row.digest, row.changed_at = kind, definition, digest, at
    db.session.flush()
    audit.record("save_question", by=by, at=at, detail={"question": row.id}, series=series.id)
    if question_id is not None:
        renew_versions(series, at=at)
    return row.id


@action
def retire_question(slug: str, question_id: int, *, by: Actor, at: datetime) -> None:
    """Takes a question out of the bank. Raises Refused while a check has it; NotFound and Forbidden as above."""
    series = get_series_to_edit(slug, by=by)
    row = get_question(series, question_id, by=by)
    for check in db.session.scalars(select(Check).where(Check.series_id == series.id)):
        if question_id in check.items:
            raise Refused(_("The check “%(title)s” has this question. Remove it there first.", title=check.title))
    row.retired_at = at
    audit.record("retire_question", by=by, at=at, detail={"question": row.id}, series=series.id)


def import_questions(
    slug: str, format: str | None, content: bytes, size: int, *, by: Actor, at: datetime
) -> ImportAnswer:
    """Adds the questions of a file to the bank. Its format is known by its content, where none is given. What cannot be
    read is named by its file and line; questions that are in the bank already are left unchanged, so that the same file
    twice adds nothing.

    Raises NotFound and Forbidden for others than staff of the series, TooLarge, WrongKind, and Invalid (`file`,
    `format`).
    """
    return _add_all(slug, _read(slug, format, content, size, by=by), by=by, at=at)


def preview_questions(slug: str, content: bytes, size: int, *, by: Actor, at: datetime) -> QuestionsPreview:
    """Returns what the questions of a file would add to the bank, and keeps them for `confirm_questions`. Raises as
    `import_questions`."""
    items = _read(slug, None, content, size, by=by)
    answer, rows = _sorted(get_series_to_edit(slug, by=by), items, at)
    file_id = uuid4().hex if rows else ""
    if rows:
        STAGED.keep(file_id, _ReadFile(items), by=by, at=at)
    return QuestionsPreview(file_id, answer, [(row.kind, questions.name_of(row.definition)) for row in rows])


def confirm_questions(slug: str, file_id: str, *, by: Actor, at: datetime) -> ImportAnswer:
    """Adds the questions of a file that was previewed. Raises Invalid (`file`) once it is no longer kept, and as
    `import_questions`."""
    get_series_to_edit(slug, by=by)
    staged = STAGED.find(file_id, by=by, at=at)
    if staged is None:
        reason = _("This upload has expired or was already processed. If it was not imported, upload the file again.")
        raise Invalid("file", reason)
    answer = _add_all(slug, staged.items, by=by, at=at)
    STAGED.drop(file_id, by=by)
    return answer


def _read(slug: str, format: str | None, content: bytes, size: int, *, by: Actor) -> list[dict[str, Any]]:
    get_series_to_edit(slug, by=by)
    format = format or ("qti" if is_qti(content) else "gift")
    if format not in FORMATS:
        raise Invalid("format", _("Choose an option from the list."))
    if size > MAX_FILE_MB * 1024 * 1024:
        raise TooLarge(_("The file is larger than %(n)s MB.", n=MAX_FILE_MB))
    if size == 0:
        raise Invalid("file", _("The file is empty."))
    return read_foreign(TABLES, FORMATS[format], content)


@action
def _add_all(slug: str, items: Sequence[Mapping[str, Any]], *, by: Actor, at: datetime) -> ImportAnswer:
    series = get_series_to_edit(slug, by=by)
    _hold_bank(series, 0)
    answer, rows = _sorted(series, items, at)
    db.session.add_all(rows)
    db.session.flush()
    _check_room(count_questions(series.id))
    audit.record("import_questions", by=by, at=at, detail={"created": answer.created}, series=series.id)
    return answer


def _sorted(
    series: Series, items: Sequence[Mapping[str, Any]], at: datetime
) -> tuple[ImportAnswer, list[BankQuestion]]:
    """Returns what becomes of the questions of a file, and those of them that are new."""
    answer, rows = ImportAnswer(rows=len(items)), []
    known = set(
        db.session.scalars(
            select(BankQuestion.digest).where(BankQuestion.series_id == series.id, BankQuestion.retired_at.is_(None))
        )
    )
    for item in items:
        if "fault" in item:
            answer.rejected.append(_fault(item, item["fault"]))
            continue
        kind = QuestionKind(item["kind"])
        try:
            definition = questions.checked(kind, item["definition"])
        except Invalid as error:
            answer.rejected += [_fault(item, fault.reason) for fault in error.faults]
            continue
        digest = questions.digest_of([kind, definition])
        if digest in known:
            answer.unchanged += 1
            continue
        known.add(digest)
        answer.created += 1
        rows.append(BankQuestion(series_id=series.id, kind=kind, definition=definition, digest=digest, changed_at=at))
    return answer, rows


def _fault(item: Mapping[str, Any], reason: str) -> Fault:
    name = item.get("file")
    return Fault(_("%(file)s: %(reason)s", file=name, reason=reason) if name else reason, row=item["line"])


def _hold_bank(series: Series, more: int) -> None:
    one_at_a_time(f"question bank of series {series.id}")
    _check_room(count_questions(series.id) + more)


def _check_room(count: int) -> None:
    if count > MAX_BANK:
        raise Refused(_("A question bank can have %(n)s questions at most.", n=MAX_BANK))
