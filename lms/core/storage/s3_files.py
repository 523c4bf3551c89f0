"""Stored files in object storage that speaks S3, by the library obstore (the extra `s3`).

Each file is one object with its SHA-256 in its metadata, compared whenever it is read whole. Pieces of an upload are
objects of their own, so that several machines can receive them without a lock.
"""

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import parse_qs, urlsplit

from lms.core.base.errors import NotFound
from lms.core.storage.file_store import ABANDONED, FileDamaged, StorageAway, StoredFile

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

BLOCK = 8 * 1024 * 1024
"""Bytes that are read or sent in one request, and the most that is stored without a temporary file."""
_COPIES = 4
"""Parts of a large file that are sent at a time."""
_DIGEST = "sha256"
_PIECES = ".pieces"
_NO_BUCKET = "the bucket does not exist"
_UNLIMITED = 1 << 60
_LONGEST_ERROR = 200
_PROBE_SECONDS = 1


@dataclass(frozen=True)
class _Address:
    """Where files are: `s3://bucket/prefix?endpoint=…&region=…`."""

    bucket: str
    prefix: str
    endpoint: str
    region: str

    @classmethod
    def read(cls, url: str) -> "_Address":
        parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
        endpoint, region = (query.get(name, [""])[0] for name in ("endpoint", "region"))
        return cls(parts.netloc, parts.path.strip("/"), endpoint.rstrip("/"), region)


