"""Letters of endorsement: what is taken, and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from flask import current_app

from lms.core import files
from lms.core.errors import Invalid, Refused, TooLarge, WrongKind
from lms.core.i18n import _
from lms.materials.actions import keep_content, recognise_file
from lms.materials.scanner import ScannerAway, scan
from lms.nominations.models import Nomination
from lms.nominations.rules import MAX_LETTER_MB

KINDS: Final = frozenset({"pdf", "png", "jpg", "gif", "webp"})


@dataclass(frozen=True)
class Letter:
    """A file that was sent, and what it is by its content."""

    content: BinaryIO
    name: str
    kind: str
    digest: str


def read_letter(content: BinaryIO, file_name: str) -> Letter:
    """Checks a letter by its content, and has it scanned where a virus scanner is set. Nothing is kept yet.

    Raises Invalid (`letter`), and Refused while the scanner is away.
    """
    try:
        found = recognise_file(content, file_name, megabytes=MAX_LETTER_MB)
    except TooLarge as error:
        raise Invalid("letter", error.message) from error
    except WrongKind as error:
        raise Invalid("letter", _wanted()) from error
    except Invalid as error:
        raise Invalid("letter", error.faults[0].reason) from error
    if found["kind"] not in KINDS:
        raise Invalid("letter", _wanted())
    _check_clean(content)
    return Letter(content, found["file_name"], found["kind"], found["digest"])


def _wanted() -> str:
    return _(
        "This file is no PDF and no picture, or its name has another ending. Choose a PDF, PNG, JPEG, GIF or WebP."
    )


def _check_clean(content: BinaryIO) -> None:
    address = current_app.extensions["lms.config"].scanner
    try:
        finding = scan(content, address) if address else None
    except ScannerAway as error:
        raise Refused(
            _("Letters cannot be checked for viruses now. Try again later, or leave the letter out.")
        ) from error
    if finding:
        raise Invalid("letter", _("The virus scanner refused this file. Choose another one."))


def keep_letter(nomination: Nomination, letter: Letter) -> str:
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
