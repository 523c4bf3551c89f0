"""A preview of merging two people, and of undoing it: found by doing it and leaving everything as it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.persons import PersonAttendance, attendance_of_person
from lms.certificates.models import CertificateState
from lms.certificates.queries.certificates import ShownCertificate, list_of_person
from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor, Role
from lms.core.database.session import rehearse
from lms.core.time.clock import day_of, reporting_zone
from lms.core.time.durations import whole_minutes
from lms.dashboards.queries.own import OwnSeries, list_own_series
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.queries.access import list_grants, list_tokens
from lms.people.queries.duplicates import Merge, get_merge
from lms.people.queries.mails import mails_of
from lms.people.queries.persons import person_id_of
from lms.reports.queries.figures import attended_totals
from lms.reports.rules import Slice

_REHEARSED = "?"
"""The reason of a merge that is only looked at."""


@dataclass(frozen=True)
class Holdings:
    """The rows of one person."""

    series: Mapping[int, OwnSeries]
    attendance: Mapping[int, PersonAttendance]
    certificates: tuple[ShownCertificate, ...]
    mails: int
    roles: tuple[Role, ...]

    @property
    def attended(self) -> int:
        """How many lectures count as attended."""
        return sum(one.outcome is Outcome.ATTENDED for one in self.attendance.values())

    @property
    def valid(self) -> tuple[ShownCertificate, ...]:
        """The certificates that are valid."""
        return tuple(certificate for certificate in self.certificates if certificate.state is CertificateState.VALID)


@dataclass(frozen=True)
class MergedFigures:
    """Two of the organiser's totals."""

    participants: int
    attendances: int


@dataclass(frozen=True)
class SharedLecture:
    """A lecture in which both have part, in whole minutes. `at_once`: both were there at the same time."""

    attendance: PersonAttendance
    first: int
    second: int
    together: int
    outcome: Outcome
    at_once: bool


@dataclass(frozen=True)
class MergePreview:
    """The rows that a merge would unite. `earned` are series whose certificate is earned only by both together;
    `replaced` the certificates that another one of the same series takes the place of; `tokens` the API tokens that
    end."""

    first: Holdings
    second: Holdings
    after: Holdings
    now: MergedFigures
    then: MergedFigures
    shared: tuple[SharedLecture, ...]
    earned: tuple[OwnSeries, ...]
    replaced: tuple[ShownCertificate, ...]
    tokens: int

    @property
    def gained_roles(self) -> tuple[Role, ...]:
        """The roles that only the second one has."""
        return tuple(one for one in self.second.roles if one not in self.first.roles)

    @property
    def met_themselves(self) -> bool:
        """Whether both were in one lecture at the same time."""
        return any(one.at_once for one in self.shared)


@dataclass(frozen=True)
class UndoPreview:
    """The rows that each has after a merge is undone. `unearned` are certificates issued since, which the kept person
    would not have earned alone."""

    merge: Merge
    united: Holdings
    kept: Holdings
    merged: Holdings
    now: MergedFigures
    then: MergedFigures
    unearned: tuple[ShownCertificate, ...]


def holdings_of(person_id: int, *, by: Actor, at: datetime) -> Holdings:
    """Returns what a person (canonical id) has."""
    return Holdings(
        series={one.series.id: one for one in list_own_series(person_id, by=by, at=at)},
        attendance={one.lecture_id: one for one in attendance_of_person(person_id, by=by)},
        certificates=tuple(list_of_person(person_id, by=by)),
        mails=mails_of(person_id, by=by, limit=1).total,
        roles=tuple(
            dict.fromkeys(grant.role for grant, _country in list_grants(person_id, by=by) if grant.revoked_at is None)
        ),
    )


def _figures(*, by: Actor, at: datetime) -> MergedFigures:
    counted = attended_totals(Slice(), by=by, at=at)
    return MergedFigures(counted.participants, counted.attendances)


def preview_merge(kept_public_id: str, merged: str, *, by: Actor, at: datetime) -> MergePreview:
    """Returns what uniting two people would change. For administrators. Raises what the merge itself raises."""
    if not by.is_administrator:
        raise Forbidden
    kept_id, merged_id = person_id_of(kept_public_id), person_id_of(merged)
    first, second = (holdings_of(one, by=by, at=at) for one in (kept_id, merged_id))
    now = _figures(by=by, at=at)
    tokens = sum(len(list_tokens(person_id, at=at, by=by)) for person_id in (kept_id, merged_id))

    def merge() -> tuple[Holdings, MergedFigures]:
        merge_people(kept_public_id, merged, reason=_REHEARSED, is_confirmed=True, by=by, at=at)
        return holdings_of(kept_id, by=by, at=at), _figures(by=by, at=at)

    after, then = rehearse(merge)
    both = first.attendance.keys() & second.attendance.keys()
    shared = [_shared(first.attendance[one], second.attendance[one], after.attendance[one]) for one in sorted(both)]
    kept_numbers = {one.number for one in after.valid}
    return MergePreview(
        first=first,
        second=second,
        after=after,
        now=now,
        then=then,
        shared=tuple(one for one in shared if one.first and one.second),
        earned=tuple(
            one
            for id_, one in after.series.items()
            if _is_earned(one) and not any(_is_earned(held.series.get(id_)) for held in (first, second))
        ),
        replaced=tuple(one for held in (first, second) for one in held.valid if one.number not in kept_numbers),
        tokens=tokens,
    )


def _shared(first: PersonAttendance, second: PersonAttendance, after: PersonAttendance) -> SharedLecture:
    return SharedLecture(
        attendance=after,
        first=whole_minutes(first.present_ms),
        second=whole_minutes(second.present_ms),
        together=whole_minutes(after.present_ms),
        outcome=after.outcome,
        at_once=after.present_ms < first.present_ms + second.present_ms,
    )


def _is_earned(own_series: OwnSeries | None) -> bool:
    return own_series is not None and own_series.standing is not None and own_series.standing.is_reached


def preview_undo(merged: str, *, by: Actor, at: datetime) -> UndoPreview:
    """Returns what each would have after a merge is undone. For administrators, else NotFound."""
    merge = get_merge(merged, by=by)
    united, now = holdings_of(merge.kept_id, by=by, at=at), _figures(by=by, at=at)

    def undo() -> tuple[Holdings, Holdings, MergedFigures]:
        undo_merge(merged, by=by, at=at)
        remaining, other = (holdings_of(one, by=by, at=at) for one in (merge.kept_id, merge.merged_id))
        return remaining, other, _figures(by=by, at=at)

    remaining, other, then = rehearse(undo)
    since = day_of(merge.merged_at, reporting_zone()) if merge.merged_at is not None else None
    still = {one.series.slug for one in remaining.series.values() if _is_earned(one)}
    return UndoPreview(
        merge=merge,
        united=united,
        kept=remaining,
        merged=other,
        now=now,
        then=then,
        unearned=tuple(
            one
            for one in remaining.valid
            if since is not None and one.issued_on >= since and one.series_slug not in still
        ),
    )
