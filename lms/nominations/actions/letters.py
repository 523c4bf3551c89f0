"""Letters of endorsement: what is taken, and how it is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from sqlalchemy import select

from lms.core.base.errors import Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.base.roles import Actor
from lms.core.base.settings import settings
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.i18n import _
from lms.materials.actions import keep_content, recognise_file
from lms.materials.scanner import ScannerAway, scan
from lms.nominations.actions.seats import people_of
from lms.nominations.models import STANDING, Nomination
from lms.nominations.rules import MAX_LETTER_MB, may_nominate

KINDS: Final = frozenset({"pdf", "png", "jpg", "gif", "webp"})


@dataclass(frozen=True)
class EndorsementLetter:
    """A file that was sent, and what it is by its content."""

    content: BinaryIO
    name: str
    kind: str
    digest: str


def read_letter(content: BinaryIO, file_name: str) -> EndorsementLetter:
    """Checks a letter by its content, and has it scanned where a virus scanner is set. Nothing is kept yet.

    Raises Invalid (`letter`), and Refused while the scanner is away.
    """
    try:
        recognised = recognise_file(content, file_name, megabytes=MAX_LETTER_MB)
    except TooLarge as error:
        raise Invalid("letter", error.message) from error
    except WrongKind as error:
        raise Invalid("letter", _wanted()) from error
    except Invalid as error:
        raise Invalid("letter", error.faults[0].reason) from error
    if recognised["kind"] not in KINDS:
        raise Invalid("letter", _wanted())
    _check_clean(content)
    return EndorsementLetter(content, recognised["file_name"], recognised["kind"], recognised["digest"])


def _wanted() -> str:
    return _(
        "This file is no PDF and no picture, or its name has another ending. Choose a PDF, PNG, JPEG, GIF or WebP."
    )


def _check_clean(content: BinaryIO) -> None:
    address = settings().scanner
    try:
        finding = scan(content, address) if address else None
    except ScannerAway as error:
        raise Refused(
            _("Letters cannot be checked for viruses now. Try again later, or leave the letter out.")
        ) from error
    if finding:
        raise Invalid("letter", _("The virus scanner refused this file. Choose another one."))


def keep_letter(nomination: Nomination, letter: EndorsementLetter) -> str:
    """Within an action: keeps a letter with a nomination; returns its key, to be deleted where the action fails."""
    nomination.letter_name, nomination.letter_type = letter.name, letter.kind
    nomination.letter_digest = letter.digest
    key = nomination.letter_key
    assert key is not None, "it has a digest"
    keep_content(key, letter.content)
    return key


def drop_letters(keys: list[str]) -> None:
    """Deletes letters of an action that failed."""
    for key in keys:
        files.delete(key)


def attach_letter(public_id: str, letter: EndorsementLetter, *, by: Actor, at: datetime) -> None:
    """Adds a letter to an open nomination of one of the actor's countries; it replaces an earlier one.

    The same letter again changes nothing. Raises NotFound, and Refused where the nomination has ended without a place.
    """
    stored: list[str] = []
    try:
        _attach(public_id, letter, stored, by=by, at=at)
    except BaseException:
        drop_letters(stored)
        raise


@action
def _attach(public_id: str, letter: EndorsementLetter, stored: list[str], *, by: Actor, at: datetime) -> None:
    nomination = _standing(public_id, by=by)
    before = nomination.letter_key
    if nomination.letter_digest == letter.digest:
        return
    stored.append(keep_letter(nomination, letter))
    _delete_afterwards(before)
    _record("nomination.replace_letter" if before else "nomination.add_letter", nomination, by=by, at=at)


@action
def remove_letter(public_id: str, *, by: Actor, at: datetime) -> None:
    """Removes the letter of an open nomination of one of the actor's countries. Raises as `attach_letter`."""
    nomination = _standing(public_id, by=by)
    if nomination.letter_key is not None:
        forget_letter(nomination)
        _record("nomination.remove_letter", nomination, by=by, at=at)


def forget_letter(nomination: Nomination) -> None:
    """Within an action: the nomination has no letter any more; its file goes with the commit."""
    _delete_afterwards(nomination.letter_key)
    nomination.letter_name = nomination.letter_type = nomination.letter_digest = None


def _delete_afterwards(key: str | None) -> None:
    if key is not None:
        delete_after_commit(key)


def _standing(public_id: str, *, by: Actor) -> Nomination:
    query = select(Nomination).where(Nomination.public_id == public_id).with_for_update(key_share=True)
    nomination = db.session.scalar(query.execution_options(populate_existing=True))
    if nomination is None or not may_nominate(by, nomination.country_id):
        raise NotFound
    if nomination.state not in STANDING:
        raise Refused(_("This nomination has ended. Its letter cannot be changed."))
    return nomination


def _record(verb: str, nomination: Nomination, *, by: Actor, at: datetime) -> None:
    audit.record(
        verb,
        by=by,
        at=at,
        series=nomination.series_id,
        nomination=nomination.id,
        person=people_of([nomination]),
    )
