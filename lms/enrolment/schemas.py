"""The objects of the API: a person's place in a series, in and out."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Enum, Integer, List, Nested, String

from lms.core.i18n import find_translated
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus
from lms.people.models import Gender, Sector
from lms.web.api import AnswerSchema, PageQuery


class EnrolmentIn(Schema):
    """Whom to enrol: without `email` yourself.

    For a person you can see, `email` is enough. Administrators see everybody, focal points the people of their
    countries, instructors the people of their own series. Otherwise send `full_name` too.
    """

    email = String()
    full_name = String(allow_none=True)
    native_name = String(allow_none=True)
    country = String(allow_none=True)
    sector = Enum(Sector, by_value=True, allow_none=True)
    organisation = String(allow_none=True)
    job_title = String(allow_none=True)
    gender = Enum(Gender, by_value=True, allow_none=True)
    locale = String(metadata={"description": f"One of: {', '.join(find_translated())}."})
    time_zone = String(allow_none=True)


class StatusIn(Schema):
    """The new status of a person."""

    status = Enum(EnrolmentStatus, by_value=True, required=True)


class EnrolmentQuery(PageQuery):
    """Which places: `q` in name or address, `status`, the code of a `country`, and the `source` of the enrolment."""

    q = String(load_default="")
    status = Enum(EnrolmentStatus, by_value=True, load_default=None)
    country = String(load_default=None)
    source = Enum(EnrolmentSource, by_value=True, load_default=None)


class EnrolmentOut(AnswerSchema):
    """A place. `position` counts from 1 in the waiting list.

    An instructor sees only `email` of a person enrolled by an instructor, until the person accepts. Until then the
    other fields of the profile are null; the answer to the call that enrolled the person repeats what the call sent.
    """

    id = String()
    series = String()
    email = String(allow_none=True)
    full_name = String(allow_none=True)
    native_name = String(allow_none=True)
    country = String(allow_none=True)
    sector = String(allow_none=True)
    organisation = String(allow_none=True)
    job_title = String(allow_none=True)
    gender = String(allow_none=True)
    locale = String(allow_none=True)
    time_zone = String(allow_none=True)
    status = String()
    position = Integer(allow_none=True)
    registered_at = String()


class EnrolmentPage(AnswerSchema):
    """A page of places."""

    items = List(Nested(EnrolmentOut))
    next = String(allow_none=True)
