"""Feedback as it is read: what is asked, what somebody answered, and the results without names."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import InstrumentedAttribute

from lms.attendance.models.credits import LectureFacts
from lms.attendance.queries.facts import attended_in
from lms.catalogue.models import Lecture, LectureChange, LectureState, Series, Visibility
from lms.catalogue.rules import may_edit_series
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_column
from lms.core.time import clock
from lms.enrolment.membership import expected_at
from lms.feedback.models import FeedbackAnswer, FeedbackForm, FeedbackRelease
from lms.feedback.rules import (
    DEFAULT,
    OPEN_FOR,
    PROPOSED,
    closes_at,
    closes_at_of_series,
    is_open,
)
from lms.mail.outbox import OutboxMail
from lms.people.models import Person
from lms.questions.rules import Question, load

Subject = Lecture | Series
"""What people give feedback about: a lecture, or a series as a whole, once it is over."""


def column_of(subject: Subject) -> InstrumentedAttribute[int | None]:
    """The column of answers that says what they are about."""
    return FeedbackAnswer.lecture_id if isinstance(subject, Lecture) else FeedbackAnswer.series_id


def forms_of(subject: Subject) -> Any:
    """The condition of the forms that were written for a lecture, or about a series as a whole."""
    column = FeedbackForm.lecture_id if isinstance(subject, Lecture) else FeedbackForm.about_series_id
    return column == subject.id


@dataclass(frozen=True)
class AskedForm:
    """The questions about a lecture or series: the version, null for the default questions, and whose questions they
    are."""

    id: int | None
    questions: tuple[Question, ...]
    is_of_lecture: bool = False
    is_of_series: bool = False


def form_of(subject: Subject) -> AskedForm:
    """The questions that are asked about a lecture: its own, else those of its series, else the default ones. Those
    about a series as a whole; none where it does not ask."""
    if isinstance(subject, Series):
        row = db.session.scalar(_latest(forms_of(subject)))
        return AskedForm(row.id if row else None, load(row.questions) if row else (), is_of_series=True)
    lecture = subject
    for column, key in ((FeedbackForm.lecture_id, lecture.id), (FeedbackForm.series_id, lecture.series_id)):
        row = db.session.scalar(_latest(column == key))
        if row is not None and row.questions:
            is_own = column is FeedbackForm.lecture_id
            return AskedForm(row.id, load(row.questions), is_of_lecture=is_own, is_of_series=not is_own)
    return AskedForm(None, DEFAULT)


def form_of_series(series: Series) -> AskedForm:
    """The questions that are asked about the lectures of a series that have none of their own."""
    row = db.session.scalar(_latest(FeedbackForm.series_id == series.id))
    if row is not None and row.questions:
        return AskedForm(row.id, load(row.questions), is_of_series=True)
    return AskedForm(None, DEFAULT)


MOST_TEMPLATES: Final = 50
"""The most forms of other lectures and series that are offered to start from, the latest ones."""


@dataclass(frozen=True)
class FormTemplate:
    """A form of another lecture or series that somebody may change, to start from. `row`: whose it is,
    `is_about_series`: whether it asks about that series as a whole."""

    id: int
    row: Lecture | Series
    questions: tuple[Question, ...]
    is_about_series: bool = False


def list_templates(*, by: Actor) -> list[FormTemplate]:
    """The forms that are asked somewhere and that this actor may change, the latest first."""
    subjects = FeedbackForm.lecture_id, FeedbackForm.series_id, FeedbackForm.about_series_id
    series_id = func.coalesce(FeedbackForm.series_id, FeedbackForm.about_series_id, Lecture.series_id)
    newest = select(func.max(FeedbackForm.id)).group_by(*subjects)
    rows = (
        select(FeedbackForm, Lecture, Series)
        .join(Lecture, Lecture.id == FeedbackForm.lecture_id, isouter=True)
        .join(Series, Series.id == series_id)
        .where(FeedbackForm.id.in_(newest))
        .order_by(FeedbackForm.id.desc())
    )
    templates = (
        FormTemplate(form.id, lecture or series, load(form.questions), form.about_series_id is not None)
        for form, lecture, series in db.session.execute(rows)
        if form.questions and may_edit_series(series, by)
    )
    return list(islice(templates, MOST_TEMPLATES))


def questions_to_start_from(template: FormTemplate) -> tuple[Question, ...]:
    """The questions of another form for a new one. They are other questions, and get keys of their own; the usual ones
    keep theirs."""
    usual = {(one.key, one.kind, one.text) for one in (*DEFAULT, *PROPOSED)}
    return tuple(one if (one.key, one.kind, one.text) in usual else replace(one, key="") for one in template.questions)


def asked_forms(series_id: int, lecture_ids: Collection[int]) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """The questions of the forms that a series and these lectures of it have now, by the column of their subject and
    its id."""
    forms: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for column, ids in (
        (FeedbackForm.lecture_id, lecture_ids),
        (FeedbackForm.series_id, [series_id]),
        (FeedbackForm.about_series_id, [series_id]),
    ):
        rows = read(select(column, FeedbackForm.questions).where(among(column, ids)).order_by(FeedbackForm.id))
        forms[column.key] = {subject_id: questions for subject_id, questions in dict(rows).items() if questions}
    return forms


def _latest(condition: Any) -> Select[FeedbackForm]:
    return select(FeedbackForm).where(condition).order_by(FeedbackForm.id.desc()).limit(1)


def own_questions(condition: Any) -> tuple[Question, ...]:
    """The questions of the latest of some forms; none where there is no such form, or they are asked no more."""
    row = db.session.scalar(_latest(condition))
    return load(row.questions) if row is not None else ()


def used_keys(condition: Any) -> set[str]:
    """The keys of all questions that forms have had."""
    return {
        each["key"]
        for questions in db.session.scalars(select(FeedbackForm.questions).where(condition))
        for each in questions
    }


def closings_of_series(series_ids: Collection[int] | None = None) -> dict[int, datetime]:
    """Of the series that ask about themselves as a whole and are over, when answers end; of some, where given."""
    query = select(FeedbackForm.about_series_id, FeedbackForm.questions, FeedbackForm.created_at)
    query = query.where(FeedbackForm.about_series_id.is_not(None)).order_by(FeedbackForm.id)
    if series_ids is not None:
        query = query.where(among(FeedbackForm.about_series_id, series_ids))
    turned_on: dict[int, datetime | None] = {}
    for series_id, questions, created_at in read(query):
        turned_on[series_id] = (turned_on.get(series_id) or created_at) if questions else None
    asking = [series_id for series_id, since in turned_on.items() if since is not None]
    if not asking:
        return {}
    lectures: dict[int, list[tuple[LectureState, datetime | None]]] = defaultdict(list)
    changes = LectureChange.lecture_id == Lecture.id, LectureChange.what == "cancelled"
    cancelled_at = select(func.max(LectureChange.at)).where(*changes).scalar_subquery()
    end_of = case((Lecture.state == LectureState.CANCELLED, cancelled_at), else_=Lecture.actual_end)
    for series_id, state, end in read(
        select(Lecture.series_id, Lecture.state, end_of).where(among(Lecture.series_id, asking))
    ):
        lectures[series_id].append((state, end))
    closings = {
        series_id: closes_at_of_series(lectures.get(series_id, ()), turned_on[series_id]) for series_id in asking
    }
    return {series_id: closes for series_id, closes in closings.items() if closes is not None}


def closing_of(subject: Subject) -> datetime | None:
    """When answers about a lecture or a series end; null where they cannot be given yet."""
    if isinstance(subject, Lecture):
        return closes_at(subject)
    return closings_of_series([subject.id]).get(subject.id)


@dataclass(frozen=True)
class OwnFeedback:
    """The questions about a lecture or series for somebody who can answer, and what they answered, and when."""

    subject: Subject
    form: AskedForm
    answers: Mapping[str, Any]
    answered_at: datetime | None
    closes_at: datetime | None
    is_open: bool

    @property
    def is_of_series(self) -> bool:
        """Whether it is about a series as a whole."""
        return isinstance(self.subject, Series)


def is_expected(subject: Subject, person_id: int) -> bool:
    """Whether a person (canonical id) can give feedback, and exists still: about a lecture, who was expected at it;
    about a series, who attended a lecture of it."""
    person = db.session.get(Person, person_id)
    if person is None or person.erased_at is not None:
        return False
    if isinstance(subject, Series):
        return person_id in people_of(subject, [person_id])
    return person_id in read_column(expected_at(subject.id, [person_id]))


def own_feedback(subject: Subject, person_id: int, *, at: datetime) -> OwnFeedback:
    """A person's questions about a lecture or series and their answers. Raises NotFound unless they can answer."""
    form = form_of(subject)
    if not form.questions or not is_expected(subject, person_id):
        raise NotFound
    row = latest_answer(subject, person_id)
    keys = {question.key for question in form.questions}
    answers = {} if row is None else {key: value for key, value in row.answers.items() if key in keys}
    closes = closing_of(subject)
    answered_at = None if row is None else row.changed_at
    return OwnFeedback(subject, form, answers, answered_at, closes, is_open(closes, at))


