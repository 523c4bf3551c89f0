"""Sessions: who asks by one, and where a person is signed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, read
from lms.people.models import Person, SignInSession
from lms.people.passwords import hash_secret
from lms.people.queries.access import ACTOR_ROWS, Known, actor_of_rows

# The actor and the session in one question, which every page asks
_ACTOR_OF_SESSION = (
    ACTOR_ROWS.add_columns(SignInSession.id.label("session_id"), SignInSession.seen_at)
    .join(SignInSession, SignInSession.person_id == Known.id)
    .where(
        SignInSession.secret_hash == bindparam("secret_hash"),
        SignInSession.awaits_code == bindparam("awaits_code"),
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > bindparam("at"),
    )
)


@dataclass(frozen=True)
class UsedSession:
    """A session that is good, whose it is, and when its use was last written down."""

    actor: Actor
    session_id: int
    seen_at: datetime


def find_session(secret: str, *, staff_idle: timedelta, at: datetime, awaits_code: bool = False) -> UsedSession | None:
    """The session of a cookie's secret; None once it has ended or expired, or its account is disabled.

    People with a role are also signed out when they have not used it for `staff_idle`. `awaits_code`: finds one
    whose second step is still missing, and no other.
    """
    given = {"secret_hash": hash_secret(secret), "awaits_code": awaits_code, "at": at}
    rows = read(_ACTOR_OF_SESSION, given)
    actor = actor_of_rows(rows)
    if actor is None or (actor.roles and at - rows[0].seen_at >= staff_idle):
        return None
    return UsedSession(actor, rows[0].session_id, rows[0].seen_at)


@dataclass(frozen=True)
class SessionView:
    """A session as its owner sees it; `is_current` for the current one."""

    public_id: str
    browser: str
    system: str
    created_at: datetime
    seen_at: datetime
    is_current: bool


def list_sessions(*, current: str | None, staff_idle: timedelta, by: Actor, at: datetime) -> list[SessionView]:
    """Where somebody is signed in, the most recently used first. For oneself, else NotFound.

    `current` is the secret of the session that asks.
    """
    if by.person_id is None:
        raise NotFound
    query = (
        select(SignInSession)
        .join(Person, Person.id == SignInSession.person_id)
        .where(
            Person.canonical_id == by.person_id,
            SignInSession.awaits_code.is_(False),
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > at,
        )
        .order_by(SignInSession.seen_at.desc(), SignInSession.id.desc())
    )
    current_hash, is_staff = hash_secret(current) if current else None, bool(by.roles) or by.roles_rest
    return [
        SessionView(
            row.public_id, row.browser, row.system, row.created_at, row.seen_at, row.secret_hash == current_hash
        )
        for row in db.session.scalars(query)
        if not is_staff or at - row.seen_at < staff_idle
    ]


def list_sign_ins(person_id: int, *, by: Actor, limit: int = 5) -> list[SignInSession]:
    """The latest sign-ins of a person, as long as they are kept. For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    query = (
        select(SignInSession)
        .join(Person, Person.id == SignInSession.person_id)
        .where(Person.canonical_id == person_id, SignInSession.awaits_code.is_(False))
        .order_by(SignInSession.created_at.desc(), SignInSession.id.desc())
        .limit(limit)
    )
    return list(db.session.scalars(query))
