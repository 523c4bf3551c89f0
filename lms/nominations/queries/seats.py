"""The seats that nominations hold, for the comparison with the ledger of seats."""

from __future__ import annotations

from sqlalchemy import func, select

from lms.core.db import read
from lms.enrolment.models import SeatKind
from lms.nominations.models import Nomination


def held_seats() -> dict[tuple[int, SeatKind, int | None], int]:
    """How many seats are held for nominees, by series, kind and, where of a quota, country."""
    query = select(Nomination.series_id, Nomination.seat_kind, Nomination.country_id, func.count())
    query = query.where(Nomination.seat_kind.is_not(None))
    found: dict[tuple[int, SeatKind, int | None], int] = {}
    rows = read(query.group_by(Nomination.series_id, Nomination.seat_kind, Nomination.country_id))
    for series_id, kind, country_id, number in rows:
        key = (series_id, kind, country_id if kind is SeatKind.QUOTA else None)
        found[key] = found.get(key, 0) + number
    return found
