"""Which certificates a series has that hold, and what their files are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager

from lms.catalogue.models import Series
from lms.certificates import printing
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.printing import Order
from lms.core.bulk import among
from lms.core.db import db
from lms.people.models import Person
from lms.people.queries import country_codes_of

CHUNK = 400
"""Certificates that are read at once."""


def count_valid(series_id: int) -> int:
    """How many certificates of a series hold."""
    return db.session.scalar(_valid(series_id, select(func.count(Certificate.id)))) or 0


def _valid(series_id: int, query: Select[Any]) -> Select[Any]:
    return query.join(Certificate.award).where(
        Award.series_id == series_id, Certificate.state == CertificateState.VALID
    )


def chunks(series_id: int) -> Iterator[list[Certificate]]:
    """The certificates of a series that hold, with their awards, in order of issue."""
    last = 0
    query = _valid(series_id, select(Certificate)).options(contains_eager(Certificate.award)).order_by(Certificate.id)
    while rows := list(db.session.scalars(query.where(Certificate.id > last).limit(CHUNK))):
        last = rows[-1].id
        yield rows


def orders_of(rows: Sequence[Certificate]) -> list[Order]:
    """What the files of these certificates are made of; a handful of queries however many there are."""
    series = {row.award.series_id for row in rows}
    languages = dict(db.session.execute(select(Series.id, Series.language).where(Series.id.in_(series))).all())
    who = select(Person.id, func.coalesce(Person.canonical_id, Person.id))
    own = dict(db.session.execute(who.where(among(Person.id, {row.award.person_id for row in rows}))).all())
    countries = {
        day: country_codes_of({own[row.award.person_id] for row in rows if row.issued_on == day}, day)
        for day in {row.issued_on for row in rows}
    }
    return [
        printing.order_of(
            row,
            kind=row.award.kind,
            language=languages[row.award.series_id] or "en",
            country=countries[row.issued_on].get(own[row.award.person_id]),
        )
        for row in rows
    ]
