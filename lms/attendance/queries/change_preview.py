"""Preview of the changes that the newest policy of a series, or other times of a lecture, would make to what was
counted: looked at before it is done. Read only."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import select

from lms.attendance.models.credits import Outcome
from lms.attendance.outcomes import CreditValues
from lms.attendance.presence import Span, is_held, span_of
from lms.attendance.queries.closings import find_closing
from lms.attendance.queries.outcomes import compute_credits, written_credits
from lms.catalogue.models import Lecture, Policy, Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.policies import current_policy, policy_for
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import check_can_edit_series
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.enrolment.queries.sharing import hidden_among, names_as_seen
from lms.people.models import Person
from lms.people.queries.persons import addresses_of

PAGE = 50


class ChangeKind(StrEnum):
    """People who would attend and do not now, and the reverse."""

    GAINED = "gain"
    LOST = "lose"


class Change(NamedTuple):
    """The credit of one person, and the one that would replace it; null: no credit."""

    before: CreditValues | None
    after: CreditValues | None

    @property
    def kind(self) -> ChangeKind | None:
        """Whether an attendance would be gained or lost; null: neither."""
        before, after = _attended(self.before), _attended(self.after)
        if before is after:
            return None
        return ChangeKind.GAINED if after else ChangeKind.LOST


def _attended(values: CreditValues | None) -> bool:
    return values is not None and values.outcome is Outcome.ATTENDED


@dataclass(frozen=True)
class OutcomeDifference:
    """The changes that another policy or other times would make to one lecture, by person: those who would keep what
    they have are left out. `key` is another one as soon as anything of it is."""

    lecture_id: int
    changes: dict[int, Change]
    key: str

    @property
    def gained(self) -> list[int]:
        """People who would attend, and do not now."""
        return self.people(ChangeKind.GAINED)

    @property
    def lost(self) -> list[int]:
        """People who attend now, and would not."""
        return self.people(ChangeKind.LOST)

    def people(self, kind: ChangeKind) -> list[int]:
        """Returns whose attendance would be gained, or lost."""
        return [person_id for person_id, change in self.changes.items() if change.kind is kind]


def difference(lecture: Lecture, *, policy: Policy | None = None, span: Span | None = None) -> OutcomeDifference:
    """Returns what recomputing a lecture by another policy, or other times, would change."""
    after = compute_credits(lecture, policy=policy, span=span)
    before = written_credits(lecture.id) if is_held(lecture) else {}
    changes = {}
    for person_id in sorted(after.keys() | before.keys()):
        old, new = before.get(person_id), after.get(person_id)
        if old is None or new is None or old.computed != new.computed:
            changes[person_id] = Change(old, new)
    span = span or span_of(lecture)
    state = (lecture.id, lecture.state.value, lecture.policy_id, policy and policy.id, lecture.actual_start,
            lecture.actual_end, span.start, span.end)  # fmt: skip
    digest = blake2b(repr(state).encode(), digest_size=12)
    for person_id, (old, new) in changes.items():
        digest.update(f"{person_id}|{old and old.computed}|{new and new.computed}\n".encode())
    return OutcomeDifference(lecture.id, changes, digest.hexdigest())


@dataclass(frozen=True)
class PersonChange:
    """A change for one person in one lecture."""

    person: str
    full_name: str
    native_name: str | None
    lecture_id: int
    change: Change

    @property
    def before(self) -> Outcome:
        """As it is counted now."""
        return _outcome(self.change.before)

    @property
    def after(self) -> Outcome:
        """As it would be."""
        return _outcome(self.change.after)


def _outcome(values: CreditValues | None) -> Outcome:
    return values.outcome if values is not None else Outcome.ABSENT


@dataclass(frozen=True)
class LecturePreview:
    """A held lecture with the policy that it was judged by, and what the newest would change of it; a closed one
    stays as it is."""

    lecture: Lecture
    policy: Policy
    difference: OutcomeDifference
    is_closed: bool


@dataclass(frozen=True)
class PolicyPreview:
    """The changes that judging held lectures by the newest policy would make.

    `lectures` were judged by other rules; `chosen` are the numbers of those that are asked for and not closed. `key`
    says what was looked at: it is another one as soon as anything of it has changed.
    """

    series: Series
    policy: Policy
    lectures: list[LecturePreview]
    chosen: list[int]
    key: str

    @property
    def taken(self) -> list[LecturePreview]:
        """The lectures that are chosen."""
        return [one for one in self.lectures if one.lecture.id in self.chosen]

    @property
    def changes(self) -> dict[int, Mapping[int, Change]]:
        """The changes, by lecture and person."""
        return {one.lecture.id: one.difference.changes for one in self.taken}

    def count(self, kind: ChangeKind) -> int:
        """How many credits would be gained or lost."""
        return sum(len(one.difference.people(kind)) for one in self.taken)


def judges_alike(first: Policy, second: Policy) -> bool:
    """Whether two versions ask for the same of a lecture; what they ask for a certificate is not judged by lecture."""
    names = ("min_percent", "replay_days", "walk_ins")
    return all(getattr(first, name) == getattr(second, name) for name in names)


def preview_policy(slug: str, *, chosen: Collection[int] | None = None, by: Actor) -> PolicyPreview:
    """Returns what the newest policy of a series would change of its held lectures: of all, or of those chosen.

    For its instructors and administrators.
    """
    series = get_series(slug, by=by)
    check_can_edit_series(series, by)
    newest = current_policy(series.id)
    differences = []
    for lecture in list_lectures(series.id, by=by):
        if not is_held(lecture):
            continue
        current = policy_for(lecture)
        if current.id != newest.id and not judges_alike(current, newest):
            is_closed = find_closing(lecture.id) is not None
            differences.append(LecturePreview(lecture, current, difference(lecture, policy=newest), is_closed))
    taken = [one for one in differences if not one.is_closed and (chosen is None or one.lecture.id in chosen)]
    parts = [str(newest.id), *(one.difference.key for one in taken)]
    key = blake2b("|".join(parts).encode(), digest_size=12).hexdigest()
    return PolicyPreview(series, newest, differences, [one.lecture.id for one in taken], key)


def list_changes(
    differences: Iterable[OutcomeDifference], kind: ChangeKind, *, series_id: int, by: Actor, page: int = 1
) -> list[PersonChange]:
    """One page of who gains or loses in a series, by name, then in the order of the lectures.

    Where the actor does not see a name, the address is in its place.
    """
    pairs = [
        (person_id, one.lecture_id, one.changes[person_id]) for one in differences for person_id in one.people(kind)
    ]
    people = {person_id for person_id, _lecture, _change in pairs}
    query = select(Person.id, Person.sort_name, Person.public_id, Person.full_name, Person.native_name)
    named = {row.id: row for row in db.session.execute(query.where(among(Person.id, people)))}
    hidden = hidden_among(series_id, people, by=by)
    addresses = addresses_of(hidden)
    pairs.sort(key=lambda pair: ("" if pair[0] in hidden else named[pair[0]].sort_name, pair[0]))
    start = (page - 1) * PAGE
    return [
        PersonChange(named[id_].public_id, *names_as_seen(named[id_], hidden, addresses), lecture_id, change)
        for id_, lecture_id, change in pairs[start : start + PAGE]
    ]
