"""Forms of the roster, of appeals, of closing, and of the import page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, Optional

from lms.attendance.formats.mapping import Column
from lms.attendance.models.credits import Outcome
from lms.attendance.reading import NAMES
from lms.core import clock, zones
from lms.core.words import _, _l
from lms.people.queries.countries import country_names
from lms.web.fields import LocalTime, WholeNumber, ZoneField, zone_choices, zone_words
from lms.web.forms import BaseForm
from lms.web.locale import reader_locale

_OUTCOMES = (
    SelectChoice(Outcome.ATTENDED.value, _l("Attended")),
    SelectChoice(Outcome.PARTIAL.value, _l("Partial")),
    SelectChoice(Outcome.ABSENT.value, _l("Absent")),
    SelectChoice(Outcome.EXCUSED.value, _l("Excused")),
)


class CorrectionForm(BaseForm):
    """What is set by hand, and why."""

    outcome = SelectField(
        _l("Count as"),
        choices=[*_OUTCOMES, SelectChoice("", _l("As the evidence says (withdraw what was set)"))],
    )
    reason = TextAreaField(_l("Reason"))

    @property
    def wanted(self) -> Outcome | None:
        """The outcome that was chosen; None withdraws."""
        return Outcome(self.outcome.data) if self.outcome.data else None


class ManyForm(CorrectionForm):
    """As a correction, of all those who are ticked on the roster."""

    outcome = SelectField(
        _l("Count them as"),
        choices=[*_OUTCOMES, SelectChoice("", _l("As the evidence says (withdraw what was set)"))],
        default=Outcome.EXCUSED.value,
        id="many-outcome",
    )
    reason = TextAreaField(_l("Reason"), id="many-reason")
    people = StringField(id="people")


class AppealForm(BaseForm):
    """What somebody says of the own attendance. Times are clocks in the reader's zone."""

    there_from = StringField(_l("I was there from"))
    there_to = StringField(_l("I was there until"))
    joined_as = StringField(_l("The name I joined under, if it was another"))
    text = TextAreaField(_l("What is not right"))


class AcceptForm(BaseForm):
    """An appeal accepted: what is set by hand, and what the person reads."""

    outcome = SelectField(
        _l("Count as"),
        choices=[*_OUTCOMES, SelectChoice("", _l("As the evidence says now: nothing is set by hand"))],
        default=Outcome.ATTENDED.value,
    )
    words = TextAreaField(_l("The reason, as the person reads it"), id="accept-words")

    @property
    def wanted(self) -> Outcome | None:
        """The outcome that is set by hand; None sets nothing."""
        return Outcome(self.outcome.data) if self.outcome.data else None


class DeclineForm(BaseForm):
    """An appeal declined, and why."""

    words = TextAreaField(_l("Why, as the person reads it"), id="decline-words")


class ReopenForm(BaseForm):
    """Why closed attendance is opened again."""

    reason = TextAreaField(_l("Why it is opened again"))


FORMAT_NAMES = {
    "auto": _l("Recognise it by its content"),
    "zoom": "Zoom",
    "teams": "Microsoft Teams",
    "webex": "Webex",
    "bbb": "BigBlueButton",
    "voov": _l("Tencent Meeting (VooV)"),
    "meet": "Google Meet",
    "plain": _l("A table of my own"),
}
MEANINGS = {
    "": _l("Leave it out"),
    "email": _l("E-mail address"),
    "name": _l("Full name"),
    "first_name": _l("First name"),
    "last_name": _l("Last name"),
    "date": _l("Date"),
    "joined_at": _l("When they came"),
    "left_at": _l("When they left"),
    "minutes": _l("Minutes they stayed"),
    "seconds": _l("Seconds they stayed"),
    "hours": _l("Hours they stayed"),
    "waiting_room": _l("Whether they were in the waiting room"),
    "registrant_id": _l("Registrant’s number"),
}


_ORDERS = (
    SelectChoice("dmy", _l("Day first: 25/11/2026")),
    SelectChoice("mdy", _l("Month first: 11/25/2026")),
    SelectChoice("ymd", _l("Year first: 2026/11/25")),
)


_SUMS = (
    SelectChoice("largest", _l("The same stay told again: take the longest")),
    SelectChoice("add", _l("Stays of their own: add them up")),
)


