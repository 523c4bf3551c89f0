"""Reads speakers for the public pages of lectures and for those who edit them."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, exists, func, select

from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import may_edit_lecture
from lms.catalogue.visibility import ids_taught_by, shown_lecture, visible
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, read_value
from lms.core.text.sorting import sort_key
from lms.speakers.models import LectureSpeaker, Speaker

MOST_FOUND: Final = 20


def list_speakers(lecture_id: int) -> Sequence[Speaker]:
    """The speakers of a lecture, in order. Callers have checked that its reader can see the lecture."""
    return list(db.session.scalars(_speakers_of(lecture_id)))


def _speakers_of(lecture_id: int) -> Select[Speaker]:
    return (
        select(Speaker)
        .join(LectureSpeaker, LectureSpeaker.speaker_id == Speaker.id)
        .where(LectureSpeaker.lecture_id == lecture_id)
        .order_by(LectureSpeaker.place, Speaker.id)
    )


def get_lecture_to_edit(lecture_id: int, *, by: Actor) -> Lecture:
    """A lecture, for its staff. Raises NotFound and Forbidden."""
    lecture = get_lecture(lecture_id, by=by)
    if not may_edit_lecture(lecture, by):
        raise Forbidden
    return lecture


def find_speaker(public_id: str) -> Speaker | None:
    """A speaker, without a permission check."""
    return db.session.scalar(select(Speaker).where(Speaker.public_id == public_id))


def get_speaker_of(lecture_id: int, public_id: str) -> Speaker:
    """A speaker of a lecture. Raises NotFound."""
    speaker = db.session.scalar(_speakers_of(lecture_id).where(Speaker.public_id == public_id))
    if speaker is None:
        raise NotFound
    return speaker


def get_picture_of(public_id: str, *, by: Actor) -> Speaker:
    """A speaker with a picture, of some lecture that the reader can see or, for staff, of any. Raises NotFound."""
    speaker = find_speaker(public_id)
    if speaker is None or speaker.picture is None:
        raise NotFound
    seen = (
        exists()
        .where(LectureSpeaker.speaker_id == speaker.id, LectureSpeaker.lecture_id == Lecture.id)
        .where(Lecture.series_id == Series.id, visible(by), shown_lecture(by))
    )
    if not (by.is_administrator or db.session.scalar(select(seen))):
        raise NotFound
    return speaker


def find_speakers(q: str, *, without: int) -> list[Speaker]:
    """Speakers with a name of which a part is `q`, by name; not those of the lecture `without`."""
    key = sort_key(q.strip())
    if not key:
        return []
    there = exists().where(LectureSpeaker.speaker_id == Speaker.id, LectureSpeaker.lecture_id == without)
    query: Any = select(Speaker).where(~there, Speaker.name_key.contains(key, autoescape=True))
    return list(db.session.scalars(query.order_by(Speaker.name_key, Speaker.id).limit(MOST_FOUND)))


def count_speakers(lecture_ids: Sequence[int]) -> int:
    """How many people speak in these lectures."""
    query = select(func.count(LectureSpeaker.speaker_id.distinct())).where(
        among(LectureSpeaker.lecture_id, lecture_ids)
    )
    return int(read_value(query) or 0)


def count_lectures(speaker_ids: Sequence[int]) -> dict[int, int]:
    """In how many lectures each of these speaks."""
    query = (
        select(LectureSpeaker.speaker_id, func.count())
        .where(LectureSpeaker.speaker_id.in_(speaker_ids))
        .group_by(LectureSpeaker.speaker_id)
    )
    return dict(db.session.execute(query).all()) if speaker_ids else {}


def list_editable_ids(speaker_ids: Sequence[int], *, by: Actor) -> set[int]:
    """The ids of those speakers who are only in lectures that the actor may edit: the profile is the same in each."""
    if by.is_administrator:
        return set(speaker_ids)
    elsewhere = (
        select(LectureSpeaker.speaker_id)
        .join(Lecture, Lecture.id == LectureSpeaker.lecture_id)
        .where(LectureSpeaker.speaker_id.in_(speaker_ids), Lecture.series_id.not_in(ids_taught_by(by)))
    )
    return set(speaker_ids) - set(db.session.scalars(elsewhere))


def portrait_keys() -> set[str]:
    """The keys of all portraits."""
    rows = db.session.scalars(select(Speaker).where(Speaker.picture.is_not(None)))
    return {speaker.picture_key for speaker in rows if speaker.picture_key}
