"""Lengths of time in words, rounded alike on pages, in e-mails, in the API and in files.

Where whole minutes would contradict a result, or hide by how little it was missed, the words have seconds.
"""

from __future__ import annotations

from lms.core import measures
from lms.core.i18n import _, _n


def with_seconds(ms: int) -> str:
    """ "54 min 2 s", "54 min", "30 s": seconds are rounded down."""
    minutes, seconds = divmod(ms // measures.SECOND_MS, 60)
    if not minutes:
        return _("%(seconds)s s", seconds=seconds)
    if not seconds:
        return _("%(minutes)s min", minutes=minutes)
    return _("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=seconds)


def spent_of(present_ms: int, length_ms: int, needed_ms: int) -> str:
    """ "47 of 90 minutes"; where the result depends on seconds "54 min 2 s of 90 min 8 s, 54 min 5 s needed"."""
    if measures.depends_on_seconds(present_ms, needed_ms):
        return _seconds_of(present_ms, length_ms, needed_ms)
    minutes = measures.whole_minutes(length_ms)
    if 0 < present_ms < measures.MINUTE_MS:
        return _n("less than one of %(num)s minute", "less than one of %(num)s minutes", minutes)
    spent = measures.whole_minutes(present_ms)
    return _n("%(seen)s of %(num)s minute", "%(seen)s of %(num)s minutes", minutes, seen=spent)


def brief_spent_of(present_ms: int, length_ms: int, needed_ms: int) -> str:
    """Like `spent_of`, abbreviated: "47 of 90 min"."""
    if measures.depends_on_seconds(present_ms, needed_ms):
        return _seconds_of(present_ms, length_ms, needed_ms)
    spent, length = measures.whole_minutes(present_ms), measures.whole_minutes(length_ms)
    return _("%(seen)s of %(length)s min", seen=spent, length=length)


def short_by(present_ms: int, needed_ms: int) -> str:
    """ "8 min": the minutes needed less the minutes spent, as both are shown. "35 s" where seconds decide."""
    if measures.depends_on_seconds(present_ms, needed_ms):
        return with_seconds((_needed_seconds(needed_ms) - present_ms // measures.SECOND_MS) * measures.SECOND_MS)
    return _("%(minutes)s min", minutes=measures.short_minutes(present_ms, needed_ms))


def _seconds_of(present_ms: int, length_ms: int, needed_ms: int) -> str:
    return _(
        "%(spent)s of %(length)s, %(needed)s needed",
        spent=with_seconds(present_ms),
        length=with_seconds(length_ms),
        needed=with_seconds(_needed_seconds(needed_ms) * measures.SECOND_MS),
    )


def _needed_seconds(ms: int) -> int:
    return -(-ms // measures.SECOND_MS)
