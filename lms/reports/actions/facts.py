"""Stores the facts of registrations and awards, so that a new process need not read the rows."""

from __future__ import annotations

from sqlalchemy import delete, select

from lms.attendance.facts import pack
from lms.catalogue.models import Series
from lms.certificates.models import AWARDS
from lms.core import clock
from lms.core.bulk import insert_many
from lms.core.cache_versions import stamps_of
from lms.core.db import action, db
from lms.core.errors import Forbidden
from lms.core.roles import Actor
from lms.enrolment.models import REGISTRATIONS
from lms.reports.facts.segments import SERIES_FACTS
from lms.reports.models import SeriesFacts
from lms.reports.queries.facts import facts_of_series

AT_ONCE = 50
"""The stored forms of this many series are written in one transaction."""


def store_series_facts(*, by: Actor) -> int:
    """Stores, for each series whose stored form is of another stamp, what is read now; returns how many it wrote.

    Counting only reads; the writes are short. Raises Forbidden for anybody but an administrator.
    """
    if not by.is_administrator:
        raise Forbidden
    zone = clock.reporting_zone()
    series = list(db.session.scalars(select(Series.id)))
    written = 0
    for kind in (REGISTRATIONS, AWARDS):
        query = select(SeriesFacts.series_id, SeriesFacts.stamp, SeriesFacts.time_zone).where(SeriesFacts.kind == kind)
        stored = {id_: (stamp, where) for id_, stamp, where in db.session.execute(query)}
        stamps = stamps_of(kind)
        changed = [
            {
                "kind": kind,
                "series_id": id_,
                "stamp": stamps[id_],
                "time_zone": zone,
                "content": pack(SERIES_FACTS, part.segment.of(id_)),
            }
            for part in facts_of_series(kind, series, zone)
            for id_ in part.owners
            if part.segment.versions[id_] == (stamps.get(id_), zone) != stored.get(id_)
        ]
        for start in range(0, len(changed), AT_ONCE):
            _write(kind, changed[start : start + AT_ONCE])
        written += len(changed)
    return written


@action
def _write(kind: str, rows: list[dict[str, object]]) -> None:
    ids = [row["series_id"] for row in rows]
    there = set(db.session.scalars(select(Series.id).where(Series.id.in_(ids)).with_for_update(key_share=True)))
    db.session.execute(delete(SeriesFacts).where(SeriesFacts.kind == kind, SeriesFacts.series_id.in_(ids)))
    insert_many(SeriesFacts.__table__, [row for row in rows if row["series_id"] in there])
