"""Where the runs of ffmpeg begin and end in the chunks of a session that browsers sent.

Nothing here runs ffmpeg or changes a row: it reads chunks, and what was published of the session before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from itertools import takewhile
from typing import NamedTuple

from lms.core.storage import files
from lms.core.time import clock
from lms.streaming.models import Epoch, StreamSession
from lms.streaming.queries import find_next_session, list_epochs
from lms.streaming.rules import chunk_folder, chunk_key, is_too_late
from lms.streaming.webm import Cluster, NotWebm, WebmIndex

IDLE_SECONDS = 15
"""Without a chunk for this time, the last segment is closed."""
GAP_SECONDS = 10
"""For so long a chunk is waited for once a later one was seen."""
LAST_CHUNK_SECONDS = 2
"""For so long a chunk is waited for once another page sends, and for one that came in its last second to be stored."""
AHEAD_MS = 5 * 60_000
"""So much longer than since its begin a session cannot last: its times are made up."""


class End(Enum):
    """Why a run of ffmpeg ends."""

    FINAL = auto()
    IDLE = auto()
    GAP = auto()
    FAILED = auto()
    MADE_UP = auto()
    DISK_LOW = auto()
    STOPPING = auto()


class ChunkPlace(NamedTuple):
    """A byte of a chunk."""

    chunk: int
    offset: int


@dataclass(frozen=True)
class Beginning:
    """Where a run begins: `header` first, then the bytes from `place` on. `start_ms`: in the session, which begins at
    `first_ms` of the recorder. `skip_ms`: what of the bytes was published before."""

    header: bytes
    place: ChunkPlace
    start_ms: int
    skip_ms: int
    has_video: bool
    first_ms: int | None = None


class RunEnd(NamedTuple):
    """Why a run ends, and where its session continues, which is after a gap where times jump or chunks are missing."""

    why: End
    place: ChunkPlace

    @property
    def resumes_at(self) -> ChunkPlace | None:
        """Where the session continues after a gap; null where there is none."""
        return self.place if self.why is End.GAP else None


class _ChunkStart(NamedTuple):
    """That at `fed` bytes of what was read, a byte of a chunk stands."""

    fed: int
    place: ChunkPlace


class RunReading:
    """What a run reads: chunks from a place on. `place`: the next byte. `first_ms`: the recorder's time at the begin of
    the session."""

    def __init__(self, beginning: Beginning) -> None:
        self.place = beginning.place
        self._index = WebmIndex()
        self._starts: list[_ChunkStart] = []
        self._first_ms = beginning.first_ms
        if beginning.header:
            self._index.feed(beginning.header)

    def read(self, session: StreamSession, content: bytes) -> tuple[bytes, RunEnd | None]:
        """What of a chunk belongs to this run, which ends within it where times jump, or are made up.

        ffmpeg would fill the time between with pictures and silence at once, in memory.
        """
        base, offset = self._index.fed, self.place.offset
        for cluster in self._new_clusters(content[offset:]):
            if cluster.time_ms - self._known_first_ms <= _most_ms(session) and not cluster.jumps:
                continue
            place = _place_of(cluster.offset, self._starts)
            why = End.GAP if cluster.jumps else End.MADE_UP
            return content[offset:][: max(cluster.offset - base, 0)], RunEnd(why, place)
        self.place = ChunkPlace(self.place.chunk + 1, 0)
        return content[offset:], None

    def _new_clusters(self, content: bytes) -> list[Cluster]:
        """The clusters of a chunk that were not known yet. What is no WebM is left to ffmpeg."""
        known = len(self._index.clusters)
        self._starts.append(_ChunkStart(self._index.fed, self.place))
        try:
            self._index.feed(content)
        except NotWebm:
            self._index.skip_gap()
        return self._index.clusters[known:]

    @property
    def _known_first_ms(self) -> int:
        return self._index.clusters[0].time_ms if self._first_ms is None else self._first_ms


def epochs_of(session: StreamSession) -> list[Epoch]:
    """The epochs of a session in order."""
    return [epoch for epoch in list_epochs(session.stream_id) if epoch.session_id == session.id]


def find_beginning(session: StreamSession) -> Beginning | int:
    """Where to begin: at the start of a session, else at the key frame before the end of what was published.

    Where nothing can be continued yet, the number of the chunk that has to come first. Raises NotWebm.
    """
    epochs = epochs_of(session)
    gap = next((epoch for epoch in reversed(epochs) if epoch.resume_chunk is not None), None)
    index = WebmIndex()
    starts: list[_ChunkStart] = []
    start = ChunkPlace(0, 0)
    number = _read_chunks(session, start, index, starts, header_only=gap is not None or not epochs)
    if not index.is_header_read:
        return number
    if not index.has_audio:
        raise NotWebm("no sound")
    if not epochs:
        return Beginning(b"", start, 0, 0, index.has_video)
    first_ms = index.clusters[0].time_ms if index.clusters else 0
    gap_at = 0
    if gap is not None and gap.resume_chunk is not None:
        gap_at = index.fed
        index.skip_gap()
        number = _read_chunks(session, ChunkPlace(gap.resume_chunk, gap.resume_offset or 0), index, starts)
        epochs = [epoch for epoch in epochs if epoch.number > gap.number]
    clusters = _key_clusters(index, since=gap_at)
    if not clusters:
        return number
    position_ms = max((epoch.start_ms + epoch.length_ms for epoch in epochs), default=0)
    before = [cluster for cluster in clusters if cluster.time_ms - first_ms <= position_ms] if epochs else []
    cluster = before[-1] if before else clusters[0]
    cluster_ms = max(cluster.time_ms - first_ms, 0)
    start_ms = max(cluster_ms, position_ms)
    if start_ms > _most_ms(session):
        raise NotWebm("times are made up")
    place = _place_of(cluster.offset, starts)
    return Beginning(index.header, place, start_ms, start_ms - cluster_ms, index.has_video, first_ms)


def _read_chunks(
    session: StreamSession,
    first: ChunkPlace,
    index: WebmIndex,
    starts: list[_ChunkStart],
    *,
    header_only: bool = False,
) -> int:
    """Feeds the chunks that are there, from a byte of one on, and notes where each begins; returns the next one."""
    number, offset = first
    while (content := files.find(chunk_key(session, number))) is not None:
        starts.append(_ChunkStart(index.fed, ChunkPlace(number, offset)))
        index.feed(content[offset:])
        number, offset = number + 1, 0
        if header_only and index.is_header_read:
            break
    return number


def _key_clusters(index: WebmIndex, *, since: int) -> list[Cluster]:
    """The clusters from a byte on at which an encoder can begin: up to the first jump of times, if there are any."""
    clusters = [cluster for cluster in index.clusters if cluster.offset >= since]
    run = takewhile(lambda cluster: not cluster.jumps, clusters)
    return [cluster for cluster in run if cluster.is_key] or [cluster for cluster in clusters if cluster.is_key]


def _most_ms(session: StreamSession) -> int:
    """How long a session can last by now."""
    return clock.to_ms(clock.now()) - clock.to_ms(session.started_at) + AHEAD_MS


def _place_of(fed: int, starts: Sequence[_ChunkStart]) -> ChunkPlace:
    """The byte of a chunk for an offset of the bytes read."""
    start = max(candidate for candidate in starts if candidate.fed <= fed)
    return ChunkPlace(start.place.chunk, fed - start.fed + start.place.offset)


def end_of_waiting(session: StreamSession, number: int, *, waited: float, later_for: float) -> RunEnd | None:
    """How a run ends that has `waited` for a chunk, in seconds; null to go on waiting. `later_for` as below."""
    is_over = is_session_over(session, number, waited)
    if is_over or later_for > GAP_SECONDS:
        later = _chunk_after(session, number)
        if later is not None:
            return RunEnd(End.GAP, ChunkPlace(later, 0))
    if session.stopped_at is not None:
        return RunEnd(End.FINAL, ChunkPlace(number, 0)) if is_over else None
    return RunEnd(End.IDLE, ChunkPlace(number, 0)) if waited > IDLE_SECONDS else None


def resumes_after(session: StreamSession, number: int, *, waited: float, later_for: float) -> int | None:
    """The chunk at which a session continues whose chunk `number` does not come; null to go on waiting.

    `waited`: seconds without a chunk that can be used; `later_for`: seconds since a later one was seen, because what
    comes out of order after a silence has its time too.
    """
    if later_for <= GAP_SECONDS and not is_session_over(session, number, waited):
        return None
    later = _chunk_after(session, number)
    resumed = max((epoch.resume_chunk or 0 for epoch in epochs_of(session)), default=0)
    return later if later is not None and later > resumed else None


def _chunk_after(session: StreamSession, number: int) -> int | None:
    """The first chunk that came of those after a number; null if none did."""
    names = (int(name) for name, _at in files.listed(chunk_folder(session)) if name.isdecimal())
    return min((name for name in names if name > number), default=None)


def is_session_over(session: StreamSession, number: int, waited: float) -> bool:
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
    return waited > LAST_CHUNK_SECONDS and _is_continued(session)


def _is_continued(session: StreamSession) -> bool:
    following = find_next_session(session)
    return following is not None and files.has(chunk_key(following, 0))
