"""Forms of the dashboards."""

from wtforms import BooleanField, PasswordField, StringField, TextAreaField

from lms.core.text.i18n import _l
from lms.web.forms.forms import BaseForm


class MergeForm(BaseForm):
    """Why two countries of the list are one."""

    reason = TextAreaField(_l("Reason"))


class PersonMergeForm(MergeForm):
    """Why two people are one; with a proof that it is still the administrator who asks, where one has a role."""

    enable = BooleanField(_l("They can sign in after the merge"))
    current_password = PasswordField(_l("Your current password"))
    otp = StringField(_l("Code from your second factor"))
