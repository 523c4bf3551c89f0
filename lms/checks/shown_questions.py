"""How an attempt shows questions, and which answers are right. Pure.

Answers say which of what was shown: of *one* an index, of *several* a list of them, of *matching* and *order* for each
option as shown the index of its match, or its place from 0, or null. Every answer is right or not, nothing in between.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from hashlib import blake2b
from typing import Any

from lms.checks.models import QuestionKind
from lms.checks.questions import (
    LISTED,
    MAX_OPTION,
    Definition,
    decimal_of,
    digest_of,
    in_language,
    right_forms,
)
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line

Answer = Any


def drawn_order(seed: str, count: int) -> list[int]:
    """The numbers below `count` in an order that follows from `seed` alone, on every machine and for ever."""
    return sorted(range(count), key=lambda number: blake2b(f"{seed}/{number}".encode(), digest_size=8).digest())


@dataclass(frozen=True)
class ShownQuestion:
    """A question as one attempt shows it. `order` and `match_order` say which option and match of the definition are
    at each place."""

    id: int
    kind: QuestionKind
    definition: Definition = field(repr=False)
    order: tuple[int, ...] = ()
    match_order: tuple[int, ...] = ()
    locale: str = ""
    """The language of its reader."""

    @cached_property
    def texts(self) -> Definition:
        """The definition in the language of the reader."""
        return in_language(self.definition, self.locale)

    @property
    def text(self) -> str:
        """The question."""
        return str(self.texts["text"])

    @property
    def options(self) -> list[str]:
        """The options in the order in which they are shown."""
        return [self.texts["options"][number] for number in self.order]

    @property
    def matches(self) -> list[str]:
        """Returns what options can be matched with, as shown; equal ones once."""
        return [self.texts["matches"][number] for number in self.match_order]


def shown_of(item: Mapping[str, Any], seed: str, *, shuffles: bool, locale: str = "") -> ShownQuestion:
    """How an attempt with this seed shows a question of a version, to a reader of a language."""
    kind, definition = QuestionKind(item["kind"]), item["definition"]
    own_seed = f"{seed}/{item['id']}"
    count = len(definition.get("options", ()))
    order = drawn_order(own_seed, count) if shuffles or kind in LISTED else list(range(count))
    matches = definition.get("matches", ())
    first_places = {text: number for number, text in reversed(list(enumerate(matches)))}
    match_order = [
        number for number in drawn_order(f"{own_seed}/m", len(matches)) if first_places[matches[number]] == number
    ]
    return ShownQuestion(item["id"], kind, definition, tuple(order), tuple(match_order), locale)


def drawn_items(content: Mapping[str, Any], seed: str, locale: str = "") -> list[ShownQuestion]:
    """The questions of an attempt, in its order, in the reader's language."""
    items: Sequence[Mapping[str, Any]] = content["items"]
    chosen = drawn_order(seed, len(items))[: content["drawn"] or len(items)]
    if not content["shuffle"]:
        chosen.sort()
    return [shown_of(items[number], seed, shuffles=content["shuffle"], locale=locale) for number in chosen]


def checked_answer(question: ShownQuestion, sent: Answer) -> Answer:
    """An answer as it is stored; null where nothing was answered. Raises Invalid (`answers.7`)."""
    if sent is None or sent in ("", []):
        return None
    count = len(question.options) if "options" in question.definition else 0
    match question.kind:
        case QuestionKind.ONE if _is_index(sent, count):
            return sent
        case QuestionKind.SEVERAL if isinstance(sent, list) and all(_is_index(one, count) for one in sent):
            return sorted(set(sent))
        case QuestionKind.TRUE_FALSE if isinstance(sent, bool):
            return sent
        case QuestionKind.NUMBER if isinstance(sent, int | float | str) and not isinstance(sent, bool):
            return _checked_number(str(sent), f"answers.{question.id}")
        case QuestionKind.SHORT_TEXT if isinstance(sent, str):
            return clean_line(sent)[:MAX_OPTION] or None
        case QuestionKind.MATCHING if _are_places(sent, count, len(question.matches)):
            return sent if any(place is not None for place in sent) else None
        case QuestionKind.ORDER if _are_places(sent, count, count):
            return sent if any(place is not None for place in sent) else None
    field = f"answers.{question.id}"
    raise Invalid(field, _("This is not an answer to this question."))


def _checked_number(text: str, field: str) -> str | None:
    line = clean_line(text)
    if line and decimal_of(line) is None:
        raise Invalid(field, _("Enter a number in digits."))
    return line or None


