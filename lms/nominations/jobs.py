"""Nominations in the background: large files, decisions on many, and what is due or no longer needed."""

from datetime import datetime
from typing import Any

from lms.batches.kinds import register
from lms.core.background.jobs import Run, job
from lms.core.background.recurring import recurring
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.nominations.actions.decision_batches import DECISIONS
from lms.nominations.actions.files import JOB as FILE
from lms.nominations.actions.files import find_file, nominate_large_file
from lms.nominations.actions.forgetting import forget_old
from lms.nominations.actions.invitations import expire_due
from lms.nominations.actions.profile_requests import forget_old_requests
from lms.people.queries.access import load_actor

register(DECISIONS)
recurring("expired nominations", expire_due)
recurring("old nominations", forget_old, every=60)
recurring("old profile requests", forget_old_requests, every=60)


@job(FILE)
def run_file(
    run: Run, *, file_id: str, series_id: int, submit: bool, by: int, at: str, ask: bool = False
) -> dict[str, Any]:
    """Nominates the people of a large file, for as long as its sender may nominate for the country."""
    del series_id  # tells what the job is about
    actor, moment = load_actor(by, clock.now()), datetime.fromisoformat(at)
    try:
        file = find_file(file_id, by=actor or Actor(), at=moment)
    except NotFound:
        raise NotFound(_("This upload has expired. Upload the file again.")) from None
    result = nominate_large_file(file, submit=submit, ask=ask, by=actor or Actor(), at=moment, progress=run.progress)
    return {
        **result.made,
        "unchanged": result.unchanged,
        "left_out": len(result.rejected),
        **({"asked": result.requested} if result.requested else {}),
    }
