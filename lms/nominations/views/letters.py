"""Letters of endorsement, for those who may read them."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, request, send_file
from flask.typing import ResponseReturnValue

from lms.core import files
from lms.core.errors import NotFound
from lms.core.roles import Role
from lms.materials.file_kinds import MIME_TYPES
from lms.materials.rules import plain_name
from lms.nominations.queries.listing import get_nomination
from lms.nominations.views.blueprint import bp
from lms.web.guards import allow
from lms.web.identity import current_actor


@bp.get("/country/nominations/<public_id>/letter")
@allow(Role.FOCAL_POINT, Role.ADMINISTRATOR)
def letter(public_id: str) -> ResponseReturnValue:
    """Downloads the letter of endorsement of a nomination, for focal points of its country and administrators."""
    nomination = get_nomination(public_id, by=current_actor())
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
