"""Forms of the roster and of the import page."""

from __future__ import annotations

from flask_wtf.file import FileField
from wtforms import BooleanField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.attendance.models import Outcome
from lms.core.words import _, _l
from lms.web.forms import BaseForm
from lms.web.time import ZONES, zone_city


class CorrectionForm(BaseForm):
    """What is set by hand, and why."""

    outcome = SelectField(
        _l("Count as"),
        choices=[
            SelectChoice(Outcome.ATTENDED.value, _l("Attended")),
            SelectChoice(Outcome.PARTIAL.value, _l("Partial")),
            SelectChoice(Outcome.ABSENT.value, _l("Absent")),
            SelectChoice(Outcome.EXCUSED.value, _l("Excused")),
            SelectChoice("", _l("As the evidence says (withdraw what was set)")),
        ],
    )
    reason = TextAreaField(_l("Reason"))


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
