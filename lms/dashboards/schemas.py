"""The API of what desks answer."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import AwareDateTime, Boolean, Dict, Enum, Integer, List, Nested, Raw, String
from apiflask.validators import Length

from lms.core.jobs import JobState
from lms.web.api import AnswerSchema


class JobOut(AnswerSchema):
    """A long task: how far it is, and what came of it."""

    id = String()
    state = Enum(JobState, by_value=True)
    done = Integer()
    total = Integer()
    result = Raw(allow_none=True)


class PolicyQuery(Schema):
    """Lectures by number, with commas between; all unless given."""

    lectures = String(load_default=None, allow_none=True, validate=Length(max=4000))


class JudgedOut(AnswerSchema):
    """A lecture that was held under another policy: the share asked for then, and how many gain and lose."""

    lecture = Integer()
    title = String()
    min_percent = Integer()
    gain = Integer()
    lose = Integer()
    closed = Boolean()
    chosen = Boolean()


class AffectedOut(AnswerSchema):
    """Whose certificates are touched, as people's ids."""

    earn = List(String())
    unearn = List(String())
    miss = List(String())


class PolicyPreviewOut(AnswerSchema):
    """What the newest policy would change of lectures held under another; `key` is sent with the wish to do it."""

    min_percent = Integer()
    lectures = List(Nested(JudgedOut))
    certificates = Nested(AffectedOut, allow_none=True)
    key = String()


class PolicyIn(Schema):
    """Which lectures (null: all), and the key of what was looked at."""

    lectures = List(Integer(), load_default=None, allow_none=True, validate=Length(max=1000))
    key = String(required=True, validate=Length(max=64))


class AskedOut(AnswerSchema):
    """The task that does it; how far it is says `GET /api/v1/jobs/{id}`."""

    job = String()


class TimesQuery(Schema):
    """The times that are asked about; what is proposed unless both are given."""

    actual_start = AwareDateTime(load_default=None)
    actual_end = AwareDateTime(load_default=None)


class TimesIn(Schema):
    """The times that were looked at, and the key of what they change."""

    actual_start = AwareDateTime(required=True)
    actual_end = AwareDateTime(required=True)
    key = String(required=True, validate=Length(max=64))


class TimesOut(AnswerSchema):
    """The actual times of a lecture; what is proposed by what was seen, source by source; and what the times asked
    about would change, with the `key` that is sent to confirm them."""

    state = String()
    time_zone = String()
    actual_start = String(allow_none=True)
    actual_end = String(allow_none=True)
    proposal = Dict(allow_none=True)
    preview = Dict(allow_none=True)
