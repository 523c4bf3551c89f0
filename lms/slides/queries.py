"""Reads of the slides of a lecture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.background.jobs import Job, JobState
from lms.core.base.roles import Actor
from lms.core.database.cache_versions import memory
from lms.core.database.session import db, read
from lms.core.storage import files
from lms.core.time import clock
from lms.materials.models import FileState, LectureFile
from lms.slides.models import DeckState, SlideDeck, SlideTurn
from lms.slides.rules import Turn, recent_turns, replay_turns
from lms.streaming.queries import replay_parts

JOB = "render_slides"
STANDS_MS = 1_000
"""For so long a process shows the same slides to all, in milliseconds."""
PICTURES = ("large", "small")


def page_key(deck: SlideDeck, page: int, kind: str) -> str:
    """Where a page is kept: `large`, `small` or `text`. Pages count from 1."""
    return f"{deck.folder}/{page}.txt" if kind == "text" else f"{deck.folder}/{page}-{kind}.webp"


@dataclass(frozen=True)
class DeckView:
    """A deck whose pages can be shown. `title` is that of its file."""

    version: str
    title: str
    page_count: int


def list_decks(lecture_id: int) -> list[DeckView]:
    """The decks of a lecture whose pages can be shown, in the order of its files. Its callers check who asks."""
    query = (
        select(SlideDeck.version, LectureFile.title, SlideDeck.page_count)
        .join(LectureFile, LectureFile.id == SlideDeck.file_id)
        .where(SlideDeck.lecture_id == lecture_id, SlideDeck.state == DeckState.READY)
        .where(LectureFile.state == FileState.READY)
        .order_by(LectureFile.position, LectureFile.id)
    )
    return [DeckView(*row) for row in read(query)]


def list_turns(lecture_id: int) -> list[Turn]:
    """The turns of a lecture in order. Its callers check who asks."""
    query = (
        select(SlideTurn.at_ms, SlideDeck.version, SlideTurn.page)
        .join(SlideDeck, SlideDeck.id == SlideTurn.deck_id)
        .where(SlideTurn.lecture_id == lecture_id, SlideDeck.state == DeckState.READY)
        .where(SlideTurn.page <= SlideDeck.page_count)
        .order_by(SlideTurn.at_ms)
    )
    return [Turn(*row) for row in read(query)]


def list_replay_turns(lecture_id: int) -> list[Turn]:
    """The turns of a lecture on the time of its replay. Its callers check who asks."""
    turns = list_turns(lecture_id)
    return replay_turns(turns, replay_parts(lecture_id)) if turns else []


@dataclass(frozen=True)
class SharedSlides:
    """The slides that all people in a room see: the decks, and the turns of the last minutes."""

    decks: list[DeckView]
    turns: list[Turn]


def get_shared_slides(lecture_id: int, *, at: datetime) -> SharedSlides:
    """Returns what all people in a room see alike, read at most every `STANDS_MS`. Its callers check who asks."""
    cached, now = memory("slides"), clock.to_ms(at)
    entry: tuple[int, SharedSlides] | None = cached.get(lecture_id)
    if entry is None or not 0 <= now - entry[0] < STANDS_MS:
        decks = list_decks(lecture_id)
        turns = recent_turns(list_turns(lecture_id), now) if decks else []
        entry = cached[lecture_id] = now, SharedSlides(decks, turns)
    return entry[1]


def forget_shared(lecture_id: int) -> None:
    """The next reader in this process gets the slides as they are then."""
    memory("slides").pop(lecture_id, None)


def find_deck_of_file(file_id: int) -> SlideDeck | None:
    """The deck of a file; null where it is not shown. Its callers check who asks."""
    return db.session.scalars(select(SlideDeck).where(SlideDeck.file_id == file_id)).first()


def find_deck(lecture_id: int, version: str) -> SlideDeck | None:
    """A deck of a lecture. Its callers check who asks."""
    query = select(SlideDeck).where(SlideDeck.lecture_id == lecture_id, SlideDeck.version == version)
    return db.session.scalars(query).first()


def find_deck_to_render(deck_id: int, version: str) -> tuple[SlideDeck, str] | None:
    """A deck with the key of its file, for the task that makes its pages; null where they are no longer wanted. No
    transaction is left open."""
    deck = db.session.get(SlideDeck, deck_id)
    if deck is None or deck.version != version:
        return None
    key = db.session.get_one(LectureFile, deck.file_id).key
    db.session.expunge(deck)
    db.session.rollback()
    return deck, key


@dataclass(frozen=True)
class PdfView:
    """A PDF file of a lecture as its staff see it: its deck, null where it is not shown, and the progress in pages."""

    file: LectureFile
    deck: SlideDeck | None
    done: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether the file passed the virus scanner."""
        return self.file.state is FileState.READY


def get_pdfs(lecture_id: int, *, by: Actor) -> tuple[Lecture, list[PdfView]]:
    """Returns the PDF files of a lecture to its staff. Raises NotFound and Forbidden."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    query = (
        select(LectureFile, SlideDeck)
        .outerjoin(SlideDeck, SlideDeck.file_id == LectureFile.id)
        .where(LectureFile.lecture_id == lecture_id, LectureFile.kind == "pdf")
        .order_by(LectureFile.position, LectureFile.id)
    )
    rows = db.session.execute(query).all()
    progress = _progress([deck for _file, deck in rows if deck is not None and deck.state is DeckState.WAITING])
    return lecture, [PdfView(file, deck, progress.get(deck.id, 0) if deck else 0) for file, deck in rows]


def _progress(decks: Sequence[SlideDeck]) -> dict[int, int]:
    """The pages that were made of decks whose pages are being made, by the id of the deck."""
    if not decks:
        return {}
    versions = {deck.version for deck in decks}
    query = select(Job.arguments, Job.done).where(Job.kind == JOB, Job.state == JobState.RUNNING)
    return {row.arguments["deck_id"]: row.done for row in read(query) if row.arguments.get("version") in versions}


def read_page(lecture_id: int, version: str, name: str) -> tuple[bytes, str] | None:
    """A stored picture or text of a page by the name of its file, and its media type; null where it does not exist."""
    deck = find_deck(lecture_id, version)
    if deck is None or deck.state is not DeckState.READY:
        return None
    number, _point, ending = name.partition("-" if name.endswith(".webp") else ".")
    kinds = {"large.webp": "large", "small.webp": "small", "txt": "text"}
    if ending not in kinds or not number.isascii() or not number.isdecimal() or len(number) > 3:
        return None
    if not 1 <= int(number) <= deck.page_count:
        return None
    content = files.find(page_key(deck, int(number), kinds[ending]))
    if content is None:
        return None
    return content, "text/plain" if ending == "txt" else "image/webp"


def stored_keys(deck: SlideDeck) -> Iterator[str]:
    """The files of a deck: three for each page."""
    for page in range(1, deck.page_count + 1):
        for kind in (*PICTURES, "text"):
            yield page_key(deck, page, kind)


def all_decks() -> Sequence[SlideDeck]:
    """All decks of the installation."""
    return db.session.scalars(select(SlideDeck).order_by(SlideDeck.id)).all()
