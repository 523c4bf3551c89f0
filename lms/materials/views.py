"""Pages for the files of a lecture: the list for its staff, and the files themselves for those who can open them."""

from collections.abc import Callable
from typing import Any, BinaryIO

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from lms.core.base.errors import NotFound
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.materials import actions, resumable_uploads
from lms.materials.file_kinds import MIME_TYPES
from lms.materials.forms import AUDIENCES, EditFileForm, ReplaceForm, UploadForm
from lms.materials.models import Audience, LectureFile
from lms.materials.queries import FileView, get_file_to_open, get_files_to_edit
from lms.materials.resumable_uploads import MATERIAL, PIECE_BYTES, finish_upload, list_unfinished
from lms.materials.upload_answers import (
    answer_begin,
    answer_piece,
    attempt_file,
    deliver,
    form_as_json,
    upload_script,
    wants_json,
)
from lms.web.forms.forms import BaseForm, whole
from lms.web.pages.time import number
from lms.web.request.bodies import FORM_BYTES, body_limit, material_limit
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)

bp = Blueprint("materials", __name__, template_folder="templates")


@bp.app_template_filter("file_size")
def file_size(size: int) -> str:
    """A size in bytes as people say it: 310 kB, 4.2 MB."""
    if size < 1_000_000:
        return _("%(n)s kB", n=max(1, round(size / 1000)))
    return _("%(n)s MB", n=number(round(size / 1_000_000, 1 if size < 10_000_000 else None)))


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


@bp.post("/lectures/<int:lecture_id>/uploads")
@allow(*STAFF)
@body_limit(FORM_BYTES)
def begin_upload(lecture_id: int) -> ResponseReturnValue:
    """Begins an upload in pieces, or continues that of the same `name`, `size` and time (`modified`). Answers
    `{"id": …, "received": …, "saved": …}`, or `{"reason": …}`."""
    return answer_begin(lecture_id, MATERIAL)


@bp.post("/lectures/<int:lecture_id>/uploads/<upload_id>")
@allow(*STAFF)
@body_limit(PIECE_BYTES + FORM_BYTES)
def append_piece(lecture_id: int, upload_id: str) -> ResponseReturnValue:
    """Adds a `piece` to an upload from the byte `offset` on. Answers `{"received": …}`: how many bytes there are. Where
    that is another number than the sender thought, the sender goes on from there."""
    return answer_piece(lecture_id, upload_id, MATERIAL)


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
