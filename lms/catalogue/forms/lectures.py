"""The forms of a lecture, fields named as in the API. What both must check lives in the actions."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Self

from wtforms import FieldList, Form, FormField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from lms.catalogue.dates import Every, Repeat
from lms.catalogue.forms.base import (
    Addresses,
    InstructorsForm,
    PlannedTimeForm,
    offered_zones,
)
from lms.catalogue.inputs import LectureInput
from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.text.i18n import _, _l
from lms.core.text.punctuation import listed
from lms.core.text.translations import is_language
from lms.web.forms.forms import KnownChoice, LocalTimeField, WholeNumber, ZoneField
from lms.web.forms.languages import LANGUAGES, language_choices
from lms.web.pages.time import language_name

_SPARE_LINKS, _MOST_LINKS = 1, 60


class MaterialForm(Form):
    """A link for a lecture."""

    title = StringField(_l("What it is"))
    url = StringField(_l("Web address"))


class LectureForm(PlannedTimeForm, InstructorsForm):
    """A lecture, new or changed."""

    title = StringField(_l("Title"), [InputRequired(_l("Enter the title."))])
    abstract = TextAreaField(_l("Description"))
    starts_at = LocalTimeField(_l("Start (local time)"), [Optional()])
    time_zone = ZoneField(_l("Time zone"))
    duration_minutes = WholeNumber(_l("Minutes"), [InputRequired(_l("Enter the length."))], default=90)
    language = KnownChoice(_l("Language"))
    interpretation = SelectMultipleField(
        _l("Interpreted into"), widget=ListWidget(), option_widget=CheckboxInput(), validate_choice=False
    )
    instructors = Addresses(_l("Instructors"))
    instructor_name = StringField(_l("Add by name or e-mail"))
    join_url = StringField(_l("Meeting link"))
    recording_url = StringField(_l("Recording link"))
    materials = FieldList(FormField(MaterialForm), _l("Links"), min_entries=_SPARE_LINKS, max_entries=_MOST_LINKS)

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
        return listed(language_name(code) for code in self._known_codes())

    @classmethod
    def new(cls, series: Series, zone: str, addresses: Iterable[str]) -> Self:
        """An empty form for a lecture of this series."""
        return cls(data={"language": series.language, "time_zone": zone, "instructors": "\n".join(addresses)})

    @classmethod
    def of(cls, lecture: Lecture, addresses: Iterable[str], *, sent: bool = True) -> "LectureForm":
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
        spare = [{"title": "", "url": ""}] * _SPARE_LINKS
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
        """Returns what was typed, as fields of a draft."""
        return {
            "title": self.title.data or "",
            "abstract": self.abstract.data or "",
            "starts_at": self.starts_at.data,
            "time_zone": self.time_zone.data,
            "duration_minutes": self.duration_minutes.data,
            "language": self.language.data,
            "interpretation": tuple(self.interpretation.data or ()),
            "instructors": self.addresses(),
            "join_url": self.join_url.data or None,
            "recording_url": self.recording_url.data or None,
            "materials": tuple(dict(row.data) for row in self.filled_rows(self.materials)),
        }

    @property
    def link_count(self) -> int:
        """How many links were typed."""
        return len(self.filled_rows(self.materials))

    def change_links(self, sent: Mapping[str, str]) -> bool:
        """Adds an empty row for a link, if that is what the form was sent for."""
        is_asked = sent.get("step") == "link"
        if is_asked and len(self.materials) < _MOST_LINKS:
            self.materials.append_entry()
        return is_asked

    def validate_for(self, state: LectureState) -> bool:
        """Whether all is clear for a new lecture of that state; one on the programme has a time."""
        valid = bool(self.validate())
        if state is LectureState.SCHEDULED and self.starts_at.data is None and not self.starts_at.errors:
            self.starts_at.errors = [_("Enter when the lecture starts.")]
            return False
        return valid

    def draft(self, state: LectureState) -> LectureInput:
        """Returns what was typed, as a new lecture."""
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
