"""Adds, edits, orders and removes speakers of lectures."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import delete, func, select

from lms.core.base.errors import DomainError, Fault, Forbidden, Invalid, NotFound, Refused, TooLarge
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage import files
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.storage.foreign_files import PICTURES, read_foreign
from lms.core.text.i18n import _
from lms.core.text.sorting import KEY_LENGTH, moved, sort_key
from lms.core.text.translations import TextField, confirm_translation, is_language, one_spelling, translated_into
from lms.core.text.typed_text import clean_line, clean_text
from lms.people.models import new_public_id
from lms.speakers.models import LectureSpeaker, Speaker
from lms.speakers.portraits import MAX_BYTES
from lms.speakers.queries import find_speaker, get_lecture_to_edit, get_speaker_of, list_editable_ids

MAX_LINE = 200
MAX_ABOUT = 600
MAX_SPEAKERS = 30
TEXTS = {"position": TextField(MAX_LINE, is_line=True), "about": TextField(MAX_ABOUT)}
"""What of a speaker can be translated."""
_READER = "lms.speakers.portraits:portrait"


@dataclass(frozen=True)
class SpeakerInput:
    """The public profile of a speaker."""

    full_name: str
    native_name: str = ""
    position: str = ""
    about: str = ""


def read_portrait(content: BinaryIO) -> bytes:
    """The portrait that is made of a picture, as JPEG. Raises Invalid (`picture`)."""
    given = content.read(MAX_BYTES + 1)
    try:
        if len(given) > MAX_BYTES:
            raise TooLarge(_("The file is larger than %(n)s MB.", n=MAX_BYTES // 1_000_000))
        return base64.b64decode(read_foreign(PICTURES, _READER, given)[0])
    except Invalid:
        raise
    except DomainError as error:
        raise Invalid("picture", error.message) from error


@action
def add_new_speaker(
    lecture_id: int, draft: SpeakerInput, *, portrait: bytes | None = None, by: Actor, at: datetime
) -> str:
    """Makes a speaker and adds them to a lecture. Returns the public id.

    Somebody with the same name and position is the same speaker, so a form that is sent twice makes one.
    Raises Forbidden, NotFound, Invalid (by field) and Refused (the list is full).
    """
    _begin(lecture_id, by)
    values = _checked(draft)
    same = select(Speaker).where(Speaker.full_name == values["full_name"], Speaker.position == values["position"])
    row = db.session.scalar(same.limit(1))
    if row is None:
        row = Speaker(public_id=new_public_id(), **values)
        db.session.add(row)
        _put_portrait(row, portrait)
        db.session.flush()
        audit.record("create_speaker", by=by, at=at, detail={"speaker": row.public_id}, lecture=lecture_id)
    _list(lecture_id, row, by=by, at=at)
    return row.public_id


@action
def add_speaker(lecture_id: int, public_id: str, *, by: Actor, at: datetime) -> None:
    """Adds a known speaker to a lecture; adding them again changes nothing. Raises Forbidden, NotFound and Refused."""
    _begin(lecture_id, by)
    row = find_speaker(public_id)
    if row is None:
        raise NotFound
    _list(lecture_id, row, by=by, at=at)


def _list(lecture_id: int, row: Speaker, *, by: Actor, at: datetime) -> None:
    if db.session.get(LectureSpeaker, (lecture_id, row.id)) is not None:
        return
    query: Any = select(func.count(), func.max(LectureSpeaker.place)).where(LectureSpeaker.lecture_id == lecture_id)
    count, last = db.session.execute(query).one()
    if count >= MAX_SPEAKERS:
        raise Refused(_("A lecture can have %(n)s speakers.", n=MAX_SPEAKERS))
    db.session.add(LectureSpeaker(lecture_id=lecture_id, speaker_id=row.id, place=(last or 0) + 1))
    audit.record("add_speaker", by=by, at=at, detail={"speaker": row.public_id}, lecture=lecture_id)


@action
def edit_speaker(
    lecture_id: int,
    public_id: str,
    draft: SpeakerInput,
    *,
    portrait: bytes | None = None,
    without_picture: bool = False,
    by: Actor,
    at: datetime,
) -> None:
    """Changes a speaker of a lecture, in every lecture in which they speak.

    Raises as `add_new_speaker`, and Refused for a speaker who is also in lectures that the actor cannot edit.
    """
    row = _begin_edit(lecture_id, public_id, by)
    for name, value in _checked(draft).items():
        setattr(row, name, value)
    if portrait is not None or without_picture:
        _put_portrait(row, portrait)
    audit.record("edit_speaker", by=by, at=at, detail={"speaker": public_id}, lecture=lecture_id)


def _begin_edit(lecture_id: int, public_id: str, by: Actor) -> Speaker:
    _begin(lecture_id, by)
    row = get_speaker_of(lecture_id, public_id)
    if row.id not in list_editable_ids([row.id], by=by):
        raise Refused(
            _("This speaker is also in lectures of other people. Ask an administrator to change the profile.")
        )
    return row


@action
def translate_speaker(
    lecture_id: int, public_id: str, language: str, texts: Mapping[str, str], *, by: Actor, at: datetime
) -> None:
    """Replaces the texts about a speaker in one language; without any text, the language is removed.

    Raises as `edit_speaker`.
    """
    row = _begin_edit(lecture_id, public_id, by)
    row.translations = translated_into(row, language, texts, TEXTS)
    confirm_translation(row, language)
    audit.record("edit_speaker", by=by, at=at, detail={"speaker": public_id, "language": language}, lecture=lecture_id)


@action
def state_text_language(lecture_id: int, public_id: str, language: str, *, by: Actor, at: datetime) -> None:
    """States the language of the main text about a speaker. Raises as `edit_speaker`."""
    row = _begin_edit(lecture_id, public_id, by)
    if not is_language(language):
        raise Invalid(
            "text_language", _("“%(code)s” is not a known language. Use a code such as en or fr.", code=language[:32])
        )
    row.text_language = one_spelling(language)
    audit.record("edit_speaker", by=by, at=at, detail={"speaker": public_id}, lecture=lecture_id)


@action
def move_speaker(lecture_id: int, public_id: str, place: int, *, by: Actor, at: datetime) -> None:
    """Moves a speaker to a place in the list of a lecture, counted from 1. Raises Forbidden and NotFound."""
    _begin(lecture_id, by)
    speaker = get_speaker_of(lecture_id, public_id)
    query = select(LectureSpeaker).where(LectureSpeaker.lecture_id == lecture_id)
    rows = list(db.session.scalars(query.order_by(LectureSpeaker.place, LectureSpeaker.speaker_id)))
    ordered = moved(rows, next(row for row in rows if row.speaker_id == speaker.id), place)
    if ordered == rows:
        return
    for number, listed_speaker in enumerate(ordered, 1):
        listed_speaker.place = number
    audit.record("order_speakers", by=by, at=at, lecture=lecture_id)


@action
def remove_speaker(lecture_id: int, public_id: str, *, by: Actor, at: datetime) -> None:
    """Takes a speaker off the list of a lecture; the profile stays, and can be added again. Raises Forbidden."""
    _begin(lecture_id, by)
    row = find_speaker(public_id)
    if row is None:
        return
    where = LectureSpeaker.lecture_id == lecture_id, LectureSpeaker.speaker_id == row.id
    removed: Any = db.session.execute(delete(LectureSpeaker).where(*where))
    if removed.rowcount:
        audit.record("remove_speaker", by=by, at=at, detail={"speaker": public_id}, lecture=lecture_id)


@action
def delete_speaker(public_id: str, *, by: Actor, at: datetime) -> None:
    """Deletes a speaker's profile and picture from every lecture, for good. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    row = find_speaker(public_id)
    if row is None:
        return
    _put_portrait(row, None)
    db.session.delete(row)
    audit.record("delete_speaker", by=by, at=at, detail={"speaker": public_id})


