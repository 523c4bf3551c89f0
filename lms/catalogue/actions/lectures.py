"""Lectures: put on the programme, and changed."""

from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.actions.history import note, record
from lms.catalogue.actions.naming import ListChange, check_no_clash, persons_of, set_lecture_instructors
from lms.catalogue.actions.series import locked_series
from lms.catalogue.inputs import LectureInput, checked_lecture
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import find_lecture, was_published
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series, is_over_unheld, resolve_local, zone_of
from lms.catalogue.state_changes import check_can_delete, check_can_publish, check_can_retime
from lms.core.base.errors import Fault, Invalid, NotFound
from lms.core.base.events import (
    LectureDeleted,
    LectureLengthChanged,
    LecturePostponed,
    LectureScheduled,
    RecordingAdded,
    publish,
)
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.text.i18n import _

_PLAIN = (
    "title",
    "abstract",
    "text_language",
    "time_zone",
    "duration_minutes",
    "delivery",
    "join_url",
    "recording_url",
)


@action
def schedule_lecture(slug: str, draft: LectureInput, *, by: Actor, at: datetime) -> Lecture:
    """Adds a lecture to a series: scheduled, or as a draft. Its time may be in the past.

    A repeat with the same content in the same series returns the existing lecture. Refused where an instructor gives
    another lecture then; Invalid with every field that is wrong.
    """
    lecture, _is_new = schedule_or_repeat_lecture(slug, draft, by=by, at=at)
    return lecture


@action
def schedule_or_repeat_lecture(slug: str, draft: LectureInput, *, by: Actor, at: datetime) -> tuple[Lecture, bool]:
    """As `schedule_lecture`, and says whether it was made now."""
    series = locked_series(slug)
    check_can_edit_series(series, by)
    draft = checked_lecture(in_languages_of(series, draft))
    starts_at = _instant(draft)
    persons = persons_of(draft.instructors)
    there = _find_same(series, draft, persons)
    if there is not None:
        return there, False
    return add_lecture(series, draft, starts_at, persons, by=by, at=at), True


def in_languages_of(series: Series, draft: LectureInput) -> LectureInput:
    """A new lecture with the languages of its series where it states none: of the lecture, and of its texts."""
    language = draft.language or series.language
    text_language = series.text_language if language == series.language else None
    return replace(draft, language=language, text_language=draft.text_language or text_language)


def add_lecture(
    series: Series, draft: LectureInput, starts_at: datetime | None, persons: list[int], *, by: Actor, at: datetime
) -> Lecture:
    """Adds a lecture that was checked (`checked_lecture`) to a locked series, inside the running action.

    `persons` give it, by id. Refused where one of them gives another lecture then; drafts may be in the way.
    """
    if starts_at is not None and draft.state is LectureState.SCHEDULED:
        check_no_clash(persons, starts_at, draft.duration_minutes, by=by)
    lecture = Lecture(
        series_id=series.id,
        series=series,
        state=draft.state,
        local_start=draft.starts_at,
        starts_at=starts_at,
        language=draft.language or series.language,
        translations=dict(draft.translations),
        interpretation=list(draft.interpretation),
        materials=[dict(row) for row in draft.materials],
        sequence=0,
        created_at=at,
        **{name: getattr(draft, name) for name in _PLAIN},
    )
    lecture.held_unknown = is_over_unheld(lecture, at)
    db.session.add(lecture)
    db.session.flush()
    listed = set_lecture_instructors(lecture, persons)
    note(lecture, "created", {}, by=by, at=at)
    record("schedule_lecture", lecture, by=by, at=at, **_listing(*listed))
    if lecture.state is LectureState.SCHEDULED:
        publish(LectureScheduled(lecture_id=lecture.id, by=by, at=at))
    return lecture


def _listing(of_lecture: ListChange, of_series: ListChange) -> dict[str, Any]:
    """Returns what the audit keeps of changed lists of instructors."""
    return {
        "persons": [*of_lecture.persons, *of_series.persons],
        **of_lecture.as_detail(),
        "series_instructors_added": list(of_series.added),
    }


