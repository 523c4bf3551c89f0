"""The replays of lectures: since when there is one, and until when watching it counts as attendance."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from lms.attendance.queries.closings import closed_among
from lms.catalogue.models import Lecture, LectureState, Policy
from lms.catalogue.queries.policies import current_policies
from lms.core.db import read
from lms.streaming.queries import find_recordings


@dataclass(frozen=True)
class Replay:
    """The replay of a held lecture. `counts_until`: null where watching it does not count."""

    available_at: datetime
    counts_until: datetime | None

    def counts(self, at: datetime) -> bool:
        """Whether watching it counts at this moment."""
        return self.counts_until is not None and at <= self.counts_until


def find_replays(lecture_ids: Collection[int]) -> dict[int, Replay]:
    """The replays that there are of these lectures, by lecture. Its callers check who asks.

    Watching counts for the days of the lecture's policy, from its end or, where the recording came later, from then on;
    once attendance is closed it counts no more.
    """
    recordings = find_recordings(lecture_ids)
    if not recordings:
        return {}
    query = (
        select(Lecture.id, Lecture.series_id, Lecture.actual_end, Policy.replay_days)
        .outerjoin(Policy, Policy.id == Lecture.policy_id)
        .where(Lecture.id.in_(recordings), Lecture.state == LectureState.HELD)
    )
    rows = read(query)
    unsettled = {row.series_id for row in rows if row.replay_days is None}
    current = current_policies(unsettled) if unsettled else {}
    closed = closed_among([row.id for row in rows])
    replays = {}
    for row in rows:
        since = max(row.actual_end, recordings[row.id] or row.actual_end)
        days = current[row.series_id].replay_days if row.replay_days is None else row.replay_days
        counts_until = since + timedelta(days=days) if days and row.id not in closed else None
        replays[row.id] = Replay(since, counts_until)
    return replays
