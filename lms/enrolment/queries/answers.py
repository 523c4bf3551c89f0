"""Answers to the questions at enrolment, in lists of the people of a series."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement

from lms.catalogue.models import Series
from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.events import AnswersInListAsked, LaterQuestionsAsked, publish
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.enrolment import rules
from lms.enrolment.models import Enrolment
from lms.questions.rules import Question, answer_words

GIVEN: Final = "given"
NOT_GIVEN: Final = "none"
"""What other questions than choices are filtered by: whether there is an answer."""
CHOICES: Final = frozenset({"choice", "choices"})


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as it is stored, and the question that it was given to."""

    question: Question
    value: Any

    def words(self, locale: str) -> str:
        """The answer in a language; of a file its name."""
        return answer_words(self.question, self.value, locale)


def list_questions(series: Series, *, by: Actor) -> tuple[Question, ...]:
    """The questions that are asked at enrolment now; none for who may not read everybody's answers: only staff may."""
    if not rules.is_staff_of(series, by):
        return ()
    publish(event := AnswersInListAsked(series_id=series.id, by=by, at=clock.now()))
    return tuple(event.questions)


def values_of(question: Question) -> tuple[str, ...]:
    """Returns what a list can be filtered by: the options of a choice, else whether there is an answer."""
    return question.options if question.kind in CHOICES else (GIVEN, NOT_GIVEN)


def given_by(
    series: Series, person_ids: Collection[int], *, by: Actor, at: datetime
) -> dict[int, dict[str, GivenAnswer]]:
    """The answers of these people (canonical ids) by the key of their question; people without any are left out.

    Callers have made sure that the actor may read them.
    """
    if not person_ids:
        return {}
    publish(event := AnswersInListAsked(series_id=series.id, person_ids=person_ids, by=by, at=at))
    return {
        person_id: {key: GivenAnswer(question, value) for key, (question, value) in answers.items()}
        for person_id, answers in event.answers.items()
    }


def having_answers(series: Series, where: Mapping[str, str], *, by: Actor) -> list[ColumnElement[bool]]:
    """Returns what holds of people who chose these options, or answered at all, by the key of the question.

    People whose profile is not shared yet have neither answered nor not. Raises Forbidden, Invalid.
    """
    if not rules.is_staff_of(series, by):
        raise Forbidden
    publish(event := AnswersInListAsked(series_id=series.id, where=where, by=by, at=clock.now()))
    known = {question.key: values_of(question) for question in event.questions}
    if any(value not in known.get(key, ()) for key, value in where.items()):
        raise Invalid("answers", _("Unknown value."))
    return [Enrolment.profile_shared_at.is_not(None), *event.conditions]


@dataclass(frozen=True)
class LaterQuestions:
    """How many `people` will be asked questions when they next sign in, and how many of them: each at least `least` and
    at most `most`."""

    people: int = 0
    least: int = 0
    most: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether everybody is asked as many."""
        return self.least == self.most


Asked = tuple[int | None, str | None, str | None]
"""A person to be enrolled: the canonical id (null for who is new), the code of the country, and the sector."""


def count_to_come(series_id: int, people: Sequence[Asked], *, by: Actor, at: datetime) -> list[tuple[int, int]]:
    """How many questions each of these people will be asked, at least and at most. Callers check permission."""
    publish(event := LaterQuestionsAsked(series_id=series_id, people=people, by=by, at=at))
    return event.counts or [(0, 0)] * len(people)


def questions_to_come(series_id: int, people: Sequence[Asked], *, by: Actor, at: datetime) -> LaterQuestions:
    """The questions to people who are enrolled by somebody else. Callers check permission."""
    counts = [(least, most) for least, most in count_to_come(series_id, people, by=by, at=at) if most]
    least, most = min((one[0] for one in counts), default=0), max((one[1] for one in counts), default=0)
    return LaterQuestions(len(counts), least, most)
