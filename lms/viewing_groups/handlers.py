"""Handlers of viewing groups for events of lower slices."""

from lms.core.base.events import PersonErased, PersonExportAsked, handles
from lms.viewing_groups.actions.signing import forget_in_groups
from lms.viewing_groups.queries import export_of_person


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Removes the person from lists that nobody has signed; entries of signed lists stay, anonymous."""
    forget_in_groups(event.person_id, by=event.by, at=event.at)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds the groups that list the person, or that the person opened or signed."""
    event.parts["attendance"]["groups"] = export_of_person(event.person_id)
