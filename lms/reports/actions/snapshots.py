"""Publishes and withdraws reports. A published report never changes."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select

from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, Actor
from lms.core.database.audit import record
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line, clean_text
from lms.core.time import clock
from lms.people.queries.countries import country_by_code
from lms.reports.models import Snapshot, SnapshotDossier, SnapshotVisibility
from lms.reports.queries.definitions import definitions
from lms.reports.queries.figures import count_several, with_margins
from lms.reports.queries.labels import filters_in_words
from lms.reports.queries.snapshots import dossier_key
from lms.reports.rules import FIGURES, Figures, Slice
from lms.reports.snapshots import Frozen, checksum, freeze, question

LONGEST_TITLE = 200
LONGEST_NOTE = 500
LONGEST_REASON = 2000


@dataclass(frozen=True)
class Attached:
    """A country's dossier attached to a report: its title, its PDF, and its headline figures."""

    country: str
    title: str
    content: bytes
    figures: Figures


def publish_snapshot(
    title: str,
    visibility: SnapshotVisibility,
    slice_: Slice,
    dimensions: Sequence[str] = (),
    *,
    figure: str = "participants",
    note: str = "",
    place: str,
    locale: str = "en",
    key: str | None = None,
    attached: Sequence[Attached] = (),
    by: Actor,
    at: datetime,
) -> str:
    """Counts a report, freezes it and returns its public id.

    A public one has the public figures (of the last daily refresh, small groups combined); one for staff is exact, as
    of this moment. `note` is shown to readers below the title and frozen with the figures. `place` is the reporting
    zone's city. `attached` are dossiers, one per country; only staff read them, regardless of who reads the report. The
    same publication under the same `key` again returns the existing report.

    Raises Forbidden unless an administrator publishes, or where the question is finer than public figures; Invalid for
    the title, the note, the figure and what `queries.count` finds.
    """
    if not by.is_administrator:
        raise Forbidden
    title, note, faults = _clean_words(title, note)
    if figure not in FIGURES:
        faults.append(Fault(_("Unknown figure."), field="figure"))
    if faults:
        raise Invalid(faults=faults)
    counted_by = ANONYMOUS if visibility is SnapshotVisibility.PUBLIC else by
    frozen = count_frozen(
        title, slice_, dimensions, figure=figure, note=note, place=place, locale=locale, by=counted_by, at=at
    )
    for dossier in attached:  # before the rows that name them: a file without a row is nobody's, and harmless
        files.store(dossier_key(sha256(dossier.content).hexdigest()), dossier.content)
    return keep_snapshot(frozen, visibility, key=key, attached=attached, by=by, at=at)


def count_frozen(
    title: str,
    slice_: Slice,
    dimensions: Sequence[str],
    *,
    figure: str,
    note: str = "",
    place: str,
    locale: str,
    by: Actor,
    at: datetime,
) -> Frozen:
    """The content of a report as it is counted now. `place` is the reporting zone's city."""
    report, *margins = count_several(slice_, with_margins(tuple(dimensions)), by=by, at=at, locale=locale)
    return Frozen(
        title=title,
        language=locale,
        time_zone=clock.reporting_zone(),
        figure=figure,
        about=filters_in_words(slice_, locale),
        definitions=definitions(place),
        report=report,
        margins=tuple(margins),
        note=note,
    )


def check_words(title: str, note: str) -> None:
    """Raises Invalid for a title or a note that a report cannot be published with."""
    faults = _clean_words(title, note)[2]
    if faults:
        raise Invalid(faults=faults)


def _clean_words(title: str, note: str) -> tuple[str, str, list[Fault]]:
    title, note = clean_line(title), clean_text(note)
    faults = []
    if not 1 <= len(title) <= LONGEST_TITLE:
        faults.append(Fault(_("Enter 1 to %(n)s characters.", n=LONGEST_TITLE), field="title"))
    if len(note) > LONGEST_NOTE:
        faults.append(Fault(_("Use at most %(n)s characters.", n=LONGEST_NOTE), field="note"))
    return title, note if clean_line(note) else "", faults


@action
def keep_snapshot(
    frozen: Frozen,
    visibility: SnapshotVisibility,
    *,
    key: str | None,
    attached: Sequence[Attached] = (),
    by: Actor,
    at: datetime,
) -> str:
    """Writes a frozen report, unless its key was used already; returns the public id. Raises Forbidden."""
    if not by.is_administrator:
        raise Forbidden
    country = frozen.report.slice.country
    listed = country_by_code(country) if country else None
    content = freeze(frozen)
    if key is not None:  # the same form, sent again with something else in it, is another publication
        stated = question(frozen.report, frozen.figure)
        key = checksum(
            json.dumps([key, frozen.title, frozen.note, str(visibility), stated, [item.country for item in attached]])
        )
    public_id = secrets.token_hex(6)
    row = {
        "public_id": public_id,
        "key": key,
        "title": frozen.title,
        "visibility": visibility,
        "language": frozen.language,
        "country_id": None if listed is None else listed.id,
        "as_at": frozen.report.as_at,
        "published_at": at,
        "content": content,
        "digest": checksum(content),
    }
    insert_many(Snapshot.__table__, [row], unless=("key",))
    mine = Snapshot.public_id == public_id if key is None else Snapshot.key == key
    stored = db.session.scalars(select(Snapshot).where(mine)).one()
    if stored.public_id == public_id:
        _attach(stored.id, attached)
        detail = {"title": frozen.title, "visibility": str(visibility), "digest": stored.digest}
        record("publish_snapshot", by=by, at=at, detail=detail, snapshot=stored.id)
    return stored.public_id


def _attach(snapshot_id: int, attached: Sequence[Attached]) -> None:
    for dossier in attached:
        country = country_by_code(dossier.country)
        if country is None:
            raise Invalid("dossier", _("Unknown country."))
        db.session.add(
            SnapshotDossier(
                snapshot_id=snapshot_id,
                country_id=country.id,
                title=dossier.title,
                size=len(dossier.content),
                digest=sha256(dossier.content).hexdigest(),
                figures=dossier.figures.as_json(),
            )
        )


@action
def withdraw_snapshot(public_id: str, *, reason: str, by: Actor, at: datetime) -> None:
    """Marks a snapshot as withdrawn, for ever. Raises Forbidden, NotFound, Invalid (no reason), Refused (it is)."""
    if not by.is_administrator:
        raise Forbidden
    reason = clean_line(reason)
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Invalid("reason", _("Enter 1 to %(n)s characters.", n=LONGEST_REASON))
    row = db.session.scalar(select(Snapshot).where(Snapshot.public_id == public_id).with_for_update())
    if row is None:
        raise NotFound
    if row.withdrawn_at is not None:
        raise Refused(_("This report has already been withdrawn."))
    row.withdrawn_at, row.withdrawn_reason = at, reason
    record("withdraw_snapshot", by=by, at=at, detail={"reason": reason}, snapshot=row.id)
