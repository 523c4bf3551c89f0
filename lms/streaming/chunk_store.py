"""Chunks of a session as its page sends them: numbered, each stored whole or not at all."""

import errno
import hashlib
from datetime import datetime

from lms.core.base.errors import Invalid, Refused
from lms.core.database.cache_versions import memory
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.streaming.models import StreamSession
from lms.streaming.rules import MAX_CHUNKS, NO_DISK, chunk_folder, chunk_key
from lms.streaming.webm import MAGIC

_REMEMBERED = 200
"""Sessions of which a process remembers how many chunks there are."""


def check_chunk(number: int, content: bytes, *, sha256: bytes) -> None:
    """Raises Invalid for content that is not what was sent or no WebM."""
    if not 0 <= number < MAX_CHUNKS:
        raise Invalid("number", _("Use a number from 0 to %(last)s.", last=MAX_CHUNKS - 1))
    if not content:
        raise Invalid("content", _("The chunk is empty."))
    if hashlib.sha256(content).digest() != sha256:
        raise Invalid("content", _("The chunk is damaged: it is not what its digest states. Send it again."))
    if number == 0 and not content.startswith(MAGIC):
        raise Invalid("content", _("The stream is not WebM. Use a current version of Chrome, Edge or Firefox."))


def store_chunk(session: StreamSession, number: int, content: bytes, *, sha256: bytes) -> int:
    """Stores a chunk; returns how many there are without a gap. The same chunk can come any number of times.

    Raises as `check_chunk`, Refused where another chunk has this number, and StorageAway where the disk is full.
    """
    check_chunk(number, content, sha256=sha256)
    key = chunk_key(session, number)
    stored = files.find(key)
    if stored is None:
        if files.free_bytes() < NO_DISK:
            raise files.StorageAway(errno.ENOSPC, "less is free than streams leave to the rest")
        if not files.create(key, content):
            stored = files.find(key)  # of another process at the same moment
    if stored is not None and stored != content:
        raise Refused(_("Another chunk has this number already."))
    return count_chunks(session)


def count_chunks(session: StreamSession) -> int:
    """How many chunks of a session there are without a gap: the number of the chunk that is missing first."""
    remembered = memory("chunks")
    count: int = remembered.get(session.public_id, 0)
    while files.has(chunk_key(session, count)):
        count += 1
    remembered.pop(session.public_id, None)
    remembered[session.public_id] = count
    while len(remembered) > _REMEMBERED:
        remembered.pop(next(iter(remembered)), None)
    return count


def last_received(session: StreamSession) -> datetime:
    """When the last chunk of a session was stored; its start where none was."""
    return max((at for _name, at in files.listed(chunk_folder(session))), default=session.started_at)
