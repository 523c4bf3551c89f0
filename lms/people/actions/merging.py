"""Merging two rows of one person, and undoing it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import delete, or_, select, update

from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.events import MergeUndone, PeopleCountriesChanged, PeopleMerged, publish
from lms.core.base.roles import Actor, Role
from lms.core.database import audit
from lms.core.database.session import IDENTITY, action, db, one_at_a_time
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed
from lms.core.text.typed_text import clean_text
from lms.people.actions.access import disable_person, enable_person
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.actions.factors import check_owner, copy_second_factor
from lms.people.actions.links import use_up_links
from lms.people.actions.persons import PROFILE_FIELDS, change_profile, set_country
from lms.people.actions.sessions import end_access, end_sessions, end_tokens
from lms.people.models import (
    Account,
    OneTimeLink,
    Person,
    PersonCountry,
    PersonEmail,
    PersonMerge,
    RecoveryCode,
    SecondFactor,
)
from lms.people.queries.access import holders_of
from lms.people.queries.countries import country_id_of
from lms.people.queries.persons import addresses_of, members, person_id_of
from lms.people.rules import NAMES, email_key

DETAILS: Final = (*PROFILE_FIELDS, "email", "country")
"""What can be kept of the person who is merged."""
MAX_REASON: Final = 500
ACCESS: Final = "access"
"""Under this name a merge keeps that it disabled or enabled the account."""


def fresh_person(person_id: int) -> Person:
    """The row as it is in the database now."""
    return db.session.get_one(Person, person_id, populate_existing=True)


def hold_people(person_ids: Iterable[int]) -> None:
    """Lets nobody else write about these people until the action ends, in one order everywhere."""
    query = select(Person.id).where(Person.id.in_(person_ids)).order_by(Person.id)
    db.session.execute(query.with_for_update()).all()


def checked_reason(text: str) -> str:
    """Why two people are merged, as it is kept. Raises Invalid."""
    reason = clean_text(text)
    if not reason:
        raise Invalid("reason", _("Say how you know that this is the same person."))
    if len(reason) > MAX_REASON:
        raise Invalid("reason", _("Use at most %(n)s characters.", n=MAX_REASON))
    return reason


@action
def merge_people(
    kept_public_id: str,
    merged: str,
    *,
    reason: str = "",
    keep: Collection[str] = (),
    enable: bool = False,
    is_confirmed: bool = False,
    by: Actor,
    at: datetime,
    today: date | None = None,
) -> PersonMerge | None:
    """Merges one person into another (public ids); evidence stays where it is.

    Addresses, roles, tokens and history of both are found under the person who remains. `keep` names the `DETAILS`
    taken over from `merged`; a country applies from `today`. If either account is disabled, the remaining one is,
    unless `enable` is given. API tokens of both end, as do sessions of a person who gains a role and mailed links of
    `merged`. Returns None where both are the same person already. For administrators, who give a reason;
    `is_confirmed` says that the caller has checked the owner (`check_owner`), needed where either holds a role.
    Raises Invalid; Refused where either is erased, or where others were merged into `merged` (undo that first).
    """
    if not by.is_administrator:
        raise Forbidden
    reason = "" if by.system and not reason else checked_reason(reason)
    if unknown := set(keep) - set(DETAILS):
        raise Invalid("keep", _("Unknown detail: %(names)s.", names=listed(sorted(unknown))))
    kept_id, merged_id = person_id_of(kept_public_id), person_id_of(merged)
    if kept_id == merged_id:
        return None
    one_at_a_time(IDENTITY)  # before the rows: writers of credits hold this while referring to them
    hold_people([kept_id, merged_id])
    other = fresh_person(merged_id)
    if fresh_person(kept_id).erased_at is not None or other.erased_at is not None:
        raise Refused(_("A person who was erased cannot be merged."))
    if (kept_id, merged_id) != (person_id_of(kept_public_id), person_id_of(merged)):
        raise Refused(_("Someone else merged one of these people first. Check again."))
    if len(members(merged_id)) > 1:
        raise Refused(
            _("Other people were merged into this person. Keep this record instead, or undo those merges first.")
        )
    if not (by.system or is_confirmed) and holders_of([kept_id, merged_id], tuple(Role)):
        raise Invalid("current_password", _("One of the two has a role. Enter your current password to merge them."))
    details = _Details(kept_id, merged_id, keep, today or at.date())
    _end_access(kept_id, merged_id, by=by, at=at)
    other.canonical_id = kept_id
    row = PersonMerge(kept_id=kept_id, merged_id=merged_id, reason=reason, merged_at=at, merged_by=by.person_id)
    row.made_account = _take_over_account(kept_id, merged_id, at=at)
    db.session.add(row)
    detail = {"fields": sorted(keep)} if keep else None
    audit.record("merge_people", by=by, at=at, detail=detail, person=[kept_id, merged_id])
    db.session.flush()
    publish(PeopleMerged(by=by, at=at, kept_id=kept_id, merged_id=merged_id))
    row.taken = details.take(by=by, at=at) | _unite_access(
        kept_public_id, kept_id, merged_id, enable=enable, by=by, at=at
    )
    ask_for_comparison([kept_id], at=at)
    return row


def merge_checked(
    kept_public_id: str,
    merged: str,
    *,
    reason: str,
    keep: Collection[str] = (),
    enable: bool = False,
    password: str,
    otp: str,
    demonstration: bool,
    by: Actor,
    at: datetime,
    today: date,
) -> None:
    """As `merge_people`, after checking the administrator's password and code where one of the two holds a role.

    Raises Invalid (`current_password`, `otp`) and TooManyFailures too.
    """
    if not by.is_administrator:
        raise Forbidden
    checked_reason(reason)
    is_checked = bool(password and holders_of([person_id_of(kept_public_id), person_id_of(merged)], tuple(Role)))
    if is_checked:
        check_owner(password, otp, demonstration=demonstration, by=by, at=at)
    merge_people(
        kept_public_id,
        merged,
        reason=reason,
        keep=keep,
        enable=enable,
        is_confirmed=is_checked,
        by=by,
        at=at,
        today=today,
    )


def _end_access(kept_id: int, merged_id: int, *, by: Actor, at: datetime) -> None:
    """Ends what would open the united record without what its account asks for. The administrator stays signed in."""
    if kept_id != by.person_id and holders_of([merged_id], tuple(Role)):
        end_sessions(kept_id, at=at)
    end_tokens(kept_id, at=at)
    end_access(merged_id, at=at)
    use_up_links(OneTimeLink.person_id == merged_id, at=at)


def _take_over_account(kept_id: int, merged_id: int, *, at: datetime) -> bool:
    """Gives the kept person the other's account where they have none; returns whether that was so."""
    other = db.session.get(Account, merged_id, populate_existing=True)
    if other is None or db.session.get(Account, kept_id, populate_existing=True) is not None:
        return False
    made = Account(person_id=kept_id, password_hash=other.password_hash, disabled_at=other.disabled_at, created_at=at)
    db.session.add(made)
    copy_second_factor(merged_id, kept_id)
    return True


