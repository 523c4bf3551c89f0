"""Changes of a country since its last published dossier, or the last published report with its figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select

from lms.core.db import db
from lms.core.errors import Invalid, NotFound
from lms.core.roles import Actor
from lms.people.models import Country
from lms.reports.models import Snapshot, SnapshotDossier
from lms.reports.queries.figures import Report, count
from lms.reports.queries.snapshots import list_snapshots
from lms.reports.rules import Figures, Slice
from lms.reports.snapshots.codec import thaw

LOOKED_THROUGH: Final = 20
"""The number of recent published reports searched for the country's figures."""


@dataclass(frozen=True)
class Since:
    """The figures of a country as they were published and as the same question is counted now."""

    title: str
    public_id: str
    as_at: datetime
    slice: Slice
    then: Figures
    now: Figures
    is_dossier: bool


def find_published(country: Country, totals: Report, *, by: Actor, at: datetime, locale: str) -> Since | None:
    """The later of the two, or the dossier if both were published at once; None if there is neither.

    For readers of the country's dossier; `totals` are its all-time figures. Withdrawn reports are ignored.
    """
    dossier = _last_dossier(country)
    for row in list_snapshots(by=by, limit=LOOKED_THROUGH):
        if dossier is not None and row.published_at <= dossier[0].published_at:
            break
        published = None if row.withdrawn_at is not None else _slice_and_totals(row, country.code)
        if published is None:
            continue
        slice_, then = published
        try:
            now = count(slice_, by=by, at=at, locale=locale).totals
        except (Invalid, NotFound):  # its series is not there any more
            continue
        return Since(row.title, row.public_id, row.as_at, slice_, then, now, is_dossier=False)
    if dossier is None:
        return None
    row, then = dossier
    return Since(row.title, row.public_id, row.published_at, totals.slice, then, totals.totals, is_dossier=True)


def _last_dossier(country: Country) -> tuple[Snapshot, Figures] | None:
    query = (
        select(Snapshot, SnapshotDossier.figures)
        .join(SnapshotDossier, SnapshotDossier.snapshot_id == Snapshot.id)
        .where(
            SnapshotDossier.country_id == country.id,
            SnapshotDossier.figures.is_not(None),
            Snapshot.withdrawn_at.is_(None),
        )
        .order_by(Snapshot.id.desc())
        .limit(1)
    )
    row = db.session.execute(query).one_or_none()
    return None if row is None else (row[0], Figures(**row[1]))


def _slice_and_totals(row: Snapshot, code: str) -> tuple[Slice, Figures] | None:
    """One country in a published report: the question for its figures, and the figures."""
    frozen = thaw(row.content)
    report = frozen.report
    if report.slice.country is not None:
        return (report.slice, report.totals) if report.slice.country.upper() == code else None
    for groups in [report, *frozen.margins]:
        if groups.dimensions == ("country",):
            for group in groups.groups:
                if group.keys == (code,) and not group.folded:
                    return replace(report.slice, country=code), group.figures
    return None
