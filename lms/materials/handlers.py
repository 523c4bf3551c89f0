"""What files do when their lectures are copied."""

from __future__ import annotations

from lms.core.events import CopyPreviewed, LecturesCopied, StoredFilesAsked, handles
from lms.materials.actions import copy_files
from lms.materials.queries import count_copyable, stored_keys


@handles(CopyPreviewed)
def on_preview(event: CopyPreviewed) -> None:
    """How many files a copy would get."""
    event.counts["files"] = count_copyable(event.lecture_ids)


@handles(LecturesCopied)
def on_copy(event: LecturesCopied) -> None:
    """The copies list the same files, where they were asked for."""
    if "files" in event.parts:
        copy_files(event.pairs, by=event.by, at=event.at)


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """The content of lecture files must be there."""
    event.needed.update(stored_keys())
