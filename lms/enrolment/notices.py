"""The mails that enrolment posts. Payloads are frozen here; the text is in `templates/mail/`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.text.translations import TextOf
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.series import position_of
from lms.mail.outbox import post_mails
from lms.people.mail_rows import mail_to
from lms.people.queries.persons import contact_of, with_password

_TEMPLATES = {
    EnrolmentStatus.APPLIED: "enrolment_applied",
    EnrolmentStatus.WAITLISTED: "enrolment_waitlisted",
    EnrolmentStatus.ENROLLED: "enrolment_enrolled",
    EnrolmentStatus.REJECTED: "enrolment_rejected",
    EnrolmentStatus.WITHDRAWN: "enrolment_withdrawn",
}
_MOVES_CALENDARS = ("enrolment_enrolled", "enrolment_place_won", "enrolment_withdrawn")
"""E-mails that carry the invitation to the first lecture that people are invited to, or its cancellation."""

INVITES_AHEAD = timedelta(days=14)
"""This long before a lecture the enrolled are invited to it: each invitation is a separate e-mail (ADR 48)."""


def tell_state(
    enrolment: Enrolment, series: Series, *, person_id: int, by: Actor, at: datetime, reason: str = ""
) -> None:
    """E-mails a person their current status, who else changed it and why, and whether they are asked to accept.

    `person_id`: whose the enrolment is, after merges.
    """
    is_other = by.person_id is not None and by.person_id != person_id
    more = {
        "position": position_of(enrolment),
        "accept": enrolment.profile_shared_at is None,
        "enrolled_by": by.full_name if is_other else None,
        "reason": reason,
    }
    _tell_places([enrolment], series, _TEMPLATES[enrolment.status], more, at=at)


def tell_places_won(enrolments: Sequence[Enrolment], series: Series, *, at: datetime) -> None:
    """E-mails people that they moved up from the waiting list."""
    _tell_places(enrolments, series, "enrolment_place_won", {}, at=at)


def _tell_places(
    enrolments: Sequence[Enrolment], series: Series, template: str, more: Mapping[str, Any], *, at: datetime
) -> None:
    coming = lectures_to_come(series.id, at)
    following = coming[0] if coming else None
    invited = [lecture for lecture in coming if lecture.invited_at is not None] if template in _MOVES_CALENDARS else []
    had_none = template == _TEMPLATES[EnrolmentStatus.WITHDRAWN] and all(row.enrolled_at is None for row in enrolments)
    if had_none:
        invited = []
    payload = {
        "title": TextOf(series),
        "slug": series.slug,
        "language": series.language,
        "lecture": TextOf(following) if following is not None else None,
        "lecture_id": following.id if following is not None else None,
        "starts_at": instant(following.actual_start or following.starts_at) if following is not None else None,
        "told_at": instant(at),
        "invites_to": invited[0].id if invited else None,
        **more,
    }
    keys = {row.person_id: f"{template}-{row.id}-{at.isoformat()}" for row in enrolments}
    _post(template, keys, payload, series_id=series.id, at=at)
    if template == _TEMPLATES[EnrolmentStatus.WITHDRAWN]:
        for lecture in invited[1:]:
            keys = {row.person_id: f"lecture_left-{lecture.id}-{row.id}-{at.isoformat()}" for row in enrolments}
            _post("lecture_left", keys, _of_lecture(lecture), series_id=series.id, expires_at=lecture.starts_at, at=at)


def tell_lecture(
    template: str,
    lecture: Lecture,
    person_ids: Collection[int],
    more: Mapping[str, Any],
    *,
    expires_at: datetime | None,
    at: datetime,
    key: str | None = None,
    by_person: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """E-mails people about a lecture, once for each version of the lecture, or once for the `key`.

    `by_person` is data of single e-mails.
    """
    key = key or f"{template}-{lecture.id}-{lecture.sequence}"
    keys = {person_id: f"{key}-{person_id}" for person_id in person_ids}
    payload = {**_of_lecture(lecture), **more}
    _post(
        template,
        keys,
        payload,
        series_id=lecture.series_id,
        expires_at=expires_at,
        by_person=by_person or {},
        at=at,
    )


def tell_series(
    template: str, series: Series, person_ids: Collection[int], *, expires_at: datetime, at: datetime, key: str
) -> None:
    """E-mails people about a series, once for the `key`."""
    payload = {"title": TextOf(series), "slug": series.slug, "series_id": series.id}
    keys = {person_id: f"{key}-{person_id}" for person_id in person_ids}
    _post(template, keys, payload, series_id=series.id, expires_at=expires_at, at=at)


def invite(
    lecture: Lecture, person_ids: Collection[int], *, by_person: Mapping[int, Mapping[str, Any]], at: datetime
) -> None:
    """Invites everybody enrolled to a lecture, inside the running action, which has locked its series: who enrols from
    then on is invited with the confirmation. `by_person` is data of single e-mails."""
    lecture.invited_at = at
    tell_lecture(
        "lecture_invitation", lecture, person_ids, {}, expires_at=lecture.starts_at, by_person=by_person, at=at
    )


def _of_lecture(lecture: Lecture) -> dict[str, Any]:
    return {
        "title": TextOf(lecture),
        "lecture_id": lecture.id,
        "series": TextOf(lecture.series),
        "slug": lecture.series.slug,
        "duration_minutes": lecture.duration_minutes,
        "starts_at": instant(lecture.starts_at),
        "invites_to": lecture.id if lecture.invited_at is not None else None,
    }


def _post(
    template: str,
    keys: Mapping[int, str],
    payload: Mapping[str, Any],
    *,
    series_id: int,
    at: datetime,
    expires_at: datetime | None = None,
    by_person: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
) -> None:
    """Posts an e-mail to each person with an address, in their language and zone (default: the organiser's)."""
    contacts = contact_of(list(keys))
    with_account = with_password(contacts)
    post_mails(
        [
            mail_to(
                person_id,
                contact,
                template,
                {**payload, "has_account": person_id in with_account, **by_person.get(person_id, {})},
                dedupe_key=keys[person_id],
                at=at,
                expires_at=expires_at,
                series_id=series_id,
            )
            for person_id, contact in contacts.items()
            if contact.address
        ]
    )


def lectures_to_come(series_id: int, at: datetime) -> list[Lecture]:
    """The lectures of a series that are on or planned and not over, the next one first."""
    query = (
        select(Lecture)
        .where(Lecture.series_id == series_id, Lecture.state.in_([LectureState.SCHEDULED, LectureState.LIVE]))
        .order_by(Lecture.state == LectureState.SCHEDULED, Lecture.starts_at)
    )
    return [
        lecture
        for lecture in db.session.scalars(query)
        if lecture.state is LectureState.LIVE or _is_to_come(lecture, at)
    ]


def _is_to_come(lecture: Lecture, at: datetime) -> bool:
    return lecture.starts_at is not None and lecture.starts_at + timedelta(minutes=lecture.duration_minutes) > at


def instant(moment: datetime | None) -> str | None:
    """An instant as plain JSON; mail turns it back."""
    return moment.isoformat() if moment is not None else None
