"""What reports answer to what happens below."""

from __future__ import annotations

from lms.core.events import PeopleMerged, PersonErased, PersonExportAsked, handles
from lms.reports.actions.exports import forget_exports
from lms.reports.actions.saved import forget_person, tell_names_apart
from lms.reports.queries.saved import saved_of_person


@handles(PeopleMerged)
def unite(event: PeopleMerged) -> None:
    """Lists saved reports of merged people together, and renames duplicates."""
    tell_names_apart(event.kept_id, event.merged_id)


@handles(PersonErased)
def erase(event: PersonErased) -> None:
    """Deletes all exported files, which may contain the person, and the person's saved reports."""
    forget_exports()
    forget_person(event.person_id)


@handles(PersonExportAsked)
def export(event: PersonExportAsked) -> None:
    """The reports that the person saved, and those that come by mail."""
    event.parts["reports"] = saved_of_person(event.person_id)
