"""One connection of a web process: what a client sends is received without waiting for it, and what is sent to it is
kept for it, so that no thread works at the pace of a client.

gunicorn's parser reads each request, as it would read it from the network: nothing here decides what a request says,
only whether all of it is there.
"""

from __future__ import annotations

import io
import os
import re
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, Any

from gunicorn.http.body import LengthReader
from gunicorn.http.errors import InvalidChunkSize, LimitRequestHeaders, NoMoreData
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import Unreader

MEMORY_BYTES = 64 * 1024
"""So much of a body is received whatever the route, and is kept in memory; more is kept in a file."""
HEAD_BYTES = 64 * 1024
"""The most that a request line and the headers have together."""
_RECEIVE_BYTES, _RECEIVES_AT_ONCE = 64 * 1024, 16
_READ_BYTES = 1024 * 1024
_CHUNK_LINE_BYTES = 8190
FREE_CHUNKS, LEAST_CHUNK_BYTES = 10_000, 512
"""After so many chunks, all of a body have so many bytes on average."""
_HEAD_END = re.compile(rb"\r\n\r\n|(?<!\r)\n")
"""Where a head ends; a bare LF ends it too, for the parser refuses it."""
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r", re.DOTALL)


class NoRoom(Exception):
    """More would be kept for clients than this process may keep, or the disk can."""


class SmallChunks(Exception):
    """A body in so many small chunks that finding them costs more than answering the request."""


class Room:
    """How many bytes a process may keep in files for its clients, all together."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._turn = threading.Lock()

    def take(self, count: int) -> None:
        """NoRoom where so many are not left."""
        with self._turn:
            if count > self._left:
                raise NoRoom
            self._left -= count

    def give_back(self, count: int) -> None:
        """What was taken and is kept no longer."""
        with self._turn:
            self._left += count


class _KeptFile:
    """A file without a name that counts in the room."""

    def __init__(self, room: Room) -> None:
        self._room, self._taken = room, 0
        try:
            self.file: IO[bytes] = TemporaryFile(buffering=0)  # noqa: SIM115  closed by `close`
        except OSError as error:
            raise NoRoom from error

    def append(self, data: bytes | memoryview) -> None:
        self._room.take(len(data))
        self._taken += len(data)
        try:
            self.file.seek(0, os.SEEK_END)
            written = self.file.write(data)
        except OSError as error:
            raise NoRoom from error
        if written != len(data):
            raise NoRoom

    def close(self) -> None:
        self.file.close()
        self._room.give_back(self._taken)
        self._taken = 0


class _Received(Unreader):
    """The source of gunicorn's parser: what was received of a request. It ends where that ends."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._kept: _KeptFile | None = None
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self._kept is None and self.size > MEMORY_BYTES:
            self._kept = _KeptFile(self._room)
        if self._kept is not None:
            self._kept.append(data)
        else:
            self.buf.seek(0, os.SEEK_END)
            self.buf.write(data)

    def rewind(self) -> None:
        if self._kept is not None:
            self._kept.file.seek(0)

    def chunk(self, size_hint: int | None = None) -> bytes:
        return self._kept.file.read(min(max(size_hint or 0, 8192), _READ_BYTES)) if self._kept is not None else b""

    def clear(self) -> None:
        self.take_buffered()
        self.size = 0
        if self._kept is not None:
            self._kept.close()
            self._kept = None


class _Chunks:
    """Finds where a chunked body ends. What is malformed ends it too: the parser refuses it."""

    def __init__(self) -> None:
        self._line = b""
        self._skip = 0
        self._in_trailers = False
        self._count = self._size = 0

    def end_in(self, data: bytes) -> int | None:
        """How much of the next bytes belongs to the body, once it ends in them. Raises SmallChunks."""
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            end = data.find(b"\n", at)
            line, at = self._line + data[at : end if end >= 0 else len(data)], end + 1
            if len(line) > _CHUNK_LINE_BYTES:
                return len(data)
            if end < 0:
                self._line = line
                return None
            self._line = b""
            if self._in_trailers:
                if line == b"\r":
                    return at
            elif found := _CHUNK_SIZE.fullmatch(line):
                size = int(found[1], 16)
                self._in_trailers = size == 0
                self._skip = size + 2 if size else 0
                self._count += bool(size)
                self._size += size
                if self._count > FREE_CHUNKS and self._size < self._count * LEAST_CHUNK_BYTES:
                    raise SmallChunks
            else:
                return at
        return None


