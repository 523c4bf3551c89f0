"""Turns the chunks of one stream into segments and playlists of HLS, while they come and after a crash.

Sessions are packaged in order; each run of ffmpeg is an epoch. What is published is in the database and in files that
never change, so after a crash it continues at the first moment that was not published, from the key frame before it.
Files are stored before the rows that name them, and playlists after both.
"""

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

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
from lms.streaming.encoder import AUDIO, PICTURE, RENDITIONS, THIN, VOICE, Encoder, MediaFile
from lms.streaming.media_probe import demuxer_of
from lms.streaming.models import Epoch, SourceFailure, SourceFile, Stream, StreamSession, StreamState
from lms.streaming.playlists import playlists_of
from lms.streaming.queries import find_source_file, list_epochs, next_session_to_package
from lms.streaming.rules import (
    LITTLE_DISK,
    chunk_key,
    failure_of,
    initial_key,
    segment_key,
    source_key,
    stream_folder,
)
from lms.streaming.session_runs import (
    Beginning,
    ChunkPlace,
    End,
    RunEnd,
    RunReading,
    end_of_waiting,
    epochs_of,
    find_beginning,
    is_session_over,
    resumes_after,
)
from lms.streaming.webm import NotWebm

log = structlog.get_logger(__name__)
CHUNK_SECONDS = 0.1
"""How often a chunk is looked for that has not come."""
PUBLISH_SECONDS = 0.25
FULL_PLAYLIST_SECONDS = 30
"""How often the playlists of the whole stream are written while it goes on."""
STATE_SECONDS = 1
"""How often the session's row and the disk are read."""
SOURCE_SECONDS = 5
"""How often the packaging of a file is tried again while the disk is nearly full."""
ABANDONED_SECONDS = 30 * 60
"""A session without a chunk for this time is stopped."""
MAX_FAILURES = 5
"""Runs in a row that end by themselves, or end the packager, without a segment; then a session is called unreadable."""


class LeaseLost(Exception):
    """Another packager has the stream, or may have it soon."""


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
        self._counted: int | None = None
        self._later_seen: tuple[tuple[int, int], float] | None = None

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
            elif not self._skip_gap(session, waited := time.monotonic() - last_chunk_at):
                if waited > ABANDONED_SECONDS or is_session_over(session, self._next_chunk.get(session.id, 0), waited):
                    note_packaged(session.id, at=clock.now())
                self._stopping.wait(CHUNK_SECONDS)

    def _skip_gap(self, session: StreamSession, waited: float) -> bool:
        """Continues after chunks that do not come though later ones do, where no run of ffmpeg waits for them."""
        number = self._next_chunk.get(session.id, 0)
        if not number or (session.last_chunk or 0) <= number:
            return False
        later = resumes_after(session, number, waited=waited, later_for=self._later_for(session, number))
        if later is None:
            return False
        epochs = epochs_of(session)
        started_ms = clock.to_ms(session.started_at)
        epoch_id = epochs[-1].id if epochs else begin_epoch(session.id, start_ms=0, wall_ms=started_ms)
        close_epoch(epoch_id, resumes_at=ChunkPlace(later, 0), is_failed=True)
        log.warning("chunks are missing", session=session.public_id, first=number, until=later)
        self._next_chunk[session.id] = later
        return True

    def _later_for(self, session: StreamSession, number: int) -> float:
        """Seconds since a chunk after a missing one was seen, in or between runs; 0 where none was."""
        if (session.last_chunk or 0) <= number:
            return 0
        waits_for, now = (session.id, number), time.monotonic()
        if self._later_seen is None or self._later_seen[0] != waits_for:
            self._later_seen = waits_for, now
        return now - self._later_seen[1]

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
            beginning = find_beginning(session)
        except NotWebm as error:
            log.warning("stream is not WebM", session=session.public_id, error=str(error))
            note_packaged(session.id, is_unreadable=True, at=clock.now())
            return End.FINAL
        if isinstance(beginning, int):
            self._next_chunk[session.id] = beginning
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
        start_ms = sum(epoch.length_ms for epoch in epochs_of(session))
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
        published_ms = sum(epoch.length_ms for epoch in epochs_of(session))
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
        large = ["h"] if has_picture and settings().video_720p == "on" else []
        return [*large, PICTURE, *([THIN] if has_picture else []), AUDIO, VOICE]

    def _seal(self, stream: Stream, epoch: Epoch) -> None:
        """Closes an epoch whose run was killed, and deletes segments that it may have stored without noting them."""
        for rendition in RENDITIONS:
            count = len(epoch.durations.get(rendition, ()))
            files.delete(segment_key(stream, epoch, rendition, count))
            if not count:
                files.delete(initial_key(stream, epoch, rendition))
        close_epoch(epoch.id, is_failed=True)

    def _encode(self, session: StreamSession, epoch_id: int, beginning: Beginning, *, has_picture: bool) -> End:
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
            run_end = self._feed(session, epoch_id, encoder, beginning, has_picture=has_picture)
        except BrokenPipeError:
            run_end = RunEnd(End.FAILED, beginning.place)
        except BaseException:
            encoder.kill()
            encoder.finish()
            raise
        end = run_end.why if encoder.finish() else End.FAILED
        self._publish(session.stream, epoch_id, encoder)
        is_empty = not db.session.get_one(Epoch, epoch_id).length_ms
        resumes_at = run_end.resumes_at if end is End.GAP else None
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
        self, session: StreamSession, epoch_id: int, encoder: Encoder, beginning: Beginning, *, has_picture: bool
    ) -> RunEnd:
        """Feeds chunks as they come and publishes what comes out, until the run is to end."""
        reading = RunReading(beginning)
        encoder.write(beginning.header)
        chunk_at = self._published_at = self._state_at = time.monotonic()
        end: RunEnd | None = None
        while not self._stopping.is_set():
            is_waiting = False
            if encoder.is_behind:
                encoder.pump(CHUNK_SECONDS)
            elif end is not None:
                return end
            elif (content := files.find(chunk_key(session, reading.place.chunk))) is not None:
                chunk_at = time.monotonic()
                end = self._feed_chunk(session, encoder, reading, content)
            else:
                is_waiting = True
                end = self._end_of_waiting(session, reading, time.monotonic() - chunk_at)
            trouble = self._look_around(session, epoch_id, encoder, has_picture=has_picture)
            if trouble is not None:
                return RunEnd(trouble, reading.place)
            if is_waiting and end is None:
                self._stopping.wait(CHUNK_SECONDS)
        return RunEnd(End.STOPPING, reading.place)

    def _feed_chunk(
        self, session: StreamSession, encoder: Encoder, reading: RunReading, content: bytes
    ) -> RunEnd | None:
        fed, end = reading.read(session, content)
        encoder.write(fed)
        place = reading.place if end is None else end.place
        if end is not None:
            log.warning("times of a stream jump", session=session.public_id, chunk=place.chunk)
        self._next_chunk[session.id] = place.chunk
        return end

    def _end_of_waiting(self, session: StreamSession, reading: RunReading, waited: float) -> RunEnd | None:
        number = reading.place.chunk
        end = end_of_waiting(session, number, waited=waited, later_for=self._later_for(session, number))
        if end is not None and end.why is End.GAP:
            until = self._next_chunk[session.id] = end.place.chunk
            log.warning("chunks are missing", session=session.public_id, first=number, until=until)
        return end

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
