"""Pure decisions about series and lectures: local times to instants, permissions, and what a state means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from lms.catalogue.models import Lecture, LectureState, Policy, Series, Visibility
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _n
from lms.core.text.translations import Translations
from lms.core.time.clock import to_ms
from lms.core.time.zones import ZONES

OPEN_STATES = (LectureState.SCHEDULED, LectureState.LIVE, LectureState.POSTPONED)
NOT_BEGUN_STATES = (LectureState.DRAFT, LectureState.SCHEDULED, LectureState.POSTPONED)
TO_COME_STATES = (*NOT_BEGUN_STATES, LectureState.LIVE)
FIRST_YEAR, LAST_YEAR = 1990, 2100
ROOM_OPENS = timedelta(hours=1)
"""How long before its planned start a room opens."""


# Time


def zone_of(name: str, field: str = "time_zone") -> ZoneInfo:
    """The IANA zone of this name; Invalid at `field` for anything else."""
    if name not in ZONES:
        raise Invalid(field, _("“%(name)s” is not a time zone. Use one such as Asia/Shanghai.", name=name[:64]))
    return ZoneInfo(name)


def resolve_local(local: datetime, zone: str, field: str = "starts_at") -> datetime:
    """The instant (UTC) of a local time without offset in an IANA zone.

    Invalid where the clocks skip that time (the reason names the next valid one), where it happens twice
    (the reason names both), for an unknown zone, and outside the years 1990 to 2100.
    """
    where = zone_of(zone)
    if local.tzinfo is not None:
        raise Invalid(field, _("Enter the local time without an offset."))
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise Invalid(field, _("Enter a year between %(first)s and %(last)s.", first=FIRST_YEAR, last=LAST_YEAR))
    early = local.replace(tzinfo=where, fold=0)
    late = local.replace(tzinfo=where, fold=1)
    before, after = early.utcoffset() or timedelta(), late.utcoffset() or timedelta()
    if before == after:
        return early.astimezone(UTC)
    values = {"day": f"{local:%Y-%m-%d}", "clock": f"{local:%H:%M}", "zone": zone}
    if before < after:
        following = _next_valid(late.astimezone(UTC), early.astimezone(UTC), where)
        raise Invalid(
            field,
            _(
                "%(clock)s on %(day)s does not exist in %(zone)s, because the clocks go forward. The next valid "
                "time is %(next)s.",
                next=f"{following:%Y-%m-%d %H:%M}",
                **values,
            ),
        )
    raise Invalid(
        field,
        _(
            "%(clock)s on %(day)s occurs twice in %(zone)s, because the clocks go back: at %(first)s and "
            "again at %(second)s. Choose an earlier or later time, or give the time in UTC.",
            first=f"{early.astimezone(UTC):%H:%M} UTC (UTC{_offset(before)})",
            second=f"{late.astimezone(UTC):%H:%M} UTC (UTC{_offset(after)})",
            **values,
        ),
    )


def _next_valid(low: datetime, high: datetime, where: ZoneInfo) -> datetime:
    """The local time at which a skipped hour ends: the change of offset is between two instants."""
    new = high.astimezone(where).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle <= low:
            break
        if middle.astimezone(where).utcoffset() == new:
            high = middle
        else:
            low = middle
    return high.astimezone(where)


def _offset(delta: timedelta) -> str:
    minutes = int(delta.total_seconds() // 60)
    return f"{'+' if minutes >= 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@dataclass(slots=True)
class Station:
    """The part of a lecture that lists show, named as in `Lecture`: a page has many, and loading whole rows costs
    several times as much. Instructors are only loaded on request.
    """

    id: int
    series_id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations
    interpretation: list[str]
    state: LectureState
    held_unknown: bool
    starts_at: datetime | None
    duration_minutes: int
    actual_start: datetime | None
    actual_end: datetime | None
    recording_url: str | None
    paused_ms: int | None
    keeps_enough: bool
    instructors: Sequence[Any] = ()


AnyLecture = Lecture | Station
L = TypeVar("L", bound=Any)  # anything with the state of a lecture


def planned_end(lecture: AnyLecture) -> datetime | None:
    """When a lecture should be over; null without a date."""
    if lecture.starts_at is None:
        return None
    return lecture.starts_at + timedelta(minutes=lecture.duration_minutes)


def people_asked_more(series: Series, before: Policy, policy: Mapping[str, Any]) -> int:
    """How many people are enrolled, if a new policy asks them for more than attendance that it did not ask before: more
    feedback, or knowledge checks; else 0."""
    if not policy["certificate"] or series.visibility is not Visibility.PUBLIC:
        return 0
    feedback, checks = (before.min_feedback or 0, before.checks_passed) if before.certificate else (0, False)
    asks_more = (policy["min_feedback"] or 0) > feedback or (policy["checks_passed"] and not checks)
    return series.enrolled if asks_more else 0


def is_over_unheld(lecture: Lecture, at: datetime) -> bool:
    """Whether a scheduled lecture's planned time is over: staff are to say whether it was held."""
    end = planned_end(lecture)
    return lecture.state is LectureState.SCHEDULED and end is not None and end <= at


