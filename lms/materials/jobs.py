"""Recurring tasks of files: the virus scanner reads them, and old uploads are deleted."""

from lms.core.background.recurring import FILES, recurring
from lms.materials.actions import scan_waiting_files
from lms.materials.resumable_uploads import drop_old_uploads

recurring("virus scanner", lambda **_at: scan_waiting_files(), thread=FILES)
recurring("old uploads", drop_old_uploads, every=60, thread=FILES)
