"""Forms of nominations: of focal points, for one person and for files, and of nominees, for their answers."""

from collections.abc import Iterable, Sequence
from typing import Self

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, EmailField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import CheckboxInput

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, _l, _n, translated
from lms.nominations.actions.answering import Acceptance
from lms.nominations.models import Nomination, ProfileField
from lms.nominations.queries.checking import OwnPerson
from lms.nominations.queries.invitations import Invitation
from lms.nominations.queries.profile_requests import ProfileDifference
from lms.people.actions.persons import checked_profile
from lms.people.forms import GENDERS, SECTORS, Address, country_choices
from lms.people.models import Country
from lms.people.people_files import PersonRow
from lms.people.queries.countries import country_names
from lms.people.queries.country_names import likely_language
from lms.people.rules import checked_address, checked_language, email_key
from lms.web.forms.forms import BaseForm
from lms.web.forms.languages import language_choices
from lms.web.pages.locale import chosen_language, reader_locale
from lms.web.pages.time import language_name

_PROFILE = ("full_name", "native_name", "sector", "organisation", "job_title", "gender")


class NomineeForm(BaseForm):
    """The nominee."""

    email = EmailField(_l("E-mail"), [Address()])
    full_name = StringField(_l("Name in Latin letters"))
    native_name = StringField(_l("Name in own script"))
    sector = SelectField(_l("Sector"), choices=[SelectChoice("", _l("Not stated")), *SECTORS], validate_choice=False)
    organisation = StringField(_l("Organisation"))
    job_title = StringField(_l("Job title"))
    gender = SelectField(
        _l("Gender"), choices=[SelectChoice("", _l("Not stated")), *GENDERS[:-1]], validate_choice=False
    )
    language = SelectField(_l("Language of the invitation"), validate_choice=False)

    @classmethod
    def of(cls, draft: Nomination) -> Self:
        """The form with what a draft says, unless it was sent."""
        return cls(data={name: getattr(draft, name) for name in ("email", *_PROFILE, "language")})

    def offer_languages(self, country: Country) -> None:
        """Fills the list of languages; without the field where there is nothing to choose."""
        if len(translated()) > 1:
            automatic = _("Automatic: %(language)s", language=language_name(likely_language(country.code)))
            self.language.choices = [SelectChoice("", automatic), *language_choices(codes=translated())]
        else:
            del self.language

    def row(self) -> PersonRow:
        """The person, as a row of a file would say it. Raises Invalid with all faults."""
        faults: list[Fault] = []
        try:
            address = checked_address(self.email.data or "")
        except Invalid as error:
            address = ""
            faults.extend(error.faults)
        given = {name: self[name].data for name in _PROFILE if name != "full_name" or self.full_name.data}
        try:
            profile = checked_profile(given)
        except Invalid as error:
            profile = {}
            faults.extend(error.faults)
        try:
            language = checked_language(self.language.data or "") if "language" in self else None
        except Invalid as error:
            language = None
            faults.extend(error.faults)
        faults.extend(self.more_faults())
        if faults:
            raise Invalid(faults=faults)
        return PersonRow(
            line=1, email=address, key=email_key(address), language=language, **{"full_name": None, **profile}
        )

    def more_faults(self) -> list[Fault]:
        """Returns what is wrong besides the person."""
        return []


class NominatePersonForm(NomineeForm):
    """The nominee, the series, and the letter."""

    series = SelectMultipleField(_l("Series"), option_widget=CheckboxInput(), validate_choice=False)
    letter = FileField(_l("Letter of endorsement"))

    def offer(self, series: Iterable[tuple[str, str]]) -> None:
        """Fills the list of series: address and title."""
        self.series.choices = [SelectChoice(slug, title) for slug, title in series]

    def show(self, person: OwnPerson) -> None:
        """Fills in what the profile of a person of the country says."""
        for name in _PROFILE:
            self[name].data = getattr(person, name)

    def more_faults(self) -> list[Fault]:
        """A missing series."""
        return [] if self.series.data else [Fault(field="series", reason=_("Choose at least one series."))]


