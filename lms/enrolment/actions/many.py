"""Enrolling many people at once, and their files from the upload to the preview."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lms.catalogue.models import Series
from lms.core.base.errors import Forbidden
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.storage.staged import StagedFiles
from lms.core.text.i18n import _n
from lms.enrolment import rules, seats
from lms.enrolment.actions.places import come_back, insert_rows, lock, required_now, share_profile
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus, SeatKind, SeatReason
from lms.enrolment.queries.rows import day_of, standing_of
from lms.enrolment.queries.sharing import known_to
from lms.people.actions.files import publish_people
from lms.people.models import new_public_id
from lms.people.people_files import StagedPeople, reject_unknown_nameless, stage_people
from lms.people.queries.countries import countries_of


@dataclass(frozen=True)
class EnrolmentFile:
    """A file as it was read. `mark` differs from that of any other upload."""

    name: str
    mark: str
    people: StagedPeople


_FILES: Final = StagedFiles("enrolments", EnrolmentFile)


def keep_file(series_id: int, content: bytes, *, name: str, by: Actor, at: datetime) -> None:
    """Reads a file and keeps it for its preview, in place of the actor's last one for the series. Enrols nobody.

    Raises Forbidden, Invalid, WrongKind and TooLarge.
    """
    if not by.is_administrator:
        raise Forbidden
    people = stage_people(content, look_up_nameless=False)
    file = EnrolmentFile(name[:200], secrets.token_hex(16), people)
    _FILES.keep(str(series_id), file, by=by, at=at)


def find_file(series_id: int, *, by: Actor, at: datetime) -> EnrolmentFile | None:
    """The file that waits for the actor's decision, its rows checked against the people known now, or None."""
    file = _FILES.find(str(series_id), by=by, at=at)
    if file is not None:
        reject_unknown_nameless(file.people)
    return file


def drop_file(series_id: int, *, by: Actor) -> None:
    """Deletes the file that waits, if any."""
    _FILES.drop(str(series_id), by=by)


@action
def enrol_many(
    series_id: int, person_ids: Sequence[int], *, source: EnrolmentSource, by: Actor, at: datetime
) -> dict[int, EnrolmentStatus]:
    """Enrols many people at once, without mail; returns the status of each.

    Places are given in the order of `person_ids`; people without one wait, in this order. A walk-in without a place is
    not put on the waiting list, and is missing in the result if there was no row. Withdrawn and rejected people stay
    so; only a walk-in returns by attending, and leaves an application undecided.
    """
    series = lock(series_id, by, at)
    rules.check_is_staff_of(series, by)
    is_walk_in = source is EnrolmentSource.WALK_IN
    distinct_ids = list(dict.fromkeys(person_ids))
    standing = standing_of(series_id, distinct_ids)
    returning = EnrolmentStatus.WITHDRAWN if is_walk_in else EnrolmentStatus.APPLIED
    entering = [pid for pid in distinct_ids if pid not in standing or standing[pid][1] is returning]
    rows = {pid: db.session.get_one(Enrolment, standing[pid][0]) for pid in entering if pid in standing}
    places = _take_places(series, entering, rows, is_walk_in=is_walk_in, by=by, at=at)
    people = [place.person_id for place in places]
    shared = set(people) if by.is_administrator else known_to(people, by)
    _write_places(series_id, places, source=source, shared=shared, at=at)
    seats.publish_places(series_id, sorted(place.person_id for place in places if place.kind), by=by, at=at)
    if people:
        audit.record("enrolment.enrol_many", by=by, at=at, detail={"source": source}, series=series_id, person=people)
    before = {pid: status for pid, (_row_id, status) in standing.items()}
    return before | {place.person_id: place.status for place in places}


class _Place(NamedTuple):
    """The place that somebody gets: a seat of some kind for their country, or a place on the waiting list (`kind`
    null).

    `row` is their enrolment, if they applied or withdrew before.
    """

    person_id: int
    row: Enrolment | None
    kind: SeatKind | None
    country_id: int | None

    @property
    def status(self) -> EnrolmentStatus:
        """The status that comes with it."""
        return EnrolmentStatus.ENROLLED if self.kind else EnrolmentStatus.WAITLISTED


