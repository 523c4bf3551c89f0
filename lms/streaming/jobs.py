"""What the worker does for streams: it deletes what no viewer needs."""

from lms.core.background.recurring import FILES, recurring
from lms.streaming.actions import drop_old_chunks, drop_old_rehearsals

recurring("old chunks", drop_old_chunks, every=60, thread=FILES)
recurring("old rehearsals", drop_old_rehearsals, every=60, thread=FILES)
