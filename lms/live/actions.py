"""Joining a lecture, and watching its replay."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lms.attendance.actions.replays import Played, record_played
from lms.attendance.actions.room import open_join
from lms.attendance.rules import LOW_DATA_BEAT_SECONDS, Interval, clip
from lms.catalogue.queries.lectures import get_lecture, get_lecture_to_join
from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.roles import SYSTEM, Actor
from lms.core.base.settings import settings
from lms.core.database.session import action
from lms.core.text.i18n import _
from lms.core.time.durations import SECOND_MS
from lms.enrolment.actions.places import share_profile
from lms.enrolment.queries.rows import find_enrolment
from lms.live.rules import check_can_join, check_can_watch_for_credit
from lms.people.queries.persons import find_person_id
from lms.recordings.replays import find_replays
from lms.streaming.queries import ReplayPart, replay_parts


@dataclass(frozen=True)
class Joined:
    """One page or app that takes part: its join, how often it says that it is there, where the meeting is."""

    join_id: int
    beat_seconds: int
    join_url: str | None


@action
def join_lecture(
    lecture_id: int,
    *,
    email: str | None = None,
    is_demonstration: bool = False,
    is_low_data: bool = False,
    by: Actor,
    at: datetime,
) -> Joined:
    """Takes part in a lecture from now on; each page joins for itself.

    `email` names another person: an administrator may do that in a demonstration. `is_low_data`: the page sends its
    heartbeats half as often. Forbidden for who is not enrolled; Refused while the room is not open.
    """
    lecture, join_url = get_lecture_to_join(lecture_id, by=by)
    person_id = by.person_id
    if email is not None:
        if not (by.is_administrator and is_demonstration):
            raise Forbidden(_("Administrators can join for other people only in a demonstration."))
        person_id = find_person_id(email)
        if person_id is None:
            raise Invalid("email", _("We found no one with this address."))
    enrolment = find_enrolment(lecture.series_id, person_id) if person_id is not None else None
    check_can_join(lecture, enrolment, at)
    assert person_id is not None
    if enrolment is not None and person_id == by.person_id:
        share_profile(enrolment, at=at)
    beat = {"beat_seconds": LOW_DATA_BEAT_SECONDS} if is_low_data else {}
    join = open_join(lecture_id, person_id, **beat, by=by, at=at)
    return Joined(join.id, join.beat_seconds, join_url)


@action
def begin_replay(lecture_id: int, *, by: Actor, at: datetime) -> list[ReplayPart]:
    """Begins to watch the replay of a lecture for oneself; returns its parts.

    Raises NotFound, Forbidden for people who are not enrolled, and Refused where watching it does not count.
    """
    lecture = get_lecture(lecture_id, by=by)
    enrolment = find_enrolment(lecture.series_id, by.person_id) if by.person_id is not None else None
    check_can_watch_for_credit(find_replays([lecture_id]).get(lecture_id), enrolment, at)
    assert enrolment is not None
    share_profile(enrolment, at=at)
    return replay_parts(lecture_id)


@action
def report_played(
    lecture_id: int, person_id: int, ranges: Iterable[Interval], *, began_ms: int, is_paused: bool, at: datetime
) -> Played:
    """Stores what a page played of a replay since it began, for who has its token: ranges of the lecture's time of day
    in milliseconds, of which only what is in the replay counts. The segments with which a part of the replay begins and
    ends count whole once they were begun: players start late in the one, and report no position at the end of the
    other.

    Raises NotFound, and Refused where watching it does not count.
    """
    lecture = get_lecture(lecture_id, by=SYSTEM)
    enrolment = find_enrolment(lecture.series_id, person_id)
    check_can_watch_for_credit(find_replays([lecture_id]).get(lecture_id), enrolment, at)
    reported = list(ranges)
    edge_ms = settings().segment_seconds * SECOND_MS
    played = []
    for part in replay_parts(lecture_id):
        part_start, part_end = part.wall_ms, part.wall_ms + part.length_ms
        for start, end in clip(reported, part_start, part_end):
            begins_with_part, ends_with_part = start < part_start + edge_ms, end > part_end - edge_ms
            played.append((part_start if begins_with_part else start, part_end if ends_with_part else end))
    return record_played(lecture_id, person_id, played, began_ms=began_ms, is_paused=is_paused, at=at)
