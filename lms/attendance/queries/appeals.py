"""Appeals: one's own, and those that one may answer."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from lms.attendance.appeal_rules import WINDOW
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.models.evidence import AttendanceImport
from lms.attendance.presence import WHO, is_held
from lms.attendance.queries.roster import is_on_roster
from lms.catalogue.models import LECTURE_TITLE, Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import may_edit_lecture, teaching_id
from lms.catalogue.visibility import ids_taught_by_person
from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import chunks
from lms.core.database.session import db, read, read_value, shared_alias
from lms.core.text.translations import Translations
from lms.people.models import Person
from lms.people.queries.finding import is_found


@dataclass(frozen=True)
class AppealView:
    """An appeal with whom and what it is about. `outcome` is what was set by hand in answer to it."""

    appeal: Appeal
    person_id: int
    person: str
    full_name: str
    native_name: str | None
    time_zone: str | None
    lecture: Lecture
    answered_by: str | None
    outcome: Outcome | None

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer."""
        return self.appeal.state is AppealState.OPEN


_Filing, _Answering = shared_alias(Person), shared_alias(Person)


def _views(*conditions: ColumnElement[bool]) -> Any:
    """The query of appeals, with the columns of `AppealView`."""
    return (
        select(
            Appeal,
            Person.id.label("person_id"),
            Person.public_id.label("person"),
            Person.full_name,
            Person.native_name,
            Person.time_zone,
            Lecture,
            _Answering.full_name.label("answered_by"),
            Correction.outcome,
        )
        .join(Lecture, Lecture.id == Appeal.lecture_id)
        .join(_Filing, _Filing.id == Appeal.person_id)
        .join(Person, Person.id == _Filing.canonical_id)
        .outerjoin(_Answering, _Answering.id == Appeal.answered_by)
        .outerjoin(Correction, Correction.id == Appeal.correction_id)
        .where(*conditions)
    )


def _read(query: Any) -> list[AppealView]:
    return [AppealView(*row) for row in db.session.execute(query)]


def get_appeal(public_id: str, *, by: Actor) -> AppealView:
    """An appeal, for its author and the staff of its lecture; NotFound for everyone else."""
    views = _read(_views(Appeal.public_id == public_id))
    if not views:
        raise NotFound
    view = views[0]
    if view.person_id != by.person_id and not may_edit_lecture(view.lecture, by):
        raise NotFound
    return view


def list_appeals(
    *,
    by: Actor,
    lecture_id: int | None = None,
    person_id: int | None = None,
    state: AppealState | None = None,
    limit: int | None = None,
    cursor: int | None = None,
) -> list[AppealView]:
    """Up to `limit + 1` appeals after `cursor` that somebody may see: their own, and those of lectures that one
    may change. Open ones in the order in which they came, all of them the newest first."""
    oldest_first = state is AppealState.OPEN
    query = _views(or_(_answerable(*_kind(by)), _Filing.canonical_id == by.person_id))
    if lecture_id is not None:
        get_lecture(lecture_id, by=by)
        query = query.where(Appeal.lecture_id == lecture_id)
    if person_id is not None:
        query = query.where(_Filing.canonical_id == person_id)
    if state is not None:
        query = query.where(Appeal.state == state)
    if cursor is not None:
        query = query.where(Appeal.id > cursor if oldest_first else Appeal.id < cursor)
    query = query.order_by(Appeal.id if oldest_first else Appeal.id.desc())
    return _read(query if limit is None else query.limit(limit + 1))


@dataclass(frozen=True)
class AppealPage:
    """One page of the appeals that a filter holds, `matching` of them; `counts` are of each state, of all that the
    reader may see or of one lecture."""

    rows: list[AppealView]
    matching: int
    counts: dict[AppealState, int]
    lecture: Lecture | None


def list_appeal_page(
    request: ListRequest, *, by: Actor, state: AppealState | None, lecture_id: int | None = None
) -> AppealPage:
    """The appeals that somebody may see, in a state or in any, in the order and on the page that are asked for: when
    they were made (`filed`), or by `name`."""
    lecture = get_lecture(lecture_id, by=by) if lecture_id is not None else None
    seen = _views(or_(_answerable(*_kind(by)), _Filing.canonical_id == by.person_id))
    if lecture is not None:
        seen = seen.where(Appeal.lecture_id == lecture.id)
    counts = dict(read(seen.with_only_columns(Appeal.state, func.count()).group_by(Appeal.state)))
    selected = seen if state is None else seen.where(Appeal.state == state)
    matching = sum(counts.values()) if state is None else counts.get(state, 0)
    if request.q:
        selected = selected.where(is_found(request.q))
        matching = read_value(selected.with_only_columns(func.count())) or 0
    request = request.within(matching)
    key: Any = Person.sort_name if request.sort == "name" else Appeal.id
    order = [one.desc() if request.descending else one for one in dict.fromkeys((key, Appeal.id))]
    rows = _read(selected.order_by(*order).limit(request.size).offset(request.offset))
    return AppealPage(rows, matching, counts, lecture)


def _kind(by: Actor) -> tuple[bool, int | None]:
    return by.is_administrator, teaching_id(by)


def _answerable(is_administrator: bool, person_id: int | None) -> ColumnElement[bool]:
    """Whether somebody may answer an appeal: an administrator any, an instructor those of their series.

    `person_id` is the actor's `teaching_id`."""
    if is_administrator:
        return Appeal.id.is_not(None)
    return Lecture.series_id.in_(ids_taught_by_person(person_id))


