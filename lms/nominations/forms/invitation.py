"""The forms with which a nominee answers an invitation."""

from __future__ import annotations

from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, ValidationError

from lms.core.text.i18n import _, _l
from lms.nominations.actions.answering import Acceptance
from lms.nominations.queries.invitations import Invitation
from lms.people.forms import country_choices
from lms.people.queries.countries import country_names
from lms.web.forms.forms import BaseForm
from lms.web.pages.locale import chosen_language, reader_locale


class AcceptInvitationForm(BaseForm):
    """What a nominee confirms: the name for the certificate, the country, and consent."""

    full_name = StringField(_l("Name in Latin letters"), [InputRequired(_l("Enter your full name."))])
    native_name = StringField(_l("Name in your own script"))
    is_from = RadioField(
        choices=[SelectChoice("yes", _l("Yes")), SelectChoice("no", _l("No, from another country"))], default="yes"
    )
    country = SelectField(_l("Your country or area"), validate_choice=False)
    consent = BooleanField(_l("I agree that my attendance is recorded"))

    @classmethod
    def of(cls, shown: Invitation) -> AcceptInvitationForm:
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
        """What was typed."""
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
