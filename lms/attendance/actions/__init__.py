"""Every write of attendance: joins and beats, reports, corrections, credits."""

from __future__ import annotations

from lms.attendance.actions.appeals import accept_appeal, decline_appeal, file_appeal, withdraw_appeal
from lms.attendance.actions.beats import keep_beat, record_beat
from lms.attendance.actions.closing import (
    check_lecture_not_closed,
    check_not_closed,
    close_attendance,
    reopen_attendance,
)
from lms.attendance.actions.corrections import correct, correct_many, restore_correction
from lms.attendance.actions.credits import compact_beats, credit_lecture, delete_credits
from lms.attendance.actions.imports import (
    StagedAttendance,
    drop_kept,
    keep_file,
    preview_attendance,
    publish_attendance,
    publish_kept,
    stage_attendance,
)
from lms.attendance.actions.joins import open_join
from lms.attendance.actions.people import erase_evidence, recount_people
from lms.attendance.actions.policies import apply_policy, request_policy
from lms.attendance.actions.recompute import recompute_lectures, request_recompute
from lms.attendance.actions.tallies import rebuild_tallies, retally_lecture, retally_people
from lms.attendance.actions.times import confirm_times

__all__ = [
    "StagedAttendance",
    "accept_appeal",
    "apply_policy",
    "check_lecture_not_closed",
    "check_not_closed",
    "close_attendance",
    "compact_beats",
    "confirm_times",
    "correct",
    "correct_many",
    "credit_lecture",
    "decline_appeal",
    "delete_credits",
    "drop_kept",
    "erase_evidence",
    "file_appeal",
    "keep_beat",
    "keep_file",
    "open_join",
    "preview_attendance",
    "publish_attendance",
    "publish_kept",
    "rebuild_tallies",
    "recompute_lectures",
    "record_beat",
    "recount_people",
    "reopen_attendance",
    "request_policy",
    "request_recompute",
    "restore_correction",
    "retally_lecture",
    "retally_people",
    "stage_attendance",
    "withdraw_appeal",
]
