"""Event handlers of feedback."""

from lms.core.base.events import PeopleMerged, PersonErased, PersonExportAsked, handles
from lms.feedback.actions import erase_answers
from lms.feedback.queries import export_of_person


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
