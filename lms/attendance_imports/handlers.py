"""Handlers of attendance imports for events of lower slices."""

from lms.attendance_imports.queries.imports import waiting_keys
from lms.attendance_imports.queries.unmatched import has_claims
from lms.core.background.jobs import request_job
from lms.core.base.events import (
    AddressesKnown,
    StoredFilesAsked,
    handles,
)


@handles(AddressesKnown)
def on_addresses(event: AddressesKnown) -> None:
    """Links evidence recorded under a newly verified e-mail address; in a job, because it can touch many lectures and
    locks.
    """
    if has_claims(event.person_ids):
        request_job("claim_unmatched_attendees", {"person_ids": list(event.person_ids)}, by=event.by, at=event.at)


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """Uploaded reports may wait to be imported."""
    event.optional.update(waiting_keys())
