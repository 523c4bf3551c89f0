"""Where a file says something else than people wrote in their profiles, and who was asked to confirm it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read, read_value
from lms.nominations.models import Nomination, ProfileField, ProfileRequest, RequestedChange
from lms.nominations.rules import REMIND_EVERY
from lms.people.models import Person
from lms.people.passwords import hash_secret
from lms.people.people_files import PersonRow
from lms.people.queries.persons import members


@dataclass(frozen=True)
class ProfileDifference:
    """A field of a profile, what it says now, and what a file says."""

    field: ProfileField
    now: str
    value: str


@dataclass(frozen=True)
class ChangedProfile:
    """A known person whose profile says something else than a line of a file, field by field."""

    person_id: int
    full_name: str
    differences: Sequence[ProfileDifference]
    line: int = 1


def compare(row: PersonRow, person: Person) -> ChangedProfile | None:
    """Where a row says something else than a person wrote; None where nothing differs but the case of letters."""
    differences = []
    for field in ProfileField:
        now, value = getattr(person, field), getattr(row, field)
        if now and value and _plain(now) != _plain(value):
            differences.append(ProfileDifference(field, now, value))
    return ChangedProfile(person.id, person.full_name, differences, row.line) if differences else None


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def to_ask(changed: Sequence[ChangedProfile], *, at: datetime) -> list[ChangedProfile]:
    """Of those whose profiles differ, whom to ask, and about what: nobody twice within `REMIND_EVERY`, and nobody about
    a change that waits for an answer or that they did not accept."""
    if not changed:
        return []
    ids = [one.person_id for one in changed]
    open_values: set[tuple[int, str, str]] = set()
    lately: set[int] = set()
    for person_id, asked_at, expires_at, answered_at, field, value, accepted in read(
        select(
            Person.canonical_id,
            ProfileRequest.asked_at,
            ProfileRequest.expires_at,
            ProfileRequest.answered_at,
            RequestedChange.field,
            RequestedChange.value,
            RequestedChange.accepted,
        )
        .join(Person, Person.id == ProfileRequest.person_id)
        .join(RequestedChange, RequestedChange.request_id == ProfileRequest.id)
        .where(among(Person.canonical_id, ids))
    ):
        if asked_at > at - REMIND_EVERY:
            lately.add(person_id)
        if accepted is False or (answered_at is None and expires_at > at):
            open_values.add((person_id, field, value))
    changes = []
    first = {one.person_id: one for one in reversed(changed)}  # a person can have two addresses in a file
    for changed_profile in reversed(first.values()):
        left = [
            each
            for each in changed_profile.differences
            if (changed_profile.person_id, each.field, each.value) not in open_values
        ]
        if left and changed_profile.person_id not in lately:
            changes.append(replace(changed_profile, differences=left))
    return changes


def count_asked(country_id: int, *, by: Actor, at: datetime) -> int:
    """How many people somebody asked at this moment, for a country."""
    query = select(func.count()).where(
        ProfileRequest.country_id == country_id,
        ProfileRequest.asked_at == at,
        ProfileRequest.asked_by_id == by.person_id,
    )
    return read_value(query) or 0


@dataclass(frozen=True)
class ProfileRequestView:
    """A request as the person who was asked reads it. `differences`: what the profile does not say yet."""

    request: ProfileRequest
    person: Person
    asked_by: str | None
    differences: Sequence[ProfileDifference]
    is_old: bool


def look_at_request(secret: str, *, at: datetime) -> ProfileRequestView | None:
    """The request that a link leads to; None for an unknown link, or where the person was erased."""
    request = find_request(secret)
    if request is None:
        return None
    person = person_of(request)
    if person is None:
        return None
    asker = db.session.get(Person, request.asked_by_id) if request.asked_by_id is not None else None
    return ProfileRequestView(
        request,
        person,
        asker.full_name if asker is not None else None,
        open_differences(request, person),
        request.expires_at <= at,
    )


def find_request(secret: str) -> ProfileRequest | None:
    """The request of a secret, however old."""
    return db.session.scalar(select(ProfileRequest).where(ProfileRequest.secret_hash == hash_secret(secret)))


def person_of(request: ProfileRequest) -> Person | None:
    """The person of a request as of today, also after a merge; None once erased."""
    member = db.session.get_one(Person, request.person_id)
    person = db.session.get(Person, member.canonical_id) if member.canonical_id is not None else None
    return person if person is not None and person.erased_at is None else None


def open_differences(request: ProfileRequest, person: Person) -> list[ProfileDifference]:
    """The changes of a request that the profile does not say already, in the order of a profile."""
    order = list(ProfileField)
    changes = sorted(request.changes, key=lambda change: order.index(change.field))
    differences = [ProfileDifference(one.field, getattr(person, one.field) or "", one.value) for one in changes]
    return [difference for difference in differences if difference.now != difference.value]


@dataclass(frozen=True)
class RequestAnswer:
    """A change that somebody was asked to confirm, when, and the answer: null while it waits."""

    field: ProfileField
    value: str
    asked_at: datetime
    accepted: bool | None
    is_open: bool


def answers_about(nomination: Nomination, *, at: datetime) -> list[RequestAnswer]:
    """Returns what the country asked the nominee to confirm, the latest first. Callers check permission."""
    if nomination.person_id is None:
        return []
    canonical = select(Person.canonical_id).where(Person.id == nomination.person_id).scalar_subquery()
    query: Any = (
        select(
            RequestedChange.field,
            RequestedChange.value,
            ProfileRequest.asked_at,
            RequestedChange.accepted,
            ProfileRequest.expires_at,
        )
        .join(ProfileRequest, ProfileRequest.id == RequestedChange.request_id)
        .join(Person, Person.id == ProfileRequest.person_id)
        .where(Person.canonical_id == canonical, ProfileRequest.country_id == nomination.country_id)
        .order_by(ProfileRequest.id.desc(), RequestedChange.field)
        .limit(20)
    )
    return [
        RequestAnswer(field, value, asked_at, accepted, accepted is None and expires_at > at)
        for field, value, asked_at, accepted, expires_at in read(query)
    ]


def requests_of_person(person_id: int) -> list[dict[str, Any]]:
    """Returns what a person (any row of a merged one) was asked to confirm, as plain JSON."""
    query = select(ProfileRequest).where(ProfileRequest.person_id.in_(members(person_id)))
    return [
        {
            "country": one.country.code,
            "asked_at": one.asked_at.isoformat(),
            "answered_at": one.answered_at.isoformat() if one.answered_at is not None else None,
            "changes": [
                {"field": each.field.value, "value": each.value, "accepted": each.accepted} for each in one.changes
            ],
        }
        for one in db.session.scalars(query.order_by(ProfileRequest.id)).all()
    ]
