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
from lms.attendance.actions.deciding import (
    Decided,
    accept_strong,
    claim_appearances,
    decide_appearance,
    undo_decision,
)
from lms.attendance.actions.groups import (
    Added,
    CheckedIn,
    GroupDraft,
    add_addresses,
    call_off,
    check_in,
    drop_address,
    edit_group,
    open_group,
    renew_code,
    tick,
)
from lms.attendance.actions.imports import (
    answer_kept,
    drop_kept,
    keep_file,
    preview_attendance,
    publish_attendance,
    publish_kept,
)
from lms.attendance.actions.joins import open_join
from lms.attendance.actions.large_files import LARGE, request_publish
from lms.attendance.actions.offline import keep_offline_beats
from lms.attendance.actions.people import erase_evidence, recount_people
from lms.attendance.actions.policies import apply_policy, request_policy
from lms.attendance.actions.recompute import recompute_lectures, request_recompute
from lms.attendance.actions.signing import Basis, Signed, sign_group, take_back_signature
from lms.attendance.actions.staging import Elsewhen, StagedAttendance, said_of, stage_attendance
from lms.attendance.actions.tallies import rebuild_tallies, retally_lecture, retally_people
from lms.attendance.actions.times import confirm_times

__all__ = [
    "LARGE",
    "Added",
    "Basis",
    "CheckedIn",
    "Decided",
    "Elsewhen",
    "GroupDraft",
    "Signed",
    "StagedAttendance",
    "accept_appeal",
    "accept_strong",
    "add_addresses",
    "answer_kept",
    "apply_policy",
    "call_off",
    "check_in",
    "check_lecture_not_closed",
    "check_not_closed",
    "claim_appearances",
    "close_attendance",
    "compact_beats",
    "confirm_times",
    "correct",
    "correct_many",
    "credit_lecture",
    "decide_appearance",
    "decline_appeal",
    "delete_credits",
    "drop_address",
    "drop_kept",
    "edit_group",
    "erase_evidence",
    "file_appeal",
    "keep_beat",
    "keep_file",
    "keep_offline_beats",
    "open_group",
    "open_join",
    "preview_attendance",
    "publish_attendance",
    "publish_kept",
    "rebuild_tallies",
    "recompute_lectures",
    "record_beat",
    "recount_people",
    "renew_code",
    "reopen_attendance",
    "request_policy",
    "request_publish",
    "request_recompute",
    "restore_correction",
    "retally_lecture",
    "retally_people",
    "said_of",
    "sign_group",
    "stage_attendance",
    "take_back_signature",
    "tick",
    "undo_decision",
    "withdraw_appeal",
]
