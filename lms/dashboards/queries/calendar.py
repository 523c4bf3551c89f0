"""The lectures of some days, and which of them are the reader's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, union

from lms.catalogue.queries.lectures import list_between
from lms.catalogue.rules import Station, teaching_id
from lms.catalogue.visibility import ids_taught_by_person
from lms.core.base.roles import Actor
from lms.core.database.session import read_column
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import PERSON_ROW, SPEAKS, is_of


def list_calendar(
    start: datetime, end: datetime, *, only_own: bool, by: Actor
) -> tuple[Sequence[Station], frozenset[int]]:
    """The lectures between two instants in their order, and the series that are the reader's own: those in which they
    are enrolled and those that they teach. Two questions, one for who is not signed in."""
    own_ids = _own_series(by)
    return list_between(start, end, series_ids=own_ids if only_own else None, by=by), own_ids


def _own_series(by: Actor) -> frozenset[int]:
    if by.person_id is None:
        return frozenset()
    enrolled: Any = select(Enrolment.series_id).where(
        SPEAKS, Enrolment.status == EnrolmentStatus.ENROLLED, is_of(PERSON_ROW.canonical_id == by.person_id)
    )
    return frozenset(read_column(union(enrolled, ids_taught_by_person(teaching_id(by)))))
