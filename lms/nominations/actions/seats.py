"""The seats that nominations hold: taken when submitted, handed over on acceptance, given back at the end."""

from collections.abc import Sequence
from datetime import datetime

from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.enrolment import seats
from lms.enrolment.models import SeatKind, SeatReason
from lms.nominations.models import Nomination, NominationState


def hold_seats(series_id: int, drafts: Sequence[Nomination], *, by: Actor, at: datetime) -> list[Nomination]:
    """Within an action: those of the drafts that can go out, in their order: each with a seat of its country's quota,
    or without one where no quota is kept for the country."""
    going: list[Nomination] = []
    for country_id in dict.fromkeys(draft.country_id for draft in drafts):
        of_country = [draft for draft in drafts if draft.country_id == country_id]
        quota = seats.find_quota(series_id, country_id)
        if quota is None or not quota.is_kept(at):
            going += of_country
            continue
        claims = [seats.Claim(one.person_id, country_id, nominee=one.public_id) for one in of_country]
        series = seats.lock(series_id, at=at)
        kinds = seats.take_seats(series, claims, why=SeatReason.NOMINATED, by=by, at=at, only_quota=True)
        for nomination, kind in zip(of_country, kinds, strict=True):
            nomination.seat_kind = kind
        going += [one for one in of_country if one.seat_kind is not None]
    return going


def end(nomination: Nomination, state: NominationState, *, why: SeatReason, by: Actor, at: datetime) -> None:
    """Within an action: ends a nomination without a place, and gives back the seat that was held for it."""
    nomination.state, nomination.ended_at = state, at
    free_seat(nomination, why=why, by=by, at=at)


def free_seat(nomination: Nomination, *, why: SeatReason, by: Actor, at: datetime) -> None:
    """Within an action: gives back the seat that is held for a nominee, where one is."""
    held = let_go(nomination)
    if held is not None:
        seats.give_back(
            seats.lock(nomination.series_id, at=at),
            kind=held.kind,
            country_id=held.country_id,
            person_id=nomination.person_id,
            why=why,
            by=by,
            at=at,
            held=True,
            nominee=nomination.public_id,
        )


def let_go(nomination: Nomination) -> seats.HeldSeat | None:
    """Within an action: the seat that is held for a nominee, which the nomination holds no longer."""
    kind, nomination.seat_kind = nomination.seat_kind, None
    db.session.flush()
    if kind is None:
        return None
    return seats.HeldSeat(kind, nomination.country_id if kind is SeatKind.QUOTA else None)


def people_of(nominations: Sequence[Nomination]) -> list[int]:
    """Returns whose these nominations are, of those that are known."""
    return [nomination.person_id for nomination in nominations if nomination.person_id is not None]
