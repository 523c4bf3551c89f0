"""The second factor: set-up, codes at sign-in, recovery codes, and removal."""

import hmac
import secrets
from datetime import datetime

import structlog
from pyotp import TOTP, random_base32
from sqlalchemy import delete, select, update

from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.storage.secret_keys import is_sealed, seal
from lms.core.text.i18n import _
from lms.people.actions.accounts import check_own_password
from lms.people.actions.attempts import WrongCode, begin_attempt, forget_attempt
from lms.people.actions.notices import post_notice
from lms.people.actions.sessions import end_sessions
from lms.people.models import RecoveryCode, SecondFactor
from lms.people.passwords import hash_codes, hash_secret
from lms.people.queries.factors import has_second_factor, opened, owner_of_seal, second_factor_of
from lms.people.queries.persons import person_id_of
from lms.people.rules import CODE_SIGNS, CODE_STEP, OTP_FAILURE_WINDOW, RECOVERY_CODES, plain_code

log = structlog.get_logger(__name__)


def check_otp(person_id: int, otp: str, *, at: datetime) -> None:
    """Takes a code of the device, or a recovery code, each of them once. Raises WrongCode, TooManyFailures.

    Five wrong ones within five minutes close the second step until those are over, also for the right one.
    """
    attempt = begin_attempt(hash_secret(f"otp:{person_id}"), at=at, window=OTP_FAILURE_WINDOW)
    row = db.session.get(SecondFactor, person_id, populate_existing=True)
    sealed, salt = (row.secret, row.salt) if row is not None and row.confirmed_at is not None else (None, None)
    db.session.rollback()  # hashing is slow: no reading transaction stays open during it
    code, taken = plain_code(otp), False
    if salt is not None and len(code) == CODE_SIGNS:
        taken = _take_code(person_id, hash_codes([code], salt)[0], at=at)
    elif sealed is not None:
        secret = opened(sealed, person_id)
        step = _step_of(secret, code, at=at) if secret is not None else None
        taken = step is not None and _take_step(person_id, step)
    if not taken:
        log.warning("sign-in refused", reason="wrong code", person=person_id)
        raise WrongCode(_("This code is wrong, has expired or was already used. Wait for the next one."))
    forget_attempt(attempt)


def check_owner(password: str, otp: str, *, demonstration: bool, by: Actor, at: datetime) -> None:
    """Makes sure that it is still the owner who sits there, by the password, and a code where there is a second factor.

    Raises Invalid (`current_password`, `otp`), TooManyFailures.
    """
    check_own_password(password, demonstration=demonstration, by=by, at=at)
    if by.person_id is None or not has_second_factor(by.person_id):
        return
    if not plain_code(otp):
        raise Invalid("otp", _("Enter the code from your second factor."))
    try:
        check_otp(by.person_id, otp, at=at)
    except WrongCode as error:
        raise Invalid("otp", error.message) from error


def _step_of(secret: str, code: str, *, at: datetime) -> int | None:
    """The half minute that a code is of: this one, the one before or the next, as clocks differ."""
    now = int(at.timestamp()) // CODE_STEP
    totp = TOTP(secret, interval=CODE_STEP)
    fitting = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(totp.generate_otp(step), code)]
    return max(fitting, default=None)


@action
def _take_step(person_id: int, step: int) -> bool:
    newer = (SecondFactor.person_id == person_id, SecondFactor.last_step < step)
    taken = db.session.execute(update(SecondFactor).where(*newer).values(last_step=step))
    return bool(taken.rowcount)  # type: ignore[attr-defined]


