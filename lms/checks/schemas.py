"""The objects of the API: questions, checks and attempts, in and out."""

from typing import Any

from apiflask import Schema
from apiflask.fields import AwareDateTime, Boolean, Dict, Enum, Float, Integer, List, Nested, Raw, String
from apiflask.validators import Length

from lms.checks.models import AttemptState, CheckKind, QuestionKind
from lms.checks.rules import MAX_QUESTIONS, CheckState
from lms.web.api.api import AnswerSchema, Instant

_KINDS = {"enum": [kind.value for kind in QuestionKind]}


class QuestionTextsIn(Schema):
    """The texts of a question in another language. `options` and `matches` are at the places of the main ones; an empty
    one is read in the main language. `forms` are right beside those of the other languages."""

    text = String(load_default="")
    explanation = String(load_default="")
    options = List(String(), load_default=list)
    matches = List(String(), load_default=list)
    forms = List(String(), load_default=list)


class QuestionTextsOut(QuestionTextsIn, AnswerSchema):
    """The texts of a question in another language."""


class BankQuestionIn(Schema):
    """A question. `options` and `right` (the indexes of the right ones, from 0) are for `one` and `several`; `is_true`
    for `true_false`; `value` and `tolerance` for `number`; `forms`, the right answers, for `short_text`; `options` and
    `matches`, each at the place of its option and further ones that belong to none, for `matching`; `options` in the
    right order for `order`. `kind` and `text` are required.
    """

    kind = Enum(QuestionKind, by_value=True, load_default=None, allow_none=True)
    title = String(load_default="")
    text = String(load_default="")
    explanation = String(load_default="")
    options = List(String(), load_default=list)
    right = List(Integer(strict=True), load_default=list)
    is_true = Boolean(load_default=None, allow_none=True)
    value = Float(load_default=None, allow_none=True)
    tolerance = Float(load_default=0)
    forms = List(String(), load_default=list)
    is_case_sensitive = Boolean(load_default=False)
    matches = List(String(), load_default=list)
    translations = Dict(
        keys=String(validate=Length(max=35)),
        values=Nested(QuestionTextsIn),
        load_default=dict,
        metadata={"description": "The texts in other languages than the main one of the series."},
    )


class BankQuestionOut(AnswerSchema):
    """A question of the bank, with its right answers. Fields of other kinds are empty."""

    id = Integer()
    kind = String(metadata=_KINDS)
    title = String()
    text = String()
    explanation = String()
    options = List(String())
    right = List(Integer())
    is_true = Boolean(allow_none=True)
    value = Float(allow_none=True)
    tolerance = Float(allow_none=True)
    forms = List(String())
    is_case_sensitive = Boolean()
    matches = List(String())
    translations = Dict(keys=String(), values=Nested(QuestionTextsOut))


class BankQuestionsOut(AnswerSchema):
    """The question bank of a series."""

    items = List(Nested(BankQuestionOut))
    next = String(allow_none=True)


class CheckIn(Schema):
    """A knowledge check. `items` are ids of questions of the bank; null for `drawn`, `attempts` and `minutes` is no
    limit. Unless `publish` is false, the people enrolled can take it at once, or from `opens_at` on. `titles` are those
    in other languages than the main one of the series."""

    title = String(required=True)
    kind = Enum(CheckKind, by_value=True, load_default=CheckKind.CHECK)
    lecture = Integer(strict=True, load_default=None, allow_none=True)
    items = List(Integer(strict=True), required=True, validate=Length(max=MAX_QUESTIONS))
    drawn = Integer(strict=True, load_default=None, allow_none=True)
    pass_percent = Integer(strict=True, load_default=75)
    attempts = Integer(strict=True, load_default=2, allow_none=True)
    minutes = Integer(strict=True, load_default=None, allow_none=True)
    shuffle = Boolean(load_default=True)
    shows_answers = Boolean(load_default=True)
    opens_at = AwareDateTime(load_default=None, allow_none=True)
    closes_at = AwareDateTime(load_default=None, allow_none=True)
    titles = Dict(keys=String(validate=Length(max=35)), values=String(), load_default=dict, validate=Length(max=40))
    publish = Boolean(load_default=True)


