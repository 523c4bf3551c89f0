"""The seats that nominations hold, and for whom, for the ledger of seats."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import read
from lms.enrolment.models import SeatKind
from lms.nominations.models import Nomination
from lms.nominations.queries.listing import NominationFilter, matching


def nominee_names(series_id: int, nominees: Collection[str], q: str, *, by: Actor) -> dict[str, str]:
    """The names of nominees of a series that somebody may know, by the id of the nomination: of these, or all whose
    name has the part `q`. Names that were erased are left out."""
    query = matching(NominationFilter(q=q), by=by).where(Nomination.series_id == series_id, Nomination.full_name != "")
    if not q:
        query = query.where(among(Nomination.public_id, nominees))
    return dict(read(query.with_only_columns(Nomination.public_id, Nomination.full_name)))


def held_seats() -> dict[tuple[int, SeatKind, int | None], int]:
    """How many seats are held for nominees, by series, kind and, where of a quota, country."""
    query = select(Nomination.series_id, Nomination.seat_kind, Nomination.country_id, func.count())
    query = query.where(Nomination.seat_kind.is_not(None))
    counts: dict[tuple[int, SeatKind, int | None], int] = {}
    rows = read(query.group_by(Nomination.series_id, Nomination.seat_kind, Nomination.country_id))
    for series_id, kind, country_id, number in rows:
        key = (series_id, kind, country_id if kind is SeatKind.QUOTA else None)
        counts[key] = counts.get(key, 0) + number
    return counts
