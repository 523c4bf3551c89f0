"""Pages for the files of a lecture: the list for its staff, and the files themselves for those who can open them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import quote

from flask import (
    Blueprint,
    Response,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue

from lms.core import clock, files
from lms.core.errors import DomainError, Invalid, NotFound
from lms.core.i18n import _
from lms.core.roles import Role
from lms.core.settings import settings
from lms.materials import actions, resumable_uploads
from lms.materials.file_kinds import MIME_TYPES
from lms.materials.forms import AUDIENCES, EditFileForm, ReplaceForm, UploadForm
from lms.materials.models import Audience, LectureFile
from lms.materials.queries import FileView, get_file_to_open, get_files_to_edit
from lms.materials.resumable_uploads import MATERIAL, PIECE_BYTES, Purpose, finish_upload, list_unfinished
from lms.materials.rules import plain_name, safe_name
from lms.web.body_limits import FORM_BYTES, body_limit, material_limit
from lms.web.forms import BaseForm
from lms.web.guards import ANYONE, allow
from lms.web.identity import current_actor
from lms.web.numbers import byte_count, whole

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)

bp = Blueprint("materials", __name__, template_folder="templates")


@bp.app_template_filter("file_size")
def file_size(size: int) -> str:
    """A size in bytes as people say it: 310 kB, 4.2 MB."""
    if size < 1_000_000:
        return _("%(n)s kB", n=max(1, round(size / 1000)))
    return _("%(n)s MB", n=round(size / 1_000_000, 1 if size < 10_000_000 else None))


def _list(lecture_id: int, form: UploadForm, status: int = 200) -> ResponseReturnValue:
    lecture, file_list = get_files_to_edit(lecture_id, by=current_actor())
    page = render_template(
        "materials/files.html",
        lecture=lecture,
        files=file_list,
        unfinished=list_unfinished(lecture_id, by=current_actor()),
        script=_script(lecture_id),
        form=form,
        audiences=AUDIENCES,
        megabytes=settings().max_material_mb,
    )
    return page, status


@bp.get("/lectures/<int:lecture_id>/files")
@allow(*STAFF)
def lecture_files(lecture_id: int) -> ResponseReturnValue:
    """The files of a lecture, with a form to upload more, for its staff."""
    return _list(lecture_id, UploadForm())


@bp.post("/lectures/<int:lecture_id>/files")
@allow(*STAFF)
@material_limit
def upload(lecture_id: int) -> ResponseReturnValue:
    """Uploads a file. Answers programs that accept JSON alone with `{"saved": …, "reason": …}`."""
    by, at, form = current_actor(), clock.now(), UploadForm()

    def save(content: BinaryIO, name: str) -> str:
        return actions.upload_file(lecture_id, content, name, Audience(form.audience.data), by=by, at=at)

    status = attempt_file(form, lambda: _save(lecture_id, form, save))
    if wants_json():
        return form_as_json(form, status)
    if status is not None:
        return _list(lecture_id, form, status)
    flash(_("File uploaded."), "done")
    return redirect(url_for(".lecture_files", lecture_id=lecture_id), 303)


def _save(lecture_id: int, form: UploadForm | ReplaceForm, save: Callable[[BinaryIO, str], str]) -> None:
    """Saves the file of a form, or the upload in pieces that it names."""
    if form.upload.data:
        finish_upload(lecture_id, form.upload.data, save, by=current_actor())
    else:
        save(form.file.data.stream, form.file.data.filename or "")


def wants_json() -> bool:
    """Whether the script of an upload asks, and not a form."""
    return request.accept_mimetypes.best == "application/json"


def form_as_json(form: BaseForm, status: int | None) -> ResponseReturnValue:
    """Whether a form was saved and the reasons why not, for the script of an upload."""
    reasons = [*form.form_errors, *(reason for field in form for reason in field.errors)]
    return jsonify(saved=status is None, reason=" ".join(map(str, reasons))), status or 200


@bp.post("/lectures/<int:lecture_id>/uploads")
@allow(*STAFF)
@body_limit(FORM_BYTES)
def begin_upload(lecture_id: int) -> ResponseReturnValue:
    """Begins an upload in pieces, or continues that of the same `name`, `size` and time (`modified`). Answers
    `{"id": …, "received": …, "saved": …}`, or `{"reason": …}`."""
    return answer_begin(lecture_id, MATERIAL)


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


@bp.post("/lectures/<int:lecture_id>/uploads/<upload_id>")
@allow(*STAFF)
@body_limit(PIECE_BYTES + FORM_BYTES)
def append_piece(lecture_id: int, upload_id: str) -> ResponseReturnValue:
    """Adds a `piece` to an upload from the byte `offset` on. Answers `{"received": …}`: how many bytes there are. Where
    that is another number than the sender thought, the sender goes on from there."""
    return answer_piece(lecture_id, upload_id, MATERIAL)


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


@bp.post("/lectures/<int:lecture_id>/uploads/<upload_id>/discard")
@allow(*STAFF)
def discard_upload(lecture_id: int, upload_id: str) -> ResponseReturnValue:
    """Discards what was received of an unfinished upload."""
    resumable_uploads.discard_upload(lecture_id, upload_id, by=current_actor())
    if not wants_json():
        flash(_("Unfinished upload discarded."), "done")
    return redirect(url_for(".lecture_files", lecture_id=lecture_id, _anchor="upload"), 303)


def _script(lecture_id: int) -> dict[str, Any]:
    return upload_script(url_for(".begin_upload", lecture_id=lecture_id), settings().max_material_mb)


def upload_script(address: str, megabytes: int) -> dict[str, Any]:
    """What the script of a form with a file reads from it."""
    return {
        "data_upload": address,
        "data_megabytes": megabytes,
        "data_piece": PIECE_BYTES,
        "data_sending": _("Uploading"),
        "data_checking": _("Checking the file"),
        "data_done": _("Uploaded"),
        "data_of": _("{sent} of {all} MB"),
        "data_large": _("This file is larger than %(n)s MB.", n=megabytes),
        "data_goes_on": _("If your connection breaks, the upload continues where it stopped."),
        "data_waiting": _("The connection broke off. The upload continues as soon as it is back."),
        "data_broken": _("The connection broke off. What was uploaded is kept for a day."),
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


@bp.get("/lectures/<int:lecture_id>/files/<file_id>")
@allow(ANYONE)
def file(lecture_id: int, file_id: str) -> ResponseReturnValue:
    """A file, whole or in ranges, for those who can open it. Others who are not signed in are asked to."""
    by = current_actor()
    try:
        row, is_staff = get_file_to_open(lecture_id, file_id, by=by)
    except NotFound:
        if by.is_signed_in:
            raise
        return redirect(url_for("people.sign_in", next=request.path))
    answer = _delivered(row)
    is_begun = answer.status_code == 200 or request.headers.get("Range", "").startswith("bytes=0-")
    if request.method == "GET" and answer.status_code in {200, 206} and is_begun and not is_staff:
        actions.count_download(row.id)
    return answer


def _delivered(row: LectureFile) -> Response:
    return deliver(
        row.key,
        row.file_name,
        row.kind,
        mime_type=MIME_TYPES[row.kind],
        etag=row.digest[:32],
        last_modified=row.uploaded_at,
    )


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


def _file_of_page(lecture_id: int, file_id: str) -> tuple[Any, FileView]:
    lecture, file_list = get_files_to_edit(lecture_id, by=current_actor())
    shown = next((one for one in file_list if one.public_id == file_id), None)
    if shown is None:
        raise NotFound
    return lecture, shown


def _edit_page(lecture_id: int, file_id: str, status: int = 200, **forms: BaseForm) -> ResponseReturnValue:
    lecture, shown = _file_of_page(lecture_id, file_id)
    given: dict[str, Any] = {
        "edit_form": EditFileForm(formdata=None, title=shown.title, audience=shown.audience.value),
        "replace_form": ReplaceForm(formdata=None),
    }
    page = render_template(
        "materials/file.html",
        lecture=lecture,
        file=shown,
        megabytes=settings().max_material_mb,
        script=_script(lecture_id),
        **given | forms,
    )
    return page, status


@bp.route("/lectures/<int:lecture_id>/files/<file_id>/edit", methods=["GET", "POST"])
@allow(*STAFF)
def edit_file(lecture_id: int, file_id: str) -> ResponseReturnValue:
    """Changes the name of a file and who can open it."""
    if request.method == "GET":
        return _edit_page(lecture_id, file_id)
    form, by, at = EditFileForm(), current_actor(), clock.now()

    def work() -> None:
        actions.edit_file(lecture_id, file_id, form.title.data or "", Audience(form.audience.data), by=by, at=at)

    status = form.attempt(work)
    if status is not None:
        return _edit_page(lecture_id, file_id, status, edit_form=form)
    flash(_("Changes saved."), "done")
    return redirect(url_for(".lecture_files", lecture_id=lecture_id), 303)


@bp.post("/lectures/<int:lecture_id>/files/<file_id>/content")
@allow(*STAFF)
@material_limit
def replace_file(lecture_id: int, file_id: str) -> ResponseReturnValue:
    """Replaces the content of a file. Answers programs that accept JSON alone as uploading does."""
    form, by, at = ReplaceForm(), current_actor(), clock.now()

    def save(content: BinaryIO, name: str) -> str:
        actions.replace_file(lecture_id, file_id, content, name, by=by, at=at)
        return file_id

    status = attempt_file(form, lambda: _save(lecture_id, form, save))
    if status is None:
        flash(_("File replaced."), "done")
    if wants_json():
        return form_as_json(form, status)
    if status is not None:
        return _edit_page(lecture_id, file_id, status, replace_form=form)
    return redirect(url_for(".lecture_files", lecture_id=lecture_id), 303)


@bp.post("/lectures/<int:lecture_id>/files/<file_id>/move")
@allow(*STAFF)
def move_file(lecture_id: int, file_id: str) -> ResponseReturnValue:
    """Moves a file to the place in the list that `place` names, counted from 1."""
    place = request.form.get("place", 1, type=whole)
    actions.move_file(lecture_id, file_id, place, by=current_actor(), at=clock.now())
    return redirect(url_for(".lecture_files", lecture_id=lecture_id, _anchor="files"), 303)


@bp.route("/lectures/<int:lecture_id>/files/<file_id>/remove", methods=["GET", "POST"])
@allow(*STAFF)
def remove_file(lecture_id: int, file_id: str) -> ResponseReturnValue:
    """Says what is lost with a file and asks before it is removed."""
    if request.method == "GET":
        lecture, shown = _file_of_page(lecture_id, file_id)
        return render_template("materials/remove.html", lecture=lecture, file=shown)
    actions.remove_file(lecture_id, file_id, by=current_actor(), at=clock.now())
    flash(_("File removed."), "done")
    return redirect(url_for(".lecture_files", lecture_id=lecture_id), 303)
