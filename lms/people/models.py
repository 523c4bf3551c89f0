"""Persons and their accounts, the organiser's own list of countries, consents, tokens."""

import secrets
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from lms.core.base.roles import Role
from lms.core.database import search
from lms.core.database.session import Base, UtcDateTime, text_enum
from lms.core.text.sorting import sort_key, sorted_text
from lms.mail.kinds import MailKind
from lms.mail.outbox import ALL_SERIES

BEGINNING = date(1900, 1, 1)
"""The day from which a person's first country holds: a late import of an old lecture finds it too."""


def new_public_id() -> str:
    """A random id for addresses and API: 96 bits, no order, no meaning."""
    return secrets.token_urlsafe(12)


class Sector(StrEnum):
    GOVERNMENT = "government"
    BUSINESS = "business"
    ACADEMIA = "academia"
    CIVIL_SOCIETY = "civil_society"
    OTHER = "other"


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


class Region(Base):
    """A region of the UN M49 table: one parent a level, the World (001) at the root."""

    __tablename__ = "region"

    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("region.code"))


class Country(Base):
    """One row of the organiser's own list. `code` is ISO alpha-2, else the organiser's (XK); never deleted.

    `names` has the names that the organiser changed, per language: {"en": "…"}. All others are as in
    `queries.country_names`. `notices` has a text for the people of the country, per language. `merged_into_id`: it is
    this other country since they were merged (`CountryMerge`); no other row refers to it then, but for the past that is
    never changed: the ledger of seats and published reports.
    """

    __tablename__ = "country"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(8), unique=True)
    iso: Mapped[str | None] = mapped_column(String(2), unique=True)
    region_code: Mapped[str | None] = mapped_column(ForeignKey("region.code"))
    numeric: Mapped[str | None] = mapped_column(String(3))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    names: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    notices: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    valid_until: Mapped[date | None]
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"), index=True)
    partnerships: "Mapped[list[Partnership]]" = relationship(order_by="Partnership.since")


