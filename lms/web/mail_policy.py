"""How headers of mails are parsed and folded: as the standard library does, but each once, since most are always the
same and this takes most of the time in which a mail is written."""

from __future__ import annotations

from email.policy import SMTP, EmailPolicy
from functools import lru_cache
from typing import Any

_MOST_SEEN = 256
_ADDRESSES = frozenset({"list-unsubscribe"})
"""Headers with an address of ours. The standard library encodes a long one as if it were words (RFC 2047), and then no
mail program knows it for an address (RFC 8058)."""


@lru_cache(_MOST_SEEN)
def _parsed(name: str, value: str) -> tuple[str, Any]:
    return SMTP.header_store_parse(name, value)


@lru_cache(_MOST_SEEN)
def _folded(name: str, value: str) -> bytes:
    return SMTP.fold_binary(name, _parsed(name, value)[1])


@lru_cache(_MOST_SEEN)
def _max_count(name: str) -> int | None:
    return SMTP.header_max_count(name)


class _Addresses(EmailPolicy):
    """Writes addresses as they are, however long."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """What is written of a header."""
        if name.lower() in _ADDRESSES and str(value).isascii():
            return f"{name}: {value}\r\n".encode()
        return super().fold_binary(name, value)


class MailPolicy(_Addresses):
    """Of a mail with addresses in ASCII."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        """What is stored of a header that is set."""
        return _parsed(name, value) if type(value) is str else super().header_store_parse(name, value)

    def header_max_count(self, name: str) -> int | None:
        """How often a header may occur."""
        return _max_count(name)

    def fold_binary(self, name: str, value: Any) -> bytes:
        """What is written of a header."""
        if name.lower() in _ADDRESSES:
            return super().fold_binary(name, value)
        return _folded(name, str(value))


POLICY = MailPolicy(linesep="\r\n", cte_type="7bit")  # a server that offers no 8BITMIME takes nothing else
POLICY_BEYOND_ASCII = _Addresses(linesep="\r\n", utf8=True)
