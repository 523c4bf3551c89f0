"""Answers to forms and scripts that upload a file, and files to save: of materials and of recordings."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request, send_file
from flask.typing import ResponseReturnValue

from lms.core.base.errors import DomainError, Invalid, NotFound
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.core.text.punctuation import gap
from lms.materials import resumable_uploads
from lms.materials.resumable_uploads import PIECE_BYTES, Purpose
from lms.materials.rules import plain_name, safe_name
from lms.web.forms.forms import BaseForm, byte_count
from lms.web.request.identity import current_actor


def wants_json() -> bool:
    """Whether the script of an upload asks, and not a form."""
    return request.accept_mimetypes.best == "application/json"


def form_as_json(form: BaseForm, status: int | None) -> ResponseReturnValue:
    """Whether a form was saved and the reasons why not, for the script of an upload."""
    reasons = [*form.form_errors, *(reason for field in form for reason in field.errors)]
    return jsonify(saved=status is None, reason=gap().join(map(str, reasons))), status or 200


def answer_begin(lecture_id: int, purpose: Purpose) -> ResponseReturnValue:
    """The answer to a page that begins an upload in pieces."""
    size, modified = (request.form.get(name, 0, type=byte_count) for name in ("size", "modified"))
    try:
        upload = resumable_uploads.begin_upload(
            lecture_id, request.form.get("name", ""), size, modified, purpose=purpose, by=current_actor()
        )
    except DomainError as error:
        return refused_upload(error)
    return jsonify(id=upload.id, received=upload.received, saved=upload.is_saved)


def answer_piece(lecture_id: int, upload_id: str, purpose: Purpose) -> ResponseReturnValue:
    """The answer to a page that sends a piece of an upload."""
    piece, offset = request.files.get("piece"), request.form.get("offset", 0, type=byte_count)
    try:
        content = piece.read() if piece is not None else b""
        received = resumable_uploads.append_piece(
            lecture_id, upload_id, offset, content, purpose=purpose, by=current_actor()
        )
    except DomainError as error:
        return refused_upload(error)
    return jsonify(received=received)


def refused_upload(error: DomainError) -> ResponseReturnValue:
    """The answer of an upload in pieces that is refused."""
    if not error.message or error.status >= 500:
        raise error
    return jsonify(reason=error.message), error.status


def upload_script(address: str, megabytes: int) -> dict[str, Any]:
    """Returns what the script of a form with a file reads from it."""
    return {
        "data_upload": address,
        "data_megabytes": megabytes,
        "data_piece": PIECE_BYTES,
        "data_sending": _("Uploading"),
        "data_checking": _("Checking the file"),
        "data_done": _("Uploaded"),
        "data_of": _("{sent} of {all} MB"),
        "data_large": _("The file is larger than %(n)s MB.", n=megabytes),
        "data_goes_on": _("If your connection breaks, the upload continues where it stopped."),
        "data_waiting": _("The connection was lost. The upload continues as soon as it is back."),
        "data_broken": _("The connection was lost. What was uploaded is kept for a day."),
        "data_again": _("Continue"),
        "data_cancel": _("Cancel"),
        "data_cancelled": _("Cancelled. Nothing was saved."),
    }


def attempt_file(form: BaseForm, work: Any) -> int | None:
    """As `form.attempt`; errors about the content of a file appear at its field, with their status."""
    try:
        return form.attempt(work)
    except DomainError as error:
        if not error.message or error.status >= 500:
            raise
        form.take(Invalid("file", error.message))
        return error.status


def deliver(
    key: str, file_name: str, kind: str, *, mime_type: str, etag: str, last_modified: datetime | None = None
) -> Response:
    """A stored file to save, whole or in ranges. Raises NotFound."""
    opened = files.reading(key)
    if opened is None:
        raise NotFound
    content, size = opened
    answer: Response = send_file(content, mime_type, conditional=False, etag=etag, last_modified=last_modified)
    answer.content_length = size
    plain, whole_name = (name(file_name, kind) for name in (plain_name, safe_name))
    named = f"attachment; filename={plain}; filename*=UTF-8''{quote(whole_name, safe='')}"  # RFC 6266, section 4.3
    answer.headers["Content-Disposition"] = named
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    answer.headers["Cache-Control"] = "private, no-store"
    answer.make_conditional(request, accept_ranges=True, complete_length=size)
    return answer
