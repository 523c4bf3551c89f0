"""Asks a virus scanner about a file: ClamAV's daemon, by its INSTREAM command (clamd(8), "COMMANDS")."""

import socket
import struct
from typing import BinaryIO, Final
from urllib.parse import urlsplit

TIMEOUT_SECONDS: Final = 60
"""How long the daemon may say nothing."""
_PIECE = 256 * 1024
_LENGTH = struct.Struct("!I")
_MOST_ANSWER = 4096


class ScannerAway(OSError):
    """The scanner cannot be reached, or did not answer."""


def scan(content: BinaryIO, address: str) -> str | None:
    """Sends a file to the scanner. Returns what was found in it, or None.

    `address` is `clamd://host:port` or `clamd:///path/of/socket`. What the scanner could not look through, as a file
    larger than it takes, counts as found, in its words. Raises ScannerAway.
    """
    content.seek(0)
    try:
        with _connect(address) as daemon:
            daemon.sendall(b"zINSTREAM\0")
            try:
                while piece := content.read(_PIECE):
                    daemon.sendall(_LENGTH.pack(len(piece)) + piece)
                daemon.sendall(_LENGTH.pack(0))
            except (BrokenPipeError, ConnectionResetError):
                pass  # it stops listening once a file is too large, and has said so
            answer = _answer(daemon)
    except OSError as error:
        raise ScannerAway(str(error)) from error
    if answer == "stream: OK":
        return None
    if not answer.endswith((" FOUND", " ERROR")):
        raise ScannerAway(f"unexpected answer: {answer[:100]!r}")
    return answer.removeprefix("stream: ").removesuffix(" FOUND").removesuffix(" ERROR")[:200]


def _connect(address: str) -> socket.socket:
    where = urlsplit(address)
    if where.hostname:
        return socket.create_connection((where.hostname, where.port or 3310), TIMEOUT_SECONDS)
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    daemon.settimeout(TIMEOUT_SECONDS)
    try:
        daemon.connect(where.path)
    except BaseException:
        daemon.close()
        raise
    return daemon


def _answer(daemon: socket.socket) -> str:
    received = b""
    while b"\0" not in received and len(received) < _MOST_ANSWER:
        piece = daemon.recv(_MOST_ANSWER)
        if not piece:
            break
        received += piece
    return received.partition(b"\0")[0].decode("utf-8", "replace").strip()
