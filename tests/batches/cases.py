"""Each kind of batch with three rows that it changes, and that it can take back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import func, select

from lms.attendance.actions.correction_batches import CORRECTIONS
from lms.attendance.actions.correction_batches import preview_batch as preview_corrections
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.queries.roster import roster
from lms.attendance.queries.roster_filters import RosterFilter
from lms.batches.kinds import BatchView, Kind
from lms.core import clock
from lms.core.audit import AuditEntry
from lms.core.db import db
from lms.core.roles import SYSTEM, Actor
from lms.enrolment.batch_actions import ENROLMENT_CHANGES
from lms.enrolment.batch_actions import preview_batch as preview_enrolments
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.decision_batches import DECISIONS, preview_decision
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import Decision, Nomination
from lms.people.actions.files import PersonRow
from lms.people.queries.countries import get_country
from tests.attendance.scene import END, Scene

REASON = "The broadcast failed."


class Case(ABC):
    """Three rows, and the person who can change them."""

    kind: Kind[Any, Any]
    at: datetime
    needs_reason = True
    effects_of_both: ClassVar[int]
    """What `effects` counts once the batch was applied and undone."""

    def __init__(self, make: Any) -> None:
        self.make = make
        self.build()

    owner: Any = None
    other_owner: Any = None
    person: Any
    path: str
    task: ClassVar[str]
    """The title of the task."""

    @abstractmethod
    def build(self) -> None:
        """Writes the rows."""

    @abstractmethod
    def preview(self, at: datetime | None = None) -> str:
        """The public id of a preview of all three."""

    @abstractmethod
    def rows(self) -> dict[str, str]:
        """The state of each row, by the name of its person."""

    @abstractmethod
    def effects(self) -> int:
        """How many mails or other rows were written for what was changed."""

    @property
    def by(self) -> Actor:
        return self.make.actor(self.person)  # type: ignore[no-any-return]

    @property
    def owner_id(self) -> int | None:
        return self.kind.id_of(self.owner)

    def confirm(self, batch: str, reason: str = REASON, hours: int = 0) -> None:
        self.kind.confirm(self.owner_id, batch, reason=reason, by=self.by, at=self.at + timedelta(hours=hours))

    def undo(self, batch: str) -> None:
        self.kind.undo(self.owner_id, batch, by=self.by, at=self.at + timedelta(hours=1))

    def view(self, batch: str) -> BatchView[Any, Any]:
        return self.kind.get_batch(self.owner, batch, by=self.by)

    def recorded(self) -> list[tuple[str, Any]]:
        """The verbs and details of the kind in the audit trail, oldest first."""
        query = select(AuditEntry.verb, AuditEntry.detail).where(AuditEntry.verb.in_(self.kind.verbs))
        return [tuple(row) for row in db.session.execute(query.order_by(AuditEntry.id))]


class CorrectionsCase(Case):
    kind, at, effects_of_both = CORRECTIONS, END + timedelta(hours=1), 3
    task = "Correcting several people"

    def build(self) -> None:
        scene = Scene(self.make)
        scene.publish(("ada@x.example", 0, 20), ("ben@x.example", 0, 30), ("cyr@x.example", 0, 40))
        self.owner, self.person = scene.lecture, scene.teacher
        self.other_owner = self.make.lecture(
            scene.series, state="held", actual_start=END, actual_end=self.at, starts_at=END
        )
        self.lecture_id, self.path = self.owner.id, f"/lectures/{self.owner.id}/corrections"

    def preview(self, at: datetime | None = None) -> str:
        partial = RosterFilter(outcome=Outcome.PARTIAL)
        batch = preview_corrections(self.lecture_id, partial, outcome=Outcome.ATTENDED, by=self.by, at=at or self.at)
        return batch.public_id

    def rows(self) -> dict[str, str]:
        return {row.full_name: row.outcome.value for row in roster(self.lecture_id, by=SYSTEM, limit=None)}

    def effects(self) -> int:
        return db.session.scalar(select(func.count()).select_from(Correction)) or 0


class EnrolmentsCase(Case):
    kind, at, needs_reason, effects_of_both = ENROLMENT_CHANGES, clock.now(), False, 6
    task = "Changing the enrolment of several people"

    def build(self) -> None:
        self.person = self.make.person("Lin", roles=["instructor"])
        self.owner = self.make.series("trade", "Trade", instructors=[self.person], capacity=4)
        self.other_owner = self.make.series("other", "Other", instructors=[self.person])
        self.ids = [
            self.make.enrolment(self.owner, self.make.person(name, email=f"{name.lower()}@x.example")).public_id
            for name in ("Ada", "Ben", "Cyr")
        ]
        self.path = "/series/trade/enrolment-changes"

    def preview(self, at: datetime | None = None) -> str:
        status = EnrolmentStatus.WITHDRAWN
        return preview_enrolments(self.owner.id, self.ids, status=status, by=self.by, at=at or self.at).public_id

    def rows(self) -> dict[str, str]:
        db.session.rollback()
        query = select(Enrolment.public_id, Enrolment.status).where(Enrolment.public_id.in_(self.ids))
        return {public_id: status.value for public_id, status in db.session.execute(query)}

    def effects(self) -> int:
        return db.session.scalar(select(func.count()).select_from(OutboxMail)) or 0


class DecisionsCase(Case):
    kind, at, effects_of_both = DECISIONS, clock.now(), 2
    task = "Deciding on nominations"
    path = "/admin/nominations/decisions"

    def build(self) -> None:
        self.person = self.make.person("Zhou Anran", roles=["administrator"])
        series = self.make.series("customs", capacity=10, nominations_need_approval=True)
        self.make.lecture(series, starts_at=self.at + timedelta(days=9))
        people = [PersonRow(1, f"{name}@x.example", f"{name}@x.example", name) for name in ("ada", "ben", "cyr")]
        nominated = nominate(series.id, people, country_id=get_country("KE").id, by=SYSTEM, at=self.at)
        self.ids = nominated.submitted

    def preview(self, at: datetime | None = None) -> str:
        return preview_decision(self.ids, Decision.REJECT, by=self.by, at=at or self.at).public_id

    def rows(self) -> dict[str, str]:
        db.session.rollback()
        return {name: state.value for name, state in db.session.execute(select(Nomination.full_name, Nomination.state))}

    def effects(self) -> int:
        verbs = ["nomination.reject", "nomination.undo_reject"]
        return db.session.scalar(select(func.count()).where(AuditEntry.verb.in_(verbs))) or 0


CASES = (CorrectionsCase, EnrolmentsCase, DecisionsCase)