def _open(is_administrator: bool, person_id: int | None) -> Any:
    """The query of open appeals for each kind of reader."""
    answerable = _answerable(is_administrator, person_id)
    return _views(answerable, Appeal.state == AppealState.OPEN).order_by(Appeal.id)


def open_appeals_by_person(lecture_id: int, *, by: Actor) -> dict[str, str]:
    """The open appeals in a lecture that somebody may answer: public id of the person → that of the appeal."""
    query = _open(*_kind(by)).where(Appeal.lecture_id == lecture_id)
    return dict(read(query.with_only_columns(Person.public_id, Appeal.public_id)))


def count_open_appeals(*, by: Actor, lecture_id: int | None = None) -> int:
    """How many open appeals somebody may answer, of all lectures or of one."""
    query = open_appeals_for(by)
    if lecture_id is not None:
        query = query.where(Appeal.lecture_id == lecture_id)
    return db.session.scalar(query) or 0


@dataclass(frozen=True)
class LectureAppeals:
    """A lecture with the number of its open appeals, and one of them."""

    lecture_id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations
    count: int
    oldest: datetime
    public_id: str


def list_lectures_with_appeals(*, by: Actor) -> list[LectureAppeals]:
    """The lectures with open appeals that somebody may answer, the one that waits longest first."""
    oldest = func.min(Appeal.filed_at)
    query = (
        select(
            Lecture.id,
            *LECTURE_TITLE,
            func.count(),
            oldest,
            func.min(Appeal.public_id),
        )
        .select_from(Appeal)
        .join(Lecture, Lecture.id == Appeal.lecture_id)
        .where(_answerable(*_kind(by)), Appeal.state == AppealState.OPEN)
        .group_by(Lecture.id)
        .order_by(oldest, Lecture.id)
    )
    return [LectureAppeals(*row) for row in read(query)]


def open_appeals_for(by: Actor) -> Any:
    """The query that counts the open appeals that somebody may answer."""
    return (
        select(func.count())
        .select_from(Appeal)
        .join(Lecture, Lecture.id == Appeal.lecture_id)
        .where(_answerable(*_kind(by)), Appeal.state == AppealState.OPEN)
    )


def open_appeals_in(lecture_id: int, person_ids: Collection[int]) -> list[Appeal]:
    """The open appeals of these people (canonical ids) in a lecture."""
    query = (
        select(Appeal)
        .join(Person, Person.id == Appeal.person_id)
        .where(Appeal.lecture_id == lecture_id, Appeal.state == AppealState.OPEN, WHO.in_(person_ids))
        .order_by(Appeal.id)
    )
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def open_views_in(lecture_id: int, person_ids: Collection[int]) -> list[AppealView]:
    """As `open_appeals_in`, with the person and the lecture of each."""
    views = []
    for people in chunks(person_ids):
        query = _views(
            Appeal.lecture_id == lecture_id, Appeal.state == AppealState.OPEN, _Filing.canonical_id.in_(people)
        )
        views += _read(query.order_by(Appeal.id).execution_options(populate_existing=True))
    return views


def appeal_until(lecture: Lecture) -> datetime:
    """Until when one may appeal: so long after a held lecture ended, was entered, or its last report was taken."""
    assert lecture.actual_end is not None
    query = select(func.max(AttendanceImport.published_at)).where(AttendanceImport.lecture_id == lecture.id)
    moments = (lecture.actual_end, lecture.created_at, read_value(query))
    return max(moment for moment in moments if moment is not None) + WINDOW


@dataclass(frozen=True)
class OwnAppeals:
    """A person's appeals in one lecture, the latest first, and whether another may be made, until when."""

    appeals: list[AppealView]
    may_file: bool
    until: datetime

    @property
    def open(self) -> AppealView | None:
        """The appeal that waits for an answer."""
        return next((appeal for appeal in self.appeals if appeal.is_open), None)


def own_appeals(lecture: Lecture, *, by: Actor, at: datetime) -> OwnAppeals:
    """Returns what a person asked, and may ask, of a held lecture in which the person was expected or seen."""
    query = _views(Appeal.lecture_id == lecture.id, _Filing.canonical_id == by.person_id)
    appeals = _read(query.order_by(Appeal.id.desc()))
    until = appeal_until(lecture)
    return OwnAppeals(appeals, at <= until and not any(appeal.is_open for appeal in appeals), until)


def get_appealable(lecture_id: int, *, by: Actor, at: datetime) -> tuple[Lecture, OwnAppeals]:
    """A lecture of which a person may ask something, and what was asked; NotFound where it is not so."""
    lecture = get_lecture(lecture_id, by=by)
    if by.person_id is None or not is_held(lecture) or not is_on_roster(lecture, by.person_id):
        raise NotFound
    return lecture, own_appeals(lecture, by=by, at=at)


def appeal_states_of(*, by: Actor) -> dict[int, AppealState]:
    """The state of one's own latest appeal in each lecture."""
    query = (
        select(Appeal.lecture_id, Appeal.state)
        .join(Person, Person.id == Appeal.person_id)
        .where(Person.canonical_id == by.person_id)
        .order_by(Appeal.id)
    )
    return dict(read(query))
