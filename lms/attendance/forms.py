"""Forms of the roster, of appeals, of closing, and of the import page."""

from wtforms import (
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.attendance.models.credits import Outcome
from lms.core.text.i18n import _l
from lms.web.forms.forms import BaseForm

_OUTCOMES = (
    SelectChoice(Outcome.ATTENDED.value, _l("Attended")),
    SelectChoice(Outcome.PARTIAL.value, _l("Partial")),
    SelectChoice(Outcome.ABSENT.value, _l("Absent")),
    SelectChoice(Outcome.EXCUSED.value, _l("Excused")),
)


class CorrectionForm(BaseForm):
    """A correction with its reason."""

    outcome = SelectField(
        _l("Set result to"),
        choices=[*_OUTCOMES, SelectChoice("", _l("Remove correction (use the evidence)"))],
    )
    reason = TextAreaField(_l("Reason"))

    @property
    def wanted(self) -> Outcome | None:
        """The selected outcome; None removes the correction."""
        return Outcome(self.outcome.data) if self.outcome.data else None


class AppealForm(BaseForm):
    """A person's appeal about their attendance. Times are in the reader's zone."""

    there_from = StringField(_l("I was there from"))
    there_to = StringField(_l("I was there until"))
    joined_as = StringField(_l("The name I joined with, if different"))
    text = TextAreaField(_l("What is wrong"))


class AcceptForm(BaseForm):
    """The acceptance of an appeal: the correction, and what the person reads."""

    outcome = SelectField(
        _l("Set result to"),
        choices=[*_OUTCOMES, SelectChoice("", _l("As the evidence now shows (no correction)"))],
        default=Outcome.ATTENDED.value,
    )
    words = TextAreaField(_l("Answer (the person will see it)"), id="accept-words")

    @property
    def wanted(self) -> Outcome | None:
        """The corrected outcome; None corrects nothing."""
        return Outcome(self.outcome.data) if self.outcome.data else None


class DeclineForm(BaseForm):
    """An appeal declined, and why."""

    words = TextAreaField(_l("Reason (the person will see it)"), id="decline-words")


class ReopenForm(BaseForm):
    """The reason for reopening attendance."""

    reason = TextAreaField(_l("Reason for reopening"))
