"""A mail that many readers get, written once: a copy has the name, the addresses and the link of one reader."""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage, Message

from markupsafe import escape

from lms.web.mail_policy import POLICY

NAME, LINK = "\ue000", "\ue001"
"""In a stencil, in place of a reader's name, and of the path at which only they stop the mail."""
READER = "reader@stencil.invalid"
"""In place of the address."""
_OF_ONE_READER = frozenset({"to", "date", "message-id", "list-unsubscribe"})
_WORD = r"[A-Za-z0-9_+-]+"
_PLAIN_ADDRESS = re.compile(rf"{_WORD}(\.{_WORD})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LONGEST = 64
"""Longer addresses and names may be folded."""


def fits(name: object, address: str) -> bool:
    """Whether a copy for this reader is to the letter what a mail for them alone would be.

    Not with a name of which a mail shows something else, such as a link or one blank for two, nor with an address that
    must be checked or quoted.
    """
    return (
        isinstance(name, str)
        and len(name) <= _LONGEST
        and len(address) <= _LONGEST
        and name.isprintable()
        and "  " not in name
        and name == name.strip()
        and "://" not in name
        and _PLAIN_ADDRESS.fullmatch(address) is not None
    )


def _in_base64(text: str) -> bytes:
    return encodebytes(text.encode()).replace(b"\n", b"\r\n")


def _quoted_printable(text: str) -> bytes:
    return b2a_qp(text.encode())


_ENCODED = {"base64": _in_base64, "quoted-printable": _quoted_printable}


@dataclass(frozen=True)
class _Part:
    """The text or the HTML of a mail, with its headers. It is the same for all where `words` is None."""

    head: bytes
    encoding: str = ""
    words: str | None = None
    is_html: bool = False

    def copy(self, name: str, link: str) -> bytes:
        if self.words is None:
            return self.head
        if self.is_html:
            name, link = escape(name), escape(link)
        return self.head + _ENCODED[self.encoding](self.words.replace(NAME, name).replace(LINK, link)) + b"\r\n"


class Stencil:
    """Made of a message to `READER`, called `NAME`, that is nothing but text and HTML."""

    def __init__(self, message: EmailMessage) -> None:
        boundary = message.get_boundary()
        self.sender: str = message["From"].addresses[0].addr_spec
        self._subject = str(message["Subject"])
        fixed = [item for item in message.items() if item[0].lower() not in _OF_ONE_READER | {"subject"}]
        self._head = _folded(fixed) + b"\r\n"
        self._fixed_subject = None if NAME in self._subject else _folded([("Subject", self._subject)])
        self._parts = [_part(part, f"--{boundary}\r\n".encode()) for part in message.iter_parts()]
        self._end = f"--{boundary}--\r\n".encode()

    @property
    def size(self) -> int:
        """How many letters are kept, roughly."""
        return sum(len(part.head) + len(part.words or "") for part in self._parts)

    def copy(self, headers: Mapping[str, str], *, name: str, link: str) -> bytes:
        """The mail of one reader. `headers` are those that only this mail has."""
        subject = self._fixed_subject or _folded([("Subject", self._subject.replace(NAME, name))])
        own = "".join(f"{header}: {value}\r\n" for header, value in headers.items())
        return b"".join(
            (subject, own.encode("ascii"), self._head, *(part.copy(name, link) for part in self._parts), self._end)
        )


def _part(part: Message, border: bytes) -> _Part:
    assert isinstance(part, EmailMessage)
    encoding, words = str(part["Content-Transfer-Encoding"]), part.get_content()
    if NAME not in words and LINK not in words:
        return _Part(border + part.as_bytes(policy=POLICY) + b"\r\n")
    words = words.replace("\r\n", "\n").replace("\n", "\r\n")
    return _Part(border + _folded(part.items()) + b"\r\n", encoding, words, part.get_content_subtype() == "html")


def _folded(headers: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(POLICY.fold_binary(name, value) for name, value in headers)
