"""Asking people to confirm what a file says of them, and what they answer.

A file never overwrites what somebody wrote: each change is made by the person alone, who gets a link by e-mail.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select

from lms.core.base.errors import Fault, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db, one_at_a_time, read
from lms.core.text.i18n import _
from lms.mail.outbox import post_mails
from lms.nominations.models import ProfileField, ProfileRequest, RequestedChange
from lms.nominations.queries.profile_requests import (
    ChangedProfile,
    find_request,
    open_differences,
    person_of,
    to_ask,
)
from lms.nominations.rules import FORGET_AFTER, INVITATION_LASTS, may_nominate
from lms.people.actions.persons import change_profile
from lms.people.mail_rows import mail_to
from lms.people.models import Country, Person
from lms.people.passwords import hash_secret, new_secret
from lms.people.queries.access import load_actor
from lms.people.queries.persons import contact_of, members

TEMPLATE = "profile_request"


@action
def ask_to_confirm(changed: Sequence[ChangedProfile], *, country_id: int, by: Actor, at: datetime) -> int:
    """Asks people of a country by e-mail to confirm what a file says otherwise than their profiles; returns how many
    were asked. Those who were asked lately, or have no address, are left out. Raises NotFound."""
    if not may_nominate(by, country_id):
        raise NotFound
    one_at_a_time(f"profile requests {country_id}")
    changes = to_ask(changed, at=at)
    contacts = contact_of([change.person_id for change in changes])
    changes = [change for change in changes if change.person_id in contacts]
    if not changes:
        return 0
    secrets = {change.person_id: new_secret() for change in changes}
    _insert(changes, secrets, country_id=country_id, by=by, at=at)
    asker = db.session.get(Person, by.person_id) if by.person_id is not None else None
    country = db.session.get_one(Country, country_id).code
    expires_at = at + INVITATION_LASTS
    mails = [
        mail_to(
            one.person_id,
            contacts[one.person_id],
            TEMPLATE,
            {
                "secret": secrets[one.person_id],
                "asked_by": asker.full_name if asker is not None else None,
                "country": country,
                "changes": len(one.differences),
                "answer_by_at": expires_at.isoformat(),
            },
            dedupe_key=f"profile_request:{hash_secret(secrets[one.person_id])[:32]}",
            at=at,
            expires_at=expires_at,
        )
        for one in changes
    ]
    post_mails(mails)
    audit.record("nomination.ask_profile", by=by, at=at, person=[change.person_id for change in changes])
    return len(changes)


def _insert(
    profiles: Sequence[ChangedProfile], secrets: Mapping[int, str], *, country_id: int, by: Actor, at: datetime
) -> None:
    hashes = {profile.person_id: hash_secret(secrets[profile.person_id]) for profile in profiles}
    rows = [
        {
            "person_id": profile.person_id,
            "country_id": country_id,
            "asked_by_id": by.person_id,
            "secret_hash": hashes[profile.person_id],
            "asked_at": at,
            "expires_at": at + INVITATION_LASTS,
        }
        for profile in profiles
    ]
    insert_many(ProfileRequest.__table__, rows)
    made = select(ProfileRequest.person_id, ProfileRequest.id).where(
        ProfileRequest.country_id == country_id,
        ProfileRequest.asked_at == at,
        ProfileRequest.answered_at.is_(None),
    )
    ids: dict[int, int] = dict(read(made))
    changes = [
        {"request_id": ids[profile.person_id], "field": each.field, "value": each.value}
        for profile in profiles
        for each in profile.differences
    ]
    insert_many(RequestedChange.__table__, changes)


@action
def answer_request(secret: str, answers: Mapping[ProfileField, bool | None], *, at: datetime) -> int:
    """Takes a person's answers: changes the profile where they accept, and keeps what they refuse; returns how many
    changes were made. Answering again changes nothing.

    Raises NotFound (unknown or old link), Refused (answered already, or the account is disabled) and Invalid for fields
    that have no answer.
    """
    request = find_request(secret)
    if request is None or request.expires_at <= at:
        raise NotFound
    db.session.refresh(request, with_for_update=True)
    person = person_of(request)
    if person is None:
        raise NotFound
    if request.answered_at is not None:
        raise Refused(_("You have already answered. Nothing was changed."))
    actor = load_actor(person.id, at)
    if actor is None:
        raise Refused(_("Your account is disabled. Contact the organiser."))
    differences = open_differences(request, person)
    missing = [difference.field.value for difference in differences if answers.get(difference.field) is None]
    if missing:
        raise Invalid(faults=[Fault(field=field, reason=_("Choose an answer.")) for field in missing])
    accepted = {difference.field.value: difference.value for difference in differences if answers[difference.field]}
    if accepted:
        change_profile(person.public_id, accepted, by=actor, at=at, today=at.date())
    request.answered_at = at
    open_fields = {difference.field for difference in differences}
    for change in request.changes:  # what the profile says already needs no answer
        change.accepted = change.field not in open_fields or bool(answers[change.field])
    audit.record("nomination.answer_profile", by=actor, at=at, person=person.id)
    return len(accepted)


def forget_requests_of(person_id: int) -> None:
    """Within an action: deletes what a person was asked to confirm, and that the person asked others."""
    for request in db.session.scalars(select(ProfileRequest).where(ProfileRequest.person_id.in_(members(person_id)))):
        db.session.delete(request)
    for request in db.session.scalars(select(ProfileRequest).where(ProfileRequest.asked_by_id == person_id)):
        request.asked_by_id = None


@action
def forget_old_requests(*, at: datetime) -> None:
    """Deletes requests that were made `FORGET_AFTER` ago, answered or not."""
    old = select(ProfileRequest.id).where(ProfileRequest.asked_at < at - FORGET_AFTER)
    for table, column in ((RequestedChange, RequestedChange.request_id), (ProfileRequest, ProfileRequest.id)):
        db.session.execute(delete(table).where(column.in_(old)).execution_options(synchronize_session=False))
