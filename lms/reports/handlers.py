"""What reports answer to what happens below."""

from __future__ import annotations

from lms.core.events import PersonErased, handles
from lms.reports.actions.exports import forget_exports


@handles(PersonErased)
def erase(_event: PersonErased) -> None:
    """Every file of rows may hold the person: none is kept."""
    forget_exports()
