"""What attendance imports do when something happened below."""

from __future__ import annotations

from lms.attendance_imports.queries.unmatched import has_claims
from lms.core.events import (
    AddressesKnown,
    handles,
)
from lms.core.jobs import request_job


@handles(AddressesKnown)
def on_addresses(event: AddressesKnown) -> None:
    """What was seen under an address of theirs before they were known becomes theirs: in a task, since it may be in
    many lectures, and since it holds more than whoever says the address does."""
    if has_claims(event.person_ids):
        request_job("claim_appearances", {"person_ids": list(event.person_ids)}, by=event.by, at=event.at)