def _unite_access(
    public_id: str, kept_id: int, merged_id: int, *, enable: bool, by: Actor, at: datetime
) -> dict[str, dict[str, Any]]:
    """Disables or enables the account of both; returns what is kept to undo it."""
    account, other = (db.session.get(Account, one, populate_existing=True) for one in (kept_id, merged_id))
    if account is None:
        return {}
    was = account.disabled_at is not None
    is_disabled = not enable and (was or (other is not None and other.disabled_at is not None))
    if is_disabled == was:
        return {}
    (disable_person if is_disabled else enable_person)(public_id, by=by, at=at)
    return {ACCESS: {"before": was, "after": is_disabled}}


class _Details:
    """The details that the kept person takes over from the other. Read before they are one, taken after."""

    def __init__(self, kept_id: int, merged_id: int, keep: Collection[str], day: date) -> None:
        remaining, merged = fresh_person(kept_id), fresh_person(merged_id)
        self.kept_id, self.public_id, self.day = kept_id, remaining.public_id, day
        self.confirmed_at = remaining.name_confirmed_at
        self.profile = {
            name: (getattr(remaining, name), getattr(merged, name))
            for name in PROFILE_FIELDS
            if name in keep and getattr(remaining, name) != getattr(merged, name)
        }
        addresses = addresses_of([kept_id, merged_id]) if "email" in keep else {}
        self.addresses = addresses.get(kept_id), addresses.get(merged_id)
        self.country_id = country_id_of(merged_id, day) if "country" in keep else None
        self.takes_country = "country" in keep and country_id_of(kept_id, day) != self.country_id

    def take(self, *, by: Actor, at: datetime) -> dict[str, dict[str, Any]]:
        """Takes it over, and returns what is kept to undo it."""
        taken: dict[str, dict[str, Any]] = {}
        if self.profile:
            change_profile(
                self.public_id, {name: after for name, (_before, after) in self.profile.items()}, by=by, at=at
            )
            taken |= {name: {"before": before, "after": after} for name, (before, after) in self.profile.items()}
            if NAMES & self.profile.keys() and self.confirmed_at is not None:
                taken["name_confirmed_at"] = {"before": self.confirmed_at.isoformat()}
        before, after = self.addresses
        if after is not None and before is not None:
            _put_first(self.kept_id, after)
            taken["email"] = {"before": email_key(before), "after": email_key(after)}
        if self.takes_country:
            country_row = _country_row(self.kept_id, self.day)
            held = None if country_row is None else {"country": country_row.country_id}
            if set_country(self.kept_id, self.country_id, since=self.day, by=by, at=at):
                taken["country"] = {"before": held, "after": self.country_id, "since": self.day.isoformat()}
        return taken


