"""Questions that staff put to people: what they are, and what is read from an answer.

What this offers to other slices:

- `Question`: one question with its texts in several languages. A form is a sequence of them, stored as JSON (`dump`,
  `load`). A slice that stores answers keeps the version of the form that they were given to, so that an answer keeps
  its question: a changed form is a new row, never a changed one.
- `checked_answers` reads what was answered, from a posted form or from JSON, and names what is wrong at each key.
- `answer_words` says an answer in the reader's language.
- `lms/questions/authoring.py` checks a form that somebody wrote (`checked_questions`).
- `lms/questions/forms.py` draws both on pages: `answers_form` to answer, `QuestionsForm` to write the questions.

A kind is an entry of `KINDS`. A slice that needs another one adds it there, and a field for it in
`forms.answers_form`. Answers are plain JSON: a whole number of a rating, the main text of an option, a list of them, a
text, a number, a date as ISO 8601, true for a consent, and of a file what `AnsweredFile` has. So they mean the same
whatever language they were given in, and wherever an option is moved.

A question can be for people of some countries or sectors (`asked_of`), or depend on the answer to an earlier one. What
is not asked therefore is neither read nor required.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel.speaklater import LazyString

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, _l
from lms.core.text.punctuation import listed
from lms.core.text.translations import base_of
from lms.core.text.typed_text import clean_line, clean_text
from lms.core.time.dates import long_day

MOST_OPTIONS = 30
ANSWER_MOST = 2000
"""How many characters a written answer has at most, where its question does not say less."""
RATINGS = (1, 2, 3, 4, 5)
_LARGEST = 10**12
_YEARS = (1900, 2100)
_NUMBER = re.compile(r"[+-]?\d{1,13}(?:[.,]\d{1,6})?")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of a question in one language; its options in the order of the main ones, or none."""

    text: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question. `options` are those of a choice, or the words for the lowest and the highest rating.

    `least` and `most` limit a number, or how many options are chosen; `length` limits the characters of a text.
    `countries` (codes) and `sectors` are who is asked; everybody where there are none. With `depends_on`, the key of an
    earlier question, it is asked of those who answered that one by `depends_value` or, where that is empty, at all.
    """

    key: str
    kind: str
    text: str
    options: tuple[str, ...] = ()
    required: bool = False
    least: float | None = None
    most: float | None = None
    length: int | None = None
    translations: Mapping[str, Words] = field(default_factory=dict)
    countries: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    depends_on: str = ""
    depends_value: str = ""

    def words(self, locale: str) -> Words:
        """The texts in this language, or each in the main language where there is none."""
        translated = next((self.translations[code] for code in _fitting(self.translations, locale)), Words())
        return Words(translated.text or self.text, translated.options or self.options)

    def option(self, value: str, locale: str) -> str:
        """An option in this language. One that the question no longer has is given as it was stored."""
        options = self.words(locale).options
        return options[self.options.index(value)] if value in self.options else value


def _fitting(codes: Collection[str], locale: str) -> Iterator[str]:
    base = base_of(locale)
    return (code for code in sorted(codes) if base_of(code) == base)


class Unreadable(Exception):
    """An answer that does not fit its question; `str()` is a sentence for who gave it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of question. `read` returns an answer as it is stored, null where nothing was answered.

    `fewest`, `largest`: how many options a question of this kind has.
    """

    label: LazyString
    read: Callable[[Question, Any], Any]
    fewest: int = 0
    largest: int = 0


def _read_rating(_question: Question, value: Any) -> int | None:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else "?"
    if not text:
        return None
    if text not in {str(rating) for rating in RATINGS}:
        raise Unreadable(_("Choose a number from 1 to 5."))
    return int(text)


def _read_choice(question: Question, value: Any) -> str | None:
    if value == "":
        return None
    if not isinstance(value, str):
        raise Unreadable(_("Choose an option from the list."))
    typed = clean_line(value)
    if typed in question.options:
        return typed
    for words in question.translations.values():
        if typed in words.options:
            return question.options[words.options.index(typed)]
    raise Unreadable(_("Choose an option from the list."))


def _read_choices(question: Question, value: Any) -> list[str] | None:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple):
        raise Unreadable(_("Choose options from the list."))
    chosen = {_read_choice(question, each) for each in values[: MOST_OPTIONS * 2]} - {None}
    _check_count(question, len(chosen))
    return [option for option in question.options if option in chosen] or None


def _read_text(question: Question, value: Any) -> str | None:
    if not isinstance(value, str):
        raise Unreadable(_("Enter a text."))
    text = clean_text(value)
    most = question.length or ANSWER_MOST
    if len(text) > most:
        raise Unreadable(_("Use at most %(n)s characters.", n=most))
    return text if clean_line(text) else None


def _read_number(question: Question, value: Any) -> int | float | None:
    text = str(value).strip() if isinstance(value, int | float | str) and not isinstance(value, bool) else "?"
    if not text:
        return None
    try:
        number = Decimal(text.replace(",", ".")) if _NUMBER.fullmatch(text) else Decimal(_LARGEST + 1)
    except InvalidOperation:
        number = Decimal(_LARGEST + 1)
    if abs(number) > _LARGEST:
        raise Unreadable(_("Enter a number."))
    _check_limits(question, number)
    return int(number) if number == int(number) else float(number)


def _check_limits(question: Question, value: Decimal) -> None:
    if question.least is not None and value < Decimal(str(question.least)):
        raise Unreadable(_("Enter a number from %(n)s upwards.", n=f"{question.least:g}"))
    if question.most is not None and value > Decimal(str(question.most)):
        raise Unreadable(_("Enter a number up to %(n)s.", n=f"{question.most:g}"))


def _check_count(question: Question, count: int) -> None:
    if count and question.least is not None and count < question.least:
        raise Unreadable(_("Choose more options: the minimum is %(n)s.", n=f"{question.least:g}"))
    if question.most is not None and count > question.most:
        raise Unreadable(_("Choose fewer options: the maximum is %(n)s.", n=f"{question.most:g}"))


@dataclass(frozen=True, slots=True)
class AnsweredFile:
    """A file that was sent as an answer: where it is stored, its name, its kind and its size in bytes.

    Only the slice that stores files makes them, so that nobody can name a stored file in a call.
    """

    key: str
    name: str
    kind: str
    size: int


def _read_file(_question: Question, value: Any) -> dict[str, Any] | None:
    if value == "":
        return None
    if not isinstance(value, AnsweredFile):
        raise Unreadable(_("Send the file on the page of the questions."))
    return asdict(value)


def _read_date(_question: Question, value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else "?"
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Unreadable(_("Enter a date such as 2026-11-30.")) from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise Unreadable(_("Enter a date from %(first)s to %(last)s.", first=_YEARS[0], last=_YEARS[1]))
    return day.isoformat()


def _read_consent(_question: Question, value: Any) -> bool | None:
    if isinstance(value, bool):
        return value or None
    text = value.strip().lower() if isinstance(value, str) else "?"
    if text not in {"", "y", "yes", "on", "true", "1"}:
        raise Unreadable(_("Tick the box, or leave it out."))
    return True if text else None


KINDS: Mapping[str, Kind] = {
    "rating": Kind(_l("Rating from 1 to 5"), _read_rating, 0, 2),
    "choice": Kind(_l("One of a list"), _read_choice, 2, MOST_OPTIONS),
    "choices": Kind(_l("Several of a list"), _read_choices, 2, MOST_OPTIONS),
    "text": Kind(_l("Text"), _read_text),
    "number": Kind(_l("Number"), _read_number),
    "date": Kind(_l("Date"), _read_date),
    "file": Kind(_l("File"), _read_file),
    "consent": Kind(_l("Consent: a box to tick"), _read_consent),
}


BASIC_KINDS = ("rating", "choice", "choices", "text", "number")
"""The kinds that every form can have; the others need a slice that stores files, or asks people by name."""


def checked_answers(questions: Sequence[Question], sent: Mapping[str, Any], *, at: str = "") -> dict[str, Any]:
    """Answers by key as they are stored, without what was left empty.

    `at` precedes the key where a fault is named: `answers.` for a call of the API. Raises Invalid.
    """
    faults: list[Fault] = []
    answers: dict[str, Any] = {}
    for question in questions:
        if not is_asked(question, answers):
            continue
        value = sent.get(question.key)
        try:
            answer = None if value is None else KINDS[question.kind].read(question, value)
        except Unreadable as error:
            faults.append(Fault(str(error), field=at + question.key))
            continue
        if answer is not None:
            answers[question.key] = answer
        elif question.required:
            reason = _("Tick the box to go on.") if question.kind == "consent" else _("Answer this question.")
            faults.append(Fault(reason, field=at + question.key))
    known = {question.key for question in questions}
    gone = [key for key in sent if key not in known]
    faults += [
        Fault(_("This question is not asked, or not any more."), field=at + key[:32]) for key in gone[:MOST_OPTIONS]
    ]
    if faults:
        raise Invalid(faults=faults)
    return answers


def is_asked(question: Question, answers: Mapping[str, Any]) -> bool:
    """Whether a question is asked of somebody with these stored answers to the questions before it."""
    if not question.depends_on:
        return True
    answer = answers.get(question.depends_on)
    if answer is None or not question.depends_value:
        return answer is not None
    return question.depends_value in [str(each) for each in (answer if isinstance(answer, list) else [answer])]


def asked_of(questions: Sequence[Question], *, country: str | None, sector: str | None) -> tuple[Question, ...]:
    """The questions to a person of this country (its code) and sector; null is *not stated*."""
    return tuple(
        question
        for question in questions
        if (not question.countries or country in question.countries)
        and (not question.sectors or sector in question.sectors)
    )


def open_questions(questions: Sequence[Question], answers: Mapping[str, Any]) -> tuple[Question, ...]:
    """The required ones of these questions that stored answers do not have."""
    return tuple(
        question
        for question in questions
        if question.required and question.key not in answers and is_asked(question, answers)
    )


def answer_words(question: Question, answer: Any, locale: str) -> str:
    """A stored answer in the reader's language; empty where there is none."""
    if answer is None:
        return ""
    if question.kind == "choices":
        return listed(question.option(value, locale) for value in answer)
    if question.kind == "consent":
        return _("Yes")
    if question.kind == "file":
        return str(answer["name"])
    if question.kind == "date":
        return long_day(date.fromisoformat(answer), locale)
    return question.option(answer, locale) if question.kind == "choice" else str(answer)


