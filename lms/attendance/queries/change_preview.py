"""What the newest policy of a series, or other times of a lecture, would change of what was counted: looked at before
it is done. Read only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from sqlalchemy import select

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.closings import find_closing
from lms.attendance.queries.evidence import is_held
from lms.attendance.queries.reckoning import Change, Difference, Values, difference
from lms.catalogue.models import Lecture, Policy, Series
from lms.catalogue.queries import current_policy, get_series, list_lectures, policy_for
from lms.catalogue.rules import check_can_edit_series
from lms.core.bulk import among
from lms.core.db import db
from lms.core.roles import Actor
from lms.enrolment.queries.sharing import hidden_among
from lms.people.models import Person
from lms.people.queries.persons import addresses_of

PAGE = 50


class Side(StrEnum):
    """Who attends by what would be and does not now, and the other way round."""

    GAIN = "gain"
    LOSE = "lose"


@dataclass(frozen=True)
class PersonChange:
    """What would change for one person in one lecture."""

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


def _outcome(values: Values | None) -> Outcome:
    return values.outcome if values is not None else Outcome.ABSENT


@dataclass(frozen=True)
class Weighed:
    """A held lecture with the policy that it was judged by, and what the newest would change of it; a closed one
    stays as it is."""

    lecture: Lecture
    policy: Policy
    difference: Difference
    is_closed: bool


@dataclass(frozen=True)
class PolicyPreview:
    """What judging held lectures by the newest policy would change.

    `lectures` were judged by other rules; `chosen` are the numbers of those that are asked for and not closed. `key`
    says what was looked at: it is another one as soon as anything of it has changed.
    """

    series: Series
    policy: Policy
    lectures: list[Weighed]
    chosen: list[int]
    key: str

    @property
    def taken(self) -> list[Weighed]:
        """The lectures that are chosen."""
        return [one for one in self.lectures if one.lecture.id in self.chosen]

    @property
    def changes(self) -> dict[int, Mapping[int, Change]]:
        """What would change, by lecture and person."""
        return {one.lecture.id: one.difference.changes for one in self.taken}

    def count(self, side: Side) -> int:
        """How many credits would be gained or lost."""
        return sum(len(sided(one.difference, side)) for one in self.taken)


def sided(found: Difference, side: Side) -> list[int]:
    """Who gains, or who loses."""
    return found.gaining if side is Side.GAIN else found.losing


def judges_alike(first: Policy, second: Policy) -> bool:
    """Whether two versions ask for the same of a lecture; what they ask for a certificate is not judged by lecture."""
    names = ("min_percent", "walk_ins")
    return all(getattr(first, name) == getattr(second, name) for name in names)


def preview_policy(slug: str, *, chosen: Collection[int] | None = None, by: Actor) -> PolicyPreview:
    """What the newest policy of a series would change of its held lectures: of all, or of those chosen.

    For its instructors and administrators.
    """
    series = get_series(slug, by=by)
    check_can_edit_series(series, by)
    newest = current_policy(series.id)
    found = []
    for lecture in list_lectures(series.id, by=by):
        if not is_held(lecture):
            continue
        own = policy_for(lecture)
        if own.id != newest.id and not judges_alike(own, newest):
            is_closed = find_closing(lecture.id) is not None
            found.append(Weighed(lecture, own, difference(lecture, policy=newest), is_closed))
    taken = [one for one in found if not one.is_closed and (chosen is None or one.lecture.id in chosen)]
    said = [str(newest.id), *(one.difference.key for one in taken)]
    key = blake2b("|".join(said).encode(), digest_size=12).hexdigest()
    return PolicyPreview(series, newest, found, [one.lecture.id for one in taken], key)


def list_changes(
    found: Iterable[Difference], side: Side, *, series_id: int, by: Actor, page: int = 1
) -> list[PersonChange]:
    """One page of who gains or loses in a series, by name, then in the order of the lectures.

    Where the actor does not see a name, the address is in its place.
    """
    pairs = [(person_id, one.lecture_id, one.changes[person_id]) for one in found for person_id in sided(one, side)]
    people = {person_id for person_id, _lecture, _change in pairs}
    query = select(Person.id, Person.sort_name, Person.public_id, Person.full_name, Person.native_name)
    named = {row.id: row for row in db.session.execute(query.where(among(Person.id, people)))}
    hidden = hidden_among(series_id, people, by=by)
    addresses = addresses_of(hidden)
    pairs.sort(key=lambda pair: ("" if pair[0] in hidden else named[pair[0]].sort_name, pair[0]))
    start = (page - 1) * PAGE
    return [
        PersonChange(
            named[id_].public_id,
            addresses.get(id_, "") if id_ in hidden else named[id_].full_name,
            None if id_ in hidden else named[id_].native_name,
            lecture_id,
            change,
        )
        for id_, lecture_id, change in pairs[start : start + PAGE]
    ]
