"""What the certificates of series require now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import LectureState
from lms.catalogue.queries.lectures import stations_of
from lms.catalogue.queries.policies import current_policies
from lms.certificates import eligibility
from lms.core.base.roles import SYSTEM
from lms.core.time.clock import reporting_zone
from lms.recordings.replays import find_open_replays


@dataclass(frozen=True)
class Requirement:
    """Lectures to attend, minutes in all (0: none required), and the percent of a lecture that counts as attended.

    `announced`: the lectures to attend if drafts did not count; the public knows nothing of them.
    `is_open`: lectures are to come, or replays count. `is_settled`: all held lectures are counted, so that no number
    rises again when that is done.
    """

    lectures: int
    minutes: int
    percent: int
    announced: int
    is_open: bool
    is_settled: bool


def requirements_of(series_ids: Collection[int], *, at: datetime) -> dict[int, Requirement]:
    """The requirement of each of these series that issues certificates and has lectures that count."""
    lectures = stations_of(series_ids, by=SYSTEM)
    sessions = sessions_among(lecture for rows in lectures.values() for lecture in rows)
    policies = current_policies(series_ids)
    replays = find_open_replays((lecture for rows in lectures.values() for lecture in rows), at=at)
    requirements = {}
    for series_id, policy in policies.items():
        counted = eligibility.measured(lectures[series_id], sessions, policy.deadline, reporting_zone(), at=at)
        if policy.certificate is None or not counted:
            continue
        earning = eligibility.earning(counted, policy)
        public = [lecture for lecture in counted if lecture.state is not LectureState.DRAFT]
        requirements[series_id] = Requirement(
            lectures=earning.needed,
            minutes=earning.minutes,
            percent=policy.min_percent,
            announced=eligibility.earning(public, policy).needed,
            is_open=earning.to_come > 0 or any(lecture.id in replays for lecture in counted),
            is_settled=not any(
                lecture.held_unknown or (lecture.state is LectureState.HELD and lecture.id not in sessions)
                for lecture in lectures[series_id]
            ),
        )
    return requirements
