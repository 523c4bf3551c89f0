"""Handlers of certificates for events of lower slices."""

from lms.catalogue.queries.lectures import get_lecture
from lms.certificates import numbers
from lms.certificates.actions import changes
from lms.certificates.actions.records import forget_records
from lms.certificates.actions.requirements import JOB, add_growth
from lms.certificates.models import Award
from lms.certificates.queries import (
    certificates,
    conditions,
    designs,
    eligibility,
    holder_downloads,
    progress,
    records,
)
from lms.core.background.jobs import request_job
from lms.core.base.events import (
    ConditionsAsked,
    CountriesMerged,
    CountryMergeUndone,
    EarnedAsked,
    GrowthAsked,
    LectureScheduled,
    MergeUndone,
    PeopleMerged,
    PeopleTraitsChanged,
    PersonErased,
    PersonExportAsked,
    PersonNameCorrected,
    ProgressAsked,
    RequirementAsked,
    StoredFilesAsked,
    handles,
)
from lms.core.base.roles import SYSTEM
from lms.mail.decisions import TIME_TO_STOP
from lms.people.actions.country_merging import move_back, move_rows


@handles(PersonNameCorrected)
def supersede(event: PersonNameCorrected) -> None:
    """A new name supersedes the person's certificates."""
    changes.supersede(event.person_id, by=event.by, at=event.at)


@handles(PeopleMerged)
def unite(event: PeopleMerged) -> None:
    """Two certificates of one series become the earliest valid one."""
    changes.unite(event.kept_id, event.merged_id, by=event.by, at=event.at)
    changes.touch_awards([event.kept_id, event.merged_id])


@handles(MergeUndone)
def part(event: MergeUndone) -> None:
    """Makes the replaced certificate valid again."""
    changes.part(event.kept_id, event.merged_id, by=event.by, at=event.at)
    changes.touch_awards([event.kept_id, event.merged_id])


@handles(CountriesMerged)
def unite_countries(event: CountriesMerged) -> None:
    """Awards are of the country kept."""
    move_rows(Award.awarded_country_id, event)
    changes.touch_awards_moved(event)


@handles(CountryMergeUndone)
def part_countries(event: CountryMergeUndone) -> None:
    """Awards have the country that they were issued with."""
    changes.touch_awards_moved(event)
    move_back(Award.awarded_country_id, event)


@handles(PeopleTraitsChanged)
def count_anew(event: PeopleTraitsChanged) -> None:
    """Awards count under the sector and gender of today."""
    changes.touch_awards(event.person_ids)


@handles(PersonErased)
def erase(event: PersonErased) -> None:
    """Certificates are withdrawn if the person chose so; learning records state nothing any more."""
    changes.erase_holder(event.person_id, withdraw_certificates=event.withdraw_certificates, by=event.by, at=event.at)
    forget_records(event.person_id)


@handles(ProgressAsked)
def add_progress(event: ProgressAsked) -> None:
    """How far each of the people is towards the certificate of the series."""
    progress_of = progress.standings_of(event.series_id, event.person_ids, at=event.at)
    event.progress.update({person_id: standing.in_numbers for person_id, standing in progress_of.items()})


@handles(ConditionsAsked)
def add_conditions(event: ConditionsAsked) -> None:
    """Adds what somebody has to do still besides attending."""
    event.others.update(conditions.others_of(event.series_id, event.person_id, at=event.at)._asdict())


@handles(EarnedAsked)
def add_waiting(event: EarnedAsked) -> None:
    """Adds how many people have earned the certificate and do not have it yet."""
    event.waiting.append(progress.count_waiting(event.series_id, by=event.by, at=event.at))


@handles(RequirementAsked)
def add_requirement(event: RequirementAsked) -> None:
    """Adds the requirement for the certificate of the series."""
    required = eligibility.requirements_of([event.series_id], at=event.at).get(event.series_id)
    if required is not None:
        event.required.update(
            lectures=required.lectures,
            minutes=required.minutes,
            percent=required.percent,
            checks=required.checks,
            feedback=required.feedback,
        )


@handles(GrowthAsked)
def add_growth_to_invitations(event: GrowthAsked) -> None:
    """Adds by how much the requirement has grown since readers enrolled or last read of it."""
    add_growth(event.series_id, event.growth, at=event.at)


@handles(LectureScheduled)
def tell_growth_later(event: LectureScheduled) -> None:
    """A minute after a lecture was published in a series that people are enrolled in, it is looked whether the
    certificate requires more."""
    series = get_lecture(event.lecture_id, by=SYSTEM).series
    if series.enrolled:
        arguments = {"series_id": series.id, "published_id": event.lecture_id}
        request_job(JOB, arguments, by=event.by, at=event.at, due_at=event.at + TIME_TO_STOP)


@handles(PersonExportAsked)
def export(event: PersonExportAsked) -> None:
    """All certificates and learning records of the person."""
    event.parts["certificates"] = [
        {
            "number": shown.number,
            "state": str(shown.state),
            "name": shown.name,
            "native_name": shown.native_name,
            "series": shown.series,
            "kind": str(shown.kind),
            "hours": shown.hours,
            "date": shown.issued_on.isoformat(),
            "lectures": shown.lectures,
            "replaces": shown.replaces,
            "reason": shown.reason,
            "badge": holder_downloads.find_badge(shown.number),
        }
        for shown in certificates.list_of_person(event.person_id, by=SYSTEM)
    ]
    event.parts["learning_records"] = [
        {"number": numbers.write(row.number), "made_at": row.made_at.isoformat(), "content": row.content}
        for row in records.rows_of(event.person_id)
    ]


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """Pictures of designs and learning records must be there; files of certificates are created on request."""
    event.needed.update(designs.picture_keys(), records.file_keys())
    event.optional.update(certificates.file_keys())
