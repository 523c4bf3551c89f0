"""The form of the page of reports: what to count, by what, of which slice."""

from collections.abc import Iterable
from datetime import date
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
from wtforms.validators import InputRequired, Optional, ValidationError

from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _l, _n
from lms.reports.models import SnapshotVisibility
from lms.reports.periods import Period, Rhythm, days_of
from lms.reports.queries.definitions import figure_names
from lms.reports.queries.labels import label
from lms.reports.rules import FILTERS, PARAMETERS, VALUES, Slice, both_given
from lms.reports.shapes import DIMENSION_NAMES
from lms.web.forms.forms import BaseForm
from lms.web.pages.time import number

PERIOD_NAMES = (
    (Period.THIS_YEAR.value, _l("This year")),
    (Period.LAST_QUARTER.value, _l("Last quarter")),
    (Period.LAST_MONTH.value, _l("Last month")),
    (Period.ALL_TIME.value, _l("All time")),
)
RHYTHM_NAMES = (
    (Rhythm.DAILY.value, _l("Every day")),
    (Rhythm.WEEKLY.value, _l("Every Monday")),
    (Rhythm.MONTHLY.value, _l("On the first of each month")),
    (Rhythm.QUARTERLY.value, _l("On the first of each quarter")),
)


class _Day(DateField):
    """A day; anything else is refused in a sentence that names the field."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("%(field)s: enter a date such as 2026-01-31.", field=self.label.text)) from error


class ReportForm(BaseForm):
    """A GET form; its fields are named as the parameters of the API."""

    class Meta(BaseForm.Meta):
        csrf = False

    figure = SelectField(_l("Figure"))
    rows = SelectField(_l("Rows"))
    columns = SelectField(_l("Columns"))
    period = SelectField(_l("Period"))
    from_day = _Day(_l("From"), name="from", validators=[Optional()])
    to_day = _Day(_l("To"), name="to", validators=[Optional()])
    series = SelectField(_l("Series"))
    country = SelectField(_l("Country or area"))
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
        countries: Iterable[SelectChoice],
        regions: Iterable[tuple[str, str]],
        languages: Iterable[tuple[str, str]],
        own_country_only: bool,
        today: date,
    ) -> None:
        """Fills the choices; a moving period is that of `today`."""
        self.today = today
        self.figure.choices = list(figure_names().items())
        self.rows.choices = [("", _("None")), *DIMENSION_NAMES]
        self.columns.choices = [("", _("None")), *DIMENSION_NAMES]
        self.period.choices = [("", _("Custom dates")), *PERIOD_NAMES]
        self.series.choices = [("", _("All")), *series]
        self.country.choices = [*([] if own_country_only else [SelectChoice("", _("All"))]), *countries]
        self.region.choices = [("", _("All")), *regions]
        self.partner.choices = [("", _("All")), ("true", _("Partner countries")), ("false", _("Other countries"))]
        for name in VALUES:
            self._fields[name].choices = [("", _("All")), *((key, label(name, key)) for key in VALUES[name])]
        self.language.choices = [("", _("All")), *languages]

    def validate_period(self, field: SelectField) -> None:
        """Days and a period at once are two answers."""
        if field.data and (self.from_day.data or self.to_day.data):
            raise ValidationError(both_given())

    @property
    def slice(self) -> Slice:
        """The slice."""
        first, last = self.from_day.data, self.to_day.data
        if self.period.data:
            first, last = days_of(Period(self.period.data), self.today)
        return Slice(
            from_day=first,
            to_day=last,
            series=self.series.data or None,
            country=self.country.data or None,
            region=self.region.data or None,
            partner={"true": True, "false": False}.get(self.partner.data),
            **{name: self._fields[name].data or None for name in (*VALUES, "language")},
        )

    @property
    def question(self) -> dict[str, str]:
        """The question, by the names of the parameters: as it is saved."""
        given = {name: self._fields[name].data for name in PARAMETERS if name in self._fields}
        given |= {"from": self.from_day.data, "to": self.to_day.data}
        return {name: str(given[name]) for name in PARAMETERS if given[name]}

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Rows, then columns."""
        return tuple(name for name in (self.rows.data, self.columns.data) if name)

    @property
    def about(self) -> list[str]:
        """The filters, in words."""
        chosen: list[str] = []
        for field in (self._fields[name] for name in FILTERS):
            chosen += [str(label) for _value, label, selected, _more in field.iter_choices() if selected and field.data]
        return chosen

    def take(self, error: Invalid) -> None:
        """Maps faults to fields: `from` and `to` have other names here, and `by` belongs to the rows."""
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
    visibility = RadioField(_l("Visible to"))
    note = TextAreaField(_l("Note for readers"))
    dossier = SelectField(_l("Attach a country dossier"), default="")
    key = HiddenField()
    checked = BooleanField(_l("I have checked the preview. Everyone can read this report, also without signing in."))

    def offer(
        self, countries: Iterable[tuple[str, str]], *, country: str | None, is_closed: bool, staff_readers: int
    ) -> None:
        """Fills the choices. A question that is finer than what is public cannot be for everyone; one of a single
        country is for its focal points too. `staff_readers`: how many people read a report for staff.
        """
        offered = list(countries)
        self.dossier.choices = [("", _("None")), *offered]
        self.country_name, self.staff_readers = dict(offered).get(country or ""), staff_readers
        if self.country_name is None:
            for_staff = _("Administrators and reporters: exact current figures")
        else:
            for_staff = _(
                "Administrators, reporters and the focal points of %(country)s: exact current figures",
                country=self.country_name,
            )
        for_all = SelectChoice(
            SnapshotVisibility.PUBLIC.value,
            _("Everyone: public figures, with small groups combined"),
            {"disabled": True} if is_closed else {},
        )
        self.visibility.choices = [SelectChoice(SnapshotVisibility.STAFF.value, for_staff), for_all]

    @property
    def is_public(self) -> bool:
        """Whether everyone is chosen."""
        return bool(self.visibility.data == SnapshotVisibility.PUBLIC.value)

    @property
    def readers(self) -> dict[str, str]:
        """The readers of each choice in numbers."""
        return {
            SnapshotVisibility.STAFF.value: _n(
                "%(n)s person", "%(n)s people", self.staff_readers, n=number(self.staff_readers)
            ),
            SnapshotVisibility.PUBLIC.value: _("On the page of published reports and in search engines."),
        }

    @property
    def publish_to(self) -> str:
        """The button that publishes: it names the readers, and how many they are."""
        if self.is_public:
            return _("Publish to everyone")
        count, n = self.staff_readers, number(self.staff_readers)
        if self.country_name is None:
            return _n(
                "Publish to %(n)s administrator or reporter",
                "Publish to %(n)s administrators and reporters",
                count,
                n=n,
            )
        return _n(
            "Publish to %(n)s administrator, reporter or focal point of %(country)s",
            "Publish to %(n)s administrators, reporters and focal points of %(country)s",
            count,
            n=n,
            country=self.country_name,
        )


