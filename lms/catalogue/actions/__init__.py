"""Every write of the catalogue: series and policies, lectures, their states, seats."""

from lms.catalogue.actions.lectures import edit_lecture, schedule_lecture
from lms.catalogue.actions.series import create_series, edit_series
from lms.catalogue.actions.states import (
    cancel_lecture,
    confirm_held,
    correct_times,
    end_lecture,
    hold_lecture,
    judge_by_policy,
    postpone_lecture,
    publish_lecture,
    reopen_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.drafts import LectureDraft, PolicyDraft, SeriesDraft
from lms.catalogue.seats import release_seat, take_seat, take_seats

__all__ = [
    "LectureDraft",
    "PolicyDraft",
    "SeriesDraft",
    "cancel_lecture",
    "confirm_held",
    "correct_times",
    "create_series",
    "edit_lecture",
    "edit_series",
    "end_lecture",
    "hold_lecture",
    "judge_by_policy",
    "postpone_lecture",
    "publish_lecture",
    "release_seat",
    "reopen_lecture",
    "schedule_lecture",
    "start_lecture",
    "take_seat",
    "take_seats",
    "undo_start",
]
