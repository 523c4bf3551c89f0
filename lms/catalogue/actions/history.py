"""The history of a lecture: a row for each change of state or time, and the audit entries."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lms.catalogue.models import Lecture, LectureChange
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import db


def note(
    lecture: Lecture,
    what: str,
    before: Mapping[str, Any],
    *,
    by: Actor,
    at: datetime,
    reason: str | None = None,
) -> None:
    """Writes a row of history. `before` has the previous values, with instants as text."""
    plain = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in before.items()
        if value is not None
    }
    db.session.add(
        LectureChange(lecture_id=lecture.id, at=at, by_person_id=by.person_id, what=what, before=plain, reason=reason)
    )
    db.session.flush()


def record(verb: str, lecture: Lecture, *, by: Actor, at: datetime, persons: Iterable[int] = (), **detail: Any) -> None:
    """Writes the audit row of an act on a lecture, and on `persons` where it concerns them."""
    audit.record(verb, by=by, at=at, detail=detail, lecture=lecture.id, series=lecture.series_id, person=persons)
