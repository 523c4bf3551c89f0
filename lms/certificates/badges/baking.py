"""Baked badges: a credential inside a PNG, as Open Badges 3.0 has it."""

import struct
import zlib

from lms.certificates.badges.vc_jwt import LONGEST

KEYWORD = b"openbadgecredential"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 10_000


def bake(png: bytes, text: str) -> bytes:
    """The picture with the credential in it: one uncompressed iTXt, replacing an existing one."""
    chunks = [chunk for chunk in _chunks(png) if not _is_badge(chunk)]
    baked = (b"iTXt", KEYWORD + b"\0\0\0\0\0" + text.encode("ascii"))
    return _SIGNATURE + b"".join(_chunk(*chunk) for chunk in [chunks[0], baked, *chunks[1:]])


def unbake(png: bytes) -> str | None:
    """The credential in a picture, or None if there is none."""
    try:
        badge = next((content for kind, content in _chunks(png) if _is_badge((kind, content))), None)
        if badge is None:
            return None
        flags = badge[len(KEYWORD) + 1 :]
        if flags[0] != 0:  # compressed, which the standard forbids
            return None
        _language, _translated, text = flags[2:].split(b"\0", 2)
        return text.decode("ascii") if len(text) <= LONGEST else None
    except (ValueError, IndexError, struct.error):
        return None


def is_picture(content: bytes) -> bool:
    """Whether this is a PNG."""
    return content.startswith(_SIGNATURE)


def _is_badge(chunk: tuple[bytes, bytes]) -> bool:
    return chunk[0] == b"iTXt" and chunk[1].startswith(KEYWORD + b"\0")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG up to its end. Raises ValueError for anything else."""
    if not is_picture(png):
        raise ValueError("not a PNG")
    chunks: list[tuple[bytes, bytes]] = []
    place = len(_SIGNATURE)
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        content = png[place + 8 : place + 8 + length]
        if len(content) != length or len(chunks) >= MAX_CHUNKS:
            raise ValueError("a broken PNG")
        chunks.append((kind, content))
        if kind == b"IEND":
            return chunks
        place += 12 + length
    raise ValueError("a PNG without end")
