"""Requests and responses of the reports API."""

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Date, Dict, Enum, Float, Integer, List, Nested, Raw, String
from apiflask.validators import Length, OneOf, Range

from lms.core.background.jobs import JobState
from lms.core.text.i18n import find_translated
from lms.reports.models import SnapshotVisibility
from lms.reports.periods import Period, Rhythm
from lms.reports.rules import DIMENSIONS, EXPORT_FORMATS, EXPORTS, FIGURES, Slice
from lms.web.api.api import AnswerSchema, Instant, Link, page_of
from lms.web.api.inputs import with_fields_of

_KEY: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "null"}, {"type": "array", "items": {"type": ["string", "null"]}}]
}


@with_fields_of(Slice, defaults=True)
class TotalsQuery(Schema):
    """A slice of the figures and the dimensions to group it by."""

    from_day = Date(data_key="from", load_default=None, metadata={"description": "First day, in the reporting zone."})
    to_day = Date(data_key="to", load_default=None, metadata={"description": "Last day, included."})
    partner = String(
        load_default=None,
        validate=OneOf(["true", "false"]),
        metadata={"description": "Whether the country was a partner on the day of the lecture."},
    )
    by = String(
        load_default="",
        metadata={"description": f"One dimension, or two with a comma between: {', '.join(DIMENSIONS)}."},
    )
    lang = String(
        load_default=None,
        metadata={"description": f"Language of labels and definitions: {', '.join(find_translated())}."},
    )


