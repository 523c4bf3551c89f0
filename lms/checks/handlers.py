"""Handlers of knowledge checks for events of lower slices."""

from lms.checks.actions.attempts import forget_person
from lms.checks.queries.checks import export_of_person
from lms.core.base.events import PeopleMerged, PersonErased, PersonExportAsked, handles


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Nothing: attempts and extra time stay whose they were, and are read as those of one person."""


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Deletes the answers of the person."""
    forget_person(event.person_id)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds the attempts of the person."""
    event.parts["knowledge_checks"] = export_of_person(event.person_id)