def length_ms(lecture: AnyLecture) -> int | None:
    """The actual length in milliseconds of a lecture that was held, without its pauses; else null."""
    if lecture.actual_start is None or lecture.actual_end is None:
        return None
    return to_ms(lecture.actual_end) - to_ms(lecture.actual_start) - (lecture.paused_ms or 0)


def occupied(lecture: Lecture) -> tuple[datetime, datetime] | None:
    """The span in which a lecture takes up its instructors: actual once it has begun, else planned; null for none."""
    duration = timedelta(minutes=lecture.duration_minutes)
    if lecture.state is LectureState.HELD and lecture.actual_start and lecture.actual_end:
        return lecture.actual_start, lecture.actual_end
    if lecture.state is LectureState.LIVE and lecture.actual_start:
        return lecture.actual_start, lecture.actual_start + duration
    if lecture.state is LectureState.SCHEDULED and lecture.starts_at:
        return lecture.starts_at, lecture.starts_at + duration
    return None


def room_is_open(lecture: AnyLecture, at: datetime) -> bool:
    """Whether the room lets people in: from an hour before the planned start, and while the lecture is live."""
    if lecture.state is LectureState.LIVE:
        return True
    opens = lecture.starts_at - ROOM_OPENS if lecture.starts_at is not None else None
    return lecture.state is LectureState.SCHEDULED and opens is not None and at >= opens


def overlaps(first: tuple[datetime, datetime], second: tuple[datetime, datetime]) -> bool:
    """Whether two spans share more than an edge."""
    return first[0] < second[1] and second[0] < first[1]


# Permissions


TEACHING_ROLES = (Role.INSTRUCTOR, Role.ADMINISTRATOR)
"""Only people with one of these roles are put on a list of instructors."""


def teaching_id(by: Actor) -> int | None:
    """The person id to look for on lists of instructors; null for an actor without the instructor role.

    A list gives rights only together with the role. Every check of a list, here and in SQL, looks for this id. A role
    that waits for a second factor gives nothing: such an actor has no roles.
    """
    return by.person_id if by.is_instructor else None


def is_series_instructor(series: Series, by: Actor) -> bool:
    """Whether the actor holds the instructor role and is on this series' list of instructors."""
    person_id = teaching_id(by)
    return person_id is not None and any(person.id == person_id for person in series.instructors)


def may_edit_series(series: Series, by: Actor) -> bool:
    """Its instructors and administrators change a series and its lectures, and see addresses and join links."""
    return by.is_administrator or is_series_instructor(series, by)


def may_edit_lecture(lecture: Lecture, by: Actor) -> bool:
    """Whether the actor may change the lecture: instructors of its series may."""
    return may_edit_series(lecture.series, by)


def may_see_series(series: Series, by: Actor) -> bool:
    """A public series is for everybody; a draft for its instructors, administrators and reporters."""
    return series.visibility is Visibility.PUBLIC or by.is_reporter or is_series_instructor(series, by)


def may_see_lecture(lecture: Lecture, by: Actor) -> bool:
    """Only staff see a lecture that is a draft, that nobody has confirmed yet, or whose series is a draft."""
    if lecture.state is LectureState.DRAFT or lecture.held_unknown:
        return by.is_reporter or is_series_instructor(lecture.series, by)
    return may_see_series(lecture.series, by)


def may_create_series(by: Actor) -> bool:
    """Administrators and instructors create series."""
    return by.is_administrator or by.is_instructor


