"""Feedback as it is read: what is asked, what somebody answered, and the results without names."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Select, func, select

from lms.attendance.queries.facts import attended_rows
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import may_edit_lecture, may_edit_series
from lms.core.base.disclosure import FEWEST
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_column
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.enrolment.membership import expected_at
from lms.feedback.models import FeedbackAnswer, FeedbackForm, HiddenComment
from lms.feedback.rules import DEFAULT, OPEN_FOR, closes_at, is_open, rating_key, shown_beside
from lms.mail.outbox import OutboxMail
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.questions.rules import Question, load


@dataclass(frozen=True)
class AskedForm:
    """The questions about a lecture: the version, null for the default questions, and whose questions they are."""

    id: int | None
    questions: tuple[Question, ...]
    is_of_lecture: bool = False
    is_of_series: bool = False


def form_of(lecture: Lecture) -> AskedForm:
    """The questions that are asked about a lecture: its own, else those of its series, else the default ones."""
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
    """A form of another lecture or series that somebody may change, to start from. `row`: whose it is."""

    id: int
    row: Lecture | Series
    questions: tuple[Question, ...]


def list_templates(*, by: Actor) -> list[FormTemplate]:
    """The forms that are asked somewhere and that this actor may change, the latest first."""
    newest = select(func.max(FeedbackForm.id)).group_by(FeedbackForm.lecture_id, FeedbackForm.series_id)
    rows = (
        select(FeedbackForm, Lecture, Series)
        .join(Lecture, Lecture.id == FeedbackForm.lecture_id, isouter=True)
        .join(Series, Series.id == func.coalesce(FeedbackForm.series_id, Lecture.series_id))
        .where(FeedbackForm.id.in_(newest))
        .order_by(FeedbackForm.id.desc())
    )
    templates = (
        FormTemplate(form.id, lecture or series, load(form.questions))
        for form, lecture, series in db.session.execute(rows)
        if form.questions and may_edit_series(series, by)
    )
    return list(islice(templates, MOST_TEMPLATES))


def questions_to_start_from(template: FormTemplate) -> tuple[Question, ...]:
    """The questions of another form for a new one. They are other questions, and get keys of their own; the usual ones
    keep theirs."""
    usual = {(one.key, one.kind, one.text) for one in DEFAULT}
    return tuple(one if (one.key, one.kind, one.text) in usual else replace(one, key="") for one in template.questions)


def _latest(condition: Any) -> Select[FeedbackForm]:
    return select(FeedbackForm).where(condition).order_by(FeedbackForm.id.desc()).limit(1)


def used_keys(condition: Any) -> set[str]:
    """The keys of all questions that forms have had."""
    return {
        each["key"]
        for questions in db.session.scalars(select(FeedbackForm.questions).where(condition))
        for each in questions
    }


@dataclass(frozen=True)
class OwnFeedback:
    """The questions about a lecture for somebody who can answer, and what they answered."""

    lecture: Lecture
    form: AskedForm
    answers: Mapping[str, Any]
    has_answered: bool
    closes_at: datetime | None
    is_open: bool


def is_expected(lecture_id: int, person_id: int) -> bool:
    """Whether a person (canonical id) can give feedback about a lecture: they were expected at it, and exist still."""
    person = db.session.get(Person, person_id)
    if person is None or person.erased_at is not None:
        return False
    return person_id in read_column(expected_at(lecture_id, [person_id]))


def own_feedback(lecture_id: int, person_id: int, *, by: Actor, at: datetime) -> OwnFeedback:
    """A person's questions about a lecture and their answers. Raises NotFound unless they were expected at it."""
    lecture = get_lecture(lecture_id, by=by)
    if not is_expected(lecture_id, person_id):
        raise NotFound
    row = latest_answer(lecture_id, person_id)
    form = form_of(lecture)
    keys = {question.key for question in form.questions}
    answers = {} if row is None else {key: value for key, value in row.answers.items() if key in keys}
    return OwnFeedback(lecture, form, answers, row is not None, closes_at(lecture), is_open(lecture, at))


def latest_answer(lecture_id: int, person_id: int) -> FeedbackAnswer | None:
    """The last answers of a person about a lecture, under any of their records."""
    query = (
        select(FeedbackAnswer)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(FeedbackAnswer.lecture_id == lecture_id, Person.canonical_id == person_id)
        .order_by(FeedbackAnswer.changed_at.desc(), FeedbackAnswer.id.desc())
        .limit(1)
    )
    return db.session.scalar(query)


