"""Reads as much of WebM (Matroska) as it takes to continue a stream at a key frame.

A browser's recorder writes one endless segment: a header with the tracks, then clusters, each with the time of its
first frame. The pieces that it hands out do not end where clusters end.
"""

from dataclasses import dataclass

MAGIC = b"\x1a\x45\xdf\xa3"
"""The first bytes of each WebM file."""
_CLUSTER_ID = b"\x1f\x43\xb6\x75"
_SEGMENT, _CLUSTER, _TRACKS, _TRACK_ENTRY = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
_BLOCK_GROUP, _BLOCK, _SIMPLE_BLOCK, _REFERENCE = 0xA0, 0xA1, 0xA3, 0xFB
_TIMECODE, _TRACK_NUMBER, _TRACK_TYPE = 0xE7, 0xD7, 0x83
_INFO, _SCALE, _PICTURE, _WIDTH, _HEIGHT = 0x1549A966, 0x2AD7B1, 0xE0, 0xB0, 0xBA
_ENTERED = {_SEGMENT, _INFO, _CLUSTER, _TRACKS, _TRACK_ENTRY, _PICTURE, _BLOCK_GROUP}
_OF_HEADER = {_TRACK_NUMBER, _TRACK_TYPE, _SCALE, _WIDTH, _HEIGHT}
_NOTED = {*_OF_HEADER, _TIMECODE, _BLOCK, _SIMPLE_BLOCK, _REFERENCE}
_VIDEO, _AUDIO = 1, 2
_HEAD_BYTES = 12
"""The longest id and size of an element."""
_VALUE_BYTES = 8
"""The longest number, and what is read of a block."""
_KEY_FRAME = 0x80
MAX_HEADER = 256 * 1024
MOST_PIXELS = 4096
"""Wider or higher pictures are refused."""
JUMP_MS = 30_000
"""A longer step from one cluster to the next is a break: a computer that slept, or times that were made up."""
_MILLISECOND = 1_000_000


class NotWebm(ValueError):
    """The bytes are no WebM that a recorder writes."""


@dataclass
class Cluster:
    """A cluster at `offset` bytes of all that was fed. `is_key`: its first picture needs no earlier one. `jumps`: its
    time is far from the end of the cluster before."""

    offset: int
    time_ms: int
    is_key: bool = False
    jumps: bool = False


