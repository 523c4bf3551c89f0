"""The forms of the catalogue's pages, fields named as in the API. What both must check lives in the actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo

from babel import Locale
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    FieldList,
    Form,
    FormField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from lms.catalogue.dates import Every, Repeat
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesCopy, SeriesInput, is_language, slug_of
from lms.catalogue.models import Admission, CertificateKind, Lecture, LectureState, Policy, Series, Visibility, WalkIns
from lms.catalogue.queries.teaching import address_of_teacher, list_teachers
from lms.core import clock
from lms.core.errors import Invalid
from lms.core.i18n import _, _l
from lms.people.queries.countries import country_names
from lms.web.fields import KnownChoice, LocalTime, WholeNumber, ZoneField, sorted_choices, zone_choices
from lms.web.forms import BaseForm
from lms.web.locale import reader_locale
from lms.web.time import language_name

LANGUAGES = (
    *("en", "fr", "es", "pt", "ru", "ar", "zh"),
    *("sw", "am", "ha", "yo", "zu", "so", "hi", "ur", "bn", "ne", "si", "ta", "th", "vi", "km", "lo", "my", "id", "ms"),
    *(
        "fil",
        "mn",
        "kk",
        "uz",
        "ky",
        "tg",
        "tk",
        "az",
        "fa",
        "tr",
        "ja",
        "ko",
        "de",
        "it",
        "nl",
        "pl",
        "uk",
        "ro",
        "sr",
    ),
    "el",
)
"""Languages that the forms offer; the API takes any."""
_MATERIAL_ROWS = 5


@lru_cache(maxsize=16)
def _languages(locale: str) -> dict[str, str]:
    names = Locale.parse(locale).languages
    return {code: names.get(code, code) for code in LANGUAGES}


def language_choices(chosen: str | None = None, codes: Iterable[str] = LANGUAGES) -> list[SelectChoice]:
    """Languages by name in the reader's language; one that is in use stays a choice."""
    names = _languages(reader_locale())
    wanted = {*codes, *([chosen] if chosen else [])}
    return sorted_choices((code, names.get(code) or language_name(code)) for code in wanted)


def lines(text: str | None) -> tuple[str, ...]:
    """Splits text at line ends and commas, without empty parts."""
    return tuple(part.strip() for part in (text or "").replace(",", "\n").splitlines() if part.strip())


def codes_of(text: str | None, names: Mapping[str, str]) -> tuple[str, ...]:
    """Codes, or names in the reader's language turned into codes; what is unknown stays as typed."""
    known = {name.casefold(): code for code, name in names.items()} | {code.casefold(): code for code in names}
    found: list[str] = []
    for line in (text or "").splitlines():
        whole = known.get(line.strip().casefold())  # a name may have a comma: China, Hong Kong …
        found += [whole] if whole else [known.get(part.casefold()) or part for part in lines(line)]
    return tuple(found)


def offered_zones(chosen: str | None) -> list[SelectChoice]:
    """Time zones to choose from, as they are now, in the reader's language."""
    return zone_choices(country_names(reader_locale()), at=clock.now(), chosen=chosen)