def check_can_create_series(by: Actor) -> None:
    """Raises Forbidden for anybody else."""
    if not may_create_series(by):
        raise Forbidden


def check_can_edit_series(series: Series, by: Actor) -> None:
    """Raises NotFound if the actor cannot see it, Forbidden if they cannot change it."""
    if not may_see_series(series, by):
        raise NotFound
    if not may_edit_series(series, by):
        raise Forbidden


def check_can_edit_lecture(lecture: Lecture, by: Actor) -> None:
    """Raises NotFound if the actor cannot see it, Forbidden if they cannot change it."""
    if not may_see_lecture(lecture, by):
        raise NotFound
    if not may_edit_lecture(lecture, by):
        raise Forbidden


# Places, and the days of a series


def check_capacity(capacity: int | None, series: Series) -> None:
    """Raises Refused for fewer places than people are enrolled, nominees hold, and quotas keep for countries."""
    least = series.taken + series.reserved
    if capacity is None or capacity >= least:
        return
    numbers = {"n": least, "enrolled": series.enrolled, "held": series.held, "kept": series.reserved}
    if series.reserved:
        raise Refused(
            _(
                "The capacity cannot be lower than %(n)s: %(enrolled)s enrolled, %(held)s reserved for nominees, "
                "%(kept)s kept for countries. Lower the quotas first.",
                **numbers,
            )
        )
    if series.held:
        raise Refused(
            _(
                "The capacity cannot be lower than %(n)s: %(enrolled)s enrolled, %(held)s reserved for nominees.",
                **numbers,
            )
        )
    raise Refused(
        _n(
            "The capacity cannot be lower than the %(num)s person enrolled.",
            "The capacity cannot be lower than the %(num)s people enrolled.",
            least,
        )
    )


def is_planned_draft(lecture: AnyLecture, at: datetime) -> bool:
    """Whether a lecture is a draft whose planned time is still to come: certificates count it like a published one."""
    return lecture.state is LectureState.DRAFT and lecture.starts_at is not None and lecture.starts_at > at


def is_outside_days(lecture: Lecture) -> bool:
    """Whether a lecture is planned for a day before its series begins or after it ends."""
    if lecture.local_start is None:
        return False
    day, series = lecture.local_start.date(), lecture.series
    is_before = series.starts_on is not None and day < series.starts_on
    return is_before or (series.ends_on is not None and day > series.ends_on)


# The route


def not_cancelled(lectures: Iterable[L]) -> list[L]:
    """The lectures that the number of lectures of a series counts: all but cancelled ones, in the order given."""
    return [lecture for lecture in lectures if lecture.state is not LectureState.CANCELLED]


def next_lecture(lectures: Iterable[AnyLecture]) -> AnyLecture | None:
    """The first lecture that is scheduled and has not begun."""
    coming = [
        one
        for one in lectures
        if one.state is LectureState.SCHEDULED and one.starts_at is not None and not one.held_unknown
    ]
    return min(coming, key=lambda lecture: (lecture.starts_at, lecture.id), default=None)


def stop_state(lecture: AnyLecture, at: datetime, *, is_next: bool = False) -> str:
    """The state of a lecture before any attendance: done, now, next, later, cancelled.

    `is_next` is known from the whole series (`stop_states`); without it, a lecture that should have begun and has not
    is the next one.
    """
    if lecture.state is LectureState.HELD:
        return "done"
    if lecture.state is LectureState.LIVE:
        return "now"
    if lecture.state is LectureState.CANCELLED:
        return "cancelled"
    if lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None and not lecture.held_unknown:
        return "next" if is_next or lecture.starts_at <= at else "later"
    return "later"


def stop_states(lectures: Sequence[AnyLecture], at: datetime) -> dict[int, str]:
    """`stop_state` of all lectures of a series, by lecture id; the first one to come is *next*."""
    following = next_lecture(lectures)
    return {one.id: stop_state(one, at, is_next=following is not None and one.id == following.id) for one in lectures}


MARKS = 6


def marks_of(lecture: Lecture) -> list[Any]:
    """The times below a picture of a lecture, at even steps; none before it was held."""
    if lecture.actual_start is None or lecture.actual_end is None:
        return []
    step = (lecture.actual_end - lecture.actual_start) / MARKS
    return [lecture.actual_start + step * n for n in range(MARKS + 1)]
