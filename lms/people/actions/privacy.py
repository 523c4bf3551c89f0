"""Giving out all that is stored on a person, and erasing them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from lms.core.background.idempotency import forget_answers
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.events import PersonErased, PersonExportAsked, publish
from lms.core.base.roles import Actor, Role
from lms.core.database import audit
from lms.core.database.session import Base, action, db
from lms.core.storage import journal
from lms.core.text.i18n import _
from lms.core.text.sorting import sort_key
from lms.mail.decisions import ERASED, erase_mails
from lms.mail.outbox import OutboxMail
from lms.people.actions.comparisons import forget_pairs
from lms.people.actions.merging import forget_merges, fresh_person, hold_people
from lms.people.models import (
    Account,
    ApiToken,
    Consent,
    Country,
    MailChoice,
    OneTimeLink,
    Person,
    PersonCountry,
    PersonEmail,
    PersonMerge,
    RecoveryCode,
    RoleGrant,
    SecondFactor,
    SignInSession,
)
from lms.people.queries.access import load_actor
from lms.people.queries.persons import members, person_id_of
from lms.people.rules import can_see_person, email_key

ERASED_NAME = ""
"""The stored name of an erased person; pages show another text."""


@action
def export_person(public_id: str, *, by: Actor, at: datetime) -> dict[str, Any]:
    """All that is stored on a person, by slice, as plain JSON. For oneself and administrators, else NotFound."""
    person_id = person_id_of(public_id)
    if not can_see_person(by, person_id):
        raise NotFound
    ids = members(person_id)
    export = PersonExportAsked(by=by, at=at, person_id=person_id, parts={"people": _own_part(ids)})
    publish(export)
    audit.record("export_person", by=by, at=at, person=person_id)
    return {"exported_at": _plain(at), "id": fresh_person(person_id).public_id, **export.parts}


def _own_part(ids: Sequence[int]) -> dict[str, Any]:
    codes = {country.id: country.code for country in db.session.scalars(select(Country))}
    grants = db.session.scalars(select(RoleGrant).where(RoleGrant.person_id.in_(ids)))
    homes = db.session.scalars(
        select(PersonCountry).where(PersonCountry.person_id.in_(ids)).order_by(PersonCountry.since)
    )
    return {
        "persons": _rows(Person, Person.id, ids, hidden={"id", "canonical_id"}),
        "addresses": _rows(PersonEmail, PersonEmail.person_id, ids, hidden={"id", "person_id", "key"}),
        "countries": [{"country": codes.get(row.country_id or 0), "since": row.since.isoformat()} for row in homes],
        "account": _rows(Account, Account.person_id, ids, hidden={"person_id", "password_hash"}),
        "second_factor": _rows(
            SecondFactor,
            SecondFactor.person_id,
            ids,
            hidden={"person_id", "secret", "pending_secret", "salt", "last_step"},
        ),
        "roles": [
            {
                "role": grant.role.value,
                "country": codes.get(grant.country_id or 0),
                "granted_at": _plain(grant.granted_at),
                "revoked_at": _plain(grant.revoked_at),
            }
            for grant in grants
        ],
        "sessions": _rows(
            SignInSession, SignInSession.person_id, ids, hidden={"id", "public_id", "person_id", "secret_hash"}
        ),
        "consents": _rows(Consent, Consent.person_id, ids, hidden={"id", "person_id"}),
        "tokens": _rows(ApiToken, ApiToken.person_id, ids, hidden={"id", "person_id", "secret_hash"}),
        "links": _rows(OneTimeLink, OneTimeLink.person_id, ids, hidden={"id", "person_id", "secret_hash"}),
        "merges": _rows(
            PersonMerge,
            PersonMerge.kept_id,
            ids,
            hidden={"id", "public_id", "kept_id", "merged_id", "merged_by", "undone_by", "taken", "made_account"},
        ),
        "mail_choices": _rows(MailChoice, MailChoice.person_id, ids, hidden={"person_id"}),
        "mails": _rows(
            OutboxMail, OutboxMail.person_id, ids, hidden={"id", "person_id", "payload", "dedupe_key", "error"}
        ),
    }


def _rows(table: type[Base], column: Any, ids: Sequence[int], *, hidden: set[str]) -> list[dict[str, Any]]:
    names = [name for name in table.__table__.columns.keys() if name not in hidden]  # noqa: SIM118
    return [
        {name: _plain(getattr(row, name)) for name in names}
        for row in db.session.scalars(select(table).where(column.in_(ids)))
    ]


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return getattr(value, "value", value)


@action
def erase_person(public_id: str, *, confirmation: str, withdraw_certificates: bool, by: Actor, at: datetime) -> None:
    """Erases a person: name, addresses, account and all that identifies goes, here and in every slice above.

    The anonymous row stays, with sector, gender and countries, so that no total changes. `confirmation` is the
    person's address, typed. For oneself and administrators, else NotFound; Invalid, Refused (the last administrator).
    """
    person_id = person_id_of(public_id)
    if not can_see_person(by, person_id):
        raise NotFound
    if fresh_person(person_id).erased_at is not None:
        return
    ids = members(person_id)
    hold_people(ids)
    keys = set(db.session.scalars(select(PersonEmail.key).where(PersonEmail.person_id.in_(ids))))
    names = {fresh_person(person_id).full_name} if not keys else set()
    if email_key(confirmation) not in keys and confirmation.strip() not in names:
        raise Invalid("confirmation", _("This is not the e-mail address of your account."))
    _check_not_last_administrator(person_id, at=at)
    _erase(ids, keys, withdraw_certificates=withdraw_certificates, by=by, at=at)


@action
def erase_again(public_ids: Sequence[str], *, withdraw_certificates: bool, by: Actor, at: datetime) -> bool:
    """Erases, after a restore, a person who was erased before it; returns whether there was something to erase.

    `public_ids` are all rows that were the person. Raises Forbidden unless the system asks.
    """
    if not by.system:
        raise Forbidden
    person_ids = db.session.scalars(
        select(Person.id).where(Person.public_id.in_(public_ids), Person.erased_at.is_(None))
    )
    ids = sorted({member for person_id in person_ids for member in members(person_id)})
    if not ids:
        return False
    hold_people(ids)
    keys = set(db.session.scalars(select(PersonEmail.key).where(PersonEmail.person_id.in_(ids))))
    _erase(ids, keys, withdraw_certificates=withdraw_certificates, by=by, at=at)
    return True


def _erase(ids: Sequence[int], keys: set[str], *, withdraw_certificates: bool, by: Actor, at: datetime) -> None:
    """Erases all rows of a person with these e-mail addresses."""
    public_ids = list(db.session.scalars(select(Person.public_id).where(Person.id.in_(ids)).order_by(Person.id)))
    journal.record("erase_person", at=at, persons=public_ids, withdraw=withdraw_certificates)
    audit.record("erase_person", by=by, at=at, detail={"withdraw": withdraw_certificates}, person=ids[0])
    for member in ids:
        publish(PersonErased(by=by, at=at, person_id=member, withdraw_certificates=withdraw_certificates))
        erase_mails(member)
    for table in (
        PersonEmail,
        Account,
        RoleGrant,
        Consent,
        OneTimeLink,
        ApiToken,
        SignInSession,
        RecoveryCode,
        SecondFactor,
        MailChoice,
    ):
        db.session.execute(delete(table).where(table.person_id.in_(ids)))
    forget_merges(ids)
    forget_pairs(ids)
    forget_answers(ids, keys)
    if keys:
        db.session.execute(delete(OneTimeLink).where(OneTimeLink.address_key.in_(keys)))
        addressed = update(OutboxMail).where(OutboxMail.address.in_(keys), OutboxMail.person_id.is_(None))
        db.session.execute(addressed.values(ERASED))
    db.session.execute(
        update(Person)
        .where(Person.id.in_(ids))
        .values(
            full_name=ERASED_NAME,
            sort_name=sort_key(ERASED_NAME),
            search_name="",
            search_organisation="",
            native_name=None,
            organisation=None,
            job_title=None,
            locale="en",
            time_zone=None,
            name_confirmed_at=None,
            erased_at=at,
        )
    )


def _check_not_last_administrator(person_id: int, *, at: datetime) -> None:
    actor = load_actor(person_id, at)
    if actor is None or not actor.is_administrator:
        return
    others = (
        select(RoleGrant.id)
        .join(Person, Person.id == RoleGrant.person_id)
        .where(RoleGrant.role == Role.ADMINISTRATOR, RoleGrant.revoked_at.is_(None), Person.canonical_id != person_id)
        .limit(1)
    )
    if db.session.scalar(others) is None:
        raise Refused(_("You are the only administrator. Make someone else an administrator first."))