def list_waiting(person_id: int, attended: Collection[int], *, at: datetime) -> list[Lecture]:
    """Of the lectures that a person attended, those about which they can still answer and have not; the latest
    first."""
    if not attended:
        return []
    members = select(Person.id).where(Person.canonical_id == person_id)
    answered = select(FeedbackAnswer.lecture_id).where(FeedbackAnswer.person_id.in_(members))
    query = select(Lecture).where(
        among(Lecture.id, attended), Lecture.actual_end > at - OPEN_FOR, Lecture.id.not_in(answered)
    )
    lectures = db.session.scalars(query.order_by(Lecture.actual_end.desc()))
    return [lecture for lecture in lectures if is_open(lecture, at)]


def own_state(lecture: Lecture, person_id: int, at: datetime) -> str | None:
    """Whether a person who attended a lecture can give feedback now: "open", "answered" (to change it), or null."""
    if not is_open(lecture, at):
        return None
    return "open" if latest_answer(lecture.id, person_id) is None else "answered"


def outdated_mails(mails: Sequence[OutboxMail]) -> set[int]:
    """Those that ask about a lecture that is not held any more, or that their reader has answered about."""
    ids = {int(mail.payload.get("lecture_id") or 0) for mail in mails}
    held = set(read_column(select(Lecture.id).where(among(Lecture.id, ids), Lecture.state == LectureState.HELD)))
    answered = answered_ids(ids)
    readers = {mail.person_id for mail in mails if mail.person_id}
    people = read(select(Person.id, Person.canonical_id).where(among(Person.id, readers)))
    person_of: dict[int | None, int | None] = dict(people)
    keys = {mail.id: int(mail.payload.get("lecture_id") or 0) for mail in mails}
    return {
        mail.id
        for mail in mails
        if keys[mail.id] not in held or person_of.get(mail.person_id) in answered[keys[mail.id]]
    }


def answered_ids(lecture_ids: Collection[int]) -> dict[int, set[int]]:
    """Returns the people who answered about each lecture (canonical ids)."""
    query = select(FeedbackAnswer.lecture_id, Person.canonical_id)
    query = query.join(Person, Person.id == FeedbackAnswer.person_id)
    answered: dict[int, set[int]] = {lecture_id: set() for lecture_id in lecture_ids}
    for lecture_id, person_id in read(query.where(among(FeedbackAnswer.lecture_id, lecture_ids))):
        answered[lecture_id].add(person_id)
    return answered


def attended_ids(lecture: Lecture, only: Collection[int] | None = None) -> dict[int, tuple[int | None, str]]:
    """The people who attended a lecture (canonical ids), with country and way; of some people, where given."""
    if lecture.actual_start is None:
        return {}
    day = clock.day_of(lecture.actual_start, clock.reporting_zone())
    return {row.person: (row.country, row.source) for row in attended_rows(lecture.id, day, only)}


@dataclass(frozen=True)
class CountedAnswer:
    """The answer of one person, whatever records they have."""

    id: int
    lecture_id: int
    person_id: int
    form_id: int | None
    answers: Mapping[str, Any]
    rating: int | None


def counted_answers(lecture_ids: Collection[int]) -> list[CountedAnswer]:
    """The answers about lectures, one for each person: of merged people the one that was changed last."""
    query = (
        select(
            FeedbackAnswer.id,
            FeedbackAnswer.lecture_id,
            Person.canonical_id,
            FeedbackAnswer.form_id,
            FeedbackAnswer.answers,
            FeedbackAnswer.rating,
        )
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(among(FeedbackAnswer.lecture_id, lecture_ids))
        .order_by(FeedbackAnswer.changed_at, FeedbackAnswer.id)
    )
    latest = {(row[1], row[2]): CountedAnswer(*row) for row in read(query)}
    return list(latest.values())


def ratings_of(lecture_ids: Collection[int] | None = None) -> dict[int, dict[int, int]]:
    """Lecture → person (canonical id) → rating, of all answers with one; of merged people the one changed last."""
    query = (
        select(FeedbackAnswer.lecture_id, Person.canonical_id, FeedbackAnswer.rating)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .order_by(FeedbackAnswer.changed_at, FeedbackAnswer.id)
    )
    if lecture_ids is not None:
        query = query.where(among(FeedbackAnswer.lecture_id, lecture_ids))
    ratings: dict[int, dict[int, int | None]] = defaultdict(dict)
    for lecture_id, person_id, rating in read(query):
        ratings[lecture_id][person_id] = rating
    return {
        lecture_id: {person: rating for person, rating in of_lecture.items() if rating is not None}
        for lecture_id, of_lecture in ratings.items()
    }


