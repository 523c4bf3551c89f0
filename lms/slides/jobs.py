"""Background work: the pages of slides."""

import base64
from typing import Any

import structlog

from lms.core.background.jobs import Run, job
from lms.core.base.errors import DomainError
from lms.core.storage import files
from lms.core.storage.foreign_files import SLIDES, read_foreign
from lms.slides.actions import finish_deck, note_pages
from lms.slides.models import DeckProblem, SlideDeck
from lms.slides.queries import JOB, PICTURES, find_deck_to_render, page_key

log = structlog.get_logger(__name__)
_READER = "lms.slides.rendering:render"
_AT_ONCE = 8
"""Pages that one child process makes."""


@job(JOB)
def render_slides(run: Run, *, lecture_id: int, deck_id: int, version: str) -> dict[str, Any]:
    """Makes the pages of a deck of a lecture, a few in each child process. Restarting it makes the same pages."""
    pending = find_deck_to_render(deck_id, version)
    if pending is None:
        return {"pages": 0, "is_superseded": True}
    deck, key = pending
    try:
        pages, problem = _store_pages(run, deck, key)
    except DomainError as error:
        log.warning("slides cannot be made", lecture=lecture_id, deck=deck_id, error=type(error).__name__)
        pages, problem = 0, DeckProblem.UNREADABLE
    if not finish_deck(deck_id, version, problem):
        files.delete_folder(deck.folder)
        return {"pages": 0, "is_superseded": True}
    return {"pages": 0 if problem else pages}


def _store_pages(run: Run, deck: SlideDeck, key: str) -> tuple[int, DeckProblem | None]:
    """Stores the pages of a file under its deck; returns how many there are, or what is wrong with the file."""
    done, pages = 0, 1
    while done < pages:
        opened = files.reading(key)
        if opened is None:  # removed or replaced in the meantime
            return 0, DeckProblem.UNREADABLE
        with opened[0] as content:
            values = read_foreign(SLIDES, _READER, content, first=done, count=_AT_ONCE)
        for value in values:
            if "problem" in value:
                return 0, DeckProblem(value["problem"])
            if "pages" in value:
                pages = int(value["pages"])
                if not done and not note_pages(deck.id, deck.version, pages):
                    return 0, None
                continue
            done += 1
            for kind in PICTURES:
                files.store(page_key(deck, done, kind), base64.b64decode(value[kind]))
            files.store(page_key(deck, done, "text"), str(value["text"]).encode("utf-8", "replace"))
        run.progress(done, pages)
    return pages, None
