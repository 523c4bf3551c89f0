"""Questions of checks: their definition as it is stored, and its texts in several languages. Pure.

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
"""

import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from json import dumps
from typing import Any

from lms.checks.models import QuestionKind
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.text.translations import base_of, is_language, one_spelling
from lms.core.text.typed_text import clean_line, clean_text

Definition = dict[str, Any]

MAX_TEXT = 4000
MAX_OPTION = 500
MAX_OPTIONS = 20
MAX_TITLE = 200
MAX_LANGUAGES = 40
WORDS = ("text", "explanation")
LISTS = frozenset({"options", "matches"})
MAX_DIGITS = 30
CHOICES = frozenset({QuestionKind.ONE, QuestionKind.SEVERAL})
LISTED = frozenset({QuestionKind.MATCHING, QuestionKind.ORDER})
"""Kinds whose answer has a value for each option. Their options are always shuffled: their order would give it away."""


def decimal_of(typed: object) -> Decimal | None:
    """A number that somebody typed, with a point or a comma; None for anything else."""
    text = unicodedata.normalize("NFKC", str(typed)).strip().replace("٫", ".").replace("−", "-").replace(",", ".")
    try:
        number = Decimal(text) if 0 < len(text) <= MAX_DIGITS else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number.adjusted()) <= MAX_DIGITS else None


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
