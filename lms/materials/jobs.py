"""What the worker does for files: it lets the virus scanner read them, and deletes old uploads."""

from lms.core.background.recurring import FILES, recurring
from lms.materials.actions import scan_waiting_files
from lms.materials.resumable_uploads import drop_old_uploads

recurring("virus scanner", lambda **_at: scan_waiting_files(), thread=FILES)
recurring("old uploads", drop_old_uploads, every=60, thread=FILES)
