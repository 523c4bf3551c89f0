"""The ways an action or query says no. `web` renders each as a page or as an RFC 9457 problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong and why: with a `field` of a form or object, or with a `row` of a file (counted from 1)."""

    reason: str
    field: str | None = None
    row: int | None = None


class DomainError(Exception):
    """Base of them all. `str()` is one sentence for the reader, in the reader's language."""

    status = 500

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NotFound(DomainError):
    """Not there, or not yours to see: both look alike (404)."""

    status = 404


class Forbidden(DomainError):
    """Never you (403)."""

    status = 403


class Refused(DomainError):
    """Not now, with the reason (409)."""

    status = 409


class Invalid(DomainError):
    """Which field or row, and why (422).

    `Invalid("email", "…")` names one field; `Invalid(faults=[…])` many.
    """

    status = 422

    def __init__(self, field: str | None = None, reason: str = "", *, faults: Sequence[Fault] = ()) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults) or (Fault(reason=reason, field=field),)
        super().__init__(self.faults[0].reason)


class TooLarge(DomainError):
    """The file or form is larger than what is taken (413)."""

    status = 413


class WrongKind(DomainError):
    """The file is of a kind that cannot be read here (415)."""

    status = 415


class Busy(DomainError):
    """Too much is being done at this moment: to be tried again after `RETRY_AFTER` seconds (503)."""

    status = 503
    RETRY_AFTER = 60
