"""What pages send of a lecture, and the media that viewers get."""

import base64
import binascii
import gzip
import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, send_file, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.pauses import pause_lecture
from lms.catalogue.queries.policies import find_pause
from lms.core.base.errors import DomainError, Forbidden, Gone, Invalid, NotFound
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.streaming.actions import begin_streaming, go_live, receive_chunk, stop_streaming
from lms.streaming.addresses import check_media_address, media_address, media_key
from lms.streaming.chunk_store import count_chunks
from lms.streaming.encoder import AUDIO
from lms.streaming.models import LONGEST_PAGE, StreamSession, Track
from lms.streaming.playlists import SOUND, TRIMMED
from lms.streaming.queries import get_session, get_trimmed_playlist, is_shown
from lms.streaming.rules import (
    FOR_STAFF,
    LITTLE_DISK,
    MAX_CHUNK,
    MAX_CHUNKS,
    PLAYLIST_TYPE,
    SEGMENT_TYPE,
    TooFast,
    media_folder,
)
from lms.streaming.tokens import MEDIA, is_stream_token, make_stream_token
from lms.web.api.api import rfc3339
from lms.web.pages.problems import problem
from lms.web.request.bodies import body_limit
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor

bp = Blueprint("streaming", __name__)
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_PLAYLIST_NAME = "(master|small|sound|[hvtas])"
_MEDIA_NAME = re.compile(rf"{_PLAYLIST_NAME}(?:_full)?\.m3u8|[0-9]{{1,6}}/[hvtas](?:[0-9]{{5,6}}\.m4s|\.mp4)")
_TRIMMED_NAME = re.compile(rf"{_PLAYLIST_NAME}{TRIMMED}\.m3u8")
_ID_LENGTH = 16
"""How long the public id of a stream is, with which the name of its folder begins."""
SHARED_SECONDS = 300
"""How long nginx and a CDN serve a segment before they ask whether it is still there: it may have been removed."""


@bp.post("/lectures/<int:lecture_id>/stream")
@allow(SIGNED_IN)
def begin(lecture_id: int) -> ResponseReturnValue:
    """Begins to send picture and sound, and starts a scheduled lecture or ends its pause.

    `rehearsal` for staff alone, `take_over` from another page or computer, `page` the name that this
    tab gave itself.
    """

    def work() -> Response:
        options: dict[str, Any] = {
            "takes_over": "take_over" in request.form,
            "page": (request.form.get("page") or "")[:LONGEST_PAGE] or None,
            "by": current_actor(),
            "at": clock.now(),
        }
        if "rehearsal" in request.form:
            session = begin_streaming(lecture_id, Track.REHEARSAL, **options)
        else:
            session = go_live(lecture_id, **options)
        return jsonify(
            token=make_stream_token(_secrets(), session.public_id, key=media_key(), at=clock.now()),
            address=url_for(".progress", session_id=session.public_id),
            session=session.public_id,
            folder=media_address(lecture_id, media_folder(session.stream, for_staff=True), at=options["at"])
            .removeprefix(MEDIA)
            .removesuffix("/"),
            **_progress(session),
        )

    return _answer(work)


@bp.post("/lectures/<int:lecture_id>/stream/pause")
@allow(SIGNED_IN)
def pause(lecture_id: int) -> ResponseReturnValue:
    """Pauses a lecture. Viewers read after how many `minutes` it goes on, which a second call changes."""

    def work() -> Response:
        minutes = request.form.get("minutes", type=int)
        paused = pause_lecture(lecture_id, minutes=minutes, by=current_actor(), at=clock.now())
        current = find_pause(paused)
        return jsonify(resumes_at=rfc3339(current.resumes_at) if current is not None else None)

    return _answer(work)


@bp.get("/streams/<session_id>")
@allow(ANYONE)
def progress(session_id: str) -> ResponseReturnValue:
    """Returns which chunk is missing first, to the page with the token of the session."""
    return _answer(lambda: jsonify(_progress(_session(session_id))))


@bp.put("/streams/<session_id>/<int:number>")
@allow(ANYONE)
@body_limit(MAX_CHUNK)
def put_chunk(session_id: str, number: int) -> ResponseReturnValue:
    """Stores a chunk whose header `Content-Digest` has its SHA-256."""

    def work() -> Response:
        _session(session_id)
        session = receive_chunk(session_id, number, request.get_data(), sha256=_digest(), at=clock.now())
        return jsonify(_progress(session))

    return _answer(work)


