"""The results of feedback about a lecture or series: bars, comments and groups, none of fewer than five people."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, Series
from lms.catalogue.rules import may_edit_lecture, may_edit_series
from lms.core.base.disclosure import FEWEST
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import db, read
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.feedback.models import FeedbackAnswer, FeedbackForm, HiddenComment
from lms.feedback.queries import (
    CountedAnswer,
    Subject,
    attended_by_lecture,
    closing_of,
    column_of,
    counted_answers,
    form_of,
    held_lectures,
    public_ratings,
    ways_of,
)
from lms.feedback.rules import (
    DEFAULT,
    SATISFIED,
    is_open,
    shown_beside,
)
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.questions.rules import Question, load


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
class YearResult:
    """The ratings of a year that *satisfaction* is counted from: how many, their mean, and the share of 4 and 5."""

    answers: int
    mean: float
    satisfied_percent: float


@dataclass(frozen=True)
class FeedbackResults:
    """The results of a lecture, or of a series as a whole. `answers` is null below five. Groups by country code, or
    null, and by way. `years`: of a series, the feedback on its lectures by year."""

    subject: Subject
    answers: int | None
    attended: int
    closes_at: datetime | None
    is_open: bool
    questions: Sequence[QuestionResult] = ()
    countries: Mapping[str | None, GroupResult] = field(default_factory=dict)
    sources: Mapping[str | None, GroupResult] = field(default_factory=dict)
    years: Mapping[str, YearResult] = field(default_factory=dict)

    @property
    def is_of_series(self) -> bool:
        """Whether they are those of a series as a whole."""
        return isinstance(self.subject, Series)

    @property
    def name(self) -> str:
        """The name of files of them."""
        return f"feedback-{self.subject.slug if isinstance(self.subject, Series) else self.subject.id}"


def may_edit(subject: Subject, by: Actor) -> bool:
    """Whether somebody can write the questions about a lecture or series, and hide comments."""
    return may_edit_series(subject, by) if isinstance(subject, Series) else may_edit_lecture(subject, by)


def may_read(subject: Subject, by: Actor) -> bool:
    """Whether somebody can read the results of a lecture or series: its instructors, reporters, administrators."""
    return by.is_reporter or may_edit(subject, by)


def results_of(subject: Subject, *, by: Actor, at: datetime) -> FeedbackResults:
    """The results of a lecture, or of a series as a whole: what those answered who attended it, or a lecture of it.

    Raises Forbidden for who may not read them.
    """
    if not may_read(subject, by):
        if isinstance(subject, Series):
            raise Forbidden(_("Only the series’ instructors, reporters and administrators can read its feedback."))
        raise Forbidden(_("Only the lecture’s instructors, reporters and administrators can read its feedback."))
    lectures = [subject] if isinstance(subject, Lecture) else held_lectures(subject)
    attended = attended_by_lecture(lectures)
    ways = ways_of(lectures, attended)
    years = _years(lectures, attended) if isinstance(subject, Series) else {}
    rows = [row for row in counted_answers([subject.id], column_of(subject)) if row.person_id in ways]
    closes = closing_of(subject)
    empty = FeedbackResults(subject, None, len(ways), closes, is_open(closes, at), years=years)
    if len(rows) < FEWEST:
        return empty
    questions = _questions_of(subject, rows)
    hidden = _hidden(subject, rows)
    results = [_result(question, rows, hidden, by) for question in questions]
    last = max((lecture.actual_start for lecture in lectures if lecture.actual_start is not None), default=at)
    codes = country_codes_of([row.person_id for row in rows], clock.day_of(last, clock.reporting_zone()))
    cells = {
        row.person_id: (codes.get(row.person_id), _WAYS.get(ways[row.person_id], ways[row.person_id])) for row in rows
    }
    by_country, by_source = _groups(questions, rows, cells)
    return replace(empty, answers=len(rows), questions=results, countries=by_country, sources=by_source)


def _years(lectures: Iterable[Lecture], attended: Mapping[int, Mapping[int, str]]) -> dict[str, YearResult]:
    """The feedback on lectures by the year of each, of those whose results state the same ratings: a sum of them says
    nothing new."""
    given: dict[str, list[int]] = defaultdict(list)
    public = public_ratings(attended)
    for lecture in lectures:
        if lecture.id in public and lecture.actual_start is not None:
            year = clock.day_of(lecture.actual_start, clock.reporting_zone()).year
            given[str(year)] += public[lecture.id].values()
    return {
        year: YearResult(len(ratings), sum(ratings) / len(ratings), _percent(ratings))
        for year, ratings in sorted(given.items())
    }


def _percent(ratings: Sequence[int]) -> float:
    return round(100 * sum(rating >= SATISFIED for rating in ratings) / len(ratings), 1)


_WAYS = {"import": "live"}


def _questions_of(subject: Subject, rows: Iterable[CountedAnswer]) -> list[Question]:
    """The questions that are asked now, then those of earlier versions that were answered: each key and kind once."""
    ids = {row.form_id for row in rows if row.form_id is not None}
    forms = db.session.execute(
        select(FeedbackForm.questions).where(FeedbackForm.id.in_(ids)).order_by(FeedbackForm.id.desc())
    )
    versions = [form_of(subject).questions, *(load(questions) for (questions,) in forms)]
    if any(row.form_id is None for row in rows):
        versions.append(DEFAULT)
    return list(
        {(each.key, each.kind): each for questions in reversed(versions) for each in reversed(questions)}.values()
    )[::-1]


def _hidden(subject: Subject, rows: Iterable[CountedAnswer]) -> dict[tuple[int, str], str]:
    """Why written answers are hidden, by answer and question: also those that were hidden under another record of
    their person."""
    query = (
        select(Person.canonical_id, HiddenComment.key, HiddenComment.reason)
        .join(FeedbackAnswer, FeedbackAnswer.id == HiddenComment.answer_id)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(column_of(subject) == subject.id)
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
