"""Seats in the demonstration: a series that keeps seats for twenty countries, some until a day that is past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from lms.core.db import db
from lms.core.roles import SYSTEM
from lms.demo.mails import keep_as_sent
from lms.enrolment.actions.places import withdraw
from lms.enrolment.models import Enrolment, EnrolmentStatus, SeatKind
from lms.enrolment.quota_files import QuotaRow, StagedQuotas
from lms.enrolment.quotas import release_lapsed, set_quotas
from lms.people.queries.countries import get_country

KEEPS_SEATS = "digital-customs-for-officials"
COUNTRIES, FEWEST_OTHERS = 20, 4
OWN = "KE"
UNUSED = 2
"""So many seats are left to a country that has not used up its quota."""
LAPSED, LAPSES = timedelta(days=-5), timedelta(days=12)


@dataclass(frozen=True)
class QuotaPlan:
    """The quotas of the series, and how many of their seats are unused now and when they lapse: it has so many more."""

    rows: list[QuotaRow]
    unused: int


def plan_quotas(enrolled: Sequence[str], others: Sequence[str], seats: int, now: datetime) -> QuotaPlan:
    """Quotas of a series in which people of these countries enrol for so many seats; `others` are further countries.

    The focal point who signs in to the demonstration has a quota that is used up, so that the trainee waits. Of the
    other countries that people come from, each second one had a quota that lapsed, the rest have seats left, as have
    the others until later. One of those had seats that nobody used, which went to people who waited.
    """
    midnight = now.replace(hour=16, minute=0, second=0, microsecond=0)  # in Beijing
    released = min(6, seats // 3)
    budget, unused = max(1, (seats - released) * 7 // 10), 0
    rows: list[QuotaRow] = []

    def add(code: str, number: int, when: timedelta) -> None:
        rows.append(QuotaRow(len(rows) + 1, code, number, midnight + when))

    counts = Counter(enrolled)
    ranked = [OWN] * (OWN in counts) + [code for code, _count in counts.most_common() if code != OWN]
    for place, code in enumerate(ranked[: COUNTRIES - FEWEST_OTHERS]):
        has_left = place % 2 == 1
        used = counts[code] if has_left else (counts[code] + 1) // 2
        if used > budget:
            continue
        budget -= used
        left = UNUSED if has_left else 0
        unused += left
        add(code, used + left, LAPSES if left or code == OWN else LAPSED)
    strangers = [code for code in others if code not in counts]
    if released:
        code = strangers.pop() if strangers else ranked[-1]  # the country with the fewest people
        add(code, counts[code] + released, LAPSED)
    while len(rows) < COUNTRIES and strangers:
        number = UNUSED + len(rows) % 3
        unused += number
        add(strangers.pop(), number, LAPSES)
    return QuotaPlan(rows, unused)


def keep(plan: QuotaPlan, *, at: datetime) -> None:
    """Keeps the seats, before anybody enrols."""
    set_quotas(KEEPS_SEATS, StagedQuotas(plan.rows, total=len(plan.rows)), by=SYSTEM, at=at)


def release(series_id: int, plan: QuotaPlan, *, now: datetime) -> None:
    """Releases what has lapsed, and lets two people leave: one whose seat is of a quota, one whose seat is not."""
    own = get_country(OWN).id
    lapsed = [row.kept_until for row in plan.rows if row.kept_until <= now]
    if lapsed:  # few people leave no seats for it
        release_lapsed(at=min(lapsed))
    for kind in (SeatKind.QUOTA, SeatKind.BY_HAND):
        query = select(Enrolment.person_id).where(
            Enrolment.series_id == series_id,
            Enrolment.status == EnrolmentStatus.ENROLLED,
            Enrolment.seat_kind == kind,
            Enrolment.seat_country_id.is_distinct_from(own),
        )
        person_id = db.session.scalar(query.order_by(Enrolment.id.desc()))
        if person_id is not None:
            withdraw(series_id, person_id, by=SYSTEM, at=now - timedelta(days=2))
    keep_as_sent(now)
