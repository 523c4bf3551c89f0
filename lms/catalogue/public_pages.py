"""Which pages of the catalogue strangers may see, and when what they show was changed last: for the sitemap."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from lms.catalogue.models import Lecture, Series
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.base.roles import ANONYMOUS
from lms.core.database.audit import AuditEntry, AuditSubject
from lms.core.database.session import db

SHOWN = (
    "create_series",
    "edit_series",
    "schedule_lecture",
    "edit_lecture",
    "publish_lecture",
    "start_lecture",
    "end_lecture",
    "reopen_lecture",
    "undo_start",
    "confirm_held",
    "correct_times",
    "postpone_lecture",
    "cancel_lecture",
)
"""The acts that change what a page shows to strangers. Acts on a lecture name its series too."""


@dataclass(frozen=True)
class PublicPages:
    """Series by their slug and lectures by their id, each with the time of its last change."""

    series: list[tuple[str, datetime]]
    lectures: list[tuple[int, datetime]]


def list_public_pages() -> PublicPages:
    """All of them, oldest first."""
    acts = (
        select(AuditSubject.kind, AuditSubject.subject_id, func.max(AuditEntry.at))
        .join(AuditEntry, AuditEntry.id == AuditSubject.entry_id)
        .where(AuditEntry.verb.in_(SHOWN), AuditSubject.kind.in_(("series", "lecture")))
        .group_by(AuditSubject.kind, AuditSubject.subject_id)
    )
    changed = {(kind, key): at for kind, key, at in db.session.execute(acts)}
    series = select(Series.id, Series.slug, Series.created_at).where(visible(ANONYMOUS)).order_by(Series.id)
    lectures = (
        select(Lecture.id, Lecture.created_at)
        .join(Series)
        .where(visible(ANONYMOUS), shown_lecture(ANONYMOUS))
        .order_by(Lecture.id)
    )
    return PublicPages(
        [(slug, changed.get(("series", key), made)) for key, slug, made in db.session.execute(series)],
        [(key, changed.get(("lecture", key), made)) for key, made in db.session.execute(lectures)],
    )
