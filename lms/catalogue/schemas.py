"""The objects of the API: series and lectures, in and out."""

from apiflask import Schema
from apiflask.fields import (
    AwareDateTime,
    Boolean,
    Date,
    Dict,
    Enum,
    Float,
    Integer,
    List,
    Nested,
    String,
)
from apiflask.validators import Length, Range

from lms.catalogue.fair_hours import AudienceBasis
from lms.catalogue.inputs import (
    LECTURE_TEXTS,
    REPLAY_DAYS,
    SERIES_TEXTS,
    TEXT_LANGUAGE,
    LectureInput,
    PolicyInput,
    SeriesInput,
)
from lms.catalogue.queries.series import SeriesFilter
from lms.catalogue.state_changes import LONGEST_PAUSE
from lms.core.text.i18n import _l
from lms.core.text.translations import MOST
from lms.web.api.api import AnswerSchema, Instant, PageQuery, page_of
from lms.web.api.inputs import with_fields_of
from lms.web.pages.time import LocalTime, LocalTimeOut

_TEXT_LANGUAGE = {"description": TEXT_LANGUAGE}
_TRANSLATIONS = {
    "description": "Texts in other languages, by language code, such as `fr`. Readers see the text in their language "
    "if there is one, otherwise the main text. A change replaces all languages."
}


class SeriesTexts(Schema):
    """The texts of a series in one language; what is missing is shown in the main language."""

    title = String(allow_none=True, validate=Length(max=SERIES_TEXTS["title"].most))
    description = String(allow_none=True, validate=Length(max=SERIES_TEXTS["description"].most))


class LectureTexts(Schema):
    """The texts of a lecture in one language; what is missing is shown in the main language."""

    title = String(allow_none=True, validate=Length(max=LECTURE_TEXTS["title"].most))
    abstract = String(allow_none=True, validate=Length(max=LECTURE_TEXTS["abstract"].most))


def _translations(texts: type[Schema]) -> Dict:
    return Dict(keys=String(), values=Nested(texts), metadata=_TRANSLATIONS, validate=Length(max=MOST))


class SeriesTextsOut(AnswerSchema):
    """The texts of a series in one language; null for what is not translated."""

    title = String(allow_none=True, dump_default=None)
    description = String(allow_none=True, dump_default=None)


class LectureTextsOut(AnswerSchema):
    """The texts of a lecture in one language; null for what is not translated."""

    title = String(allow_none=True, dump_default=None)
    abstract = String(allow_none=True, dump_default=None)


@with_fields_of(PolicyInput)
class PolicyIn(Schema):
    """The policy of a series: the rules of attendance and certificates."""


@with_fields_of(SeriesInput)
class SeriesIn(Schema):
    """A series as it is sent; a missing key takes its default, or stays as it is in a change."""

    translations = _translations(SeriesTexts)
    policy = Nested(PolicyIn)


class PolicyOut(AnswerSchema):
    """A policy."""

    min_percent = Integer()
    min_lectures_percent = Integer()
    replay_days = Integer(metadata={"description": REPLAY_DAYS})
    walk_ins = String()
    certificate = String(allow_none=True)
    min_lectures = Integer(allow_none=True)
    min_minutes = Integer(allow_none=True)
    deadline = Date(allow_none=True)
    confirmed_names = Boolean()
    checks_passed = Boolean()
    min_feedback = Integer(allow_none=True)


