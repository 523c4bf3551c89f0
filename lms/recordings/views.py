"""Pages of recordings for staff: one of each lecture, and the administrators' list of all."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired

from lms.attendance.queries.sessions import awaiting_report
from lms.catalogue.models import LectureState
from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.base.settings import settings
from lms.core.storage.programs import find_ffmpeg
from lms.core.text.i18n import _, _l, _lp, _n
from lms.core.time import clock
from lms.mail.stops import register_outdated
from lms.materials.forms import FileOrUpload
from lms.materials.resumable_uploads import PIECE_BYTES, discard_upload, list_unfinished
from lms.materials.upload_answers import (
    answer_begin,
    answer_piece,
    attempt_file,
    deliver,
    form_as_json,
    upload_script,
    wants_json,
)
from lms.recordings import actions, uploads
from lms.recordings.caption_files import MOST_BYTES
from lms.recordings.queries import (
    KINDS,
    RecordingRow,
    RecordingState,
    RecordingView,
    download_key,
    find_download_job,
    get_ready_recording,
    get_recording,
    list_caption_tracks,
    list_recordings,
    outdated_mails,
)
from lms.recordings.replays import find_replays, short_words, threshold_of
from lms.recordings.rules import MAX_CHAPTERS, NOTICE, write_chapters
from lms.streaming.addresses import media_address
from lms.streaming.rules import clock_time
from lms.web.forms.forms import BaseForm, KnownChoice, flash_refusal
from lms.web.forms.languages import language_choices
from lms.web.lists.parts import Chip, Column, FileColumn, read_selection
from lms.web.lists.routes import list_files, list_page
from lms.web.lists.view import ListView
from lms.web.request.bodies import FORM_BYTES, body_limit, material_limit
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)

bp = Blueprint("recordings", __name__, template_folder="templates")
bp.add_app_template_filter(clock_time, "clock_time")


def init_app(app: Flask) -> None:
    """Stops e-mails about recordings that were removed meanwhile."""
    register_outdated(app, ["replay_open"], outdated_mails)


def _page(lecture_id: int, status: int = 200, **forms: BaseForm) -> ResponseReturnValue:
    by = current_actor()
    recording = get_recording(lecture_id, by=by, at=clock.now())
    page = render_template(
        "recordings/recording.html",
        recording=recording,
        lecture=recording.lecture,
        unfinished=list_unfinished(lecture_id, purpose=uploads.PURPOSE, by=by),
        media=media_address(lecture_id, recording.folder, at=recording.at) if recording.folder else "",
        can_package=find_ffmpeg() is not None,
        script=_script(lecture_id),
        max_chapters=MAX_CHAPTERS,
        caption_tracks=list_caption_tracks(recording.stream.id) if recording.stream else [],
        most_caption_megabytes=MOST_BYTES // 1024 // 1024,
        whole_megabytes=settings().max_material_mb,
        megabytes=settings().max_recording_mb,
        **_replay_of(recording),
        **_download_of(recording),
        **_forms_of(recording) | forms,
    )
    return page, status


def _replay_of(recording: RecordingView) -> dict[str, Any]:
    """Whether watching the recording counts, and the words where it is too short: `needed` and `length` in
    milliseconds, null where no replay counts."""
    lecture = recording.lecture
    threshold = threshold_of(lecture) if lecture.state is LectureState.HELD else None
    needed, length = threshold or (None, None)
    short = None
    if recording.state is RecordingState.READY:
        replay = find_replays([lecture.id]).get(lecture.id)
        short = replay.short_words if replay is not None and replay.is_too_short else None
    elif recording.source is not None and threshold and (recording.source.length_ms or threshold[0]) < threshold[0]:
        short = short_words(recording.source.length_ms or 0, *threshold)
    return {
        "needed": needed,
        "length": length,
        "short": short,
        "awaits_report": (recording.stream is None or recording.stream.is_uploaded)
        and bool(awaiting_report([lecture.id])),
    }


def _script(lecture_id: int) -> dict[str, Any]:
    address = url_for(".begin_upload", lecture_id=lecture_id)
    return {
        **upload_script(address, settings().max_recording_mb),
        "data_next": url_for(".recording", lecture_id=lecture_id),
    }


def _download_of(recording: RecordingView) -> dict[str, Any]:
    """The task that makes the file for download, and the size of the file once it is there."""
    if recording.state is not RecordingState.READY or recording.stream is None:
        return {"job": None, "download_size": 0}
    return {
        "job": find_download_job(recording.lecture.id, recording.fingerprint),
        "download_size": recording.download_size,
    }


def _forms_of(recording: RecordingView) -> dict[str, Any]:
    stream = recording.stream
    start_ms, end_ms = (stream.trim_from_ms, stream.trim_until_ms) if stream else (None, None)
    return {
        "trim_form": TrimForm(
            formdata=None,
            start=clock_time(start_ms) if start_ms is not None else "",
            end=clock_time(end_ms) if end_ms is not None else "",
        ),
        "captions_form": CaptionsForm(formdata=None, language=recording.lecture.language),
        "chapters_form": ChaptersForm(formdata=None, chapters=write_chapters(stream.chapters) if stream else ""),
        "upload_form": RecordingUploadForm(formdata=None),
    }


def _to_page(lecture_id: int, anchor: str | None = None) -> ResponseReturnValue:
    return redirect(url_for(".recording", lecture_id=lecture_id, _anchor=anchor), 303)


@bp.get("/lectures/<int:lecture_id>/recording")
@allow(*STAFF)
def recording(lecture_id: int) -> ResponseReturnValue:
    """The recording of a lecture, for its staff: its state, download, trimming, chapters, upload and removal."""
    return _page(lecture_id)


@bp.post("/lectures/<int:lecture_id>/recording/trim")
@allow(*STAFF)
def trim(lecture_id: int) -> ResponseReturnValue:
    """Sets where the replay starts (`start`) and ends (`end`), as h:mm:ss; without both it shows all."""
    form, by, at = TrimForm(), current_actor(), clock.now()

    def work() -> None:
        accepted = bool(form.is_short_accepted.data)
        actions.trim(lecture_id, form.start.data or "", form.end.data or "", is_short_accepted=accepted, by=by, at=at)

    status = form.attempt(work)
    if status is not None:
        return _page(lecture_id, status, trim_form=form)
    shown = get_ready_recording(lecture_id, by=by, at=at)
    is_trimmed = shown.stream is not None and shown.stream.is_trimmed
    flash(
        _(
            "Saved. Viewers see %(shown)s of %(length)s.",
            shown=clock_time(shown.shown_ms),
            length=clock_time(shown.length_ms),
        )
        if is_trimmed
        else _("Saved. Viewers see the whole recording."),
        "done",
    )
    return _to_page(lecture_id, "trim")


@bp.post("/lectures/<int:lecture_id>/recording/chapters")
@allow(*STAFF)
def chapters(lecture_id: int) -> ResponseReturnValue:
    """Replaces the `chapters`: one on each line, a time and a title."""
    form, by, at = ChaptersForm(), current_actor(), clock.now()
    status = form.attempt(lambda: actions.set_chapters(lecture_id, form.chapters.data or "", by=by, at=at))
    if status is not None:
        return _page(lecture_id, status, chapters_form=form)
    flash(_("Chapters saved."), "done")
    return _to_page(lecture_id, "edit-chapters")


@bp.post("/lectures/<int:lecture_id>/recording/captions")
@allow(*STAFF)
def captions(lecture_id: int) -> ResponseReturnValue:
    """Replaces the captions in a `language` by those of a `file` (WebVTT or SubRip)."""
    form, by, at = CaptionsForm(), current_actor(), clock.now()
    count = 0

    def work() -> None:
        nonlocal count
        assert form.file.data is not None
        assert form.language.data is not None
        content = form.file.data.read(MOST_BYTES + 1)
        are_of_replay = form.times.data != "recording"
        count = actions.set_captions(lecture_id, form.language.data, content, are_of_replay=are_of_replay, by=by, at=at)

    status = form.attempt(work)
    if status is not None:
        return _page(lecture_id, status, captions_form=form)
    flash(_n("Saved. %(num)s caption was read.", "Saved. %(num)s captions were read.", count), "done")
    return _to_page(lecture_id, "edit-captions")


@bp.post("/lectures/<int:lecture_id>/recording/captions/<language>/remove")
@allow(*STAFF)
def remove_captions(lecture_id: int, language: str) -> ResponseReturnValue:
    """Removes the captions in one language."""
    actions.remove_captions(lecture_id, language, by=current_actor(), at=clock.now())
    flash(_("Captions removed."), "done")
    return _to_page(lecture_id, "edit-captions")


@bp.post("/lectures/<int:lecture_id>/recording/download")
@allow(*STAFF)
def prepare_download(lecture_id: int) -> ResponseReturnValue:
    """Has one MP4 file made of the recording, in a task."""
    with flash_refusal():
        actions.request_download(lecture_id, by=current_actor(), at=clock.now())
    return _to_page(lecture_id, "download")


@bp.get("/lectures/<int:lecture_id>/recording.mp4")
@allow(*STAFF)
def download(lecture_id: int) -> ResponseReturnValue:
    """The recording as one MP4 file, once it was prepared."""
    shown = get_ready_recording(lecture_id, by=current_actor(), at=clock.now())
    assert shown.stream is not None
    key = download_key(shown.stream, shown.fingerprint)
    return deliver(key, f"{shown.lecture.title}.mp4", "mp4", mime_type="video/mp4", etag=shown.fingerprint)


@bp.route("/lectures/<int:lecture_id>/recording/remove", methods=["GET", "POST"])
@allow(*STAFF)
def remove(lecture_id: int) -> ResponseReturnValue:
    """Says what is lost with a recording and asks before it is removed."""
    by, at = current_actor(), clock.now()
    shown = get_recording(lecture_id, by=by, at=at)
    if shown.stream is None or shown.state in (RecordingState.NONE, RecordingState.LIVE):
        raise NotFound
    if request.method == "GET":
        return render_template("recordings/remove.html", lecture=shown.lecture, recording=shown)
    actions.remove(lecture_id, by=by, at=at)
    flash(_("Recording removed."), "done")
    return _to_page(lecture_id)


# Uploads


@bp.post("/lectures/<int:lecture_id>/recording/upload")
@allow(*STAFF)
@material_limit
def upload(lecture_id: int) -> ResponseReturnValue:
    """Takes a recording made elsewhere: a `file`, or the `upload` that it came in. Answers programs that accept JSON
    alone with `{"saved": …, "reason": …}`."""
    form, by, at = RecordingUploadForm(), current_actor(), clock.now()

    def work() -> None:
        if form.upload.data:
            uploads.finish(lecture_id, form.upload.data, by=by, at=at)
        else:
            uploads.upload_whole(lecture_id, form.file.data.stream, form.file.data.filename or "", by=by, at=at)

    status = attempt_file(form, work)
    if status is None:
        flash(_("Recording uploaded. It can be watched once it is packaged."), "done")
    if wants_json():
        return form_as_json(form, status)
    if status is not None:
        return _page(lecture_id, status, upload_form=form)
    return _to_page(lecture_id)


@bp.post("/lectures/<int:lecture_id>/recording/uploads")
@allow(*STAFF)
@body_limit(FORM_BYTES)
def begin_upload(lecture_id: int) -> ResponseReturnValue:
    """Begins to upload a recording in pieces, or continues, as with files of lectures."""
    return answer_begin(lecture_id, uploads.PURPOSE)


@bp.post("/lectures/<int:lecture_id>/recording/uploads/<upload_id>")
@allow(*STAFF)
@body_limit(PIECE_BYTES + FORM_BYTES)
def append_piece(lecture_id: int, upload_id: str) -> ResponseReturnValue:
    """Adds a `piece` to the upload of a recording, as with files of lectures."""
    return answer_piece(lecture_id, upload_id, uploads.PURPOSE)


@bp.post("/lectures/<int:lecture_id>/recording/uploads/<upload_id>/discard")
@allow(*STAFF)
def discard(lecture_id: int, upload_id: str) -> ResponseReturnValue:
    """Discards what was received of an unfinished upload."""
    discard_upload(lecture_id, upload_id, purpose=uploads.PURPOSE, by=current_actor())
    if not wants_json():
        flash(_("Unfinished upload discarded."), "done")
    return _to_page(lecture_id, "upload")


# All recordings


@list_page(bp, "/admin/recordings", Role.ADMINISTRATOR)
@list_files(bp, "/admin/recordings", Role.ADMINISTRATOR)
class Recordings(ListView[RecordingRow]):
    """Lists all recordings with length, size and the day on which each is deleted."""

    endpoint, template, title = "recordings.recordings", "recordings/recordings.html", _l("Recordings")
    text_label = _l("Lecture or series")
    filters = {"kind": frozenset(KINDS)}
    order = "deletes"
    columns = (
        Column("title", _l("Lecture"), _l("A to Z"), _l("Z to A")),
        Column("series", _l("Series"), _l("A to Z"), _l("Z to A"), place="under"),
        Column("ended", _lp("date", "Held"), _l("newest first"), _l("oldest first"), True, place="wide"),
        Column("length", _l("Length"), _l("longest first"), _l("shortest first"), True, True, "wide"),
        Column("size", _l("Size"), _l("largest first"), _l("smallest first"), True, True, "fig"),
        Column("deletes", _l("Deleted on"), _l("soonest first"), _l("latest first"), place="state"),
    )  # fmt: skip
    chips_filter = "kind"
    bulk_endpoint = "recordings.keep"
    file_columns = (
        FileColumn("lecture", "id", type=int),
        FileColumn("title", width=40),
        FileColumn("series", "series.title", 40),
        FileColumn("ended_at", width=20),
        FileColumn("minutes", type=int),
        FileColumn("bytes", "size", type=int),
        FileColumn("is_kept", lambda row: "yes" if row.is_kept else "no"),
        FileColumn("deleted_on", "deletes_at", 20),
    )

    def query(self, request: ListRequest) -> tuple[Sequence[RecordingRow], int]:
        self.all_rows, self.counts = list_recordings(request, by=self.by, at=self.at)
        rows = request.rows_of_page(self.all_rows)
        self.selectable = [row.id for row in rows]
        return rows, len(self.all_rows)

    def chips(self) -> list[Chip]:
        words = {"": _("All"), "going": _("Will be deleted"), "kept": _("Marked to keep")}
        return [Chip(value, self.counts[value], word) for value, word in words.items()]

    def context(self) -> dict[str, Any]:
        return {"kept_days": settings().recordings_kept, "notice_days": NOTICE.days}


@bp.post("/admin/recordings/keep")
@allow(Role.ADMINISTRATOR)
def keep() -> ResponseReturnValue:
    """Keeps the chosen recordings whatever their age (`keep=yes`), or no longer (`keep=no`)."""
    view, selection = Recordings(), read_selection()
    is_kept = request.form.get("keep") != "no"
    if selection.everybody:
        lecture_ids = [row.id for row in list_recordings(view.request, by=view.by, at=view.at)[0]]
    else:
        lecture_ids = [int(value) for value in selection.ids if value.isdecimal() and len(value) < 10]
    count = actions.keep(lecture_ids, is_kept=is_kept, by=view.by, at=view.at)
    if not count:
        flash(_("Nothing was changed."))
    elif is_kept:
        flash(_n("%(num)s recording is kept for ever.", "%(num)s recordings are kept for ever.", count), "done")
    else:
        flash(
            _n("%(num)s recording follows the rule again.", "%(num)s recordings follow the rule again.", count), "done"
        )
    return redirect(view.here(), 303)


class TrimForm(BaseForm):
    """Where the replay starts and ends. `is_short_accepted`: although it then counts for nobody."""

    start = StringField(_lp("beginning", "Start"))
    end = StringField(_l("End"))
    is_short_accepted = BooleanField(_l("Save it, although it then counts for nobody"))


class ChaptersForm(BaseForm):
    """Chapters, one on a line."""

    chapters = TextAreaField(_l("Chapters"))


class CaptionsForm(BaseForm):
    """A file of captions, their language, and what its times belong to."""

    language = KnownChoice(
        _l("Language"), [InputRequired(_l("Choose an option from the list."))], render_kw={"required": False}
    )
    file = FileField(_l("File"), [FileRequired(_l("Select a file."))])
    times = RadioField(
        _l("Times in the file"),
        choices=[
            SelectChoice("replay", _l("Of what viewers see, as in the downloaded file")),
            SelectChoice("recording", _l("Of the whole recording")),
        ],
        default="replay",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.language.choices = language_choices(self.language.data)


class RecordingUploadForm(BaseForm):
    """A recording made elsewhere, or the upload in pieces that it came in."""

    file = FileField(_l("Recording"), [FileOrUpload(_l("Select a file."))])
    upload = HiddenField()
