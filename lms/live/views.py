"""The room page, and what its script asks."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.rules import OFFLINE_MS
from lms.catalogue.models import LectureState
from lms.core.base.errors import DomainError, Forbidden, NotFound
from lms.core.base.events import ConditionsAsked, publish
from lms.core.base.roles import SYSTEM
from lms.core.base.settings import settings
from lms.core.database.search import is_in_any, pieces_of, search_phrases
from lms.core.storage.programs import find_ffmpeg
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import comma
from lms.core.time import clock
from lms.core.time.durations import MINUTE_MS, needed_minutes, tenth_minutes, whole_minutes, with_seconds
from lms.discussion.panel import panel_values, shared_json
from lms.discussion.polls import get_shared_polls
from lms.discussion.queries import get_shared
from lms.live.actions import begin_replay, join_lecture, report_played
from lms.live.queries import Audience, Room, RoomSnapshot, can_go_live, get_audience, get_room, get_snapshot
from lms.live.rules import MAX_PLAYED, RoomState, read_played
from lms.live.tokens import make_replay_token, make_token, read_replay_token
from lms.materials.queries import list_files
from lms.people.queries.countries import country_names
from lms.recordings.caption_files import Cue, paragraphs, write_subrip, write_webvtt
from lms.recordings.queries import caption_languages, find_deletion, replay_captions
from lms.slides.panel import presenter_values, shared_slides_json, slides_values
from lms.speakers.queries import list_speakers
from lms.streaming.addresses import check_media_address, media_address
from lms.streaming.queries import find_recordings, list_chapters
from lms.streaming.tokens import MEDIA
from lms.web.api.api import rfc3339
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import number
from lms.web.request.bodies import body_limit
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor

bp = Blueprint("live", __name__, template_folder="templates")
SHOWN_COUNTRIES = 4
PAUSE_MINUTES = (5, 10, 15)
STUCK_SECONDS = 40
"""For so long what is sent may not reach viewers before the page says so."""


@bp.get("/lectures/<int:lecture_id>/room")
@allow(SIGNED_IN)
def room(lecture_id: int) -> ResponseReturnValue:
    """Shows the room: waiting, live or over."""
    try:
        view = get_room(lecture_id, by=current_actor(), at=clock.now())
    except Forbidden as error:
        flash(error.message, "now")
        return redirect(url_for("dashboards.lecture", lecture_id=lecture_id))
    lecture = view.lecture
    if view.is_staff and view.state is not RoomState.OVER and not lecture.join_url:
        return _studio(view)
    watches = _watches(view)
    return render_template(
        "live/room.html",
        room=view,
        lecture=lecture,
        watches=watches,
        chapters=list_chapters(lecture_id) if watches and view.state is RoomState.OVER else [],
        captions=caption_languages(lecture_id) if watches and view.state is RoomState.OVER else [],
        deletes_at=find_deletion(lecture, view.at) if view.state is RoomState.OVER else None,
        files=list_files(lecture, enrolled=view.takes_part, by=current_actor()),
        counted_words=_counted_words(view),
        others=_other_conditions(view),
        shows_link=_shows_link(view),
        speakers=list_speakers(lecture_id),
        media=media_address(lecture_id, at=view.at),
        offline_ms=OFFLINE_MS,
        **_slides(view),
        **panel_values(lecture_id, at=view.at),
    )


def _slides(room: Room) -> dict[str, Any]:
    """The values of the templates for slides: those who give the lecture elsewhere turn its pages here."""
    is_over = room.state is RoomState.OVER
    if room.is_staff and not is_over:
        return presenter_values(room.lecture.id, at=room.at)
    return slides_values(room.lecture.id, is_over=is_over, at=room.at)


def _other_conditions(room: Room) -> dict[str, Any]:
    """Returns what remains for the reader's certificate besides attendance."""
    by = current_actor()
    if not room.takes_part or by.person_id is None:
        return {"checks": (), "feedback": None}
    question = ConditionsAsked(series_id=room.lecture.series_id, person_id=by.person_id, by=by, at=room.at)
    publish(question)
    return question.others


def _studio(room: Room) -> str:
    """The page from which a lecture is given in the browser."""
    return render_template(
        "live/studio.html",
        room=room,
        lecture=room.lecture,
        media=MEDIA,
        can_stream=find_ffmpeg() is not None,
        can_start=can_go_live(room.lecture, room.at),
        segment_seconds=settings().segment_seconds,
        pause_minutes=PAUSE_MINUTES,
        stuck_seconds=STUCK_SECONDS,
        time_words=_time_words(room.elapsed_ms, room.lecture.duration_minutes),
        **_slides(room),
        **panel_values(room.lecture.id, at=room.at),
    )


def _watches(room: Room) -> bool:
    """Whether the page plays the lecture: one given in the browser, to all but those who give it, or its recording."""
    if room.lecture.state is LectureState.CANCELLED:
        return False
    if room.state is RoomState.OVER:
        return not room.lecture.join_url or bool(find_recordings([room.lecture.id]))
    return not room.lecture.join_url and not room.is_staff


