"""Nominations of a focal point's countries: the list, its figures, and what happened to one of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager

from lms.catalogue.queries.titles import title_order
from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_column
from lms.nominations.models import Nomination, NominationState
from lms.nominations.queries.listing import NominationFilter, matching
from lms.people.models import Person


@dataclass(frozen=True)
class NominationsOfCountry:
    """One page of a list of nominations, and how many there are."""

    rows: list[Nomination]
    total: int


def list_nominations(filters: NominationFilter, request: ListRequest, *, by: Actor) -> NominationsOfCountry:
    """The nominations of the actor's countries that a filter holds, on the page and in the order that are asked for: by
    `nominated`, `name`, `state`, `series` or `answer_by`."""
    query = _nominations(filters, by)
    total = db.session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
    request = request.within(total)
    keys: dict[str, Any] = {
        "name": func.lower(Nomination.full_name),
        "state": Nomination.state,
        "answer_by": Nomination.expires_at,
    }
    key = title_order() if request.sort == "series" else keys.get(request.sort, Nomination.id)
    rows = query.order_by(key.is_(None), key.desc() if request.descending else key, Nomination.id.desc())
    rows = rows.options(contains_eager(Nomination.series), contains_eager(Nomination.country))
    return NominationsOfCountry(list(db.session.scalars(rows.limit(request.size).offset(request.offset))), total)


def every_nomination(filters: NominationFilter, *, by: Actor) -> list[Nomination]:
    """All nominations of the actor's countries that a filter holds, newest first."""
    rows = _nominations(filters, by).order_by(Nomination.id.desc())
    return list(db.session.scalars(rows.options(contains_eager(Nomination.series), contains_eager(Nomination.country))))


def ids_of(filters: NominationFilter, *, by: Actor, up_to: int | None = None) -> list[str]:
    """The public ids of all nominations that a filter holds, up to an id: those that somebody has seen counted."""
    query = _nominations(filters, by).with_only_columns(Nomination.public_id, maintain_column_froms=True)
    if up_to is not None:
        query = query.where(Nomination.id <= up_to)
    return list(read_column(query))


def last_id() -> int:
    """The id of the latest nomination of all."""
    return db.session.scalar(select(func.max(Nomination.id))) or 0


def get_own_nomination(public_id: str, *, by: Actor) -> Nomination:
    """A nomination of one of the actor's countries. Raises NotFound."""
    nominations = own_among([public_id], by=by)
    if not nominations:
        raise NotFound
    return nominations[0]


def own_among(public_ids: Collection[str], *, by: Actor) -> list[Nomination]:
    """Those of the nominations that are of the actor's countries, newest first."""
    query = _nominations(NominationFilter(), by).where(among(Nomination.public_id, public_ids))
    query = query.options(contains_eager(Nomination.series), contains_eager(Nomination.country))
    return list(db.session.scalars(query.order_by(Nomination.id.desc())))


def _nominations(filters: NominationFilter, by: Actor) -> Select[Any]:
    return matching(replace(filters, is_own=True), by=by)


@dataclass(frozen=True)
class NominationEvent:
    """Something that happened to a nomination. `reason` is what somebody wrote."""

    at: datetime
    what: str
    by: str | None = None
    reason: str | None = None


def history_of(nomination: Nomination) -> list[NominationEvent]:
    """What happened to a nomination, in its order."""
    people = [nomination.nominated_by_id, nomination.decided_by_id]
    names: dict[int, str] = dict(read(select(Person.id, Person.full_name).where(Person.id.in_(people))))
    decided_by = names.get(nomination.decided_by_id or 0)
    is_rejected = nomination.state is NominationState.REJECTED
    has_declined = nomination.state is NominationState.DECLINED
    steps = [
        (nomination.created_at, "nominated", names.get(nomination.nominated_by_id or 0), None),
        (nomination.submitted_at, "submitted", None, None),
        (nomination.decided_at, "rejected" if is_rejected else "approved", decided_by,
         nomination.reason if is_rejected else None),
        (nomination.invited_at, "invited", None, None),
        (nomination.reminded_at, "reminded", None, None),
        (nomination.answered_at, "declined" if has_declined else "answered", None,
         nomination.reason if has_declined else None),
    ]  # fmt: skip
    if nomination.state in (NominationState.ACCEPTED, NominationState.EXPIRED, NominationState.WITHDRAWN):
        steps.append((nomination.ended_at, nomination.state.value, None, None))
    if nomination.state is NominationState.ACCEPTED:
        steps = [step for step in steps if step[1] != "answered"]
    events = [NominationEvent(at, what, by, reason) for at, what, by, reason in steps if at is not None]
    order = {what: place for place, what in enumerate(_ORDER)}
    return sorted(events, key=lambda event: (event.at, order[event.what]))


_ORDER = (
    "nominated", "submitted", "rejected", "approved", "invited", "reminded", "answered", "declined",
    "accepted", "expired", "withdrawn",
)  # fmt: skip
"""What comes before what at one moment."""
