"""The rows that the second count counts, read plainly: lectures, people after merges, attendances, awards.

They share nothing with the queries of reports, so that `recount` can compare the two."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, select, union

from lms.attendance.models.credits import Correction, Credit, Outcome
from lms.catalogue.models import Lecture, LecturePause, LectureState, Series
from lms.certificates.models import Award, Certificate
from lms.core.database.session import Base, db
from lms.enrolment.models import Enrolment
from lms.feedback.models import FeedbackRelease
from lms.people.models import Country, Partnership, Person, PersonCountry, Region
from lms.reports.models import OpeningRow


class CountryRow(NamedTuple):
    """The columns of a country that are counted by."""

    id: int
    code: str
    region_code: str | None


class PartnershipRow(NamedTuple):
    """The columns of a partnership."""

    country_id: int
    since: date
    until: date | None


class CountedSeries(NamedTuple):
    """The columns of a series that are counted by."""

    id: int
    slug: str
    language: str


class RecountedLecture(NamedTuple):
    """The columns of a held lecture."""

    id: int
    series_id: int
    language: str
    actual_start: datetime
    actual_end: datetime
    confirmed_at: datetime | None


class PauseRow(NamedTuple):
    """The columns of a pause that has ended."""

    started_at: datetime
    ended_at: datetime


class EnrolmentRow(NamedTuple):
    """The columns of an enrolment."""

    id: int
    person_id: int
    registered_at: datetime
    registered_country_id: int | None


class AwardRow(NamedTuple):
    """The columns of an award."""

    id: int
    person_id: int
    kind: str
    awarded_at: datetime
    awarded_country_id: int | None


class CreditRow(NamedTuple):
    """The columns of a credit."""

    person_id: int
    outcome: str
    source: str
    sector: str | None
    gender: str | None
    present_ms: int


class BalanceRow(NamedTuple):
    """The columns of an opening balance."""

    day: date
    title_key: str
    series_id: int | None
    country_id: int | None
    attendances: int


Counted = TypeVar("Counted", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is counted, with all that it may be filtered and grouped by."""

    kind: str
    who: int
    what: int
    day: date
    series: str
    language: str
    country: str | None
    region: str | None
    partner: bool
    sector: str | None
    gender: str | None
    source: str | None
    ms: int


class _MergedPeople:
    """Some people, and those who were merged with them: who each is, and the histories of their countries."""

    def __init__(self, seen: Select[Any]) -> None:
        """`seen` asks for their ids."""
        roots = select(Person.canonical_id).where(Person.id.in_(seen))
        query = (
            select(Person.id, Person.canonical_id, Person.sector, Person.gender)
            .add_columns(PersonCountry.since, PersonCountry.country_id)
            .outerjoin(PersonCountry, PersonCountry.person_id == Person.id)
            .where(Person.canonical_id.in_(roots))
            .order_by(PersonCountry.id)
        )
        self.roots: dict[int, int] = {}
        """Person → the canonical person after merges."""
        self.traits: dict[int, tuple[str | None, str | None]] = {}
        """Person → sector and gender of today."""
        self._histories: dict[int, list[tuple[int, date, int | None]]] = defaultdict(list)
        for person, canonical_id, sector, gender, since, country in db.session.execute(query):
            self.roots[person] = root = canonical_id or person
            self.traits[person] = sector, gender
            if since is not None:
                self._histories[root].append((person, since, country))

    def country_of(self, person: int, day: date) -> int | None:
        """The country of a person (after merges) on a day: what their own row has last, else another's."""
        for mine in (True, False):
            held = [row for row in self._histories[person] if (row[0] == person) == mine and row[1] <= day]
            if held:
                return sorted(held, key=lambda row: row[1])[-1][2]
        return None


