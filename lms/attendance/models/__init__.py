"""Evidence (presence, beats, imported files), corrections by hand, and the credit derived from them."""

from __future__ import annotations

from lms.attendance.models.closings import Closing
from lms.attendance.models.credits import Correction, Credit, Outcome, Tally
from lms.attendance.models.evidence import AttendanceImport, Beat, Join, Presence, Source

__all__ = [
    "AttendanceImport",
    "Beat",
    "Closing",
    "Correction",
    "Credit",
    "Join",
    "Outcome",
    "Presence",
    "Source",
    "Tally",
]
