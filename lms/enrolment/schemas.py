"""The objects of the API: a person's place in a series, in and out."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Enum, Integer, List, Nested, String

from lms.enrolment.models import EnrolmentStatus
from lms.people.models import Gender, Sector
from lms.web.api import PageQuery


class EnrolmentIn(Schema):
    """Whom to enrol: nobody but oneself without `email`; for a person already known `email` alone suffices."""

    email = String()
    full_name = String(allow_none=True)
    native_name = String(allow_none=True)
    country = String(allow_none=True)
    sector = Enum(Sector, by_value=True, allow_none=True)
    organisation = String(allow_none=True)
    job_title = String(allow_none=True)
    gender = Enum(Gender, by_value=True, allow_none=True)
    locale = String()
    time_zone = String(allow_none=True)


class StatusIn(Schema):
    """Where somebody is to stand."""

    status = Enum(EnrolmentStatus, by_value=True, required=True)


class EnrolmentQuery(PageQuery):
    """Which places: `q` in name or address, `status`."""

    q = String(load_default="")
    status = Enum(EnrolmentStatus, by_value=True, load_default=None)


class EnrolmentOut(Schema):
    """A place. `position` counts from 1 in the waiting list."""

    id = String()
    series = String()
    email = String(allow_none=True)
    full_name = String()
    native_name = String(allow_none=True)
    country = String(allow_none=True)
    sector = String(allow_none=True)
    organisation = String(allow_none=True)
    job_title = String(allow_none=True)
    gender = String(allow_none=True)
    locale = String()
    time_zone = String(allow_none=True)
    status = String()
    position = Integer(allow_none=True)
    registered_at = String()


class EnrolmentPage(Schema):
    """A page of places."""

    items = List(Nested(EnrolmentOut))
    next = String(allow_none=True)