def copy_speakers(pairs: Sequence[tuple[int, int]]) -> None:
    """Lists the speakers of lectures for their copies too, inside the running action. `pairs`: old id, new id."""
    one_at_a_time("speakers")
    new = dict(pairs)
    query = select(LectureSpeaker.lecture_id, LectureSpeaker.speaker_id, LectureSpeaker.place)
    rows = db.session.execute(query.where(among(LectureSpeaker.lecture_id, new))).all()
    copies = [{"lecture_id": new[lecture], "speaker_id": speaker, "place": place} for lecture, speaker, place in rows]
    insert_many(LectureSpeaker.__table__, copies)


def _begin(lecture_id: int, by: Actor) -> None:
    one_at_a_time("speakers")
    get_lecture_to_edit(lecture_id, by=by)


def _checked(draft: SpeakerInput) -> dict[str, Any]:
    """Cleaned fields as they are stored. Raises Invalid with every fault."""
    lines = {name: clean_line(getattr(draft, name)) for name in ("full_name", "native_name", "position")}
    about = clean_text(draft.about)
    faults = [
        Fault(_("Use at most %(n)s characters.", n=MAX_LINE), field=name)
        for name, line in lines.items()
        if len(line) > MAX_LINE
    ]
    if not lines["full_name"]:
        faults.append(Fault(_("Enter the name of the speaker."), field="full_name"))
    if len(about) > MAX_ABOUT:
        faults.append(Fault(_("Use at most %(n)s characters.", n=MAX_ABOUT), field="about"))
    if faults:
        raise Invalid(faults=faults)
    key = sort_key(f"{lines['full_name']} {lines['native_name']}".strip())[:KEY_LENGTH]
    return {
        "full_name": lines["full_name"],
        "native_name": lines["native_name"] or None,
        "position": lines["position"] or None,
        "about": about,
        "name_key": key,
    }


def _put_portrait(row: Speaker, portrait: bytes | None) -> None:
    old = row.picture_key
    row.picture = hashlib.sha256(portrait).hexdigest() if portrait else None
    new = row.picture_key
    if portrait and new:
        files.store(new, portrait)
    if old and old != new:
        delete_after_commit(old)