@dataclass(frozen=True)
class S3Files:
    """Files in a bucket. Without a key, the credentials are those of the environment (`AWS_…`) or of the machine.

    `temporary` is a folder of this machine for what other programs read and for large files before they are sent.
    """

    url: str
    temporary: Path
    access_key: str = ""
    secret_key: str = field(default="", repr=False)

    # Reads

    def reading(self, key: str) -> tuple[BinaryIO, int] | None:
        """The content, open, and its length; None if nothing is there."""
        import obstore

        try:
            with self._storage():
                result = obstore.get(self._client(), _checked(key))
                meta, digest = result.meta, _digest_of(result.attributes)
                if meta["size"] <= BLOCK:
                    return io.BytesIO(_compared(bytes(result.bytes()), digest)), meta["size"]
        except FileNotFoundError:
            return None
        return cast(BinaryIO, io.BufferedReader(_ObjectReader(self, key, meta, digest), 1024 * 1024)), meta["size"]

    def find(self, key: str) -> bytes | None:
        """The content, or None."""
        opened = self.reading(key)
        if opened is None:
            return None
        with opened[0] as content:
            return content.read()

    def read_block(self, key: str, e_tag: str | None, start: int, end: int) -> bytes:
        """The bytes of an object from `start` to before `end`. Raises StorageAway if the object was replaced."""
        import obstore

        with self._storage():
            options: dict[str, Any] = {"range": (start, end), **({"if_match": e_tag} if e_tag else {})}
            return bytes(obstore.get(self._client(), _checked(key), options=cast(Any, options)).bytes())

    def size_of(self, key: str) -> int | None:
        """The length in bytes, or None."""
        import obstore

        try:
            with self._storage():
                return obstore.head(self._client(), _checked(key))["size"]
        except FileNotFoundError:
            return None

    def listed(self, prefix: str) -> Iterator[StoredFile]:
        """The files below a folder, at any depth."""
        import obstore

        with self._storage():
            for batch in obstore.list(self._client(), _checked(prefix) if prefix else None):
                for meta in batch:
                    yield StoredFile(meta["path"], meta["size"], meta["last_modified"])

    def children(self, prefix: str) -> list[tuple[str, datetime]]:
        """The names of the files directly in a folder, and when each was written."""
        import obstore

        with self._storage():
            objects = obstore.list_with_delimiter(self._client(), _checked(prefix))["objects"]
            return [(meta["path"].rpartition("/")[2], meta["last_modified"]) for meta in objects]

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """A copy on this machine until the block ends. Raises FileNotFoundError."""
        with self._storage():
            folder = Path(tempfile.mkdtemp(prefix="copy-", dir=self._temporary()))
        try:
            with self._storage():
                path = folder / "file"
                with path.open("wb") as copied:
                    if pieces := self._pieces(key):
                        for piece in pieces:
                            self._copy_to(copied, piece.key)
                    else:
                        self._copy_to(copied, key)
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _copy_to(self, copied: BinaryIO, key: str) -> None:
        opened = self.reading(key)
        if opened is None:
            raise FileNotFoundError(key)
        with opened[0] as content:
            shutil.copyfileobj(content, copied, BLOCK)

    # Writes

    def put(self, key: str, content: bytes) -> None:
        """Stores `content`, replacing what was there at once."""
        with self._storage():
            self._put(key, content, hashlib.sha256(content).hexdigest())

    def put_path(self, key: str, path: Path) -> None:
        """Stores a copy of a local file, replacing what was there at once."""
        with self._storage(), path.open("rb") as file:
            self._put_file(key, file)

    def create(self, key: str, content: bytes) -> bool:
        """Stores `content` if nothing is there; returns whether it did."""
        from obstore.exceptions import AlreadyExistsError

        with self._storage():
            try:
                self._put(key, content, hashlib.sha256(content).hexdigest(), mode="create")
            except AlreadyExistsError:
                return False
        return True

    @contextlib.contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        """A temporary file to write piece by piece; stored if the block ends without an error."""
        with self._storage(), tempfile.TemporaryFile(dir=self._temporary()) as file:
            yield cast(BinaryIO, file)
            file.flush()
            self._put_file(key, cast(BinaryIO, file))

    def _put_file(self, key: str, file: BinaryIO) -> None:
        file.seek(0)
        digest = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
        is_large = file.tell() > BLOCK
        file.seek(0)
        self._put(key, file if is_large else file.read(), digest, is_large=is_large)

    def _put(
        self, key: str, content: bytes | BinaryIO, digest: str, *, is_large: bool = False, mode: Any = None
    ) -> None:
        import obstore

        attributes = cast(Any, {_DIGEST: digest})
        obstore.put(
            self._client(),
            _checked(key),
            content,
            attributes=attributes,
            mode=mode,
            use_multipart=is_large,
            chunk_size=BLOCK,
            max_concurrency=_COPIES,
        )

    def delete(self, key: str) -> None:
        """Deletes a file, if it is there."""
        self._delete([_checked(key)])

    def delete_folder(self, prefix: str) -> None:
        """Deletes all files below a folder."""
        self._delete([file.key for file in self.listed(prefix)])

    def delete_older(self, prefix: str, *, before: datetime) -> int:
        """Deletes the files below a folder that were written before a moment; returns how many.

        Pieces of an upload are as old as the newest of them.
        """
        stored = list(self.listed(prefix))
        newest: dict[str, datetime] = {}
        for file in stored:
            unit = _unit_of(file.key)
            newest[unit] = max(newest.get(unit, file.written_at), file.written_at)
        old = [file.key for file in stored if newest[_unit_of(file.key)] < before]
        self._delete(old)
        return len(old)

    def _delete(self, keys: list[str]) -> None:
        import obstore

        if keys:
            with self._storage(), contextlib.suppress(FileNotFoundError):
                obstore.delete(self._client(), keys)

    # Uploads in pieces

    def append(self, key: str, content: bytes, *, offset: int) -> int:
        """Adds a piece to an upload that has `offset` bytes; returns how many it has then."""
        size = self.received(key)
        if size != offset:
            return size
        if self.create(f"{key}{_PIECES}/{offset:015d}", content):
            return offset + len(content)
        return self.received(key)

    def received(self, key: str) -> int:
        """How many bytes of an upload in pieces there are."""
        return sum(piece.size for piece in self._pieces(key))

    def delete_received(self, key: str) -> None:
        """Deletes the pieces of an upload."""
        self._delete([piece.key for piece in self.listed(f"{key}{_PIECES}")])

    def _pieces(self, key: str) -> list[StoredFile]:
        """The pieces of an upload in order, as far as none is missing."""
        pieces, size = [], 0
        for piece in sorted(self.listed(f"{key}{_PIECES}"), key=lambda piece: piece.key):
            if int(piece.key.rpartition("/")[2]) != size:
                break
            pieces.append(piece)
            size += piece.size
        return pieces

    # The machine

    def free_bytes(self) -> int:
        """A number without meaning: the storage does not say how much more it takes."""
        return _UNLIMITED

    def sweep(self, *, at: datetime) -> int:
        """Deletes local copies of processes that were killed; returns how many."""
        swept = 0
        with self._storage():
            for path in self._temporary().iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime < (at - ABANDONED).timestamp():
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                        swept += 1
        return swept

    def probe(self) -> None:
        """Asks for a file that does not exist, within a second. Raises StorageAway."""
        import obstore

        with self._storage(), contextlib.suppress(FileNotFoundError):
            obstore.head(_client_of(self, os.getpid(), is_probe=True), "probe")

    def _temporary(self) -> Path:
        self.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.temporary

    def _client(self) -> "S3Store":
        return _client_of(self, os.getpid(), is_probe=False)

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        began = time.monotonic()
        try:
            yield
        except (FileNotFoundError, StorageAway):
            raise
        except (BaseError, OSError) as error:
            text = (
                _NO_BUCKET
                if "NoSuchBucket" in str(error)
                else " ".join(str(error).partition("Debug source:")[0].split())[:_LONGEST_ERROR]
            )
            away = StorageAway(text)
            away.seconds = time.monotonic() - began
            raise away from error