class Partnership(Base):
    """A span of days in which a country is a formal partner; `until` is its last day, null while it lasts."""

    __tablename__ = "partnership"
    __table_args__ = (CheckConstraint("until IS NULL OR until >= since", name="span"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"), index=True)
    since: Mapped[date]
    until: Mapped[date | None]


class CountryMerge(Base):
    """Two rows of the list that an administrator said are one country: `merged_id` is `kept_id` until it is undone.

    `before` has what was united and not moved, so that undoing gives it back, by slice: the partnerships and quotas of
    both.
    """

    __tablename__ = "country_merge"
    read_by_strangers = False
    __table_args__ = (
        Index(
            "uq_country_merge_active",
            "merged_id",
            unique=True,
            sqlite_where=text("undone_at IS NULL"),
            postgresql_where=text("undone_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kept_id: Mapped[int] = mapped_column(ForeignKey("country.id"), index=True)
    merged_id: Mapped[int] = mapped_column(ForeignKey("country.id"))
    reason: Mapped[str] = mapped_column(String(500), default="")
    before: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    merged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    merged_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class CountryMove(Base):
    """A row that a merge of countries moved to the country kept; `what` is its table and column."""

    __tablename__ = "country_move"
    read_by_strangers = False

    merge_id: Mapped[int] = mapped_column(ForeignKey("country_merge.id", ondelete="CASCADE"), primary_key=True)
    what: Mapped[str] = mapped_column(String(64), primary_key=True)
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


def _sort_name(context: Any) -> str:
    return sort_key(context.get_current_parameters()["full_name"])


def _search_name(context: Any) -> str:
    given = context.get_current_parameters()
    return search.searchable(given["full_name"], given.get("native_name"))


class Person(Base):
    """A person. `full_name` is printed on the certificate unchanged. Of an erased person, only this row remains.

    `canonical_id` is the person after a merge: the same as `id` by default (null only within the insert). `sort_name`
    is `sort_key(full_name)`; `search_name` and `search_organisation` are used for search (`core.database.search`): code
    that writes a name without this class writes them too. `name_confirmed_at`: when the person confirmed both names;
    changes by others remove it.
    """

    __tablename__ = "person"
    __table_args__ = (Index("ix_person_sort_name", "sort_name", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    canonical_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    full_name: Mapped[str] = mapped_column(String(200), index=True)
    sort_name: Mapped[str] = mapped_column(sorted_text(), default=_sort_name, server_default="")
    native_name: Mapped[str | None] = mapped_column(String(200))
    search_name: Mapped[str] = mapped_column(Text, default=_search_name, server_default="")
    search_organisation: Mapped[str] = mapped_column(Text, default="", server_default="")
    sector: Mapped[Sector | None] = mapped_column(text_enum(Sector))
    organisation: Mapped[str | None] = mapped_column(String(200))
    job_title: Mapped[str | None] = mapped_column(String(200))
    gender: Mapped[Gender | None] = mapped_column(text_enum(Gender))
    locale: Mapped[str] = mapped_column(String(16), default="en")
    time_zone: Mapped[str | None] = mapped_column(String(64))
    name_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @validates("full_name", "native_name", "organisation")
    def _note_keys(self, field: str, value: str | None) -> str | None:
        if field == "organisation":
            self.search_organisation = search.searchable(value)
            return value
        if field == "full_name":
            self.sort_name = sort_key(value or "")
        names = {"full_name": self.full_name, "native_name": self.native_name, field: value}
        self.search_name = search.searchable(names["full_name"], names["native_name"])
        return value


class PersonEmail(Base):
    """An address of a person. `key` is its NFC, casefolded form and unique; `verified_at` when it was confirmed."""

    __tablename__ = "person_email"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    address: Mapped[str] = mapped_column(String(320))
    key: Mapped[str] = mapped_column(String(320), unique=True)
    is_primary: Mapped[bool] = mapped_column(default=True)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


search.declare(Person.__table__, "search_name")
search.declare(Person.__table__, "search_organisation")
search.declare(PersonEmail.__table__, "key")


class PersonCountry(Base):
    """A person's country from a day on. `country_id` null is *not stated*."""

    __tablename__ = "person_country"
    __table_args__ = (UniqueConstraint("person_id", "since"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"), index=True)
    since: Mapped[date]


class PersonMerge(Base):
    """Two rows that an administrator said are one person: `merged_id` is known as `kept_id` until it is undone.

    `taken` has what the kept row took over, so that undoing gives it back: {field: {"before": …, "after": …}}, for a
    country with the day since which it applies. `made_account`: the kept row had no account, and was given the other's.
    """

    __tablename__ = "person_merge"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    kept_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    merged_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    reason: Mapped[str] = mapped_column(String(500), default="")
    taken: Mapped[dict[str, dict[str, Any]]] = mapped_column(JSON, default=dict)
    made_account: Mapped[bool] = mapped_column(default=False)
    merged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    merged_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class PersonToCompare(Base):
    """A person who is still to be compared with the others: new, renamed, merged or parted.

    `is_in_blocks`: the running comparison by blocks includes them.
    """

    __tablename__ = "person_to_compare"
    read_by_strangers = False

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_in_blocks: Mapped[bool] = mapped_column(default=False, server_default=false())


class BlockComparison(Base):
    """The comparison of many people that is running: all blocks before `next_block` are done."""

    __tablename__ = "block_comparison"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_block: Mapped[int] = mapped_column(default=0)


class DuplicatePair(Base):
    """Two people who may be one, the lower id first. `decided_at`: an administrator said that they are not."""

    __tablename__ = "duplicate_pair"
    read_by_strangers = False
    __table_args__ = (
        UniqueConstraint("first_id", "second_id"),
        CheckConstraint("first_id < second_id", name="order"),
        Index("ix_duplicate_pair_decided_at_score", "decided_at", "score"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    first_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    second_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    score: Mapped[int]
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class Account(Base):
    """An account for signing in. A person has at most one."""

    __tablename__ = "account"
    read_by_strangers = False

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInSession(Base):
    """One browser in which a person signed in. The cookie carries a random secret; only its hash is stored.

    `browser` and `system` name families, such as Firefox and Windows, and are empty where unknown; no address is
    stored. `seen_at` is when the session was last used, to within `SEEN_EVERY`. While it `awaits_code`, the password
    was right and the code of the second factor is still missing: the session opens no page.
    """

    __tablename__ = "sign_in_session"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser: Mapped[str] = mapped_column(String(32))
    system: Mapped[str] = mapped_column(String(32))
    awaits_code: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SecondFactor(Base):
    """The second factor of a person, in addition to the password: a device that shows six digits, new every 30 seconds.

    `secret` is set once confirmed; a device being set up has `pending_secret`. Both are sealed for this person
    (`secret_keys`). `last_step` counts the half minutes since 1970 up to the last accepted code: none is accepted
    twice. `salt` is of the recovery codes.
    """

    __tablename__ = "second_factor"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    secret: Mapped[str | None] = mapped_column(String(200))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_step: Mapped[int] = mapped_column(default=0)
    pending_secret: Mapped[str | None] = mapped_column(String(200))
    pending_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    salt: Mapped[str] = mapped_column(String(64))


class RecoveryCode(Base):
    """Replaces the device, once. Only the hash is stored."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("person_id", "code_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RoleGrant(Base):
    """A role somebody holds from `granted_at` until `revoked_at`. Only focal points have a country."""

    __tablename__ = "role_grant"
    __table_args__ = (
        CheckConstraint("(role = 'focal_point') = (country_id IS NOT NULL)", name="country"),
        Index("ix_role_grant_person_id_revoked_at", "person_id", "revoked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    role: Mapped[Role] = mapped_column(text_enum(Role))
    country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Consent(Base):
    """An agreement of a person: purpose, version of the text, time."""

    __tablename__ = "consent"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(64))
    text_version: Mapped[str] = mapped_column(String(32))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MailChoice(Base):
    """Whether a person wants a kind of mail (`mail.kinds`), for one series or for all (`outbox.ALL_SERIES`).

    Without a row the default of the kind applies (`kinds.is_default`). What was chosen for a series wins there
    over what was chosen for all; of several rows of a person (after a merge) the latest choice. `series_id` is a plain
    id.
    """

    __tablename__ = "mail_choice"
    read_by_strangers = False

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    kind: Mapped[MailKind] = mapped_column(String(32), primary_key=True)
    series_id: Mapped[int] = mapped_column(primary_key=True, default=ALL_SERIES)
    wanted: Mapped[bool]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LinkPurpose(StrEnum):
    CONFIRM = "confirm"
    RESET = "reset"
    SIGN_IN = "sign_in"
    CHANGE_ADDRESS = "change_address"


class OneTimeLink(Base):
    """A link sent by mail, valid once and for a limited time; only the hash of its secret is stored.

    `person_id` is null during the registration of an unknown person, who is created from `payload` when the address is
    confirmed. `address_key` limits how many mails one address is sent.
    """

    __tablename__ = "one_time_link"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    address_key: Mapped[str | None] = mapped_column(String(320), index=True)
    purpose: Mapped[LinkPurpose] = mapped_column(text_enum(LinkPurpose))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInFailure(Base):
    """A sign-in that failed, or is being tried, known by the hash of the address typed; kept for a minute."""

    __tablename__ = "sign_in_failure"
    read_by_strangers = False
    __table_args__ = (Index("ix_sign_in_failure_key_hash_at", "key_hash", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    pending: Mapped[bool] = mapped_column(default=True)


class ApiToken(Base):
    """A bearer token of a person; only its hash is stored. Without `scopes` it may do all that its owner may."""

    __tablename__ = "api_token"
    read_by_strangers = False

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
