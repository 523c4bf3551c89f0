"""The forms of knowledge checks: a question, a check, extra time, a file of questions, and an attempt."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_wtf.file import FileField
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, RadioField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from lms.catalogue.models import Lecture
from lms.catalogue.rules import resolve_local
from lms.checks import questions
from lms.checks.models import BankQuestion, Check, CheckKind, QuestionKind
from lms.checks.questions import CHOICES, LISTED, LISTS, Definition
from lms.checks.rules import CheckInput
from lms.checks.shown_questions import Answer, ShownQuestion
from lms.core.text.i18n import _, _l
from lms.core.text.translations import base_of, reader_text
from lms.web.forms.forms import BaseForm, KnownChoice, LocalTimeField, WholeNumber
from lms.web.forms.languages import language_choices
from lms.web.pages.time import language_name

SPARE = 3
"""How many empty rows for further answers a question's form has."""


def kind_words() -> dict[QuestionKind, str]:
    """Returns the names of the kinds of question."""
    return {
        QuestionKind.ONE: _("One right answer"),
        QuestionKind.SEVERAL: _("Several right answers"),
        QuestionKind.TRUE_FALSE: _("True or false"),
        QuestionKind.NUMBER: _("Number"),
        QuestionKind.SHORT_TEXT: _("Short text"),
        QuestionKind.MATCHING: _("Matching"),
        QuestionKind.ORDER: _("Putting in order"),
    }


def check_kind_words() -> dict[CheckKind, str]:
    """Returns the purposes of the kinds of check."""
    return {
        CheckKind.CHECK: _("Knowledge check"),
        CheckKind.PRE: _("Before: what people know already"),
        CheckKind.POST: _("After: what they have learned"),
    }


class BankQuestionForm(BaseForm):
    """A question of one kind. Its answers are rows of their own (`rows`), of which empty ones are left out."""

    title = StringField(_l("Short name"))
    text = TextAreaField(_l("Question"), [InputRequired(_l("Enter the question."))])
    explanation = TextAreaField(_l("Explanation"))
    is_true = RadioField(
        _l("The statement is"),
        choices=[SelectChoice("true", _l("True")), SelectChoice("false", _l("False"))],
        validate_choice=False,
    )
    value = StringField(_l("Right answer"))
    tolerance = StringField(_l("Tolerance"))
    forms = TextAreaField(_l("Right answers, one on each line"))
    is_case_sensitive = BooleanField(_l("Capital and small letters must be right"))
    options = StringField(_l("Answers"))
    """Only for what is wrong with the rows."""

    def __init__(
        self, kind: QuestionKind, definition: Definition | None = None, sent: MultiDict[str, str] | None = None
    ):
        stored = dict(definition or {})
        if definition is not None:
            stored["is_true"] = "true" if definition.get("is_true") else "false"
            stored["forms"] = "\n".join(definition.get("forms", ()))
        stored.pop("options", None)
        super().__init__(formdata=sent, data=stored)
        self.kind = kind
        self.rows = self._rows(definition, sent)
        fields = {
            QuestionKind.TRUE_FALSE: {"is_true"},
            QuestionKind.NUMBER: {"value", "tolerance"},
            QuestionKind.SHORT_TEXT: {"forms", "is_case_sensitive"},
        }.get(kind, {"options"})
        for name in {"is_true", "value", "tolerance", "forms", "is_case_sensitive", "options"} - fields:
            del self[name]

    def _rows(self, definition: Definition | None, sent: MultiDict[str, str] | None) -> list[dict[str, Any]]:
        if self.kind not in CHOICES | LISTED:
            return []
        if sent is not None:
            right = set(sent.getlist("right"))
            matches = sent.getlist("match")
            options = sent.getlist("option")
            rows = [
                {"text": text, "right": str(number) in right, "match": matches[number] if number < len(matches) else ""}
                for number, text in enumerate(options)
            ]
        else:
            options, matches = (definition or {}).get("options", []), (definition or {}).get("matches", [])
            count = max(len(options), len(matches))
            right_numbers = (definition or {}).get("right", ())
            rows = [
                {
                    "text": options[number] if number < len(options) else "",
                    "right": number in right_numbers,
                    "match": matches[number] if number < len(matches) else "",
                }
                for number in range(count)
            ]
        while rows and not (rows[-1]["text"] or rows[-1]["match"]):
            rows.pop()
        return [*rows, *({"text": "", "right": False, "match": ""} for _spare in range(max(SPARE, 4 - len(rows))))]

    def definition(self) -> dict[str, Any]:
        """The question as it was typed."""
        sent: dict[str, Any] = {name: self[name].data for name in ("title", "text", "explanation")}
        match self.kind:
            case QuestionKind.TRUE_FALSE:
                sent["is_true"] = {"true": True, "false": False}.get(self.is_true.data or "")
            case QuestionKind.NUMBER:
                sent |= {"value": self.value.data, "tolerance": self.tolerance.data}
            case QuestionKind.SHORT_TEXT:
                sent |= {"forms": (self.forms.data or "").split("\n"), "is_case_sensitive": self.is_case_sensitive.data}
            case _:
                sent["options"] = [row["text"] for row in self.rows]
                sent["right"] = [number for number, row in enumerate(self.rows) if row["right"]]
                if self.kind is QuestionKind.MATCHING:
                    pairs = [row for row in self.rows if row["text"].strip()]
                    others = [row["match"] for row in self.rows if not row["text"].strip()]
                    sent["matches"] = [*(row["match"] for row in pairs), *others]
        return sent

    def take(self, error: Any) -> None:
        """Shows what is wrong with the rows above them."""
        for fault in error.faults:
            name = fault.field if fault.field in self else "options" if "options" in self else None
            if name is None:
                self.form_errors.append(fault.reason)
            else:
                self[name].errors = [*self[name].errors, fault.reason]