_clients: "dict[tuple[S3Files, int, bool], S3Store]" = {}


def _client_of(files: S3Files, pid: int, *, is_probe: bool) -> "S3Store":
    """The client of this process: one that was forked cannot use that of its parent."""
    client = _clients.get((files, pid, is_probe))
    if client is None:
        client = _clients[files, pid, is_probe] = _make_client(files, is_probe=is_probe)
    return client


def _make_client(files: S3Files, *, is_probe: bool) -> "S3Store":
    from obstore.store import S3Store

    address = _Address.read(files.url)
    options: dict[str, Any] = {"virtual_hosted_style_request": False}
    if address.endpoint:
        options["endpoint"] = address.endpoint
    options["region"] = address.region or os.environ.get("AWS_REGION") or "us-east-1"
    if files.access_key:
        options |= {"access_key_id": files.access_key, "secret_access_key": files.secret_key}
    seconds = _PROBE_SECONDS if is_probe else 30
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        checksum_algorithm="SHA256",
        client_options={
            "allow_http": address.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=min(seconds, 3)),
            "timeout": timedelta(seconds=seconds),
        },
        retry_config={
            "max_retries": 0 if is_probe else 3,
            "retry_timeout": timedelta(seconds=seconds),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
        **cast(Any, options),
    )


class _ObjectReader(io.RawIOBase):
    """A large object, read block by block. Raises FileDamaged at its end if its checksum is wrong."""

    def __init__(self, files: S3Files, key: str, meta: "ObjectMeta", digest: str) -> None:
        self._files, self._key, self._e_tag, self._size = files, key, meta["e_tag"], meta["size"]
        self._digest = digest
        self._hashed, self._hash = 0, hashlib.sha256()
        self._position = self._start = 0
        self._block = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        within = self._position - self._start
        if not 0 <= within < len(self._block):
            self._start = self._position
            self._block = self._files.read_block(
                self._key, self._e_tag, self._start, min(self._start + BLOCK, self._size)
            )
            within = 0
            if not self._block:
                raise StorageAway(f"{self._key} ends early")
            self._compare()
        content = self._block[within : within + len(buffer)]
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def _compare(self) -> None:
        """Hashes a block that follows what was hashed, and compares the checksum after the last one."""
        if self._start == self._hashed:
            self._hash.update(self._block)
            self._hashed += len(self._block)
            if self._hashed == self._size and self._digest and self._hash.hexdigest() != self._digest:
                raise FileDamaged(f"{self._key} is damaged")


def _checked(key: str) -> str:
    """A key that stays inside the prefix. Raises NotFound."""
    if any(part in {"", ".", ".."} for part in key.split("/")):
        raise NotFound
    return key


def _digest_of(attributes: Any) -> str:
    return str({str(name).lower(): value for name, value in dict(attributes).items()}.get(_DIGEST, ""))


def _compared(content: bytes, digest: str) -> bytes:
    if digest and hashlib.sha256(content).hexdigest() != digest:
        raise FileDamaged("the file is damaged: its checksum is wrong")
    return content


def _unit_of(key: str) -> str:
    """Returns what is deleted together: all pieces of an upload, else one file."""
    folder, _slash, _name = key.rpartition("/")
    return folder if folder.endswith(_PIECES) else key
