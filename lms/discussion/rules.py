"""Limits of questions and hands, who can take part, and at which second of a replay a question was answered."""

from collections.abc import Sequence
from datetime import datetime

from lms.catalogue.models import LectureState
from lms.catalogue.rules import AnyLecture, room_is_open
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line, clean_text
from lms.core.time.clock import to_ms
from lms.core.time.durations import SECOND_MS
from lms.discussion.models import QuestionState
from lms.enrolment.models import Enrolment
from lms.enrolment.rules import is_enrolled
from lms.streaming.queries import ReplayPart

PUBLIC = (QuestionState.OPEN, QuestionState.ANSWERED)
"""The states in which all participants see a question."""
QUESTION_LENGTH = 500
"""Characters of a question."""
MOST_OPEN = 2_000
"""Questions of a lecture that are open or wait, and those of one person."""
MOST_OPEN_OF_PERSON = 20
MOST_HANDS = 200
POLL_LENGTH, OPTION_LENGTH = 300, 200
"""Characters of a poll's question and of an option."""
MOST_OPTIONS, MOST_POLLS = 8, 50


def checked_question(text: str | None) -> str:
    """The cleaned text of a question. Raises Invalid (`text`)."""
    words = clean_text(text)
    if len(words) > QUESTION_LENGTH:
        raise Invalid("text", _("Use at most %(n)s characters.", n=QUESTION_LENGTH))
    if not clean_line(words):
        raise Invalid("text", _("Enter your question."))
    return words


def check_takes_part(lecture: AnyLecture, enrolment: Enrolment | None, at: datetime) -> None:
    """Raises Forbidden if the person is not enrolled, Refused if the room is not open."""
    if not is_enrolled(enrolment):
        raise Forbidden(_("Only people enrolled in this series can take part."))
    if lecture.state in (LectureState.HELD, LectureState.CANCELLED):
        raise Refused(_("This lecture is over."))
    if not room_is_open(lecture, at):
        raise Refused(_("The room opens one hour before the start."))


def position_ms(parts: Sequence[ReplayPart], moment: datetime | None) -> int | None:
    """Where in a replay a moment is, in milliseconds; in a gap, where the replay goes on. Null outside of it."""
    if moment is None:
        return None
    ms = to_ms(moment)
    for part in parts:
        if ms < part.wall_ms + part.length_ms:
            return part.position_ms + max(ms - part.wall_ms, 0) if ms >= parts[0].wall_ms else None
    return None


def position_seconds(parts: Sequence[ReplayPart], moment: datetime | None) -> int | None:
    """As `position_ms`, in whole seconds."""
    ms = position_ms(parts, moment)
    return None if ms is None else ms // SECOND_MS
