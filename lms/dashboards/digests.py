"""The weekly e-mails to focal points and instructors: what is new, what is coming, and what needs doing.

On Monday morning in the reader's own time zone; where there is nothing to say, nothing is sent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select

from lms.attendance.queries.appeals import count_open_appeals
from lms.catalogue.models import LECTURE_TITLE, Lecture, LectureState
from lms.certificates.queries.behind import list_behind
from lms.core.background.jobs import Run, job
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.database.session import action, db, read, read_column, read_value
from lms.core.text.translations import TextOf
from lms.core.time import clock
from lms.dashboards import rules
from lms.dashboards.queries.teaching import list_given
from lms.dashboards.queries.waiting import count_waiting
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.people import country_standing
from lms.mail import outbox
from lms.mail.kinds import MailKind
from lms.mail.outbox import post_mails
from lms.mail.rendering import More
from lms.nominations.models import NominationState
from lms.nominations.queries.of_country import list_series_to_nominate
from lms.people.mail_rows import mail_to
from lms.people.models import Country, Person, RoleGrant
from lms.people.queries.access import load_actor
from lms.people.queries.countries import belonging_to, own_countries
from lms.people.queries.mail_choices import wanting
from lms.people.queries.persons import Contact, contact_of
from lms.web.request.identity import without_resting_roles

TEMPLATE = "weekly_digest"
WEEK, DAY = timedelta(days=7), timedelta(days=1)
HOUR = timedelta(hours=7)
"""When it is sent on Monday. A worker that was away then has until the same hour of the next day."""
EVERY_MINUTES = 10
"""How often the worker looks who is to be written to."""
LECTURES = 10
"""The number of lectures named."""


def post_due_digests(*, at: datetime) -> int:
    """Posts the digests that are due, each in its own transaction; returns how many."""
    if at.weekday() not in (6, 0, 1) or at.minute % EVERY_MINUTES:  # it is Monday nowhere, or was looked a moment ago
        return 0
    return sum(_post(person_id, contact, key, at=at) for person_id, contact, key in _list_due(at))


@job("post_digests")
def run(_run: Run, *, at: str) -> dict[str, Any]:
    """Posts the digests that were due at a moment; called by the worker."""
    return {"posted": post_due_digests(at=datetime.fromisoformat(at))}


def _list_due(at: datetime) -> list[tuple[int, Contact, str]]:
    """The recipients due now, with the key of this week's digest."""
    query = (
        select(Person.canonical_id)
        .join(RoleGrant, RoleGrant.person_id == Person.id)
        .where(
            RoleGrant.role.in_((Role.FOCAL_POINT, Role.INSTRUCTOR)),
            RoleGrant.granted_at <= at,
            or_(RoleGrant.revoked_at.is_(None), RoleGrant.revoked_at > at),
            Person.erased_at.is_(None),
        )
        .distinct()
    )
    people = wanting(MailKind.DIGEST, {person_id for person_id in read_column(query) if person_id is not None})
    due: list[tuple[int, Contact, str]] = []
    for person_id, contact in contact_of(sorted(people)).items():
        zone = ZoneInfo(contact.time_zone or clock.reporting_zone())
        since = (at.astimezone(zone) - HOUR).date()
        if since.weekday() == 0:
            due.append((person_id, contact, f"digest-{since.isoformat()}-{person_id}"))
    known = outbox.begun(key for _person, _contact, key in due) if due else set()
    db.session.rollback()
    return [one for one in due if one[2] not in known]


def _post(person_id: int, contact: Contact, key: str, *, at: datetime) -> bool:
    actor = without_resting_roles(load_actor(person_id, at))
    content = content_of(actor, at=at) if actor is not None else {}
    db.session.rollback()
    return _keep(person_id, contact, key, content, at=at)


@action
def _keep(person_id: int, contact: Contact, key: str, content: Mapping[str, Any], *, at: datetime) -> bool:
    if not outbox.begin(key, at=at) or not content or not contact.address:
        return False
    payload = {"countries": [], "teaching": None, **content}
    post_mails([mail_to(person_id, contact, TEMPLATE, payload, dedupe_key=key, at=at, expires_at=at + 3 * DAY)])
    return True


