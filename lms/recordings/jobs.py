"""Background work: the file for download, and the e-mail about a recording."""

from functools import partial
from typing import Any

from lms.core.background.jobs import Run, job
from lms.core.background.recurring import FILES, recurring
from lms.core.base.errors import NotFound
from lms.core.time import clock
from lms.materials.resumable_uploads import drop_old_uploads
from lms.recordings.actions import ANNOUNCE_JOB, announce, announce_deletions, delete_old_recordings, drop_old_downloads
from lms.recordings.downloads import make_file
from lms.recordings.queries import DOWNLOAD_JOB
from lms.recordings.uploads import PURPOSE


@job(DOWNLOAD_JOB, alone=True)
def make_recording_file(run: Run, *, lecture_id: int, fingerprint: str) -> dict[str, Any]:
    """Puts a recording into one MP4 file."""
    return {"size": make_file(lecture_id, fingerprint, lambda percent: run.progress(percent, 100))}


@job(ANNOUNCE_JOB)
def announce_recording(_run: Run, *, lecture_id: int) -> dict[str, Any]:
    """E-mails people that a recording is there."""
    try:
        return {"is_announced": announce(lecture_id, at=clock.now())}
    except NotFound:  # the lecture was deleted
        return {"is_announced": False}


recurring("notice of deletions", announce_deletions, every=60)
recurring("old recordings", delete_old_recordings, every=60, thread=FILES)
recurring("old downloads", drop_old_downloads, every=60, thread=FILES)
recurring("old uploads of recordings", partial(drop_old_uploads, purpose=PURPOSE), every=60, thread=FILES)
