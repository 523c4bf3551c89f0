"""Knowledge checks in the background: attempts whose time is over are handed in, and large files of questions read."""

from typing import Any

from lms.checks.actions.attempts import submit_overdue
from lms.checks.actions.large_files import JOB, read_kept
from lms.core.background.jobs import Run, job
from lms.core.background.recurring import recurring
from lms.core.base.roles import Actor
from lms.core.time import clock
from lms.people.queries.access import load_actor
from lms.web.pages.locale import speaking

recurring("overdue knowledge checks", submit_overdue, every=30)


@job(JOB)
def run_reading(_run: Run, *, series_id: int, slug: str, file_id: str, language: str, by: int) -> dict[str, Any]:
    """Reads a file of questions, for as long as its sender may change the bank."""
    del series_id  # tells what the job is about
    at = clock.now()
    actor = load_actor(by, at) or Actor()
    with speaking(actor.locale or "en", None):  # what a reader says of a line is for its sender
        return read_kept(slug, file_id, language=language, by=actor, at=at)
