"""The handler of speakers: their lectures are copied."""

from lms.core.base.events import CopyPreviewed, LecturesCopied, StoredFilesAsked, handles
from lms.speakers.actions import copy_speakers
from lms.speakers.queries import count_speakers, portrait_keys


@handles(CopyPreviewed)
def on_preview(event: CopyPreviewed) -> None:
    """How many people speak in the lectures."""
    event.counts["speakers"] = count_speakers(event.lecture_ids)


@handles(LecturesCopied)
def on_copy(event: LecturesCopied) -> None:
    """The same people speak in the copies, where that was asked for."""
    if "speakers" in event.parts:
        copy_speakers(event.pairs)


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """Portraits must be there."""
    event.needed.update(portrait_keys())