class CheckOut(AnswerSchema):
    """A knowledge check. `items` are null for people who take it; `passed` is whether the caller has passed it, and
    `attempts_left` how many more times the caller can begin, null for no limit. It is 0 once the right answers could
    be seen by the caller (`shows_answers`): after passing, or when the check was closed."""

    id = Integer(attribute="check.id")
    title = String(attribute="check.title")
    titles = Dict(keys=String(), values=String(), metadata={"description": "The titles in other languages."})
    kind = String(attribute="check.kind", metadata={"enum": [kind.value for kind in CheckKind]})
    lecture = Integer(attribute="check.lecture_id", allow_none=True)
    state = String(metadata={"enum": [state.value for state in CheckState]})
    items = List(Integer(), allow_none=True)
    questions = Integer()
    pass_percent = Integer(attribute="check.pass_percent")
    attempts = Integer(attribute="check.attempts", allow_none=True)
    minutes = Integer(attribute="check.minutes", allow_none=True)
    shuffle = Boolean(attribute="check.shuffle")
    shows_answers = Boolean(attribute="check.shows_answers")
    opens_at = Instant(attribute="check.opens_at", allow_none=True)
    closes_at = Instant(attribute="check.closes_at", allow_none=True)
    passed = Boolean()
    attempts_left = Integer(attribute="left", allow_none=True)


class ChecksOut(AnswerSchema):
    """The knowledge checks of a series."""

    items = List(Nested(CheckOut))
    next = String(allow_none=True)


class AttemptIn(Schema):
    """`email`: another person, by an administrator in a demonstration."""

    email = String(load_default=None, allow_none=True, validate=Length(max=320))


class CheckAnswersIn(Schema):
    """Answers by id of the question; null takes one back. An index of `options` for `one`, a list of them for
    `several`, a boolean for `true_false`, a number or text, and for `matching` and `order` a list with the index in
    `matches`, or the place from 0, for each of `options`."""

    answers = Dict(keys=String(), values=Raw(allow_none=True), required=True)


class ShownQuestionOut(AnswerSchema):
    """A question as the attempt shows it, with the answer that is saved. `right` is null until it is handed in,
    `solution` until the right answers are shown."""

    id = Integer()
    kind = String(metadata=_KINDS)
    text = String()
    options = List(String())
    matches = List(String())
    answer = Raw(allow_none=True, metadata={"description": "As it was sent; null for none."})
    right = Boolean(allow_none=True)
    solution = List(String(), allow_none=True)


class AttemptOut(AnswerSchema):
    """An attempt. `percent` and `passed` are null until it is handed in."""

    id = String()
    check = Integer()
    state = String(metadata={"enum": [state.value for state in AttemptState]})
    percent = Float(allow_none=True)
    passed = Boolean(allow_none=True)
    started_at = Instant()
    ends_at = Instant(allow_none=True)
    submitted_at = Instant(allow_none=True)
    items = List(Nested(ShownQuestionOut))


class ItemOut(AnswerSchema):
    """How a question did at people's first attempts; null where too few people answered it to be shown."""

    id = Integer()
    kind = String(metadata=_KINDS)
    name = String()
    people = Integer()
    right_percent = Integer(allow_none=True)
    discrimination = Float(allow_none=True)


class GainOut(AnswerSchema):
    """The share that people who took both checks had right on average, in percent; `gain` in points."""

    pre = Integer(attribute="pre.id")
    post = Integer(attribute="post.id")
    people = Integer()
    before = Float()
    after = Float()
    gain = Float()


class AnalysisOut(AnswerSchema):
    """How many people handed in a check and passed it, how its questions did, and the learning gains it is part of."""

    people = Integer()
    passed = Integer()
    items = List(Nested(ItemOut))
    gains = List(Nested(GainOut))


def question_object(row: Any) -> dict[str, Any]:
    """A question as `BankQuestionOut` has it."""
    empty: dict[str, Any] = {"options": [], "right": [], "is_true": None, "value": None, "tolerance": None, "forms": []}
    empty |= {"is_case_sensitive": False, "matches": []}
    definition = dict(row.definition)
    bare: dict[str, Any] = {"text": "", "explanation": "", "options": [], "matches": [], "forms": []}
    translations = definition.get("translations") or {}
    definition["translations"] = {code: bare | texts for code, texts in translations.items()}
    for name in ("value", "tolerance"):
        if name in definition:
            definition[name] = float(definition[name])
    return {**empty, **definition, "id": row.id, "kind": row.kind.value}
