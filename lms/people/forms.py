"""The forms of people's pages; what they and the API must both check lives in the actions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask_babel.speaklater import LazyString
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import DataRequired, InputRequired, Optional, ValidationError
from wtforms.widgets import CheckboxInput

from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _l
from lms.mail.kinds import MailKind
from lms.people.models import Gender, Sector
from lms.people.queries.countries import country_names, former_codes, grouped_countries
from lms.people.rules import checked_address
from lms.web.forms.forms import BaseForm, ZoneField, sorted_choices, zone_choices
from lms.web.pages import locale as languages
from lms.web.request.guards import SCOPES

SECTORS = (
    SelectChoice(Sector.GOVERNMENT.value, _l("Government")),
    SelectChoice(Sector.BUSINESS.value, _l("Business")),
    SelectChoice(Sector.ACADEMIA.value, _l("University or research")),
    SelectChoice(Sector.CIVIL_SOCIETY.value, _l("Civil society")),
    SelectChoice(Sector.OTHER.value, _l("Other")),
)
GENDERS = (
    SelectChoice(Gender.FEMALE.value, _l("Female")),
    SelectChoice(Gender.MALE.value, _l("Male")),
    SelectChoice(Gender.OTHER.value, _l("Other")),
    SelectChoice("", _l("Prefer not to say")),
)
ROLES = (
    SelectChoice("administrator", _l("Administrator")),
    SelectChoice("instructor", _l("Instructor")),
    SelectChoice("focal_point", _l("Focal point for a country")),
    SelectChoice("reporter", _l("Reporter")),
)


@dataclass(frozen=True)
class MailWords:
    """The words of pages for a kind of mail: its name, and more about it."""

    label: LazyString
    hint: LazyString | None


MAIL_WORDS = {
    MailKind.REMINDER: MailWords(
        _l("A reminder the day before a lecture"),
        _l("With the time in your time zone and the link to the lecture."),
    ),
    MailKind.REMINDER_HOUR: MailWords(
        _l("A second reminder one hour before a lecture"),
        _l("Off unless you turn it on."),
    ),
    MailKind.CHANGE: MailWords(
        _l("When a lecture is planned, moved or cancelled"),
        _l("Updates your calendar. Also when a certificate requires more than before."),
    ),
    MailKind.REPLAY: MailWords(
        _l("When a recording becomes available"),
        _l("Only for lectures that you missed or attended in part."),
    ),
    MailKind.CERTIFICATE: MailWords(
        _l("When a certificate is ready"),
        _l("Also when we need you to confirm your name for it."),
    ),
    MailKind.PLACE_WON: MailWords(
        _l("When a place becomes free for you"),
        _l("You are enrolled even if you turn this off."),
    ),
    MailKind.MESSAGE: MailWords(
        _l("Messages from the lecturers of your series"),
        None,
    ),
    MailKind.DIGEST: MailWords(
        _l("Your week: what is coming and what needs doing"),
        _l("Once a week, for your role. Nothing is sent in a week without news."),
    ),
}


def country_choices(locale: str, empty: str, chosen: str | None = None) -> list[SelectChoice]:
    """The countries to choose from, as `grouped_choices`; of former ones, only the `chosen` one."""
    former = former_codes(datetime.now(UTC).date()) - {chosen}
    offered = {code: name for code, name in country_names(locale).items() if code not in former}
    return [SelectChoice("", empty), *grouped_choices(offered, locale)]


def grouped_choices(names: Mapping[str, str], locale: str) -> list[SelectChoice]:
    """These countries (code → name): partners first, then the others by continent; a few of them only by name."""
    if len(names) <= _FEW:
        return sorted_choices(names.items())
    return [
        SelectChoice(code, name, optgroup=group.label)
        for group in grouped_countries(names, datetime.now(UTC).date(), locale)
        for code, name in group.countries
    ]


_FEW = 12
"""Up to this many countries can be seen at a glance."""


class Address:
    """Checks the form of an address, as the actions do."""

    def __call__(self, form: BaseForm, field: StringField) -> None:
        try:
            checked_address(field.data or "")
        except Invalid as error:
            raise ValidationError(error.message) from error


class SignInForm(BaseForm):
    """Address and password."""

    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address."))])
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password."))])


class OtpForm(BaseForm):
    """The code of the second factor."""

    otp = StringField(_l("Code"), [InputRequired(_l("Enter the code."))])


class ProofForm(BaseForm):
    """Proves that it is still the owner who sits there: the password, and a code where there is a second factor."""

    current_password = PasswordField(
        _l("Current password"), [InputRequired(_l("Enter your current password."))], id="proof-password"
    )
    otp = StringField(_l("Code from your second factor"), id="proof-otp")


class NewAddressForm(ProofForm):
    """Another address for one's account, with the proof that its owner asks."""

    email = EmailField(
        _l("New e-mail address"), [InputRequired(_l("Enter the new e-mail address.")), Address()], id="new-email"
    )
    current_password = PasswordField(
        _l("Current password"), [InputRequired(_l("Enter your current password."))], id="address-password"
    )
    otp = StringField(_l("Code from your second factor"), id="address-otp")


