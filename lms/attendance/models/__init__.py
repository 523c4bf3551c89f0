"""Evidence (presence, beats, imported files), corrections by hand, groups, and the credit derived from them."""

from __future__ import annotations

from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.appearances import Appearance, AppearanceDecision, How
from lms.attendance.models.closings import Closing
from lms.attendance.models.credits import Correction, Credit, Outcome, Tally
from lms.attendance.models.evidence import AttendanceImport, Beat, Join, Presence, Source
from lms.attendance.models.groups import Entered, GroupEntry, GroupSignature, ViewingGroup
from lms.attendance.models.mappings import ColumnMapping

__all__ = [
    "Appeal",
    "AppealState",
    "Appearance",
    "AppearanceDecision",
    "AttendanceImport",
    "Beat",
    "Closing",
    "ColumnMapping",
    "Correction",
    "Credit",
    "Entered",
    "GroupEntry",
    "GroupSignature",
    "How",
    "Join",
    "Outcome",
    "Presence",
    "Source",
    "Tally",
    "ViewingGroup",
]