class SeriesOut(AnswerSchema):
    """A series; `instructors` (addresses) is null but to its instructors and administrators."""

    slug = String(attribute="series.slug")
    title = String(attribute="series.title")
    description = String(attribute="series.description")
    language = String(attribute="series.language")
    text_language = String(attribute="series.text_language", allow_none=True, metadata=_TEXT_LANGUAGE)
    translations = Dict(
        keys=String(), values=Nested(SeriesTextsOut), attribute="series.translations", metadata=_TRANSLATIONS
    )
    visibility = String(attribute="series.visibility")
    admission = String(attribute="series.admission")
    nominations_need_approval = Boolean(attribute="series.nominations_need_approval")
    starts_on = Date(attribute="series.starts_on", allow_none=True)
    ends_on = Date(attribute="series.ends_on", allow_none=True)
    capacity = Integer(attribute="series.capacity", allow_none=True)
    taken = Integer(
        attribute="series.taken", metadata={"deprecated": True, "description": "`enrolled` and `held` together."}
    )
    enrolled = Integer(attribute="series.enrolled")
    held = Integer(
        attribute="series.held",
        metadata={"description": "Places that are reserved for nominees who have not answered yet."},
    )
    free = Integer(
        attribute="series.free_seats",
        allow_none=True,
        metadata={"description": "Places without anybody. Null if the series has no capacity."},
    )
    free_for_countries = Integer(
        attribute="series.reserved", metadata={"description": "How many of `free` are kept for countries."}
    )
    countries = List(String(), allow_none=True)
    instructors = List(String(), allow_none=True)
    instructor_names = List(String())
    policy = Nested(PolicyOut)


SeriesPage = page_of(SeriesOut, "SeriesPage")
"""A page of series."""


@with_fields_of(SeriesFilter, omit={"visibility", "cursor", "limit"}, defaults=True)
class SeriesQuery(PageQuery):
    """Which series are listed."""

    open = Boolean(load_default=None)


class MaterialIn(Schema):
    """A link for a lecture."""

    title = String(required=True)
    url = String(required=True)


@with_fields_of(LectureInput)
class LectureIn(Schema):
    """A lecture as it is sent; a missing key takes its default, or stays as it is in a change."""

    language = String()
    translations = _translations(LectureTexts)
    materials = List(Nested(MaterialIn))


class LectureOut(AnswerSchema):
    """A lecture; `instructors` (addresses) and `join_url` are null but to its instructors and administrators."""

    id = Integer(attribute="lecture.id")
    series = String(attribute="lecture.series.slug")
    title = String(attribute="lecture.title")
    abstract = String(attribute="lecture.abstract")
    state = String(attribute="lecture.state")
    starts_at = LocalTimeOut(attribute="lecture.local_start", allow_none=True)
    starts_at_utc = Instant(attribute="lecture.starts_at", allow_none=True)
    time_zone = String(attribute="lecture.time_zone")
    duration_minutes = Integer(attribute="lecture.duration_minutes")
    language = String(attribute="lecture.language")
    text_language = String(attribute="lecture.text_language", allow_none=True, metadata=_TEXT_LANGUAGE)
    translations = Dict(
        keys=String(), values=Nested(LectureTextsOut), attribute="lecture.translations", metadata=_TRANSLATIONS
    )
    interpretation = List(String(), attribute="lecture.interpretation")
    instructors = List(String(), allow_none=True)
    instructor_names = List(String())
    delivery = String(attribute="lecture.delivery")
    join_url = String(allow_none=True)
    recording_url = String(attribute="lecture.recording_url", allow_none=True)
    materials = List(Nested(MaterialIn), attribute="lecture.materials")
    actual_start = Instant(attribute="lecture.actual_start", allow_none=True)
    actual_end = Instant(attribute="lecture.actual_end", allow_none=True)
    paused_ms = Integer(
        attribute="lecture.paused_ms",
        allow_none=True,
        metadata={
            "description": "How long the lecture was paused between its actual start and end, in milliseconds; "
            "null if it never was."
        },
    )
    held_unknown = Boolean(
        attribute="lecture.held_unknown",
        metadata={"description": "Created after its planned time; staff have not confirmed yet whether it was held."},
    )
    confirmed_at = Instant(
        attribute="lecture.confirmed_at",
        allow_none=True,
        metadata={"description": "When staff confirmed that a very short or empty lecture was held."},
    )
    reason = String(attribute="lecture.reason", allow_none=True)


LecturePage = page_of(LectureOut, "LecturePage")
"""A page of lectures."""


_INSTANT = {"invalid_awareness": _l("Enter a time with an offset, such as 2026-12-02T06:00:00Z.")}


