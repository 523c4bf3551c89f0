"""Turns the chunks of one stream into segments and playlists of HLS, while they come and after a crash.

Sessions are packaged in order; each run of ffmpeg is an epoch. What is published is in the database and in files that
never change, so after a crash it continues at the first moment that was not published, from the key frame before it.
Files are stored before the rows that name them, and playlists after both.
"""

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import structlog
from flask import Flask

from lms.core.background import instruments
from lms.core.base.settings import settings
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.streaming.actions import (
    begin_epoch,
    close_epoch,
    forgive_failure,
    note_complete,
    note_packaged,
    note_segments,
    note_source_packaged,
)
from lms.streaming.encoder import AUDIO, RENDITIONS, VOICE, Encoder, MediaFile
from lms.streaming.media_probe import demuxer_of
from lms.streaming.models import Epoch, SourceFailure, SourceFile, Stream, StreamSession, StreamState
from lms.streaming.playlists import playlists_of
from lms.streaming.queries import find_next_session, find_source_file, list_epochs, next_session_to_package
from lms.streaming.rules import (
    LITTLE_DISK,
    chunk_folder,
    chunk_key,
    failure_of,
    initial_key,
    is_too_late,
    segment_key,
    source_key,
    stream_folder,
)
from lms.streaming.webm import Cluster, NotWebm, WebmIndex

log = structlog.get_logger(__name__)
CHUNK_SECONDS = 0.1
"""How often a chunk is looked for that has not come."""
PUBLISH_SECONDS = 0.25
FULL_PLAYLIST_SECONDS = 30
"""How often the playlists of the whole stream are written while it goes on."""
STATE_SECONDS = 1
"""How often the session's row and the disk are read."""
IDLE_SECONDS = 15
"""Without a chunk for this time, the last segment is closed."""
SOURCE_SECONDS = 5
"""How often the packaging of a file is tried again while the disk is nearly full."""
GAP_SECONDS = 10
"""For so long a chunk is waited for when later ones are there."""
LAST_CHUNK_SECONDS = 2
"""For so long a chunk is waited for once another page sends, and for one that came in its last second to be stored."""
ABANDONED_SECONDS = 30 * 60
"""A session without a chunk for this time is stopped."""
MAX_FAILURES = 5
"""Runs in a row that end by themselves, or end the packager, without a segment; then a session is called unreadable."""
AHEAD_MS = 5 * 60_000
"""So much longer than since its begin a session cannot last: its times are made up."""


class LeaseLost(Exception):
    """Another packager has the stream, or may have it soon."""


class End(Enum):
    """Why a run of ffmpeg ends."""

    FINAL = auto()
    IDLE = auto()
    GAP = auto()
    FAILED = auto()
    MADE_UP = auto()
    DISK_LOW = auto()
    STOPPING = auto()


@dataclass(frozen=True)
class _Beginning:
    """Where a run begins: `header` first, then the bytes of `chunk` from `offset` on. `start_ms`: in the session, which
    begins at `first_ms` of the recorder."""

    header: bytes
    chunk: int
    offset: int
    start_ms: int
    skip_ms: int
    has_video: bool
    first_ms: int | None = None


class _ChunkStart(NamedTuple):
    """That at `fed` bytes of what was read, the byte `offset` of a chunk stands."""

    fed: int
    chunk: int
    offset: int


class _StreamReading:
    """What a run reads: from `offset` of `chunk` on. `first_ms`: the recorder's time at the begin of the session."""

    def __init__(self, beginning: _Beginning) -> None:
        self.chunk, self.offset = beginning.chunk, beginning.offset
        self.index = WebmIndex()
        self.begins: list[_ChunkStart] = []
        self._first_ms = beginning.first_ms
        if beginning.header:
            self.index.feed(beginning.header)

    @property
    def first_ms(self) -> int:
        return self.index.clusters[0].time_ms if self._first_ms is None else self._first_ms

    def read(self, content: bytes) -> list[Cluster]:
        """The clusters of a chunk that were not known yet. What is no WebM is left to ffmpeg."""
        known = len(self.index.clusters)
        self.begins.append(_ChunkStart(self.index.fed, self.chunk, self.offset))
        try:
            self.index.feed(content[self.offset :])
        except NotWebm:
            self.index.skip_gap()
        return self.index.clusters[known:]


