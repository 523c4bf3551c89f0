"""Handlers of files: their lectures are copied or deleted."""

from lms.core.base.events import CopyPreviewed, LectureDeleted, LecturesCopied, StoredFilesAsked, handles
from lms.materials.actions import copy_files, remove_files_of
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


@handles(LectureDeleted)
def on_deletion(event: LectureDeleted) -> None:
    """The files of a lecture go with it."""
    remove_files_of(event.lecture_id, by=event.by, at=event.at)


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """The content of lecture files must be there."""
    event.needed.update(stored_keys())
