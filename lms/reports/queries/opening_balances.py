"""Opening balances: read to be counted, and listed for who enters them."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.people.models import Country
from lms.reports.facts.opening_balances import Balances, Row, sessions_of
from lms.reports.models import OpeningRow, OpeningSet
from lms.reports.queries.scope import Partners
from lms.reports.rules import Declared


def read_balances(partners: Partners) -> Balances:
    """All opening balances. Usually there are none, which is one short query."""
    query = select(
        OpeningRow.id,
        OpeningRow.set_id,
        OpeningRow.day,
        OpeningRow.title_key,
        OpeningRow.series_id,
        OpeningRow.country_id,
        OpeningRow.attendances,
    ).order_by(OpeningRow.id)
    stored = db.session.execute(query).all()
    if not stored:
        return Balances()
    regions: Mapping[int, str | None] = dict(db.session.execute(select(Country.id, Country.region_code)).all())
    sets = db.session.execute(select(OpeningSet.id, OpeningSet.name, OpeningSet.declared_participants))
    sessions = sessions_of((row.id, row.day, row.title_key) for row in stored)
    rows = [
        Row(
            id=row.id,
            session=sessions[row.day, row.title_key],
            set_id=row.set_id,
            day=row.day,
            series_id=row.series_id,
            country_id=row.country_id,
            region=None if row.country_id is None else regions[row.country_id],
            is_partner=row.country_id in partners.on(row.day),
            attendances=row.attendances,
        )
        for row in stored
    ]
    return Balances(
        rows,
        sets={id_: Declared(name, participants) for id_, name, participants in sets},
        whole=Counter(row.set_id for row in rows),
    )


@dataclass(frozen=True)
class SetShown:
    """A set of opening balances in the list: with what its rows add up to."""

    row: OpeningSet
    sessions: int
    attendances: int
    countries: int


def list_opening_sets(*, by: Actor) -> list[SetShown]:
    """All sets, oldest first. Raises NotFound unless the actor reads every report."""
    _check_reads(by)
    columns = (OpeningRow.day, OpeningRow.title_key, OpeningRow.country_id, OpeningRow.attendances)
    rows: dict[int, list[Any]] = defaultdict(list)
    for row in db.session.execute(select(OpeningRow.set_id, *columns)):
        rows[row.set_id].append(row)
    sets = db.session.scalars(select(OpeningSet).order_by(OpeningSet.id))
    return [
        SetShown(
            one,
            sessions=len({(row.day, row.title_key) for row in rows[one.id]}),
            attendances=sum(row.attendances for row in rows[one.id]),
            countries=len({row.country_id for row in rows[one.id]} - {None}),
        )
        for one in sets
    ]


def get_opening_set(public_id: str, *, by: Actor) -> OpeningSet:
    """A set. Raises NotFound."""
    _check_reads(by)
    row = db.session.scalar(select(OpeningSet).where(OpeningSet.public_id == public_id))
    if row is None:
        raise NotFound
    return row


def list_opening_rows(set_id: int, *, by: Actor, limit: int = 100, offset: int = 0) -> list[OpeningRow]:
    """The rows of a set by day, title and country: one more than `limit`, where there are more."""
    _check_reads(by)
    order = (OpeningRow.day, OpeningRow.title_key, OpeningRow.country_code)
    query = select(OpeningRow).where(OpeningRow.set_id == set_id).order_by(*order).limit(limit + 1).offset(offset)
    return list(db.session.scalars(query))


def get_opening_row(row_id: int, *, by: Actor) -> OpeningRow:
    """A row. Raises NotFound."""
    _check_reads(by)
    row = db.session.get(OpeningRow, row_id)
    if row is None:
        raise NotFound
    return row


def set_of_row(row: OpeningRow) -> str:
    """The public id of a row's set."""
    return db.session.scalars(select(OpeningSet.public_id).where(OpeningSet.id == row.set_id)).one()


def _check_reads(by: Actor) -> None:
    if not by.is_reporter:
        raise NotFound
