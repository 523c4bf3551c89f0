"""The mails that enrolment posts. Payloads are frozen here; the text is in `templates/mail/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.db import db
from lms.core.outbox import post_mails
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries import position_of
from lms.people.queries import contact_of

_TEMPLATES = {
    EnrolmentStatus.APPLIED: "enrolment_applied",
    EnrolmentStatus.WAITLISTED: "enrolment_waitlisted",
    EnrolmentStatus.ENROLLED: "enrolment_enrolled",
    EnrolmentStatus.REJECTED: "enrolment_rejected",
    EnrolmentStatus.WITHDRAWN: "enrolment_withdrawn",
}


def tell_state(enrolment: Enrolment, series: Series, *, at: datetime) -> None:
    """Tells a person of the place as it is now, and whether the person is asked to accept it."""
    more = {"position": position_of(enrolment), "accept": enrolment.profile_shared_at is None}
    _tell_places([enrolment], series, _TEMPLATES[enrolment.status], more, at=at)


def tell_places_won(enrolments: Sequence[Enrolment], series: Series, *, at: datetime) -> None:
    """Tells people that they moved up from the waiting list."""
    _tell_places(enrolments, series, "enrolment_place_won", {}, at=at)


def _tell_places(
    enrolments: Sequence[Enrolment], series: Series, template: str, more: Mapping[str, Any], *, at: datetime
) -> None:
    following = _next_lecture(series.id, at)
    payload = {
        "title": series.title,
        "slug": series.slug,
        "language": series.language,
        "lecture": following.title if following is not None else None,
        "starts_at": instant(following.starts_at) if following is not None else None,
        **more,
    }
    keys = {row.person_id: f"{template}-{row.id}-{at.isoformat()}" for row in enrolments}
    _post(template, keys, payload, at=at)


def tell_lecture(
    template: str,
    lecture: Lecture,
    person_ids: Collection[int],
    more: Mapping[str, Any],
    *,
    expires_at: datetime | None,
    at: datetime,
) -> None:
    """Tells people of a change to a lecture: one mail each for each version of the lecture."""
    payload = {
        "title": lecture.title,
        "lecture_id": lecture.id,
        "series": lecture.series.title,
        "slug": lecture.series.slug,
        "duration_minutes": lecture.duration_minutes,
        **more,
    }
    keys = {person_id: f"{template}-{lecture.id}-{lecture.sequence}-{person_id}" for person_id in person_ids}
    _post(template, keys, payload, expires_at=expires_at, at=at)


def _post(
    template: str,
    keys: Mapping[int, str],
    payload: Mapping[str, Any],
    *,
    at: datetime,
    expires_at: datetime | None = None,
) -> None:
    """One mail to each person who has an address, in the own language and zone (none: the organiser's)."""
    contacts = contact_of(list(keys))
    post_mails(
        [
            {
                "template": template,
                "address": contact.address,
                "locale": contact.locale,
                "time_zone": contact.time_zone or "",
                "person_id": person_id,
                "payload": {**payload, "full_name": contact.full_name},
                "dedupe_key": keys[person_id],
                "created_at": at,
                "due_at": at,
                "expires_at": expires_at,
                "attempts": 0,
            }
            for person_id, contact in contacts.items()
            if contact.address
        ]
    )


def _next_lecture(series_id: int, at: datetime) -> Lecture | None:
    query = (
        select(Lecture)
        .where(
            Lecture.series_id == series_id,
            Lecture.state.in_([LectureState.SCHEDULED, LectureState.LIVE]),
            Lecture.starts_at > at,
        )
        .order_by(Lecture.starts_at)
        .limit(1)
    )
    return db.session.scalar(query)


def instant(moment: datetime | None) -> str | None:
    """An instant as plain JSON; mail turns it back."""
    return moment.isoformat() if moment is not None else None