def _instant(draft: LectureInput) -> datetime | None:
    zone_of(draft.time_zone)
    return resolve_local(draft.starts_at, draft.time_zone) if draft.starts_at is not None else None


def _find_same(series: Series, draft: LectureInput, persons: list[int]) -> Lecture | None:
    """The lecture of this series with exactly this content, whatever has become of it since."""
    query = (
        select(Lecture)
        .where(
            Lecture.series_id == series.id,
            Lecture.title == draft.title,
            Lecture.local_start.is_(None) if draft.starts_at is None else Lecture.local_start == draft.starts_at,
        )
        .order_by(Lecture.id)
    )
    for lecture in db.session.scalars(query):
        same = (
            all(getattr(lecture, name) == getattr(draft, name) for name in _PLAIN)
            and lecture.language == draft.language
            and lecture.translations == draft.translations
            and (lecture.state is LectureState.DRAFT) == (draft.state is LectureState.DRAFT)
            and lecture.interpretation == list(draft.interpretation)
            and lecture.materials == [dict(row) for row in draft.materials]
            and {person.id for person in lecture.instructors} == set(persons)
        )
        if same:
            return lecture
    return None


@action
def edit_lecture(lecture_id: int, changes: dict[str, Any], *, by: Actor, at: datetime) -> Lecture:
    """Changes a lecture. `changes` holds fields of `LectureInput`.

    `state: scheduled` publishes a draft. A new time of a scheduled lecture is a postponement with a new time; a
    postponed one is scheduled again by it. Refused: another time once it has begun, a clash.
    """
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    target = _checked_target(lecture, changes)
    given = {name: value for name, value in changes.items() if name != "state"}
    checked = checked_lecture(replace(_draft_of(lecture), **given))
    checked = replace(checked, language=checked.language or lecture.series.language)
    starts_at = _instant(checked)
    giving = [instructor.id for instructor in lecture.instructors]
    persons = persons_of(checked.instructors, listed=giving) if "instructors" in changes else giving
    _check_state_change(lecture.state, target)
    before = {
        "starts_at": lecture.starts_at,
        "local_start": lecture.local_start,
        "state": lecture.state,
        "duration_minutes": lecture.duration_minutes,
        "recording_url": lecture.recording_url,
    }
    _retime(lecture, checked, starts_at)
    _write_fields(lecture, checked)
    if "translations" in changes:
        lecture.translations = dict(checked.translations)
    if target is LectureState.SCHEDULED and lecture.state is LectureState.DRAFT:
        check_can_publish(lecture)
        lecture.state = LectureState.SCHEDULED
    if (before["state"], before["starts_at"]) != (lecture.state, lecture.starts_at):
        lecture.held_unknown = is_over_unheld(lecture, at)
    db.session.flush()
    if lecture.state is LectureState.SCHEDULED and lecture.starts_at is not None:
        check_no_clash(persons, lecture.starts_at, lecture.duration_minutes, by=by, but=lecture.id)
    listed = set_lecture_instructors(lecture, persons) if "instructors" in changes else (ListChange(), ListChange())
    record("edit_lecture", lecture, by=by, at=at, fields=sorted(changes), **_listing(*listed))
    _publish_changes(lecture, before, by=by, at=at)
    return lecture


def _checked_target(lecture: Lecture, changes: dict[str, Any]) -> LectureState:
    """The state after these changes. Raises Invalid for fields that a lecture does not have."""
    unknown = set(changes) - {field.name for field in fields(LectureInput)}
    if unknown:
        raise Invalid(faults=[Fault(field=name, reason=_("Unknown field.")) for name in sorted(unknown)])
    target: LectureState = changes.get("state", lecture.state)
    return target


def _check_state_change(state: LectureState, target: LectureState) -> None:
    if target != state and (state, target) != (LectureState.DRAFT, LectureState.SCHEDULED):
        raise Invalid("state", _("To change the state, start, end, postpone or cancel the lecture."))