class LetterForm(BaseForm):
    """A letter of endorsement for a nomination that was made already."""

    letter = FileField(_l("Letter of endorsement"))

    def check_is_there(self) -> None:
        """Raises Invalid where no file was chosen."""
        if not self.letter.data:
            raise Invalid("letter", _("Select a file."))


class NomineesForm(BaseForm):
    """A file of nominees and the series they are nominated for."""

    series = SelectField(_l("Series"), [InputRequired(_l("Choose a series."))], render_kw={"required": False})
    file = FileField(_l("File"), [FileRequired(_l("Select a file."))])

    def offer(self, series: Sequence[tuple[str, str]]) -> None:
        """The series to choose from: (slug, title)."""
        self.series.choices = list(series)


class NominateForm(BaseForm):
    """Whether people are asked to confirm what a file says otherwise than their profiles."""

    ask = BooleanField(default=True)

    def ask_about(self, people: int) -> None:
        """Says how many people would be asked."""
        self.ask.label.text = _n(
            "Ask this person to confirm the change", "Ask these %(num)s people to confirm the changes", people
        )


class AcceptInvitationForm(BaseForm):
    """The form in which a nominee accepts: the name for the certificate, the country, and consent."""

    full_name = StringField(_l("Name in Latin letters"), [InputRequired(_l("Enter your full name."))])
    native_name = StringField(_l("Name in your own script"))
    is_from = RadioField(
        choices=[SelectChoice("yes", _l("Yes")), SelectChoice("no", _l("No, from another country"))], default="yes"
    )
    country = SelectField(_l("Your country or area"), validate_choice=False)
    consent = BooleanField(_l("I agree that my attendance is recorded"))

    @classmethod
    def of(cls, shown: Invitation) -> "AcceptInvitationForm":
        """The form of an invitation: what the nominee's own profile says goes before what the focal point wrote."""
        known = shown.person or shown.nomination
        is_from = shown.home is None or shown.home.id == shown.country.id
        form = cls(
            data={
                "full_name": known.full_name,
                "native_name": known.native_name,
                "is_from": "yes" if is_from else "no",
                "country": "" if is_from or shown.home is None else shown.home.code,
            }
        )
        locale = reader_locale()
        name = country_names(locale).get(shown.country.code, shown.country.code)
        form.is_from.label.text = _("Are you from %(country)s?", country=name)
        form.country.choices = country_choices(locale, _("Choose"))
        return form

    def validate_country(self, field: SelectField) -> None:
        """Another country has to be named."""
        if self.is_from.data == "no" and not field.data:
            raise ValidationError(_("Choose your country."))

    def answer(self, shown: Invitation) -> Acceptance:
        """Returns what was typed."""
        return Acceptance(
            full_name=self.full_name.data or "",
            native_name=self.native_name.data or None,
            country=shown.country.code if self.is_from.data == "yes" else self.country.data or "",
            consent=bool(self.consent.data),
            language=chosen_language() or shown.nomination.language or reader_locale(),
        )


class DeclineInvitationForm(BaseForm):
    """Why a nominee declines, if they say so."""

    reason = TextAreaField(_l("Reason"))


_CHOICES = [SelectChoice("accept", ""), SelectChoice("refuse", "")]


class ProfileRequestForm(BaseForm):
    """An answer for each field of a profile; those that are not asked about have none."""

    full_name = RadioField(choices=_CHOICES, validate_choice=False)
    native_name = RadioField(choices=_CHOICES, validate_choice=False)
    organisation = RadioField(choices=_CHOICES, validate_choice=False)
    job_title = RadioField(choices=_CHOICES, validate_choice=False)
    sector = RadioField(choices=_CHOICES, validate_choice=False)
    gender = RadioField(choices=_CHOICES, validate_choice=False)

    def take(self, error: Invalid) -> None:
        """As every form, with the name of the field in each sentence: they would all be the same."""
        super().take(error)
        for field in self:
            field.errors = [_("%(field)s: %(reason)s", field=field.label.text, reason=one) for one in field.errors]

    def answers(self, differences: Sequence[ProfileDifference]) -> dict[ProfileField, bool | None]:
        """Returns what was chosen for the fields that are asked about."""
        known = {"accept": True, "refuse": False}
        return {difference.field: known.get(self[difference.field.value].data or "") for difference in differences}