class PublishIn(Schema):
    """Which lectures of a series are published; null for all drafts that have a date."""

    lectures = List(Integer(strict=True), load_default=None, allow_none=True, validate=Length(max=500))
    min_lectures = Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        metadata={
            "description": "Number of lectures that the certificate requires from now on, in place of a share. "
            "If null, the share stays. Where it then requires more lectures, the people enrolled are e-mailed."
        },
    )


class UnpublishIn(Schema):
    """Which lectures of a series become drafts again."""

    lectures = List(Integer(strict=True), required=True, validate=Length(min=1, max=500))


class LecturesOut(AnswerSchema):
    """The lectures that a call changed."""

    items = List(Nested(LectureOut))


class AtIn(Schema):
    """When it was, if not now."""

    at = AwareDateTime(allow_none=True, error_messages=_INSTANT)


class PauseIn(Schema):
    """After how many minutes the lecture is meant to go on, as its viewers read."""

    minutes = Integer(strict=True, load_default=None, allow_none=True, validate=Range(1, LONGEST_PAUSE))


class HeldIn(Schema):
    """From when to when a lecture was given."""

    actual_start = AwareDateTime(required=True, error_messages=_INSTANT)
    actual_end = AwareDateTime(required=True, error_messages=_INSTANT)


class CancelIn(Schema):
    """Why."""

    reason = String(required=True)


class PostponeIn(Schema):
    """The new local time and its zone; neither: not yet known."""

    starts_at = LocalTime(allow_none=True)
    time_zone = String(allow_none=True)


class HoursQuery(Schema):
    """Which lecture is planned, and in which week."""

    starts_at = LocalTime(load_default=None)
    time_zone = String(load_default="UTC", validate=Length(max=64))
    duration_minutes = Integer(load_default=90, validate=Range(1, 1440))
    first = Date(
        load_default=None,
        metadata={
            "description": "First of the seven days. By default the Monday of the week of `starts_at`, or without that "
            "of next week."
        },
    )


class HourOut(AnswerSchema):
    """A lecture that begins at one hour of the week."""

    starts_at = String()
    starts_at_utc = String(
        allow_none=True, metadata={"description": "Null where the clocks skip this hour or show it twice."}
    )
    night = Integer(metadata={"description": "How many attend between 22:00 and 07:00 on their clocks."})
    day_off = Integer(metadata={"description": "How many attend on a weekend or public holiday of their country."})
    weight = Float(metadata={"description": "`night` and half of `day_off`."})


class CountryHoursOut(AnswerSchema):
    """The planned lecture on the clocks of one country: in the zone of most of its people."""

    country = String(allow_none=True)
    people = Integer()
    time_zone = String()
    starts_at = String()
    night = Integer()
    day_off = Integer()
    is_weekend = Boolean()
    holiday = String(allow_none=True)


class CountryNightsOut(AnswerSchema):
    """How many lectures of a series are at night for at least half of a country's people."""

    country = String()
    lectures = Integer()


class RotationOut(AnswerSchema):
    """How the nights of a series are shared out."""

    lectures = Integer(metadata={"description": "Lectures that were held or are planned."})
    nights = List(Nested(CountryNightsOut))


class HoursOut(AnswerSchema):
    """The hours of a week for the people of a series."""

    basis = Enum(
        AudienceBasis,
        by_value=True,
        metadata={
            "description": "What is counted: people who are `enrolled`; while there are none, the `seats` of quotas, "
            "the `countries` of the series, or the `partners` among countries."
        },
    )
    people = Integer(metadata={"description": "How many are counted."})
    unlocated = Integer(metadata={"description": "Enrolled people whose country and time zone you cannot see."})
    time_zone = String()
    duration_minutes = Integer()
    first = Date()
    hours = List(Nested(HourOut))
    fairest = List(
        Nested(HourOut),
        metadata={
            "description": "Fairer than the planned lecture and at least 48 hours ahead, the fairest first. Of hours "
            "that are alike, one."
        },
    )
    lecture = Nested(HourOut, allow_none=True)
    countries = List(Nested(CountryHoursOut))
    rotation = Nested(RotationOut)
