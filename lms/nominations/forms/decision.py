"""The form that confirms a decision on nominations."""

from __future__ import annotations

from wtforms import TextAreaField

from lms.core.i18n import _l
from lms.web.forms import BaseForm


class DecisionForm(BaseForm):
    """The reason for a decision."""

    reason = TextAreaField(_l("Reason"))
