"""Writes questions and answers, hides comments, and asks for feedback by e-mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select

from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.actions.series import locked_series
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.bulk import among, chunks, dialect_insert, insert_many
from lms.core.database.session import action, db, read
from lms.core.text.i18n import _
from lms.core.text.translations import main_language
from lms.core.text.typed_text import checked_words
from lms.enrolment.notices import tell_lecture, tell_series
from lms.feedback.models import FeedbackAnswer, FeedbackForm, HiddenComment
from lms.feedback.queries import (
    Subject,
    answered_ids,
    asked_forms,
    closing_of,
    closings_of_series,
    column_of,
    form_of,
    forms_of,
    is_expected,
    people_of,
    used_keys,
)
from lms.feedback.rules import (
    DEFAULT,
    KINDS,
    MOST_QUESTIONS,
    OPEN_FOR,
    PROPOSED,
    check_open,
    is_open,
    rating_key,
    without_texts,
)
from lms.mail import outbox
from lms.mail.kinds import kind_of
from lms.mail.outbox import POST_AT_ONCE
from lms.people.models import Person
from lms.people.queries.mail_choices import wanting
from lms.questions.authoring import checked_questions
from lms.questions.rules import Question, checked_answers, dump, load

TEMPLATE: Final = "feedback_asked"
SERIES_TEMPLATE: Final = "series_feedback_asked"
ASK_AFTER: Final = timedelta(minutes=30)
"""So long after the end attendance has been counted, and people are asked."""
ASK_UNTIL: Final = timedelta(days=2)
"""Nobody is asked about a lecture that ended, or was entered, later than this."""


@action
def save_form(lecture_id: int, sent: Sequence[Mapping[str, Any]], *, by: Actor, at: datetime) -> None:
    """Writes the questions of a lecture; without any, those of its series are asked again.

    Answers that were given keep their questions. Raises Invalid, Forbidden or NotFound.
    """
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    questions = _checked(sent, lecture, forms_of(lecture))
    if dump(questions) != dump(form_of(lecture).questions):
        db.session.add(
            FeedbackForm(lecture_id=lecture_id, questions=dump(questions), author_id=by.person_id, created_at=at)
        )
        audit.record("change_feedback_form", by=by, at=at, lecture=lecture_id, series=lecture.series_id)


@action
def save_form_of_series(slug: str, sent: Sequence[Mapping[str, Any]], *, by: Actor, at: datetime) -> None:
    """Writes the questions for all lectures of a series that have none of their own."""
    series = get_series(slug, by=by)
    check_can_edit_series(series, by)
    questions = _checked(sent, series, FeedbackForm.series_id == series.id)
    db.session.add(FeedbackForm(series_id=series.id, questions=dump(questions), author_id=by.person_id, created_at=at))
    audit.record("change_feedback_form", by=by, at=at, series=series.id)


@action
def save_form_about_series(slug: str, sent: Sequence[Mapping[str, Any]], *, by: Actor, at: datetime) -> None:
    """Writes the questions about a series as a whole, which are asked when it is over; without any, nothing is asked.

    Answers that were given keep their questions. Raises Invalid, Forbidden or NotFound.
    """
    check_can_edit_series(get_series(slug, by=by), by)
    series = locked_series(slug)
    questions = _checked(sent, series, forms_of(series))
    if dump(questions) != dump(form_of(series).questions):
        db.session.add(
            FeedbackForm(about_series_id=series.id, questions=dump(questions), author_id=by.person_id, created_at=at)
        )
        audit.record("change_series_feedback_form", by=by, at=at, series=series.id)


def _checked(sent: Sequence[Mapping[str, Any]], row: Subject, condition: Any) -> tuple[Question, ...]:
    used = used_keys(condition) | {question.key for question in (*DEFAULT, *PROPOSED)}
    return checked_questions(sent, most=MOST_QUESTIONS, main=main_language(row), used=used, kinds=KINDS)


@action
def copy_forms(series_id: int, copy_id: int, pairs: Sequence[tuple[int, int]], *, at: datetime) -> None:
    """A copied series asks what the series asks now, after its lectures and about itself. `pairs`: the ids of lectures
    and their copies."""
    targets: list[tuple[str, int, int]] = [(name, series_id, copy_id) for name in ("series_id", "about_series_id")]
    targets += [("lecture_id", source, copy) for source, copy in pairs]
    for name, forms in asked_forms(series_id, [source for source, _copy in pairs]).items():
        for column, source, copy in targets:
            if column == name and source in forms:
                db.session.add(FeedbackForm(**{column: copy}, questions=forms[source], author_id=None, created_at=at))


def _locked(subject: Subject) -> Subject:
    """Its row, held until the action ends: whether it is over and asks does not change meanwhile."""
    return locked_series(subject.slug) if isinstance(subject, Series) else locked_lecture(subject.id)


@action
def answer(subject: Subject, person_id: int, sent: Mapping[str, Any], *, by: Actor, at: datetime) -> dict[str, Any]:
    """Stores what a person (canonical id) answers about a lecture or series, in place of what they answered before.

    Returns the answers as they are stored. Raises NotFound for who was not expected, Refused when it is not open, and
    Invalid for what does not fit the questions.
    """
    subject = _locked(subject)
    if by is not SYSTEM and by.person_id != person_id and not by.is_administrator:
        raise Forbidden(_("You can answer only for yourself."))
    if not is_expected(subject, person_id):
        raise NotFound
    check_open(subject, closing_of(subject), at)
    form = form_of(subject)
    answers = checked_answers(form.questions, sent, at="answers.")
    key, about = rating_key(form.questions), column_of(subject).key
    values = {"form_id": form.id, "answers": answers, "rating": answers.get(key) if key else None, "changed_at": at}
    row = {about: subject.id, "person_id": person_id, "answered_at": at, **values}
    insert = dialect_insert(FeedbackAnswer).values(row)
    db.session.execute(insert.on_conflict_do_update(index_elements=[about, "person_id"], set_=values))
    return answers


@action
def answer_many(subject: Subject, sent: Mapping[int, Mapping[str, Any]], *, by: Actor, at: datetime) -> int:
    """Stores first answers of many people (canonical ids) about a lecture or series, as `answer` does; returns how
    many.

    For imports and the demonstration: only the system calls it. People who answered before keep their answer.
    """
    if by is not SYSTEM:
        raise Forbidden(_("You can answer only for yourself."))
    subject = _locked(subject)
    form, about = form_of(subject), column_of(subject).key
    key = rating_key(form.questions)
    rows = []
    for person_id, given in sent.items():
        answers = checked_answers(form.questions, given)
        rating = answers.get(key) if key else None
        rows.append(
            {
                about: subject.id, "person_id": person_id, "form_id": form.id, "answers": answers,
                "rating": rating, "answered_at": at, "changed_at": at,
            }
        )  # fmt: skip
    insert_many(FeedbackAnswer.__table__, rows, unless=(about, "person_id"))
    return len(rows)


def _check_can_edit(subject: Subject, by: Actor) -> None:
    if isinstance(subject, Series):
        check_can_edit_series(subject, by)
    else:
        check_can_edit_lecture(subject, by)


@action
def hide_comment(subject: Subject, answer_id: int, key: str, reason: str, *, by: Actor, at: datetime) -> None:
    """Takes a written answer out of the results, with a reason. Administrators still see it."""
    _check_can_edit(subject, by)
    words = checked_words(reason, lack=_("Enter the reason."))
    row = db.session.get(FeedbackAnswer, answer_id)
    if row is None or getattr(row, column_of(subject).key) != subject.id or not isinstance(row.answers.get(key), str):
        raise NotFound
    values = {"answer_id": answer_id, "key": key, "reason": words, "hidden_by": by.person_id, "hidden_at": at}
    db.session.execute(dialect_insert(HiddenComment).values(values).on_conflict_do_nothing())
    _record("hide_feedback_comment", subject, by=by, at=at)


def _record(verb: str, subject: Subject, *, by: Actor, at: datetime) -> None:
    if isinstance(subject, Series):
        audit.record(verb, by=by, at=at, series=subject.id)
    else:
        audit.record(verb, by=by, at=at, lecture=subject.id)


@action
def show_comment(subject: Subject, answer_id: int, key: str, *, by: Actor, at: datetime) -> None:
    """Puts a hidden comment back. Administrators only."""
    if not by.is_administrator:
        raise Forbidden(_("Only administrators can show a hidden comment again."))
    given, column = db.session.get(FeedbackAnswer, answer_id), column_of(subject)
    if given is None or getattr(given, column.key) != subject.id:
        raise NotFound
    whose = select(Person.canonical_id).where(Person.id == given.person_id).scalar_subquery()
    answers = select(FeedbackAnswer.id).join(Person, Person.id == FeedbackAnswer.person_id)
    answers = answers.where(column == subject.id, Person.canonical_id == whose)
    is_hidden = HiddenComment.key == key, HiddenComment.answer_id.in_(answers)
    if db.session.scalar(select(HiddenComment.answer_id).where(*is_hidden).limit(1)) is None:
        raise NotFound
    db.session.execute(delete(HiddenComment).where(*is_hidden))
    _record("show_feedback_comment", subject, by=by, at=at)


@action
def erase_answers(person_id: int) -> None:
    """Deletes what an erased person wrote. What they chose stays, so that every figure stays."""
    forms: dict[int | None, tuple[Question, ...]] = {None: DEFAULT}
    for row in db.session.scalars(select(FeedbackAnswer).where(FeedbackAnswer.person_id == person_id)):
        if row.form_id not in forms:
            forms[row.form_id] = load(db.session.get_one(FeedbackForm, row.form_id).questions)
        row.answers = without_texts(row.answers, forms[row.form_id])


def ask_for_feedback(*, at: datetime) -> int:
    """E-mails those who attended a lecture that ended lately, or a lecture of a series that is over and asks, and have
    not answered, once; returns about how many lectures and series."""
    lectures = (
        select(Lecture.id)
        .join(Series, Series.id == Lecture.series_id)
        .where(
            Lecture.state == LectureState.HELD,
            Lecture.actual_end <= at - ASK_AFTER,
            Lecture.actual_end > at - ASK_UNTIL,
            Series.visibility == Visibility.PUBLIC,
        )
        .order_by(Lecture.id)
    )
    due: dict[str, tuple[type[Subject], int]] = {run_key(id_): (Lecture, id_) for (id_,) in read(lectures)}
    closings = closings_of_series()
    public = select(Series.id).where(among(Series.id, closings), Series.visibility == Visibility.PUBLIC)
    for (id_,) in read(public.order_by(Series.id)) if closings else ():
        if closings[id_] - OPEN_FOR <= at - ASK_AFTER and is_open(closings[id_], at):
            due[run_key_of_series(id_, closings[id_])] = (Series, id_)
    known = outbox.begun(due) if due else set()
    db.session.rollback()
    return sum(_ask(kind, id_, key, at=at) for key, (kind, id_) in due.items() if key not in known)


def run_key(lecture_id: int) -> str:
    """The run of e-mails that ask about a lecture."""
    return f"feedback-{lecture_id}"


def run_key_of_series(series_id: int, closes: datetime) -> str:
    """The run of e-mails that ask about a series: another one when a lecture was held since, or it asks again. Nobody
    who was asked before is asked again."""
    return f"feedback-series-{series_id}-{int(closes.timestamp())}"


def waiting_people(subject: Subject) -> list[int]:
    """Those who attended, have not answered, and want such e-mails."""
    column, template = column_of(subject), TEMPLATE if isinstance(subject, Lecture) else SERIES_TEMPLATE
    people = sorted(set(people_of(subject)) - answered_ids(column, [subject.id])[subject.id])
    series_id = subject.series_id if isinstance(subject, Lecture) else subject.id
    return sorted(wanting(kind_of(template), people, series_id))


def _ask(kind: type[Subject], subject_id: int, key: str, *, at: datetime) -> bool:
    """In short transactions. Whatever stops this, it is begun again, and nobody is asked twice."""
    subject = _found(kind, subject_id)
    people = waiting_people(subject)
    db.session.rollback()
    for some in chunks(people, POST_AT_ONCE):
        _post_to(kind, subject_id, some, at=at)
    return _note_asked(key, at=at)


def _found(kind: type[Subject], subject_id: int) -> Subject:
    return db.session.get_one(Lecture, subject_id) if kind is Lecture else db.session.get_one(Series, subject_id)


@action
def _post_to(kind: type[Subject], subject_id: int, people: Sequence[int], *, at: datetime) -> None:
    subject = _locked(_found(kind, subject_id))
    end = closing_of(subject)
    if end is None:
        return
    if isinstance(subject, Series):
        key = f"feedback-series-{subject_id}"
        tell_series(SERIES_TEMPLATE, subject, people, expires_at=end, at=at, key=key)
    else:
        tell_lecture(TEMPLATE, subject, people, {}, expires_at=end, at=at, key=run_key(subject_id))


@action
def _note_asked(key: str, *, at: datetime) -> bool:
    return outbox.begin(key, at=at)
