"""Forms of the dashboards."""

from __future__ import annotations

from wtforms import TextAreaField

from lms.core.i18n import _l
from lms.web.forms import BaseForm


class MergeForm(BaseForm):
    """Why two people are one."""

    reason = TextAreaField(_l("Reason"))
