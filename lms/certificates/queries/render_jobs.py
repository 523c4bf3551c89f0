"""The valid certificates of a series, and the content of their files."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager

from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.pdf import store
from lms.certificates.pdf.issue_context import IssueOccasion
from lms.certificates.pdf.store import Order
from lms.core.database.session import db

CHUNK = 500
"""Certificates that are read at once, and that one PDF to print contains at most."""


def count_valid(series_id: int) -> int:
    """The number of valid certificates of a series."""
    return db.session.scalar(_valid(series_id, select(func.count(Certificate.id)))) or 0


def _valid(series_id: int, query: Select[Any]) -> Select[Any]:
    return query.join(Certificate.award).where(
        Award.series_id == series_id, Certificate.state == CertificateState.VALID
    )


def chunks(series_id: int) -> Iterator[list[Certificate]]:
    """The valid certificates of a series with their awards, in order of issue."""
    last = 0
    query = _valid(series_id, select(Certificate)).options(contains_eager(Certificate.award)).order_by(Certificate.id)
    while rows := list(db.session.scalars(query.where(Certificate.id > last).limit(CHUNK))):
        last = rows[-1].id
        yield rows


def render_jobs_of(rows: Sequence[Certificate]) -> list[Order]:
    """Returns what the files of these certificates are made of."""
    return [store.order_of(row, row.award.kind) for row in rows]


def occasion_of(row: Certificate) -> IssueOccasion:
    """Returns what the issue context of a certificate is asked for; its award is loaded."""
    return IssueOccasion(row.award.series_id, row.award.person_id, row.issued_on)
