"""The results of feedback about a lecture or series, as they were released: bars, comments and countries, none of fewer
than five people."""

import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, Series
from lms.catalogue.rules import may_edit_lecture, may_edit_series
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.base.settings import signing_secrets
from lms.core.database.bulk import among
from lms.core.database.session import db, read
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.feedback.models import FeedbackAnswer, FeedbackForm, HiddenComment
from lms.feedback.queries import (
    Subject,
    attended_by_lecture,
    closing_of,
    column_of,
    form_of,
    held_lectures,
    release_of,
    satisfaction_of,
    ways_of,
)
from lms.feedback.rules import DEFAULT, comment_token, digest, is_open, name_of
from lms.people.models import Person
from lms.questions.rules import Question, load


@dataclass(frozen=True)
class Comment:
    """A written answer, named by a token. `reason` is why it is hidden, for those who may see it then."""

    token: str
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
    """The results of a lecture, or of a series as a whole, as of `released_at`. `answers` is null before anything was
    released. `countries`: of a series, groups by country code, or null. `years`: of a series, the feedback on its
    lectures by year."""

    subject: Subject
    answers: int | None
    attended: int
    closes_at: datetime | None
    is_open: bool
    questions: Sequence[QuestionResult] = ()
    countries: Mapping[str | None, GroupResult] = field(default_factory=dict)
    years: Mapping[str, YearResult] = field(default_factory=dict)
    released_at: datetime | None = None

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
    """The results of a lecture, or of a series as a whole, as they were released last: nothing of them is counted here.

    Raises Forbidden for who may not read them.
    """
    if not may_read(subject, by):
        if isinstance(subject, Series):
            raise Forbidden(_("Only the series’ instructors, reporters and administrators can read its feedback."))
        raise Forbidden(_("Only the lecture’s instructors, reporters and administrators can read its feedback."))
    lectures = [subject] if isinstance(subject, Lecture) else held_lectures(subject)
    attended = len(ways_of(lectures, attended_by_lecture(lectures)))
    years = _years(lectures) if isinstance(subject, Series) else {}
    closes = closing_of(subject)
    release = release_of(subject)
    empty = FeedbackResults(subject, None, attended, closes, is_open(closes, at), years=years)
    if release is None or release.answers is None:
        return empty
    shown = release.shown
    hidden = _hidden(subject)
    results = [
        _result(question, shown["questions"].get(name_of(question)), hidden, by)
        for question in _questions_of(subject, shown.get("forms", ()))
    ]
    countries = {
        code or None: GroupResult(group["answers"], group["means"])
        for code, group in sorted(
            shown.get("countries", {}).items(), key=lambda item: (-item[1]["answers"], item[0])
        )
    }  # fmt: skip
    return replace(
        empty, answers=release.answers, questions=results, countries=countries, released_at=release.released_at
    )


def _years(lectures: Iterable[Lecture]) -> dict[str, YearResult]:
    """The feedback on lectures by the year of each: a sum of what their results state says nothing new."""
    sums: dict[str, list[int]] = {}
    released = satisfaction_of([lecture.id for lecture in lectures])
    for lecture in lectures:
        if lecture.id in released and lecture.actual_start is not None:
            year = str(clock.day_of(lecture.actual_start, clock.reporting_zone()).year)
            before = sums.get(year, [0, 0, 0])
            sums[year] = [one + more for one, more in zip(before, released[lecture.id]["total"], strict=True)]
    return {
        year: YearResult(answers, total / answers, round(100 * satisfied / answers, 1))
        for year, (answers, total, satisfied) in sorted(sums.items())
    }


def _questions_of(subject: Subject, form_ids: Iterable[int]) -> list[Question]:
    """The questions that are asked now, then those of earlier versions that were answered: each key and kind once.
    The id 0 is that of the default questions."""
    forms = db.session.execute(
        select(FeedbackForm.questions).where(FeedbackForm.id.in_(form_ids)).order_by(FeedbackForm.id.desc())
    )
    versions = [form_of(subject).questions, *(load(questions) for (questions,) in forms)]
    if 0 in form_ids:
        versions.append(DEFAULT)
    return list(
        {(each.key, each.kind): each for questions in reversed(versions) for each in reversed(questions)}.values()
    )[::-1]


def _hidden(subject: Subject) -> dict[tuple[int, str], str]:
    """Why written answers are hidden, by answer and question: also those that were hidden under another record of
    their person."""
    column = column_of(subject)
    query = (
        select(Person.canonical_id, HiddenComment.key, HiddenComment.reason)
        .join(FeedbackAnswer, FeedbackAnswer.id == HiddenComment.answer_id)
        .join(Person, Person.id == FeedbackAnswer.person_id)
        .where(column == subject.id)
        .order_by(HiddenComment.hidden_at)
    )
    reasons: dict[int, dict[str, str]] = defaultdict(dict)
    for person_id, key, reason in read(query):
        reasons[person_id][key] = reason
    if not reasons:
        return {}
    answers = select(FeedbackAnswer.id, Person.canonical_id).join(Person, Person.id == FeedbackAnswer.person_id)
    answers = answers.where(column == subject.id, among(Person.canonical_id, reasons))
    return {(id_, key): reason for id_, person in read(answers) for key, reason in reasons[person].items()}


def _result(
    question: Question, figures: Mapping[str, Any] | None, hidden: Mapping[tuple[int, str], str], by: Actor
) -> QuestionResult:
    if figures is None:
        return QuestionResult(question, None)
    comments = [
        Comment(token_of(question, id_, text), text, hidden.get((id_, question.key)))
        for id_, text in figures.get("comments", ())
        if by.is_administrator or (id_, question.key) not in hidden
    ]
    return QuestionResult(
        question,
        figures["answers"],
        dict(figures.get("counts", ())),
        figures.get("mean"),
        sorted(comments, key=lambda comment: comment.token),
    )


def token_of(question: Question, answer_id: int, text: str, secret: str | None = None) -> str:
    """The token of a comment: the same person has another one at each question, and for each text."""
    return comment_token(secret or signing_secrets()[0], answer_id, f"{name_of(question)} {digest(text)}")


def find_comment(subject: Subject, token: str) -> tuple[int, str]:
    """The answer and the key of the question of a comment that is shown. Raises NotFound."""
    release = release_of(subject)
    for secret in signing_secrets():
        for question in _questions_of(subject, release.shown.get("forms", ())) if release is not None else ():
            figures = release.shown["questions"].get(name_of(question), {}) if release is not None else {}
            for id_, text in figures.get("comments", ()):
                if hmac.compare_digest(token_of(question, id_, text, secret), token):
                    return id_, question.key
    raise NotFound