def _counted_words(room: Room) -> str:
    """The counter: whole minutes, with seconds in the first minute and where they decide."""
    if room.depends_on_seconds or room.counted_ms < MINUTE_MS:
        return with_seconds(room.counted_ms)
    return number(whole_minutes(room.counted_ms))


def _shows_link(room: Room) -> bool:
    if room.state is RoomState.OVER or not room.lecture.join_url:
        return False
    return room.is_staff or (room.takes_part and room.is_open)


@bp.get("/lectures/<int:lecture_id>/room/state")
@allow(SIGNED_IN)
def state(lecture_id: int) -> ResponseReturnValue:
    """Returns the state of the room, which its script requests every few seconds."""
    try:
        room = get_room(lecture_id, by=current_actor(), at=clock.now())
    except (Forbidden, NotFound) as error:
        return jsonify(detail=error.message), error.status
    return jsonify(
        state=room.state,
        resumes_at=rfc3339(room.resumes_at),
        is_open=room.is_open,
        minutes=tenth_minutes(room.counted_ms),
        counted_words=_counted_words(room),
        length_words=render_template("live/_length.html", room=room).strip(),
        needed_words=render_template("live/_needed.html", room=room).strip(),
        replay_words=render_template("live/_replay_credit.html", room=room).strip(),
        reach=room.reach.kind if room.reach is not None else "",
        reach_words=render_template("live/_reach.html", reach=room.reach).strip(),
        elapsed_minutes=whole_minutes(room.elapsed_ms),
        length_minutes=whole_minutes(room.length_ms),
        needed_minutes=needed_minutes(room.needed_ms),
        attended=room.is_attended,
        viewers=room.viewers,
        explanation=room.closing_words,
    )


@bp.get("/lectures/<int:lecture_id>/room/audience")
@allow(SIGNED_IN)
def audience(lecture_id: int) -> ResponseReturnValue:
    """Returns who watches a lecture, and who sends it, to the page from which it is given."""
    try:
        current = get_audience(lecture_id, by=current_actor(), at=clock.now())
    except (Forbidden, NotFound) as error:
        return jsonify(detail=error.message), error.status
    shown, others = current.countries[:SHOWN_COUNTRIES], current.countries[SHOWN_COUNTRIES:]
    names = country_names(reader_locale(), [code for code, _people in shown])
    return jsonify(
        state=current.snapshot.state,
        resumes_at=rfc3339(current.snapshot.resumes_at),
        viewers=current.viewers,
        title=_audience_words(current),
        time=_time_words(current.elapsed_ms, current.planned_minutes),
        countries=[{"name": names[code], "people": people} for code, people in shown],
        others=_n(
            "%(num)s more country: %(people)s",
            "%(num)s more countries: %(people)s",
            len(others),
            people=number(sum(people for _code, people in others)),
        )
        if others
        else "",
        on_air=current.snapshot.stream.on_air,
        sender=current.sender,
        is_own=current.is_own,
        can_start=current.can_start,
    )


def _time_words(elapsed_ms: int, planned_minutes: int) -> str:
    elapsed = whole_minutes(elapsed_ms)
    left = planned_minutes - elapsed
    if left >= 0:
        return _n(
            "%(num)s minute done, %(left)s left", "%(num)s minutes done, %(left)s left", elapsed, left=number(left)
        )
    return _n(
        "%(num)s minute done, %(over)s more than planned",
        "%(num)s minutes done, %(over)s more than planned",
        elapsed,
        over=number(-left),
    )


def _audience_words(current: Audience) -> str:
    people = _n("%(num)s person", "%(num)s people", current.viewers)
    countries = _n("%(num)s country", "%(num)s countries", len(current.countries))
    return f"{people}{comma()}{countries}" if current.countries else people


@bp.get("/media/<mac>/<int:expires>/<int:lecture_id>/snapshot.json")
@allow(ANYONE)
def snapshot(mac: str, expires: int, lecture_id: int) -> ResponseReturnValue:
    """Returns what all people in the room see alike, to anyone with its signed address. Good for a second."""
    at = clock.now()
    check_media_address(mac, expires, lecture_id, at=at)
    current = get_snapshot(lecture_id, by=SYSTEM, at=at)
    answer = jsonify(
        state=current.state,
        resumes_at=rfc3339(current.resumes_at),
        viewers=current.viewers,
        on_air=current.stream.on_air,
        has_video=current.stream.has_video,
        has_small=current.stream.has_small,
        playlist=_playlist(lecture_id, current, at),
        recording=_recording(current),
        notices=[],
        discussion=shared_json(get_shared(lecture_id, at=at), get_shared_polls(lecture_id, at=at)),
        slides=shared_slides_json(lecture_id, at=at),
        media=media_address(lecture_id, at=at),
    )
    answer.cache_control.public = True
    answer.cache_control.max_age = 1
    return answer


def _playlist(lecture_id: int, current: RoomSnapshot, at: datetime) -> str | None:
    """The address of the playlist to play: of the last minutes, or of the whole once it is over."""
    is_live = current.state in (RoomState.LIVE, RoomState.PAUSED)
    if current.stream.folder is None or (not is_live and not current.stream.is_complete):
        return None
    whole = "master_trimmed" if current.stream.is_trimmed else "master_full"
    return f"{media_address(lecture_id, current.stream.folder, at=at)}{'master' if is_live else whole}.m3u8"


