"""E-mails of the demonstration about a lecture that is cancelled, and about certificates that are ready.

They are kept as sent, and sent to nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.states import cancel_lecture
from lms.catalogue.inputs import LectureInput
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Series
from lms.certificates.models import Award
from lms.certificates.notices import GATHERED, tell_issued
from lms.core.db import action, db
from lms.core.roles import SYSTEM
from lms.demo.mails import keep_as_sent
from lms.enrolment.invitations import invite_due

ZONE = "Asia/Shanghai"
AHEAD = timedelta(days=9)
_PLANNED, _INVITED, _CANCELLED = timedelta(days=-4), timedelta(days=-3), timedelta(hours=-26)
_TOLD = timedelta(days=-2)


def cancel_an_hour(*, now: datetime) -> None:
    """Adds an hour for questions to the series that is live, invites to it, and cancels it, each with its e-mails. No
    figure counts it."""
    live = select(Series.slug, Lecture.language).join(Lecture, Lecture.series_id == Series.id)
    row = db.session.execute(live.where(Lecture.state == LectureState.LIVE).order_by(Lecture.id)).first()
    if row is None:
        return
    day = (now + AHEAD).astimezone(ZoneInfo(ZONE))
    draft = LectureInput(
        title="Your questions",
        abstract="An hour for questions about all lectures of the series.",
        starts_at=day.replace(hour=20, minute=0, second=0, microsecond=0, tzinfo=None),
        time_zone=ZONE,
        duration_minutes=60,
        language=row.language,
    )
    lecture_id = schedule_lecture(row.slug, draft, by=SYSTEM, at=now + _PLANNED).id
    invite_due(at=now + _INVITED)
    keep_as_sent(now + _INVITED)
    reason = "The lecturer is travelling. Please send your questions by e-mail: they are answered in the next lecture."
    cancel_lecture(lecture_id, reason=reason, by=SYSTEM, at=now + _CANCELLED)
    keep_as_sent(now + _CANCELLED)


def tell_holders(*, now: datetime) -> None:
    """Tells the holders of the two series that issued certificates last, each person in one e-mail."""
    latest = select(Award.series_id, Award.kind).group_by(Award.series_id, Award.kind).order_by(Award.series_id.desc())
    for series_id, kind in db.session.execute(latest.limit(2)).all():
        _tell(series_id, kind, at=now + _TOLD)
    keep_as_sent(now + _TOLD + GATHERED)


@action
def _tell(series_id: int, kind: CertificateKind, *, at: datetime) -> None:
    holders = select(Award.person_id).where(Award.series_id == series_id, Award.kind == kind)
    tell_issued(db.session.get_one(Series, series_id), kind, list(db.session.scalars(holders)), at=at)
