"""Handlers of attendance for events of lower slices."""

from lms.attendance.actions.closing import check_lecture_not_closed
from lms.attendance.actions.credits import delete_credits
from lms.attendance.actions.facts import replace_country, update_facts_of_lecture, update_facts_of_people
from lms.attendance.actions.people import erase_evidence, recount_people
from lms.attendance.actions.reminders import forget_reminders
from lms.attendance.models.groups import ViewingGroup
from lms.attendance.notices import tell_recording
from lms.attendance.presence import seen_before
from lms.attendance.queries.persons import export_of_person
from lms.attendance.queries.sessions import awaiting_report
from lms.catalogue.queries.lectures import get_lecture
from lms.core.background.jobs import request_job
from lms.core.base.events import (
    CountriesMerged,
    CountryMergeUndone,
    LectureCancelled,
    LectureEnded,
    LecturePostponed,
    LectureReopened,
    LectureStartUndone,
    LectureTimesCorrected,
    MergeUndone,
    PeopleCountriesChanged,
    PeopleMerged,
    PersonErased,
    PersonExportAsked,
    PlacesTaken,
    RecordingAdded,
    handles,
)
from lms.core.base.roles import SYSTEM
from lms.people.actions.country_merging import move_back, move_rows


@handles(LectureEnded)
def on_ended(event: LectureEnded) -> None:
    """Asks for the credits."""
    request_job("credit_lecture", {"lecture_id": event.lecture_id}, by=event.by, at=event.at)


@handles(LecturePostponed)
def on_postponed(event: LecturePostponed) -> None:
    """Withdraws reminders for the previous time."""
    forget_reminders(event.lecture_id)


@handles(LectureCancelled)
def on_cancelled(event: LectureCancelled) -> None:
    """Takes back reminders."""
    forget_reminders(event.lecture_id)


@handles(LectureTimesCorrected)
def on_times_corrected(event: LectureTimesCorrected) -> None:
    """Requests a recount, because time outside the lecture may now be inside and the other way round. The day counts at
    once.

    Raises Refused, which also stops the correction of times, where attendance is closed.
    """
    check_lecture_not_closed(event.lecture_id)
    update_facts_of_lecture(event.lecture_id)
    request_job("credit_lecture", {"lecture_id": event.lecture_id}, by=event.by, at=event.at)


@handles(LectureReopened)
def on_reopened(event: LectureReopened) -> None:
    """Deletes credits, because a live lecture has none. Raises Refused, which also stops the reopening, where
    attendance is closed.
    """
    check_lecture_not_closed(event.lecture_id)
    delete_credits(event.lecture_id, by=event.by, at=event.at)


@handles(LectureStartUndone)
def on_start_undone(event: LectureStartUndone) -> None:
    """Deletes the credits and keeps the evidence. Refused, and with it the undoing, where attendance is closed."""
    check_lecture_not_closed(event.lecture_id)
    delete_credits(event.lecture_id, by=event.by, at=event.at)


@handles(RecordingAdded)
def on_recording(event: RecordingAdded) -> None:
    """Tells those who missed the lecture, or a part of it; of an outside meeting once its report is there."""
    if not awaiting_report([event.lecture_id]):
        tell_recording(get_lecture(event.lecture_id, by=SYSTEM), at=event.at)


@handles(PlacesTaken)
def on_places_taken(event: PlacesTaken) -> None:
    """Requests a recount where these people were seen before they had a place, because that counts from now on."""
    for lecture_id, people in seen_before(event.series_id, event.person_ids, event.at).items():
        request_job("credit_lecture", {"lecture_id": lecture_id, "person_ids": people}, by=event.by, at=event.at)


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Two credits in one lecture become one, their evidence united."""
    recount_people([event.kept_id, event.merged_id], by=event.by, at=event.at)


@handles(MergeUndone)
def on_unmerged(event: MergeUndone) -> None:
    """Gives each person their own evidence back."""
    recount_people([event.kept_id, event.merged_id], by=event.by, at=event.at)


@handles(PeopleCountriesChanged)
def on_moved(event: PeopleCountriesChanged) -> None:
    """Counts them under the country of each lecture's day."""
    update_facts_of_people(event.person_ids)


@handles(CountriesMerged)
def on_countries_merged(event: CountriesMerged) -> None:
    """Attendances and viewing groups are of the country kept."""
    move_rows(ViewingGroup.country_id, event)
    replace_country(event.merged_id, event.kept_id)


@handles(CountryMergeUndone)
def on_countries_parted(event: CountryMergeUndone) -> None:
    """Gives the viewing groups back. Attendances follow the people (`PeopleCountriesChanged`)."""
    move_back(ViewingGroup.country_id, event)


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Intervals and credits stay, anonymous."""
    erase_evidence(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds presence, corrections and credits."""
    event.parts["attendance"] = export_of_person(event.person_id)
