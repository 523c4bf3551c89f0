"""Questions of checks: their definition as it is stored, how an attempt shows it, and which answers are right. Pure.

A definition is plain JSON with `title` (may be empty), `text`, `explanation`, and for each kind:

    one, several   options, right (the indexes of the right ones)
    true_false     is_true
    number         value, tolerance (as decimal text)
    short_text     forms (the right answers), is_case_sensitive
    matching       options, matches (the first belongs to the first option, …; further ones belong to none)
    order          options in the right order

Its `translations` have, by language, `text`, `explanation`, `options` and `matches` at the places of the main ones, and
`forms`; what is missing, and each empty option, is read in the main language (`in_language`). Marking never depends on
a language: places are of the main lists, and the right forms of all languages are right.

Answers say which of what was shown: of *one* an index, of *several* a list of them, of *matching* and *order* for each
option as shown the index of its match, or its place from 0, or null. Every answer is right or not, nothing in between.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from hashlib import blake2b
from json import dumps
from typing import Any

from lms.checks.models import QuestionKind
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.text.translations import base_of, is_language, one_spelling
from lms.core.text.typed_text import clean_line, clean_text

Definition = dict[str, Any]
Answer = Any

MAX_TEXT = 4000
MAX_OPTION = 500
MAX_OPTIONS = 20
MAX_TITLE = 200
MAX_LANGUAGES = 40
WORDS = ("text", "explanation")
LISTS = frozenset({"options", "matches"})
_MAX_DIGITS = 30
CHOICES = frozenset({QuestionKind.ONE, QuestionKind.SEVERAL})
LISTED = frozenset({QuestionKind.MATCHING, QuestionKind.ORDER})
"""Kinds whose answer has a value for each option. Their options are always shuffled: their order would give it away."""


def decimal_of(typed: object) -> Decimal | None:
    """A number that somebody typed, with a point or a comma; None for anything else."""
    text = unicodedata.normalize("NFKC", str(typed)).strip().replace("٫", ".").replace("−", "-").replace(",", ".")
    try:
        number = Decimal(text) if 0 < len(text) <= _MAX_DIGITS else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number.adjusted()) <= _MAX_DIGITS else None


def checked(kind: QuestionKind, sent: Mapping[str, Any], *, main: str = "") -> Definition:
    """A definition as it is stored. `main` is the language of the main texts, which no translation can be in.

    Raises Invalid (`text`, `explanation`, `options`, `right`, `matches`, `value`, `tolerance`, `forms`, `title`,
    `translations.fr`, `translations.fr.options`)."""
    faults: list[Fault] = []
    definition: Definition = {
        "title": _line(sent.get("title"), "title", MAX_TITLE, faults),
        "text": _text(sent.get("text"), "text", faults),
        "explanation": _text(sent.get("explanation"), "explanation", faults),
    }
    if not definition["text"]:
        faults.append(Fault(_("Enter the question."), "text"))
    definition |= _PARTS[kind](kind, sent, faults)
    translations = _translations(definition, sent.get("translations") or {}, main, faults)
    if translations:
        definition["translations"] = translations
    if faults:
        raise Invalid(faults=faults)
    return definition


def _line(text: Any, field: str, most: int, faults: list[Fault]) -> str:
    line = clean_line(str(text or ""))
    if len(line) > most:
        faults.append(Fault(_("Use at most %(n)s characters.", n=most), field))
    return line


def _text(text: Any, field: str, faults: list[Fault]) -> str:
    words = clean_text(str(text or ""))
    if len(words) > MAX_TEXT:
        faults.append(Fault(_("Use at most %(n)s characters.", n=MAX_TEXT), field))
    return words if clean_line(words) else ""


def _lines(sent: Any, field: str, least: int, faults: list[Fault]) -> list[str]:
    lines = [_line(text, field, MAX_OPTION, faults) for text in sent or ()]
    lines = [line for line in lines if line]
    if len(lines) < least:
        faults.append(Fault(_("Enter at least %(n)s answers.", n=least), field))
    elif len(lines) > MAX_OPTIONS:
        faults.append(Fault(_("Use at most %(n)s answers.", n=MAX_OPTIONS), field))
    elif len(set(lines)) < len(lines):
        faults.append(Fault(_("Two answers are the same."), field))
    return lines


def _choice_parts(kind: QuestionKind, sent: Mapping[str, Any], faults: list[Fault]) -> Definition:
    sent_options = [clean_line(str(text or "")) for text in sent.get("options") or ()]
    options = _lines(sent_options, "options", 2, faults)
    marked = {number for number in sent.get("right") or () if isinstance(number, int) and not isinstance(number, bool)}
    if marked - set(range(len(sent_options))):
        faults.append(Fault(_("Mark an answer that is there as right."), "right"))
    words = {sent_options[number] for number in marked if 0 <= number < len(sent_options)}
    right = [number for number, option in enumerate(options) if option in words]
    if kind is QuestionKind.ONE and len(right) != 1:
        faults.append(Fault(_("Mark one answer as right."), "right"))
    if kind is QuestionKind.SEVERAL and not right:
        faults.append(Fault(_("Mark at least one answer as right."), "right"))
    return {"options": options, "right": right}


def _truth_parts(_kind: QuestionKind, sent: Mapping[str, Any], faults: list[Fault]) -> Definition:
    if not isinstance(sent.get("is_true"), bool):
        faults.append(Fault(_("Choose whether the statement is true."), "is_true"))
    return {"is_true": sent.get("is_true") is True}


def _number_parts(_kind: QuestionKind, sent: Mapping[str, Any], faults: list[Fault]) -> Definition:
    value = decimal_of(sent.get("value"))
    given = sent.get("tolerance")
    tolerance = Decimal(0) if given in (None, "") else decimal_of(given)
    if value is None:
        faults.append(Fault(_("Enter a number."), "value"))
    if tolerance is None or tolerance < 0:
        faults.append(Fault(_("Enter a number that is not negative."), "tolerance"))
    return {"value": str(value), "tolerance": str(tolerance)}


def _short_parts(_kind: QuestionKind, sent: Mapping[str, Any], faults: list[Fault]) -> Definition:
    return {
        "forms": _lines(sent.get("forms"), "forms", 1, faults),
        "is_case_sensitive": sent.get("is_case_sensitive") is True,
    }


def _matching_parts(_kind: QuestionKind, sent: Mapping[str, Any], faults: list[Fault]) -> Definition:
    options = _lines(sent.get("options"), "options", 2, faults)
    matches = [_line(text, "matches", MAX_OPTION, faults) for text in sent.get("matches") or ()]
    matches = [line for line in matches if line]
    if len(matches) < len(options):
        faults.append(Fault(_("Give each item its match."), "matches"))
    elif len(matches) > MAX_OPTIONS:
        faults.append(Fault(_("Use at most %(n)s answers.", n=MAX_OPTIONS), "matches"))
    return {"options": options, "matches": matches}


def _order_parts(_kind: QuestionKind, sent: Mapping[str, Any], faults: list[Fault]) -> Definition:
    return {"options": _lines(sent.get("options"), "options", 2, faults)}


_PARTS = {
    QuestionKind.ONE: _choice_parts,
    QuestionKind.SEVERAL: _choice_parts,
    QuestionKind.TRUE_FALSE: _truth_parts,
    QuestionKind.NUMBER: _number_parts,
    QuestionKind.SHORT_TEXT: _short_parts,
    QuestionKind.MATCHING: _matching_parts,
    QuestionKind.ORDER: _order_parts,
}


def _translations(
    definition: Definition, sent: Mapping[str, Mapping[str, Any]], main: str, faults: list[Fault]
) -> dict[str, dict[str, Any]]:
    checked: dict[str, dict[str, Any]] = {}
    if len(sent) > MAX_LANGUAGES:
        faults.append(Fault(_("Use at most %(n)s languages.", n=MAX_LANGUAGES), "translations"))
    for language, given in list(sent.items())[:MAX_LANGUAGES]:
        code, at = one_spelling(language), f"translations.{language[:16]}"
        if not is_language(code):
            reason = _("“%(code)s” is not a known language. Use a code such as en or fr.", code=code[:32])
            faults.append(Fault(reason, at))
            continue
        if main and base_of(code) == base_of(main):
            faults.append(Fault(_("The main text is in this language. Choose another one."), at))
        texts: dict[str, Any] = {name: _text(given.get(name), f"{at}.{name}", faults) for name in WORDS}
        for name in LISTS & definition.keys():
            texts[name] = _at_places(given.get(name), definition[name], f"{at}.{name}", faults)
        if "forms" in definition:
            texts["forms"] = _lines(given.get("forms"), f"{at}.forms", 0, faults)
        written = {name: value for name, value in texts.items() if (any(value) if isinstance(value, list) else value)}
        if written:
            checked[code] = written
    return checked


def _at_places(sent: Any, main: Sequence[str], field: str, faults: list[Fault]) -> list[str]:
    """Texts at the places of the main ones; those of equal main ones are equal, and of others are not."""
    lines = [_line(text, field, MAX_OPTION, faults) for text in sent or ()]
    if lines and len(lines) != len(main):
        reason = _("Enter as many options as in the main language: %(n)s.", n=len(main))
        faults.append(Fault(reason, field))
        return []
    shown = [line or text for line, text in zip(lines, main, strict=False)]
    if len(set(shown)) != len(set(main)) and lines:
        faults.append(Fault(_("Two answers are the same."), field))
    return lines


def in_language(definition: Definition, locale: str) -> Definition:
    """The question with its texts in a language; each text that there is none of in the main language."""
    known = definition.get("translations") or {}
    codes = [code for code in sorted(known) if base_of(code) == base_of(locale)]
    if not codes:
        return definition
    texts = known[codes[0]]
    shown = definition | {name: texts[name] for name in (*WORDS, "forms") if texts.get(name)}
    for name in LISTS & texts.keys():
        shown[name] = [text or main for text, main in zip(texts[name], definition[name], strict=True)]
    return shown


def languages_of_question(definition: Definition) -> list[str]:
    """The languages of its translations."""
    return sorted(definition.get("translations") or {})


def file_name_of(question_id: int, definition: Definition) -> str:
    """The name by which a question is found again when its texts come back in another language."""
    return definition["title"] or f"question-{question_id}"


def exported(question_id: int, definition: Definition, language: str) -> Definition:
    """The question as a file in a language has it, or in the main language where that is empty."""
    if not language:
        return definition
    return in_language(definition, language) | {"title": file_name_of(question_id, definition)}


def texts_from(definition: Definition, sent: Definition) -> dict[str, Any] | None:
    """The texts of a question of a file in another language; null where it does not fit this question of the bank."""
    same = all(definition.get(name) == sent.get(name) for name in ("right", "is_true", "value", "tolerance"))
    if not same or any(len(definition[name]) != len(sent[name]) for name in LISTS & definition.keys()):
        return None
    return {name: sent[name] for name in (*WORDS, *sorted(LISTS), "forms") if name in sent}


def kept_translations(before: Definition, after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The translations of a question whose main texts have changed: options and matches follow their main text to its
    new place, and those whose main text is new are translated again."""
    translations = {}
    for code, texts in (before.get("translations") or {}).items():
        translations[code] = dict(texts)
        for name in LISTS & texts.keys():
            known = dict(zip(before[name], texts[name], strict=True))
            translations[code][name] = [known.get(text, "") for text in after.get(name) or ()]
    return translations