class AddressForm(BaseForm):
    """One's own address, to be sent a link."""

    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address.")), Address()], id="address")


class NewPasswordForm(BaseForm):
    """A password, set with a link; with consent where none was given yet."""

    password = PasswordField(_l("New password"), [InputRequired(_l("Choose a password."))])
    consent = BooleanField(_l("I agree that my attendance is recorded"))


class ChangePasswordForm(BaseForm):
    """A new password for somebody who knows the current one."""

    current_password = PasswordField(_l("Current password"), [InputRequired(_l("Enter your current password."))])
    new_password = PasswordField(_l("New password"), [InputRequired(_l("Choose a password."))])


class _WithCountryAndZone(BaseForm):
    def offer(self, *, locale: str, now: datetime | None = None, without_zone: str = "") -> None:
        """Fills the lists of countries and time zones. `without_zone` is the label for no time zone."""
        now = now or datetime.now(UTC)
        fields: dict[str, Any] = self._fields
        home = fields["country"].data if "country" in fields else None
        if "country" in fields:
            fields["country"].choices = country_choices(locale, _("Choose"), home)
        if "time_zone" in fields:
            zones = zone_choices(country_names(locale), at=now, chosen=fields["time_zone"].data, home=home)
            fields["time_zone"].choices = [SelectChoice("", without_zone or _("Choose")), *zones]


class ZoneForm(_WithCountryAndZone):
    """The time zone in which an anonymous reader reads times."""

    time_zone = ZoneField(_l("Your time zone"), validate_choice=False)


class RegisterForm(_WithCountryAndZone):
    """The form in which people register: the name for the certificate, the address, where from, and consent."""

    full_name = StringField(_l("Full name"), [InputRequired(_l("Enter your full name."))])
    native_name = StringField(_l("Name in your own script"))
    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter your e-mail address.")), Address()])
    country = SelectField(_l("Country or area"), [InputRequired(_l("Choose your country."))], validate_choice=False)
    sector = RadioField(_l("Where do you work?"), [Optional()], choices=SECTORS, validate_choice=False)
    time_zone = ZoneField(_l("Your time zone"), validate_choice=False)
    consent = BooleanField(_l("I agree that my attendance is recorded"))

    def offer(self, *, locale: str, now: datetime | None = None, without_zone: str = "") -> None:
        """Fills the lists; without a city the country's own time is taken, where it has one only."""
        super().offer(locale=locale, now=now, without_zone=without_zone or _("Use my country’s time zone"))


