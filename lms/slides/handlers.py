"""Handlers of slides: their file was replaced or removed."""

from lms.core.base.events import LectureFileChanged, StoredFilesAsked, handles
from lms.slides.actions import follow_file
from lms.slides.models import DeckState
from lms.slides.queries import all_decks, stored_keys


@handles(LectureFileChanged)
def on_change(event: LectureFileChanged) -> None:
    """Pages go with their file, and are made again of its new content."""
    follow_file(event.file_id, is_removed=event.is_removed, at=event.at)


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """The pages of decks that are ready must be there; those of others are being made."""
    for deck in all_decks():
        keys = event.needed if deck.state is DeckState.READY else event.optional
        keys.update(stored_keys(deck))
