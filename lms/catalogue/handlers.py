"""What the catalogue does when people are merged, exported or erased."""

from __future__ import annotations

from lms.catalogue.actions.people import erase_instructor, move_instructor, return_instructor
from lms.catalogue.queries import export_taught
from lms.core.events import MergeUndone, PeopleMerged, PersonErased, PersonExportAsked, handles


@handles(PeopleMerged)
def on_merge(event: PeopleMerged) -> None:
    """What the merged person gives, the kept one gives from now on."""
    move_instructor(event.merged_id, event.kept_id, by=event.by, at=event.at)


@handles(MergeUndone)
def on_undo(event: MergeUndone) -> None:
    """What was moved by the merge goes back."""
    return_instructor(event.merged_id, event.kept_id, by=event.by, at=event.at)


@handles(PersonErased)
def on_erasure(event: PersonErased) -> None:
    """An erased person gives nothing any more; what was given stays without the name."""
    erase_instructor(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """What is stored here on a person: series and lectures given, changes made."""
    event.parts["catalogue"] = export_taught(event.person_id, by=event.by)
