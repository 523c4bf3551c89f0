"""Changes the question bank of a series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.checks import questions
from lms.checks.actions.checks import hold_checks, renew_versions
from lms.checks.models import BankQuestion, Check, QuestionKind
from lms.checks.qti.reading import is_qti
from lms.checks.queries.checks import count_questions, get_question, get_series_to_edit
from lms.checks.rules import MAX_BANK
from lms.checks.shown_questions import right_words
from lms.core.base.errors import Fault, Invalid, Refused, TooLarge
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage.foreign_files import Lane, read_foreign
from lms.core.storage.staged import StagedFiles
from lms.core.text.i18n import _
from lms.core.text.translations import base_of, is_language, main_language, one_spelling

MAX_FILE_MB = 10
MAX_GIFT_MB = 2
"""Of a package with pictures, and of plain text."""
QUESTIONS = Lane(memory_mb=1024, cpu_seconds=10, clock_seconds=20, answer_mb=64, at_once=1, wait_seconds=15)
"""Files of questions that somebody waits for: of up to `LARGE_BYTES` on pages, and those of the API."""
FORMATS = {"gift": "lms.checks.gift:read", "qti": "lms.checks.qti.reading:read"}


@dataclass(frozen=True)
class ReadFile:
    """Questions of a file, each as its reader gives it, and what could not be read. `language` is that of its texts;
    empty for the main one."""

    items: list[dict[str, Any]]
    language: str = ""


@dataclass(frozen=True)
class PreviewedQuestion:
    """A question that a file would add or change. `answers` are those that are chosen from, each with whether it is
    right, or the right ones."""

    kind: QuestionKind
    name: str
    answers: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class QuestionsPreview:
    """The effects of a file: `answer` counts what would be added, and its notes say by line what would be left out.
    `file_id` confirms it; it is empty where nothing would be added."""

    file_id: str
    answer: ImportAnswer
    new: Sequence[PreviewedQuestion]
    language: str = ""


STAGED = StagedFiles("questions", ReadFile)


@action
def save_question(
    slug: str, question_id: int | None, kind: QuestionKind, sent: Mapping[str, Any], *, by: Actor, at: datetime
) -> int:
    """Adds a question to the bank of a series, or changes one; returns its id. The same question again is not added
    twice. A changed one keeps its texts in other languages unless `sent` has `translations`.

    People who have begun a check with it finish with the question as it was. For staff of the series: raises NotFound
    and Forbidden for others, Invalid as `questions.checked`, and Refused for a full bank.
    """
    series = get_series_to_edit(slug, by=by)
    if question_id is not None:
        hold_checks(series.id)
    if question_id is not None and "translations" not in sent:
        before = get_question(series, question_id, by=by).definition
        sent = {**sent, "translations": questions.kept_translations(before, _with_lists(kind, sent))}
    definition = questions.checked(kind, sent, main=main_language(series))
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


def _with_lists(kind: QuestionKind, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """A question that was typed as it would be stored without its translations; as it was typed where it is wrong."""
    try:
        return questions.checked(kind, sent)
    except Invalid:
        return {}


@action
def translate_question(
    slug: str, question_id: int, language: str, texts: Mapping[str, Any], *, by: Actor, at: datetime
) -> None:
    """Writes the texts of a question in another language; without any text, the language goes. Raises as
    `save_question`."""
    row = get_question(get_series_to_edit(slug, by=by), question_id, by=by)
    translations = {**(row.definition.get("translations") or {}), one_spelling(language): texts}
    save_question(slug, question_id, row.kind, {**row.definition, "translations": translations}, by=by, at=at)


@action
def retire_question(slug: str, question_id: int, *, by: Actor, at: datetime) -> None:
    """Takes a question out of the bank. Raises Refused while a check has it; NotFound and Forbidden as above."""
    series = get_series_to_edit(slug, by=by)
    hold_checks(series.id)
    row = get_question(series, question_id, by=by)
    for check in db.session.scalars(select(Check).where(Check.series_id == series.id)):
        if question_id in check.items:
            raise Refused(_("The check “%(title)s” has this question. Remove it there first.", title=check.title))
    row.retired_at = at
    audit.record("retire_question", by=by, at=at, detail={"question": row.id}, series=series.id)


def import_questions(
    slug: str, format: str | None, content: bytes, size: int, *, language: str = "", by: Actor, at: datetime
) -> ImportAnswer:
    """Adds the questions of a file to the bank. Its format is known by its content, where none is given. What cannot be
    read is named by its file and line; questions that are in the bank already are left unchanged, so that the same file
    twice adds nothing. A file in another language than the main one has the texts of questions that are in the bank,
    known by their names as the export writes them; the answer then counts these as updated.

    Raises NotFound and Forbidden for others than staff of the series, TooLarge, WrongKind, and Invalid (`file`,
    `format`).
    """
    language = checked_language(slug, language, by=by)
    file = ReadFile(read_questions(slug, format, content, size, by=by), language)
    return _add_all(slug, file, by=by, at=at)


def checked_language(slug: str, language: str, *, by: Actor) -> str:
    """The language of a file; empty for the main one. Raises Invalid (`language`)."""
    code = one_spelling(language)
    if code and not is_language(code):
        raise Invalid("language", _("Choose an option from the list."))
    return "" if base_of(code) == base_of(main_language(get_series_to_edit(slug, by=by))) else code


def preview_questions(
    slug: str, content: bytes, size: int, *, language: str = "", by: Actor, at: datetime
) -> QuestionsPreview:
    """Returns what the questions of a file would add to the bank, and keeps them for `confirm_questions`. Raises as
    `import_questions`."""
    language = checked_language(slug, language, by=by)
    file = ReadFile(read_questions(slug, None, content, size, by=by), language)
    file_id = uuid4().hex
    preview = preview_of(slug, file_id, file, by=by, at=at)
    if preview.new:
        STAGED.keep(file_id, file, by=by, at=at)
    return preview


def preview_of(slug: str, file_id: str, file: ReadFile, *, by: Actor, at: datetime) -> QuestionsPreview:
    """The effects of a file that was read. Raises NotFound, Forbidden."""
    series = get_series_to_edit(slug, by=by)
    if file.language:
        answer, texts = _texts_of(series, file)
        new = [_previewed(row.kind, questions.in_language(given, file.language)) for row, given in texts]
    else:
        answer, rows = _sorted(series, file.items, at)
        new = [_previewed(row.kind, row.definition) for row in rows]
    return QuestionsPreview(file_id if new else "", answer, new, file.language)


def _previewed(kind: QuestionKind, definition: questions.Definition) -> PreviewedQuestion:
    if kind in questions.CHOICES:
        right = set(definition["right"])
        answers = [(text, number in right) for number, text in enumerate(definition["options"])]
    else:
        answers = [(text, True) for text in right_words(kind, definition)]
    return PreviewedQuestion(kind, questions.name_of(definition), answers)


def confirm_questions(slug: str, file_id: str, *, by: Actor, at: datetime) -> ImportAnswer:
    """Adds the questions of a file that was previewed. Raises Invalid (`file`) once it is no longer kept, and as
    `import_questions`."""
    get_series_to_edit(slug, by=by)
    staged = STAGED.find(file_id, by=by, at=at)
    if staged is None:
        reason = _("This upload has expired or was already processed. If it was not imported, upload the file again.")
        raise Invalid("file", reason)
    answer = _add_all(slug, staged, by=by, at=at)
    STAGED.drop(file_id, by=by)
    return answer


def read_questions(
    slug: str, format: str | None, content: bytes, size: int, *, lane: Lane = QUESTIONS, by: Actor
) -> list[dict[str, Any]]:
    """Reads the questions of a file, as the reader of its format gives them. Raises as `import_questions`."""
    get_series_to_edit(slug, by=by)
    format = checked_format(format, content, size)
    return read_foreign(lane, FORMATS[format], content)


def checked_format(format: str | None, content: bytes, size: int) -> str:
    """The format of a file, by its content where none is given. Raises Invalid (`file`, `format`), TooLarge."""
    format = format or ("qti" if is_qti(content) else "gift")
    if format not in FORMATS:
        raise Invalid("format", _("Choose an option from the list."))
    most = MAX_GIFT_MB if format == "gift" else MAX_FILE_MB
    if size > most * 1024 * 1024:
        raise TooLarge(_("The file is larger than %(n)s MB.", n=most))
    if size == 0:
        raise Invalid("file", _("The file is empty."))
    return format


@action
def _add_all(slug: str, file: ReadFile, *, by: Actor, at: datetime) -> ImportAnswer:
    series = get_series_to_edit(slug, by=by)
    _hold_bank(series, 0)
    if file.language:
        hold_checks(series.id)
        answer, texts = _texts_of(series, file)
        for row, given in texts:
            row.definition, row.changed_at = given, at
            row.digest = questions.digest_of([row.kind, given])
        db.session.flush()
        audit.record("import_questions", by=by, at=at, detail={"updated": answer.updated}, series=series.id)
        renew_versions(series, at=at)
        return answer
    answer, rows = _sorted(series, file.items, at)
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
        answer.notes += _notes(item)
        known.add(digest)
        answer.created += 1
        rows.append(BankQuestion(series_id=series.id, kind=kind, definition=definition, digest=digest, changed_at=at))
    return answer, rows


def _texts_of(series: Series, file: ReadFile) -> tuple[ImportAnswer, list[tuple[BankQuestion, questions.Definition]]]:
    """Returns what becomes of the questions of a file in another language, and the new definitions of those of the bank
    whose texts they are."""
    answer, changed = ImportAnswer(rows=len(file.items)), []
    query = select(BankQuestion).where(BankQuestion.series_id == series.id, BankQuestion.retired_at.is_(None))
    bank = {(row.kind, questions.file_name_of(row.id, row.definition)): row for row in db.session.scalars(query)}
    for item in file.items:
        if "fault" in item:
            answer.rejected.append(_fault(item, item["fault"]))
            continue
        kind = QuestionKind(item["kind"])
        try:
            sent = questions.checked(kind, item["definition"])
            row = bank.get((kind, sent["title"]))
            texts = questions.texts_from(row.definition, sent) if row is not None else None
            if row is None or texts is None:
                reason = _("No question of the bank has this name, this kind and as many answers.")
                answer.rejected.append(_fault(item, reason))
                continue
            known = row.definition.get("translations") or {}
            sent = {**row.definition, "translations": {**known, file.language: texts}}
            definition = questions.checked(kind, sent, main=main_language(series))
        except Invalid as error:
            answer.rejected += [_fault(item, fault.reason) for fault in error.faults]
            continue
        if definition == row.definition:
            answer.unchanged += 1
        else:
            answer.updated += 1
            answer.notes += _notes(item)
            changed.append((row, definition))
    return answer, changed


def _notes(item: Mapping[str, Any]) -> list[str]:
    """Returns what of a question is not kept, named by its line."""
    return [_("Line %(line)s: %(reason)s", line=item["line"], reason=note) for note in item.get("notes", ())]


def _fault(item: Mapping[str, Any], reason: str) -> Fault:
    name = item.get("file")
    return Fault(_("%(file)s: %(reason)s", file=name, reason=reason) if name else reason, row=item["line"])


def _hold_bank(series: Series, more: int) -> None:
    one_at_a_time(f"question bank of series {series.id}")
    _check_room(count_questions(series.id) + more)


def _check_room(count: int) -> None:
    if count > MAX_BANK:
        raise Refused(_("A question bank can have %(n)s questions at most.", n=MAX_BANK))
