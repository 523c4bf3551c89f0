"""The forms with which a focal point nominates one person, and changes the letter of a nomination."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from flask_wtf.file import FileField
from wtforms import EmailField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.widgets import CheckboxInput

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, _l, translated
from lms.nominations.models import Nomination
from lms.nominations.queries.checking import OwnPerson
from lms.people.actions.files import PersonRow
from lms.people.actions.persons import checked_profile
from lms.people.forms import GENDERS, SECTORS, Address
from lms.people.models import Country
from lms.people.queries.country_names import likely_language
from lms.people.rules import checked_address, checked_language, email_key
from lms.web.forms.forms import BaseForm
from lms.web.forms.languages import language_choices
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
        """What is wrong besides the person."""
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