class WithdrawReportForm(BaseForm):
    """The reason for withdrawing a published report."""

    reason = TextAreaField(_l("Reason"))


class OpeningSetForm(BaseForm):
    """Opening balances that belong together."""

    name = StringField(_l("Name"))
    note = TextAreaField(_l("Source"))
    declared_participants = IntegerField(_l("Different people (as declared)"), validators=[Optional()])

    @property
    def entered(self) -> tuple[str, str, int | None]:
        """Name, note and declared participants."""
        return self.name.data or "", self.note.data or "", self.declared_participants.data


class OpeningRowForm(BaseForm):
    """One lecture and country of opening balances."""

    lecture = StringField(_l("Lecture"))
    date = StringField(_l("Date"))
    series = StringField(_l("Series"))
    country = SelectField(_l("Country or area"))
    attendances = StringField(_l("Attendances"))

    def offer(self, countries: Iterable[SelectChoice]) -> None:
        """Fills the countries."""
        self.country.choices = [SelectChoice("", _("Not stated")), *countries]


class OpeningFileForm(BaseForm):
    """A file of opening balances; in the second step `upload`, the id of the file that was previewed."""

    file = FileField(_l("File"))
    upload = HiddenField()
    skip_bad_rows = BooleanField(_l("Skip the rejected rows and enter the others"))


class RemoveOpeningForm(BaseForm):
    """Taking a whole set out."""

    sure = BooleanField(_l("Yes, delete the set and all its rows"), validators=[InputRequired()])


class SavedNameForm(BaseForm):
    """The name of a saved report."""

    name = StringField(_l("Name"))


class ScheduleForm(BaseForm):
    """The schedule and recipients of a saved report. Hours are in the reporting zone."""

    rhythm = SelectField(_l("How often"), choices=[SelectChoice(value, name) for value, name in RHYTHM_NAMES])
    hour = SelectField(
        _l("Time"), coerce=int, choices=[SelectChoice(hour, f"{hour:02}:00") for hour in range(24)], default=8
    )
    recipients = TextAreaField(_l("To"))


class RemoveSavedForm(BaseForm):
    """Removing a saved report."""

    sure = BooleanField(_l("Yes, remove it"), validators=[InputRequired()])
