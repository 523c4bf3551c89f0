"""Questions on pages: a form to answer them, and a form in which staff write them. Both work without scripts.

`macros/questions.html` draws them: `answers(form)` and `editor(form, action)`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import request
from wtforms import (
    BooleanField,
    FieldList,
    FileField,
    Form,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.widgets import CheckboxInput, ListWidget

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, _l, reader_locale
from lms.core.text.translations import base_of
from lms.questions.rules import BASIC_KINDS, KINDS, RATINGS, Question, Words, dump
from lms.web.forms.forms import BaseForm, KnownChoice
from lms.web.forms.languages import language_choices
from lms.web.pages.time import number

_PREFIX = "answers-"
_MOST_ROWS = 41
"""More than any form has: what is posted beyond is not read."""
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")
_SHORT = 150
"""The most characters of a text that is asked in one line."""


class AnswersForm(BaseForm):
    """A form with a field for each question, named `answers-` and its key.

    What was typed is checked by `checked_answers` with `at="answers."`, whose faults the form takes.
    """

    def answers(self) -> dict[str, Any]:
        """Returns what was answered, by key, unchecked."""
        sent = {name.removeprefix(_PREFIX): value for name, value in self.values().items() if name.startswith(_PREFIX)}
        return {key: value for key, value in sent.items() if value is not None}

    def take(self, error: Invalid) -> None:
        """Shows faults as `answers.key` at their field."""
        fields = [(fault, (fault.field or "").replace("answers.", _PREFIX, 1)) for fault in error.faults]
        super().take(Invalid(faults=[Fault(fault.reason, field=name) for fault, name in fields]))


def answers_form(questions: Sequence[Question], stored: Mapping[str, Any] | None = None, **more: Any) -> AnswersForm:
    """The form of these questions in the reader's language, with stored answers where nothing was posted.

    `more` goes to the form, such as `formdata=None`.
    """
    locale = reader_locale()
    fields = {_PREFIX + question.key: _field(question, question.words(locale)) for question in questions}
    kind: type[AnswersForm] = type("QuestionsAnswered", (AnswersForm,), fields)
    return kind(data={_PREFIX + key: value for key, value in (stored or {}).items()}, **more)


def _field(question: Question, words: Words) -> Any:
    """The field of a question. Options are posted by their main text, whatever language they are shown in."""
    pairs = [SelectChoice(value, label) for value, label in zip(question.options, words.options, strict=True)]
    if question.kind == "rating":
        return RadioField(words.text, choices=_ratings(words), validate_choice=False)
    if question.kind == "choice":
        return RadioField(words.text, choices=pairs, validate_choice=False)
    if question.kind == "consent":
        return BooleanField(words.text)
    if question.kind == "file":
        return FileField(words.text)
    if question.kind == "choices":
        tick = CheckboxInput()
        return SelectMultipleField(
            words.text, choices=pairs, widget=ListWidget(), option_widget=tick, validate_choice=False
        )
    limits = {"maxlength": str(question.length)} if question.length else {}
    if question.kind == "text" and not (question.length and question.length <= _SHORT):
        return TextAreaField(words.text, render_kw={"dir": "auto", "rows": 4, **limits})
    if question.kind == "number":
        limits["inputmode"] = "decimal"
    if question.kind == "date":
        limits["type"] = "date"
    return StringField(words.text, render_kw=limits)


def _ratings(words: Words) -> list[SelectChoice]:
    ends = dict(zip((RATINGS[0], RATINGS[-1]), words.options, strict=False))
    return [
        SelectChoice(
            str(rating),
            _("%(rating)s, %(words)s", rating=number(rating), words=ends[rating]) if rating in ends else number(rating),
        )
        for rating in RATINGS
    ]


class TranslationForm(Form):
    """The texts of a question in another language."""

    language = HiddenField()
    text = StringField(_l("Question"))
    options = TextAreaField(_l("Options, one per line"))


class QuestionForm(Form):
    """A question as it is written."""

    key = HiddenField()
    text = StringField(_l("Question"))
    kind = KnownChoice(_l("Kind of answer"))
    required = BooleanField(_l("Must be answered"))
    options = TextAreaField(_l("Options, one per line"))
    min = StringField(_l("Minimum"))
    max = StringField(_l("Maximum"))
    max_length = StringField(_l("Longest answer, in characters"))
    countries = StringField(_l("Only people of these countries"))
    sectors = SelectMultipleField(
        _l("Only people of these sectors"), widget=ListWidget(), option_widget=CheckboxInput(), validate_choice=False
    )
    depends_on = SelectField(_l("Only after this question"), validate_choice=False)
    depends_value = StringField(_l("If it was answered by"))
    translations = FieldList(FormField(TranslationForm))


class QuestionsForm(BaseForm):
    """The questions of a form, to add, move, remove and translate; each step shows the page again.

    A subclass may add fields. With `most` questions in it no more can be added; `checked_questions` refuses what is
    posted beyond.
    """

    questions = FieldList(FormField(QuestionForm), max_entries=_MOST_ROWS)
    language = KnownChoice(_l("Language"))

    def __init__(
        self,
        *args: Any,
        most: int,
        main: str = "",
        kinds: Iterable[str] = BASIC_KINDS,
        sectors: Iterable[SelectChoice] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self.most, self.main, self._kinds = most, main, tuple(kinds)
        self.has_conditions, self._sectors = sectors is not None, list(sectors or ())
        self.finish()

    def finish(self) -> None:
        """Offers the languages that no question has yet, and the kinds that this form can have."""
        used = {base_of(code) for code in self.languages} | {base_of(self.main)}
        offered = [choice for choice in language_choices() if base_of(choice.value) not in used]
        self.language.choices = offered
        if self.language.data not in [choice.value for choice in offered]:
            self.language.data = offered[0].value
        for row in self.questions:
            row.form.kind.choices = [SelectChoice(code, KINDS[code].label) for code in self._kinds]
            row.form.sectors.choices = self._sectors
        self._offer_earlier()

    def _offer_earlier(self) -> None:
        """Offers each question those before it that are saved, on whose answers it can depend."""
        earlier = [SelectChoice("", _("No other question"))]
        for row in self.questions:
            row.form.depends_on.choices = list(earlier)
            if row.form.key.data:
                earlier.append(SelectChoice(row.form.key.data, row.form.text.data or row.form.key.data))

    @property
    def languages(self) -> list[str]:
        """The languages of the translations, in the order in which they were added."""
        codes = [row.form.language.data or "" for each in self.questions for row in each.form.translations]
        return list(dict.fromkeys(code for code in codes if code))

    def sent(self) -> list[dict[str, Any]]:
        """The questions as `checked_questions` takes them. Raises Invalid where a limit is not a number."""
        return [_sent(place, row.form) for place, row in enumerate(self.questions)]

    def use_step(self) -> bool:
        """Does the step whose button was pressed: add, remove, up, down, language. False where none was."""
        step, _dash, place = request.form.get("step", "").partition("-")
        rows: list[dict[str, Any]] = [dict(row.form.data) for row in self.questions]
        at = int(place) if place.isdecimal() and len(place) < 3 else -1
        if step == "add" and len(rows) < self.most:
            rows.append({"translations": [{"language": code} for code in self.languages]})
        elif step == "remove" and 0 <= at < len(rows):
            del rows[at]
        elif (
            step in ("up", "down")
            and 0 <= at < len(rows)
            and 0 <= (to := at + (1 if step == "down" else -1)) < len(rows)
        ):
            rows[at], rows[to] = rows[to], rows[at]
        elif step == "language" and self.language.data not in self.languages:
            for row in rows:
                row["translations"] = [*row["translations"], {"language": self.language.data}]
        elif not step:
            return False
        self.questions.process(None, rows)
        self.finish()
        return True

    def take(self, error: Invalid) -> None:
        """Shows faults as `questions.0.translations.fr.text` at their field."""
        plain = []
        for fault in error.faults:
            target = self._target((fault.field or "").split("."))
            if target is None:
                plain.append(fault)
            else:
                target.errors = [*target.errors, fault.reason]
        for row in self.questions:
            row.form.translations.errors = [each.errors for each in row.form.translations if each.errors]
        self.questions.errors = [row.errors for row in self.questions if row.errors]
        if plain:
            super().take(Invalid(faults=plain))

    def _target(self, parts: Sequence[str]) -> Any:
        if len(parts) < 3 or not parts[1].isdecimal() or int(parts[1]) >= len(self.questions):
            return None
        form = self.questions[int(parts[1])].form
        if parts[2] != "translations":
            return form._fields.get(parts[2])
        if len(parts) < 4:
            return form.text
        row = next((each for each in form.translations if each.form.language.data == parts[3]), None)
        return row and row.form._fields.get(parts[-1], row.form.text)


def _sent(place: int, form: Any) -> dict[str, Any]:
    return {
        "key": form.key.data,
        "kind": form.kind.data,
        "text": form.text.data,
        "options": _lines(form.options.data),
        "required": form.required.data,
        "min": _limit(place, form.min, float),
        "max": _limit(place, form.max, float),
        "max_length": _limit(place, form.max_length, int),
        "countries": re.split(r"[\s,;]+", form.countries.data or ""),
        "sectors": form.sectors.data or [],
        "depends_on": form.depends_on.data or "",
        "depends_value": form.depends_value.data or "",
        "translations": {
            row.form.language.data: {"text": row.form.text.data, "options": _lines(row.form.options.data)}
            for row in form.translations
            if row.form.language.data
        },
    }


def _lines(text: str | None) -> list[str]:
    return (text or "").splitlines()


def _limit(place: int, field: Any, kind: type[float] | type[int]) -> float | int | None:
    text, name = (field.data or "").strip(), f"questions.{place}.{field.short_name}"
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or (kind is int and "." in text):
        raise Invalid(name, _("Enter a number."))
    return kind(text)


def questions_data(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Stored questions as the fields of `QuestionsForm` show them."""
    languages = sorted({code for question in questions for code in question.translations})
    return [
        {
            **each,
            "options": "\n".join(each["options"]),
            **{name: _number_text(each[name]) for name in ("min", "max", "max_length")},
            "countries": " ".join(each["countries"]),
            "translations": [
                {
                    "language": code,
                    "text": each["translations"].get(code, {}).get("text", ""),
                    "options": "\n".join(each["translations"].get(code, {}).get("options", ())),
                }
                for code in languages
            ],
        }
        for each in dump(questions)
    ]


def _number_text(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