class Truth(Boolean):
    """True or false only; no values converted to them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


@with_fields_of(Slice, defaults=True, described=False)
class SliceIn(Schema):
    """A slice, with the parameters of `GET /api/v1/totals`."""

    from_day = Date(data_key="from", load_default=None, allow_none=True)
    to_day = Date(data_key="to", load_default=None, allow_none=True)
    partner = Truth(load_default=None, allow_none=True)


class QuestionIn(SliceIn):
    """A slice and its dimensions, with the parameters of `GET /api/v1/totals`."""

    by = List(String(validate=OneOf(DIMENSIONS)), load_default=list, validate=Length(0, 2))


class SnapshotIn(QuestionIn):
    """The report to publish: the question, a title, a note for readers, and its visibility."""

    title = String(required=True, validate=Length(1, 200))
    note = String(load_default="", validate=Length(max=500))
    visibility = String(required=True, validate=OneOf([kind.value for kind in SnapshotVisibility]))
    figure = String(load_default="participants", validate=OneOf(FIGURES))


class SnapshotReason(Schema):
    """The reason."""

    reason = String(required=True, validate=Length(1, 2000))


class FiguresOut(AnswerSchema):
    """The figures of one slice. `satisfaction`: the mean of the ratings 1 to 5, `satisfied_percent`: the share of 4 and
    5, and `feedback_answers` how many there are; null below five. In public they are of
    the lectures with five answers or more, and null for groups of people, such as countries."""

    sessions = Integer()
    participants = Integer()
    attendances = Integer()
    countries = Integer()
    partner_countries = Integer()
    registrations = Integer()
    contact_hours = Float()
    certificates = Integer()
    feedback_answers = Integer(allow_none=True)
    satisfaction = Float(allow_none=True)
    satisfied_percent = Float(allow_none=True)


class DiscussionOut(AnswerSchema):
    """Questions in the lecture's room that were not hidden, how many of them were answered, the votes for them, the
    polls that were opened, and the answers to these."""

    questions = Integer()
    questions_answered = Integer()
    votes = Integer()
    polls = Integer()
    poll_answers = Integer()


class LectureReportOut(AnswerSchema):
    """The figures of a held lecture, for a focal point of people from their own country. `discussion` is of all people,
    and null for a focal point. `feedback_answers`, `satisfaction`, `satisfied_percent` as in `GET /api/v1/totals`."""

    as_at = Instant()
    registered = Integer()
    came = Integer()
    attended = Integer()
    excused = Integer()
    certified = Integer()
    highest = Integer(attribute="course.highest")
    feedback_answers = Integer(attribute="rated.feedback_answers", allow_none=True)
    satisfaction = Float(attribute="rated.satisfaction", allow_none=True)
    satisfied_percent = Float(attribute="rated.satisfied_percent", allow_none=True)
    discussion = Nested(DiscussionOut, allow_none=True)


class OpeningOut(AnswerSchema):
    """The part that opening balances (sessions from before this system, entered as totals) add to the figures next to
    them. Present only where there are any. `countries_added` counts countries with no other attendance;
    `declared_participants` are declared, not counted, and in no other figure; it is null where a set is only partly in
    the slice or nothing is declared.
    """

    sessions = Integer()
    attendances = Integer()
    countries = Integer()
    countries_added = Integer()
    declared_participants = Integer(allow_none=True)


class GroupOut(FiguresOut):
    """One group: `key` is null for *not stated*, a list where there are two dimensions."""

    key = Raw(metadata=_KEY)
    label = String()
    folded = Boolean(metadata={"optional": True, "description": "Present only where small groups are combined."})
    opening = Nested(OpeningOut, metadata={"optional": True})


class TotalsOut(AnswerSchema):
    """The figures, their definitions, and when they were counted."""

    as_at = String(metadata={"format": "date-time"})
    definitions = Dict(keys=String(), values=String())
    totals = Nested(FiguresOut)
    opening = Nested(OpeningOut, metadata={"optional": True})
    groups = List(Nested(GroupOut))


class SnapshotOut(AnswerSchema):
    """A published report. `checksum` is the SHA-256 of the file at `url` with `.json` appended."""

    id = String(attribute="row.public_id")
    title = String(attribute="row.title")
    visibility = String(attribute="row.visibility", validate=OneOf([kind.value for kind in SnapshotVisibility]))
    state = String(attribute="row.state", validate=OneOf(["published", "withdrawn"]))
    as_at = Instant(attribute="row.as_at", metadata={"format": "date-time"})
    published_at = Instant(attribute="row.published_at", metadata={"format": "date-time"})
    language = String(attribute="row.language")
    checksum = String(attribute="row.digest")
    url = Link("reports.snapshot", "row.public_id")
    withdrawn_at = Instant(attribute="row.withdrawn_at", allow_none=True, metadata={"format": "date-time"})
    reason = String(attribute="row.withdrawn_reason", allow_none=True)


SnapshotsOut = page_of(SnapshotOut, "SnapshotsOut")
"""A page of published reports, newest first."""


class ChangeOut(AnswerSchema):
    """One figure as frozen and as counted now. `key` is as in `groups`, or null for the total."""

    key = Raw(metadata=_KEY)
    label = String()
    figure = String()
    then = Float()
    now = Float()
    difference = Float(attribute="change")


class SinceOut(AnswerSchema):
    """Changes since publication: every total, and the groups that differ."""

    as_at = Instant(metadata={"format": "date-time"})
    totals = List(Nested(ChangeOut))
    groups = List(Nested(ChangeOut))


class FrozenOut(SnapshotOut):
    """A published report with its figures. Only staff see the figures of a withdrawn one."""

    note = String(
        attribute="figures.note",
        metadata={"optional": True, "description": "For readers, from whoever published it; may be empty."},
    )
    time_zone = String(attribute="figures.time_zone", metadata={"optional": True})
    exact = Boolean(
        attribute="figures.exact",
        metadata={"optional": True, "description": "If false, public figures with small groups combined."},
    )
    question = Dict(attribute="figures.question", metadata={"optional": True})
    definitions = Dict(keys=String(), values=String(), attribute="figures.definitions", metadata={"optional": True})
    totals = Nested(FiguresOut, attribute="figures.totals", metadata={"optional": True})
    opening = Nested(OpeningOut, attribute="figures.opening", metadata={"optional": True})
    groups = List(Nested(GroupOut), attribute="figures.groups", metadata={"optional": True})
    since = Nested(
        SinceOut,
        attribute="figures.since",
        allow_none=True,
        metadata={"optional": True, "description": "Null for callers without exact access."},
    )


class SavedIn(QuestionIn):
    """A question and the name to save it under. A `period` moves with the calendar and replaces `from` and `to`."""

    name = String(required=True, validate=Length(1, 100))
    figure = String(load_default="participants", validate=OneOf(FIGURES))
    period = String(load_default=None, allow_none=True, validate=OneOf([period.value for period in Period]))


class ScheduleIn(Schema):
    """When a saved report is e-mailed, at an hour in the reporting zone, and to which staff."""

    rhythm = String(required=True, validate=OneOf([rhythm.value for rhythm in Rhythm]))
    hour = Integer(required=True, strict=True, validate=Range(0, 23))
    recipients = List(String(validate=Length(1, 320)), required=True, validate=Length(1, 30))


class SavedChange(Schema):
    """The changes to a saved report. A null `schedule` stops sending it."""

    name = String(validate=Length(1, 100))
    schedule = Nested(ScheduleIn, allow_none=True)


class ScheduleOut(AnswerSchema):
    """When a saved report is sent next, and to whom."""

    rhythm = String(attribute="row.rhythm")
    hour = Integer(attribute="row.hour")
    recipients = List(String())
    unsubscribed = List(String())
    next = Instant(attribute="due_at", metadata={"format": "date-time"})


class SendingOut(AnswerSchema):
    """The result of one sending: e-mails sent, e-mails waiting, and recipients skipped because they lost access."""

    day = String(attribute="run.day", metadata={"format": "date"})
    sent = Integer()
    waiting = Integer()
    left_out = Integer(attribute="run.left_out")
    failure = String(attribute="run.failure", allow_none=True)
    reasons = List(String())


class SavedOut(AnswerSchema):
    """One of the caller's saved reports. `question` holds the parameters by name."""

    id = String(attribute="row.public_id")
    name = String(attribute="row.name")
    question = Dict()
    created_at = Instant(attribute="row.created_at", metadata={"format": "date-time"})
    url = Link("reports.saved", "row.public_id")
    schedule = Nested(ScheduleOut, allow_none=True)


