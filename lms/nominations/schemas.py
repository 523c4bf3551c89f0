"""The objects of the API: nominations, in and out, decisions on them, and the letter of endorsement as a file."""

from urllib.parse import quote

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Enum, Integer, List, Nested, String
from apiflask.validators import Length
from flask import Response, request, send_file

from lms.batches.models import BatchStage
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.storage import files
from lms.core.text.i18n import find_translated
from lms.materials.file_kinds import MIME_TYPES
from lms.materials.rules import plain_name
from lms.nominations.models import DecidedState, Decision, NominationState, ProfileField
from lms.nominations.queries.listing import get_nomination
from lms.nominations.rules import MAX_REASON, may_nominate
from lms.people.schemas import NamedPersonIn
from lms.web.api.api import AnswerSchema, ImportAnswerOut, Instant, PageQuery, page_of

MOST = 500
"""Nominations that one call decides on."""


class NominationIn(NamedPersonIn):
    """The person to nominate. For a person of the country who is known already, `email` is enough.

    Administrators send `country`, the code of the country that nominates; focal points may, where they speak for
    several. `language` is the one to invite a person in who has no account; without it, that of the country is used.
    `ask_to_confirm`: asks the person by e-mail where the profile says something else.
    """

    language = String(allow_none=True, metadata={"description": f"One of: {', '.join(find_translated())}."})
    ask_to_confirm = Boolean(load_default=False)


class NominationQuery(PageQuery):
    """Which nominations: their `state`, and the code of a `country`."""

    state = Enum(NominationState, by_value=True, load_default=None)
    country = String(load_default=None, metadata={"description": "Code of a country."})


class NominationOut(AnswerSchema):
    """A nomination. `reason`: why it was rejected or declined. `letter`: whether one of endorsement is attached.
    `language`: the one chosen for the invitation; null: that of the person's account, or of the country."""

    id = String(attribute="public_id")
    series = String(attribute="series.slug")
    country = String(attribute="country.code")
    state = String(metadata={"enum": [state.value for state in NominationState]})
    email = String()
    full_name = String()
    native_name = String(allow_none=True)
    sector = String(allow_none=True)
    organisation = String(allow_none=True)
    job_title = String(allow_none=True)
    gender = String(allow_none=True)
    language = String(allow_none=True)
    letter = Boolean(attribute="has_letter")
    reason = String(allow_none=True)
    created_at = Instant()
    submitted_at = Instant(allow_none=True)
    decided_at = Instant(allow_none=True)
    invited_at = Instant(allow_none=True)
    reminded_at = Instant(allow_none=True)
    expires_at = Instant(allow_none=True)
    answered_at = Instant(allow_none=True)


NominationPage = page_of(NominationOut, "NominationPage")
"""A page of nominations."""


class DifferenceOut(AnswerSchema):
    """A field of a profile: what it says now, and what was sent."""

    field = String(metadata={"enum": [field.value for field in ProfileField]})
    now = String()
    value = String()


class DifferingOut(AnswerSchema):
    """A person of the country whose profile says something else than a row, by its line in the file."""

    row = Integer(attribute="line")
    full_name = String()
    differences = List(Nested(DifferenceOut))


class ProfileChangeOut(AnswerSchema):
    """A change that a nominee was asked to confirm. `accepted`: null where it was not answered; `waits`: it still can
    be."""

    field = String(metadata={"enum": [field.value for field in ProfileField]})
    value = String()
    asked_at = Instant()
    accepted = Boolean(allow_none=True)
    waits = Boolean(attribute="is_open")


ProfileChangesOut = page_of(ProfileChangeOut, "ProfileChangesOut")
"""The latest changes that a nominee was asked to confirm."""


class NominatedOut(ImportAnswerOut):
    """The result of nominating, as of every import; and the ids of the new nominations by what became of them.

    `drafted`: the country's quota has no place left for them. `nomination`: the one that was sent as JSON. `differing`:
    people whose profiles say something else; `asked`: how many of them were asked to confirm it.
    """

    invited = List(String())
    submitted = List(String())
    drafted = List(String())
    differing = List(Nested(DifferingOut))
    asked = Integer()
    nomination = Nested(NominationOut, allow_none=True)


class DecisionIn(Schema):
    """The nominations to decide on. To reject them, send a `reason`; it is sent to the focal point."""

    ids = List(String(validate=Length(max=32)), required=True, validate=Length(min=1, max=MOST))
    decision = Enum(Decision, by_value=True, required=True)
    reason = String(load_default=None, allow_none=True, validate=Length(max=MAX_REASON))


class SkippedOut(AnswerSchema):
    """A nomination that was not decided, and why: `unknown` where there is none with this id."""

    id = String()
    why = String(metadata={"enum": ["unknown", *(state.value for state in DecidedState)]})


class DecidedOut(AnswerSchema):
    """How many nominations were decided, and which were skipped. `id`: of the decision, to read or undo it; null where
    nothing was decided."""

    id = String(allow_none=True)
    decided = Integer()
    skipped = List(Nested(SkippedOut))


class DecisionOut(AnswerSchema):
    """A decision on nominations. `counts`: how many of them are in each state, by the word for it."""

    id = String(attribute="batch.public_id")
    decision = String(attribute="batch.decision", metadata={"enum": [one.value for one in Decision]})
    reason = String(attribute="batch.reason")
    stage = String(metadata={"enum": [one.value for one in BatchStage]})
    confirmed_at = Instant(attribute="batch.confirmed_at", allow_none=True)
    confirmed_by = String(allow_none=True)
    undo_at = Instant(attribute="batch.undo_at", allow_none=True)
    undo_by = String(allow_none=True)
    nominations = Integer(attribute="batch.size")
    counts = Dict(keys=String(), values=Integer())


DecisionsOut = page_of(DecisionOut, "DecisionsOut")
"""The latest decisions."""


def letter_response(public_id: str, *, by: Actor) -> Response:
    """The letter of a nomination as an attachment, for those who nominate for its country.

    Raises NotFound, also where the nomination has no letter.
    """
    nomination = get_nomination(public_id, by=by)
    if not may_nominate(by, nomination.country_id):  # a reporter sees the nominations of all countries
        raise NotFound
    opened = files.reading(nomination.letter_key) if nomination.letter_key else None
    if opened is None or nomination.letter_type is None or nomination.letter_name is None:
        raise NotFound
    answer: Response = send_file(opened[0], MIME_TYPES[nomination.letter_type], conditional=False)
    answer.content_length = opened[1]
    plain = plain_name(nomination.letter_name, nomination.letter_type)
    whole = quote(nomination.letter_name, safe="")
    answer.headers["Content-Disposition"] = f"attachment; filename={plain}; filename*=UTF-8''{whole}"  # RFC 6266
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    answer.headers["Cache-Control"] = "private, no-store"
    answer.make_conditional(request)
    return answer