@dataclass
class _Part:
    """A piece of a file that is still to be sent."""

    file: IO[bytes]
    offset: int
    left: int
    kept: _KeptFile | None = None

    def close(self) -> None:
        (self.kept or self.file).close()


class PatientSocket(socket.socket):
    """Takes whatever is written to it at once; what the network does not take now is kept until `flush`."""

    def __init__(self, accepted: socket.socket, room: Room) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.setblocking(False)
        self._room = room
        self._parts: deque[_Part] = deque()

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        rest = memoryview(data)
        self.flush()
        if not self._parts:
            with suppress(BlockingIOError):
                rest = rest[self.send(rest) :]
        if rest:
            self._keep(rest)

    def _keep(self, data: memoryview) -> None:
        try:
            if not (self._parts and self._parts[-1].kept):
                kept = _KeptFile(self._room)
                self._parts.append(_Part(kept.file, 0, 0, kept))
            part = self._parts[-1]
            assert part.kept is not None
            part.kept.append(data)
        except NoRoom as error:
            raise ConnectionAbortedError("no room for an answer that is not read") from error
        part.left += len(data)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        if count is None:
            count = os.fstat(file.fileno()).st_size - offset
        self._parts.append(_Part(os.fdopen(os.dup(file.fileno()), "rb", 0), offset, count))
        self.flush()
        return count

    def flush(self) -> int:
        """Sends on without waiting; how many bytes went. `is_empty` then says whether all has."""
        total = 0
        while self._parts:
            part = self._parts[0]
            try:
                sent = os.sendfile(self.fileno(), part.file.fileno(), part.offset, part.left) if part.left else 0
            except BlockingIOError:
                break
            if part.left and not sent:
                raise ConnectionAbortedError("a file that is being sent became shorter")
            part.offset += sent
            part.left -= sent
            total += sent
            if not part.left:
                self._parts.popleft().close()
        return total

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept to be sent."""
        return not self._parts

    def close(self) -> None:
        while self._parts:
            self._parts.popleft().close()
        super().close()


class Connection:
    """Belongs at each moment either to the loop or to one thread.

    `most_bytes` says how much the route of a method and a path reads of a body.
    """

    def __init__(
        self,
        cfg: Any,
        accepted: socket.socket,
        client: Any,
        server: Any,
        *,
        room: Room,
        most_bytes: Callable[[str, str], int],
    ) -> None:
        self.sock = PatientSocket(accepted, room)
        self.client = client
        self.server = server
        self.request: Any = None
        """The request whose head is there."""
        self.failure: Exception | None = None
        """Why the request cannot be received: a thread answers it."""
        self.is_refused = False
        """Whether more of a request may come than was received."""
        self.keeps_alive = False
        self.deadline = self.timer = inf
        """When the connection is late, and when the loop next looks at that."""
        self._most_bytes = most_bytes
        self._received = _Received(room)
        self._parser = RequestParser(cfg, (), client)
        self._parser.unreader = self._received
        self._head = bytearray()
        self._following = b""
        self._left = 0
        self._chunks: _Chunks | None = None
        self._plain: SpooledTemporaryFile[bytes] | None = None
        self._limit: int | None = None

    @property
    def is_receiving(self) -> bool:
        """Whether a part of a request is there."""
        return bool(self._head) or self.request is not None

    @property
    def has_following(self) -> bool:
        """Whether the client sent something of its next request together with the last one."""
        return bool(self._following)

    # Receiving

    def receive(self) -> int | None:
        """Takes in what has come. None once the request can be answered, else how many bytes came.

        Raises what gunicorn's parser does, and NoMoreData where the client is gone.
        """
        total = 0
        if self._following:
            data, self._following = self._following, b""
            if self._take(data):
                return None
        for _turn in range(_RECEIVES_AT_ONCE):
            try:
                data = self.sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                break
            if not data:
                raise NoMoreData
            total += len(data)
            if self._take(data):
                return None
            if len(data) < _RECEIVE_BYTES:
                break
        return total

    def _take(self, data: bytes) -> bool:
        """Adds the next bytes; whether the request can be answered."""
        if self.request is not None:
            return self._take_body(data)
        looked_at = max(0, len(self._head) - 3)
        self._head += data
        if _HEAD_END.search(self._head, looked_at) is None:
            if len(self._head) > HEAD_BYTES:
                raise LimitRequestHeaders(f"more than {HEAD_BYTES} bytes")
            return False
        return self._take_body(self._read_head())

    def _read_head(self) -> bytes:
        """Parses the head; what follows it."""
        self._received.unread(bytes(self._head))
        self._head.clear()
        request: Request = next(self._parser)
        follows: bytes = self._received.take_buffered()
        reader = request.body.reader
        self.request, self._limit = request, None
        self._chunks = None if isinstance(reader, LengthReader) else _Chunks()
        self._left = 0 if self._chunks else reader.length
        if self._is_too_large(self._left):
            self._refuse()
        elif request._expected_100_continue and (self._chunks or len(follows) < self._left):
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request._expected_100_continue = False  # or it would be sent together with the answer
        return follows

    def _take_body(self, data: bytes) -> bool:
        if self.is_refused:
            return True
        if self._chunks is None:
            end: int | None = self._left if self._left <= len(data) else None
            self._left -= len(data)
        else:
            end = self._chunks.end_in(data)
        self._received.add(data[:end])
        if end is not None:
            self._following = data[end:]
        elif self._is_too_large(self._received.size):
            self._refuse()
        return end is not None or self.is_refused

    def _is_too_large(self, size: int) -> bool:
        if size <= MEMORY_BYTES:
            return False
        if self._limit is None:
            self._limit = self._most_bytes(self.request.method, self.request.path)
        return size > self._limit

    def _refuse(self) -> None:
        """The application answers it by the length that it is told, and reads nothing."""
        self.is_refused = True
        self.request.force_close()
        self._set_body(io.BytesIO(), max(self._left, self._received.size))
        self._received.clear()

    # Answering

    def open_request(self) -> Any:
        """The request, with a body that can be read without waiting, of a known length however it was sent."""
        if self._chunks is not None and not self.is_refused:
            self._received.rewind()
            self._plain = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  closed by `finish`
            try:
                copyfileobj(self.request.body, self._plain)
            except NoMoreData as error:
                raise InvalidChunkSize(b"") from error
            if self._received.read():  # the parser ends it earlier than `_Chunks`
                raise InvalidChunkSize(b"")
            self._set_body(self._plain, self._plain.tell())
            self._plain.seek(0)
        self._received.rewind()
        return self.request

    def _set_body(self, body: Any, length: int) -> None:
        framing = {"CONTENT-LENGTH", "TRANSFER-ENCODING"}
        others = [header for header in self.request.headers if header[0] not in framing]
        self.request.headers = [*others, ("CONTENT-LENGTH", str(length))]
        self.request.body = body

    def finish(self) -> None:
        """Forgets the request that was answered, with what the application did not read of it."""
        self.request = self._parser.mesg = None
        self._head.clear()
        self._received.clear()
        if self._plain is not None:
            self._plain.close()
            self._plain = None

    def close(self) -> None:
        """Closes the connection, and forgets all that was kept for it."""
        self.finish()
        self._following = b""
        self.sock.close()