def latest_answer(subject: Subject, person_id: int) -> FeedbackAnswer | None:
    """The last answers of a person about a lecture or series, under any of their records."""
    query = (
        select(FeedbackAnswer)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(column_of(subject) == subject.id, Person.canonical_id == person_id)
        .order_by(FeedbackAnswer.changed_at.desc(), FeedbackAnswer.id.desc())
        .limit(1)
    )
    return db.session.scalar(query)


def list_waiting(person_id: int, attended: Collection[int], *, at: datetime) -> list[Lecture]:
    """Of the lectures that a person attended, those about which they can still answer and have not; the latest
    first."""
    if not attended:
        return []
    query = select(Lecture).where(
        among(Lecture.id, attended),
        Lecture.actual_end > at - OPEN_FOR,
        Lecture.id.not_in(_answered(FeedbackAnswer.lecture_id, person_id)),
    )
    lectures = db.session.scalars(query.order_by(Lecture.actual_end.desc()))
    return [lecture for lecture in lectures if is_open(closes_at(lecture), at)]


def list_waiting_series(person_id: int, attended: Collection[int], *, at: datetime) -> list[tuple[Series, datetime]]:
    """Of the series of which a person attended a lecture, those about which they can still answer and have not, and by
    when."""
    closings = closings_of_series(attended) if attended else {}
    open_ids = {series_id for series_id, closes in closings.items() if is_open(closes, at)}
    if not open_ids:
        return []
    query = select(Series).where(
        among(Series.id, open_ids),
        Series.visibility == Visibility.PUBLIC,
        Series.id.not_in(_answered(FeedbackAnswer.series_id, person_id)),
    )
    return [(series, closings[series.id]) for series in db.session.scalars(query.order_by(Series.id))]


