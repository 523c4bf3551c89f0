"""Forms of viewing groups."""

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

from lms.core.text.i18n import _, _l
from lms.web.forms.forms import BaseForm, LocalTimeField, WholeNumber, ZoneField


class GroupForm(BaseForm):
    """A viewing group: where, who sees to it, how many."""

    country = SelectField(_l("Country or area"), default="")
    city = StringField(_l("City"), [InputRequired(_l("Enter the city."))])
    room = StringField(_l("Building and room"), [InputRequired(_l("Enter the building and room."))])
    organiser = StringField(_l("Person in charge"), [InputRequired(_l("Enter the organiser."))])
    expected = WholeNumber(_l("People expected"), [InputRequired(_l("Enter how many people are expected."))])
    time_zone = ZoneField(_l("Local time zone"))

    def offer(self, countries: list[SelectChoice], zones: list[SelectChoice], zone: str) -> None:
        """Fills the choices: countries (one at most: nothing to choose), and zones."""
        self.time_zone.choices = zones
        if self.time_zone.data is None:
            self.time_zone.data = zone
        if len(countries) < 2:
            del self.country
            return
        blank = SelectChoice("", _("Select a country"))  # none is assumed
        self.country.choices = [blank, *countries]


class AddressesForm(BaseForm):
    """Addresses, pasted or from a CSV file."""

    addresses = TextAreaField(_l("E-mail addresses"))
    file = FileField(_l("Or a CSV file of e-mail addresses"))


class SignatureForm(BaseForm):
    """When a group watched, with confirmation. `mark` identifies the list that was reviewed."""

    mark = HiddenField()
    basis = RadioField(
        _l("When the group watched"),
        choices=[
            SelectChoice("times", _l("Between the times I enter below")),
            SelectChoice("connection", _l("While the account that showed the lecture was connected")),
        ],
        default="times",
    )
    watched_from = LocalTimeField(_l("From"), [Optional()])
    watched_until = LocalTimeField(_l("Until"), [Optional()])
    connection = EmailField(_l("E-mail address of that account"))
    confirm = BooleanField(validators=[InputRequired(_l("Tick the box to confirm."))])


class TakeBackForm(BaseForm):
    """The reason for withdrawing a signature."""

    reason = StringField(_l("Reason"), [InputRequired(_l("Enter a reason."))])


class CheckInForm(BaseForm):
    """The check-in code and, if not signed in, an e-mail address."""

    code = StringField(_l("Code on the screen"), [InputRequired(_l("Enter the code."))])
    email = EmailField(_l("Your e-mail address"))
