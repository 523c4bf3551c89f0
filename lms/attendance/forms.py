"""Forms of the roster, of appeals, of closing, and of the import page."""

from __future__ import annotations

from flask_wtf.file import FileField
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.attendance.models import Outcome
from lms.core.words import _, _l
from lms.web.forms import BaseForm
from lms.web.time import ZONES, zone_city

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
    there_to = StringField(_l("until"))
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


class ReportForm(BaseForm):
    """The first step: a file, and how its times are to be read."""

    file = FileField(_l("File"))
    time_zone = SelectField(_l("Time zone of the times in the file"), default="")
    date_order = SelectField(
        _l("Order of day and month"),
        default="",
        choices=[
            SelectChoice("", _l("As the file shows")),
            SelectChoice("dmy", _l("Day first: 25/11/2026")),
            SelectChoice("mdy", _l("Month first: 11/25/2026")),
            SelectChoice("ymd", _l("Year first: 2026/11/25")),
        ],
    )

    def offer_zones(self) -> None:
        """Fills the choice of zones: none is assumed."""
        named = sorted(zone for zone in ZONES if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
        self.time_zone.choices = [
            SelectChoice("", _("The file says it")),
            SelectChoice("UTC", "UTC"),
            *(SelectChoice(zone, f"{zone_city(zone)} ({zone})") for zone in named),
        ]


class PublishForm(BaseForm):
    """The second step: take what was looked at. `step` of the button pressed says take or leave."""

    skip_bad_rows = BooleanField(_l("Leave the rejected rows out and take the others"))
