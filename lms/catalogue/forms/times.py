"""The forms about when a lecture is given: hours to choose from, moving, postponing and cancelling, actual times."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput

from lms.catalogue.forms.base import CatalogueForm, PlannedTimeForm, offered_zones
from lms.catalogue.models import Lecture
from lms.core.text.i18n import _l, _lp
from lms.web.forms.forms import KnownChoice, LocalTimeField, WholeNumber, ZoneField


class HoursForm(CatalogueForm):
    """When a lecture of a series could be given."""

    starts_at = LocalTimeField(_l("Start (local time where the lecture is given)"), [Optional()])
    time_zone = ZoneField(_l("Time zone"))
    duration_minutes = WholeNumber(_l("Length in minutes"), [Optional()], default=90)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.time_zone.choices = offered_zones(self.time_zone.data)


class MoveForm(CatalogueForm):
    """By how much all lectures to come move."""

    amount = WholeNumber(_l("Move by"), [InputRequired(_l("Enter a whole number."))], default=1)
    unit = KnownChoice(_l("Unit"), choices=[SelectChoice("7", _l("weeks")), SelectChoice("1", _l("days"))], default="7")
    direction = KnownChoice(
        _l("Direction"),
        choices=[SelectChoice("1", _lp("move", "later")), SelectChoice("-1", _lp("move", "earlier"))],
        default="1",
    )

    @property
    def days(self) -> int:
        """The days, negative for an earlier time."""
        return (self.amount.data or 0) * int(self.unit.data) * int(self.direction.data)


class PostponeForm(PlannedTimeForm):
    """A new time; empty: not yet known."""

    starts_at = LocalTimeField(_l("New start (local time)"), [Optional()])
    time_zone = ZoneField(_l("Time zone"))
    duration_minutes = WholeNumber(_l("Length in minutes"), [Optional()], widget=HiddenInput())

    def __init__(self, lecture: Lecture, *args: Any, **more: Any) -> None:
        super().__init__(*args, data={"time_zone": lecture.time_zone}, prefix="", **more)
        self.duration_minutes.process(None, lecture.duration_minutes)  # it stays, whatever is sent
        self.time_zone.choices = offered_zones(self.time_zone.data or lecture.time_zone)
        if self.time_zone.data is None:
            self.time_zone.data = lecture.time_zone


class CancelForm(CatalogueForm):
    """Why a lecture is cancelled."""

    reason = TextAreaField(
        _l("Reason for cancelling"), [InputRequired(_l("Enter the reason. Everyone enrolled will read it."))]
    )


class MomentForm(CatalogueForm):
    """A moment in the lecture's own zone; empty: now."""

    at = LocalTimeField(_l("At an earlier time"), [Optional()])


class PauseForm(CatalogueForm):
    """After how many minutes a lecture is meant to go on; empty: not known."""

    minutes = WholeNumber(_l("Minutes"), [Optional()])


class TimesForm(CatalogueForm):
    """The actual start and end, in the lecture's own zone."""

    actual_start = LocalTimeField(_l("Began"), [InputRequired(_l("Enter when it started."))])
    actual_end = LocalTimeField(_l("Ended"), [InputRequired(_l("Enter when it ended."))])


def local_of(moment: datetime | None, zone: str) -> datetime | None:
    """An instant as local time without offset, to the second: what a form shows."""
    return None if moment is None else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)


def near(first: datetime, second: datetime) -> bool:
    """Whether two instants are the same to the second: a form shows no fractions."""
    return abs(first.astimezone(UTC) - second.astimezone(UTC)) < timedelta(seconds=1)
