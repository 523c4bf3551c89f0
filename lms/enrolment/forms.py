"""The forms of enrolment's pages."""

from collections.abc import Sequence

from flask_wtf.file import FileField, FileRequired
from wtforms import EmailField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, Optional

from lms.core.text.i18n import _, _l
from lms.web.forms.forms import BaseForm, LocalTimeField


class EnrolForm(BaseForm):
    """One person by the address; name and country of somebody new."""

    email = EmailField(_l("E-mail"), [InputRequired(_l("Enter the e-mail address."))])
    full_name = StringField(_l("Full name"))
    country = SelectField(_l("Country or area"))

    def offer(self, countries: Sequence[SelectChoice]) -> None:
        """The countries to choose from."""
        blank = [SelectChoice("", _("Not stated"))] if len(countries) != 1 else []
        self.country.choices = [*blank, *countries]


class FileForm(BaseForm):
    """A file of people."""

    file = FileField(_l("File"), [FileRequired(_l("Select a file."))])


class QuotasForm(BaseForm):
    """Quotas of many countries, as lines or as a file; the day for those that name none."""

    kept_until = LocalTimeField(_l("Kept until"), [Optional()])
    lines = TextAreaField(_l("Countries and places"))
    file = FileField(_l("Or a file"))
