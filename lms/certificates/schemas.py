"""Requests and responses of the certificates API, and certificates as files, for pages and the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Date, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf
from flask import Response, send_file
from marshmallow import post_dump

from lms.catalogue.models import CertificateKind
from lms.certificates import numbers
from lms.certificates.actions.bundles import FORMS
from lms.certificates.models import CertificateState
from lms.certificates.queries.certificates import ShownCertificate
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.core.base.errors import NotFound
from lms.core.storage import files
from lms.core.text.i18n import reader_locale
from lms.core.text.typesetting import can_draw
from lms.web.api.api import AnswerSchema, Instant, PageQuery, page_of
from lms.web.pages.locale import speaking
from lms.web.request.identity import current_actor

KINDS = [kind.value for kind in CertificateKind]
STATES = [state.value for state in CertificateState]
_STATE = {"number", "state"}
_PUBLIC = {*_STATE, "name", "series", "kind", "hours", "date", "replaced_by"}
GROUPS = [group.value for group in EarnerGroup]


class CertificateSchema(AnswerSchema):
    """A certificate. The public sees only the first seven fields and, where superseded, `replaced_by`; for a withdrawn
    one only number and state. The holder and staff see all fields.
    """

    number = String(metadata={"example": "SR-7K4M-92QF-XH3D-8PWN-N"})
    state = String(validate=OneOf(STATES))
    name = String(metadata={"optional": True})
    series = String(metadata={"optional": True, "description": "Title of the series as printed on the certificate."})
    kind = String(validate=OneOf(KINDS), metadata={"optional": True})
    hours = Float(metadata={"optional": True, "description": "Actual length of the lectures attended, to one decimal."})
    date = Date(attribute="issued_on", metadata={"optional": True})
    replaced_by = String(metadata={"optional": True})
    native_name = String(allow_none=True, metadata={"optional": True})
    replaces = String(allow_none=True, metadata={"optional": True})
    reason = String(allow_none=True, metadata={"optional": True})
    person = String(metadata={"optional": True, "description": "Public id of the holder."})

    @post_dump(pass_original=True)
    def leave_out(self, answer: dict[str, Any], shown: ShownCertificate, **_options: Any) -> dict[str, Any]:
        """Removes what the caller cannot see of the certificate."""
        if shown.replaced_by is None:
            del answer["replaced_by"]
        if shown.is_full:
            return answer
        names = _STATE if shown.state is CertificateState.WITHDRAWN else _PUBLIC
        return {name: value for name, value in answer.items() if name in names}


CertificateListSchema = page_of(CertificateSchema, "CertificateListSchema")
"""A page of the certificates of a series."""


class RecordSchema(AnswerSchema):
    """A learning record: a statement as of `made_at` that never changes. `changes` says what is no longer as it states.
    The record of an erased person is *withdrawn* and has no figures.
    """

    number = String(metadata={"example": "SR-7K4M-92QF-XH3D-8PWN-N"})
    state = String(validate=OneOf([CertificateState.VALID.value, CertificateState.WITHDRAWN.value]))
    made_at = Instant()
    sha256 = String(attribute="digest", metadata={"description": "Digest of the signed file, in hexadecimal digits."})
    name = String(attribute="content.name", metadata={"optional": True})
    lectures = Integer(attribute="content.attended", metadata={"optional": True, "description": "Lectures attended."})
    hours = Float(
        attribute="content.hours",
        metadata={"optional": True, "description": "Actual length of the lectures attended, to one decimal."},
    )
    series = Integer(attribute="content.series_count", metadata={"optional": True})
    checks = Integer(
        attribute="content.checks_passed", metadata={"optional": True, "description": "Knowledge checks passed."}
    )
    certificates = Integer(attribute="content.certificates", metadata={"optional": True})
    changes = List(String())


class RecordListSchema(AnswerSchema):
    """A person's learning records, the latest first, without `changes`."""

    items = List(Nested(RecordSchema(exclude=["changes"])))
    next = String(allow_none=True)


class IssueSchema(Schema):
    """The kind to issue. Defaults to the kind in the series' policy."""

    kind = String(load_default=None, allow_none=True, validate=OneOf(KINDS))


class AskedSchema(AnswerSchema):
    """The job. Follow it with `GET /api/v1/jobs/{id}`."""

    job = String()


class RevokeSchema(Schema):
    """The reason."""

    reason = String(required=True, validate=Length(1, 2000))


