"""What the API of certificates takes and gives."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Date, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf

from lms.catalogue.models import CertificateKind
from lms.certificates.actions.bundles import FORMS
from lms.certificates.models import CertificateState
from lms.certificates.queries.eligibility import Group
from lms.web.api import AnswerSchema, PageQuery

KINDS = [kind.value for kind in CertificateKind]
STATES = [state.value for state in CertificateState]
GROUPS = [group.value for group in Group]


class CertificateSchema(AnswerSchema):
    """In public exactly the first seven and, where superseded, `replaced_by`; of a withdrawn one number and state.

    The holder and staff see the rest too.
    """

    number = String(metadata={"example": "SR-7K4M-92QF-XH3D-8PWN-N"})
    state = String(validate=OneOf(STATES))
    name = String(metadata={"optional": True})
    series = String(metadata={"optional": True, "description": "Title of the series as on the certificate."})
    kind = String(validate=OneOf(KINDS), metadata={"optional": True})
    hours = Float(metadata={"optional": True, "description": "Actual length of the lectures attended, to one decimal."})
    date = Date(metadata={"optional": True})
    replaced_by = String(metadata={"optional": True})
    native_name = String(allow_none=True, metadata={"optional": True})
    replaces = String(allow_none=True, metadata={"optional": True})
    reason = String(allow_none=True, metadata={"optional": True})
    person = String(metadata={"optional": True, "description": "Public id of the holder."})


class CertificateListSchema(AnswerSchema):
    """A page of the certificates of a series."""

    items = List(Nested(CertificateSchema))
    next = String(allow_none=True)


class IssueSchema(Schema):
    """What to issue: the kind of the series' policy unless named."""

    kind = String(load_default=None, allow_none=True, validate=OneOf(KINDS))


class AskedSchema(AnswerSchema):
    """The job that does it; how far it is says `GET /api/v1/jobs/{id}`."""

    job = String()


class RevokeSchema(Schema):
    """Why."""

    reason = String(required=True, validate=Length(1, 2000))


class PreviewQuery(PageQuery):
    """Of which group the people are listed: the first that has anybody unless named."""

    show = String(load_default=None, validate=OneOf(GROUPS))


class MissingSchema(AnswerSchema):
    """What somebody lacks; a started minute as a whole one."""

    lectures = Integer()
    minutes = Integer()


class StandingSchema(AnswerSchema):
    """Where somebody stands: what was attended and counted, what is lacking, why it is blocked, what is held."""

    person = String(metadata={"description": "Public id."})
    full_name = String()
    native_name = String(allow_none=True)
    attended = Integer(metadata={"description": "Lectures attended of those that the certificate is measured by."})
    minutes = Integer()
    hours = Float(metadata={"description": "Actual length of the lectures attended, to one decimal."})
    lacks = Nested(MissingSchema, allow_none=True)
    reason = String(allow_none=True)
    number = String(allow_none=True, metadata={"description": "Of the certificate that is held."})


class CountsSchema(AnswerSchema):
    """How many are in each group; *just missing* (`misses`) and *unconfirmed* overlap with others.

    Nobody just misses it before the last lecture was held: `misses` is then 0.
    """

    earned = Integer()
    misses = Integer()
    blocked = Integer()
    unconfirmed = Integer()
    have = Integer()
    unearned = Integer()
    rest = Integer()


class PreviewSchema(AnswerSchema):
    """What issuing now would do, with a page of one group in the order of names; `fault` stops all of the series."""

    kind = String(validate=OneOf(KINDS))
    lectures = Integer(metadata={"description": "Held or still to come, by which the certificate is measured."})
    needed = Integer(metadata={"description": "Lectures to be attended."})
    needed_minutes = Integer()
    enrolled = Integer()
    fault = String(allow_none=True)
    counts = Nested(CountsSchema)
    show = String(validate=OneOf(GROUPS))
    items = List(Nested(StandingSchema))
    next = String(allow_none=True)


class ToldSchema(AnswerSchema):
    """To how many a mail goes now; nobody is reminded twice."""

    told = Integer()


class BundleSchema(Schema):
    """All certificates that hold in one file: each as a signed PDF (`zip`), or one PDF to print."""

    form = String(required=True, validate=OneOf([*FORMS]))
