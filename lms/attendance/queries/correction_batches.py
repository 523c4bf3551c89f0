"""Corrections of many people together: what a batch would change, what it changed, and who was left out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, select
from sqlalchemy.orm import aliased

from lms.attendance.models.credits import (
    Correction,
    CorrectionBatch,
    CorrectionBatchEntry,
    Credit,
    Outcome,
)
from lms.attendance.outcomes import CreditValues
from lms.attendance.queries.appeals import open_views_in
from lms.attendance.queries.change_preview import Change, ChangeKind, Difference
from lms.attendance.queries.outcomes import compute_credits, written_credits
from lms.attendance.queries.roster import get_editable_lecture, roster_totals
from lms.attendance.queries.roster_order import day_of_lecture
from lms.catalogue.models import Lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.batches import LEFT_OUT, NAMED, BatchStage, EntryState, Move, count_states, stage_of
from lms.core.bulk import among
from lms.core.db import db, read, read_column
from lms.core.errors import NotFound
from lms.core.jobs import Job
from lms.core.roles import Actor
from lms.enrolment.queries.sharing import hidden_among
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.people.queries.persons import addresses_of

ANSWERS = frozenset({Outcome.ATTENDED, Outcome.EXCUSED})
"""A batch with one of these outcomes accepts the open appeals of its people."""


@dataclass(frozen=True)
class BatchView:
    """A batch with the names of who made, confirmed and took it back (null: the system), and how many of its people are
    in each state."""

    batch: CorrectionBatch
    lecture: Lecture
    made_by: str | None
    confirmed_by: str | None
    undo_by: str | None
    counts: dict[EntryState, int]
    job: Job | None

    @property
    def state(self) -> str:
        """previewed, correcting, stopped, corrected, undoing, undo_stopped or undone."""
        stage = stage_of(self.batch, self.job)
        return {BatchStage.RUNNING: "correcting", BatchStage.DONE: "corrected"}.get(stage, stage.value)

    def count(self, *states: EntryState) -> int:
        """How many people are in one of these states."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def corrected(self) -> int:
        """How many people were corrected, even if it was taken back since."""
        return self.count(EntryState.CHANGED, EntryState.TAKEN_BACK, EntryState.KEPT)

    @property
    def undone(self) -> int:
        """How many people have back what was counted before."""
        return self.count(EntryState.TAKEN_BACK)


@dataclass(frozen=True)
class BatchPreview:
    """What a batch that is not confirmed yet would change. `totals` are the numbers of each outcome now and after it.

    `attendances` and `participants` are what it adds to these figures, `first_time` how many people attend a lecture
    for the first time by it; `countries` how many people are from each. `appeals` are the open ones that it accepts:
    (public id, name of the person).
    """

    changes: Difference
    totals: dict[Outcome, Move]
    attendances: int
    participants: int
    first_time: int
    countries: list[tuple[str, int]]
    appeals: list[tuple[str, str]]

    @property
    def appeal_ids(self) -> list[str]:
        """The public ids of these appeals."""
        return [appeal for appeal, _name in self.appeals]


@dataclass(frozen=True)
class BatchPerson:
    """A person of a batch, and what became of them in it."""

    public_id: str
    full_name: str
    state: EntryState


@dataclass(frozen=True)
class DetailedBatch(BatchView):
    """A batch with what it would change (null once it is confirmed), and who was left out of it."""

    changes: BatchPreview | None
    left_out: list[BatchPerson]


_Maker, _Confirmer, _Undoer = aliased(Person), aliased(Person), aliased(Person)
_BATCHES: Any = (
    select(CorrectionBatch, _Maker.full_name, _Confirmer.full_name, _Undoer.full_name, Job)
    .outerjoin(_Maker, _Maker.id == CorrectionBatch.made_by)
    .outerjoin(_Confirmer, _Confirmer.id == CorrectionBatch.confirmed_by)
    .outerjoin(_Undoer, _Undoer.id == CorrectionBatch.undo_by)
    .outerjoin(Job, Job.public_id == CorrectionBatch.job)
)