class QuestionTextsForm(BaseForm):
    """The texts of a question in another language. Options and matches are rows beside the main ones."""

    text = TextAreaField(_l("Question"))
    forms = TextAreaField(_l("Right answers, one on each line"))
    explanation = TextAreaField(_l("Explanation"))

    def __init__(self, definition: Definition, language: str, sent: MultiDict[str, str] | None = None):
        stored = dict((definition.get("translations") or {}).get(language, {}))
        lists = {name: stored.pop(name, []) for name in LISTS}
        stored["forms"] = "\n".join(stored.get("forms", ()))
        super().__init__(formdata=sent, data=stored)
        if "forms" not in definition:
            del self["forms"]
        self.lists = {
            name: [
                (main, typed[number] if number < len(typed) else "")
                for number, main in enumerate(definition[name])
                for typed in [sent.getlist(name) if sent is not None else lists[name]]
            ]
            for name in ("options", "matches")
            if name in definition
        }

    def texts(self) -> dict[str, Any]:
        """The texts as they were typed."""
        texts: dict[str, Any] = {name: self[name].data or "" for name in ("text", "explanation")}
        texts |= {name: [typed for _main, typed in rows] for name, rows in self.lists.items()}
        if "forms" in self:
            texts["forms"] = (self.forms.data or "").split("\n")
        return texts

    def take(self, error: Any) -> None:
        """Shows what is wrong at the field of the language."""
        for fault in error.faults:
            name = (fault.field or "").rpartition(".")[2]
            if name in self:
                self[name].errors = [*self[name].errors, fault.reason]
            else:
                self.form_errors.append(fault.reason)


class CheckTextsForm(BaseForm):
    """The title of a check in another language."""

    title = StringField(_l("Title"))

    def take(self, error: Any) -> None:
        """Shows what is wrong at the title: it is of one language."""
        self.title.errors = [*self.title.errors, *(fault.reason for fault in error.faults)]


