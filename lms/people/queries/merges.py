"""The merges of a person: what was merged, by whom, why, and what was taken over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import read, read_column, shared_alias
from lms.people.models import Account, Person, PersonMerge

_Kept, _Merged, _By = shared_alias(Person), shared_alias(Person), shared_alias(Person)


@dataclass(frozen=True)
class Merge:
    """A merge in force. `fields` are the details taken over; an early merge has no time, and no reason."""

    kept: str
    kept_name: str
    merged: str
    merged_name: str
    kept_id: int
    merged_id: int
    merged_at: datetime | None
    by: str | None
    reason: str
    fields: tuple[str, ...]


def _read_merges(condition: ColumnElement[bool]) -> list[Merge]:
    """The merges in force for whose `_Kept` and `_Merged` a condition holds."""
    query = (
        select(
            _Kept.public_id.label("kept"),
            _Kept.full_name.label("kept_name"),
            _Merged.public_id.label("merged"),
            _Merged.full_name.label("merged_name"),
            _Kept.id.label("kept_id"),
            _Merged.id.label("merged_id"),
            PersonMerge.merged_at,
            _By.full_name.label("by"),
            PersonMerge.reason,
            PersonMerge.taken,
        )
        .select_from(_Merged)
        .join(_Kept, _Kept.id == _Merged.canonical_id)
        .outerjoin(PersonMerge, (PersonMerge.merged_id == _Merged.id) & PersonMerge.undone_at.is_(None))
        .outerjoin(_By, _By.id == PersonMerge.merged_by)
        .where(condition, _Merged.canonical_id != _Merged.id, _Merged.erased_at.is_(None))
        .order_by(_Merged.id)
    )
    return list(map(_merge, read(query)))


def list_merges(person_id: int, *, by: Actor) -> list[Merge]:
    """People merged into a person. For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    return _read_merges(_Kept.id == person_id)


def get_merge(merged: str, *, by: Actor) -> Merge:
    """The merge of somebody (public id) into another. For administrators, else NotFound."""
    merges = _read_merges(_Merged.public_id == merged) if by.is_administrator else []
    if not merges:
        raise NotFound
    return merges[0]


def are_disabled(person_ids: Collection[int], *, by: Actor) -> set[int]:
    """Whose account is disabled, of these (canonical ids). For administrators, else NotFound."""
    if not by.is_administrator:
        raise NotFound
    return set(
        read_column(
            select(Account.person_id).where(Account.person_id.in_(person_ids), Account.disabled_at.is_not(None))
        )
    )


def _merge(row: Any) -> Merge:
    return Merge(
        kept=row.kept,
        kept_name=row.kept_name,
        merged=row.merged,
        merged_name=row.merged_name,
        kept_id=row.kept_id,
        merged_id=row.merged_id,
        merged_at=row.merged_at,
        by=row.by,
        reason=row.reason or "",
        fields=tuple(name for name in row.taken or {} if name not in ("name_confirmed_at", "access")),
    )
