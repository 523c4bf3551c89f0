"""Queries for published reports."""

from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, true

from lms.core.base.errors import NotFound
from lms.core.base.roles import ANONYMOUS, Actor, Role
from lms.core.database.session import db
from lms.core.storage import files
from lms.people.models import Country
from lms.people.queries.access import count_holders
from lms.people.queries.countries import with_merged
from lms.reports.models import Snapshot, SnapshotDossier, SnapshotVisibility


def get_snapshot(public_id: str, *, by: Actor) -> Snapshot:
    """A published report. Raises NotFound if this actor may not see it."""
    row = db.session.scalar(select(Snapshot).where(Snapshot.public_id == public_id, _readable(by)))
    if row is None:
        raise NotFound
    return row


def list_snapshots(*, by: Actor, limit: int = 50, cursor: int | None = None) -> list[Snapshot]:
    """The published reports that this actor may see, newest first: one more than `limit`, where there are more."""
    query = select(Snapshot).where(_readable(by)).order_by(Snapshot.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Snapshot.id < cursor)
    return list(db.session.scalars(query))


def may_read_figures(row: Snapshot, *, by: Actor) -> bool:
    """Whether the figures are shown: for a withdrawn report only to readers with exact access to its slice."""
    return row.withdrawn_at is None or may_count_exactly(row, by=by)


def may_count_exactly(row: Snapshot, *, by: Actor) -> bool:
    """Whether this actor can see current figures next to it."""
    return by.is_reporter or (by.is_focal_point and row.country_id in by.country_ids)


def count_staff_readers(country: Country | None, *, at: datetime) -> int:
    """How many people can read a report for staff: of one country, its focal points too."""
    focal_points_of = None if country is None else country.id
    return count_holders((Role.ADMINISTRATOR, Role.REPORTER), focal_points_of=focal_points_of, at=at)


def list_dossiers(row: Snapshot, *, by: Actor) -> list[SnapshotDossier]:
    """The dossiers attached to a report that this actor can see: all for reporters, the country's own
    for focal points.
    """
    query = select(SnapshotDossier).where(SnapshotDossier.snapshot_id == row.id).order_by(SnapshotDossier.id)
    if not by.is_reporter:
        query = query.where(SnapshotDossier.country_id.in_(with_merged(by.country_ids if by.is_focal_point else ())))
    return list(db.session.scalars(query))


def dossier_key(digest: str) -> str:
    """The key of the dossier whose PDF has this SHA-256."""
    return f"snapshots/{digest}.pdf"


def get_dossier_file(public_id: str, digest: str, *, by: Actor) -> tuple[SnapshotDossier, bytes]:
    """An attached dossier and its PDF. Raises NotFound if it does not exist or this actor may not read it."""
    for dossier in list_dossiers(get_snapshot(public_id, by=by), by=by):
        content = files.find(dossier_key(digest)) if dossier.digest == digest else None
        if content is not None:
            return dossier, content
    raise NotFound


def _readable(by: Actor) -> ColumnElement[bool]:
    if by.is_reporter:
        return true()
    open_to_all = Snapshot.visibility == SnapshotVisibility.PUBLIC
    if not by.is_focal_point:
        return open_to_all
    return or_(open_to_all, Snapshot.country_id.in_(with_merged(by.country_ids)))


def list_public_reports(*, limit: int) -> list[tuple[str, datetime]]:
    """The public reports without withdrawn ones, with their time of publication, oldest first."""
    query = (
        select(Snapshot.public_id, Snapshot.published_at)
        .where(_readable(ANONYMOUS), Snapshot.withdrawn_at.is_(None))
        .order_by(Snapshot.id)
        .limit(limit)
    )
    return [(key, at) for key, at in db.session.execute(query)]


def dossier_keys() -> set[str]:
    """The keys of the dossiers attached to published reports."""
    return {dossier_key(digest) for digest in db.session.scalars(select(SnapshotDossier.digest))}
