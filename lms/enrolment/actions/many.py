"""Enrolling many people at once, as from a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from lms.core import audit
from lms.core.db import action, db
from lms.core.errors import Forbidden
from lms.core.i18n import _n
from lms.core.imports import ImportAnswer
from lms.core.roles import Actor
from lms.enrolment import rules, seats
from lms.enrolment.actions.places import come_back, insert_rows, lock, required_now, share_profile
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus, SeatKind, SeatReason
from lms.enrolment.queries.rows import day_of, standing_of
from lms.enrolment.queries.sharing import known_to
from lms.people.actions.files import StagedPeople, publish_people
from lms.people.models import new_public_id
from lms.people.queries.countries import countries_of


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
    walk_in = source is EnrolmentSource.WALK_IN
    distinct_ids = list(dict.fromkeys(person_ids))
    standing = standing_of(series_id, distinct_ids)
    comes = EnrolmentStatus.WITHDRAWN if walk_in else EnrolmentStatus.APPLIED
    entering = [pid for pid in distinct_ids if pid not in standing or standing[pid][1] is comes]
    rows = {pid: db.session.get_one(Enrolment, standing[pid][0]) for pid in entering if pid in standing}
    countries = countries_of(entering, day_of(at))
    claims = [seats.Claim(rows[pid].person_id if pid in rows else pid, countries[pid]) for pid in entering]
    kinds = seats.take_seats(series_id, claims, why=SeatReason.ENROLLED, by=by, at=at, by_hand=not walk_in)
    seated = {pid: kind for pid, kind in zip(entering, kinds, strict=True) if kind is not None}
    staying = [pid for pid in entering if pid in seated or not walk_in]
    now = {pid: status for pid, (_row_id, status) in standing.items()}
    shared = set(staying) if by.is_administrator else known_to(staying, by)
    required = required_now(series_id, at) if staying else {}
    new: list[dict[str, object]] = []
    for index, pid in enumerate(staying):
        now[pid] = EnrolmentStatus.ENROLLED if pid in seated else EnrolmentStatus.WAITLISTED
        kind = seated.get(pid)
        if pid in rows:
            row = rows[pid]
            if row.status is EnrolmentStatus.WITHDRAWN:
                come_back(row, required, at)
            row.status = now[pid]
            if kind is not None:
                seats.seat(row, kind, countries[pid], at=at)
            if pid in shared:
                share_profile(row, at=at)
            continue
        new.append(
            {
                "public_id": new_public_id(),
                "series_id": series_id,
                "person_id": pid,
                "status": now[pid],
                "source": source,
                "registered_at": at,
                "registered_country_id": countries.get(pid),
                "queued_at": at + timedelta(microseconds=index),  # apart, so that the line keeps the order given
                "enrolled_at": at if kind is not None else None,
                "profile_shared_at": at if pid in shared else None,
                "seat_kind": kind,
                "seat_country_id": countries[pid] if kind is SeatKind.QUOTA else None,
                **required,
            }
        )
    insert_rows(new)
    seats.publish_places(series_id, sorted(seated), by=by, at=at)
    if staying:
        audit.record("enrolment.enrol_many", by=by, at=at, detail={"source": source}, series=series_id, person=staying)
    return now


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