class _Day(DateField):
    """A day; anything else is refused in a sentence and stays as typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("Enter a date, such as 2026-12-02.")) from error


class CatalogueForm(BaseForm):
    """Shows the faults of nested fields where they belong: `policy.min_percent`, `materials.0.url`."""

    def take(self, error: Invalid) -> None:
        plain = []
        for fault in error.faults:
            parts = (fault.field or "").split(".")
            target = self._nested(parts) if len(parts) > 1 else None
            if target is None:
                plain.append(fault)
            else:
                target.errors = [*target.errors, fault.reason]
        for field in self._fields.values():
            if isinstance(field, FieldList) and any(entry.errors for entry in field.entries):
                field.errors = [entry.errors for entry in field.entries]
        if plain:
            super().take(Invalid(faults=plain))

    def _nested(self, parts: list[str]) -> Any:
        outer = self._fields.get(parts[0])
        if isinstance(outer, FormField):
            return outer.form._fields.get(parts[1])
        if isinstance(outer, FieldList) and len(parts) == 3 and parts[1].isdecimal():
            rows = self.filled_rows(outer)
            if int(parts[1]) < len(rows):
                return rows[int(parts[1])].form._fields.get(parts[2])
        return None

    @staticmethod
    def filled_rows(rows: Any) -> list[Any]:
        """The rows in which something was typed: these are sent, in this order."""
        return [row for row in rows.entries if any((value or "").strip() for value in row.data.values())]


class PolicyForm(Form):
    """What counts as attended, and what is certified."""

    min_percent = WholeNumber(
        _l("Share of a lecture needed to count as attended, in percent"), [InputRequired()], default=60
    )
    walk_ins = RadioField(
        _l("If a registered person attends without enrolling"),
        choices=[
            SelectChoice(WalkIns.ENROL.value, _l("Enrol them")),
            SelectChoice(WalkIns.IGNORE.value, _l("Record it, but do not count it")),
        ],
        default=WalkIns.ENROL.value,
    )
    certificate = RadioField(
        _l("Certificate"),
        choices=[
            SelectChoice(CertificateKind.PARTICIPATION.value, _l("Of participation")),
            SelectChoice(CertificateKind.COMPLETION.value, _l("Of completion")),
            SelectChoice("", _l("None")),
        ],
        default=CertificateKind.PARTICIPATION.value,
    )
    min_lectures_percent = WholeNumber(_l("Share of the lectures needed, in percent"), [InputRequired()], default=60)
    min_lectures = WholeNumber(_l("Or number of lectures needed"), [Optional()])
    min_minutes = WholeNumber(_l("Minutes needed in total"), [Optional()])
    deadline = _Day(_l("Last day for lectures that count"), [Optional()])
    confirmed_names = BooleanField(_l("Issue only to people who have confirmed their name"))

    def typed(self) -> dict[str, Any]:
        """What was typed, by the names of the API."""
        return {
            "min_percent": self.min_percent.data or 0,
            "min_lectures_percent": self.min_lectures_percent.data or 0,
            "walk_ins": WalkIns(self.walk_ins.data),
            "certificate": CertificateKind(self.certificate.data) if self.certificate.data else None,
            "min_lectures": self.min_lectures.data,
            "min_minutes": self.min_minutes.data,
            "deadline": self.deadline.data,
            "confirmed_names": self.confirmed_names.data,
        }


class SeriesForm(CatalogueForm):
    """A series, new or changed."""

    title = StringField(_l("Title"), [InputRequired(_l("Enter the title."))])
    slug = StringField(_l("Web address"), [InputRequired(_l("Enter a short web address."))])
    description = TextAreaField(_l("Description"))
    language = KnownChoice(_l("Language"), default="en")
    visibility = RadioField(
        _l("Who can see it"),
        choices=[
            SelectChoice(Visibility.DRAFT.value, _l("Draft: only its instructors and administrators")),
            SelectChoice(Visibility.PUBLIC.value, _l("Public: everyone")),
        ],
        default=Visibility.DRAFT.value,
    )
    admission = RadioField(
        _l("Enrolment"),
        choices=[
            SelectChoice(Admission.OPEN.value, _l("Open: anyone can enrol")),
            SelectChoice(Admission.APPLICATION.value, _l("By application: you decide on each application")),
            SelectChoice(
                Admission.NOMINATION.value, _l("By nomination: focal points nominate people from their country")
            ),
        ],
        default=Admission.OPEN.value,
    )
    nominations_need_approval = BooleanField(_l("An administrator approves nominations first"))
    capacity = WholeNumber(_l("Places"), [Optional()])
    starts_on = _Day(_l("First day"), [Optional()])
    ends_on = _Day(_l("Last day"), [Optional()])
    countries = TextAreaField(_l("Countries"))
    instructors = TextAreaField(_l("Instructors"))
    policy = FormField(PolicyForm)

    def propose_slug(self, free: Callable[[str], str]) -> None:
        """Makes the web address from the title where none was typed; `free` finds one that no series has."""
        proposed = slug_of(self.title.data or "") if not self.slug.data else ""
        if proposed:
            self.slug.data = free(proposed)
            self.slug.raw_data = [self.slug.data]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.language.choices = language_choices(self.language.data or None)

    @classmethod
    def of(cls, series: Series, policy: Policy, addresses: Iterable[str]) -> SeriesForm:
        """The form of what is there, overlaid with what was sent."""
        return cls(
            data={
                "title": series.title,
                "slug": series.slug,
                "description": series.description,
                "language": series.language,
                "visibility": series.visibility.value,
                "admission": series.admission.value,
                "nominations_need_approval": series.nominations_need_approval,
                "capacity": series.capacity,
                "starts_on": series.starts_on,
                "ends_on": series.ends_on,
                "countries": "\n".join(country.code for country in series.countries),
                "instructors": "\n".join(addresses),
                "policy": {
                    **{one.name: getattr(policy, one.name) for one in fields(PolicyInput)},
                    "walk_ins": policy.walk_ins.value,
                    "certificate": policy.certificate.value if policy.certificate else "",
                },
            }
        )

    def draft(self) -> SeriesInput:
        """What was typed."""
        return SeriesInput(
            slug=self.slug.data or "",
            title=self.title.data or "",
            description=self.description.data or "",
            language=self.language.data,
            visibility=Visibility(self.visibility.data),
            admission=Admission(self.admission.data),
            nominations_need_approval=bool(self.nominations_need_approval.data),
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data,
            capacity=self.capacity.data,
            countries=codes_of(self.countries.data, country_names(reader_locale())) or None,
            instructors=lines(self.instructors.data),
            policy=PolicyInput(**self.policy.form.typed()),
        )


class MaterialForm(Form):
    """A link beside a lecture."""

    title = StringField(_l("What it is"))
    url = StringField(_l("Web address"))


class LectureForm(CatalogueForm):
    """A lecture, new or changed."""

    title = StringField(_l("Title"), [InputRequired(_l("Enter the title."))])
    abstract = TextAreaField(_l("Description"))
    starts_at = LocalTime(_l("Start (local time where the lecture is given)"), [Optional()])
    time_zone = ZoneField(_l("Time zone"))
    duration_minutes = WholeNumber(_l("Length in minutes"), [InputRequired(_l("Enter the length."))], default=90)
    language = KnownChoice(_l("Language"))
    interpretation = SelectMultipleField(
        _l("Interpreted into"), widget=ListWidget(), option_widget=CheckboxInput(), validate_choice=False
    )
    instructors = TextAreaField(_l("Instructors"))
    instructor_name = StringField(_l("Add an instructor by name"))
    join_url = StringField(_l("Meeting link"))
    recording_url = StringField(_l("Recording link"))
    materials = FieldList(FormField(MaterialForm), _l("Links"), min_entries=_MATERIAL_ROWS, max_entries=60)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.language.choices = language_choices(self.language.data or None)
        self.interpretation.choices = language_choices(codes={*LANGUAGES, *self._known_codes()})
        self.time_zone.choices = offered_zones(self.time_zone.data)

    def _known_codes(self) -> list[str]:
        """The languages that are chosen; what is no language is left to the check of the whole lecture."""
        return [code for code in self.interpretation.data or () if is_language(code)]

    @property
    def interpretation_in_words(self) -> str:
        """The chosen languages by name, for the summary of the choices."""
        return ", ".join(language_name(code) for code in self._known_codes())

    @classmethod
    def new(cls, series: Series, zone: str, addresses: Iterable[str]) -> Self:
        """An empty form for a lecture of this series."""
        return cls(data={"language": series.language, "time_zone": zone, "instructors": "\n".join(addresses)})

    @classmethod
    def of(cls, lecture: Lecture, addresses: Iterable[str], *, sent: bool = True) -> LectureForm:
        """The form of what is there, overlaid with what was sent (to it, not to another form of the page)."""
        return cls(**({} if sent else {"formdata": None}), data=cls._data_of(lecture, addresses))

    @classmethod
    def copied(cls, lecture: Lecture, addresses: Iterable[str]) -> Self:
        """The form of a new lecture that begins with what another one says, a week later; without its recording."""
        data = cls._data_of(lecture, addresses)
        if lecture.local_start is not None:
            data["starts_at"] = lecture.local_start + timedelta(days=7)
        return cls(data=data | {"recording_url": ""})

    @classmethod
    def _data_of(cls, lecture: Lecture, addresses: Iterable[str]) -> dict[str, Any]:
        spare = [{"title": "", "url": ""}] * max(1, _MATERIAL_ROWS - len(lecture.materials))
        return {
            "title": lecture.title,
            "abstract": lecture.abstract,
            "starts_at": lecture.local_start,
            "time_zone": lecture.time_zone,
            "duration_minutes": lecture.duration_minutes,
            "language": lecture.language,
            "interpretation": list(lecture.interpretation),
            "instructors": "\n".join(addresses),
            "join_url": lecture.join_url or "",
            "recording_url": lecture.recording_url or "",
            "materials": [*lecture.materials, *spare],
        }

    def changes(self) -> dict[str, Any]:
        """What was typed, as fields of a draft."""
        return {
            "title": self.title.data or "",
            "abstract": self.abstract.data or "",
            "starts_at": self.starts_at.data,
            "time_zone": self.time_zone.data,
            "duration_minutes": self.duration_minutes.data,
            "language": self.language.data,
            "interpretation": tuple(self.interpretation.data or ()),
            "instructors": self._instructors(),
            "join_url": self.join_url.data or None,
            "recording_url": self.recording_url.data or None,
            "materials": tuple(dict(row.data) for row in self.filled_rows(self.materials)),
        }

    def _instructors(self) -> tuple[str, ...]:
        """The addresses that were typed, and that of the instructor who was named."""
        name = self.instructor_name.data
        return (*lines(self.instructors.data), *([address_of_teacher(name)] if name else []))

    @property
    def teacher_names(self) -> list[str]:
        """The names that can be chosen."""
        return list(dict.fromkeys(name for _id, name in list_teachers()))

    def use_start(self, local: datetime) -> None:
        """Begins the lecture at another local time than was typed."""
        self.take_times(MultiDict({self.starts_at.name: local.isoformat(timespec="minutes")}))

    def take_times(self, given: MultiDict[str, str]) -> None:
        """Takes those of its time, zone and length that are given, and nothing else."""
        for field in (self.starts_at, self.time_zone, self.duration_minutes):
            if field.name in given:
                field.process(given)

    def validate_for(self, state: LectureState) -> bool:
        """Whether all is clear for a new lecture of that state; one on the programme has a time."""
        valid = bool(self.validate())
        if state is LectureState.SCHEDULED and self.starts_at.data is None and not self.starts_at.errors:
            self.starts_at.errors = [_("Enter when the lecture starts.")]
            return False
        return valid

    def draft(self, state: LectureState) -> LectureInput:
        """What was typed, as a new lecture."""
        return LectureInput(state=state, **self.changes())


class NewLectureForm(LectureForm):
    """A new lecture, which can be repeated."""

    repeat = KnownChoice(
        _l("Repeat"),
        choices=[
            SelectChoice("", _l("Once")),
            SelectChoice(Every.DAY.value, _l("Every day")),
            SelectChoice(Every.WEEK.value, _l("Every week")),
            SelectChoice(Every.FORTNIGHT.value, _l("Every 2 weeks")),
            SelectChoice(Every.MONTH.value, _l("Every month")),
        ],
        default="",
    )
    times = WholeNumber(_l("Times"), [Optional()], default=8)

    @property
    def repetition(self) -> Repeat | None:
        """How it is repeated; null for a single lecture."""
        return Repeat(Every(self.repeat.data), self.times.data or 0) if self.repeat.data else None


class CopyForm(CatalogueForm):
    """A series to be made from another: its name, its first day, and what is copied."""

    title = StringField(_l("Title"), [InputRequired(_l("Enter the title."))])
    slug = StringField(_l("Web address"), [InputRequired(_l("Enter a short web address."))])
    first = _Day(_l("First lecture"), [Optional()])
    instructors = BooleanField(_l("Instructors"), default=True)
    speakers = BooleanField(_l("Speakers"), default=True)
    files = BooleanField(_l("Files"), default=True)
    links = BooleanField(_l("Links to slides and further reading"), default=True)
    rules = BooleanField(_l("Rules for attendance and certificates"), default=True)
    countries = BooleanField(_l("Countries and number of places"), default=True)

    def copy(self, decisions: Mapping[str, str]) -> SeriesCopy:
        """What was typed."""
        values = dict(self.values()) | {"title": self.title.data or "", "slug": self.slug.data or ""}
        return SeriesCopy(**values, decisions=decisions)


class HoursForm(CatalogueForm):
    """When a lecture of a series could be given."""

    starts_at = LocalTime(_l("Start (local time where the lecture is given)"), [Optional()])
    time_zone = ZoneField(_l("Time zone"))
    duration_minutes = WholeNumber(_l("Length in minutes"), [Optional()], default=90)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.time_zone.choices = offered_zones(self.time_zone.data)


class MoveForm(CatalogueForm):
    """By how much all lectures to come move."""

    amount = WholeNumber(_l("Move by"), [InputRequired(_l("Enter a whole number."))], default=1)
    unit = KnownChoice(_l("Unit"), choices=[SelectChoice("7", _l("weeks")), SelectChoice("1", _l("days"))], default="7")
    direction = KnownChoice(
        _l("Direction"), choices=[SelectChoice("1", _l("later")), SelectChoice("-1", _l("earlier"))], default="1"
    )

    @property
    def days(self) -> int:
        """The days, negative for an earlier time."""
        return (self.amount.data or 0) * int(self.unit.data) * int(self.direction.data)


class PostponeForm(CatalogueForm):
    """A new time; empty: not yet known."""

    starts_at = LocalTime(_l("New start (local time)"), [Optional()], id="new_starts_at")
    time_zone = ZoneField(_l("Time zone"), id="new_time_zone")

    def __init__(self, lecture: Lecture, *args: Any, **more: Any) -> None:
        super().__init__(*args, data={"time_zone": lecture.time_zone}, prefix="", **more)
        self.time_zone.choices = offered_zones(self.time_zone.data or lecture.time_zone)
        if self.time_zone.data is None:
            self.time_zone.data = lecture.time_zone


class CancelForm(CatalogueForm):
    """Why a lecture is cancelled."""

    reason = TextAreaField(
        _l("Reason for cancelling"), [InputRequired(_l("Enter the reason. Everyone enrolled will read it."))]
    )


class MomentForm(CatalogueForm):
    """A moment in the lecture's own zone; empty: now."""

    at = LocalTime(_l("At an earlier time"), [Optional()])


class TimesForm(CatalogueForm):
    """The actual start and end, in the lecture's own zone."""

    actual_start = LocalTime(_l("Began"), [InputRequired(_l("Enter when it started."))])
    actual_end = LocalTime(_l("Ended"), [InputRequired(_l("Enter when it ended."))])


def local_of(moment: datetime | None, zone: str) -> datetime | None:
    """An instant as local time without offset, to the second: what a form shows."""
    return None if moment is None else moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)


def near(first: datetime, second: datetime) -> bool:
    """Whether two instants are the same to the second: a form shows no fractions."""
    return abs(first.astimezone(UTC) - second.astimezone(UTC)) < timedelta(seconds=1)