@action
def _take_code(person_id: int, code_hash: str, *, at: datetime) -> bool:
    unused = (RecoveryCode.person_id == person_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
    taken = db.session.execute(update(RecoveryCode).where(*unused).values(used_at=at))
    if not taken.rowcount:  # type: ignore[attr-defined]
        return False
    post_notice(person_id, "recovery_code", at=at)
    return True


@action
def begin_second_factor(*, by: Actor, at: datetime) -> None:
    """Makes the secret of a device that is to be set up; an earlier device holds until this one is confirmed.

    The caller has checked that the owner is still there.
    """
    row = _own_row(by)
    row.pending_secret, row.pending_at = _sealed(random_base32(), row.person_id), at


def confirm_second_factor(otp: str, *, by: Actor, at: datetime) -> list[str]:
    """Confirms the device by a code that it shows; all sessions end, including the current one.

    Returns ten recovery codes, which are stored nowhere. Raises Invalid (otp), Refused (too late), TooManyFailures.
    """
    if by.person_id is None:
        raise NotFound
    secret = second_factor_of(by.person_id, at=at, by=by).pending_secret
    if secret is None:
        raise Refused(_("Setting up took too long. Start again."))
    attempt = begin_attempt(hash_secret(f"otp:{by.person_id}"), at=at, window=OTP_FAILURE_WINDOW)
    step = _step_of(secret, plain_code(otp), at=at)
    if step is None:
        raise Invalid("otp", _("This is not the current code. Wait for the next one."))
    codes, salt = new_codes(), secrets.token_hex(16)
    _confirm(secret, step, salt, hash_codes(codes, salt), by=by, at=at)
    forget_attempt(attempt)
    return [shown_code(code) for code in codes]


@action
def _confirm(secret: str, step: int, salt: str, hashes: list[str], *, by: Actor, at: datetime) -> None:
    row = _own_row(by)
    if row.pending_secret is None or opened(row.pending_secret, row.person_id) != secret:
        raise Refused(_("Setting up took too long. Start again."))
    row.secret, row.confirmed_at, row.last_step, row.salt = row.pending_secret, at, step, salt
    row.pending_secret = row.pending_at = None
    _replace_codes(row.person_id, hashes)
    end_sessions(row.person_id, at=at)
    audit.record("set_second_factor", by=by, at=at, person=row.person_id)
    post_notice(row.person_id, "second_factor_set", at=at)


def renew_recovery_codes(*, by: Actor, at: datetime) -> list[str]:
    """Replaces the recovery codes with ten new ones. The caller has re-authenticated the owner. Raises Refused."""
    codes, salt = new_codes(), secrets.token_hex(16)
    _renew_codes(salt, hash_codes(codes, salt), by=by, at=at)
    return [shown_code(code) for code in codes]


@action
def _renew_codes(salt: str, hashes: list[str], *, by: Actor, at: datetime) -> None:
    row = _own_row(by)
    if row.confirmed_at is None:
        raise Refused(_("Set up a second factor first."))
    row.salt = salt
    _replace_codes(row.person_id, hashes)
    audit.record("renew_recovery_codes", by=by, at=at, person=row.person_id)


@action
def remove_second_factor(*, enforced: bool, by: Actor, at: datetime) -> None:
    """Takes one's own second factor away. Refused where the role asks for one (`enforced` says so of staff)."""
    if by.person_id is None:
        raise NotFound
    if enforced and by.roles:
        raise Refused(_("Your role requires a second factor. You can replace the device, but not turn it off."))
    _remove(by.person_id)
    audit.record("remove_second_factor", by=by, at=at, person=by.person_id)
    post_notice(by.person_id, "second_factor_removed", at=at)


@action
def reset_second_factor(public_id: str, *, by: Actor, at: datetime) -> None:
    """Takes away the second factor of somebody who lost the device; all sessions end. For administrators.

    Refused for oneself (who is signed in can replace the device).
    """
    if not by.is_administrator:
        raise Forbidden
    person_id = person_id_of(public_id)
    if person_id == by.person_id:
        raise Refused(_("Replace your own device on your account page, or ask another administrator."))
    if not has_second_factor(person_id):
        return
    _remove(person_id)
    end_sessions(person_id, at=at)
    audit.record("reset_second_factor", by=by, at=at, person=person_id)
    post_notice(person_id, "second_factor_removed", at=at)


def new_codes() -> list[str]:
    """Returns ten recovery codes of ten Crockford base32 characters: 50 bits each."""
    signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return ["".join(secrets.choice(signs) for _sign in range(CODE_SIGNS)) for _code in range(RECOVERY_CODES)]


def shown_code(code: str) -> str:
    """A recovery code as it is written down: two groups of five."""
    return f"{code[:5]}-{code[5:]}"


def copy_second_factor(from_id: int, to_id: int) -> None:
    """Within a merge: who takes over an account takes over what it is asked for."""
    row = db.session.get(SecondFactor, from_id)
    if row is None or row.confirmed_at is None or db.session.get(SecondFactor, to_id) is not None:
        return
    secret = opened(row.secret, from_id) if row.secret is not None else None
    sealed = _sealed(secret, to_id) if secret is not None else None  # a seal is of one person
    columns = {"secret": sealed, "confirmed_at": row.confirmed_at, "last_step": row.last_step, "salt": row.salt}
    db.session.add(SecondFactor(person_id=to_id, **columns))
    unused = select(RecoveryCode.code_hash).where(RecoveryCode.person_id == from_id, RecoveryCode.used_at.is_(None))
    db.session.add_all(RecoveryCode(person_id=to_id, code_hash=code) for code in db.session.scalars(unused).all())


@action
def seal_second_factors(*, unsealed_only: bool) -> int:
    """Seals all secrets with the newest secret of the installation, or only unsealed ones; returns how many.

    A secret that cannot be opened is left unchanged: its owner sets the device up again, or signs in with a recovery
    code.
    """
    count = 0
    for row in db.session.scalars(select(SecondFactor).with_for_update()):
        for name in ("secret", "pending_secret"):
            stored: str | None = getattr(row, name)
            if stored is None or (unsealed_only and is_sealed(stored)):
                continue
            secret = opened(stored, row.person_id) if is_sealed(stored) else stored
            if secret is not None:
                setattr(row, name, _sealed(secret, row.person_id))
                count += 1
    return count


def _sealed(secret: str, person_id: int) -> str:
    return seal(secret, belongs_to=owner_of_seal(person_id))


def _own_row(by: Actor) -> SecondFactor:
    if by.person_id is None:
        raise NotFound
    row = db.session.get(SecondFactor, by.person_id, populate_existing=True, with_for_update=True)
    if row is None:
        row = SecondFactor(person_id=by.person_id, salt=secrets.token_hex(16), last_step=0)
        db.session.add(row)
    return row


def _replace_codes(person_id: int, hashes: list[str]) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    db.session.add_all(RecoveryCode(person_id=person_id, code_hash=one) for one in hashes)


def _remove(person_id: int) -> None:
    for table in (RecoveryCode, SecondFactor):
        db.session.execute(delete(table).where(table.person_id == person_id))
