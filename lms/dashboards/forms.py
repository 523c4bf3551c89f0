"""Forms of the dashboards."""

from __future__ import annotations

from wtforms import BooleanField, TextAreaField

from lms.core.i18n import _l
from lms.web.forms import BaseForm


class MergeForm(BaseForm):
    """Why two people, or two countries of the list, are one."""

    reason = TextAreaField(_l("Reason"))
    enable = BooleanField(_l("They can sign in after the merge"))
