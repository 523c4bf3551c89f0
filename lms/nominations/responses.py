"""The response that delivers a letter of endorsement, for the page and the API."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, request, send_file

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.storage import files
from lms.materials.file_kinds import MIME_TYPES
from lms.materials.rules import plain_name
from lms.nominations.queries.listing import get_nomination
from lms.nominations.rules import may_nominate


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
