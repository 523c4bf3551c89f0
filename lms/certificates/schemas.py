"""What the API of certificates takes and gives."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Date, Float, List, Nested, String
from apiflask.validators import Length, OneOf

from lms.catalogue.models import CertificateKind
from lms.certificates.models import CertificateState

KINDS = [kind.value for kind in CertificateKind]
STATES = [state.value for state in CertificateState]


class CertificateSchema(Schema):
    """In public exactly the first seven and, where superseded, `replaced_by`; of a withdrawn one number and state.

    The holder and staff see the rest too.
    """

    number = String(required=True, metadata={"example": "SR-7K4M-92QF-XH3D-8PWN-N"})
    state = String(required=True, validate=OneOf(STATES))
    name = String()
    series = String(metadata={"description": "Title of the series as on the certificate."})
    kind = String(validate=OneOf(KINDS))
    hours = Float(metadata={"description": "Actual length of the lectures attended, to one decimal."})
    date = Date()
    replaced_by = String()
    native_name = String(allow_none=True)
    replaces = String(allow_none=True)
    reason = String(allow_none=True)
    person = String(metadata={"description": "Public id of the holder."})


class CertificateListSchema(Schema):
    """A page of the certificates of a series."""

    items = List(Nested(CertificateSchema))
    next = String(allow_none=True)


class IssueSchema(Schema):
    """What to issue: the kind of the series' policy unless named."""

    kind = String(load_default=None, allow_none=True, validate=OneOf(KINDS))


class AskedSchema(Schema):
    """The job that issues; see `GET /api/v1/jobs/{id}`."""

    job = String()


class RevokeSchema(Schema):
    """Why."""

    reason = String(required=True, validate=Length(1, 2000))
