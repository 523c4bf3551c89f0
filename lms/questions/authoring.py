"""Checks the questions of a form that staff wrote, from a page or from the API, and gives new ones a key."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.text.translations import base_of, is_language, one_spelling
from lms.core.text.typed_text import clean_line
from lms.questions.rules import ANSWER_MOST, BASIC_KINDS, KINDS, Kind, Question, Words

MOST_LANGUAGES = 40
TEXT_MOST = 300
"""How many characters a question has at most."""
OPTION_MOST = 150
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")


def checked_questions(
    sent: Sequence[Mapping[str, Any]],
    *,
    most: int,
    main: str = "",
    used: Collection[str] = (),
    kinds: Collection[str] = BASIC_KINDS,
) -> tuple[Question, ...]:
    """The questions of a form as they are stored. Raises Invalid with faults as `questions.0.text`.

    Args:
        sent: A mapping for each question, with the keys of `dump`; what is missing has its default.
        most: How many questions the form has at most.
        main: The language of the main texts, which cannot be one of the translations.
        used: Keys that earlier versions of the form had: a new question without a key does not get one of them.
        kinds: Which of `KINDS` this form can have.
    """
    if len(sent) > most:
        raise Invalid("questions", _("Use at most %(n)s questions.", n=most))
    faults: list[Fault] = []
    questions: list[Question] = []
    taken = {str(each.get("key") or "") for each in sent} | set(used)
    for place, each in enumerate(sent):
        at = f"questions.{place}."
        key = each.get("key") or _new_key(taken)
        taken.add(key)
        question, wrong = _checked(each, key, main=main, kinds=kinds)
        if key in {other.key for other in questions}:
            wrong.append(Fault(_("Another question has this key."), field="key"))
        if question.depends_on and question.depends_on not in {other.key for other in questions}:
            wrong.append(Fault(_("Choose a question that comes before this one."), field="depends_on"))
        questions.append(question)
        faults += [Fault(fault.reason, field=at + (fault.field or "")) for fault in wrong]
    if faults:
        raise Invalid(faults=faults)
    return tuple(questions)


def _new_key(taken: Collection[str]) -> str:
    return next(key for n in range(1, len(taken) + 2) if (key := f"q{n}") not in taken)


def _checked(each: Mapping[str, Any], key: str, *, main: str, kinds: Collection[str]) -> tuple[Question, list[Fault]]:
    kind = each.get("kind") if each.get("kind") in kinds else None
    texts = _words(each.get("text"), each.get("options"))
    faults = _faults_of_texts(texts, KINDS[kind] if kind else None)
    if not _KEY.fullmatch(key):
        reason = _("Use lower-case letters, digits and underscores, at most 32, beginning with a letter.")
        faults.append(Fault(reason, field="key"))
    if kind is None:
        faults.append(Fault(_("Choose an option from the list."), field="kind"))
    if not texts.text:
        faults.append(Fault(_("Enter the question."), field="text"))
    least, most, length = each.get("min"), each.get("max"), each.get("max_length")
    if least is not None and most is not None and least > most:
        faults.append(Fault(_("The maximum is lower than the minimum."), field="max"))
    if length is not None and not 1 <= length <= ANSWER_MOST:
        faults.append(Fault(_("Enter a whole number from 1 to %(n)s.", n=ANSWER_MOST), field="max_length"))
    translations, more = _checked_translations(each.get("translations") or {}, texts, main)
    question = Question(
        key,
        kind or "text",
        texts.text,
        texts.options,
        bool(each.get("required")),
        least,
        most,
        length,
        translations,
        tuple(dict.fromkeys(clean_line(code).upper() for code in each.get("countries") or () if clean_line(code))),
        tuple(dict.fromkeys(each.get("sectors") or ())),
        clean_line(each.get("depends_on")),
        clean_line(each.get("depends_value")) if clean_line(each.get("depends_on")) else "",
    )
    return question, [*faults, *more]


def _words(text: Any, options: Any) -> Words:
    cleaned = tuple(clean_line(option) for option in options or ())
    return Words(clean_line(text), tuple(option for option in cleaned if option))


def _faults_of_texts(texts: Words, kind: Kind | None) -> list[Fault]:
    faults = []
    if len(texts.text) > TEXT_MOST:
        faults.append(Fault(_("Use at most %(n)s characters.", n=TEXT_MOST), field="text"))
    if any(len(option) > OPTION_MOST for option in texts.options):
        faults.append(Fault(_("Use at most %(n)s characters for an option.", n=OPTION_MOST), field="options"))
    if len(set(texts.options)) < len(texts.options):
        faults.append(Fault(_("The same option is there twice."), field="options"))
    if kind and kind.largest < len(texts.options):
        reason = _("Questions of this kind have no options.")
        if kind.largest:
            reason = _("Use at most %(n)s options.", n=kind.largest)
        faults.append(Fault(reason, field="options"))
    if kind and (len(texts.options) < kind.fewest or (kind.largest == 2 and len(texts.options) == 1)):
        faults.append(Fault(_("Enter at least 2 options, one per line."), field="options"))
    return faults


def _checked_translations(
    sent: Mapping[str, Mapping[str, Any]], texts: Words, main: str
) -> tuple[dict[str, Words], list[Fault]]:
    faults, checked = [], {}
    for language, given in list(sent.items())[: MOST_LANGUAGES + 1]:
        code, at = one_spelling(language), f"translations.{language[:16]}"
        if not is_language(code):
            faults.append(
                Fault(_("“%(code)s” is not a known language. Use a code such as en or fr.", code=code[:32]), field=at)
            )
        elif main and base_of(code) == base_of(main):
            faults.append(Fault(_("The main text is in this language. Choose another one."), field=at))
        words = _words(given.get("text"), given.get("options"))
        faults += [Fault(fault.reason, field=f"{at}.{fault.field}") for fault in _faults_of_texts(words, None)]
        if words.options and len(words.options) != len(texts.options):
            reason = _("Enter as many options as in the main language: %(n)s.", n=len(texts.options))
            faults.append(Fault(reason, field=f"{at}.options"))
        if words.text or words.options:
            checked[code] = words
    if len(sent) > MOST_LANGUAGES:
        faults.append(Fault(_("Use at most %(n)s languages.", n=MOST_LANGUAGES), field="translations"))
    return checked, faults