def _put_first(person_id: int, address: str) -> None:
    """Makes one of a person's addresses the primary one."""
    of_person = PersonEmail.person_id.in_(members(person_id))
    db.session.execute(update(PersonEmail).where(of_person).values(is_primary=PersonEmail.key == email_key(address)))


def _country_row(person_id: int, since: date) -> PersonCountry | None:
    query = select(PersonCountry).where(PersonCountry.person_id == person_id, PersonCountry.since == since)
    return db.session.scalar(query.execution_options(populate_existing=True))


@action
def undo_merge(merged: str, *, by: Actor, at: datetime) -> None:
    """Undoes a merge: each has again what it had, and what came since stays with the person kept.

    Sessions, API tokens and mailed links of both end.
    Details that were taken over go back unless they were changed since. For administrators. Raises NotFound, Refused.
    """
    if not by.is_administrator:
        raise Forbidden
    person_id = db.session.scalar(select(Person.id).where(Person.public_id == merged))
    if person_id is None:
        raise NotFound
    one_at_a_time(IDENTITY)
    person = fresh_person(person_id)
    if person.canonical_id in (None, person.id) or person.erased_at is not None:
        raise Refused(_("This person is not merged with anyone."))
    kept_id = int(person.canonical_id or 0)
    hold_people([kept_id, person.id])
    end_access(kept_id, at=at)  # nobody stays signed in as somebody else
    use_up_links(OneTimeLink.person_id.in_([kept_id, person.id]), at=at)
    person.canonical_id = person.id
    row = db.session.scalar(
        select(PersonMerge).where(PersonMerge.merged_id == person.id, PersonMerge.undone_at.is_(None))
    )
    if row is not None:
        row.undone_at, row.undone_by = at, by.person_id
        if row.made_account:
            _return_account(kept_id, person.id)
    audit.record("undo_merge", by=by, at=at, person=[kept_id, person.id])
    db.session.flush()
    publish(MergeUndone(by=by, at=at, kept_id=kept_id, merged_id=person.id))
    if row is not None:
        _give_back(row, by=by, at=at)
    ask_for_comparison([kept_id, person.id], at=at)


