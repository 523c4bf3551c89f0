"""The daily refresh of the public figures, and of the stored facts of registrations and awards."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from lms.attendance.facts import pack
from lms.catalogue.models import Series
from lms.certificates.models import AWARDS
from lms.core.base.errors import Forbidden
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.bulk import insert_many
from lms.core.database.cache_versions import stamps_of
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.enrolment.models import REGISTRATIONS
from lms.reports.facts.segments import SERIES_FACTS
from lms.reports.models import PublicAnswer, PublicFigures, SeriesFacts
from lms.reports.queries.facts import facts_of_series
from lms.reports.queries.public import last_refresh
from lms.reports.queries.public_counting import count_all
from lms.reports.rules import is_refresh_due

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
            _write_series_facts(kind, changed[start : start + AT_ONCE])
        written += len(changed)
    return written


@action
def _write_series_facts(kind: str, rows: list[dict[str, object]]) -> None:
    ids = [row["series_id"] for row in rows]
    there = set(db.session.scalars(select(Series.id).where(Series.id.in_(ids)).with_for_update(key_share=True)))
    db.session.execute(delete(SeriesFacts).where(SeriesFacts.kind == kind, SeriesFacts.series_id.in_(ids)))
    insert_many(SeriesFacts.__table__, [row for row in rows if row["series_id"] in there])


KEPT = 3
"""The number of refreshes that remain stored."""


def refresh_public_figures(*, by: Actor, at: datetime) -> None:
    """Counts the public figures and puts them in the place of the last ones; what was read for it is stored too.

    Counting only reads; the write at its end is short. Raises Forbidden for anybody but an administrator.
    """
    if not by.is_administrator:
        raise Forbidden
    shared, answers = count_all(at)
    keep_public_figures(shared, answers, by=by, at=at)
    store_series_facts(by=by)


@action
def keep_public_figures(shared: dict[str, Any], answers: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """Stores a refresh and deletes old ones. No audit row, because nobody made a decision."""
    if not by.is_administrator:
        raise Forbidden
    row = PublicFigures(as_at=at, answers=shared)
    db.session.add(row)
    db.session.flush()
    if answers:
        rows = [{"figures_id": row.id, "question": name, "answer": answer} for name, answer in answers.items()]
        db.session.execute(insert(PublicAnswer), rows)
    newest = select(PublicFigures.id).order_by(PublicFigures.id.desc()).limit(KEPT)
    old = list(db.session.scalars(select(PublicFigures.id).where(PublicFigures.id.not_in(newest))))
    if old:
        db.session.execute(delete(PublicAnswer).where(PublicAnswer.figures_id.in_(old)))
        db.session.execute(delete(PublicFigures).where(PublicFigures.id.in_(old)))


def refresh_when_due(*, at: datetime) -> bool:
    """Refreshes once a day. Returns whether it did."""
    if not is_refresh_due(last_refresh(), at, clock.reporting_zone()):
        return False
    refresh_public_figures(by=SYSTEM, at=at)
    return True