class WebmIndex:
    """Finds the clusters of a stream that is fed piece by piece. Keeps the header and an entry for each cluster."""

    def __init__(self) -> None:
        self.header = b""
        self.clusters: list[Cluster] = []
        self.fed = 0
        self._buffer = bytearray()
        self._buffer_at = 0
        self._skip = 0
        self._is_searching = False
        self._has_header = False
        self._cluster_at: int | None = None
        self._is_first_picture_open = False
        self._is_in_group = False
        self._last_ms: int | None = None
        self._track_number = 0
        self._types: dict[int, int] = {}

    @property
    def has_video(self) -> bool:
        """Whether the header names a track with pictures."""
        return _VIDEO in self._types.values()

    @property
    def has_audio(self) -> bool:
        """Whether the header names a track with sound."""
        return _AUDIO in self._types.values()

    @property
    def is_header_read(self) -> bool:
        """Whether the first cluster was reached."""
        return self._has_header

    def skip_gap(self) -> None:
        """Notes that bytes are missing here: the next cluster is searched for."""
        self._buffer.clear()
        self._buffer_at = self.fed
        self._skip = 0
        self._is_searching = True
        self._cluster_at = self._last_ms = None

    def feed(self, content: bytes) -> None:
        """Reads the next bytes. Raises NotWebm."""
        if not self.fed and not content.startswith(MAGIC):
            raise NotWebm("no header")
        if not self._has_header:
            self.header += content
        self.fed += len(content)
        self._buffer += content
        if self._is_searching and not self._find_cluster():
            return
        while self._read_skipped() and self._read_element():
            pass
        if not self._has_header and len(self.header) > MAX_HEADER:
            raise NotWebm("no cluster")

    def _find_cluster(self) -> bool:
        found_at = self._buffer.find(_CLUSTER_ID)
        self._drop(found_at if found_at >= 0 else max(len(self._buffer) - len(_CLUSTER_ID) + 1, 0))
        self._is_searching = found_at < 0
        return found_at >= 0

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._buffer_at += count

    def _read_skipped(self) -> bool:
        """Drops what is left of an element that nobody needs; False where more of it is to come."""
        count = min(self._skip, len(self._buffer))
        self._drop(count)
        self._skip -= count
        return not self._skip

    def _read_element(self) -> bool:
        """Reads the next element; False where more bytes are needed."""
        ident = _read_number(self._buffer, 0, is_id=True)
        size = _read_number(self._buffer, ident[1], is_id=False) if ident else None
        if ident is None or size is None:
            if len(self._buffer) >= _HEAD_BYTES:
                raise NotWebm("not an element")
            return False
        kind, head_bytes = ident[0], ident[1] + size[1]
        if kind in _ENTERED:
            self._enter(kind)
            self._drop(head_bytes)
            return True
        value_bytes = min(size[0], _VALUE_BYTES)
        if kind in _NOTED:
            if len(self._buffer) < head_bytes + value_bytes:
                return False
            self._note(kind, bytes(self._buffer[head_bytes : head_bytes + value_bytes]))
        self._drop(head_bytes)
        self._skip = size[0]
        return True

    def _enter(self, kind: int) -> None:
        self._is_in_group = False
        if kind == _CLUSTER:
            if not self._has_header:
                self.header = self.header[: self._buffer_at]
                self._has_header = True
            self._cluster_at = self._buffer_at

    def _note(self, kind: int, value: bytes) -> None:
        if kind in _OF_HEADER:
            self._note_header(kind, value)
        elif kind == _TIMECODE and self._cluster_at is not None:
            time_ms = int.from_bytes(value, "big")
            jumps = self._last_ms is not None and abs(time_ms - self._last_ms) > JUMP_MS
            self.clusters.append(Cluster(self._cluster_at, time_ms, is_key=not self.has_video, jumps=jumps))
            self._cluster_at, self._last_ms = None, time_ms
            self._is_first_picture_open = self.has_video
        elif kind == _REFERENCE:
            if self._is_in_group:
                self.clusters[-1].is_key = False
        elif kind in {_SIMPLE_BLOCK, _BLOCK} and self.clusters:
            self._note_block(value, is_in_group=kind == _BLOCK)

    def _note_header(self, kind: int, value: bytes) -> None:
        number = int.from_bytes(value, "big")
        if kind == _TRACK_NUMBER:
            self._track_number = number
        elif kind == _TRACK_TYPE:
            self._types[self._track_number] = number
        elif kind == _SCALE and number != _MILLISECOND:
            raise NotWebm("times are not in milliseconds")
        elif kind in {_WIDTH, _HEIGHT} and number > MOST_PIXELS:
            raise NotWebm("the pictures are too large")

    def _note_block(self, value: bytes, *, is_in_group: bool) -> None:
        track = _read_number(value, 0, is_id=False)
        if track is None or len(value) <= track[1] + 2:
            return
        self._last_ms = self.clusters[-1].time_ms + int.from_bytes(value[track[1] : track[1] + 2], "big", signed=True)
        if self._is_first_picture_open and self._types.get(track[0]) == _VIDEO:
            self._is_first_picture_open = False
            self._is_in_group = is_in_group  # a block in a group is a key frame if it refers to none
            self.clusters[-1].is_key = is_in_group or bool(value[track[1] + 2] & _KEY_FRAME)


def _read_number(content: bytes | bytearray, at: int, *, is_id: bool) -> tuple[int, int] | None:
    """A number of variable length, and how many bytes it takes. Null where bytes are missing.

    The size of an element that ends with the stream is read as 0.
    """
    if at >= len(content):
        return None
    first = content[at]
    length = 9 - first.bit_length()
    if length > 8 or at + length > len(content):
        return None
    number = int.from_bytes(content[at : at + length], "big")
    if is_id:
        return number, length
    number &= (1 << (7 * length)) - 1
    return (0 if number == (1 << (7 * length)) - 1 else number), length
