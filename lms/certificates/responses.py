"""Responses that deliver a certificate's file, for pages and the API."""

from __future__ import annotations

from flask import Response, send_file

from lms.certificates import numbers
from lms.certificates.actions.bundles import FORMS
from lms.core.base.errors import NotFound
from lms.core.storage import files
from lms.web.request.identity import current_actor

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
    """What verifiers anywhere read, from their own pages too, and may keep for so long."""
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
