"""Writes questions and answers, hides comments, and asks for feedback by e-mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select

from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.bulk import chunks, dialect_insert, insert_many
from lms.core.database.session import action, db, read
from lms.core.text.i18n import _
from lms.core.text.translations import main_language
from lms.core.text.typed_text import checked_words
from lms.enrolment.notices import tell_lecture
from lms.feedback.models import FeedbackAnswer, FeedbackForm, HiddenComment
from lms.feedback.queries import answered_ids, attended_ids, form_of, is_expected, used_keys
from lms.feedback.rules import DEFAULT, KINDS, MOST_QUESTIONS, check_open, closes_at, rating_key, without_texts
from lms.mail import outbox
from lms.mail.kinds import kind_of
from lms.mail.outbox import POST_AT_ONCE
from lms.people.models import Person
from lms.people.queries.mail_choices import wanting
from lms.questions.rules import Question, checked_answers, checked_questions, dump, load

TEMPLATE: Final = "feedback_asked"
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
    questions = _checked(sent, lecture, FeedbackForm.lecture_id == lecture_id)
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


def _checked(sent: Sequence[Mapping[str, Any]], row: Lecture | Series, condition: Any) -> tuple[Question, ...]:
    used = used_keys(condition) | {question.key for question in DEFAULT}
    return checked_questions(sent, most=MOST_QUESTIONS, main=main_language(row), used=used, kinds=KINDS)


@action
def answer(lecture_id: int, person_id: int, sent: Mapping[str, Any], *, by: Actor, at: datetime) -> dict[str, Any]:
    """Stores what a person (canonical id) answers about a lecture, in place of what they answered before.

    Returns the answers as they are stored. Raises NotFound for who was not expected, Refused when it is not open, and
    Invalid for what does not fit the questions.
    """
    lecture = locked_lecture(lecture_id)
    if by is not SYSTEM and by.person_id != person_id and not by.is_administrator:
        raise Forbidden(_("You can answer only for yourself."))
    if not is_expected(lecture_id, person_id):
        raise NotFound
    check_open(lecture, at)
    form = form_of(lecture)
    answers = checked_answers(form.questions, sent, at="answers.")
    key = rating_key(form.questions)
    values = {"form_id": form.id, "answers": answers, "rating": answers.get(key) if key else None, "changed_at": at}
    row = {"lecture_id": lecture_id, "person_id": person_id, "answered_at": at, **values}
    insert = dialect_insert(FeedbackAnswer).values(row)
    db.session.execute(insert.on_conflict_do_update(index_elements=["lecture_id", "person_id"], set_=values))
    return answers


@action
def answer_many(lecture_id: int, sent: Mapping[int, Mapping[str, Any]], *, by: Actor, at: datetime) -> int:
    """Stores first answers of many people (canonical ids) about a lecture, as `answer` does; returns how many.

    For imports and the demonstration: only the system calls it. People who answered before keep their answer.
    """
    if by is not SYSTEM:
        raise Forbidden(_("You can answer only for yourself."))
    form = form_of(locked_lecture(lecture_id))
    key = rating_key(form.questions)
    rows = []
    for person_id, given in sent.items():
        answers = checked_answers(form.questions, given)
        rating = answers.get(key) if key else None
        rows.append(
            {
                "lecture_id": lecture_id, "person_id": person_id, "form_id": form.id, "answers": answers,
                "rating": rating, "answered_at": at, "changed_at": at,
            }
        )  # fmt: skip
    insert_many(FeedbackAnswer.__table__, rows, unless=("lecture_id", "person_id"))
    return len(rows)


@action
def hide_comment(lecture_id: int, answer_id: int, key: str, reason: str, *, by: Actor, at: datetime) -> None:
    """Takes a written answer out of the results, with a reason. Administrators still see it."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    words = checked_words(reason, lack=_("Enter the reason."))
    row = db.session.get(FeedbackAnswer, answer_id)
    if row is None or row.lecture_id != lecture_id or not isinstance(row.answers.get(key), str):
        raise NotFound
    values = {"answer_id": answer_id, "key": key, "reason": words, "hidden_by": by.person_id, "hidden_at": at}
    db.session.execute(dialect_insert(HiddenComment).values(values).on_conflict_do_nothing())
    audit.record("hide_feedback_comment", by=by, at=at, lecture=lecture_id)


@action
def show_comment(lecture_id: int, answer_id: int, key: str, *, by: Actor, at: datetime) -> None:
    """Puts a hidden comment back. Administrators only."""
    if not by.is_administrator:
        raise Forbidden(_("Only administrators can show a hidden comment again."))
    given = db.session.get(FeedbackAnswer, answer_id)
    if given is None or given.lecture_id != lecture_id:
        raise NotFound
    whose = select(Person.canonical_id).where(Person.id == given.person_id).scalar_subquery()
    answers = select(FeedbackAnswer.id).join(Person, Person.id == FeedbackAnswer.person_id)
    answers = answers.where(FeedbackAnswer.lecture_id == lecture_id, Person.canonical_id == whose)
    is_hidden = HiddenComment.key == key, HiddenComment.answer_id.in_(answers)
    if db.session.scalar(select(HiddenComment.answer_id).where(*is_hidden).limit(1)) is None:
        raise NotFound
    db.session.execute(delete(HiddenComment).where(*is_hidden))
    audit.record("show_feedback_comment", by=by, at=at, lecture=lecture_id)


@action
def erase_answers(person_id: int) -> None:
    """Deletes what an erased person wrote. What they chose stays, so that every figure stays."""
    forms: dict[int | None, tuple[Question, ...]] = {None: DEFAULT}
    for row in db.session.scalars(select(FeedbackAnswer).where(FeedbackAnswer.person_id == person_id)):
        if row.form_id not in forms:
            forms[row.form_id] = load(db.session.get_one(FeedbackForm, row.form_id).questions)
        row.answers = without_texts(row.answers, forms[row.form_id])


def ask_for_feedback(*, at: datetime) -> int:
    """E-mails those who attended a lecture that ended lately and have not answered, once; returns of how many
    lectures."""
    query = (
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
    ids = [id_ for (id_,) in read(query)]
    known = outbox.begun(run_key(id_) for id_ in ids) if ids else set()
    db.session.rollback()
    return sum(_ask(id_, at=at) for id_ in ids if run_key(id_) not in known)


def run_key(lecture_id: int) -> str:
    """The run of e-mails that ask about a lecture."""
    return f"feedback-{lecture_id}"


def _ask(lecture_id: int, *, at: datetime) -> bool:
    """In short transactions. Whatever stops this, it is begun again, and nobody is asked twice."""
    lecture = db.session.get_one(Lecture, lecture_id)
    people = sorted(set(attended_ids(lecture)) - answered_ids([lecture_id])[lecture_id])
    people = sorted(wanting(kind_of(TEMPLATE), people, lecture.series_id))
    db.session.rollback()
    for some in chunks(people, POST_AT_ONCE):
        _post_to(lecture_id, some, at=at)
    return _note_asked(lecture_id, at=at)


@action
def _post_to(lecture_id: int, people: Sequence[int], *, at: datetime) -> None:
    lecture = locked_lecture(lecture_id)
    if lecture.state is LectureState.HELD:
        end = closes_at(lecture)
        tell_lecture(TEMPLATE, lecture, people, {}, expires_at=end, at=at, key=run_key(lecture_id))


@action
def _note_asked(lecture_id: int, *, at: datetime) -> bool:
    return outbox.begin(run_key(lecture_id), at=at)
