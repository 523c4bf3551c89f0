"""Requests and responses of the API of people and tokens."""

from apiflask import Schema
from apiflask.fields import Boolean, Date, Enum, Integer, List, Nested, String
from apiflask.validators import Length
from marshmallow import ValidationError

from lms.core.text.i18n import _, find_translated
from lms.people.actions.merging import DETAILS
from lms.people.models import Gender, Sector
from lms.web.api.api import AnswerSchema, Instant
from lms.web.request.guards import SCOPES


def _check_scopes(names: list[str]) -> None:
    if not SCOPES.keys() >= set(names):
        raise ValidationError(_("Unknown scope. See the API documentation for the list."))


class TokenIn(Schema):
    """Address and password of the token's owner. `otp` is required with a second factor."""

    email = String(required=True, validate=Length(1, 320))
    password = String(required=True, validate=Length(1, 1000))
    otp = String(load_default=None, allow_none=True, validate=Length(max=64))
    name = String(load_default="", validate=Length(max=100))
    scopes = List(
        String(metadata={"enum": list(SCOPES)}),
        load_default=list,
        validate=_check_scopes,
        metadata={"description": "The scopes of the token. Without any, full access."},
    )


class TokenOut(AnswerSchema):
    """A token; `token` is shown this once."""

    token = String()
    id = String()
    expires_at = String(metadata={"format": "date-time"})


class PersonIn(Schema):
    """Changes to a profile; a key that is missing stays as it is."""

    full_name = String()
    native_name = String(allow_none=True)
    country = String(allow_none=True)
    country_from = Date()
    sector = String(allow_none=True)
    organisation = String(allow_none=True)
    job_title = String(allow_none=True)
    gender = String(allow_none=True)
    locale = String(metadata={"description": f"One of: {', '.join(find_translated())}."})
    time_zone = String(allow_none=True)


class NamedPersonIn(Schema):
    """A person by e-mail address, with what is known of them."""

    email = String()
    full_name = String(allow_none=True)
    native_name = String(allow_none=True)
    country = String(allow_none=True)
    sector = Enum(Sector, by_value=True, allow_none=True)
    organisation = String(allow_none=True)
    job_title = String(allow_none=True)
    gender = Enum(Gender, by_value=True, allow_none=True)


class MergeIn(Schema):
    """The other record of the same person, why they are one, and the details of it that are kept."""

    other = String(required=True, validate=Length(1, 64), metadata={"description": "The id of the other person."})
    reason = String(required=True, validate=Length(1, 500))
    keep = List(
        String(metadata={"enum": list(DETAILS)}),
        load_default=list,
        metadata={"description": "Details taken over from the other person. Without any, those of this person stay."},
    )
    enable = Boolean(
        load_default=False,
        metadata={"description": "Whether the account can be used where that of one of the two is disabled."},
    )
    current_password = String(
        load_default="",
        validate=Length(max=1000),
        metadata={"description": "Your own password. Needed where one of the two has a role."},
    )
    otp = String(
        load_default="",
        validate=Length(max=64),
        metadata={"description": "A code from your second factor, if you have one, with `current_password`."},
    )


class OtherPersonIn(Schema):
    """A person marked as different, or no longer so."""

    other = String(required=True, validate=Length(1, 64), metadata={"description": "The id of the other person."})


class DifferentOut(AnswerSchema):
    """Whether two people are marked as different."""

    different = Boolean()


class UndoMergeIn(Schema):
    """The merge that is undone, by its person."""

    other = String(required=True, validate=Length(1, 64), metadata={"description": "The id of the merged person."})


class MergeOut(AnswerSchema):
    """A merge in force: `merged` is known as `kept`."""

    kept = String()
    merged = String()
    merged_at = Instant(allow_none=True, metadata={"format": "date-time"})
    reason = String()
    taken_over = List(String(metadata={"enum": list(DETAILS)}), attribute="fields")


class DuplicateOut(AnswerSchema):
    """Someone who may be the same person. `score` is from 0 to 99. A weak match shares little but the name."""

    id = String(attribute="person.public_id")
    full_name = String(attribute="person.full_name")
    native_name = String(attribute="person.native_name", allow_none=True)
    email = String(attribute="person.email", allow_none=True)
    organisation = String(attribute="person.organisation", allow_none=True)
    country = String(attribute="person.country", allow_none=True)
    score = Integer(attribute="similarity.score")
    grade = String(attribute="similarity.grade", metadata={"enum": ["strong", "possible", "weak"]})
    reasons = List(String(), attribute="similarity.reasons")
    against = List(String(), attribute="similarity.against")


class DuplicatesOut(AnswerSchema):
    """Possible duplicates, the most alike first."""

    items = List(Nested(DuplicateOut))


class PersonOut(AnswerSchema):
    """A person. `country` is that of today."""

    id = String(attribute="person.public_id")
    email = String(allow_none=True)
    full_name = String(attribute="person.full_name")
    native_name = String(attribute="person.native_name", allow_none=True)
    country = String(attribute="country_code", allow_none=True)
    sector = String(attribute="person.sector", allow_none=True)
    organisation = String(attribute="person.organisation", allow_none=True)
    job_title = String(attribute="person.job_title", allow_none=True)
    gender = String(attribute="person.gender", allow_none=True)
    locale = String(attribute="person.locale")
    time_zone = String(attribute="person.time_zone", allow_none=True)