def _answered(column: InstrumentedAttribute[int | None], person_id: int) -> Select[int | None]:
    """The query of what a person has answered about."""
    members = select(Person.id).where(Person.canonical_id == person_id)
    return select(column).where(FeedbackAnswer.person_id.in_(members), column.is_not(None))


def own_state(subject: Subject, person_id: int, at: datetime) -> str | None:
    """Whether a person who attended can give feedback now: "open", "answered" (to change it), or null."""
    if not is_open(closing_of(subject), at):
        return None
    return "open" if latest_answer(subject, person_id) is None else "answered"


def outdated_mails(mails: Sequence[OutboxMail]) -> set[int]:
    """Those that ask about a lecture that is not held any more, or that their reader has answered about."""
    ids = {int(mail.payload.get("lecture_id") or 0) for mail in mails}
    held = set(read_column(select(Lecture.id).where(among(Lecture.id, ids), Lecture.state == LectureState.HELD)))
    return _outdated(mails, "lecture_id", held, FeedbackAnswer.lecture_id)


def outdated_series_mails(mails: Sequence[OutboxMail]) -> set[int]:
    """Those that ask about a series that is not over any more or does not ask, or that their reader has answered
    about."""
    over = set(closings_of_series({int(mail.payload.get("series_id") or 0) for mail in mails}))
    return _outdated(mails, "series_id", over, FeedbackAnswer.series_id)


def _outdated(
    mails: Sequence[OutboxMail], key: str, asking: Collection[int], column: InstrumentedAttribute[int | None]
) -> set[int]:
    keys = {mail.id: int(mail.payload.get(key) or 0) for mail in mails}
    answered = answered_ids(column, set(keys.values()))
    readers = {mail.person_id for mail in mails if mail.person_id}
    people = read(select(Person.id, Person.canonical_id).where(among(Person.id, readers)))
    person_of: dict[int | None, int | None] = dict(people)
    return {
        mail.id
        for mail in mails
        if keys[mail.id] not in asking or person_of.get(mail.person_id) in answered[keys[mail.id]]
    }


def answered_ids(column: InstrumentedAttribute[int | None], subject_ids: Collection[int]) -> dict[int, set[int]]:
    """Returns the people who answered about each of these lectures or series, as the column says (canonical ids)."""
    query = select(column, Person.canonical_id)
    query = query.join(Person, Person.id == FeedbackAnswer.person_id)
    answered: dict[int, set[int]] = {subject_id: set() for subject_id in subject_ids}
    for subject_id, person_id in read(query.where(among(column, subject_ids))):
        answered[subject_id].add(person_id)
    return answered


def attended_ids(lecture: Lecture) -> dict[int, str]:
    """The people who attended a lecture (canonical ids), and in which way."""
    return attended_by_lecture([lecture]).get(lecture.id, {})


