"""Reads what a page reports of a replay that it plays."""

from __future__ import annotations

import json

from lms.attendance.rules import Interval
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _

MAX_PLAYED = 4000
"""Bytes of a report."""
MOST_RANGES = 100
_LATEST_MS = 2**48 - 1
_NAMES = frozenset({"token", "ranges", "is_paused"})


def read_played(content: bytes) -> tuple[str, list[Interval], bool]:
    """The token, the ranges in milliseconds, and whether the page has paused. Raises Invalid."""
    try:
        report = json.loads(content)
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        raise Invalid("report", _("The body is not a JSON object."))
    token, ranges, is_paused = report.get("token"), report.get("ranges"), report.get("is_paused", False)
    faults = [Fault(field=str(name), reason=_("Unknown field.")) for name in report if name not in _NAMES]
    if not isinstance(token, str):
        faults.append(Fault(field="token", reason=_("The token is missing.")))
    if not isinstance(ranges, list) or len(ranges) > MOST_RANGES or not all(_is_range(item) for item in ranges):
        reason = _(
            "Use at most %(n)s pairs of whole numbers: the milliseconds at which playing began and ended.",
            n=MOST_RANGES,
        )
        faults.append(Fault(field="ranges", reason=reason))
    if not isinstance(is_paused, bool):
        faults.append(Fault(field="is_paused", reason=_("Use true or false.")))
    if faults:
        raise Invalid(faults=faults)
    return str(token), [(start, end) for start, end in ranges or ()], bool(is_paused)


def _is_range(item: object) -> bool:
    if not isinstance(item, list) or len(item) != 2:
        return False
    start, end = item
    return type(start) is int and type(end) is int and 0 <= start < end <= _LATEST_MS
