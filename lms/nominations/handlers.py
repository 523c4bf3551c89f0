"""What nominations do when something happened below."""

from __future__ import annotations

from lms.core.events import PeopleMerged, PersonErased, PersonExportAsked, handles
from lms.nominations.actions.forgetting import forget_person
from lms.nominations.queries.export import export_of_person


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Nothing: whose a nomination is says `person.canonical_id`, and the addresses of both stay known."""


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Nominations of the person stay as anonymous rows; open ones are withdrawn."""
    forget_person(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds the nominations of the person, and those that the person made."""
    event.parts["nominations"] = export_of_person(event.person_id)
