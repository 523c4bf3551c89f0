"""Applies the current policy of a series to held lectures: exactly what was reviewed, or nothing."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, lock_lecture
from lms.attendance.actions.facts import hold_facts
from lms.attendance.presence import is_held
from lms.attendance.queries.change_preview import PolicyPreview, difference, preview_policy
from lms.catalogue.actions.states import judge_by_policy
from lms.catalogue.models import Policy
from lms.catalogue.queries.policies import current_policy
from lms.core.background.jobs import Job, request_job
from lms.core.base.errors import Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _

JOB = "apply_policy"
PreviewedLecture = tuple[int, str, int, int]
"""A lecture, the key of what was shown of it, how many gain and how many lose."""


def request_policy(slug: str, *, chosen: Collection[int] | None, key: str, by: Actor, at: datetime) -> Job:
    """Requests that the current policy is applied to held lectures, as reviewed under `key`, in the background. For
    instructors of the series and administrators.

    Raises Refused where there is nothing to do, and where the policy, the evidence or the lectures have changed since
    the review.
    """
    preview = preview_policy(slug, chosen=chosen, by=by)
    check_key(preview.key, key)
    if not preview.taken:
        raise Refused(_("Select at least one lecture that was held under a different policy and is not closed."))
    return _request(preview, by=by, at=at)


def check_key(now: str, looked_at: str) -> None:
    """Raises Refused where the result differs from what was reviewed."""
    if now != looked_at:
        raise Refused(_("The result has changed since you reviewed it. Nothing was changed; please review it again."))


@action
def _request(preview: PolicyPreview, *, by: Actor, at: datetime) -> Job:
    previewed: list[PreviewedLecture] = [
        (one.lecture.id, one.difference.key, len(one.difference.gained), len(one.difference.lost))
        for one in preview.taken
    ]
    series_id, policy_id = preview.series.id, preview.policy.id
    arguments = {
        "series_id": series_id, "policy_id": policy_id, "lectures": previewed, "by": by.person_id, "at": at.isoformat()
    }  # fmt: skip
    audit.record("attendance.apply_policy", by=by, at=at, detail={"lectures": len(previewed)}, series=series_id)
    return request_job(JOB, arguments, by=by, at=at, total=len(previewed))


def apply_policy(
    policy_id: int,
    lectures: Sequence[PreviewedLecture],
    *,
    by: Actor,
    at: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Applies a policy to these lectures, each in its own transaction. Permission was checked on request.

    When restarted, finished lectures count as done. Returns `{lectures, gained, lost, left_out: [{lecture, reason}]}`;
    a lecture is left out where it is closed or the result differs from what was reviewed.
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
        raise Refused(_("This lecture is no longer marked as held."))
    check_not_closed(lecture)
    if current_policy(lecture.series_id).id != policy_id:
        raise Refused(_("The policy of the series has changed since then."))
    check_key(difference(lecture, policy=db.session.get_one(Policy, policy_id)).key, key)
    judge_by_policy(lecture_id, policy_id, by=by, at=at)
    credit_lecture(lecture_id, by=by, at=at)
