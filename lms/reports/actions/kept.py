"""Storing what registrations and awards were counted as, so that a new process finds them counted."""

from __future__ import annotations

from sqlalchemy import delete, select

from lms.catalogue.models import Series
from lms.certificates.models import AWARDS
from lms.core import clock
from lms.core.bulk import insert_many
from lms.core.db import action, db
from lms.core.errors import Forbidden
from lms.core.process_cache import memory
from lms.core.roles import Actor
from lms.enrolment.models import REGISTRATIONS
from lms.reports.models import KeptDeeds
from lms.reports.queries.ledger import deeds_of

AT_ONCE = 50
"""Of so many series the stored forms are written in one transaction."""


def keep_deeds(*, by: Actor) -> int:
    """Stores, for each series whose stored form is of another stamp, what is counted now; returns how many it wrote.

    Counting only reads; the writes are short. Raises Forbidden for anybody but an administrator.
    """
    if not by.is_administrator:
        raise Forbidden
    zone = clock.reporting_zone()
    series = list(db.session.scalars(select(Series.id)))
    written = 0
    for kind in (REGISTRATIONS, AWARDS):
        deeds_of(kind, series, zone)
        query = select(KeptDeeds.series_id, KeptDeeds.stamp, KeptDeeds.time_zone).where(KeptDeeds.kind == kind)
        stored = {id_: (stamp, where) for id_, stamp, where in db.session.execute(query)}
        changed = [
            (id_, stamp, deeds)
            for id_, ((stamp, where), deeds) in memory(kind).items()
            if where == zone and id_ in series and stored.get(id_) != (stamp, zone)
        ]
        for start in range(0, len(changed), AT_ONCE):
            rows = []
            for id_, stamp, deeds in changed[start : start + AT_ONCE]:
                cells, people = deeds.pack()
                row = {"kind": kind, "series_id": id_, "stamp": stamp, "time_zone": zone}
                rows.append({**row, "cells": cells, "people": people})
            _write(kind, rows)
            written += len(rows)
    return written


@action
def _write(kind: str, rows: list[dict[str, object]]) -> None:
    ids = [row["series_id"] for row in rows]
    there = set(db.session.scalars(select(Series.id).where(Series.id.in_(ids)).with_for_update(key_share=True)))
    db.session.execute(delete(KeptDeeds).where(KeptDeeds.kind == kind, KeptDeeds.series_id.in_(ids)))
    insert_many(KeptDeeds.__table__, [row for row in rows if row["series_id"] in there])
