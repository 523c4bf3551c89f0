"""Handlers of enrolment for events of lower slices."""

from datetime import datetime, timedelta

from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.lectures import get_lecture, was_postponed
from lms.core.base.events import (
    AudienceAsked,
    CapacityChanged,
    CountriesMerged,
    CountryMergeUndone,
    LectureCancelled,
    LectureLengthChanged,
    LecturePostponed,
    LectureScheduled,
    MergeUndone,
    PeopleMerged,
    PeopleTraitsChanged,
    PersonErased,
    PersonExportAsked,
    handles,
)
from lms.core.base.roles import SYSTEM
from lms.enrolment.actions.calendars import delete_address
from lms.enrolment.actions.people_changed import (
    leave_all,
    part_country,
    restore_superseded,
    supersede_duplicates,
    touch_registrations,
    unite_country,
)
from lms.enrolment.calendars import export_of_calendar
from lms.enrolment.membership import enrolled_ids
from lms.enrolment.notices import instant, tell_lecture
from lms.enrolment.queries.audience import count_homes, seats_by_country
from lms.enrolment.queries.people import export_of_person, export_of_seats
from lms.enrolment.seats import promote


@handles(CapacityChanged)
def fill_places(event: CapacityChanged) -> None:
    """More places go to who waits."""
    promote(event.series_id, by=event.by, at=event.at)


@handles(LecturePostponed)
def tell_postponed(event: LecturePostponed) -> None:
    """E-mails the new time, or that there is none yet, to everyone enrolled. Past lectures are not announced."""
    lecture = get_lecture(event.lecture_id, by=SYSTEM)
    if lecture.state is LectureState.DRAFT or not _is_ahead(event.old_start, event.new_start, at=event.at):
        return
    clocks_of = lecture.time_zone if event.are_clocks_changed else ""
    _tell_time(lecture, event.old_start, event.new_start, clocks_of=clocks_of, at=event.at)


@handles(LectureScheduled)
def tell_new_time(event: LectureScheduled) -> None:
    """E-mails the new time of a postponed lecture to everyone enrolled. To new lectures `invite_due` invites."""
    lecture = get_lecture(event.lecture_id, by=SYSTEM)
    if _is_ahead(lecture.starts_at, at=event.at) and was_postponed(lecture.id):
        _tell_time(lecture, None, lecture.starts_at, at=event.at)


@handles(LectureLengthChanged)
def tell_new_length(event: LectureLengthChanged) -> None:
    """E-mails everyone enrolled that a lecture to come takes longer or shorter."""
    lecture = get_lecture(event.lecture_id, by=SYSTEM)
    if _is_ahead(lecture.starts_at, at=event.at):
        _tell_time(lecture, None, lecture.starts_at, has_new_length=True, at=event.at)


def _is_ahead(*moments: datetime | None, at: datetime) -> bool:
    return any(moment is not None and moment > at for moment in moments)


def _tell_time(
    lecture: Lecture,
    old: datetime | None,
    new: datetime | None,
    *,
    has_new_length: bool = False,
    clocks_of: str = "",
    at: datetime,
) -> None:
    tell_lecture(
        "lecture_postponed",
        lecture,
        enrolled_ids(lecture.series_id),
        {"old_at": instant(old), "new_at": instant(new), "has_new_length": has_new_length, "clocks_of": clocks_of},
        expires_at=new,
        at=at,
    )


@handles(LectureCancelled)
def tell_cancelled(event: LectureCancelled) -> None:
    """Each enrolled person hears that the lecture is off, and why."""
    lecture = get_lecture(event.lecture_id, by=SYSTEM)
    tell_lecture(
        "lecture_cancelled",
        lecture,
        enrolled_ids(lecture.series_id),
        {"old_at": instant(lecture.starts_at), "reason": event.reason},
        expires_at=lecture.starts_at + timedelta(days=1) if lecture.starts_at is not None else None,
        at=event.at,
    )


@handles(PeopleMerged)
def unite(event: PeopleMerged) -> None:
    """Rows stay whose they were; of two in one series one speaks on."""
    supersede_duplicates(event.kept_id, by=event.by, at=event.at)
    touch_registrations([event.kept_id, event.merged_id])


@handles(MergeUndone)
def part(event: MergeUndone) -> None:
    """Rows that were superseded speak again."""
    restore_superseded([event.kept_id, event.merged_id], by=event.by, at=event.at)
    touch_registrations([event.kept_id, event.merged_id])


@handles(CountriesMerged)
def unite_countries(event: CountriesMerged) -> None:
    """Registrations and seats are of the country kept, the two quotas of a series become one."""
    unite_country(event)


@handles(CountryMergeUndone)
def part_countries(event: CountryMergeUndone) -> None:
    """Registrations, seats and quotas go back."""
    part_country(event)


@handles(PeopleTraitsChanged)
def count_anew(event: PeopleTraitsChanged) -> None:
    """Registrations count under the sector and gender of today."""
    touch_registrations(event.person_ids)


@handles(PersonErased)
def let_go(event: PersonErased) -> None:
    """The rows stay, as anonymous as their person; what was wanted of the future is given up, and nobody reads the
    calendar any more."""
    delete_address(event.person_id)
    leave_all(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def export(event: PersonExportAsked) -> None:
    """A person's places, with all their times, the seats that the person had, and when the calendar was read."""
    event.parts["enrolment"] = export_of_person(event.person_id)
    event.parts["calendar"] = export_of_calendar(event.person_id)
    event.parts["seats"] = export_of_seats(event.person_id)


@handles(AudienceAsked)
def count_audience(event: AudienceAsked) -> None:
    """Where the enrolled live, or for which countries seats are kept while nobody is enrolled."""
    event.enrolled.update(count_homes(event.series_id, by=event.by, at=event.at))
    if not event.enrolled:
        event.seats.update(seats_by_country(event.series_id))
