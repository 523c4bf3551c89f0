"""Files of people to enrol, from the upload to the preview."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.storage.staged import StagedFiles
from lms.people.actions.files import StagedPeople, reject_unknown_nameless, stage_people


@dataclass(frozen=True)
class EnrolmentFile:
    """A file as it was read. `mark` differs from that of any other upload."""

    name: str
    mark: str
    people: StagedPeople


_FILES: Final = StagedFiles("enrolments", EnrolmentFile)


def keep_file(series_id: int, content: bytes, *, name: str, by: Actor, at: datetime) -> None:
    """Reads a file and keeps it for its preview, in place of the actor's last one for the series. Enrols nobody.

    Raises Forbidden, Invalid, WrongKind and TooLarge.
    """
    if not by.is_administrator:
        raise Forbidden
    people = stage_people(content, look_up_nameless=False)
    file = EnrolmentFile(name[:200], secrets.token_hex(16), people)
    _FILES.keep(str(series_id), file, by=by, at=at)


def find_file(series_id: int, *, by: Actor, at: datetime) -> EnrolmentFile | None:
    """The file that waits for the actor's decision, its rows checked against the people known now, or None."""
    file = _FILES.find(str(series_id), by=by, at=at)
    if file is not None:
        reject_unknown_nameless(file.people)
    return file


def drop_file(series_id: int, *, by: Actor) -> None:
    """Deletes the file that waits, if any."""
    _FILES.drop(str(series_id), by=by)