def content_of(actor: Actor, *, at: datetime) -> dict[str, Any]:
    """Returns what there is to say to somebody; empty where there is nothing."""
    content: dict[str, Any] = {}
    if actor.has(Role.FOCAL_POINT) and actor.country_ids:
        countries = [_of_country(country, by=actor, at=at) for country in own_countries(actor)]
        if with_numbers := [one for one in countries if any(value for name, value in one.items() if name != "code")]:
            content["countries"] = with_numbers
    if actor.has(Role.INSTRUCTOR):
        teaching = _of_instructor(actor, at=at)
        if any(teaching.values()):
            content["teaching"] = teaching
    return content


def _of_country(country: Country, *, by: Actor, at: datetime) -> dict[str, Any]:
    totals, places = country_standing([country.id], by=by, at=at)
    nominated = list_series_to_nominate(country.id, by=by, at=at)
    _rows, behind = list_behind(country.id, ListRequest(size=1), by=by, at=at)
    of_country = belonging_to([country.id], clock.day_of(at, clock.reporting_zone()))
    new = select(func.count()).where(
        Enrolment.person_id.in_(of_country),
        Enrolment.status == EnrolmentStatus.ENROLLED,
        Enrolment.enrolled_at > at - WEEK,
    )
    series = [series_id for series_id, states in places.items() if states.get(EnrolmentStatus.ENROLLED)]
    return {
        "code": country.code,
        "new": read_value(new),
        "waiting": totals.waiting + totals.applied,
        "invited": sum(one.counts.get(NominationState.INVITED, 0) for one in nominated),
        "drafts": sum(one.counts.get(NominationState.DRAFTED, 0) for one in nominated),
        "behind": behind,
        "lectures": _coming(series, at=at),
    }


def _of_instructor(by: Actor, *, at: datetime) -> dict[str, Any]:
    assert by.person_id is not None
    taught, _series = list_given(by.person_id, by=by)
    planned = [one.lecture for one in taught if one.lecture.state is LectureState.SCHEDULED and one.is_given_by(by)]
    coming = [one for one in planned if one.starts_at is not None and at <= one.starts_at < at + WEEK]
    drafts = [one.lecture for one in taught if one.lecture.state is LectureState.DRAFT]
    late = [one for one in planned if rules.is_late(one, at)]
    late += [draft for draft in drafts if draft.starts_at is not None and draft.starts_at < at]
    return {
        "lectures": _named(sorted(coming, key=lambda lecture: lecture.starts_at or at)),
        "appeals": count_open_appeals(by=by),
        "unmatched": count_waiting(by=by).unmatched,
        "late": len(late),
    }


def _coming(series_ids: Sequence[int], *, at: datetime) -> list[dict[str, Any]]:
    query = (
        select(Lecture.id, *LECTURE_TITLE, Lecture.starts_at)
        .where(
            Lecture.series_id.in_(series_ids),
            Lecture.state == LectureState.SCHEDULED,
            Lecture.starts_at >= at,
            Lecture.starts_at < at + WEEK,
        )
        .order_by(Lecture.starts_at, Lecture.id)
    )
    return _named(list(read(query)))


def _named(lectures: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"id": lecture.id, "title": TextOf(lecture), "starts_at": lecture.starts_at.isoformat()}
        for lecture in lectures[:LECTURES]
    ]


def prepared(payload: Mapping[str, Any]) -> More:
    """Turns the times within the lists into instants again."""

    def revived(part: Mapping[str, Any]) -> dict[str, Any]:
        lectures = [one | {"starts_at": datetime.fromisoformat(one["starts_at"])} for one in part["lectures"]]
        return {**part, "lectures": lectures}

    teaching = payload["teaching"]
    return More(
        {
            "countries": [revived(one) for one in payload["countries"]],
            "teaching": revived(teaching) if teaching is not None else None,
        }
    )
