"""Handlers of nominations for events of lower slices."""

from lms.core.base.events import (
    CountriesMerged,
    CountryMergeUndone,
    NomineesAsked,
    PeopleMerged,
    PersonErased,
    PersonExportAsked,
    StoredFilesAsked,
    handles,
)
from lms.nominations.actions.countries import part_country, unite_country
from lms.nominations.actions.forgetting import forget_person
from lms.nominations.queries.listing import letter_keys
from lms.nominations.queries.of_country import export_of_person, nominee_names
from lms.nominations.queries.profile_requests import requests_of_person


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Nothing: whose a nomination is says `person.canonical_id`, and the addresses of both stay known."""


@handles(CountriesMerged)
def on_countries_merged(event: CountriesMerged) -> None:
    """Nominations are of the country kept."""
    unite_country(event)


@handles(CountryMergeUndone)
def on_countries_parted(event: CountryMergeUndone) -> None:
    """Nominations go back, with the seats that are held for nominees."""
    part_country(event)


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Nominations of the person stay as anonymous rows; open ones are withdrawn. Requests to confirm changes go."""
    forget_person(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds the nominations of the person, and what the person was asked to confirm."""
    event.parts["nominations"] = export_of_person(event.person_id)
    event.parts["profile_requests"] = requests_of_person(event.person_id)


@handles(NomineesAsked)
def on_nominees_asked(event: NomineesAsked) -> None:
    """Adds the names of nominees that the reader may know."""
    event.names.update(nominee_names(event.series_id, event.nominees, event.q, by=event.by))


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """Letters of endorsement must be there."""
    event.needed.update(letter_keys())