class CheckForm(BaseForm):
    """A check with its rules. Times are local to the organiser's zone, named on the page."""

    title = StringField(_l("Title"), [InputRequired(_l("Enter a title."))])
    kind = RadioField(_l("Kind"), default=CheckKind.CHECK.value)
    lecture = KnownChoice(_l("Lecture"), default="")
    items = SelectMultipleField(
        _l("Questions"), widget=ListWidget(), option_widget=CheckboxInput(), validate_choice=False
    )
    drawn = WholeNumber(_l("Questions drawn for each person"), [Optional()])
    pass_percent = WholeNumber(
        _l("Right answers to pass, in percent"), [InputRequired(_l("Enter a whole number."))], default=75
    )
    attempts = WholeNumber(_l("Attempts"), [Optional()], default=2)
    minutes = WholeNumber(_l("Time limit in minutes"), [Optional()])
    opens_at = LocalTimeField(_l("Open from"), [Optional()])
    closes_at = LocalTimeField(_l("Open until"), [Optional()])
    shuffle = BooleanField(_l("Shuffle questions and answers"), default=True)
    shows_answers = BooleanField(
        _l("Show the right answers once people have passed or have no attempt left"), default=True
    )

    def __init__(
        self, check: Check | None, lectures: Sequence[Lecture], bank: Sequence[BankQuestion], zone: str
    ) -> None:
        stored: dict[str, Any] | None = None
        if check is not None:
            where = ZoneInfo(zone)
            stored = {
                **{name: getattr(check, name) for name in ("title", "drawn", "pass_percent", "attempts", "minutes")},
                **{name: getattr(check, name) for name in ("shuffle", "shows_answers")},
                "kind": check.kind.value,
                "lecture": str(check.lecture_id or ""),
                "items": [str(id_) for id_ in check.items],
                **{
                    name: moment.astimezone(where).replace(tzinfo=None) if moment else None
                    for name, moment in (("opens_at", check.opens_at), ("closes_at", check.closes_at))
                },
            }
        super().__init__(data=stored)
        self.zone = zone
        self.kind.choices = [SelectChoice(kind.value, words) for kind, words in check_kind_words().items()]
        whole = SelectChoice("", _("The whole series"))
        self.lecture.choices = [whole, *(SelectChoice(str(lecture.id), reader_text(lecture)) for lecture in lectures)]
        first = [] if check is None else check.items
        order = {id_: place for place, id_ in enumerate(first)}
        words = kind_words()
        self.items.choices = [
            SelectChoice(
                str(row.id),
                _("%(question)s (%(kind)s)", question=questions.name_of(row.definition), kind=words[row.kind]),
            )
            for row in sorted(bank, key=lambda row: (order.get(row.id, len(order)), row.id))
        ]

    def check(self) -> CheckInput:
        """Returns what was typed. Raises Invalid (`opens_at`, `closes_at`) for a time that the clock skips."""
        kinds = {kind.value for kind in CheckKind}
        return CheckInput(
            title=self.title.data or "",
            kind=CheckKind(self.kind.data) if self.kind.data in kinds else CheckKind.CHECK,
            lecture_id=int(self.lecture.data) if (self.lecture.data or "").isdecimal() else None,
            items=[int(one) for one in self.items.data or () if one.isascii() and one.isdecimal() and len(one) < 10],
            drawn=self.drawn.data,
            pass_percent=self.pass_percent.data,
            attempts=self.attempts.data,
            minutes=self.minutes.data,
            shuffle=bool(self.shuffle.data),
            shows_answers=bool(self.shows_answers.data),
            opens_at=self._moment("opens_at"),
            closes_at=self._moment("closes_at"),
        )

    def _moment(self, name: str) -> datetime | None:
        typed = self[name].data
        return resolve_local(typed, self.zone, name) if typed else None


class QuestionFileForm(BaseForm):
    """A file of questions to import."""

    file = FileField(_l("File"))
    language = KnownChoice(_l("Language"), default="")

    def offer(self, main: str) -> None:
        """Offers all languages; the main one is chosen where nothing is."""
        self.language.choices = [
            SelectChoice("", language_name(main) if main else _("Language of the series")),
            *(choice for choice in language_choices() if base_of(str(choice.value)) != base_of(main)),
        ]


class ExtraTimeForm(BaseForm):
    """More time for a person."""

    email = StringField(_l("E-mail address"), [InputRequired(_l("Enter an e-mail address."))])
    percent = WholeNumber(_l("Extra time in percent; empty for none"), [Optional()])


def answers_in(sent: Mapping[str, Any] | MultiDict[str, str], shown: Iterable[ShownQuestion]) -> dict[str, Answer]:
    """The answers to the questions that a form showed (`asked`), as `questions.checked_answer` takes them. A box that
    was not ticked is not sent, so that nothing ticked is an answer taken back. Left out are those of which the person
    keeps what is stored (`use-7`)."""
    form = MultiDict(sent)
    ids = {id_ for id_ in form.getlist("asked") if form.get(f"use-{id_}") != "stored"}
    return {str(one.id): _answer_in(form, one) for one in shown if str(one.id) in ids}


def known_in(sent: Mapping[str, Any] | MultiDict[str, str]) -> dict[str, str]:
    """The versions of the answers that a page was loaded with (`had-7`). Where it asks which of two answers counts
    (`choose`) and none was chosen (`use-7`), none is known, so that it asks again."""
    form = MultiDict(sent)
    known = {name.removeprefix("had-"): value for name, value in form.items() if name.startswith("had-")}
    return known | {id_: "" for id_ in form.getlist("choose") if form.get(f"use-{id_}") != "mine"}


def _answer_in(form: MultiDict[str, str], question: ShownQuestion) -> Answer:
    name = f"q{question.id}"
    match question.kind:
        case QuestionKind.ONE:
            return _index(form.get(name))
        case QuestionKind.SEVERAL:
            return [number for text in form.getlist(name) if (number := _index(text)) is not None]
        case QuestionKind.TRUE_FALSE:
            return {"true": True, "false": False}.get(form.get(name, ""))
        case QuestionKind.MATCHING | QuestionKind.ORDER:
            return [_index(form.get(f"{name}-{place}")) for place in range(len(question.options))]
    return form.get(name, "")


def _index(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 4 else None