def _recording(current: RoomSnapshot) -> str | None:
    """Whether there is a recording once the lecture is over: `none`, `preparing` or `ready`."""
    if current.state is not RoomState.OVER:
        return None
    if current.stream.folder is None:
        return "none"
    return "ready" if current.stream.is_complete else "preparing"


@bp.get("/lectures/<int:lecture_id>/captions/<language>.<any(vtt, srt, txt):ending>")
@allow(SIGNED_IN)
def captions(lecture_id: int, language: str, ending: str) -> ResponseReturnValue:
    """Returns the captions of a replay in a language: as WebVTT, as SubRip, or as the text of the transcript."""
    _check_replay(lecture_id)
    cues = replay_captions(lecture_id, language)
    text = {"vtt": write_webvtt, "srt": write_subrip, "txt": _plain_text}[ending](cues)
    answer = current_app.response_class(text, mimetype="text/vtt" if ending == "vtt" else "text/plain")
    answer.headers.set(
        "Content-Disposition",
        "inline" if ending == "vtt" else "attachment",
        filename=f"{lecture_id}-{language}.{ending}",
    )
    return answer


def _plain_text(cues: Sequence[Cue]) -> str:
    return "\n\n".join(paragraph.text for paragraph in paragraphs(cues)) + "\n"


def _check_replay(lecture_id: int) -> Room:
    """The room of a lecture that is over, to those who can watch its replay. Raises Forbidden and NotFound."""
    view = get_room(lecture_id, by=current_actor(), at=clock.now())
    if view.state is not RoomState.OVER or view.lecture.state is LectureState.CANCELLED:
        raise NotFound
    return view


@bp.get("/lectures/<int:lecture_id>/transcript")
@allow(SIGNED_IN)
def transcript(lecture_id: int) -> ResponseReturnValue:
    """Shows the transcript of a lecture in a `language`, or its passages with the words of `q`."""
    view = _check_replay(lecture_id)
    languages = caption_languages(lecture_id)
    if not languages:
        raise NotFound
    preferred = next((code for code in (reader_locale(), view.lecture.language) if code in languages), languages[0])
    language = request.args.get("language", preferred)
    typed = request.args.get("q", "").strip()[:100]
    passages = paragraphs(replay_captions(lecture_id, language))
    words = search_phrases(typed)
    shown = [passage for passage in passages if is_in_any(words, [passage.text])] if words else passages
    return render_template(
        "live/transcript.html",
        lecture=view.lecture,
        language=language,
        languages=languages,
        typed=typed,
        shown=[(passage, pieces_of(passage.text, words)) for passage in shown],
        count=len(passages),
    )


@bp.post("/lectures/<int:lecture_id>/room/join")
@allow(SIGNED_IN)
def join(lecture_id: int) -> ResponseReturnValue:
    """Joins the lecture from the room page."""
    try:
        joined = join_lecture(lecture_id, is_low_data="low_data" in request.form, by=current_actor(), at=clock.now())
    except DomainError as error:
        return jsonify(detail=error.message), error.status
    return jsonify(
        room_token=make_token(current_app.config["SECRET_KEY"], joined.join_id),
        beat_seconds=joined.beat_seconds,
        join_url=joined.join_url,
    )


@bp.post("/lectures/<int:lecture_id>/room/replay")
@allow(SIGNED_IN)
def begin_to_watch(lecture_id: int) -> ResponseReturnValue:
    """Begins to count what the page plays of the replay."""
    at, actor = clock.now(), current_actor()
    try:
        parts = begin_replay(lecture_id, by=actor, at=at)
    except DomainError as error:
        return jsonify(detail=error.message), error.status
    assert actor.person_id is not None
    return jsonify(
        token=make_replay_token(current_app.config["SECRET_KEY"], lecture_id, actor.person_id, at=at),
        parts=[asdict(part) for part in parts],
    )


@bp.post("/lectures/<int:lecture_id>/room/played")
@allow(ANYONE)
@body_limit(MAX_PLAYED)
def played(lecture_id: int) -> ResponseReturnValue:
    """Stores what a page played of the replay: `{token, ranges, is_paused}` as JSON, also from `sendBeacon`."""
    at = clock.now()
    try:
        token, ranges, is_paused = read_played(request.get_data())
        secrets = [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
        viewing = read_replay_token(secrets, token, lecture_id, at=at)
        if viewing is None:
            raise Forbidden(_("This page has been open for too long. Reload it to continue."))
        person_id, began_ms = viewing
        result = report_played(lecture_id, person_id, ranges, began_ms=began_ms, is_paused=is_paused, at=at)
    except DomainError as error:
        return jsonify(detail=error.message), error.status
    limited = _("Some of this was not counted: it is more than can be played in this time, even at double speed.")
    return jsonify(minutes=tenth_minutes(result.played_ms), detail=limited if result.is_limited else None)
