"""Related rows of series and lectures, read for many at once and put in place; their order by the titles shown."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, case, cast, null, select, union_all
from sqlalchemy.orm.attributes import instance_state, set_committed_value
from sqlalchemy.orm.util import identity_key

from lms.catalogue.models import SERIES_TITLE, Lecture, LectureInstructor, Series, SeriesCountry, SeriesInstructor
from lms.core.base.roles import Actor
from lms.core.database.session import db, read
from lms.core.text.translations import reading_key
from lms.people.models import Country, Person


def title_order() -> ColumnElement[Any]:
    """Returns what a statement that reads series is ordered by to have them by title."""
    rows = read(select(Series.id, *SERIES_TITLE).order_by(Series.id))
    titles: dict[int, Any] = {row.id: reading_key(row) for row in rows}
    places = {id_: place for place, id_ in enumerate(sorted(titles, key=titles.__getitem__))}
    return case(places, value=Series.id) if places else Series.id.expression


_giving = union_all(
    select(LectureInstructor.lecture_id, cast(null(), Integer).label("series_id"), LectureInstructor.person_id).where(
        LectureInstructor.lecture_id.in_(bindparam("lectures", expanding=True))
    ),
    select(cast(null(), Integer), SeriesInstructor.series_id, SeriesInstructor.person_id).where(
        SeriesInstructor.series_id.in_(bindparam("series", expanding=True))
    ),
).subquery()


_GIVERS = (
    select(_giving.c.lecture_id, _giving.c.series_id, Person)
    .join(Person, Person.id == _giving.c.person_id)
    .order_by(Person.full_name)
)


_COUNTRIES = (
    select(SeriesCountry.series_id, Country)
    .join(Country, Country.id == SeriesCountry.country_id)
    .where(SeriesCountry.series_id.in_(bindparam("ids", expanding=True)))
    .order_by(Country.code)
)


# What belongs to series and lectures. SQLAlchemy's own loading of these relationships costs a page several times what
# the questions themselves do, so they are asked here and put in place.
def complete_series(series_list: Sequence[Series]) -> list[Series]:
    """These series with who gives them and whose people they are for: two questions, however many."""
    if series_list:
        put_instructors([], series_list)
        countries = _lists(series_list)
        for series_id, country in db.session.execute(_COUNTRIES, {"ids": list(countries)}):
            countries[series_id].append(country)
        for series in series_list:
            set_committed_value(series, "countries", countries[series.id])
    return list(series_list)


def complete_lectures(lectures: Sequence[Lecture], *, by: Actor | None = None) -> list[Lecture]:
    """These lectures with who gives them, their series, and who gives those: two questions at most, however many.

    Who gives a series is left out for an actor who is nobody: it makes no difference to them.
    """
    series = _series_of(lectures)
    for lecture in lectures:
        set_committed_value(lecture, "series", series[lecture.series_id])
    is_somebody = by is None or by.person_id is not None or by.system
    put_instructors(lectures, [one for one in series.values() if is_somebody and "instructors" not in one.__dict__])
    return list(lectures)


def is_complete(lecture: Lecture) -> bool:
    """Whether a lecture has all that `complete_lectures` puts in place, and no column of it or its series expired."""
    has_both = {"series", "instructors"} <= lecture.__dict__.keys() and "instructors" in lecture.series.__dict__
    return has_both and not any(instance_state(row).expired_attributes for row in (lecture, lecture.series))


def _series_of(lectures: Sequence[Lecture]) -> dict[int, Series]:
    """The series of lectures by id; what this unit of work has read already is not read again."""
    ids = {lecture.series_id for lecture in lectures}
    read = {key: db.session.identity_map.get(identity_key(Series, key)) for key in ids}
    known: dict[int, Series] = {key: series for key, series in read.items() if series is not None}
    if missing := ids - known.keys():
        known |= {one.id: one for one in db.session.scalars(select(Series).where(Series.id.in_(missing)))}
    return known


def put_instructors(lectures: Sequence[Lecture], series: Sequence[Series]) -> None:
    """Puts in place who gives these lectures and series."""
    if not lectures and not series:
        return
    of_lectures, of_series = _lists(lectures), _lists(series)
    for lecture_id, series_id, person in db.session.execute(
        _GIVERS, {"lectures": list(of_lectures), "series": list(of_series)}
    ):
        (of_lectures[lecture_id] if series_id is None else of_series[series_id]).append(person)
    for owners, lists in ((lectures, of_lectures), (series, of_series)):
        for owner in owners:
            set_committed_value(owner, "instructors", lists[owner.id])


def _lists(owners: Sequence[Series | Lecture]) -> dict[int, list[Any]]:
    return {owner.id: [] for owner in owners}