class RecountRows:
    """The rows that are counted from, and the facts in them.

    The rows of people are read one lecture or series at a time, so that few are held at once.
    """

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.countries = {row.id: row for row in _read(Country, CountryRow)}
        self.partnerships: dict[int, list[PartnershipRow]] = defaultdict(list)
        for row in _read(Partnership, PartnershipRow):
            self.partnerships[row.country_id].append(row)
        self.series = {row.id: row for row in _read(Series, CountedSeries)}
        self.parents = dict(db.session.execute(select(Region.code, Region.parent_code)).all())
        self.balances = _read(OpeningRow, BalanceRow)
        is_held = (Lecture.state == LectureState.HELD, Lecture.actual_start.is_not(None))
        self.held = {row.id: row for row in _read(Lecture, RecountedLecture, *is_held)}
        came = select(Credit.lecture_id).where(Credit.outcome.in_([Outcome.ATTENDED, Outcome.PARTIAL])).distinct()
        present = set(db.session.scalars(came))
        self.sessions = {
            id_ for id_, row in self.held.items()
            if row.confirmed_at or (id_ in present and self._seconds(row) >= 5 * 60)
        }  # fmt: skip

    @cached_property
    def facts(self) -> list[Fact]:
        """All facts."""
        attendances = (fact for lecture_id in self.held for fact in self.attendances_in(lecture_id))
        registrations = (fact for series_id in self.series for fact in self._registrations(series_id))
        certificates = (fact for series_id in self.series for fact in self._certificates(series_id))
        return [*attendances, *registrations, *certificates]

    @staticmethod
    def _seconds(lecture: RecountedLecture) -> float:
        """How long a held lecture was: from the second of its start to that of its end, without its pauses."""
        first, last = lecture.actual_start, lecture.actual_end
        is_counted = (LecturePause.lecture_id == lecture.id, LecturePause.withdrawn_at.is_(None))
        paused: int = sum(
            max(0, (min(pause.ended_at, last) - max(pause.started_at, first)) // timedelta(milliseconds=1))
            for pause in _read(LecturePause, PauseRow, *is_counted)
        )
        return float(int(last.timestamp()) - int(first.timestamp()) - paused / 1000)

    def day(self, moment: datetime) -> date:
        """The day of an instant in the reporting zone."""
        return moment.astimezone(self.zone).date()

    def is_partner(self, country: int | None, day: date) -> bool:
        """Whether a country is a partner on a day."""
        spans = self.partnerships.get(country, ()) if country is not None else ()
        return any(row.since <= day and (row.until is None or day <= row.until) for row in spans)

    def _fact(self, kind: str, who: int, what: int, day: date, series: int, country: int | None, **more: Any) -> Fact:
        land = self.countries.get(country) if country is not None else None
        values = {"source": None, "ms": 0, "language": self.series[series].language} | more
        return Fact(
            kind=kind, who=who, what=what, day=day, series=self.series[series].slug,
            country=land.code if land else None, region=land.region_code if land else None,
            partner=self.is_partner(country, day), **values,
        )  # fmt: skip

    def attendances_in(self, lecture_id: int) -> Iterator[Fact]:
        """The attendances of a held lecture."""
        lecture = self.held[lecture_id]
        day = self.day(lecture.actual_start)
        corrections = select(Correction.person_id, Correction.outcome).where(
            Correction.lecture_id == lecture_id, Correction.withdrawn_at.is_(None)
        )
        credited = select(Credit.person_id).where(Credit.lecture_id == lecture_id)
        people = _MergedPeople(select(union(credited, corrections.with_only_columns(Correction.person_id)).subquery()))
        set_by_hand = {
            people.roots[person]: outcome for person, outcome in db.session.execute(corrections.order_by(Correction.id))
        }
        by_person: dict[int, list[CreditRow]] = defaultdict(list)
        for row in _read(Credit, CreditRow, Credit.lecture_id == lecture_id):
            person = people.roots[row.person_id]
            if set_by_hand.get(person, row.outcome) == "attended":
                by_person[person].append(row)
        for person, rows in by_person.items():
            rows.sort(key=lambda row: (row.person_id != person, row.person_id))
            yield self._fact(
                "attendance", person, lecture_id, day, lecture.series_id, people.country_of(person, day),
                language=lecture.language, sector=rows[0].sector, gender=rows[0].gender,
                source=rows[0].source, ms=max(row.present_ms for row in rows),
            )  # fmt: skip

    @cached_property
    def ratings(self) -> dict[int, dict[str, dict[str, list[int]]]]:
        """Lecture → attribute → value → the ratings of the members that its release names; `total` has them all under
        an empty value."""
        query = select(FeedbackRelease.lecture_id, FeedbackRelease.history)
        query = query.where(FeedbackRelease.lecture_id.is_not(None), FeedbackRelease.satisfaction.is_not(None))
        ratings: dict[int, dict[str, dict[str, list[int]]]] = {}
        for lecture_id, history in db.session.execute(query):
            cells = history["cells"]["all"]
            given = [int(version.split()[-1]) for _record, version in cells["members"]]
            masks = {"total": {"": cells["total"]}, **cells["cells"], **cells["sums"]}
            ratings[lecture_id] = {
                name: {
                    value: [rating for place, rating in enumerate(given) if int(mask, 16) >> place & 1]
                    for value, mask in of_name.items()
                }
                for name, of_name in masks.items()
            }
        return ratings

    def _registrations(self, series_id: int) -> Iterator[Fact]:
        people = _MergedPeople(select(Enrolment.person_id).where(Enrolment.series_id == series_id))
        first: dict[int, EnrolmentRow] = {}
        rows = _read(Enrolment, EnrolmentRow, Enrolment.series_id == series_id)
        for row in sorted(rows, key=lambda row: (row.registered_at, row.id)):
            first.setdefault(people.roots[row.person_id], row)
        for person, row in first.items():
            sector, gender = people.traits[person]
            day, country = self.day(row.registered_at), row.registered_country_id
            yield self._fact("registration", person, row.id, day, series_id, country, sector=sector, gender=gender)

    def _certificates(self, series_id: int) -> Iterator[Fact]:
        people = _MergedPeople(select(Award.person_id).where(Award.series_id == series_id))
        states: dict[int, set[str]] = defaultdict(set)
        certificates = select(Certificate.award_id, Certificate.state).join(Award, Award.id == Certificate.award_id)
        for award_id, state in db.session.execute(certificates.where(Award.series_id == series_id)):
            states[award_id].add(state)
        awards = [
            row
            for row in _read(Award, AwardRow, Award.series_id == series_id)
            if states[row.id] & {"valid", "withdrawn"}
        ]
        first: dict[tuple[int, str], AwardRow] = {}
        for row in sorted(awards, key=lambda row: ("valid" not in states[row.id], row.awarded_at)):
            first.setdefault((people.roots[row.person_id], row.kind), row)
        for (person, _kind), row in first.items():
            sector, gender = people.traits[person]
            day, country = self.day(row.awarded_at), row.awarded_country_id
            yield self._fact("certificate", person, row.id, day, series_id, country, sector=sector, gender=gender)

    def region_holds(self, region: str, code: str | None) -> bool:
        """Whether a region is another one or holds it."""
        while code is not None and code != region:
            code = self.parents[code]
        return code == region


def _read(model: type[Base], row_type: type[Counted], *where: ColumnElement[bool]) -> list[Counted]:
    """Rows of a table, with the columns that the tuple names."""
    query = select(*(getattr(model, name) for name in row_type._fields)).where(*where)
    return [row_type._make(row) for row in db.session.execute(query)]