class PreviewQuery(PageQuery):
    """The group to list. Defaults to the first non-empty group."""

    show = String(load_default=None, validate=OneOf(GROUPS))


class MissingSchema(AnswerSchema):
    """The number of lectures and minutes that a person is short of, and the titles of the knowledge checks not passed.
    Minutes are rounded up; a title is empty where the policy asks for checks and none is published. `feedback`: it is
    all that is missing."""

    lectures = Integer()
    minutes = Integer()
    checks = List(String())
    feedback = Boolean()


class StandingSchema(AnswerSchema):
    """The progress of one person: what was attended and counted, what is missing, why it is blocked, and the
    certificate held.
    """

    person = String(metadata={"description": "Public id."})
    full_name = String()
    native_name = String(allow_none=True)
    attended = Integer(metadata={"description": "Lectures attended among those that count towards the certificate."})
    minutes = Integer()
    hours = Float(metadata={"description": "Actual length of the lectures attended, to one decimal."})
    lacks = Nested(MissingSchema, allow_none=True)
    reason = String(allow_none=True)
    number = String(allow_none=True, metadata={"description": "Number of the certificate already issued."})


class CountsSchema(AnswerSchema):
    """How many people are in each group. *One lecture short* (`misses`) and *unconfirmed* overlap with other groups.
    `misses` is 0 until the last lecture has been held.
    """

    earned = Integer()
    misses = Integer()
    blocked = Integer()
    unconfirmed = Integer()
    have = Integer()
    unearned = Integer()
    rest = Integer()


class PreviewSchema(AnswerSchema):
    """The effects of issuing now, with a page of one group in the order of names. `fault` blocks all certificates of
    the series.
    """

    kind = String(validate=OneOf(KINDS))
    lectures = Integer(metadata={"description": "Lectures that count towards the certificate, held or upcoming."})
    needed = Integer(metadata={"description": "Lectures that must be attended."})
    needed_minutes = Integer()
    enrolled = Integer()
    fault = String(allow_none=True)
    counts = Nested(CountsSchema)
    show = String(validate=OneOf(GROUPS))
    items = List(Nested(StandingSchema))
    next = String(allow_none=True)


class ToldSchema(AnswerSchema):
    """How many people get an e-mail now. Nobody is reminded twice."""

    told = Integer()


class BundleSchema(Schema):
    """All valid certificates in one file: separate signed PDFs (`zip`), or one PDF for printing."""

    form = String(required=True, validate=OneOf([*FORMS]))


@contextmanager
def drawable_language() -> Iterator[None]:
    """Renders what is within in English where no installed font has the letters of the reader's language."""
    language = reader_locale()
    with speaking(language if can_draw(language) else "en", None):
        yield


NUMBERS = "certificate-numbers"  # the scope in which guessing is throttled, over all routes
READS = "certificate-reads"  # the scope in which reading in public is


LISTS = "certificate-lists"  # the scope in which reading keys and lists of states is


def badge_answer(number: str, text: str) -> Response:
    """A badge as Open Badges 3.0 has it as a web resource: the compact JWS as plain text."""
    return _kept(number, Response(text, mimetype="text/plain"), "jwt")


def picture_answer(number: str, png: bytes) -> Response:
    """A badge inside a picture."""
    return _kept(number, Response(png, mimetype="image/png"), "png")


def public_answer(text: str, mimetype: str, *, seconds: int) -> Response:
    """Returns what verifiers anywhere read, from their own pages too, and may keep for so long."""
    answer = Response(text, mimetype=mimetype)
    if not current_actor().is_signed_in:
        answer.cache_control.public, answer.cache_control.max_age = True, seconds
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.add_etag()
    return answer


def pdf_answer(number: str, pdf: bytes) -> Response:
    """A file to keep, named by its number."""
    return _kept(number, Response(pdf, mimetype="application/pdf"), "pdf")


def bundle_answer(key: str, name: str) -> Response:
    """A file of all certificates of a series, piece by piece. Raises NotFound once it is gone."""
    opened = files.reading(key)
    if opened is None:
        raise NotFound
    answer: Response = send_file(opened[0], FORMS[name.rpartition(".")[2]], as_attachment=True, download_name=name)
    answer.content_length = opened[1]
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _kept(number: str, answer: Response, ending: str) -> Response:
    bare = numbers.parse(number) or ""
    answer.headers["Content-Disposition"] = f'attachment; filename="{numbers.write(bare)}.{ending}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
