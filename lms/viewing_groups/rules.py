"""Group viewing, pure: codes, when they hold, which times may be declared, and the words that are signed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import datetime, timedelta

from lms.attendance.rules import ROOM_OPENS, Interval
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import planned_end
from lms.core.crockford import SIGNS, draw_signs, read_signs
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _, _n
from lms.core.measures import MINUTE_MS

CODE_LENGTH = 8
"""Signs of a code: forty bits, guessed at a limited rate during a few hours."""
STAYS_OPEN = timedelta(hours=1)
"""How long after the lecture one may still check in: links are slow, and queues long."""
MOST_EXPECTED = 5000
MOST_LISTED = 5000
"""People and addresses on one list; whoever has the code can write addresses."""
MOST_PASTED = 2000
AROUND_MS = 3 * 60 * MINUTE_MS
"""So long before and after a lecture a group may say that it was together: more is another day, or another zone."""

_BETWEEN = re.compile(r"[\s,;:<>()\[\]\"']+")


def draw_code() -> str:
    """A new code, as it is stored."""
    return draw_signs(CODE_LENGTH)


def show_code(code: str) -> str:
    """A code as it is shown: two groups of four."""
    return f"{code[:4]}-{code[4:]}"


def read_code(typed: str) -> str | None:
    """The code that somebody typed, in any case, with or without the mark; None where it cannot be one."""
    code = read_signs(typed[:100])
    return code if len(code) == CODE_LENGTH and all(sign in SIGNS for sign in code) else None


def check_has_groups(lecture: Lecture) -> None:
    """Raises Refused for a lecture that nobody can watch together."""
    reasons = {
        LectureState.DRAFT: _("This lecture is a draft. Publish it first."),
        LectureState.CANCELLED: _("This lecture was cancelled."),
        LectureState.POSTPONED: _("This lecture is postponed and has no date. Give it a new time first."),
    }
    if lecture.state in reasons:
        raise Refused(reasons[lecture.state])


def code_holds(lecture: Lecture) -> tuple[datetime, datetime | None]:
    """From when until when a code is taken (null: as long as the lecture is live). Refused where never."""
    check_has_groups(lecture)
    begins = [moment for moment in (lecture.starts_at, lecture.actual_start) if moment is not None]
    ends = lecture.actual_end or planned_end(lecture)
    if not begins or ends is None:
        raise Refused(_("This lecture has no date."))
    return min(begins) - ROOM_OPENS, None if lecture.state is LectureState.LIVE else ends + STAYS_OPEN


def is_open(lecture: Lecture, at: datetime) -> bool:
    """Whether one may check in now."""
    try:
        since, until = code_holds(lecture)
    except Refused:
        return False
    return since <= at and (until is None or at <= until)


def is_over(lecture: Lecture, at: datetime) -> bool:
    """Whether nobody can check in any more."""
    try:
        _since, until = code_holds(lecture)
    except Refused:
        return False
    return until is not None and at > until


def mark_of(person_ids: Collection[int]) -> str:
    """Identifies a list: whoever signs, signs what was looked at."""
    said = ",".join(str(one) for one in sorted(person_ids))
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def check_declared(start_ms: int, end_ms: int, lecture: Interval) -> None:
    """Raises Invalid for times between which nobody can have watched this lecture."""
    began, ended = lecture
    if end_ms <= start_ms:
        raise Invalid("watched_until", _("The end is before the start."))
    if min(end_ms, ended) - max(start_ms, began) < MINUTE_MS:
        raise Invalid("watched_from", _("The lecture was not given between these times. Is it the right day?"))
    if start_ms < began - AROUND_MS:
        raise Invalid("watched_from", _("This is hours before the lecture began. Is it the right day?"))
    if end_ms > ended + AROUND_MS:
        raise Invalid("watched_until", _("This is hours after the lecture ended. Is it the right day?"))


def promise(people: int, *, title: str, place: str) -> str:
    """What whoever signs confirms."""
    return _n(
        "I confirm that this %(num)s person watched “%(title)s” in a group: %(place)s.",
        "I confirm that these %(num)s people watched “%(title)s” together: %(place)s.",
        people,
        title=title,
        place=place,
    )


def size_warning(people: int, expected: int) -> str | None:
    """Words of doubt about a list that is twice as long as the place said, or longer; it may be signed all the same."""
    if people < 2 * expected:
        return None
    return _(
        "%(people)s people are on the list, and %(expected)s were expected. Is everybody of this room?",
        people=people,
        expected=expected,
    )


def addresses_in(text: str) -> list[tuple[int, str]]:
    """The e-mail addresses of a text or of a CSV, each with its line, counted from 1; lines without one are left out
    (headings, blanks). An address that stands twice is taken once."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for word in _BETWEEN.split(line):  # never a pattern with the @ within: it would be tried from every letter
            if "@" in word[1:-1]:
                found.setdefault(word, number)
    return [(number, address) for address, number in found.items()]
