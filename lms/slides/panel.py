"""Parts of slides that rooms and their snapshot share: JSON and the values of templates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lms.core.text.i18n import _
from lms.slides.models import DeckProblem
from lms.slides.queries import DeckView, SharedSlides, get_shared_slides, list_decks, list_replay_turns, list_turns
from lms.slides.rules import MOST_PAGES, Turn, turn_at
from lms.streaming.addresses import media_address
from lms.web.request.identity import current_actor
from lms.web.request.limits import limiter


def _who_turns() -> str:
    """The person whose turns are counted together."""
    return f"person {current_actor().person_id}"


throttle_turns = limiter.shared_limit("240/minute", scope="slides", key_func=_who_turns, methods=["POST"])
FOLDER = "slides-"
"""The folder in the addresses of a deck begins with it; its version follows."""


def deck_json(lecture_id: int, deck: DeckView, *, at: datetime) -> dict[str, Any]:
    """A deck with the address of its pages: `1-large.webp`, `1-small.webp` and `1.txt` follow it."""
    return {
        "id": deck.version,
        "title": deck.title,
        "pages": deck.page_count,
        "address": media_address(lecture_id, f"{FOLDER}{deck.version}", at=at),
    }


def slides_json(lecture_id: int, decks: Sequence[DeckView], turns: Sequence[Turn], *, at: datetime) -> dict[str, Any]:
    """Decks and turns as a page gets them: of a turn its moment in milliseconds, its deck and its page."""
    return {"decks": [deck_json(lecture_id, deck, at=at) for deck in decks], "turns": [list(turn) for turn in turns]}


def shared_slides_json(lecture_id: int, *, at: datetime) -> dict[str, Any]:
    """The part of a room's snapshot."""
    shared: SharedSlides = get_shared_slides(lecture_id, at=at)
    return slides_json(lecture_id, shared.decks, shared.turns, at=at)


def slides_values(lecture_id: int, *, is_over: bool, at: datetime) -> dict[str, Any]:
    """The values of a room's templates: the slides of its replay once it is over, before those of its snapshot."""
    if not is_over:
        return {"slides": shared_slides_json(lecture_id, at=at)}
    decks = list_decks(lecture_id)
    return {"slides": slides_json(lecture_id, decks, list_replay_turns(lecture_id) if decks else [], at=at)}


def presenter_values(lecture_id: int, *, at: datetime) -> dict[str, Any]:
    """The values of the templates of who turns pages: all decks, and the turn that is shown now."""
    decks = list_decks(lecture_id)
    turns = list_turns(lecture_id) if decks else []
    now = turn_at(turns, turns[-1].at_ms) if turns else None
    return {"slides": slides_json(lecture_id, decks, [now] if now is not None else [], at=at)}


def problem_words() -> dict[DeckProblem, str]:
    """The reasons why files cannot be shown, in the reader's language."""
    return {
        DeckProblem.TOO_LONG: _(
            "This file has more than %(n)s pages. Save the part that you show as a file of its own.", n=MOST_PAGES
        ),
        DeckProblem.LOCKED: _("This PDF file needs a password. Save it without one, and upload it again."),
        DeckProblem.UNREADABLE: _("The pages of this file cannot be read. Save it as PDF again, and replace it."),
    }
