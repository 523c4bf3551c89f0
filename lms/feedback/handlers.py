"""Event handlers of feedback."""

from lms.core.base.events import CopyPreviewed, LecturesCopied, PeopleMerged, PersonErased, PersonExportAsked, handles
from lms.feedback.actions import copy_forms, erase_answers
from lms.feedback.queries import asked_forms, export_of_person


@handles(CopyPreviewed)
def on_preview(event: CopyPreviewed) -> None:
    """How many forms a copy would get."""
    event.counts["feedback"] = sum(map(len, asked_forms(event.series_id, event.lecture_ids).values()))


@handles(LecturesCopied)
def on_copy(event: LecturesCopied) -> None:
    """The copy asks the same questions after lectures and about itself, where that was asked for."""
    if "feedback" in event.parts:
        copy_forms(event.series_id, event.copy_id, event.pairs, at=event.at)


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Nothing: answers stay whose they were, so that they can be parted again. Of one person's, the last counts."""


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Deletes what they wrote. What they chose stays, anonymous."""
    erase_answers(event.person_id)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds their answers."""
    event.parts["feedback"] = export_of_person(event.person_id)
