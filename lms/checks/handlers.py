"""Handlers of knowledge checks for events of lower slices."""

from lms.checks.actions.attempts import forget_person
from lms.checks.actions.checks import copy_checks
from lms.checks.actions.handing_in import note_who_saw_together
from lms.checks.queries.checks import count_checks, count_questions, export_of_person
from lms.core.base.events import (
    CopyPreviewed,
    LecturesCopied,
    MergeUndone,
    PeopleMerged,
    PersonErased,
    PersonExportAsked,
    handles,
)


@handles(CopyPreviewed)
def on_preview(event: CopyPreviewed) -> None:
    """How many checks a copy would get, and how many questions its bank."""
    event.counts.update(checks=count_checks(event.series_id, event.lecture_ids), bank=count_questions(event.series_id))


@handles(LecturesCopied)
def on_copy(event: LecturesCopied) -> None:
    """The copy has the same bank and checks, where they were asked for."""
    if "checks" in event.parts:
        copy_checks(event.series_id, event.copy_id, event.pairs, days=event.days, at=event.at)


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Nothing: attempts and extra time stay whose they were, and are read as those of one person."""


@handles(MergeUndone)
def on_parted(event: MergeUndone) -> None:
    """Notes which right answers the two could see while they were one person: neither begins these checks again."""
    note_who_saw_together(event.kept_id, event.merged_id, at=event.at)


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Deletes the answers of the person."""
    forget_person(event.person_id)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds the attempts of the person."""
    event.parts["knowledge_checks"] = export_of_person(event.person_id)