def _write_fields(lecture: Lecture, checked: LectureInput) -> None:
    for name in _PLAIN:
        setattr(lecture, name, getattr(checked, name))
    lecture.language = str(checked.language)
    lecture.interpretation = list(checked.interpretation)
    lecture.materials = [dict(row) for row in checked.materials]


def _retime(lecture: Lecture, draft: LectureInput, starts_at: datetime | None) -> None:
    """Sets the planned time; a postponed lecture that is given one is scheduled again."""
    planned = (lecture.local_start, lecture.time_zone, lecture.duration_minutes)
    if planned == (draft.starts_at, draft.time_zone, draft.duration_minutes):
        return
    check_can_retime(lecture)
    if starts_at is None and lecture.state is LectureState.SCHEDULED:
        raise Invalid("starts_at", _("Enter when the lecture starts, or postpone it without a date."))
    lecture.local_start, lecture.starts_at = draft.starts_at, starts_at
    if lecture.state is not LectureState.DRAFT:
        lecture.sequence += 1
    if lecture.state is LectureState.POSTPONED and starts_at is not None:
        lecture.state = LectureState.SCHEDULED


def _publish_changes(lecture: Lecture, before: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """Publishes what an edit changed that others depend on: the state, the start, the length, a new recording."""
    _publish_move(lecture, before, by=by, at=at)
    is_same_start = (before["state"], before["starts_at"]) == (lecture.state, lecture.starts_at)
    is_same_length = before["duration_minutes"] == lecture.duration_minutes
    if lecture.state is LectureState.SCHEDULED and is_same_start and not is_same_length:
        publish(LectureLengthChanged(lecture_id=lecture.id, by=by, at=at))
    if lecture.state is LectureState.HELD and lecture.recording_url is not None and before["recording_url"] is None:
        publish(RecordingAdded(lecture_id=lecture.id, by=by, at=at))


def _publish_move(lecture: Lecture, before: dict[str, Any], *, by: Actor, at: datetime) -> None:
    if before["state"] is not lecture.state:
        what = "published" if before["state"] is LectureState.DRAFT else "rescheduled"
        note(lecture, what, before, by=by, at=at)
        publish(LectureScheduled(lecture_id=lecture.id, by=by, at=at))
    elif before["starts_at"] != lecture.starts_at:
        note(lecture, "moved", before, by=by, at=at)
        old, new = before["starts_at"], lecture.starts_at
        if lecture.state is LectureState.SCHEDULED and max(old, new) > at:
            publish(LecturePostponed(lecture_id=lecture.id, old_start=old, new_start=new, by=by, at=at))


@action
def delete_draft(lecture_id: int, *, by: Actor, at: datetime) -> None:
    """Deletes a draft that was never published, with its files and history.

    Raises NotFound, Forbidden, and Refused for a lecture that is or was published.
    """
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    check_can_delete(lecture, was_published=was_published(lecture_id))
    record("delete_lecture", lecture, by=by, at=at, title=lecture.title)
    publish(LectureDeleted(lecture_id=lecture_id, by=by, at=at))
    db.session.delete(lecture)


def locked_lecture(lecture_id: int) -> Lecture:
    """The lecture, its row held until the action ends, as it is committed now. NotFound where there is none."""
    if 0 < lecture_id < 2**31:
        db.session.execute(
            select(Lecture)
            .where(Lecture.id == lecture_id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        ).all()
    lecture = find_lecture(lecture_id)
    if lecture is None:
        raise NotFound
    return lecture


def _draft_of(lecture: Lecture) -> LectureInput:
    """Returns what is there as a draft, so that a change is checked as a whole. Its state plays no part."""
    return LectureInput(
        starts_at=lecture.local_start,
        state=LectureState.DRAFT,
        language=lecture.language,
        interpretation=tuple(lecture.interpretation),
        materials=tuple(lecture.materials),
        **{name: getattr(lecture, name) for name in _PLAIN},
    )