def public_ratings(attended: Mapping[int, Collection[int]]) -> dict[int, dict[int, int]]:
    """Lecture → person → rating, of those who attended lectures, as far as sums of lectures may have them.

    Ratings of a lecture by fewer than five people, who answered one question, are left out: with them, a sum would be
    more than its lectures show, and what it is more would be of these few.
    """
    rows = [row for row in counted_answers(attended) if row.rating is not None]
    forms: dict[int | None, str | None] = {None: rating_key(DEFAULT)}
    ids = {row.form_id for row in rows if row.form_id is not None}
    forms |= {
        id_: rating_key(load(questions))
        for id_, questions in read(select(FeedbackForm.id, FeedbackForm.questions).where(among(FeedbackForm.id, ids)))
    }
    people = {lecture_id: set(ids) for lecture_id, ids in attended.items()}
    by_question: dict[tuple[int, str | None], dict[int, int]] = defaultdict(dict)
    for row in rows:
        if row.person_id in people[row.lecture_id] and row.rating is not None:
            by_question[row.lecture_id, forms[row.form_id]][row.person_id] = row.rating
    public: dict[int, dict[int, int]] = defaultdict(dict)
    for (lecture_id, _key), ratings in by_question.items():
        if len(ratings) >= FEWEST:
            public[lecture_id] |= ratings
    return dict(public)


@dataclass(frozen=True)
class Comment:
    """A written answer. `reason` is why it is hidden, for those who may see it then."""

    answer_id: int
    text: str
    reason: str | None = None


@dataclass(frozen=True)
class QuestionResult:
    """The answers to a question. `answers` is null where they are too few; then there is no more of it."""

    question: Question
    answers: int | None
    counts: Mapping[Any, int] = field(default_factory=dict)
    mean: float | None = None
    comments: Sequence[Comment] = ()


@dataclass(frozen=True)
class GroupResult:
    """A group of the people who answered: how many, and the mean of each rating that can be shown."""

    answers: int
    means: Mapping[str, float | None]


@dataclass(frozen=True)
class FeedbackResults:
    """The results of a lecture. `answers` is null below five. Groups by country code, or null, and by way."""

    lecture: Lecture
    answers: int | None
    attended: int
    questions: Sequence[QuestionResult]
    countries: Mapping[str | None, GroupResult]
    sources: Mapping[str | None, GroupResult]
    closes_at: datetime | None
    is_open: bool


def may_read(lecture: Lecture, by: Actor) -> bool:
    """Whether somebody can read the results of a lecture: its instructors, reporters, administrators."""
    return by.is_reporter or may_edit_lecture(lecture, by)


def results_of(lecture_id: int, *, by: Actor, at: datetime) -> FeedbackResults:
    """The results of a lecture: what those who attended it answered, as in *satisfaction*.

    Raises NotFound or Forbidden for who may not read them.
    """
    lecture = get_lecture(lecture_id, by=by)
    if not may_read(lecture, by):
        raise Forbidden(_("Only the lecture’s instructors, reporters and administrators can read its feedback."))
    attended = attended_ids(lecture)
    rows = [row for row in counted_answers([lecture.id]) if row.person_id in attended]
    if len(rows) < FEWEST:
        return FeedbackResults(lecture, None, len(attended), [], {}, {}, closes_at(lecture), is_open(lecture, at))
    questions = _questions_of(lecture, rows)
    hidden = _hidden(lecture.id, rows)
    results = [_result(question, rows, hidden, by) for question in questions]
    day = clock.day_of(lecture.actual_start or at, clock.reporting_zone())
    codes = country_codes_of([row.person_id for row in rows], day)
    cells = {
        row.person_id: (codes.get(row.person_id), _WAYS.get(attended[row.person_id][1], attended[row.person_id][1]))
        for row in rows
    }
    by_country, by_source = _groups(questions, rows, cells)
    return FeedbackResults(
        lecture, len(rows), len(attended), results, by_country, by_source, closes_at(lecture), is_open(lecture, at)
    )


_WAYS = {"import": "live"}


