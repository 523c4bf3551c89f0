"""What the API takes and gives of people and tokens."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Date, List, String
from apiflask.validators import Length
from marshmallow import ValidationError

from lms.core.i18n import _, find_translated
from lms.web.api import AnswerSchema
from lms.web.scopes import SCOPES


def _check_scopes(names: list[str]) -> None:
    if not SCOPES.keys() >= set(names):
        raise ValidationError(_("Unknown scope. See the API documentation for the list."))


class TokenIn(Schema):
    """Address and password of whom the token is for. `otp` is taken where a second factor is due."""

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
    """What changes of a profile; a key that is missing stays as it is."""

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


class PersonOut(AnswerSchema):
    """A person. `country` is that of today."""

    id = String()
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