def _key_clusters(index: WebmIndex, *, since: int) -> list[Cluster]:
    """The clusters from a byte on at which an encoder can begin: up to the first jump of times, if there are any."""
    clusters = [cluster for cluster in index.clusters if cluster.offset >= since]
    run = takewhile(lambda cluster: not cluster.jumps, clusters)
    return [cluster for cluster in run if cluster.is_key] or [cluster for cluster in clusters if cluster.is_key]


def _most_ms(session: StreamSession) -> int:
    """How long a session can last by now."""
    return clock.to_ms(clock.now()) - clock.to_ms(session.started_at) + AHEAD_MS


def _place_of(fed: int, begins: Sequence[_ChunkStart]) -> tuple[int, int]:
    """The chunk at an offset of what was read, and the byte of it."""
    begin = max(place for place in begins if place.fed <= fed)
    return begin.chunk, fed - begin.fed + begin.offset


def _epochs_of(session: StreamSession) -> list[Epoch]:
    return [epoch for epoch in list_epochs(session.stream_id) if epoch.session_id == session.id]


class StreamPackager:
    """Packages one stream."""

    def __init__(
        self,
        app: Flask,
        stream_id: int,
        program: Path,
        folder: Path,
        stopping: threading.Event,
        *,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_ours`: whether no other packager can have the stream."""
        self._app = app
        self._stream_id = stream_id
        self._program = program
        self._folder = folder
        self._stopping = stopping
        self._is_ours = is_ours
        self._next_chunk: dict[int, int] = {}
        self._full_written_at = self._published_at = self._state_at = 0.0
        self._resumes_at: tuple[int, int] | None = None
        self._counted: int | None = None

    def run(self) -> None:
        """Packages all sessions of the stream, and waits for more while one is open."""
        with self._app.app_context():
            stream = db.session.get(Stream, self._stream_id)
            media_folder = stream_folder(stream) if stream is not None else None
            try:
                self._run()
            except LeaseLost:
                self._forgive()
                log.warning("the stream is left to another packager", stream=self._stream_id)
            except Exception:
                self._forgive()
                if media_folder is not None and db.session.get(Stream, self._stream_id) is None:
                    files.delete_folder(media_folder)  # it was removed meanwhile
                else:
                    log.exception("stream could not be packaged", stream=self._stream_id)
                    self._stopping.wait(STATE_SECONDS)  # then another thread continues
            finally:
                db.session.remove()
                shutil.rmtree(self._folder, ignore_errors=True)

    def _forgive(self) -> None:
        """Takes back what was not noted, and that the run counts as a failure: the storage or the lease is away."""
        db.session.rollback()
        with suppress(Exception):
            if self._counted is not None:
                forgive_failure(self._counted)
        self._counted = None

    def _run(self) -> None:
        last_chunk_at = time.monotonic()
        while not self._stopping.is_set():
            self._check_lease()
            db.session.rollback()
            session = next_session_to_package(self._stream_id)
            if session is None:
                self._complete()
                return
            source = find_source_file(session.id)
            if source is not None:
                self._package_source(session, source)
            elif files.has(chunk_key(session, self._next_chunk.get(session.id, 0))):
                end = self._package(session)
                last_chunk_at = time.monotonic()
                if end is End.FAILED:
                    self._stopping.wait(session.failures)
            else:
                waited = time.monotonic() - last_chunk_at
                if waited > ABANDONED_SECONDS or self._is_over(session, self._next_chunk.get(session.id, 0), waited):
                    note_packaged(session.id, at=clock.now())
                self._stopping.wait(CHUNK_SECONDS)

    def _check_lease(self) -> None:
        if not self._is_ours():
            raise LeaseLost

    def _complete(self) -> None:
        stream = db.session.get(Stream, self._stream_id)
        if stream is not None and stream.state is StreamState.ENDED:
            self._write_playlists(stream, is_complete=True)
            byte_count = files.folder_size(stream_folder(stream))
            if not note_complete(self._stream_id, byte_count=byte_count, at=clock.now()):
                self._write_playlists(stream)

    def _package(self, session: StreamSession) -> End:
        """Runs ffmpeg on a session from the first moment that was not published, until it ends or pauses."""
        stream = session.stream
        for epoch in list_epochs(stream.id):
            if epoch.is_open:
                self._seal(stream, epoch)
        if session.failures >= MAX_FAILURES:
            note_packaged(session.id, is_unreadable=True, at=clock.now())
            return End.FINAL
        try:
            beginning = self._find_beginning(session)
        except NotWebm as error:
            log.warning("stream is not WebM", session=session.public_id, error=str(error))
            note_packaged(session.id, is_unreadable=True, at=clock.now())
            return End.FINAL
        if beginning is None:
            return End.IDLE
        wall_ms = clock.to_ms(session.started_at) + beginning.start_ms
        has_picture = beginning.has_video and files.free_bytes_here() >= LITTLE_DISK
        epoch_id = begin_epoch(session.id, start_ms=beginning.start_ms, wall_ms=wall_ms, has_picture=has_picture)
        self._counted = session.id
        end = self._encode(session, epoch_id, beginning, has_picture=has_picture)
        self._counted = None
        return end

    def _package_source(self, session: StreamSession, source: SourceFile) -> None:
        """Packages an uploaded file from the first moment that was not published; waits while the disk is nearly full.

        A file of which nothing can be packaged, or that ends early, leaves nothing behind.
        """
        stream = session.stream
        for epoch in list_epochs(stream.id):
            if epoch.is_open:
                self._seal(stream, epoch)
        if session.failures >= MAX_FAILURES:
            note_source_packaged(session.id, failure=SourceFailure.UNREADABLE, at=clock.now())
            return
        if files.free_bytes_here() < LITTLE_DISK:
            self._stopping.wait(SOURCE_SECONDS)
            return
        with files.local_copy(source_key(session.public_id)) as path:
            self._package_file(session, source, path)

    def _package_file(self, session: StreamSession, source: SourceFile, path: Path) -> None:
        start_ms = sum(epoch.length_ms for epoch in _epochs_of(session))
        wall_ms = clock.to_ms(session.started_at) + start_ms
        epoch_id = begin_epoch(session.id, start_ms=start_ms, wall_ms=wall_ms, has_picture=source.has_video)
        self._counted = session.id
        folder = self._folder / str(epoch_id)
        folder.mkdir(mode=0o700, parents=True)
        with path.open("rb") as content:
            demuxer = demuxer_of(content) or "mov"
        encoder = Encoder(
            self._program,
            folder,
            self._renditions(has_picture=source.has_video),
            segment_seconds=settings().segment_seconds,
            skip_ms=start_ms,
            has_picture=source.has_video,
            source=MediaFile(path, demuxer),
        )
        log.info("epoch of a file begins", stream=self._stream_id, epoch=epoch_id, start_ms=start_ms)
        try:
            is_disk_low = self._follow_source(session, epoch_id, encoder)
        except BaseException:
            encoder.kill()
            encoder.finish()
            raise
        is_whole = encoder.finish() and encoder.is_successful
        self._publish(session.stream, epoch_id, encoder)
        close_epoch(epoch_id)
        self._counted = None
        shutil.rmtree(folder, ignore_errors=True)
        if is_disk_low or self._stopping.is_set():
            return
        published_ms = sum(epoch.length_ms for epoch in _epochs_of(session))
        if not is_whole or not published_ms:
            log.warning("a file could not be packaged", stream=self._stream_id, log=encoder.log_tail())
        failure = failure_of(source.length_ms, published_ms, is_whole=is_whole)
        note_source_packaged(session.id, failure=failure, at=clock.now())

    def _follow_source(self, session: StreamSession, epoch_id: int, encoder: Encoder) -> bool:
        """Publishes what comes out of a run until it ends; ends it early, and returns True, where the disk fills."""
        state_at = time.monotonic()
        while encoder.is_running and not self._stopping.wait(PUBLISH_SECONDS):
            self._check_lease()
            self._publish(session.stream, epoch_id, encoder)
            if time.monotonic() - state_at > STATE_SECONDS:
                state_at = time.monotonic()
                db.session.rollback()  # raises further down if the recording was removed meanwhile
                if files.free_bytes_here() < LITTLE_DISK:
                    log.warning("the disk is nearly full: a file waits", stream=self._stream_id)
                    encoder.kill()
                    return True
        if encoder.is_running:
            encoder.kill()
        return False

    def _renditions(self, *, has_picture: bool) -> list[str]:
        return [*(["h"] if has_picture and settings().video_720p == "on" else []), "v", AUDIO, VOICE]

    def _seal(self, stream: Stream, epoch: Epoch) -> None:
        """Closes an epoch whose run was killed, and deletes segments that it may have stored without noting them."""
        for rendition in RENDITIONS:
            count = len(epoch.durations.get(rendition, ()))
            files.delete(segment_key(stream, epoch, rendition, count))
            if not count:
                files.delete(initial_key(stream, epoch, rendition))
        close_epoch(epoch.id, is_failed=True)

    def _find_beginning(self, session: StreamSession) -> _Beginning | None:
        """Where to begin: at the start of a session, else at the key frame before the end of what was published.

        Null where nothing can be continued yet. Raises NotWebm.
        """
        epochs = _epochs_of(session)
        gap = next((epoch for epoch in reversed(epochs) if epoch.resume_chunk is not None), None)
        index = WebmIndex()
        begins: list[_ChunkStart] = []
        number = self._read_chunks(session, (0, 0), index, begins, header_only=gap is not None or not epochs)
        if not index.is_header_read:
            self._next_chunk[session.id] = number
            return None
        if not index.has_audio:
            raise NotWebm("no sound")
        if not epochs:
            return _Beginning(b"", 0, 0, 0, 0, index.has_video)
        first_ms = index.clusters[0].time_ms if index.clusters else 0
        gap_at = 0
        if gap is not None and gap.resume_chunk is not None:
            gap_at = index.fed
            index.skip_gap()
            number = self._read_chunks(session, (gap.resume_chunk, gap.resume_offset or 0), index, begins)
            epochs = [epoch for epoch in epochs if epoch.number > gap.number]
        clusters = _key_clusters(index, since=gap_at)
        if not clusters:
            self._next_chunk[session.id] = number
            return None
        position_ms = max((epoch.start_ms + epoch.length_ms for epoch in epochs), default=0)
        before = [cluster for cluster in clusters if cluster.time_ms - first_ms <= position_ms] if epochs else []
        cluster = before[-1] if before else clusters[0]
        cluster_ms = max(cluster.time_ms - first_ms, 0)
        start_ms = max(cluster_ms, position_ms)
        if start_ms > _most_ms(session):
            raise NotWebm("times are made up")
        chunk, offset = _place_of(cluster.offset, begins)
        return _Beginning(index.header, chunk, offset, start_ms, start_ms - cluster_ms, index.has_video, first_ms)

    def _read_chunks(
        self,
        session: StreamSession,
        first: tuple[int, int],
        index: WebmIndex,
        begins: list[_ChunkStart],
        *,
        header_only: bool = False,
    ) -> int:
        """Feeds the chunks that are there, from a byte of one on, and notes where each begins; returns the next one."""
        number, offset = first
        while (content := files.find(chunk_key(session, number))) is not None:
            begins.append(_ChunkStart(index.fed, number, offset))
            index.feed(content[offset:])
            number, offset = number + 1, 0
            if header_only and index.is_header_read:
                break
        return number

    def _encode(self, session: StreamSession, epoch_id: int, beginning: _Beginning, *, has_picture: bool) -> End:
        folder = self._folder / str(epoch_id)
        folder.mkdir(mode=0o700, parents=True)
        encoder = Encoder(
            self._program,
            folder,
            self._renditions(has_picture=has_picture),
            segment_seconds=settings().segment_seconds,
            skip_ms=beginning.skip_ms,
            has_picture=has_picture,
        )
        log.info("epoch begins", stream=self._stream_id, epoch=epoch_id, start_ms=beginning.start_ms)
        try:
            end = self._feed(session, epoch_id, encoder, beginning, has_picture=has_picture)
        except BrokenPipeError:
            end = End.FAILED
        except BaseException:
            encoder.kill()
            encoder.finish()
            raise
        if not encoder.finish():
            end = End.FAILED
        self._publish(session.stream, epoch_id, encoder)
        is_empty = not db.session.get_one(Epoch, epoch_id).length_ms
        resumes_at = self._resumes_at if end is End.GAP else None
        # Gaps without anything between them are no more than failures
        close_epoch(epoch_id, resumes_at=resumes_at, is_failed=end is End.FAILED or (end is End.GAP and is_empty))
        self._write_playlists(session.stream)
        if end is End.FAILED:
            self._next_chunk.pop(session.id, None)  # all that was not published is read again
            log.warning("ffmpeg ended", stream=self._stream_id, failures=session.failures, log=encoder.log_tail())
        if end in (End.FINAL, End.MADE_UP):
            is_read = end is End.FINAL and (encoder.is_successful or not is_empty)
            note_packaged(session.id, is_unreadable=not is_read, at=clock.now())
        shutil.rmtree(folder, ignore_errors=True)
        return end

    def _feed(
        self, session: StreamSession, epoch_id: int, encoder: Encoder, beginning: _Beginning, *, has_picture: bool
    ) -> End:
        """Feeds chunks as they come and publishes what comes out, until the run is to end."""
        reading = _StreamReading(beginning)
        encoder.write(beginning.header)
        chunk_at = self._published_at = self._state_at = time.monotonic()
        end: End | None = None
        while not self._stopping.is_set():
            is_waiting = False
            if encoder.is_behind:
                encoder.pump(CHUNK_SECONDS)
            elif end is not None:
                return end
            elif (content := files.find(chunk_key(session, reading.chunk))) is not None:
                chunk_at = time.monotonic()
                end = self._feed_chunk(session, encoder, reading, content)
            else:
                is_waiting = True
                end = self._end_of(session, reading.chunk, time.monotonic() - chunk_at)
            trouble = self._look_around(session, epoch_id, encoder, has_picture=has_picture)
            if trouble is not None:
                return trouble
            if is_waiting and end is None:
                self._stopping.wait(CHUNK_SECONDS)
        return End.STOPPING

    def _feed_chunk(
        self, session: StreamSession, encoder: Encoder, reading: _StreamReading, content: bytes
    ) -> End | None:
        """Feeds what of a chunk belongs to this run, which ends within it where times jump, or are made up.

        ffmpeg would fill the time between with pictures and silence at once, in memory.
        """
        base = reading.index.fed
        for cluster in reading.read(content):
            if cluster.time_ms - reading.first_ms <= _most_ms(session) and not cluster.jumps:
                continue
            encoder.write(content[reading.offset :][: max(cluster.offset - base, 0)])
            self._resumes_at = _place_of(cluster.offset, reading.begins)
            log.warning("times of a stream jump", session=session.public_id, chunk=self._resumes_at[0])
            self._next_chunk[session.id] = self._resumes_at[0]
            return End.GAP if cluster.jumps else End.MADE_UP
        encoder.write(content[reading.offset :])
        reading.chunk, reading.offset = reading.chunk + 1, 0
        self._next_chunk[session.id] = reading.chunk
        return None

    def _look_around(self, session: StreamSession, epoch_id: int, encoder: Encoder, *, has_picture: bool) -> End | None:
        """Publishes what came out, now and then, and returns why a run cannot go on."""
        self._check_lease()
        now = time.monotonic()
        if now - self._published_at > PUBLISH_SECONDS:
            self._publish(session.stream, epoch_id, encoder)
            self._published_at = now
        if not encoder.is_running or encoder.is_stuck:
            encoder.kill()
            return End.FAILED
        if now - self._state_at > STATE_SECONDS:
            self._state_at = now
            db.session.rollback()  # the rows as they are now
            if has_picture and files.free_bytes_here() < LITTLE_DISK:
                log.warning("the disk is nearly full: only sound is packaged", stream=self._stream_id)
                return End.DISK_LOW
        return None

    def _end_of(self, session: StreamSession, number: int, waited: float) -> End | None:
        """Whether a run ends that has waited for a chunk; null to go on waiting."""
        is_over = self._is_over(session, number, waited)
        if is_over or waited > GAP_SECONDS:
            names = (int(name) for name, _at in files.listed(chunk_folder(session)) if name.isdecimal())
            later = min((name for name in names if name > number), default=None)
            if later is not None:
                log.warning("chunks are missing", session=session.public_id, first=number, until=later)
                self._next_chunk[session.id], self._resumes_at = later, (later, 0)
                return End.GAP
        if session.stopped_at is not None:
            return End.FINAL if is_over else None
        return End.IDLE if waited > IDLE_SECONDS else None

    def _is_over(self, session: StreamSession, number: int, waited: float) -> bool:
        """Whether no chunk of a session comes any more from a number on, after waiting for it.

        What was recorded before somebody else ended the lecture can come a minute later. Only where another page
        already sends, viewers do not wait for it.
        """
        if session.stopped_at is None:
            return False
        if is_too_late(session, clock.now() - timedelta(seconds=LAST_CHUNK_SECONDS)):
            return True
        if session.chunk_count is not None and number >= session.chunk_count:
            return True
        return waited > LAST_CHUNK_SECONDS and self._is_continued(session)

    def _is_continued(self, session: StreamSession) -> bool:
        following = find_next_session(session)
        return following is not None and files.has(chunk_key(following, 0))

    def _publish(self, stream: Stream, epoch_id: int, encoder: Encoder) -> int:
        """Stores the segments that are whole in all renditions and not yet stored; returns how many there are."""
        lengths = {rendition: encoder.segments(rendition) for rendition in encoder.renditions}
        count = min(len(durations) for durations in lengths.values())
        epoch = db.session.get_one(Epoch, epoch_id)
        stored = len(epoch.durations.get(AUDIO, ()))
        if count <= stored:
            return count
        for rendition in encoder.renditions:
            if not stored:
                files.store(initial_key(stream, epoch, rendition), encoder.initial_path(rendition).read_bytes())
            for number in range(stored, count):
                self._check_lease()
                path = encoder.segment_path(rendition, number)
                files.store(segment_key(stream, epoch, rendition, number), path.read_bytes())
                path.unlink()
        note_segments(epoch_id, {rendition: durations[:count] for rendition, durations in lengths.items()})
        instruments.SEGMENTS.add(count - stored)
        self._write_playlists(stream, is_full=time.monotonic() - self._full_written_at > FULL_PLAYLIST_SECONDS)
        return count

    def _write_playlists(self, stream: Stream, *, is_complete: bool = False, is_full: bool = True) -> None:
        segment_ms = settings().segment_seconds * 1000
        texts = playlists_of(list_epochs(stream.id), is_complete=is_complete, segment_ms=segment_ms)
        for name, text in texts.items():
            if is_full or "_full" not in name:
                files.store(f"{stream_folder(stream)}/{name}", text.encode())
        if is_full:
            self._full_written_at = time.monotonic()