def dump(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Questions as JSON, for a column and for the API."""
    return [
        {
            "key": question.key,
            "kind": question.kind,
            "text": question.text,
            "options": list(question.options),
            "required": question.required,
            "min": question.least,
            "max": question.most,
            "max_length": question.length,
            "translations": {
                code: {"text": words.text, "options": list(words.options)}
                for code, words in question.translations.items()
            },
            "countries": list(question.countries),
            "sectors": list(question.sectors),
            "depends_on": question.depends_on,
            "depends_value": question.depends_value,
        }
        for question in questions
    ]


def load(stored: Sequence[Mapping[str, Any]]) -> tuple[Question, ...]:
    """Questions that `dump` wrote, which were checked then. A key that it does not have has its default."""
    return tuple(
        Question(
            each["key"],
            each["kind"],
            each["text"],
            tuple(each.get("options") or ()),
            bool(each.get("required")),
            each.get("min"),
            each.get("max"),
            each.get("max_length"),
            {
                code: Words(words.get("text", ""), tuple(words.get("options") or ()))
                for code, words in (each.get("translations") or {}).items()
            },
            tuple(each.get("countries") or ()),
            tuple(each.get("sectors") or ()),
            each.get("depends_on") or "",
            each.get("depends_value") or "",
        )
        for each in stored
    )