def attended_by_lecture(lectures: Iterable[Lecture], only: Collection[int] | None = None) -> dict[int, dict[int, str]]:
    """Lecture → person who attended it → way, of those that were held; of some people, where given."""
    zone = clock.reporting_zone()
    days = {one.id: clock.day_of(one.actual_start, zone) for one in lectures if one.actual_start is not None}
    rows = attended_in(days, only) if days else {}
    return {lecture_id: {row.person: row.source for row in of_lecture} for lecture_id, of_lecture in rows.items()}


def held_lectures(series: Series) -> list[Lecture]:
    """The lectures of a series that were held, in their order."""
    held = select(Lecture).where(Lecture.series_id == series.id, Lecture.state == LectureState.HELD)
    return list(db.session.scalars(held.order_by(Lecture.actual_start, Lecture.id)))


def versions_of(lecture_ids: Collection[int]) -> dict[int, int]:
    """Lecture → the version of its attendance, of those that have stored facts."""
    query = select(LectureFacts.lecture_id, LectureFacts.version)
    return dict(read(query.where(among(LectureFacts.lecture_id, lecture_ids)))) if lecture_ids else {}


def versions_of_series(series_id: int) -> list[int]:
    """The versions of the attendance of a series' lectures, in the order of these."""
    query = select(LectureFacts.version).join(Lecture, Lecture.id == LectureFacts.lecture_id)
    return list(read_column(query.where(Lecture.series_id == series_id).order_by(Lecture.id)))


def people_of(subject: Subject, only: Collection[int] | None = None) -> dict[int, str]:
    """The people who attended a lecture, or a lecture of a series, and the way: in a series, of the last lecture that
    they attended. Of some people (canonical ids), where given."""
    lectures = [subject] if isinstance(subject, Lecture) else held_lectures(subject)
    return ways_of(lectures, attended_by_lecture(lectures, only))


def ways_of(lectures: Iterable[Lecture], attended: Mapping[int, Mapping[int, str]]) -> dict[int, str]:
    return {person: way for lecture in lectures for person, way in attended.get(lecture.id, {}).items()}


@dataclass(frozen=True)
class CountedAnswer:
    """The answer of one person about a lecture or series, whatever records they have; `record_id` is that of this
    one."""

    id: int
    subject_id: int
    person_id: int
    record_id: int
    form_id: int | None
    answers: Mapping[str, Any]
    rating: int | None


def counted_answers(
    subject_ids: Collection[int], column: InstrumentedAttribute[int | None] = FeedbackAnswer.lecture_id
) -> list[CountedAnswer]:
    """The answers about lectures, or about series by the column of these, one for each person: of merged people the
    one that was changed last."""
    query = (
        select(
            FeedbackAnswer.id,
            column,
            Person.canonical_id,
            FeedbackAnswer.person_id,
            FeedbackAnswer.form_id,
            FeedbackAnswer.answers,
            FeedbackAnswer.rating,
        )
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(among(column, subject_ids))
        .order_by(FeedbackAnswer.changed_at, FeedbackAnswer.id)
    )
    latest = {(row[1], row[2]): CountedAnswer(*row) for row in read(query)}
    return list(latest.values())


def satisfaction_of(lecture_ids: Collection[int] | None = None) -> dict[int, dict[str, Any]]:
    """Lecture → what its release adds to *satisfaction*: the number, sum, and number of 4 and 5 of its ratings, in all
    (`total`) and by attribute of the people and its value; of lectures of which nothing is released, nothing."""
    query = select(FeedbackRelease.lecture_id, FeedbackRelease.satisfaction)
    query = query.where(FeedbackRelease.lecture_id.is_not(None), FeedbackRelease.satisfaction.is_not(None))
    if lecture_ids is not None:
        query = query.where(among(FeedbackRelease.lecture_id, lecture_ids))
    return dict(read(query))


def release_of(subject: Subject) -> FeedbackRelease | None:
    """The release of the answers about a lecture or series; None before anything was looked at."""
    column = FeedbackRelease.lecture_id if isinstance(subject, Lecture) else FeedbackRelease.series_id
    return db.session.scalar(select(FeedbackRelease).where(column == subject.id))


def export_of_person(person_id: int) -> list[dict[str, Any]]:
    """The answers of a person, for the export of their data."""
    query = (
        select(FeedbackAnswer)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(Person.canonical_id == person_id)
        .order_by(FeedbackAnswer.id)
    )
    return [
        {
            "series" if row.lecture_id is None else "lecture": row.lecture_id or row.series_id,
            "answered_at": row.changed_at.isoformat(),
            "answers": row.answers,
        }
        for row in db.session.scalars(query)
    ]
