"""Changes the question bank of a series."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.checks import questions
from lms.checks.actions.checks import renew_versions
from lms.checks.models import BankQuestion, Check, QuestionKind
from lms.checks.queries.checks import count_questions, get_question, get_series_to_edit
from lms.checks.rules import MAX_BANK
from lms.core.base.errors import Fault, Invalid, Refused, TooLarge
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage.foreign_files import TABLES, read_foreign
from lms.core.text.i18n import _

MAX_FILE_MB = 10
FORMATS = {"gift": "lms.checks.gift:read"}


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
    slug: str, format: str, content: bytes | BinaryIO, size: int, *, by: Actor, at: datetime
) -> ImportAnswer:
    """Adds the questions of a file to the bank. What cannot be read is named by its line; questions that are in the
    bank already are left unchanged, so that the same file twice adds nothing.

    Raises NotFound and Forbidden for others than staff of the series, TooLarge, WrongKind, and Invalid (`file`,
    `format`).
    """
    get_series_to_edit(slug, by=by)
    if format not in FORMATS:
        raise Invalid("format", _("Choose an option from the list."))
    if size > MAX_FILE_MB * 1024 * 1024:
        raise TooLarge(_("The file is larger than %(n)s MB.", n=MAX_FILE_MB))
    if size == 0:
        raise Invalid("file", _("The file is empty."))
    return _add_all(slug, read_foreign(TABLES, FORMATS[format], content), by=by, at=at)


@action
def _add_all(slug: str, items: list[dict[str, Any]], *, by: Actor, at: datetime) -> ImportAnswer:
    series = get_series_to_edit(slug, by=by)
    answer = ImportAnswer(rows=len(items))
    _hold_bank(series, 0)
    known = set(
        db.session.scalars(
            select(BankQuestion.digest).where(BankQuestion.series_id == series.id, BankQuestion.retired_at.is_(None))
        )
    )
    for item in items:
        if "fault" in item:
            answer.rejected.append(Fault(item["fault"], row=item["line"]))
            continue
        kind = QuestionKind(item["kind"])
        try:
            definition = questions.checked(kind, item["definition"])
        except Invalid as error:
            answer.rejected += [Fault(fault.reason, row=item["line"]) for fault in error.faults]
            continue
        digest = questions.digest_of([kind, definition])
        if digest in known:
            answer.unchanged += 1
            continue
        known.add(digest)
        answer.created += 1
        db.session.add(
            BankQuestion(series_id=series.id, kind=kind, definition=definition, digest=digest, changed_at=at)
        )
    _check_room(len(known))
    audit.record("import_questions", by=by, at=at, detail={"created": answer.created}, series=series.id)
    return answer


def _hold_bank(series: Series, more: int) -> None:
    one_at_a_time(f"question bank of series {series.id}")
    _check_room(count_questions(series.id) + more)


def _check_room(count: int) -> None:
    if count > MAX_BANK:
        raise Refused(_("A question bank can have %(n)s questions at most.", n=MAX_BANK))
