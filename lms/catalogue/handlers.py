"""Handlers of the catalogue: people are merged, exported or erased, or lose a role."""

from lms.catalogue.actions.naming import part_country, unite_country
from lms.catalogue.actions.people import end_listings, erase_instructor, move_instructor, return_instructor
from lms.catalogue.queries.teaching import export_taught
from lms.core.base.events import (
    CountriesMerged,
    CountryMergeUndone,
    MergeUndone,
    PeopleMerged,
    PersonErased,
    PersonExportAsked,
    RoleRevoked,
    handles,
)


@handles(PeopleMerged)
def on_merge(event: PeopleMerged) -> None:
    """Makes the kept person the instructor of all that the merged one gives."""
    move_instructor(event.merged_id, event.kept_id, by=event.by, at=event.at)


@handles(MergeUndone)
def on_undo(event: MergeUndone) -> None:
    """Gives back what the merge moved."""
    return_instructor(event.merged_id, event.kept_id, by=event.by, at=event.at)
    for person_id in (event.merged_id, event.kept_id):
        end_listings(person_id, by=event.by, at=event.at)


@handles(CountriesMerged)
def on_countries_merged(event: CountriesMerged) -> None:
    """Series for people of either country are for those of the one kept."""
    unite_country(event)


@handles(CountryMergeUndone)
def on_countries_parted(event: CountryMergeUndone) -> None:
    """Series are for the people that they were for."""
    part_country(event)


@handles(RoleRevoked)
def on_revocation(event: RoleRevoked) -> None:
    """Removes a person without the role from the lists of unfinished series."""
    end_listings(event.person_id, by=event.by, at=event.at)


@handles(PersonErased)
def on_erasure(event: PersonErased) -> None:
    """An erased person gives nothing any more; what was given stays without the name."""
    erase_instructor(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds what is stored here on a person: series and lectures given, changes made."""
    event.parts["catalogue"] = export_taught(event.person_id, by=event.by)