def _is_index(sent: object, count: int) -> bool:
    return isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent < count


def _are_places(sent: object, count: int, places: int) -> bool:
    """Whether these are `count` places below `places`, or none where there is no answer."""
    if not isinstance(sent, list) or len(sent) != count:
        return False
    return all(place is None or _is_index(place, places) for place in sent)


def version_of(answer: Answer) -> str:
    """The same for the same answer: by it a page knows whether what is stored is what it showed."""
    return digest_of(answer)[:16]


def is_complete(question: ShownQuestion, answer: Answer) -> bool:
    """Whether all of a question is answered."""
    return answer is not None and not (question.kind in LISTED and None in answer)


def is_right(question: ShownQuestion, answer: Answer) -> bool:
    """Whether an answer is right."""
    definition = question.definition
    if answer is None:
        return False
    match question.kind:
        case QuestionKind.ONE:
            return bool(question.order[answer] in definition["right"])
        case QuestionKind.SEVERAL:
            return bool(sorted(question.order[number] for number in answer) == definition["right"])
        case QuestionKind.TRUE_FALSE:
            return bool(answer == definition["is_true"])
        case QuestionKind.NUMBER:
            number = decimal_of(answer)
            return number is not None and abs(number - Decimal(definition["value"])) <= Decimal(definition["tolerance"])
        case QuestionKind.SHORT_TEXT:
            is_exact = definition["is_case_sensitive"]
            return _plain(answer, is_exact) in {_plain(form, is_exact) for form in right_forms(definition)}
        case QuestionKind.MATCHING:
            given = [None if one is None else definition["matches"][question.match_order[one]] for one in answer]
            return given == [definition["matches"][number] for number in question.order]
        case QuestionKind.ORDER:
            return bool(answer == list(question.order))


def right_answer(question: ShownQuestion) -> Answer:
    """The right answer to a question as an attempt shows it."""
    definition = question.definition
    match question.kind:
        case QuestionKind.ONE:
            return question.order.index(definition["right"][0])
        case QuestionKind.SEVERAL:
            return [question.order.index(number) for number in definition["right"]]
        case QuestionKind.TRUE_FALSE:
            return definition["is_true"]
        case QuestionKind.NUMBER:
            return definition["value"]
        case QuestionKind.SHORT_TEXT:
            return definition["forms"][0]
        case QuestionKind.MATCHING:
            shown = [definition["matches"][number] for number in question.match_order]
            return [shown.index(definition["matches"][number]) for number in question.order]
        case QuestionKind.ORDER:
            return list(question.order)


def _plain(text: str, is_exact: bool) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", text).split()).rstrip(".")
    return plain if is_exact else plain.casefold()


def words_of(question: ShownQuestion, answer: Answer) -> list[str]:
    """An answer in words, a line each; empty where nothing was answered."""
    if answer is None:
        return []
    match question.kind:
        case QuestionKind.ONE:
            return [question.options[answer]]
        case QuestionKind.SEVERAL:
            return [question.options[number] for number in answer]
        case QuestionKind.TRUE_FALSE:
            return [_("True") if answer else _("False")]
        case QuestionKind.MATCHING:
            return [
                f"{option} → {'' if number is None else question.matches[number]}"
                for option, number in zip(question.options, answer, strict=True)
            ]
        case QuestionKind.ORDER:
            placed = sorted(
                (place, option) for option, place in zip(question.options, answer, strict=True) if place is not None
            )
            return [f"{place + 1}. {option}" for place, option in placed]
    return [str(answer)]


def right_words(kind: QuestionKind, definition: Definition) -> list[str]:
    """The right answer in words, a line each."""
    match kind:
        case QuestionKind.ONE | QuestionKind.SEVERAL:
            return [definition["options"][number] for number in definition["right"]]
        case QuestionKind.TRUE_FALSE:
            return [_("True") if definition["is_true"] else _("False")]
        case QuestionKind.NUMBER:
            value, tolerance = definition["value"], definition["tolerance"]
            return [value if Decimal(tolerance) == 0 else f"{value} ± {tolerance}"]
        case QuestionKind.SHORT_TEXT:
            return list(definition["forms"])
        case QuestionKind.MATCHING:
            return [
                f"{left} → {match}" for left, match in zip(definition["options"], definition["matches"], strict=False)
            ]
        case QuestionKind.ORDER:
            return [f"{place}. {option}" for place, option in enumerate(definition["options"], 1)]