def right_forms(definition: Definition) -> list[str]:
    """The right answers of a short text, of all languages."""
    others = (texts.get("forms", ()) for texts in (definition.get("translations") or {}).values())
    return [*definition["forms"], *(form for forms in others for form in forms)]


def digest_of(content: object) -> str:
    """The same for the same content."""
    return blake2b(dumps(content, sort_keys=True, ensure_ascii=False).encode(), digest_size=16).hexdigest()


def name_of(definition: Definition) -> str:
    """Returns the name of a question in lists: its title, or the beginning of its text."""
    text = definition["title"] or clean_line(definition["text"])
    return text if len(text) <= 120 else text[:119].rstrip() + "…"


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
            return clean_line(str(sent))[:_MAX_DIGITS] or None
        case QuestionKind.SHORT_TEXT if isinstance(sent, str):
            return clean_line(sent)[:MAX_OPTION] or None
        case QuestionKind.MATCHING | QuestionKind.ORDER if isinstance(sent, list) and len(sent) == count:
            places = len(question.matches) if question.kind is QuestionKind.MATCHING else count
            if all(one is None or _is_index(one, places) for one in sent):
                return sent if any(one is not None for one in sent) else None
    field = f"answers.{question.id}"
    raise Invalid(field, _("This is not an answer to this question."))


def _is_index(sent: object, count: int) -> bool:
    return isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent < count


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