def _questions_of(lecture: Lecture, rows: Iterable[CountedAnswer]) -> list[Question]:
    """The questions that are asked now, then those of earlier versions that were answered: each key and kind once."""
    ids = {row.form_id for row in rows if row.form_id is not None}
    forms = db.session.execute(
        select(FeedbackForm.questions).where(FeedbackForm.id.in_(ids)).order_by(FeedbackForm.id.desc())
    )
    versions = [form_of(lecture).questions, *(load(questions) for (questions,) in forms)]
    if any(row.form_id is None for row in rows):
        versions.append(DEFAULT)
    return list(
        {(each.key, each.kind): each for questions in reversed(versions) for each in reversed(questions)}.values()
    )[::-1]


def _hidden(lecture_id: int, rows: Iterable[CountedAnswer]) -> dict[tuple[int, str], str]:
    """Why written answers are hidden, by answer and question: also those that were hidden under another record of
    their person."""
    query = (
        select(Person.canonical_id, HiddenComment.key, HiddenComment.reason)
        .join(FeedbackAnswer, FeedbackAnswer.id == HiddenComment.answer_id)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(FeedbackAnswer.lecture_id == lecture_id)
        .order_by(HiddenComment.hidden_at)
    )
    reasons: dict[int, dict[str, str]] = defaultdict(dict)
    for person_id, key, reason in read(query):
        reasons[person_id][key] = reason
    return {(row.id, key): reason for row in rows for key, reason in reasons.get(row.person_id, {}).items()}


def _fits(question: Question, value: Any) -> bool:
    kinds: dict[str, Any] = {"rating": int, "choice": str, "choices": list, "text": str, "number": (int, float)}
    return isinstance(value, kinds[question.kind])


def _result(
    question: Question, rows: Iterable[CountedAnswer], hidden: Mapping[tuple[int, str], str], by: Actor
) -> QuestionResult:
    given = {row.id: row.answers[question.key] for row in rows if _fits(question, row.answers.get(question.key))}
    if len(given) < FEWEST:
        return QuestionResult(question, None)
    values = list(given.values())
    if question.kind == "text":
        comments = [
            Comment(id_, text, hidden.get((id_, question.key)))
            for id_, text in given.items()
            if by.is_administrator or (id_, question.key) not in hidden
        ]
        return QuestionResult(question, len(given), comments=sorted(comments, key=_shuffled))
    if question.kind == "number":
        return QuestionResult(question, len(given), mean=sum(values) / len(values))
    counts = Counter(value for each in values for value in (each if isinstance(each, list) else [each]))
    mean = sum(values) / len(values) if question.kind == "rating" else None
    return QuestionResult(question, len(given), dict(counts), mean)


def _shuffled(comment: Comment) -> bytes:
    """An order that says nothing about who wrote when, and is the same each time."""
    return hashlib.sha256(f"{comment.answer_id}".encode()).digest()


def _groups(
    questions: Sequence[Question], rows: Sequence[CountedAnswer], cell_of: Mapping[int, tuple[str | None, str]]
) -> tuple[dict[str | None, GroupResult], dict[str | None, GroupResult]]:
    """The groups that can be shown, by country and by way of attending, the largest first; each rating only where its
    own answers are enough."""
    shown = shown_beside(Counter(cell_of[row.person_id] for row in rows))
    sums: list[dict[str | None, dict[str, float | None]]] = [{}, {}]
    for key in [question.key for question in questions if question.kind == "rating"]:
        ratings = [row for row in rows if isinstance(row.answers.get(key), int)]
        enough = shown_beside(Counter(cell_of[row.person_id] for row in ratings))
        for kind in (0, 1):
            given: dict[str | None, list[int]] = defaultdict(list)
            for row in ratings:
                given[cell_of[row.person_id][kind]].append(row.answers[key])
            for group in shown[kind]:
                values = given.get(group, []) if group in enough[kind] else []
                sums[kind].setdefault(group, {})[key] = sum(values) / len(values) if values else None
    sizes = [Counter(cell_of[row.person_id][kind] for row in rows) for kind in (0, 1)]
    by_country, by_source = (
        {
            group: GroupResult(sizes[kind][group], sums[kind].get(group, {}))
            for group in sorted(shown[kind], key=lambda group: (-sizes[kind][group], group or ""))
        }
        for kind in (0, 1)
    )
    return by_country, by_source


def export_of_person(person_id: int) -> list[dict[str, Any]]:
    """The answers of a person, for the export of their data."""
    query = (
        select(FeedbackAnswer)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(Person.canonical_id == person_id)
        .order_by(FeedbackAnswer.id)
    )
    return [
        {"lecture": row.lecture_id, "answered_at": row.changed_at.isoformat(), "answers": row.answers}
        for row in db.session.scalars(query)
    ]
