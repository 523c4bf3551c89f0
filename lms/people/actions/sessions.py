"""Sessions: starting at sign-in, ending one or all, and recording activity."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, bindparam, delete, select, update

from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.base.valkey import use_shared
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.devices import Device
from lms.people.models import Account, ApiToken, Person, SignInSession
from lms.people.passwords import hash_secret, new_secret
from lms.people.queries.persons import home_zones, members
from lms.people.rules import CLOCK_SKEW, SECOND_STEP_LASTS, SESSIONS_KEPT

log = structlog.get_logger(__name__)
USES_WRITTEN_EVERY = 60
"""Seconds after which the uses noted in Valkey are written to the database."""
_USES_READ_WITHIN = 10.0
_SESSION_ID = re.compile(rb"[0-9]{1,18}")


@action
def begin_second_step(person_id: int, device: Device, *, at: datetime) -> str:
    """The secret of a session that opens nothing until the code of the second factor is given."""
    return _begin(person_id, device, at=at, lasts=SECOND_STEP_LASTS, awaits_code=True)


@action
def begin_session(
    person_id: int, device: Device, *, lasts: timedelta, at: datetime, replaced: Iterable[str] = ()
) -> str:
    """The secret of a new session, for the cookie. `replaced`: secrets of sessions that end by it."""
    hashes = [hash_secret(secret) for secret in replaced]
    if hashes:
        _end(SignInSession.secret_hash.in_(hashes), at=at)
    return _begin(person_id, device, at=at, lasts=lasts, awaits_code=False)


def _begin(person_id: int, device: Device, *, at: datetime, lasts: timedelta, awaits_code: bool) -> str:
    hold_unmerged(person_id)
    secret = new_secret()
    row = SignInSession(
        person_id=person_id,
        secret_hash=hash_secret(secret),
        browser=device.browser,
        system=device.system,
        awaits_code=awaits_code,
        created_at=at,
        seen_at=at,
        expires_at=at + lasts,
    )
    db.session.add(row)
    return secret


@action
def note_sign_in(person_id: int, *, zone: str | None = None, at: datetime) -> None:
    """Notes that somebody has signed in, with all that was asked for.

    Who has no time zone yet gets that of the browser (`zone`), else the main one of the country.
    """
    db.session.execute(update(Account).where(Account.person_id == person_id).values(last_sign_in_at=at))
    person = db.session.get(Person, person_id)
    if person is not None and person.time_zone is None:
        person.time_zone = zone or home_zones([person_id]).get(person_id)
    log.info("signed in", person=person_id)


@action
def note_use(session_id: int, *, at: datetime) -> None:
    """Notes that a session was used."""
    db.session.execute(update(SignInSession).where(SignInSession.id == session_id).values(seen_at=at))


def note_use_shared(session_id: int, *, at: datetime) -> bool:
    """Notes in Valkey that a session was used, for `write_noted_uses`; false if that has to be noted here and now."""
    noted = use_shared(lambda client, prefix: client.zadd(f"{prefix}uses", {session_id: at.timestamp()}, gt=True))
    return noted is not None


def write_noted_uses() -> int:
    """Writes the uses that were noted in Valkey, once a minute in whichever worker comes first; returns how many."""
    uses = use_shared(_take_turn, seconds=_USES_READ_WITHIN)
    if not uses:
        return 0
    _write_uses(uses)
    # What was noted since stays
    latest = max(used_at.timestamp() for used_at in uses.values())
    use_shared(lambda client, prefix: client.zremrangebyscore(f"{prefix}uses", "-inf", latest))
    return len(uses)


def _take_turn(client: Any, prefix: str) -> dict[int, datetime]:
    """When which session was used. What no server of ours can have noted is left out: an id of none, a time to come."""
    if not client.set(f"{prefix}uses:turn", 1, nx=True, ex=USES_WRITTEN_EVERY):
        return {}
    noted: list[tuple[bytes, float]] = client.zrange(f"{prefix}uses", 0, -1, withscores=True)
    latest = (clock.now() + CLOCK_SKEW).timestamp()
    return {
        int(member): datetime.fromtimestamp(score, UTC)
        for member, score in noted
        if _SESSION_ID.fullmatch(member) and 0 <= score <= latest
    }


@action
def _write_uses(uses: Mapping[int, datetime]) -> None:
    which = SignInSession.id == bindparam("session_id"), SignInSession.seen_at < bindparam("used_at")
    statement = update(SignInSession).where(*which).values(seen_at=bindparam("used_at"))
    rows = [{"session_id": session_id, "used_at": used_at} for session_id, used_at in sorted(uses.items())]
    db.session.connection().execute(statement, rows)


@action
def sign_out(secret: str, *, at: datetime) -> None:
    """Ends the session of a cookie's secret, so that a copy of the cookie opens nothing either."""
    _end(SignInSession.secret_hash == hash_secret(secret), at=at)


@action
def end_session(public_id: str, *, by: Actor, at: datetime) -> None:
    """Ends one of the actor's sessions. Raises NotFound for others."""
    if by.person_id is None:
        raise NotFound
    of_person = (SignInSession.public_id == public_id, SignInSession.person_id.in_(members(by.person_id)))
    if db.session.scalar(select(SignInSession.id).where(*of_person)) is None:
        raise NotFound
    _end(*of_person, at=at)
    audit.record("end_session", by=by, at=at, person=by.person_id)


@action
def sign_out_everywhere(*, by: Actor, at: datetime) -> None:
    """Ends all sessions of the actor, including this one, and all API tokens."""
    if by.person_id is None:
        raise NotFound
    end_access(by.person_id, at=at)
    audit.record("sign_out_everywhere", by=by, at=at, person=by.person_id)


def prune_sessions(*, at: datetime) -> None:
    """Deletes the sessions that ended long enough ago. The worker calls it."""
    if db.session.scalar(select(SignInSession.id).where(SignInSession.expires_at <= at - SESSIONS_KEPT).limit(1)):
        _prune_sessions(at=at)


@action
def _prune_sessions(*, at: datetime) -> None:
    db.session.execute(delete(SignInSession).where(SignInSession.expires_at <= at - SESSIONS_KEPT))


def end_access(person_id: int, *, at: datetime) -> None:
    """Within an action: ends every session and API token of a person, as when the password changes."""
    end_sessions(person_id, at=at)
    end_tokens(person_id, at=at)


def end_tokens(person_id: int, *, at: datetime) -> None:
    """Within an action: ends every API token of a person."""
    active = (ApiToken.person_id.in_(members(person_id)), ApiToken.revoked_at.is_(None))
    db.session.execute(update(ApiToken).where(*active).values(revoked_at=at))


def hold_unmerged(person_id: int) -> None:
    """Within an action that gives access: no merge of this person begins until it ends. Raises Refused after one.

    Otherwise a sign-in that was checked before a merge would open the record that is kept.
    """
    query = select(Person.canonical_id).where(Person.id == person_id).with_for_update(read=True)
    if db.session.scalar(query) != person_id:
        raise Refused(_("Your record was merged with another one. Sign in again."))


def end_sessions(person_id: int, *, at: datetime) -> None:
    """Within an action: ends every session of a person, including a session that awaits a code."""
    _end(SignInSession.person_id.in_(members(person_id)), at=at)


def _end(*which: ColumnElement[bool], at: datetime) -> None:
    # What has ended also expires, so that one column says from when on it may be deleted
    ended = update(SignInSession).where(*which, SignInSession.ended_at.is_(None))
    db.session.execute(ended.values(ended_at=at, expires_at=at))
