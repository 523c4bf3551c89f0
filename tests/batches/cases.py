"""Each kind of batch with three rows that it changes, and that it can take back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from lms.attendance.actions import correction_batches
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.queries.roster import roster
from lms.attendance.queries.roster_query import RosterFilter
from lms.batches.kinds import BatchKind, BatchView
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.audit import AuditEntry
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment import batch_actions
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.decision_batches import DECISIONS, preview_decision
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import Decision, Nomination
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.attendance.scene import END, Scene

REASON = "The broadcast failed."
NAMES = ("ada", "ben", "cyr")


@dataclass
class Case:
    """Three rows, and the person who can change them.

    `make_preview` previews all three; `rows` says the state of each. `effects` counts the mails or other rows that are
    written, and `effects_of_both` is their number once the batch was applied and undone.
    """

    kind: BatchKind[Any, Any]
    make: Any
    at: datetime
    person: Any
    path: str
    task: str
    make_preview: Callable[[Actor, datetime], Any]
    rows: Callable[[], dict[Any, str]]
    effects: Select[Any]
    effects_of_both: int
    owner: Any = None
    other_owner: Any = None
    needs_reason: bool = True

    def __post_init__(self) -> None:
        self.owner_id = self.kind.id_of(self.owner)

    @property
    def by(self) -> Actor:
        return self.make.actor(self.person)  # type: ignore[no-any-return]

    def preview(self, at: datetime | None = None) -> str:
        return self.make_preview(self.by, at or self.at).public_id  # type: ignore[no-any-return]

    def confirm(self, batch: str, reason: str = REASON, hours: int = 0) -> None:
        self.kind.confirm(self.owner_id, batch, reason=reason, by=self.by, at=self.at + timedelta(hours=hours))

    def undo(self, batch: str) -> None:
        self.kind.undo(self.owner_id, batch, by=self.by, at=self.at + timedelta(hours=1))

    def view(self, batch: str) -> BatchView[Any, Any]:
        return self.kind.get_batch(self.owner, batch, by=self.by)

    def count_effects(self) -> int:
        return db.session.scalar(self.effects) or 0

    def recorded(self) -> list[tuple[str, Any]]:
        """The verbs and details of the kind in the audit trail, oldest first."""
        query = select(AuditEntry.verb, AuditEntry.detail).where(AuditEntry.verb.in_(self.kind.verbs))
        return [tuple(row) for row in db.session.execute(query.order_by(AuditEntry.id))]


def _rows(query: Select[Any]) -> dict[Any, str]:
    db.session.rollback()
    return {key: state.value for key, state in db.session.execute(query)}


def corrections(make: Any) -> Case:
    scene, at = Scene(make), END + timedelta(hours=1)
    scene.publish(*((f"{name}@x.example", 0, 30) for name in NAMES))
    lecture_id, filters = scene.lecture.id, RosterFilter(outcome=Outcome.PARTIAL)
    return Case(
        correction_batches.CORRECTIONS,
        make,
        at,
        scene.teacher,
        f"/lectures/{lecture_id}/corrections",
        "Correcting several people",
        lambda by, moment: correction_batches.preview_batch(
            lecture_id, filters, outcome=Outcome.ATTENDED, by=by, at=moment
        ),
        lambda: {row.full_name: row.outcome.value for row in roster(lecture_id, by=SYSTEM, limit=None)},
        select(func.count()).select_from(Correction),
        effects_of_both=3,
        owner=scene.lecture,
        other_owner=make.lecture(scene.series, state="held", actual_start=END, actual_end=at, starts_at=END),
    )


def enrolments(make: Any) -> Case:
    teacher = make.person("Lin", roles=["instructor"])
    series = make.series("trade", "Trade", instructors=[teacher], capacity=4)
    ids = [make.enrolment(series, make.person(name, email=f"{name}@x.example")).public_id for name in NAMES]
    series_id, status = series.id, EnrolmentStatus.WITHDRAWN
    return Case(
        batch_actions.ENROLMENT_CHANGES,
        make,
        clock.now(),
        teacher,
        "/series/trade/enrolment-changes",
        "Changing the enrolment of several people",
        lambda by, at: batch_actions.preview_batch(series_id, ids, status=status, by=by, at=at),
        lambda: _rows(select(Enrolment.public_id, Enrolment.status)),
        select(func.count()).select_from(OutboxMail),
        effects_of_both=6,
        owner=series,
        other_owner=make.series("other", "Other", instructors=[teacher]),
        needs_reason=False,
    )


def decisions(make: Any) -> Case:
    at = clock.now()
    series = make.series("customs", capacity=10, nominations_need_approval=True)
    make.lecture(series, starts_at=at + timedelta(days=9))
    people = [PersonRow(1, f"{name}@x.example", f"{name}@x.example", name) for name in NAMES]
    ids = nominate(series.id, people, country_id=get_country("KE").id, by=SYSTEM, at=at).submitted
    verbs = ["nomination.reject", "nomination.undo_reject"]
    return Case(
        DECISIONS,
        make,
        at,
        make.person("Zhou Anran", roles=["administrator"]),
        "/admin/nominations/decisions",
        "Deciding on nominations",
        lambda by, moment: preview_decision(ids, Decision.REJECT, by=by, at=moment),
        lambda: _rows(select(Nomination.full_name, Nomination.state)),
        select(func.count()).where(AuditEntry.verb.in_(verbs)),
        effects_of_both=2,
    )


CASES: dict[BatchKind[Any, Any], Callable[[Any], Case]] = {
    correction_batches.CORRECTIONS: corrections,
    batch_actions.ENROLMENT_CHANGES: enrolments,
    DECISIONS: decisions,
}
