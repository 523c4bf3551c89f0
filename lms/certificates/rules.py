"""Pure rules: who has earned a certificate, and what can be done with it."""

from collections.abc import Iterable

from lms.catalogue.models import CertificateKind, Series
from lms.catalogue.rules import is_series_instructor
from lms.certificates.models import CertificateState
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line
from lms.core.time.durations import tenth_hours
from lms.mail.decisions import TIME_TO_STOP

WAIT = TIME_TO_STOP
"""How long issuing can be stopped before it starts."""


def unconfirmed_name() -> str:
    """The reason why a certificate waits for a confirmed name."""
    return _("The holder has not confirmed their name.")


def hours(lengths_ms: Iterable[int]) -> float:
    """Lengths in milliseconds as hours, to one decimal."""
    return tenth_hours(sum(lengths_ms))


def kind_to_issue(kind: CertificateKind | None, given: CertificateKind | None) -> CertificateKind:
    """The kind to issue when `kind` is requested and the series' policy has `given`. Raises Refused."""
    if given is None:
        raise Refused(_("This series does not issue certificates. Change its policy first."))
    if kind is not None and kind != given:
        if given is CertificateKind.COMPLETION:
            raise Refused(_("This series issues certificates of completion only."))
        raise Refused(_("This series issues certificates of participation only."))
    return given


def may_see_earners(series: Series, by: Actor) -> bool:
    """Whether the actor may see who earns a certificate of a series: administrators, reporters, and its instructors."""
    return by.is_reporter or is_series_instructor(series, by)


def check_can_issue(by: Actor) -> None:
    """Only an administrator issues."""
    if not by.is_administrator:
        raise Forbidden


def check_can_revoke(state: CertificateState, reason: str, by: Actor) -> None:
    """Only an administrator revokes, with a reason, and only what is valid."""
    if not by.is_administrator:
        raise Forbidden
    if not clean_line(reason):
        raise Invalid("reason", _("Enter a reason."))
    _check_is_valid(state)


def check_can_withdraw(state: CertificateState, *, is_holder: bool, by: Actor) -> None:
    """The holder or an administrator withdraws, and only what is valid."""
    if not (is_holder or by.is_administrator):
        raise Forbidden
    _check_is_valid(state)


def check_can_download(state: CertificateState) -> None:
    """Raises Refused unless the certificate is valid."""
    _check_is_valid(state)


def _check_is_valid(state: CertificateState) -> None:
    if state is CertificateState.SUPERSEDED:
        raise Refused(_("This certificate has been replaced by a corrected one."))
    if state is CertificateState.REVOKED:
        raise Refused(_("This certificate has been revoked."))
    if state is CertificateState.WITHDRAWN:
        raise Refused(_("This certificate has been withdrawn."))
