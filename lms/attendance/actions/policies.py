"""The newest policy of a series applied to lectures that were held: what was looked at is what is done, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.queries.change_preview import PolicyPreview, preview_policy
from lms.attendance.queries.evidence import is_held
from lms.attendance.queries.reckoning import difference
from lms.catalogue.actions.states import judge_by_policy
from lms.catalogue.models import Policy
from lms.catalogue.queries import current_policy
from lms.core import audit
from lms.core.db import action, db
from lms.core.errors import Refused
from lms.core.i18n import _
from lms.core.jobs import Job, request_job
from lms.core.roles import Actor

JOB = "apply_policy"
Asked = tuple[int, str, int, int]
"""A lecture, the key of what was shown of it, how many gain and how many lose."""


def request_policy(slug: str, *, chosen: Collection[int] | None, key: str, by: Actor, at: datetime) -> Job:
    """Asks for the newest policy to be applied to held lectures, as it was looked at under `key`, in the background.

    For the instructors of the series and administrators. Refused where nothing is to be done, and where what was
    shown is no longer what would be done: the policy, the evidence or the lectures have changed since.
    """
    preview = preview_policy(slug, chosen=chosen, by=by)
    check_key(preview.key, key)
    if not preview.taken:
        raise Refused(_("No lecture is chosen that was held under another policy and is not closed."))
    return _request(preview, by=by, at=at)


def check_key(now: str, looked_at: str) -> None:
    """Refused where what would be done is not what was looked at."""
    if now != looked_at:
        raise Refused(_("What this would change is no longer what was shown. Look at it again; nothing was changed."))


@action
def _request(preview: PolicyPreview, *, by: Actor, at: datetime) -> Job:
    asked: list[Asked] = [
        (one.lecture.id, one.difference.key, len(one.difference.gaining), len(one.difference.losing))
        for one in preview.taken
    ]
    series_id, policy_id = preview.series.id, preview.policy.id
    arguments = {
        "series_id": series_id, "policy_id": policy_id, "lectures": asked, "by": by.person_id, "at": at.isoformat()
    }  # fmt: skip
    audit.record("attendance.apply_policy", by=by, at=at, detail={"lectures": len(asked)}, series=series_id)
    return request_job(JOB, arguments, by=by, at=at, total=len(asked))


def apply_policy(
    policy_id: int,
    lectures: Sequence[Asked],
    *,
    by: Actor,
    at: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Judges these lectures by a policy, each in a transaction of its own; who asked was checked when it was asked.

    Begun again, what is done already counts as done. Answers `{lectures, gained, lost, left_out: [{lecture, reason}]}`:
    a lecture is left out where it is closed, or what would be done is no longer what was looked at.
    """
    done = gained = lost = 0
    left_out: list[dict[str, Any]] = []
    for number, (lecture_id, key, gaining, losing) in enumerate(lectures):
        if progress is not None:
            progress(number, len(lectures))
        try:
            _judge(lecture_id, policy_id, key, by=by, at=at)
        except Refused as refused:
            left_out.append({"lecture": lecture_id, "reason": refused.message})
        else:
            done, gained, lost = done + 1, gained + gaining, lost + losing
    return {"lectures": done, "gained": gained, "lost": lost, "left_out": left_out}


@action
def _judge(lecture_id: int, policy_id: int, key: str, *, by: Actor, at: datetime) -> None:
    hold_facts()
    lecture = lock_lecture(lecture_id)
    if lecture.policy_id == policy_id:
        return
    if not is_held(lecture):
        raise Refused(_("This lecture is not held any more."))
    check_not_closed(lecture)
    if current_policy(lecture.series_id).id != policy_id:
        raise Refused(_("The policy of the series has changed since."))
    check_key(difference(lecture, policy=db.session.get_one(Policy, policy_id)).key, key)
    judge_by_policy(lecture_id, policy_id, by=by, at=at)
    credit_lecture(lecture_id, by=by, at=at)
