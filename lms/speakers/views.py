"""Pages for the speakers of a lecture, and their pictures."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField
from wtforms import BooleanField, StringField, TextAreaField

from lms.catalogue.models import Lecture
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Role
from lms.core.storage import files
from lms.core.text.i18n import _, _l, _lp
from lms.core.time import clock
from lms.people.models import Person
from lms.speakers import actions, queries
from lms.speakers.actions import SpeakerInput
from lms.speakers.portraits import MAX_BYTES
from lms.web.forms.forms import BaseForm, whole
from lms.web.forms.languages import TextsForm, languages_page
from lms.web.request.bodies import FORM_BYTES, body_limit
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
PICTURE_KEPT = timedelta(minutes=10)

bp = Blueprint("speakers", __name__, template_folder="templates")


@bp.app_template_filter("initials")
def initials(name: str) -> str:
    """The first letters of the first and of the last word of a name."""
    words = name.split()
    return "".join(word[0] for word in ([words[0], words[-1]] if len(words) > 1 else words)).upper()


def _back(lecture_id: int) -> ResponseReturnValue:
    return redirect(url_for(".lecture_speakers", lecture_id=lecture_id), 303)


@bp.get("/lectures/<int:lecture_id>/speakers")
@allow(*STAFF)
def lecture_speakers(lecture_id: int) -> ResponseReturnValue:
    """The speakers of a lecture, for its staff, with a search for more: `q` is a part of a name."""
    by = current_actor()
    lecture = queries.get_lecture_to_edit(lecture_id, by=by)
    q = request.args.get("q", "")[:200]
    listed = queries.list_speakers(lecture_id)
    speakers = queries.find_speakers(q, without=lecture_id)
    return render_template(
        "speakers/speakers.html",
        lecture=lecture,
        speakers=listed,
        q=q,
        found=speakers,
        editable=queries.list_editable_ids([speaker.id for speaker in listed], by=by),
        lectures=queries.count_lectures([one.id for one in [*listed, *speakers]]),
        suggested=_suggested(lecture, {one.full_name for one in listed}),
    )


def _suggested(lecture: Lecture, listed: set[str]) -> list[Person]:
    """Instructors of the lecture who are not yet its speakers."""
    return [person for person in lecture.instructors if person.full_name not in listed]


@bp.post("/lectures/<int:lecture_id>/speakers")
@allow(*STAFF)
def add_speaker(lecture_id: int) -> ResponseReturnValue:
    """Adds a known speaker (`speaker`), or makes one of somebody who gives the lecture (`lecturer`)."""
    by, at = current_actor(), clock.now()
    lecture = queries.get_lecture_to_edit(lecture_id, by=by)
    lecturer = next((one for one in lecture.instructors if one.public_id == request.form.get("lecturer")), None)
    if lecturer is not None:
        position = ", ".join(part for part in (lecturer.job_title, lecturer.organisation) if part)
        draft = SpeakerInput(lecturer.full_name, lecturer.native_name or "", position)
        actions.add_new_speaker(lecture_id, draft, by=by, at=at)
    else:
        actions.add_speaker(lecture_id, request.form.get("speaker", ""), by=by, at=at)
    flash(_("Speaker added."), "done")
    return _back(lecture_id)


def _draft(form: "SpeakerForm") -> SpeakerInput:
    names = ("full_name", "native_name", "position", "about")
    return SpeakerInput(**{name: form[name].data or "" for name in names})


def _portrait(form: "SpeakerForm") -> bytes | None:
    return actions.read_portrait(form.picture.data.stream) if form.picture.data else None


@bp.route("/lectures/<int:lecture_id>/speakers/new", methods=["GET", "POST"])
@allow(*STAFF)
@body_limit(MAX_BYTES + FORM_BYTES)
def new_speaker(lecture_id: int) -> ResponseReturnValue:
    """Makes a speaker and adds them to the lecture."""
    by, at, form = current_actor(), clock.now(), SpeakerForm()
    lecture = queries.get_lecture_to_edit(lecture_id, by=by)
    del form.without_picture
    if request.method == "GET":
        form.full_name.data = request.args.get("name", "")[: actions.MAX_LINE]
        return render_template("speakers/speaker.html", lecture=lecture, speaker=None, form=form)

    def work() -> None:
        actions.add_new_speaker(lecture_id, _draft(form), portrait=_portrait(form), by=by, at=at)

    status = form.attempt(work)
    if status is not None:
        return render_template("speakers/speaker.html", lecture=lecture, speaker=None, form=form), status
    flash(_("Speaker added."), "done")
    return _back(lecture_id)


@bp.route("/lectures/<int:lecture_id>/speakers/<speaker_id>/edit", methods=["GET", "POST"])
@allow(*STAFF)
@body_limit(MAX_BYTES + FORM_BYTES)
def edit_speaker(lecture_id: int, speaker_id: str) -> ResponseReturnValue:
    """Changes a speaker in every lecture in which they speak, for those who may edit all of these."""
    by, at = current_actor(), clock.now()
    lecture = queries.get_lecture_to_edit(lecture_id, by=by)
    speaker = queries.get_speaker_of(lecture_id, speaker_id)
    if speaker.id not in queries.list_editable_ids([speaker.id], by=by):
        raise Forbidden
    form = SpeakerForm(obj=speaker) if request.method == "GET" else SpeakerForm()
    if not speaker.picture:
        del form.without_picture
    count = queries.count_lectures([speaker.id])[speaker.id]
    shown: dict[str, Any] = {"lecture": lecture, "speaker": speaker, "form": form, "count": count}
    if request.method == "GET":
        return render_template("speakers/speaker.html", **shown)

    def work() -> None:
        without = "without_picture" in form and bool(form.without_picture.data)
        actions.edit_speaker(
            lecture_id, speaker_id, _draft(form), portrait=_portrait(form), without_picture=without, by=by, at=at
        )

    status = form.attempt(work)
    if status is not None:
        return render_template("speakers/speaker.html", **shown), status
    flash(_("Changes saved."), "done")
    return _back(lecture_id)


@bp.route("/lectures/<int:lecture_id>/speakers/<speaker_id>/languages", methods=["GET", "POST"])
@allow(*STAFF)
def speaker_languages(lecture_id: int, speaker_id: str) -> ResponseReturnValue:
    """The texts about a speaker in each language, for those who may edit the speaker."""
    by, at = current_actor(), clock.now()
    lecture = queries.get_lecture_to_edit(lecture_id, by=by)
    speaker = queries.get_speaker_of(lecture_id, speaker_id)
    if speaker.id not in queries.list_editable_ids([speaker.id], by=by):
        raise Forbidden
    page = languages_page(
        speaker,
        SpeakerTextsForm,
        translate=lambda code, texts: actions.translate_speaker(lecture_id, speaker_id, code, texts, by=by, at=at),
        state_main=lambda code: actions.state_text_language(lecture_id, speaker_id, code, by=by, at=at),
    )
    if page.status is None:
        return redirect(url_for(".speaker_languages", lecture_id=lecture_id, speaker_id=speaker_id), 303)
    return render_template("speakers/languages.html", lecture=lecture, speaker=speaker, page=page), page.status


@bp.post("/lectures/<int:lecture_id>/speakers/<speaker_id>/move")
@allow(*STAFF)
def move_speaker(lecture_id: int, speaker_id: str) -> ResponseReturnValue:
    """Moves a speaker to the place in the list that `place` names, counted from 1."""
    place = request.form.get("place", 1, type=whole)
    actions.move_speaker(lecture_id, speaker_id, place, by=current_actor(), at=clock.now())
    return _back(lecture_id)


@bp.post("/lectures/<int:lecture_id>/speakers/<speaker_id>/remove")
@allow(*STAFF)
def remove_speaker(lecture_id: int, speaker_id: str) -> ResponseReturnValue:
    """Takes a speaker off the list of the lecture. The profile stays, so that they can be added again."""
    actions.remove_speaker(lecture_id, speaker_id, by=current_actor(), at=clock.now())
    flash(_("Speaker removed from this lecture. You can find and add them again."), "done")
    return _back(lecture_id)


@bp.route("/speakers/<speaker_id>/delete", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def delete_speaker(speaker_id: str) -> ResponseReturnValue:
    """Says in how many lectures a speaker is listed, and asks before the profile is deleted from all of them."""
    speaker = queries.find_speaker(speaker_id)
    if request.method == "GET":
        if speaker is None:
            raise NotFound
        count = queries.count_lectures([speaker.id]).get(speaker.id, 0)
        return render_template("speakers/delete.html", speaker=speaker, count=count)
    actions.delete_speaker(speaker_id, by=current_actor(), at=clock.now())
    flash(_("Speaker deleted."), "done")
    return redirect(url_for("dashboards.admin"), 303)


@bp.get("/speakers/<speaker_id>/picture")
@allow(ANYONE)
def picture(speaker_id: str) -> ResponseReturnValue:
    """The picture of a speaker of a lecture that the reader can see."""
    by = current_actor()
    speaker = queries.get_picture_of(speaker_id, by=by)
    opened = files.reading(speaker.picture_key or "")
    if opened is None:
        raise NotFound
    answer: Response = send_file(opened[0], "image/jpeg", etag=(speaker.picture or "")[:32], conditional=False)
    answer.content_length = opened[1]
    answer.headers["Cache-Control"] = "private, no-store"
    if not by.is_signed_in:
        answer.headers["Cache-Control"] = f"public, max-age={int(PICTURE_KEPT.total_seconds())}"
    answer.make_conditional(request)
    return answer


class SpeakerForm(BaseForm):
    """The public profile of a speaker."""

    full_name = StringField(_lp("person", "Name"))
    native_name = StringField(_l("Name in native script"))
    position = StringField(_l("Position and organisation"))
    about = TextAreaField(_l("About the speaker"))
    picture = FileField(_l("Picture"))
    without_picture = BooleanField(_l("Remove the picture"))


class SpeakerTextsForm(TextsForm):
    """The public profile of a speaker, in one language."""

    position = StringField(_l("Position and organisation"))
    about = TextAreaField(_l("About the speaker"))
