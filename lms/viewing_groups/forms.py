"""Forms of viewing groups."""

from __future__ import annotations

from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, Optional

from lms.core.i18n import _, _l
from lms.web.fields import LocalTime, WholeNumber, ZoneField
from lms.web.forms import BaseForm


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

    code = StringField(_l("Code on the wall"), [InputRequired(_l("Enter the code."))])
    email = EmailField(_l("Your e-mail address"))
