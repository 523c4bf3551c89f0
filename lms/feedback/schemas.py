"""The objects of the API: questions, answers and results of feedback."""

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Float, Integer, List, Nested, Raw, String

from lms.feedback.rules import KINDS
from lms.web.api.api import AnswerSchema, Instant

_KIND = {"enum": list(KINDS)}


class WordsIn(Schema):
    """The texts of a question in another language."""

    text = String(load_default="")
    options = List(String(), load_default=list)


class FeedbackQuestionIn(Schema):
    """A question. Without a `key` it gets one. `options`: of a choice, or the words for the ratings 1 and 5."""

    key = String(load_default=None, allow_none=True)
    kind = String(required=True, metadata=_KIND)
    text = String(required=True)
    options = List(String(), load_default=list)
    required = Boolean(load_default=False)
    min = Float(load_default=None, allow_none=True)
    max = Float(load_default=None, allow_none=True)
    max_length = Integer(strict=True, load_default=None, allow_none=True)
    translations = Dict(keys=String(), values=Nested(WordsIn), load_default=dict)


class FormIn(Schema):
    """The questions about a lecture or series, in their order; at most 12."""

    questions = List(Nested(FeedbackQuestionIn), required=True)


class FeedbackWordsOut(AnswerSchema):
    """The texts of a question in another language."""

    text = String()
    options = List(String())


class FeedbackQuestionOut(AnswerSchema):
    """A question."""

    key = String()
    kind = String(metadata=_KIND)
    text = String()
    options = List(String())
    required = Boolean()
    min = Float(allow_none=True)
    max = Float(allow_none=True)
    max_length = Integer(allow_none=True)
    translations = Dict(keys=String(), values=Nested(FeedbackWordsOut))


class FormOut(AnswerSchema):
    """The questions that are asked about a lecture or series. `origin`: whose they are."""

    questions = List(Nested(FeedbackQuestionOut))
    origin = String(metadata={"enum": ["lecture", "series", "default"]})


_ANSWERS: dict[str, Any] = {"description": "By key of the question: a number, a text, an option, or a list of options."}


class FeedbackAnswersIn(Schema):
    """Answers of somebody. `email`: another person, by an administrator in a demonstration."""

    email = String(load_default=None, allow_none=True)
    answers = Dict(keys=String(), values=Raw(allow_none=True), required=True, metadata=_ANSWERS)


class AnswersOut(AnswerSchema):
    """The answers as they were saved."""

    answers = Dict(keys=String(), values=Raw(allow_none=True), metadata=_ANSWERS)


class QuestionResultOut(AnswerSchema):
    """The answers to a question. `answers` is null, and nothing else is stated, below five answers."""

    key = String()
    kind = String(metadata=_KIND)
    text = String()
    answers = Integer(allow_none=True)
    mean = Float(allow_none=True)
    counts = Dict(keys=String(), values=Integer())
    comments = List(String())


class GroupResultOut(AnswerSchema):
    """A group: how many answered, and the mean of each rating; null where it would tell too small a group."""

    answers = Integer()
    means = Dict(keys=String(), values=Float(allow_none=True))


class YearOut(AnswerSchema):
    """The feedback on the lectures of a year, as in `GET /api/v1/totals`: of lectures with five answers or more."""

    year = String()
    feedback_answers = Integer()
    satisfaction = Float()
    satisfied_percent = Float()


class ResultsOut(AnswerSchema):
    """The results of a lecture or series, as of `released_at`: they are made again when five more people have answered
    or changed their answer. Before the first ones, `released_at` and `answers` are null. `groups`: of a series by
    country code, where the key is empty if it is not stated; empty for a lecture. `years`: of a series, the feedback on
    its lectures."""

    answers = Integer(allow_none=True)
    released_at = Instant(allow_none=True)
    attended = Integer()
    closes_at = Instant(allow_none=True)
    questions = List(Nested(QuestionResultOut))
    groups = Dict(keys=String(), values=Dict(keys=String(), values=Nested(GroupResultOut)))
    years = List(Nested(YearOut))
