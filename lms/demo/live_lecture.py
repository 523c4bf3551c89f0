"""Starts the lecture that is live, with people in its room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from lms.attendance.actions.beats import record_beat
from lms.attendance.actions.joins import open_join
from lms.attendance.actions.offline import keep_offline_beats
from lms.attendance.rules import BEAT_SECONDS
from lms.catalogue.actions.states import start_lecture
from lms.core.clock import to_ms
from lms.core.db import action
from lms.core.roles import SYSTEM
from lms.demo.generate import SEED, Demonstration
from lms.enrolment.membership import enrolled_ids

LIVE_AUDIENCE = 60
"""How many stand in the room of the live lecture when the demonstration is built."""
LINE_DOWN = 4, 16
"""From which to which heartbeat after the join the line of some of them was down."""


@action
def go_live(demonstration: Demonstration, series_ids: dict[str, int], lecture_ids: dict[tuple[str, int], int]) -> None:
    """Starts the current lecture, with people who have been in its room for a while."""
    random = Random(f"{SEED}:live")  # noqa: S311  invented, not a secret
    now = demonstration.now
    guests = {guest.email for guest in demonstration.guests}
    for plan in demonstration.series:
        for lecture in plan.lectures:
            if lecture.state != "live":
                continue
            lecture_id = lecture_ids[plan.slug, lecture.number]
            began = lecture.starts_at.astimezone(UTC) + timedelta(seconds=40)
            start_lecture(lecture_id, by=SYSTEM, at=now, started_at=began)
            waiting = sorted(enrolled_ids(series_ids[plan.slug]))[: -len(guests)]
            for place, person_id in enumerate(random.sample(waiting, min(LIVE_AUDIENCE, len(waiting)))):
                joined = began + timedelta(seconds=int(420 * random.random()))
                _stay(lecture_id, person_id, joined, now, line_down=place % 8 == 0)


def _stay(lecture_id: int, person_id: int, joined: datetime, until: datetime, *, line_down: bool) -> None:
    """Heartbeats from a join on; where the line was down for some minutes, those that the page kept meanwhile."""
    join = open_join(lecture_id, person_id, by=SYSTEM, at=joined)
    every = timedelta(seconds=BEAT_SECONDS)
    count = (until - joined) // every
    down = range(LINE_DOWN[0], min(LINE_DOWN[1], count)) if line_down else range(0)
    for seq in range(1, count + 1):
        if seq not in down:
            record_beat(join.id, seq, at=joined + seq * every)
    if down:
        last = joined + (down.start - 1) * every
        kept = [(seq, (seq - down.start + 1) * BEAT_SECONDS * 1000) for seq in down]
        keep_offline_beats(join.id, kept, mark_ms=to_ms(last), lecture_id=lecture_id, at=joined + down.stop * every)
