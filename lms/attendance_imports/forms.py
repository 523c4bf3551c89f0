"""Forms of the import pages and of unmatched attendees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import Optional

from lms.attendance_imports.readers.mapping import PreviewedColumn
from lms.attendance_imports.readers.reading import NAMES
from lms.core.text.i18n import _, _l
from lms.core.time import clock, zones
from lms.people.queries.countries import country_names
from lms.web.forms.forms import BaseForm, ZoneField, zone_choices, zone_words
from lms.web.pages.locale import reader_locale

FORMAT_NAMES = {
    "auto": _l("Detect automatically"),
    "zoom": "Zoom",
    "teams": "Microsoft Teams",
    "webex": "Webex",
    "bbb": "BigBlueButton",
    "voov": _l("Tencent Meeting (VooV)"),
    "meet": "Google Meet",
    "plain": _l("Other table (CSV or XLSX)"),
}


MEANINGS = {
    "": _l("Ignore"),
    "email": _l("E-mail address"),
    "name": _l("Full name"),
    "first_name": _l("First name"),
    "last_name": _l("Last name"),
    "date": _l("Date"),
    "joined_at": _l("Join time"),
    "left_at": _l("Leave time"),
    "minutes": _l("Minutes attended"),
    "seconds": _l("Seconds attended"),
    "hours": _l("Hours attended"),
    "waiting_room": _l("In the waiting room (yes or no)"),
    "registrant_id": _l("Registration ID"),
}


_ORDERS = (
    SelectChoice("dmy", _l("Day first: 25/11/2026")),
    SelectChoice("mdy", _l("Month first: 11/25/2026")),
    SelectChoice("ymd", _l("Year first: 2026/11/25")),
)


_SUMS = (
    SelectChoice("largest", _l("Repeats of the same stay: use the longest")),
    SelectChoice("add", _l("Separate stays: add them up")),
)


class ReadingForm(BaseForm):
    """How to read a report: what it does not state itself. `is_open`: the file was found not to state it."""

    columns: tuple[PreviewedColumn, ...] = ()
    question = ""
    format = SelectField(_l("Source of the report"), default="auto")
    time_zone = ZoneField(_l("Time zone of the times in the file"), default="")
    date_order = RadioField(_l("Order of day and month"), default="")
    sums = RadioField(_l("Several durations for one person"), default="")

    def __init__(self, *args: Any, likely: Iterable[str] = (), is_open: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        names = sorted(NAMES, key=list(FORMAT_NAMES).index)
        self.date_order.choices = [*_ORDERS] if is_open else [SelectChoice("", _("As the file shows")), *_ORDERS]
        self.sums.choices = [*_SUMS] if is_open else [SelectChoice("", _("Ask me if there are any")), *_SUMS]
        self.format.choices = [SelectChoice(name, FORMAT_NAMES[name]) for name in names]
        first = [zone for zone in dict.fromkeys(map(zones.canonical, (*likely, "UTC"))) if zone is not None]
        at = clock.now()
        known = {str(choice.value): choice for choice in zone_choices(country_names(reader_locale()), at=at)}
        likely_choices = [known.get(zone) or SelectChoice(zone, zone_words(zone, at)) for zone in first]
        self.time_zone.choices = [
            SelectChoice("", _("Select a time zone") if is_open else _("Ask me if the file has no time zone")),
            *(replace(choice, optgroup=_("Likely")) for choice in likely_choices),
            *(replace(choice, optgroup=_("All")) for choice in known.values() if choice.value not in first),
        ]

    def column_fields(self) -> list[tuple[PreviewedColumn, Any]]:
        """The columns that are asked about, each with its choice."""
        return [(column, self[f"column_{index}"]) for index, column in enumerate(self.columns)]

    def answers(self) -> dict[str, Any]:
        """The answers, by the parameter names of `stage_attendance`, without unanswered ones."""
        answers = {name: self[name].data for name in ("time_zone", "date_order", "sums") if self[name].data}
        return answers if self.format.data in ("", None, "auto") else {**answers, "format": self.format.data}


class DecisionForm(BaseForm):
    """The resolution of an attendee: a person, or not a participant, optionally for ticked `rows` only, based on
    `version`.
    """

    person = StringField()
    version = IntegerField(validators=[Optional()])
    rows = SelectMultipleField(validate_choice=False)


class ImportReportForm(ReadingForm):
    """The first step: a file, and how to read it."""

    file = FileField(_l("File"))


def reading_form(columns: Sequence[PreviewedColumn], mapping: Mapping[str, str]) -> type[ReadingForm]:
    """The form that asks how to read a file, with a choice for each column. `mapping` has the current answers."""
    choices = [SelectChoice(value, label) for value, label in MEANINGS.items()]
    fields: dict[str, Any] = {
        f"column_{index}": SelectField(
            column.key, choices=choices, default=mapping.get(column.key, "" if mapping else column.guess)
        )
        for index, column in enumerate(columns)
    }
    return cast("type[ReadingForm]", type("ColumnsForm", (ReadingForm,), {**fields, "columns": tuple(columns)}))


class PublishImportForm(BaseForm):
    """The second step: import the preview. `step` is the button pressed: import or cancel."""

    skip_bad_rows = BooleanField(_l("Skip the rejected rows and import the others"))
