"""Forms of the roster, of appeals, of closing, and of the import page."""

from __future__ import annotations

from wtforms import (
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.attendance.models.credits import Outcome
from lms.core.i18n import _l
from lms.web.forms import BaseForm

_OUTCOMES = (
    SelectChoice(Outcome.ATTENDED.value, _l("Attended")),
    SelectChoice(Outcome.PARTIAL.value, _l("Partial")),
    SelectChoice(Outcome.ABSENT.value, _l("Absent")),
    SelectChoice(Outcome.EXCUSED.value, _l("Excused")),
)


class CorrectionForm(BaseForm):
    """What is set by hand, and why."""

    outcome = SelectField(
        _l("Count as"),
        choices=[*_OUTCOMES, SelectChoice("", _l("As the evidence says (withdraw what was set)"))],
    )
    reason = TextAreaField(_l("Reason"))

    @property
    def wanted(self) -> Outcome | None:
        """The outcome that was chosen; None withdraws."""
        return Outcome(self.outcome.data) if self.outcome.data else None


class ManyForm(CorrectionForm):
    """As a correction, of all those who are ticked on the roster."""

    outcome = SelectField(
        _l("Count them as"),
        choices=[*_OUTCOMES, SelectChoice("", _l("As the evidence says (withdraw what was set)"))],
        default=Outcome.EXCUSED.value,
        id="many-outcome",
    )
    reason = TextAreaField(_l("Reason"), id="many-reason")
    people = StringField(id="people")


class AppealForm(BaseForm):
    """What somebody says of the own attendance. Times are clocks in the reader's zone."""

    there_from = StringField(_l("I was there from"))
    there_to = StringField(_l("I was there until"))
    joined_as = StringField(_l("The name I joined under, if it was another"))
    text = TextAreaField(_l("What is not right"))


class AcceptForm(BaseForm):
    """An appeal accepted: what is set by hand, and what the person reads."""

    outcome = SelectField(
        _l("Count as"),
        choices=[*_OUTCOMES, SelectChoice("", _l("As the evidence says now: nothing is set by hand"))],
        default=Outcome.ATTENDED.value,
    )
    words = TextAreaField(_l("The reason, as the person reads it"), id="accept-words")

    @property
    def wanted(self) -> Outcome | None:
        """The outcome that is set by hand; None sets nothing."""
        return Outcome(self.outcome.data) if self.outcome.data else None


class DeclineForm(BaseForm):
    """An appeal declined, and why."""

    words = TextAreaField(_l("Why, as the person reads it"), id="decline-words")


class ReopenForm(BaseForm):
    """Why closed attendance is opened again."""

    reason = TextAreaField(_l("Why it is opened again"))
