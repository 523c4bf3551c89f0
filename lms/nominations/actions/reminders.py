"""Sending invitations again for a selection of nominations, of whatever series and country."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import action, db
from lms.nominations.actions.invitations import remind
from lms.nominations.models import Nomination
from lms.nominations.rules import may_nominate


@action
def remind_selected(public_ids: Collection[str], *, by: Actor, at: datetime) -> tuple[int, int]:
    """Sends the invitations of these nominations again, of the actor's countries, as `remind`; returns how many were
    sent, and how many were left out: sent lately, or no longer waiting for an answer. Raises NotFound."""
    query = select(Nomination.public_id, Nomination.series_id, Nomination.country_id)
    rows = list(db.session.execute(query.where(among(Nomination.public_id, public_ids))))
    if len(rows) < len(set(public_ids)) or not all(may_nominate(by, row.country_id) for row in rows):
        raise NotFound
    groups: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        groups.setdefault((row.series_id, row.country_id), []).append(row.public_id)
    sent = 0
    for (series_id, country_id), ids in sorted(groups.items()):
        sent += remind(series_id, country_id, by=by, at=at, public_ids=ids)[0]
    return sent, len(rows) - sent
