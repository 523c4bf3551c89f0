"""Viewing groups: of the next lecture, and of the one that is live."""

from __future__ import annotations

from datetime import timedelta

from lms.core.roles import SYSTEM
from lms.demo import follow_up
from lms.demo.generate import Demonstration
from lms.demo.programme import SeriesPlan
from lms.viewing_groups.actions.groups import GroupInput, open_group

IN_LIVE_GROUP = 14
"""People who have come onto the list of the group that watches the live lecture."""
GROUPS = (
    ("KE", GroupInput("Nairobi", "Treasury Building, room 4", "Peter Mutua Kilonzo", 30, "Africa/Nairobi")),
    ("UG", GroupInput("Kampala", "Trade House, hall 2", "Grace Nakato", 18, "Africa/Kampala")),
    ("PK", GroupInput("Lahore", "Chamber of Commerce, library", "Bilal Chaudhry", 25, "Asia/Karachi")),
)


def gather(demonstration: Demonstration, lecture_ids: dict[tuple[str, int], int]) -> None:
    """Viewing groups in three countries for the next lecture, of which that of Nairobi is looked at by Kenya's focal
    point; and one for the lecture that is live, onto whose list people come by its code."""
    plans = [plan for plan in demonstration.series if plan.visibility == "public" and not plan.audience]
    coming = [one for plan in plans for one in plan.lectures if one.state == "scheduled"]
    if coming:
        first = min(coming, key=lambda one: one.starts_at)
        lecture_id = lecture_ids[first.series, first.number]
        for country, group in GROUPS:
            open_group(lecture_id, group, country=country, by=SYSTEM, at=demonstration.now)
    for plan in demonstration.series:
        for lecture in plan.lectures:
            if lecture.state == "live":
                _watch_live_together(demonstration, plan, lecture_ids[plan.slug, lecture.number])


def _watch_live_together(demonstration: Demonstration, plan: SeriesPlan, lecture_id: int) -> None:
    """A group whose people come onto its list by its code."""
    draft = GroupInput("Nairobi", "Trade House, hall 1", "Peter Mutua Kilonzo", 30, "Africa/Nairobi")
    public_id, _is_new = open_group(lecture_id, draft, country="KE", by=SYSTEM, at=demonstration.now)
    guests = {guest.email for guest in demonstration.guests}
    members = [one.email for one in demonstration.enrolled(plan) if one.country == "KE" and one.email not in guests]
    since = demonstration.now - timedelta(minutes=12)
    follow_up.check_in_people(public_id, members[-IN_LIVE_GROUP:], since=since)