class ProfileForm(_WithCountryAndZone):
    """A profile as its owner changes it."""

    full_name = StringField(_l("Full name"), [InputRequired(_l("Enter the full name."))])
    native_name = StringField(_l("Name in your own script"))
    country = SelectField(_l("Country or area"), validate_choice=False)
    sector = SelectField(_l("Sector"), choices=[SelectChoice("", _l("Not stated")), *SECTORS], validate_choice=False)
    organisation = StringField(_l("Organisation"))
    job_title = StringField(_l("Job title"))
    gender = RadioField(_l("Gender"), [Optional()], choices=GENDERS, default="", validate_choice=False)
    locale = SelectField(_l("Language"), validate_choice=False)
    time_zone = ZoneField(_l("Time zone"), validate_choice=False)

    def offer(self, *, locale: str, now: datetime | None = None, without_zone: str = "") -> None:
        """Fills the lists of countries, time zones and languages, where there are several."""
        super().offer(locale=locale, now=now, without_zone=without_zone)
        spoken = languages.offered()
        if len(spoken) > 1:
            self.locale.choices = [SelectChoice(code, name) for code, name in spoken]
        elif "locale" in self:  # nothing to choose
            del self.locale


class PersonForm(ProfileForm):
    """A profile as an administrator changes it: with the day from which a new country holds."""

    country_from = DateField(_l("New country applies from"), [Optional()])


class TokenForm(ProofForm):
    """The purpose and permissions of a token, with the proof that its owner asks."""

    name = StringField(
        _l("What it is for"), [InputRequired(_l("Enter what it is for, so that you recognise it later."))]
    )
    scopes = SelectMultipleField(
        _l("What it may do"),
        choices=[SelectChoice(name, text) for name, text in SCOPES.items()],
        option_widget=CheckboxInput(),
    )
    current_password = PasswordField(
        _l("Current password"), [InputRequired(_l("Enter your current password."))], id="token-password"
    )
    otp = StringField(_l("Code from your second factor"), id="token-otp")


class EraseForm(BaseForm):
    """Asks for erasure: typed confirmation, and what becomes of the certificates."""

    certificates = RadioField(
        _l("Your certificates"),
        [DataRequired(_l("Choose what happens to your certificates."))],
        choices=[
            SelectChoice("keep", _l("Keep them valid: people who have the number can still see my name")),
            SelectChoice("withdraw", _l("Withdraw them: people who have the number see only that they were withdrawn")),
        ],
    )
    confirmation = StringField(
        _l("Enter your e-mail address to confirm"), [InputRequired(_l("Enter your e-mail address."))]
    )
    current_password = PasswordField(_l("Your password"), [InputRequired(_l("Enter your password."))])


class RoleForm(_WithCountryAndZone):
    """A role to grant; a country for a focal point."""

    role = SelectField(_l("Role"), choices=ROLES)
    country = SelectField(_l("Country or area"), validate_choice=False, id="role-country")


NO_ROLE = "none"


class AddPersonForm(_WithCountryAndZone):
    """A person whom an administrator adds: who, with which role, and whether they are invited. No role is preset."""

    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter the e-mail address.")), Address()])
    full_name = StringField(_l("Name in Latin letters"), [InputRequired(_l("Enter the full name."))])
    native_name = StringField(_l("Name in own script"))
    country = SelectField(_l("Country or area"), validate_choice=False)
    organisation = StringField(_l("Organisation"))
    role = RadioField(
        _l("What will this person do?"),
        [DataRequired(_l("Choose what this person will do."))],
        choices=[
            SelectChoice(NO_ROLE, _l("Attend lectures: no role")),
            SelectChoice("instructor", _l("Give lectures: instructor, sees the rosters of chosen series")),
            SelectChoice("focal_point", _l("Speak for a country: focal point, sees the people of that country only")),
            SelectChoice("reporter", _l("Read reports: reporter, changes nothing")),
            SelectChoice("administrator", _l("Administer everything: the next page asks you to confirm")),
        ],
        validate_choice=True,
    )
    focal_country = SelectField(_l("Focal point of"), validate_choice=False)
    invites = BooleanField(_l("Send the invitation now"), default=True)

    def offer(self, *, locale: str, now: datetime | None = None, without_zone: str = "") -> None:
        """Fills both lists of countries."""
        super().offer(locale=locale, now=now, without_zone=without_zone)
        self.focal_country.choices = country_choices(locale, _("Choose"))

    def validate_focal_country(self, field: SelectField) -> None:
        """A focal point speaks for a country."""
        if self.role.data == "focal_point" and not field.data:
            raise ValidationError(_("Choose the country of the focal point."))
