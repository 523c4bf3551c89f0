"""Who was in a lecture and when: rows of attendance as a meeting system would report them.

Most who come stay; some come late, leave early, lose the line and return, or join on two devices at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from lms.demo.population import Member

# How often those who registered come, as bounds of one draw: never, once, now and then, nearly always
_NEVER, _ONCE, _SOMETIMES = 0.105, 0.69, 0.90
_SOMETIMES_COMES, _ALWAYS_COMES = 0.42, 0.9
_PARTIAL = 0.09  # share of those who come and do not stay for the 60 %
HEADINGS = "email,joined_at,left_at"

_CLOCK = [f"{hour:02}:{minute:02}:{second:02}Z" for hour in range(24) for minute in range(60) for second in range(60)]


def who_comes(
    enrolled: Sequence[int], lectures: int, eager: frozenset[int], rand: Callable[[], float]
) -> list[list[int]]:
    """For each of a series' lectures the indices of those who come, in the order of enrolment."""
    coming: list[list[int]] = [[] for _ in range(lectures)]
    # Interest fades: the first lecture is the fullest
    fading = [1.0 / (1.0 + 0.12 * number) for number in range(lectures)]
    steps = [sum(fading[: number + 1]) / sum(fading) for number in range(lectures)]
    for index in enrolled:
        habit = rand()
        if index in eager:
            for lecture in coming:
                lecture.append(index)
        elif habit < _NEVER:
            continue
        elif habit < _ONCE:
            draw = rand()
            for number, step in enumerate(steps):
                if draw < step:
                    coming[number].append(index)
                    break
        else:
            chance = _SOMETIMES_COMES if habit < _SOMETIMES else _ALWAYS_COMES
            for number in range(lectures):
                if rand() < chance:
                    coming[number].append(index)
    return coming


def intervals(seconds: int, stays: bool, rand: Callable[[], float]) -> list[tuple[int, int]]:
    """When one person was there: (joined, left) in seconds from the start of a lecture of `seconds`."""
    if not stays:
        length = int(seconds * (0.05 + 0.48 * rand()))
        joined = int((seconds - length) * rand())
        return [(joined, joined + length)]
    joined = int(-600 + (600 + 0.12 * seconds) * rand())
    left = int(seconds * (0.9 + 0.1 * rand())) + int(240 * rand())
    way = rand()
    if way < 0.78:
        return [(joined, left)]
    middle = int(seconds * (0.3 + 0.4 * rand()))
    gap = 20 + int(220 * rand())
    if way < 0.93:
        return [(joined, middle), (middle + gap, left)]
    if way < 0.97:
        later = middle + gap + 300
        return [(joined, middle), (middle + gap, later), (later + gap, left)]
    return [(joined, left), (middle, min(left, middle + 1800))]  # a second device for a while


def stays(rand: Callable[[], float]) -> bool:
    """Returns whether a person who comes stays for most of a lecture."""
    return rand() >= _PARTIAL


def rows(
    members: Sequence[Member],
    coming: Sequence[int],
    eager: frozenset[int],
    start: datetime,
    end: datetime,
    rand: Callable[[], float],
) -> Iterator[str]:
    """The lines of a lecture's attendance file, without the headings."""
    seconds = int((end - start).total_seconds())
    for index in coming:
        email = members[index].email
        for joined, left in intervals(seconds, index in eager or stays(rand), rand):
            yield line(email, start, joined, left)


def line(email: str, start: datetime, joined: int, left: int) -> str:
    """One line: `joined` and `left` in seconds from `start`."""
    return f"{email},{_stamp(start, joined)},{_stamp(start, left)}"


_days: dict[int, str] = {}


def _stamp(start: datetime, offset: int) -> str:
    second = int(start.timestamp()) + offset
    day, within = divmod(second, 86_400)
    label = _days.get(day)
    if label is None:
        label = _days[day] = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%dT")
    return label + _CLOCK[within]
