"""What recurs: invitations that expire, and names that are no longer needed."""

from __future__ import annotations

from datetime import datetime

from lms.nominations.actions.forgetting import forget_old
from lms.nominations.actions.invitations import expire_due


def run_due_nominations(*, at: datetime) -> None:
    """Lets invitations expire, and erases the names in nominations that ended long ago."""
    expire_due(at=at)
    forget_old(at=at)
