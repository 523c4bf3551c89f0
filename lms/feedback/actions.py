"""Writes questions and answers, hides comments, and asks for feedback by e-mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, or_, select

from lms.attendance.models.credits import LectureFacts
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
    form_of_series,
    forms_of,
    is_expected,
    own_questions,
    people_of,
    used_keys,
    versions_of_series,
)
from lms.feedback.releases import withhold_comments
from lms.feedback.results import find_comment
from lms.feedback.rules import (
    DEFAULT,
    KINDS,
    MOST_QUESTIONS,
    OPEN_FOR,
    PROPOSED,
    check_open,
    digest,
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


@action
def save_form(lecture_id: int, sent: Sequence[Mapping[str, Any]], *, by: Actor, at: datetime) -> None:
    """Writes the questions of a lecture; without any, those of its series are asked again.

    Answers that were given keep their questions. Raises Invalid, Forbidden or NotFound.
    """
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)
    lecture = locked_lecture(lecture_id)
    inherited = FeedbackForm.series_id == lecture.series_id
    questions = _checked(sent, lecture, or_(forms_of(lecture), inherited))
    if dump(questions) != dump(form_of(lecture).questions if sent else own_questions(forms_of(lecture))):
        db.session.add(
            FeedbackForm(lecture_id=lecture_id, questions=dump(questions), author_id=by.person_id, created_at=at)
        )
        audit.record("change_feedback_form", by=by, at=at, lecture=lecture_id, series=lecture.series_id)


@action
def save_form_of_series(slug: str, sent: Sequence[Mapping[str, Any]], *, by: Actor, at: datetime) -> None:
    """Writes the questions for all lectures of a series that have none of their own."""
    check_can_edit_series(get_series(slug, by=by), by)
    series = locked_series(slug)
    of_series = FeedbackForm.series_id == series.id
    inheriting = FeedbackForm.lecture_id.in_(select(Lecture.id).where(Lecture.series_id == series.id))
    questions = _checked(sent, series, or_(of_series, inheriting))
    if dump(questions) != dump(form_of_series(series).questions if sent else own_questions(of_series)):
        db.session.add(
            FeedbackForm(series_id=series.id, questions=dump(questions), author_id=by.person_id, created_at=at)
        )
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
    changed = {**values, "changes": FeedbackAnswer.changes + 1}
    db.session.execute(insert.on_conflict_do_update(index_elements=[about, "person_id"], set_=changed))
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
def hide_comment(subject: Subject, token: str, reason: str, *, by: Actor, at: datetime) -> None:
    """Takes a comment that the results show out of them, with a reason. Administrators still see it."""
    _check_can_edit(subject, by)
    words = checked_words(reason, lack=_("Enter the reason."))
    answer_id, key = find_comment(subject, token)
    values = {"answer_id": answer_id, "key": key, "reason": words, "hidden_by": by.person_id, "hidden_at": at}
    db.session.execute(dialect_insert(HiddenComment).values(values).on_conflict_do_nothing())
    _record("hide_feedback_comment", subject, by=by, at=at)


def _record(verb: str, subject: Subject, *, by: Actor, at: datetime) -> None:
    if isinstance(subject, Series):
        audit.record(verb, by=by, at=at, series=subject.id)
    else:
        audit.record(verb, by=by, at=at, lecture=subject.id)


@action
def show_comment(subject: Subject, token: str, *, by: Actor, at: datetime) -> None:
    """Puts a hidden comment back. Administrators only."""
    if not by.is_administrator:
        raise Forbidden(_("Only administrators can show a hidden comment again."))
    answer_id, key = find_comment(subject, token)
    given, column = db.session.get_one(FeedbackAnswer, answer_id), column_of(subject)
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
    """Deletes what an erased person wrote, also from what is shown. What they chose stays, so every figure stays."""
    forms: dict[int | None, tuple[Question, ...]] = {None: DEFAULT}
    of_person = select(FeedbackAnswer.id, FeedbackAnswer.lecture_id, Series.slug)
    of_person = of_person.outerjoin(Series, Series.id == FeedbackAnswer.series_id)
    given = read(of_person.where(FeedbackAnswer.person_id == person_id).order_by(FeedbackAnswer.id))
    for answer_id, lecture_id, slug in given:
        subject = locked_lecture(lecture_id) if lecture_id is not None else locked_series(slug)
        row = db.session.get_one(FeedbackAnswer, answer_id, populate_existing=True)
        if row.form_id not in forms:
            forms[row.form_id] = load(db.session.get_one(FeedbackForm, row.form_id).questions)
        row.answers = without_texts(row.answers, forms[row.form_id])
        row.changes += 1
        withhold_comments(answer_id, subject)


# Asking by e-mail


def ask_for_feedback(*, at: datetime) -> int:
    """E-mails those who attended a lecture, or a lecture of a series that is over and asks, and have not answered, once
    each, until its feedback ends; returns about how many lectures and series.

    Who becomes known to have attended later is asked then: a lecture or series is looked at again whenever its
    attendance has changed.
    """
    lectures = (
        select(Lecture.id, LectureFacts.version)
        .join(Series, Series.id == Lecture.series_id)
        .outerjoin(LectureFacts, LectureFacts.lecture_id == Lecture.id)
        .where(
            Lecture.state == LectureState.HELD,
            Lecture.actual_end <= at - ASK_AFTER,
            Lecture.actual_end >= at - OPEN_FOR,
            Series.visibility == Visibility.PUBLIC,
        )
        .order_by(Lecture.id)
    )
    due: dict[str, tuple[type[Subject], int]] = {
        run_key(id_, version): (Lecture, id_) for id_, version in read(lectures)
    }
    closings = {id_: closes for id_, closes in closings_of_series().items() if is_open(closes, at)}
    closings = {id_: closes for id_, closes in closings.items() if closes - OPEN_FOR <= at - ASK_AFTER}
    public = select(Series.id).where(among(Series.id, closings), Series.visibility == Visibility.PUBLIC)
    for (id_,) in read(public.order_by(Series.id)) if closings else ():
        due[run_key_of_series(id_, closings[id_])] = (Series, id_)
    known = outbox.begun(due) if due else set()
    db.session.rollback()
    return sum(_ask(kind, id_, key, at=at) for key, (kind, id_) in due.items() if key not in known)


def run_key(lecture_id: int, version: int | None) -> str:
    """The run of e-mails that ask about a lecture with this version of its attendance."""
    return f"feedback-{lecture_id}-{version or 0}"


def run_key_of_series(series_id: int, closes: datetime) -> str:
    """The run of e-mails that ask about a series: another one when a lecture was held since, or its attendance has
    changed, or it asks again. Nobody who was asked before is asked again."""
    return f"feedback-series-{series_id}-{int(closes.timestamp())}-{digest(versions_of_series(series_id))}"


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
        tell_lecture(TEMPLATE, subject, people, {}, expires_at=end, at=at, key=f"feedback-{subject_id}")


@action
def _note_asked(key: str, *, at: datetime) -> bool:
    return outbox.begin(key, at=at)
