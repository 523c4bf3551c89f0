"""Positions and chapters as people type them, and how long recordings are kept."""

import re
from datetime import datetime, timedelta
from typing import Final

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line
from lms.streaming.rules import clock_time

MAX_CHAPTERS: Final = 50
MAX_TITLE: Final = 120
SHORTEST_MS: Final = 10_000
"""What a replay shows at least."""
NOTICE: Final = timedelta(days=14)
"""How long before a recording is deleted its lecturers get an e-mail."""
MAIL_AFTER: Final = timedelta(minutes=15)
"""How long after a recording is complete it is announced: until then it can be trimmed, or the lecture reopened."""
MAIL_WITHIN: Final = timedelta(days=14)
"""No e-mail announces the recording of a lecture that was held longer ago."""
MOST_CAPTION_LANGUAGES: Final = 30
DOWNLOADS_KEPT: Final = timedelta(days=1)
_POSITION = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,2}):)?(\d{1,2})", re.ASCII)


def read_position(text: str) -> int | None:
    """A position as h:mm:ss, mm:ss or seconds, in milliseconds; null for anything else."""
    match = _POSITION.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if seconds > 59 or (minutes > 59 and match[1]):
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * 1000


def read_trim(start: str, end: str, borders: list[int]) -> tuple[int | None, int | None]:
    """Returns what a replay shows: from and until the nearest borders of segments. Null for the start and the end.

    Raises Invalid (`start`, `end`).
    """
    length_ms = borders[-1]
    faults: list[Fault] = []
    start_ms = _typed("start", start, length_ms, faults) or 0
    end_ms = _typed("end", end, length_ms, faults) or length_ms
    if not faults and start_ms >= end_ms:
        faults.append(Fault(_("The end must be after the start."), field="end"))
    elif not faults and end_ms - start_ms < min(SHORTEST_MS, length_ms):
        faults.append(Fault(_("At least %(n)s seconds must remain.", n=SHORTEST_MS // 1000), field="end"))
    if faults:
        raise Invalid(faults=faults)
    start_ms, end_ms = (min(borders, key=lambda border: abs(border - moment)) for moment in (start_ms, end_ms))
    return start_ms or None, end_ms if end_ms < length_ms else None


def _typed(field: str, text: str, length_ms: int, faults: list[Fault]) -> int | None:
    if not text.strip():
        return None
    position_ms = read_position(text)
    if position_ms is None:
        faults.append(Fault(_("Enter a time such as 0:12:30."), field=field))
    elif position_ms >= length_ms + 1000:
        faults.append(Fault(_("The recording is only %(length)s long.", length=clock_time(length_ms)), field=field))
    return position_ms


def read_chapters(text: str, length_ms: int) -> list[tuple[int, str]]:
    """Chapters in order, each typed on a line of its own: position, then title. Raises Invalid (`chapters`)."""
    chapters: list[tuple[int, str]] = []
    faults: list[Fault] = []
    lines = [(number, clean_line(line)) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line]
    if len(lines) > MAX_CHAPTERS:
        raise Invalid("chapters", _("Enter at most %(n)s chapters.", n=MAX_CHAPTERS))
    for number, line in lines:
        time, _space, title = line.partition(" ")
        position_ms, title = read_position(time), clean_line(title.lstrip(" -–—"))
        if position_ms is None:
            reason = _("Line %(line)s: begin with a time, then a title: 0:12:30 Rules of origin.", line=number)
        elif not title:
            reason = _("Line %(line)s: enter a title after the time.", line=number)
        elif len(title) > MAX_TITLE:
            reason = _("Line %(line)s: use at most %(n)s characters for the title.", line=number, n=MAX_TITLE)
        elif position_ms >= length_ms:
            reason = _(
                "Line %(line)s: the recording is only %(length)s long.", line=number, length=clock_time(length_ms)
            )
        elif any(position_ms == other_ms for other_ms, _title in chapters):
            reason = _("Line %(line)s: another chapter begins at this time.", line=number)
        else:
            chapters.append((position_ms, title))
            continue
        faults.append(Fault(reason, field="chapters"))
    if faults:
        raise Invalid(faults=faults)
    return sorted(chapters)


def write_chapters(chapters: list[tuple[int, str]]) -> str:
    """Chapters as they are typed."""
    return "\n".join(f"{clock_time(position_ms)} {title}" for position_ms, title in chapters)


def deletion_at(
    ended_at: datetime | None, kept_days: int, *, is_kept: bool, announced_at: datetime | None, at: datetime
) -> datetime | None:
    """When a recording is deleted: after its days, and never before its lecturers had notice. Null for never."""
    if not kept_days or is_kept or ended_at is None:
        return None
    told_at = announced_at if announced_at is not None and has_notice(ended_at, kept_days, announced_at) else at
    return max(ended_at + timedelta(days=kept_days), told_at + NOTICE)


def has_notice(ended_at: datetime, kept_days: int, announced_at: datetime | None) -> bool:
    """Whether the lecturers know the day on which a recording is deleted. One named to them before the time of notice
    was another day: recordings are kept for longer since."""
    return announced_at is not None and announced_at >= ended_at + timedelta(days=kept_days) - NOTICE
