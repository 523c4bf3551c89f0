"""Errors that actions and queries raise. `web` renders each as a page or as an RFC 9457 problem."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault and its reason: with a `field` of a form or object, or with a `row` of a file (counted from 1). `kind`
    says more than the field where pages group faults by it."""

    reason: str
    field: str | None = None
    row: int | None = None
    kind: str | None = None


class DomainError(Exception):
    """Base class. `str()` is one sentence for the reader, in their language."""

    status = 500

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NotFound(DomainError):
    """The object does not exist or the actor cannot see it; both look the same (404)."""

    status = 404


class Forbidden(DomainError):
    """The actor lacks permission (403)."""

    status = 403


class Refused(DomainError):
    """The action is not possible in the current state; the message says why (409)."""

    status = 409


class Gone(DomainError):
    """The object was there, and does not come back (410)."""

    status = 410


class Invalid(DomainError):
    """The input is not valid; the faults say which field or row, and why (422).

    `Invalid("email", "…")` names one field; `Invalid(faults=[…])` many.
    """

    status = 422

    def __init__(self, field: str | None = None, reason: str = "", *, faults: Sequence[Fault] = ()) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults) or (Fault(reason=reason, field=field),)
        super().__init__(self.faults[0].reason)


class TooLarge(DomainError):
    """The file or form is larger than the limit (413)."""

    status = 413


class WrongKind(DomainError):
    """The type of the file is not supported (415)."""

    status = 415


class Busy(DomainError):
    """The server is busy; try again after `RETRY_AFTER` seconds (503)."""

    status = 503
    RETRY_AFTER = 60
