"""The form on which somebody accepts or refuses changes to their profile."""

from __future__ import annotations

from collections.abc import Sequence

from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.core.base.errors import Invalid
from lms.core.text.i18n import _
from lms.nominations.models import ProfileField
from lms.nominations.queries.profile_requests import ProfileDifference
from lms.web.forms.forms import BaseForm

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
        """What was chosen for the fields that are asked about."""
        known = {"accept": True, "refuse": False}
        return {one.field: known.get(self[one.field.value].data or "") for one in differences}
