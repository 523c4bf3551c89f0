"""Showing files as slides, keeping their pages, and turning pages."""

from datetime import datetime

from sqlalchemy import func, select

from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.background.jobs import request_job
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time, read_value
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.i18n import _
from lms.core.time.clock import to_ms
from lms.materials.models import FileState, LectureFile
from lms.materials.queries import find_file
from lms.people.models import new_public_id
from lms.slides.models import DeckProblem, DeckState, SlideDeck, SlideTurn
from lms.slides.queries import JOB, find_deck, find_deck_of_file, forget_shared, list_turns
from lms.slides.rules import MOST_DECKS, MOST_TURNS, check_can_turn, checked_delay, checked_page, turn_at


def _begin(lecture_id: int, by: Actor) -> None:
    one_at_a_time(f"slides of lecture {lecture_id}")
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)
    forget_shared(lecture_id)


def _pdf_of(lecture_id: int, file_id: str) -> LectureFile:
    file = find_file(lecture_id, file_id)
    if file is None:
        raise NotFound
    return file


@action
def show_file(lecture_id: int, file_id: str, *, by: Actor, at: datetime) -> None:
    """Has the pages of a PDF file made, to be shown in its lecture. One that is shown already is left; one that was
    refused is tried again.

    Raises NotFound, Forbidden, and Refused for other files, and where as many are shown as can be.
    """
    _begin(lecture_id, by)
    file = _pdf_of(lecture_id, file_id)
    deck = find_deck_of_file(file.id)
    if deck is not None and deck.state is not DeckState.REFUSED:
        return
    if file.kind != "pdf":
        raise Refused(_("Only PDF files can be shown as slides. Save the file as PDF, and upload it."))
    if file.state is not FileState.READY:
        raise Refused(_("The virus check has not let this file pass."))
    if deck is None:
        count = read_value(select(func.count(SlideDeck.id)).where(SlideDeck.lecture_id == lecture_id))
        if int(count or 0) >= MOST_DECKS:
            raise Refused(_("%(n)s files are shown as slides already. Remove one first.", n=MOST_DECKS))
        deck = SlideDeck(lecture_id=lecture_id, file_id=file.id)
        db.session.add(deck)
    _render(deck, by=by, at=at)
    audit.record("show_slides", by=by, at=at, detail={"file": file_id}, lecture=lecture_id)


def _render(deck: SlideDeck, *, by: Actor, at: datetime) -> None:
    """Requests the pages of a deck under a new version."""
    deck.version, deck.state, deck.problem, deck.page_count = new_public_id(), DeckState.WAITING, None, 0
    db.session.flush()
    request_job(JOB, {"lecture_id": deck.lecture_id, "deck_id": deck.id, "version": deck.version}, by=by, at=at)


@action
def hide_file(lecture_id: int, file_id: str, *, by: Actor, at: datetime) -> None:
    """Removes the pages of a file, and when they were turned to. The file stays. Raises NotFound and Forbidden."""
    _begin(lecture_id, by)
    deck = find_deck_of_file(_pdf_of(lecture_id, file_id).id)
    if deck is None:
        return
    _remove(deck)
    audit.record("hide_slides", by=by, at=at, detail={"file": file_id}, lecture=lecture_id)


def _remove(deck: SlideDeck) -> None:
    delete_after_commit(deck.folder, is_folder=True)
    db.session.delete(deck)
    db.session.flush()


def follow_file(file_id: int, *, is_removed: bool, at: datetime) -> None:
    """Within an action: pages go with their file, and are made again of its new content, if that is a PDF file. Turns
    stay then."""
    deck = find_deck_of_file(file_id)
    if deck is None:
        return
    forget_shared(deck.lecture_id)
    if is_removed or db.session.get_one(LectureFile, file_id).kind != "pdf":
        _remove(deck)
        return
    delete_after_commit(deck.folder, is_folder=True)
    _render(deck, by=SYSTEM, at=at)


def _current(deck_id: int, version: str) -> SlideDeck | None:
    """A deck whose pages are still being made under this version."""
    deck = db.session.get(SlideDeck, deck_id)
    if deck is None or deck.version != version or deck.state is not DeckState.WAITING:
        return None
    one_at_a_time(f"slides of lecture {deck.lecture_id}")
    forget_shared(deck.lecture_id)
    db.session.refresh(deck)
    return deck if deck.version == version else None


@action
def note_pages(deck_id: int, version: str, pages: int) -> bool:
    """Notes the number of pages of a deck; returns whether they are still wanted."""
    deck = _current(deck_id, version)
    if deck is not None:
        deck.page_count = pages
    return deck is not None


@action
def finish_deck(deck_id: int, version: str, problem: DeckProblem | None = None) -> bool:
    """Shows a deck from now on, or notes why not; returns whether its pages are still wanted."""
    deck = _current(deck_id, version)
    if deck is None:
        return False
    deck.state, deck.problem = (DeckState.REFUSED if problem else DeckState.READY), problem
    if problem is not None:
        deck.page_count = 0
        delete_after_commit(deck.folder, is_folder=True)
    return True


@action
def turn_page(
    lecture_id: int, version: str, page: int | None, *, late_ms: int | None = 0, by: Actor, at: datetime
) -> None:
    """Turns to a page of a deck, or to no slide (0). The page that is shown already is left.

    `late_ms`: how long ago the page was turned, where it could not be sent at once. Raises NotFound, Forbidden, Invalid
    (`page`, `late_ms`), and Refused while the room is not open.
    """
    _begin(lecture_id, by)
    check_can_turn(get_lecture(lecture_id, by=by), at)
    deck = find_deck(lecture_id, version)
    if deck is None or deck.state is not DeckState.READY:
        raise Invalid("deck", _("These slides are no longer shown. Reload the page."))
    page = checked_page(page, deck.page_count)
    at_ms = to_ms(at) - checked_delay(late_ms)
    turns = list_turns(lecture_id)
    shown = turn_at(turns, at_ms)
    if shown is not None and (shown.version, shown.page) == (version, page):
        return
    if len(turns) >= MOST_TURNS:
        raise Refused(_("Pages were turned %(n)s times in this lecture. No more turns are stored.", n=MOST_TURNS))
    taken = set(db.session.scalars(select(SlideTurn.at_ms).where(SlideTurn.lecture_id == lecture_id)))
    while at_ms in taken:
        at_ms += 1
    db.session.add(SlideTurn(lecture_id=lecture_id, at_ms=at_ms, deck_id=deck.id, page=page))
