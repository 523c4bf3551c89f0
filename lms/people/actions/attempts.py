"""Sign-in attempts, counted before they are checked, so that parallel attempts gain nothing."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, or_, select, update

from lms.core.base.errors import DomainError, Refused
from lms.core.database.session import action, db, is_sqlite
from lms.core.text.i18n import _, _n
from lms.people.models import SignInFailure
from lms.people.rules import CLOCK_SKEW, FAILURE_WINDOW, LONGEST_FAILURE_WINDOW, MAX_FAILURES

log = structlog.get_logger(__name__)


class TooManyFailures(Refused):
    """Too many failed sign-ins for one account (429); `seconds` until the next is looked at."""

    status = 429

    def __init__(self, message: str, seconds: int = 60) -> None:
        super().__init__(message)
        self.seconds = seconds


class WrongCredentials(DomainError):
    """Address and password do not belong together, or the account is disabled: all look alike (401)."""

    status = 401


class WrongCode(DomainError):
    """The code of the second factor does not hold: wrong, of another time, or used before (401)."""

    status = 401


def begin_attempt(key_hash: str, *, at: datetime, window: timedelta = FAILURE_WINDOW, at_once: int = 0) -> int:
    """Records an attempt before its outcome is known, so that parallel attempts gain nothing. Raises TooManyFailures.

    Several programs may sign in to one account together: `at_once` are allowed in addition to failures.
    """
    attempt = _begin_attempt(key_hash, at=at, window=window, at_once=at_once)
    if attempt is None:
        log.warning("sign-in refused", reason="too many failures")
        if window == FAILURE_WINDOW:
            raise TooManyFailures(_("Too many failed sign-ins for this account. Wait a minute and try again."))
        minutes = int(window.total_seconds()) // 60
        raise TooManyFailures(
            _n(
                "Too many wrong codes. Wait %(num)s minute and try again.",
                "Too many wrong codes. Wait %(num)s minutes and try again.",
                minutes,
            ),
            int(window.total_seconds()),
        )
    return attempt


@action
def _begin_attempt(key_hash: str, *, at: datetime, window: timedelta, at_once: int) -> int | None:
    if not is_sqlite():
        db.session.execute(select(func.pg_advisory_xact_lock(int(key_hash[:15], 16))))
    # Also those of the future: the clock was set back since, and nobody waits until it is there again
    old_or_to_come = or_(SignInFailure.at <= at - LONGEST_FAILURE_WINDOW, SignInFailure.at > at + CLOCK_SKEW)
    db.session.execute(delete(SignInFailure).where(old_or_to_come))
    tried = select(SignInFailure.pending).where(SignInFailure.key_hash == key_hash, SignInFailure.at > at - window)
    begun = list(db.session.scalars(tried))
    if begun.count(False) >= MAX_FAILURES or len(begun) >= MAX_FAILURES + at_once:
        return None
    attempt = SignInFailure(key_hash=key_hash, at=at)
    db.session.add(attempt)
    db.session.flush()
    return attempt.id


@action
def note_failure(attempt: int) -> None:
    """Notes that an attempt failed."""
    db.session.execute(update(SignInFailure).where(SignInFailure.id == attempt).values(pending=False))


@action
def forget_attempt(attempt: int) -> None:
    """Takes an attempt that succeeded out of the count."""
    db.session.execute(delete(SignInFailure).where(SignInFailure.id == attempt))
