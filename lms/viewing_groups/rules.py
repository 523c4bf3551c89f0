"""Pure rules of group viewing: codes, when they are valid, which times can be declared, and the signed statement."""

import hashlib
import re
from collections.abc import Collection
from datetime import datetime, timedelta

from lms.attendance.rules import Interval
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import ROOM_OPENS, planned_end
from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _, _n
from lms.core.text.typed_text import SIGNS, draw_signs, read_signs
from lms.core.time.durations import MINUTE_MS

CODE_LENGTH = 8
"""The number of characters in a code: forty bits, with rate-limited guessing during a few hours."""
STAYS_OPEN = timedelta(hours=1)
"""How long after the lecture check-in stays open, because links are slow and queues long."""
MOST_EXPECTED = 5000
MOST_LISTED = 5000
"""The maximum number of people and e-mail addresses on a list, because anyone with the code can add some."""
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
    """The code in typed text, in any case, with or without the separator. None if it cannot be one."""
    code = read_signs(typed[:100])
    return code if len(code) == CODE_LENGTH and all(sign in SIGNS for sign in code) else None


def check_has_groups(lecture: Lecture) -> None:
    """Raises Refused for a lecture that cannot be watched in a group."""
    reasons = {
        LectureState.DRAFT: _("This lecture is a draft. Publish it first."),
        LectureState.CANCELLED: _("This lecture was cancelled."),
        LectureState.POSTPONED: _("This lecture is postponed and has no date. Give it a new time first."),
    }
    if lecture.state in reasons:
        raise Refused(reasons[lecture.state])


def code_holds(lecture: Lecture) -> tuple[datetime, datetime | None]:
    """The time during which a code is valid (None: as long as the lecture is live). Raises Refused if it never is."""
    check_has_groups(lecture)
    begins = [moment for moment in (lecture.starts_at, lecture.actual_start) if moment is not None]
    ends = lecture.actual_end or planned_end(lecture)
    if not begins or ends is None:
        raise Refused(_("This lecture has no date yet."))
    return min(begins) - ROOM_OPENS, None if lecture.state is LectureState.LIVE else ends + STAYS_OPEN


def is_open(lecture: Lecture, at: datetime) -> bool:
    """Whether check-in is open."""
    try:
        since, until = code_holds(lecture)
    except Refused:
        return False
    return since <= at and (until is None or at <= until)


def is_over(lecture: Lecture, at: datetime) -> bool:
    """Whether check-in is over."""
    try:
        _since, until = code_holds(lecture)
    except Refused:
        return False
    return until is not None and at > until


def mark_of(person_ids: Collection[int]) -> str:
    """Identifies a list, so that a signature applies to the list that was reviewed."""
    joined_ids = ",".join(str(person_id) for person_id in sorted(person_ids))
    return hashlib.blake2b(joined_ids.encode(), digest_size=8).hexdigest()


def check_declared(start_ms: int, end_ms: int, lecture: Interval) -> None:
    """Raises Invalid for times at which nobody can have watched this lecture."""
    began, ended = lecture
    if end_ms <= start_ms:
        raise Invalid("watched_until", _("The end is before the start."))
    if min(end_ms, ended) - max(start_ms, began) < MINUTE_MS:
        raise Invalid("watched_from", _("The lecture was not running between these times. Is the date right?"))
    if start_ms < began - AROUND_MS:
        raise Invalid("watched_from", _("This is several hours before the lecture started. Is the date right?"))
    if end_ms > ended + AROUND_MS:
        raise Invalid("watched_until", _("This is several hours after the lecture ended. Is the date right?"))


def promise(people: int, *, title: str, place: str) -> str:
    """The statement confirmed by a signature."""
    return _n(
        "I confirm that this %(num)s person watched “%(title)s” in a group: %(place)s.",
        "I confirm that these %(num)s people watched “%(title)s” together: %(place)s.",
        people,
        title=title,
        place=place,
    )


def size_warning(people: int, expected: int) -> str | None:
    """A warning about a list twice as long as expected, or longer. It can be signed all the same."""
    if people < 2 * expected:
        return None
    return _(
        "%(people)s people are on the list, but %(expected)s were expected. Did everyone on the list watch in "
        "this room?",
        people=people,
        expected=expected,
    )


def addresses_in(text: str) -> list[tuple[int, str]]:
    """The e-mail addresses in text or CSV, each with its line, counted from 1.

    Lines without one are skipped (headings, blanks), and repeated addresses are used once.
    """
    lines_of: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for word in _BETWEEN.split(line):  # never a pattern with the @ within: it would be tried from every letter
            if "@" in word[1:-1]:
                lines_of.setdefault(word, number)
    return [(number, address) for address, number in lines_of.items()]