def get_batch(lecture_id: int, public_id: str, *, by: Actor) -> BatchView:
    """One batch of a lecture, for those who can correct its attendance. Raises NotFound for others' or none."""
    lecture = get_editable_lecture(lecture_id, by=by)
    query = _BATCHES.where(CorrectionBatch.lecture_id == lecture_id, CorrectionBatch.public_id == public_id)
    row = db.session.execute(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound
    return _view(row, lecture, count_states(CorrectionBatchEntry, [row[0].id]))


def get_detailed_batch(lecture_id: int, public_id: str, *, by: Actor, at: datetime) -> DetailedBatch:
    """One batch with details, for those who can correct its attendance. Raises NotFound for others' or none."""
    view = get_batch(lecture_id, public_id, by=by)
    left_out = list_people(view, LEFT_OUT, by=by, limit=None)
    changes = preview_of(view, by=by, at=at) if view.state == "previewed" else None
    return DetailedBatch(**vars(view), changes=changes, left_out=left_out)


def list_batches(lecture: Lecture, *, by: Actor, limit: int = 100) -> list[BatchView]:
    """The confirmed batches of a lecture, latest first, for those who can correct its attendance."""
    check_can_edit_lecture(lecture, by)
    rows = db.session.execute(_CONFIRMED, {"lecture_id": lecture.id, "limit": limit}).all()
    counts = count_states(CorrectionBatchEntry, [row[0].id for row in rows]) if rows else {}
    return [_view(row, lecture, counts) for row in rows]


_CONFIRMED = (
    _BATCHES.where(
        CorrectionBatch.lecture_id == bindparam("lecture_id", type_=Integer), CorrectionBatch.confirmed_at.is_not(None)
    )
    .order_by(CorrectionBatch.id.desc())
    .limit(bindparam("limit", type_=Integer))
)


def _view(row: Any, lecture: Lecture, counts: dict[int, dict[EntryState, int]]) -> BatchView:
    batch, made_by, confirmed_by, undo_by, job = row
    return BatchView(batch, lecture, made_by, confirmed_by, undo_by, counts.get(batch.id, {}), job)


def preview_of(view: BatchView, *, by: Actor, at: datetime) -> BatchPreview:
    """What a batch would change of the people whom it has not corrected yet, as things are now."""
    people = _pending(view.batch.id)
    changes = _changes(view, people)
    seen = set(people) - hidden_among(view.lecture.series_id, people, by=by)
    countries = Counter(country_codes_of(sorted(seen), day_of_lecture(view.lecture, at)).values())
    gained, lost = (len(changes.people(kind)) for kind in (ChangeKind.GAINED, ChangeKind.LOST))
    first = _without_other_attendance(view.lecture.id, changes.people(ChangeKind.GAINED))
    last = _without_other_attendance(view.lecture.id, changes.people(ChangeKind.LOST))
    return BatchPreview(
        changes=changes,
        totals=_totals(view, changes, by=by, at=at),
        attendances=gained - lost,
        participants=first - last,
        first_time=first,
        countries=sorted(countries.items(), key=lambda one: (-one[1], one[0])),
        appeals=_appeals(view, people, by=by),
    )


def _pending(batch_id: int) -> list[int]:
    entry = CorrectionBatchEntry
    query = select(entry.person_id).where(entry.batch_id == batch_id, entry.state == EntryState.PENDING)
    return list(read_column(query.order_by(entry.person_id)))


def _changes(view: BatchView, people: list[int]) -> Difference:
    before = written_credits(view.lecture.id, people)
    wanted = dict.fromkeys(people, view.batch.outcome) if view.batch.outcome is not None else {}
    after = compute_credits(view.lecture, only=people, by_hand=wanted) if people else {}
    changes = {person_id: Change(before.get(person_id), after.get(person_id)) for person_id in people}
    return Difference(view.lecture.id, changes, view.batch.public_id)


def _totals(view: BatchView, changes: Difference, *, by: Actor, at: datetime) -> dict[Outcome, Move]:
    """How many people have each outcome now, and would have; without those that stay as they are."""
    totals = roster_totals(view.lecture.id, by=by, at=at)
    moved: Counter[Outcome] = Counter()
    for change in changes.changes.values():
        moved[_outcome(change.before)] -= 1
        moved[_outcome(change.after)] += 1
    now = {outcome: int(getattr(totals, outcome.value)) for outcome in Outcome}
    return {outcome: Move(now[outcome], now[outcome] + moved[outcome]) for outcome in Outcome if moved[outcome]}


def _outcome(values: CreditValues | None) -> Outcome:
    return values.outcome if values is not None else Outcome.ABSENT


def _without_other_attendance(lecture_id: int, people: list[int]) -> int:
    """How many of these people have attended no other lecture."""
    if not people:
        return 0
    others = (
        select(Credit.person_id)
        .distinct()
        .where(Credit.outcome == Outcome.ATTENDED, Credit.lecture_id != lecture_id)
        .where(among(Credit.person_id, people))
    )
    return len(people) - len(read_column(others))


def _appeals(view: BatchView, people: list[int], *, by: Actor) -> list[tuple[str, str]]:
    if view.batch.outcome not in ANSWERS:
        return []
    found = [one for one in open_views_in(view.lecture.id, people) if one.person_id != by.person_id]
    hidden = hidden_among(view.lecture.series_id, [one.person_id for one in found], by=by)
    addresses = addresses_of(hidden)
    return [
        (one.appeal.public_id, addresses.get(one.person_id, "") if one.person_id in hidden else one.full_name)
        for one in found
    ]


def list_people(
    view: BatchView, states: Collection[EntryState], *, by: Actor, limit: int | None = NAMED
) -> list[BatchPerson]:
    """Who of a batch is in one of these states, by name, at most so many (null: all); where the name is hidden from the
    reader, the address."""
    entry = CorrectionBatchEntry
    query = (
        select(Person.id, Person.public_id, Person.full_name, entry.state)
        .join(entry, entry.person_id == Person.id)
        .where(entry.batch_id == view.batch.id, entry.state.in_(states))
        .order_by(Person.sort_name, Person.id)
        .limit(limit)
    )
    rows = read(query)
    hidden = hidden_among(view.lecture.series_id, [row.id for row in rows], by=by)
    addresses = addresses_of(hidden)
    return [
        BatchPerson(row.public_id, addresses.get(row.id, "") if row.id in hidden else row.full_name, row.state)
        for row in rows
    ]


def batch_entries(batch_id: int, state: EntryState, limit: int) -> list[Any]:
    """Some people of a batch in a state: (person, who that is today, outcome before, correction before, correction)."""
    entry = CorrectionBatchEntry
    query = (
        select(entry.person_id, Person.canonical_id, entry.before_outcome, entry.before_id, entry.correction_id)
        .join(Person, Person.id == entry.person_id)
        .where(entry.batch_id == batch_id, entry.state == state)
        .order_by(entry.person_id)
        .limit(limit)
    )
    return list(read(query))


def corrections_by_id(ids: list[int]) -> dict[int, tuple[Outcome, str]]:
    """Outcome and reason of these corrections."""
    query = select(Correction.id, Correction.outcome, Correction.reason).where(among(Correction.id, ids))
    return {id_: (outcome, reason) for id_, outcome, reason in read(query)} if ids else {}