def _take_places(
    series: Series, person_ids: list[int], rows: Mapping[int, Enrolment], *, is_walk_in: bool, by: Actor, at: datetime
) -> list[_Place]:
    """Takes seats in this order; people without one wait, except for walk-ins."""
    countries = countries_of(person_ids, day_of(at))
    claims = [seats.Claim(rows[pid].person_id if pid in rows else pid, countries[pid]) for pid in person_ids]
    kinds = seats.take_seats(series, claims, why=SeatReason.ENROLLED, by=by, at=at, by_hand=not is_walk_in)
    places = [_Place(pid, rows.get(pid), kind, countries[pid]) for pid, kind in zip(person_ids, kinds, strict=True)]
    return [place for place in places if place.kind or not is_walk_in]


def _write_places(
    series_id: int, places: list[_Place], *, source: EnrolmentSource, shared: Collection[int], at: datetime
) -> None:
    required = required_now(series_id, at) if places else {}
    new: list[dict[str, object]] = []
    for index, place in enumerate(places):
        is_shared = place.person_id in shared
        if place.row is not None:
            _give_place(place.row, place, required, is_shared=is_shared, at=at)
            continue
        new.append(
            {
                "public_id": new_public_id(),
                "series_id": series_id,
                "person_id": place.person_id,
                "status": place.status,
                "source": source,
                "registered_at": at,
                "registered_country_id": place.country_id,
                "queued_at": at + timedelta(microseconds=index),  # apart, so that the line keeps the order given
                "enrolled_at": at if place.kind else None,
                "profile_shared_at": at if is_shared else None,
                "seat_kind": place.kind,
                "seat_country_id": place.country_id if place.kind is SeatKind.QUOTA else None,
                **required,
            }
        )
    insert_rows(new)


def _give_place(
    row: Enrolment, place: _Place, required: Mapping[str, int | None], *, is_shared: bool, at: datetime
) -> None:
    """Gives a place to somebody who applied or withdrew before."""
    if row.status is EnrolmentStatus.WITHDRAWN:
        come_back(row, required, at)
    row.status = place.status
    if place.kind is not None:
        seats.seat(row, place.kind, place.country_id, at=at)
    if is_shared:
        share_profile(row, at=at)


@action
def publish_enrolments(
    series_id: int, staged: StagedPeople, *, skip_bad_rows: bool, by: Actor, at: datetime
) -> ImportAnswer:
    """Creates and updates the people of a file, and enrols them at once, without invitation or mail.

    `created` counts new places, `updated` rows whose person or place changed, `unchanged` the others. Withdrawn and
    rejected people stay so, with a note. Without `skip_bad_rows` one bad row makes it Invalid, with all of them, and
    nothing is written. For administrators.
    """
    if not by.is_administrator:
        raise Forbidden
    answer, person_ids = publish_people(staged, skip_bad_rows=skip_bad_rows, by=by, at=at)
    before = standing_of(series_id, person_ids)
    after = enrol_many(series_id, person_ids, source=EnrolmentSource.FILE, by=by, at=at)
    changed = {pid for pid, (_row, status) in before.items() if after[pid] is not status} | answer.touched
    answer.created = sum(1 for pid in after if pid not in before)
    answer.updated = sum(1 for pid in before if pid in changed)
    answer.unchanged = len(before) - answer.updated
    waiting = sum(1 for pid, status in after.items() if pid not in before and status is EnrolmentStatus.WAITLISTED)
    out = sum(1 for status in after.values() if status not in rules.ACTIVE)
    if waiting:
        note = _n("%(num)s person is on the waiting list.", "%(num)s people are on the waiting list.", waiting)
        answer.notes.append(note)
    if out:
        note = _n(
            "%(num)s person withdrew from this series or was rejected before, and was not enrolled. Ask them first.",
            "%(num)s people withdrew from this series or were rejected before, and were not enrolled. Ask them first.",
            out,
        )
        answer.notes.append(note)
    return answer
