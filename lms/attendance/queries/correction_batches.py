"""Corrections of many people together: what a batch would change, and of whom."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.attendance.models.credits import (
    Correction,
    CorrectionBatch,
    CorrectionBatchEntry,
    Credit,
    Outcome,
)
from lms.attendance.outcomes import CreditValues
from lms.attendance.queries.appeals import open_views_in
from lms.attendance.queries.change_preview import Change, ChangeKind, OutcomeDifference
from lms.attendance.queries.outcomes import compute_credits, written_credits
from lms.attendance.queries.roster import roster_totals
from lms.attendance.queries.roster_query import day_of_lecture
from lms.batches.kinds import Move, largest_first
from lms.batches.models import EntryState
from lms.catalogue.models import Lecture
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import read, read_column
from lms.enrolment.membership import invited_at
from lms.enrolment.queries.sharing import hidden_among, labels_of
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of

ANSWERS = frozenset({Outcome.ATTENDED, Outcome.EXCUSED})
"""A batch with one of these outcomes accepts the open appeals of its people."""


@dataclass(frozen=True)
class CorrectionBatchPreview:
    """The changes that a batch would make that is not confirmed yet. `totals` are the numbers of each outcome now and
    after it.

    `attendances` and `participants` are what it adds to these figures, `first_time` how many people attend a lecture
    for the first time by it; `countries` how many people are from each. `appeals` are the open ones that it accepts:
    (public id, name of the person).
    """

    changes: OutcomeDifference
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
class CorrectionBatchPerson:
    """A person of a batch, and what became of them in it."""

    public_id: str
    full_name: str
    state: EntryState


def preview_of(lecture: Lecture, batch: CorrectionBatch, *, by: Actor, at: datetime) -> CorrectionBatchPreview:
    """Returns what a batch would change of the people whom it has not corrected yet, as things are now."""
    people = _pending(batch.id)
    changes = _changes(lecture, batch, people)
    seen = set(people) - hidden_among(lecture.series_id, people, by=by)
    gained, lost = (len(changes.people(kind)) for kind in (ChangeKind.GAINED, ChangeKind.LOST))
    first = _without_other_attendance(lecture.id, changes.people(ChangeKind.GAINED))
    last = _without_other_attendance(lecture.id, changes.people(ChangeKind.LOST))
    return CorrectionBatchPreview(
        changes=changes,
        totals=_totals(lecture.id, changes, by=by, at=at),
        attendances=gained - lost,
        participants=first - last,
        first_time=first,
        countries=largest_first(Counter(country_codes_of(sorted(seen), day_of_lecture(lecture, at)).values())),
        appeals=_appeals(lecture, batch, people, by=by),
    )


def _pending(batch_id: int) -> list[int]:
    entry = CorrectionBatchEntry
    query = select(entry.person_id).where(entry.batch_id == batch_id, entry.state == EntryState.PENDING)
    return list(read_column(query.order_by(entry.person_id)))


def _changes(lecture: Lecture, batch: CorrectionBatch, people: list[int]) -> OutcomeDifference:
    before = written_credits(lecture.id, people)
    outcomes = dict.fromkeys(people, batch.outcome) if batch.outcome is not None else {}
    after = compute_credits(lecture, only=people, by_hand=outcomes) if people else {}
    changes = {person_id: Change(before.get(person_id), after.get(person_id)) for person_id in people}
    return OutcomeDifference(lecture.id, changes, batch.public_id)


def _totals(lecture_id: int, changes: OutcomeDifference, *, by: Actor, at: datetime) -> dict[Outcome, Move]:
    """How many people have each outcome now, and would have; without those that stay as they are."""
    totals = roster_totals(lecture_id, by=by, at=at)
    moved: Counter[Outcome] = Counter()
    invited = set(read_column(invited_at(lecture_id)))
    for person_id, change in changes.changes.items():
        for values, step in ((change.before, -1), (change.after, 1)):
            if values is not None or person_id not in invited:  # who is only invited has no outcome yet
                moved[_outcome(values)] += step
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


def _appeals(lecture: Lecture, batch: CorrectionBatch, people: list[int], *, by: Actor) -> list[tuple[str, str]]:
    if batch.outcome not in ANSWERS:
        return []
    views = [view for view in open_views_in(lecture.id, people) if view.person_id != by.person_id]
    labels = labels_of(lecture.series_id, {view.person_id: view.full_name for view in views}, by=by)
    return [(view.appeal.public_id, labels[view.person_id]) for view in views]


def list_people(
    lecture: Lecture, batch: CorrectionBatch, states: Collection[EntryState], *, by: Actor, limit: int | None
) -> list[CorrectionBatchPerson]:
    """People of a batch in one of these states, by name, up to a limit (null: all); where the name is hidden from the
    reader, the address.
    """
    entry = CorrectionBatchEntry
    query = (
        select(Person.id, Person.public_id, Person.full_name, entry.state)
        .join(entry, entry.person_id == Person.id)
        .where(entry.batch_id == batch.id, entry.state.in_(states))
        .order_by(Person.sort_name, Person.id)
        .limit(limit)
    )
    rows = read(query)
    labels = labels_of(lecture.series_id, {row.id: row.full_name for row in rows}, by=by)
    return [CorrectionBatchPerson(row.public_id, labels[row.id], row.state) for row in rows]


def next_entries(batch: CorrectionBatch, limit: int) -> list[Any]:
    """The next people of a batch: (person, who that is today, outcome before, correction before, correction)."""
    entry = CorrectionBatchEntry
    query = (
        select(entry.person_id, Person.canonical_id, entry.before_outcome, entry.before_id, entry.correction_id)
        .join(Person, Person.id == entry.person_id)
        .where(entry.batch_id == batch.id, entry.state == batch.pending)
        .order_by(entry.person_id)
        .limit(limit)
    )
    return list(read(query))


def corrections_by_id(ids: list[int]) -> dict[int, tuple[Outcome, str]]:
    """Outcome and reason of these corrections."""
    query = select(Correction.id, Correction.outcome, Correction.reason).where(among(Correction.id, ids))
    return {id_: (outcome, reason) for id_, outcome, reason in read(query)} if ids else {}