def _return_account(kept_id: int, merged_id: int) -> None:
    """Takes from the kept person the account that the merge gave, unless its password was changed since."""
    account, other = db.session.get(Account, kept_id), db.session.get(Account, merged_id)
    if account is None or other is None or account.password_hash != other.password_hash:
        return
    for table in (RecoveryCode, SecondFactor, Account):
        db.session.execute(delete(table).where(table.person_id == kept_id))
    db.session.expire_all()


def _give_back(row: PersonMerge, *, by: Actor, at: datetime) -> None:
    person = fresh_person(row.kept_id)
    profile = {name: values for name, values in row.taken.items() if name in PROFILE_FIELDS}
    unchanged = {name for name, values in profile.items() if getattr(person, name) == values["after"]}
    if unchanged:
        change_profile(person.public_id, {name: profile[name]["before"] for name in unchanged}, by=by, at=at)
        if NAMES & unchanged and (confirmed := row.taken.get("name_confirmed_at")) is not None:
            person.name_confirmed_at = datetime.fromisoformat(confirmed["before"])
    if (email := row.taken.get("email")) is not None:
        of_person = PersonEmail.person_id.in_(members(person.id))
        db.session.execute(
            update(PersonEmail).where(of_person, PersonEmail.key == email["before"]).values(is_primary=True)
        )
    if (access := row.taken.get(ACCESS)) is not None:
        _give_access_back(person, access["after"], row.merged_at, by=by, at=at)
    if (country := row.taken.get("country")) is not None:
        _give_country_back(person.id, country, by=by, at=at)
    _correct_later(row, {name for name in profile if name not in unchanged})


def _give_access_back(person: Person, disabled: bool, merged_at: datetime, *, by: Actor, at: datetime) -> None:
    """Enables or disables the kept account again, unless someone decided about it since."""
    account = db.session.get(Account, person.id, populate_existing=True)
    if account is None or account.disabled_at != (merged_at if disabled else None):
        return
    (enable_person if disabled else disable_person)(person.public_id, by=by, at=at)


def _give_country_back(kept_id: int, taken: Mapping[str, Any], *, by: Actor, at: datetime) -> None:
    since = date.fromisoformat(taken["since"])
    country_row = _country_row(kept_id, since)
    if country_row is None or country_row.country_id != taken["after"]:
        return
    if taken["before"] is None:
        db.session.delete(country_row)
    else:
        country_row.country_id = taken["before"]["country"]
    db.session.flush()
    publish(PeopleCountriesChanged(by=by, at=at, person_ids=(kept_id,), since=since))


def _correct_later(row: PersonMerge, names: Collection[str]) -> None:
    """Where a later merge took the place of a detail, undoing that one gives back what was there before this one."""
    if not names:
        return
    later = select(PersonMerge).where(
        PersonMerge.kept_id == row.kept_id, PersonMerge.id > row.id, PersonMerge.undone_at.is_(None)
    )
    for other in db.session.scalars(later.order_by(PersonMerge.id)):
        for name in names:
            if name in other.taken and other.taken[name]["before"] == row.taken[name]["after"]:
                values = {**other.taken[name], "before": row.taken[name]["before"]}
                other.taken = {**other.taken, name: values}


def forget_merges(person_ids: Sequence[int]) -> None:
    """Within an erasure: what was taken over, and why two were merged, says who somebody was."""
    of_people = or_(PersonMerge.kept_id.in_(person_ids), PersonMerge.merged_id.in_(person_ids))
    db.session.execute(update(PersonMerge).where(of_people).values(reason="", taken={}))