class ReadingForm(BaseForm):
    """How a report is to be read: what it does not say itself. `is_open`: it was seen that the file does not say it."""

    columns: tuple[Column, ...] = ()
    question = ""
    format = SelectField(_l("Where the report is from"), default="auto")
    time_zone = ZoneField(_l("Time zone of the times in the file"), default="")
    date_order = RadioField(_l("Order of day and month"), default="")
    sums = RadioField(_l("Several durations of one person"), default="")

    def __init__(self, *args: Any, likely: Iterable[str] = (), is_open: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        names = sorted(NAMES, key=list(FORMAT_NAMES).index)
        self.date_order.choices = [*_ORDERS] if is_open else [SelectChoice("", _("As the file shows")), *_ORDERS]
        self.sums.choices = [*_SUMS] if is_open else [SelectChoice("", _("Ask me if there are any")), *_SUMS]
        self.format.choices = [SelectChoice(name, FORMAT_NAMES[name]) for name in names]
        first = [zone for zone in dict.fromkeys(map(zones.canonical, (*likely, "UTC"))) if zone is not None]
        at = clock.now()
        self.time_zone.choices = [
            SelectChoice("", _("Choose a zone") if is_open else _("Ask me if the file does not say it")),
            *(SelectChoice(one, zone_words(one, at), optgroup=_("Likely")) for one in first),
            *(
                replace(one, optgroup=_("All"))
                for one in zone_choices(country_names(reader_locale()), at=at)
                if one.value not in first
            ),
        ]

    def column_fields(self) -> list[tuple[Column, Any]]:
        """The columns that are asked about, each with its choice."""
        return [(column, self[f"column_{index}"]) for index, column in enumerate(self.columns)]

    def asked(self) -> dict[str, Any]:
        """What was said, by the names of `stage_attendance`; what was left open is not there."""
        said = {name: self[name].data for name in ("time_zone", "date_order", "sums") if self[name].data}
        return said if self.format.data in ("", None, "auto") else {**said, "format": self.format.data}


class DecisionForm(BaseForm):
    """Whom somebody seen is: a person, or nobody of ours; of ticked `rows` only; on what was seen at `version`."""

    person = StringField()
    version = IntegerField(validators=[Optional()])
    rows = SelectMultipleField(validate_choice=False)


class ReportForm(ReadingForm):
    """The first step: a file, and how it is to be read."""

    file = FileField(_l("File"))


def reading_form(columns: Sequence[Column], mapping: Mapping[str, str]) -> type[ReadingForm]:
    """The form that asks how a file is to be read, with a choice for each column. `mapping` is what was said."""
    choices = [SelectChoice(value, label) for value, label in MEANINGS.items()]
    fields: dict[str, Any] = {
        f"column_{index}": SelectField(
            column.key, choices=choices, default=mapping.get(column.key, "" if mapping else column.guess)
        )
        for index, column in enumerate(columns)
    }
    return cast("type[ReadingForm]", type("ColumnsForm", (ReadingForm,), {**fields, "columns": tuple(columns)}))


class PublishForm(BaseForm):
    """The second step: take what was looked at. `step` of the button pressed says take or leave."""

    skip_bad_rows = BooleanField(_l("Leave the rejected rows out and take the others"))


class GroupForm(BaseForm):
    """A viewing group: where, who sees to it, how many."""

    country = SelectField(_l("Country or area"), default="")
    city = StringField(_l("City"), [InputRequired(_l("Write the city."))])
    room = StringField(_l("Building and room"), [InputRequired(_l("Write which room."))])
    organiser = StringField(_l("Who sees to it"), [InputRequired(_l("Write who sees to it."))])
    expected = WholeNumber(_l("People expected"), [InputRequired(_l("Write how many people are expected."))])
    time_zone = ZoneField(_l("Time zone of the place"))

    def offer(self, countries: list[SelectChoice], zones: list[SelectChoice], zone: str) -> None:
        """Fills the choices: countries (one at most: nothing to choose), and zones."""
        self.time_zone.choices = zones
        if self.time_zone.data is None:
            self.time_zone.data = zone
        if len(countries) < 2:
            del self.country
            return
        blank = SelectChoice("", _("Choose a country"))  # none is assumed
        self.country.choices = [blank, *countries]


class AddressesForm(BaseForm):
    """Addresses, pasted or from a CSV file."""

    addresses = TextAreaField(_l("E-mail addresses"))
    file = FileField(_l("Or a CSV file with them"))


class SignatureForm(BaseForm):
    """What a group watched, and that it did. `mark` identifies the list that was looked at."""

    mark = HiddenField()
    basis = RadioField(
        _l("When the group watched"),
        choices=[
            SelectChoice("times", _l("From and until, as I write it below")),
            SelectChoice("connection", _l("As long as the account was connected that showed the lecture")),
        ],
        default="times",
    )
    watched_from = LocalTime(_l("From"), [Optional()])
    watched_until = LocalTime(_l("Until"), [Optional()])
    connection = EmailField(_l("E-mail address of that account"))
    confirm = BooleanField(validators=[InputRequired(_l("Tick that you confirm it."))])


class TakeBackForm(BaseForm):
    """Why a signature is taken back."""

    reason = StringField(_l("Why"), [InputRequired(_l("Say why."))])


class CheckInForm(BaseForm):
    """The code on the wall and, of somebody not signed in, an address."""

    code = StringField(_l("Code on the wall"), [InputRequired(_l("Write the code."))])
    email = EmailField(_l("Your e-mail address"))
