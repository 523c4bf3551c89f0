"""Writes questions and answers, and enrols who answers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, BinaryIO, Final, cast
from uuid import uuid4

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Fault, Forbidden, Invalid, Refused, TooLarge, WrongKind
from lms.core.base.roles import Actor
from lms.core.base.settings import settings
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage import files
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed
from lms.core.text.translations import main_language
from lms.enrolment.actions.places import enrol
from lms.enrolment.models import Enrolment
from lms.enrolment_questions import queries
from lms.enrolment_questions.models import EnrolmentAnswers, EnrolmentForm
from lms.materials.actions import keep_content, recognise_file
from lms.materials.file_kinds import MIME_TYPES
from lms.materials.scanner import ScannerAway, scan
from lms.people.models import Sector
from lms.people.queries.countries import known_codes
from lms.questions.authoring import checked_questions
from lms.questions.rules import AnsweredFile, Question, checked_answers, dump

MOST: Final = 30
"""How many questions a form has at most."""
KINDS: Final = ("text", "choice", "choices", "number", "date", "file", "consent")
FILE_KINDS: Final = frozenset(MIME_TYPES) - {"zip"}
FILE_MB: Final = 5


def check_questions(series: Series | None, sent: Sequence[Mapping[str, Any]], *, by: Actor) -> tuple[Question, ...]:
    """The questions as they would be stored. Raises Forbidden, Invalid."""
    queries.check_may_ask(series, by)
    used = queries.used_keys(series.id if series is not None else None)
    main = main_language(series) if series is not None else ""
    questions = checked_questions(sent, most=MOST, main=main, used=used, kinds=KINDS)
    faults = []
    for place, question in enumerate(questions):
        if not set(question.countries) <= known_codes():
            unknown = listed(sorted(set(question.countries) - known_codes()))
            faults.append(Fault(_("Unknown country: %(codes)s.", codes=unknown), f"questions.{place}.countries"))
        if not set(question.sectors) <= set(Sector):
            faults.append(Fault(_("Choose options from the list."), f"questions.{place}.sectors"))
    if faults:
        raise Invalid(faults=faults)
    return questions


@action
def set_questions(
    slug: str | None, sent: Sequence[Mapping[str, Any]], *, seen: int | None = None, by: Actor, at: datetime
) -> int:
    """Asks these questions from now on, at enrolment in a series or, without one, at registration. Returns the version.

    The same questions again change nothing. Answers keep the version that they were given to. `seen`: the version that
    was changed, where it is known. Raises NotFound, Forbidden, Invalid, and Refused where somebody else has changed
    them meanwhile.
    """
    series = get_series(slug, by=by) if slug is not None else None
    series_id = series.id if series is not None else None
    one_at_a_time(f"enrolment_questions {series_id}")
    questions = check_questions(series, sent, by=by)
    form = queries.current_form(series_id)
    if form.questions == questions:
        return form.version
    if seen is not None and seen != form.version:
        raise Refused(_("Someone else has changed the questions. Open them again."))
    row = EnrolmentForm(series_id=series_id, version=form.version + 1, questions=dump(questions), made_at=at)
    db.session.add(row)
    db.session.flush()
    subjects = {"series": series_id} if series_id is not None else {}
    audit.record("change enrolment questions", by=by, at=at, detail={"version": row.version}, **subjects)
    return row.version


@action
def copy_questions(series_id: int, copy_id: int, *, at: datetime) -> None:
    """Asks in the copy of a series what is asked in the series now. Answers are never copied. Callers check
    permission."""
    form = queries.current_form(series_id)
    if form.questions:
        db.session.add(EnrolmentForm(series_id=copy_id, version=1, questions=dump(form.questions), made_at=at))
        db.session.flush()


@dataclass(frozen=True)
class SentFile:
    """A file that was sent as an answer, checked, and not stored yet."""

    content: BinaryIO
    answer: AnsweredFile


def read_file(content: IO[bytes], file_name: str, *, field: str) -> SentFile:
    """Checks a file by its content, and has it scanned where a virus scanner is set. Nothing is stored yet.

    Raises Invalid at `field`, and Refused while the scanner is away.
    """
    content = cast(BinaryIO, content)
    try:
        known = recognise_file(content, file_name, megabytes=FILE_MB)
    except (TooLarge, WrongKind) as error:
        raise Invalid(field, error.message) from error
    except Invalid as error:
        raise Invalid(field, error.faults[0].reason) from error
    if known["kind"] not in FILE_KINDS:
        raise Invalid(field, _("Choose a PDF, a picture, or a document of Word, Excel or PowerPoint."))
    address = settings().scanner
    try:
        finding = scan(content, address) if address else None
    except ScannerAway as error:
        raise Refused(_("Files cannot be checked for viruses now. Try again later.")) from error
    if finding:
        raise Invalid(field, _("The virus scanner refused this file. Choose another one."))
    key = f"{queries.FOLDER}/{uuid4().hex}"
    return SentFile(content, AnsweredFile(key, known["file_name"], known["kind"], known["size"]))


@contextmanager
def _stored(sent: Mapping[str, SentFile]) -> Iterator[None]:
    """Stores the files while what is done within succeeds."""
    done: list[str] = []
    try:
        for each in sent.values():
            keep_content(each.answer.key, each.content)
            done.append(each.answer.key)
        yield
    except BaseException:
        for key in done:
            files.delete(key)
        raise


def answer(
    series: Series | None,
    sent: Mapping[str, Any],
    *,
    sent_files: Mapping[str, SentFile] | None = None,
    enrols: bool = False,
    at_field: str = "answers.",
    by: Actor,
    at: datetime,
) -> Enrolment | None:
    """Stores the reader's own answers, in place of earlier ones; `enrols`: and enrols the reader in the series.

    Files are in `sent_files`; a file that was sent before stays where there is no other. Raises Forbidden, Invalid with
    faults as `answers.key`, and what `places.enrol` raises.
    """
    if by.person_id is None:
        raise Forbidden
    inquiry = queries.own_questions(series, by.person_id, at=at)
    given: dict[str, Any] = dict(sent)
    for question in inquiry.questions:
        if question.kind == "file":
            before = (inquiry.answers or {}).get(question.key)
            new = (sent_files or {}).get(question.key)
            given[question.key] = new.answer if new else AnsweredFile(**before) if before else sent.get(question.key)
    answers = checked_answers(inquiry.questions, given, at=at_field)
    used = {key: each for key, each in (sent_files or {}).items() if key in answers}
    with _stored(used):
        return _save(series, inquiry, answers, enrols=enrols, by=by, at=at)


@action
def _save(
    series: Series | None,
    inquiry: queries.OwnQuestions,
    answers: Mapping[str, Any],
    *,
    enrols: bool,
    by: Actor,
    at: datetime,
) -> Enrolment | None:
    assert by.person_id is not None
    series_id = series.id if series is not None else None
    one_at_a_time(f"enrolment_questions {series_id} {by.person_id}")
    if queries.current_form(series_id).id != inquiry.form.id:
        raise Invalid(
            faults=[Fault(_("The questions have changed meanwhile. Check your answers and send them again."))]
        )
    if inquiry.form.id is not None:
        rows = queries.rows_of(by.person_id)
        row = next((row for row in rows if _is_own(row, series_id, by.person_id)), None)
        if row is None:
            row = EnrolmentAnswers(series_id=series_id, person_id=by.person_id, form_id=inquiry.form.id)
            db.session.add(row)
        else:
            _delete_files(row.answers, beside=[answers, *(other.answers for other in rows if other is not row)])
        row.form_id, row.answers, row.answered_at = inquiry.form.id, dict(answers), at
        db.session.flush()
    return enrol(series.id, by.person_id, by=by, at=at) if enrols and series is not None else None


def _is_own(row: EnrolmentAnswers, series_id: int | None, person_id: int) -> bool:
    return row.series_id == series_id and row.person_id == person_id


def _delete_files(answers: Mapping[str, Any], *, beside: Sequence[Mapping[str, Any]] = ()) -> None:
    """Deletes the files of answers unless others, of the same person, refer to them too."""
    stay = {each["key"] for others in beside for each in others.values() if isinstance(each, dict)}
    for each in answers.values():
        if isinstance(each, dict) and each["key"] not in stay:
            delete_after_commit(each["key"])


@action
def forget_answers(person_id: int) -> None:
    """Deletes all answers of a person who is erased, with their files."""
    for row in queries.rows_of(person_id):
        _delete_files(row.answers)
        db.session.delete(row)


@action
def part_files(kept_id: int, merged_id: int) -> None:
    """After a merge was undone: copies the files that the kept person took over from an answer of the other one."""
    rows = queries.rows_of(merged_id)
    others = {each["key"] for row in rows for each in row.answers.values() if isinstance(each, dict)}
    for row in queries.rows_of(kept_id):
        answers = dict(row.answers)
        for key, each in row.answers.items():
            opened = files.reading(each["key"]) if isinstance(each, dict) and each["key"] in others else None
            if opened is not None:
                with opened[0] as content:
                    copy = f"{queries.FOLDER}/{uuid4().hex}"
                    keep_content(copy, content)
                answers[key] = each | {"key": copy}
        row.answers = answers
