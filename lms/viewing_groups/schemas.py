"""Requests and responses of the viewing groups API."""

from apiflask import Schema
from apiflask.fields import Boolean, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range

from lms.attendance.models.groups import Entered
from lms.core.text.typed_text import REASON_LENGTH
from lms.viewing_groups.rules import MOST_EXPECTED, MOST_PASTED
from lms.web.api.api import AnswerSchema, Instant, RejectedOut, page_of
from lms.web.pages.time import LocalTime


class GroupIn(Schema):
    """Where a group watches, the person in charge, and how many people are expected. Without `country`, the focal
    point's own country.
    """

    country = String(load_default=None, allow_none=True, validate=Length(max=8))
    city = String(required=True, validate=Length(max=200))
    room = String(required=True, validate=Length(max=400))
    organiser = String(required=True, validate=Length(max=400))
    expected = Integer(required=True, validate=Range(1, MOST_EXPECTED))
    time_zone = String(required=True, validate=Length(max=64))


class SignatureOut(AnswerSchema):
    """The current signature."""

    people = Integer()
    statement = String()
    signed_at = Instant()


class GroupOut(AnswerSchema):
    """A viewing group. `code` is null for callers who cannot manage the group."""

    id = String(attribute="group.public_id")
    lecture = Integer(attribute="group.lecture_id")
    country = String()
    city = String(attribute="group.city")
    room = String(attribute="group.room")
    organiser = String(attribute="group.organiser")
    expected = Integer(attribute="group.expected")
    time_zone = String(attribute="group.time_zone")
    state = String(validate=OneOf(["open", "signed", "called_off"]))
    listed = Integer(metadata={"description": "Entries on the list. Several may be for the same person."})
    code = String(allow_none=True)
    signature = Nested(SignatureOut, allow_none=True)


GroupsOut = page_of(GroupOut, "GroupsOut")
"""The groups of a lecture that the caller can see."""


class ListedOut(AnswerSchema):
    """A person on the list. `enrolled` tells whether the attendance would be counted at present."""

    id = String(attribute="public_id")
    full_name = String()
    native_name = String(allow_none=True)
    organisation = String(allow_none=True)
    email = String(allow_none=True)
    entered = String(validate=OneOf([one.value for one in Entered]))
    entered_at = Instant()
    enrolled = Boolean(attribute="is_enrolled")


class ListOut(AnswerSchema):
    """The list of a group. `unknown_addresses` are e-mail addresses that match nobody in the country; `elsewhere`
    counts people from other countries whom the caller cannot see; `mark` identifies the list for signing.
    """

    people = List(Nested(ListedOut))
    unknown_addresses = List(String(), attribute="unknown")
    elsewhere = Integer()
    mark = String()


class TicksIn(Schema):
    """People to add and to remove, by id, and e-mail addresses to add."""

    add = List(String(validate=Length(max=32)), load_default=list, validate=Length(max=MOST_PASTED))
    remove = List(String(validate=Length(max=32)), load_default=list, validate=Length(max=MOST_PASTED))
    emails = List(String(validate=Length(max=320)), load_default=list, validate=Length(max=MOST_PASTED))


class TicksOut(AnswerSchema):
    """How many people were added and removed. `rejected` identifies e-mail addresses by position, counted from 1."""

    added = Integer()
    removed = Integer()
    unchanged = Integer()
    rejected = List(Nested(RejectedOut))


class SignIn(Schema):
    """When a group watched: during the connection of the account with the e-mail address in `connection`, or between
    two local times. `mark` identifies the list that was reviewed.
    """

    mark = String(required=True, validate=Length(max=64))
    connection = String(load_default=None, allow_none=True, validate=Length(max=320))
    watched_from = LocalTime(load_default=None, allow_none=True)
    watched_until = LocalTime(load_default=None, allow_none=True)


class SignedOut(AnswerSchema):
    """The result of signing."""

    people = Integer()
    statement = String()
    notes = List(String())


class TakeBackIn(Schema):
    """The reason for withdrawing a signature."""

    reason = String(required=True, validate=Length(1, REASON_LENGTH))


class CheckInIn(Schema):
    """The check-in code."""

    code = String(required=True, validate=Length(max=100))


class CheckedInOut(AnswerSchema):
    """The group the caller was added to. `caution` says why the attendance may not be counted, or is null."""

    lecture = Integer(attribute="lecture_id")
    title = String()
    place = String()
    caution = String(allow_none=True)
