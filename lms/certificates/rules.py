"""Who has earned what, and what may be done to a certificate: pure decisions on given facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lms.catalogue.drafts import clean_line
from lms.catalogue.models import CertificateKind
from lms.certificates.models import CertificateState
from lms.core.errors import Forbidden, Invalid, Refused
from lms.core.roles import Actor
from lms.core.words import _

MS_PER_HOUR = 3_600_000


@dataclass(frozen=True)
class Earning:
    """What the policy asks for: `needed` lectures attended, of `lectures` held or still to come."""

    lectures: int
    needed: int


def earning(lectures: int, min_lectures_percent: int) -> Earning:
    """What has to be attended of so many lectures, a started lecture rounded up; never nothing at all."""
    return Earning(lectures, max(1, -(-lectures * min_lectures_percent // 100)))


def has_earned(attended: int, asked: Earning) -> bool:
    """Whether somebody who attended so many lectures has the certificate."""
    return asked.lectures > 0 and attended >= asked.needed


def just_misses(attended: int, asked: Earning) -> bool:
    """Whether one more lecture would have done."""
    return attended > 0 and attended == asked.needed - 1


def hours(lengths_ms: Iterable[int]) -> float:
    """Lengths in milliseconds as hours, to one decimal."""
    return round(sum(lengths_ms) / MS_PER_HOUR, 1)


def kind_to_issue(asked: CertificateKind | None, given: CertificateKind | None) -> CertificateKind:
    """The kind that is issued where `asked` is wanted and the series' policy gives `given`. Raises Refused."""
    if given is None:
        raise Refused(_("This series gives no certificates. Its policy says so; change it first."))
    if asked is not None and asked != given:
        if given is CertificateKind.COMPLETION:
            raise Refused(_("This series gives certificates of completion, no others."))
        raise Refused(_("This series gives certificates of participation, no others."))
    return given


def check_can_issue(by: Actor) -> None:
    """Only an administrator issues."""
    if not by.is_administrator:
        raise Forbidden


def check_can_revoke(state: CertificateState, reason: str, by: Actor) -> None:
    """Only an administrator revokes, with a reason, and only what is valid."""
    if not by.is_administrator:
        raise Forbidden
    if not clean_line(reason):
        raise Invalid("reason", _("Say why: the holder and the staff will read it."))
    _check_is_valid(state)


def check_can_withdraw(state: CertificateState, *, is_holder: bool, by: Actor) -> None:
    """The holder or an administrator withdraws, and only what is valid."""
    if not (is_holder or by.is_administrator):
        raise Forbidden
    _check_is_valid(state)


def check_can_download(state: CertificateState) -> None:
    """Only a certificate that holds is given out as a file."""
    _check_is_valid(state)


def _check_is_valid(state: CertificateState) -> None:
    if state is CertificateState.SUPERSEDED:
        raise Refused(_("A corrected certificate has replaced this one."))
    if state is CertificateState.REVOKED:
        raise Refused(_("This certificate has been revoked."))
    if state is CertificateState.WITHDRAWN:
        raise Refused(_("This certificate has been withdrawn."))