@bp.post("/streams/<session_id>/stop")
@allow(ANYONE)
def stop(session_id: str) -> ResponseReturnValue:
    """Stops a session, which has `chunk_count` chunks."""

    def work() -> Response:
        _session(session_id)
        count = request.form.get("chunk_count", type=int)
        if count is None or not 0 <= count <= MAX_CHUNKS:
            raise Invalid("chunk_count", _("Use a number from 0 to %(last)s.", last=MAX_CHUNKS))
        return jsonify(_progress(stop_streaming(session_id, chunk_count=count, at=clock.now())))

    return _answer(work)


@bp.get("/media/<mac>/<int:expires>/<int:lecture_id>/<folder>/<path:name>")
@allow(ANYONE)
def media(mac: str, expires: int, lecture_id: int, folder: str, name: str) -> ResponseReturnValue:
    """Returns a playlist or a segment, to anyone with its signed address. nginx asks once for each."""
    check_media_address(mac, expires, lecture_id, folder, at=clock.now())
    try:
        answer = _stored_media(lecture_id, folder, name)
    except NotFound:
        answer = Response(status=404)  # kept too, in the place of what was removed: so it is nobody's page
    is_segment = answer.mimetype == SEGMENT_TYPE
    answer.cache_control.no_cache = None
    answer.cache_control.public = True
    answer.cache_control.max_age = 31_536_000 if is_segment else 1
    answer.cache_control.s_maxage = SHARED_SECONDS if is_segment else None
    answer.cache_control.immutable = is_segment
    return answer


def _playlist(content: bytes | str) -> Response:
    """A playlist, which on a slow line is a tenth of all bytes: it holds no secret that its packed length could tell.

    Only with gzip, also for those with a session: nginx keeps one copy for all, and unpacks it for who takes none.
    """
    answer = Response(content, mimetype=PLAYLIST_TYPE)
    answer.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip"):
        answer.set_data(gzip.compress(answer.get_data(), 6, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    return answer


def _stored_media(lecture_id: int, folder: str, name: str) -> Response:
    stream_id, view = folder[:_ID_LENGTH], folder[_ID_LENGTH:]
    if (match := _TRIMMED_NAME.fullmatch(name)) is not None:
        return _playlist(get_trimmed_playlist(lecture_id, stream_id, match[1]))
    if not _MEDIA_NAME.fullmatch(name) or not (view == FOR_STAFF or is_shown(stream_id, name)):
        raise NotFound
    key = f"recordings/{stream_id}/{name}"
    if name.endswith(".m3u8"):
        # Streams from before December 2026 have one rendition of sound, and no list of them
        playlist = files.find(key) or files.find(key.replace(f"/{SOUND}", f"/{AUDIO}"))
        if playlist is None:
            raise NotFound
        return _playlist(playlist)
    opened = files.reading(key)
    if opened is None:
        raise NotFound
    answer = send_file(opened[0], SEGMENT_TYPE, conditional=False, etag=False)
    answer.content_length = opened[1]
    return answer


def _answer(work: Callable[[], Response]) -> ResponseReturnValue:
    """What `work` returns, or the reason why not, as a problem document: what is refused so is refused for good."""
    try:
        return work()
    except DomainError as error:
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, TooFast) else None
        return problem(error.status, error.message, headers=headers)


def _session(session_id: str) -> StreamSession:
    if not is_stream_token(_secrets(), request.headers.get("Stream-Token", ""), session_id):
        raise Forbidden(_("The token does not belong to this session."))
    try:
        return get_session(session_id)
    except NotFound as error:
        raise Gone(_("The recording was removed.")) from error


def _progress(session: StreamSession) -> dict[str, object]:
    return {
        "next_chunk": count_chunks(session),
        "is_stopped": session.stopped_at is not None,
        "is_sound_only": files.free_bytes() < LITTLE_DISK,
    }


def _digest() -> bytes:
    match = _DIGEST.fullmatch(request.headers.get("Content-Digest", ""))
    try:
        return base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        return b""


def _secrets() -> list[str]:
    return [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
