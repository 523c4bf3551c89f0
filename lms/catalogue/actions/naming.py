"""Instructors by address: looking them up, setting them on a series or lecture, and clashes.

Also whose people series are for, when two countries are merged or parted again.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from lms.catalogue.models import Lecture, LectureInstructor, Series, SeriesCountry, SeriesInstructor
from lms.catalogue.queries.lectures import list_around
from lms.catalogue.rules import TEACHING_ROLES, may_see_lecture, occupied, overlaps
from lms.core.base.errors import Fault, Invalid, Refused
from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, is_sqlite, read_column
from lms.core.text.i18n import _
from lms.core.text.punctuation import quoted
from lms.core.text.translations import reader_text
from lms.core.time.dates import span_in
from lms.people.actions.country_merging import moved_ids, note_moved
from lms.people.models import Person
from lms.people.queries.access import holders_of
from lms.people.queries.persons import ids_by_email
from lms.people.rules import email_key


@dataclass(frozen=True)
class ListChange:
    """People added to a list of instructors and removed from it, by person id."""

    added: Sequence[int] = ()
    removed: Sequence[int] = ()

    @property
    def persons(self) -> list[int]:
        """Everybody the change is about."""
        return [*self.added, *self.removed]

    def as_detail(self) -> dict[str, list[int]]:
        """The change as the audit keeps it."""
        return {"instructors_added": list(self.added), "instructors_removed": list(self.removed)}


def persons_of(addresses: Iterable[str], *, listed: Collection[int] = ()) -> list[int]:
    """The ids of the people with these addresses, who hold a teaching role or are `listed` already.

    Invalid at `instructors` for every other address. The reason is the same whether or not anybody has the address.
    """
    keys = {address: email_key(address) for address in addresses}
    if not keys:
        return []
    known = ids_by_email(set(keys.values()))
    fit = holders_of(set(known.values()), TEACHING_ROLES) | set(listed)
    faults = [
        Fault(
            field="instructors",
            reason=_(
                "%(address)s does not belong to an instructor. Ask an administrator to grant the instructor role.",
                address=address[:320],
            ),
        )
        for address, key in keys.items()
        if known.get(key) not in fit
    ]
    if faults:
        raise Invalid(faults=faults)
    return list(dict.fromkeys(known[key] for key in keys.values()))


def add_series_instructors(series: Series, person_ids: Sequence[int]) -> ListChange:
    """Puts people on the list of a series' instructors, and says which of them were not on it."""
    added = sorted(set(person_ids) - {person.id for person in series.instructors})
    if added:
        dialect = insert_sqlite if is_sqlite() else insert_postgresql
        rows = [{"series_id": series.id, "person_id": person_id} for person_id in added]
        db.session.execute(dialect(SeriesInstructor).on_conflict_do_nothing(), rows)
    db.session.expire(series, ["instructors"])
    return ListChange(added)


def set_lecture_instructors(lecture: Lecture, person_ids: Sequence[int]) -> tuple[ListChange, ListChange]:
    """These and no others give the lecture; each becomes an instructor of the series too.

    Answers with what changed on the list of the lecture, and on that of the series.
    """
    before, after = {person.id for person in lecture.instructors}, set(person_ids)
    db.session.execute(delete(LectureInstructor).where(LectureInstructor.lecture_id == lecture.id))
    if person_ids:
        rows = [{"lecture_id": lecture.id, "person_id": person_id} for person_id in person_ids]
        db.session.execute(insert(LectureInstructor), rows)
    of_series = add_series_instructors(lecture.series, person_ids)
    db.session.expire(lecture, ["instructors"])
    return ListChange(sorted(after - before), sorted(before - after)), of_series


def check_no_clash(
    person_ids: Sequence[int], start: datetime, duration_minutes: int, *, by: Actor, but: int | None = None
) -> None:
    """Refused where one of these persons gives another lecture at that time; `but` is the lecture itself.

    The persons' rows are locked first (on SQLite the whole write is alone), so that of two at once one loses.
    """
    if not person_ids:
        return
    db.session.execute(
        select(Person.id).where(Person.id.in_(person_ids)).order_by(Person.id).with_for_update(key_share=True)
    ).all()
    span = (start, start + timedelta(minutes=duration_minutes))
    for other, person_id in list_around(person_ids, *span):
        taken = occupied(other)
        if other.id == but or taken is None or not overlaps(span, taken):
            continue
        title = quoted(reader_text(other)) if may_see_lecture(other, by) else _("another lecture")
        begins, ends = span_in(*taken, other.time_zone)
        raise Refused(
            _(
                "%(person)s gives %(title)s at that time, from %(start)s to %(end)s (%(zone)s).",
                person=db.session.get_one(Person, person_id).full_name,
                title=title,
                start=begins,
                end=ends,
                zone=other.time_zone,
            )
        )


FOR_MERGED: Final = "series_country.country_id"
FOR_BOTH: Final = "series_country.both"
"""What a merge notes of series that were for one, or for both of the countries: the ids of the series."""


def unite_country(event: CountriesMerged) -> None:
    """Within an action: lets series that are for people of the country that is merged be for those of the one kept."""
    merged, kept_series = (_series_of(one) for one in (event.merged_id, event.kept_id))
    _remove(event.merged_id, merged & kept_series)
    _replace(event.merged_id, event.kept_id, merged - kept_series)
    note_moved(FOR_BOTH, merged & kept_series, event)
    note_moved(FOR_MERGED, merged - kept_series, event)


def part_country(event: CountryMergeUndone) -> None:
    """Within an action: gives both their series back, those that are for people of the country kept until now."""
    kept_series = _series_of(event.kept_id)
    _replace(event.kept_id, event.merged_id, kept_series & set(moved_ids(FOR_MERGED, event)))
    rows = [{"series_id": one, "country_id": event.merged_id} for one in kept_series & set(moved_ids(FOR_BOTH, event))]
    if rows:
        db.session.execute(insert(SeriesCountry), rows)


def _series_of(country_id: int) -> set[int]:
    return set(read_column(select(SeriesCountry.series_id).where(SeriesCountry.country_id == country_id)))


def _remove(country_id: int, series_ids: Collection[int]) -> None:
    listings = (SeriesCountry.country_id == country_id, among(SeriesCountry.series_id, series_ids))
    db.session.execute(delete(SeriesCountry).where(*listings).execution_options(synchronize_session=False))


def _replace(before: int, after: int, series_ids: Collection[int]) -> None:
    listings = (SeriesCountry.country_id == before, among(SeriesCountry.series_id, series_ids))
    write = update(SeriesCountry).where(*listings).values(country_id=after)
    db.session.execute(write.execution_options(synchronize_session=False))
