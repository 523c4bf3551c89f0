"""Handlers of reports for events of lower slices."""

from lms.core.base.events import (
    CountriesMerged,
    CountryMergeUndone,
    PeopleMerged,
    PersonErased,
    PersonExportAsked,
    StoredFilesAsked,
    handles,
)
from lms.people.actions.country_merging import move_back, move_rows
from lms.reports.actions.exports import forget_exports
from lms.reports.actions.saved import forget_person, tell_names_apart
from lms.reports.models import OpeningRow
from lms.reports.queries.saved import saved_of_person
from lms.reports.queries.snapshots import dossier_keys


@handles(PeopleMerged)
def unite(event: PeopleMerged) -> None:
    """Lists saved reports of merged people together, and renames duplicates."""
    tell_names_apart(event.kept_id, event.merged_id)


@handles(CountriesMerged)
def unite_countries(event: CountriesMerged) -> None:
    """Opening balances are of the country kept. Published reports stay as they are."""
    move_rows(OpeningRow.country_id, event)


@handles(CountryMergeUndone)
def part_countries(event: CountryMergeUndone) -> None:
    """Opening balances have their country again."""
    move_back(OpeningRow.country_id, event)


@handles(PersonErased)
def erase(event: PersonErased) -> None:
    """Deletes all exported files, which may contain the person, and the person's saved reports."""
    forget_exports()
    forget_person(event.person_id)


@handles(PersonExportAsked)
def export(event: PersonExportAsked) -> None:
    """The reports that the person saved, and those that come by mail."""
    event.parts["reports"] = saved_of_person(event.person_id)


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """Dossiers attached to published reports must be there."""
    event.needed.update(dossier_keys())
