"""What nominations do when something happened below."""

from __future__ import annotations

from lms.core.events import PeopleMerged, PersonErased, PersonExportAsked, handles
from lms.nominations.actions.forgetting import forget_person
from lms.nominations.queries.export import export_of_person
from lms.nominations.queries.profile_requests import requests_of_person


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Nothing: whose a nomination is says `person.canonical_id`, and the addresses of both stay known."""


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Nominations of the person stay as anonymous rows; open ones are withdrawn. Requests to confirm changes go."""
    forget_person(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds the nominations of the person, and what the person was asked to confirm."""
    event.parts["nominations"] = export_of_person(event.person_id)
    event.parts["profile_requests"] = requests_of_person(event.person_id)
