"""The form of the page of reports: what to count, by what, of which slice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wtforms import (
    BooleanField,
    DateField,
    FileField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, Optional

from lms.core.errors import Invalid
from lms.core.words import _, _l
from lms.reports.models import SnapshotVisibility
from lms.reports.queries import figure_names
from lms.reports.queries.labels import label
from lms.reports.rules import FILTERS, VALUES, Slice
from lms.web.forms import BaseForm

DIMENSION_NAMES = (
    ("country", _l("Country")),
    ("region", _l("Region")),
    ("series", _l("Series")),
    ("year", _l("Year")),
    ("month", _l("Month")),
    ("sector", _l("Sector")),
    ("gender", _l("Gender")),
    ("source", _l("Way of attending")),
    ("language", _l("Language")),
)


class _Day(DateField):
    """A day; anything else is refused in a sentence that names the field."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("%(field)s: write a day such as 2026-01-31.", field=self.label.text)) from error


class ReportForm(BaseForm):
    """A GET form; its fields are named as the parameters of the API."""

    class Meta(BaseForm.Meta):
        csrf = False

    figure = SelectField(_l("Count"))
    rows = SelectField(_l("Rows"))
    columns = SelectField(_l("Columns"))
    from_day = _Day(_l("From"), name="from", validators=[Optional()])
    to_day = _Day(_l("To"), name="to", validators=[Optional()])
    series = SelectField(_l("Series"))
    country = SelectField(_l("Country"))
    region = SelectField(_l("Region"))
    partner = SelectField(_l("Partnership"))
    sector = SelectField(_l("Sector"))
    gender = SelectField(_l("Gender"))
    source = SelectField(_l("Way of attending"))
    language = SelectField(_l("Language"))

    def offer(
        self,
        *,
        series: Iterable[tuple[str, str]],
        countries: Iterable[tuple[str, str]],
        regions: Iterable[tuple[str, str]],
        languages: Iterable[tuple[str, str]],
        own_country_only: bool,
    ) -> None:
        """Fills the choices."""
        self.figure.choices = [(name, noun[:1].upper() + noun[1:]) for name, noun in figure_names().items()]
        self.rows.choices = [("", _("None")), *DIMENSION_NAMES]
        self.columns.choices = [("", _("None")), *DIMENSION_NAMES]
        self.series.choices = [("", _("All")), *series]
        self.country.choices = [*([] if own_country_only else [("", _("All"))]), *countries]
        self.region.choices = [("", _("All")), *regions]
        self.partner.choices = [("", _("All")), ("true", _("Partner countries")), ("false", _("Other countries"))]
        for name in VALUES:
            self._fields[name].choices = [("", _("All")), *((key, label(name, key)) for key in VALUES[name])]
        self.language.choices = [("", _("All")), *languages]

    @property
    def asked(self) -> Slice:
        """The slice."""
        return Slice(
            from_day=self.from_day.data,
            to_day=self.to_day.data,
            series=self.series.data or None,
            country=self.country.data or None,
            region=self.region.data or None,
            partner={"true": True, "false": False}.get(self.partner.data),
            **{name: self._fields[name].data or None for name in (*VALUES, "language")},
        )

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Rows, then columns."""
        return tuple(name for name in (self.rows.data, self.columns.data) if name)

    @property
    def about(self) -> list[str]:
        """What is filtered, in words."""
        chosen: list[str] = []
        for field in (self._fields[name] for name in FILTERS):
            chosen += [str(label) for _value, label, selected, _more in field.iter_choices() if selected and field.data]
        return chosen

    def take(self, error: Invalid) -> None:
        """Faults name the parameters: `from` and `to` are fields of other names here, `by` stands in the rows."""
        fields: dict[str, Any] = {"from": self.from_day, "to": self.to_day, "by": self.columns}
        for fault in error.faults:
            field = fields.get(fault.field or "") or self._fields.get(fault.field or "")
            if field is None:
                self.form_errors.append(fault.reason)
            else:
                field.errors = [*field.errors, fault.reason]


class PublishForm(BaseForm):
    """Freezing the report on the page; `key` makes the same form, sent twice, one publication."""

    title = StringField(_l("Title"))
    visibility = RadioField(
        _l("Who may read it"),
        choices=[
            SelectChoice(
                SnapshotVisibility.PUBLIC.value, _l("Everybody: the public figures, small groups put together")
            ),
            SelectChoice(
                SnapshotVisibility.STAFF.value, _l("Staff who may see reports: the exact figures of this moment")
            ),
        ],
    )
    dossier = SelectField(_l("Attach the dossier of a country"), default="")
    key = HiddenField()

    def offer(self, countries: Iterable[tuple[str, str]]) -> None:
        """Fills the choices."""
        self.dossier.choices = [("", _("None")), *countries]


class WithdrawForm(BaseForm):
    """Why a published report no longer holds."""

    reason = TextAreaField(_l("Reason"))


class OpeningSetForm(BaseForm):
    """Opening balances that belong together."""

    name = StringField(_l("Name"))
    note = TextAreaField(_l("Where they are from"))
    declared_participants = IntegerField(_l("Different people, as declared"), validators=[Optional()])


class OpeningRowForm(BaseForm):
    """One lecture and country of opening balances."""

    lecture = StringField(_l("Lecture"))
    date = StringField(_l("Date"))
    series = StringField(_l("Series"))
    country = SelectField(_l("Country"))
    attendances = StringField(_l("Attendances"))

    def offer(self, countries: Iterable[tuple[str, str]]) -> None:
        """Fills the countries."""
        self.country.choices = [("", _("Not stated")), *countries]


class OpeningFileForm(BaseForm):
    """A file of opening balances; once it was looked at, `content` carries its rows to the second step."""

    file = FileField(_l("File"))
    content = TextAreaField(_l("Rows"))
    skip_bad_rows = BooleanField(_l("Leave the bad rows out and enter the rest"))


class RemoveOpeningForm(BaseForm):
    """Taking a whole set out."""

    sure = BooleanField(_l("Yes, take it out with all its rows"), validators=[InputRequired()])