class SavedWithSendings(SavedOut):
    """A saved report with its latest sendings, newest first."""

    sendings = List(Nested(SendingOut))


SavedListOut = page_of(SavedOut, "SavedListOut")
"""The caller's saved reports, by name."""


class ExportIn(SliceIn):
    """Which rows of a slice to export, and as what."""

    kind = String(required=True, validate=OneOf(EXPORTS))
    format = String(load_default="csv", validate=OneOf(EXPORT_FORMATS))


class ExportOut(AnswerSchema):
    """The progress of an export. Its file can be downloaded (`POST` to `file`) until `expires_at`."""

    id = String(attribute="job.public_id")
    kind = String(attribute="job.arguments.kind", validate=OneOf(EXPORTS))
    format = String(attribute="job.arguments.form", validate=OneOf(EXPORT_FORMATS))
    question = Dict()
    state = Enum(JobState, attribute="job.state", by_value=True)
    done = Integer(attribute="job.done")
    total = Integer(attribute="job.total")
    rows = Integer(allow_none=True)
    error = String(attribute="job.error", allow_none=True)
    created_at = Instant(attribute="job.created_at", metadata={"format": "date-time"})
    expires_at = Instant(allow_none=True, metadata={"format": "date-time"})
    file = Link(
        "reports_api.fetch_rows",
        "file_of",
        "job_id",
        allow_none=True,
        metadata={"description": "Null until the file is created and after it has expired."},
    )


class FetchIn(Schema):
    """An empty object, or no body."""


ExportsOut = page_of(ExportOut, "ExportsOut")
"""A page of the caller's exports, newest first."""
