"""The forms of files of nominees."""

from __future__ import annotations

from collections.abc import Sequence

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, SelectField
from wtforms.validators import InputRequired

from lms.core.text.i18n import _l, _n
from lms.web.forms.forms import BaseForm


class NomineesForm(BaseForm):
    """A file of nominees and the series they are nominated for."""

    series = SelectField(_l("Series"), [InputRequired(_l("Choose a series."))], render_kw={"required": False})
    file = FileField(_l("File"), [FileRequired(_l("Select a file."))])

    def offer(self, series: Sequence[tuple[str, str]]) -> None:
        """The series to choose from: (slug, title)."""
        self.series.choices = list(series)


class NominateForm(BaseForm):
    """Whether people are asked to confirm what a file says otherwise than their profiles."""

    ask = BooleanField(default=True)

    def ask_about(self, people: int) -> None:
        """Says how many people would be asked."""
        self.ask.label.text = _n(
            "Ask this person to confirm the change", "Ask these %(num)s people to confirm the changes", people
        )
