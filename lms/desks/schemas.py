"""The API of what desks answer."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Enum, Integer, Raw, String

from lms.core.jobs import JobState


class JobOut(Schema):
    """A long task: how far it is, and what came of it."""

    id = String()
    state = Enum(JobState, by_value=True)
    done = Integer()
    total = Integer()
    result = Raw(allow_none=True)
