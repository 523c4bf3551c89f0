"""Queries for certificates: by number for anyone, by person and series for readers with access."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import aliased, contains_eager

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import SERIES_TITLE, CertificateKind, Lecture, Policy, Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import length_ms
from lms.certificates import eligibility, numbers, rules
from lms.certificates.designs.design import FALLBACK, Design
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.pdf import store
from lms.certificates.queries.render_jobs import render_jobs_of
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.base.settings import issuer_in, organiser_name
from lms.core.database.bulk import among, chunks
from lms.core.database.session import db, read
from lms.core.text.i18n import reader_locale
from lms.core.text.translations import TitleTexts, WrittenText, every_text, translation_for
from lms.core.time import clock
from lms.core.time.clock import reporting_zone
from lms.enrolment.membership import enrolled_ids
from lms.people.models import Person


@dataclass(frozen=True)
class ShownCertificate:
    """A certificate as the reader can see it.

    `is_full` for the holder and staff; otherwise only the public part is shown. `organiser` is the issuer, under its
    name at the time. `state` is the effective state of the number: one superseded by a withdrawn certificate shows as
    withdrawn too. `series` is the title as it was signed, `titles` are those that the series has today.
    """

    number: str
    state: CertificateState
    name: str
    native_name: str | None
    series: str
    series_language: str | None
    series_slug: str
    titles: TitleTexts
    kind: CertificateKind
    hours: float
    organiser: str
    issued_on: date
    ended_at: datetime | None
    replaced_by: str | None
    replaces: str | None
    reason: str | None
    lectures: list[dict[str, Any]]
    person: str
    is_holder: bool
    is_full: bool

    @property
    def issuer(self) -> str:
        """The organiser in the reader's language."""
        return issuer_in(self.organiser, reader_locale())

    @property
    def is_renamed(self) -> bool:
        """Whether the series has none of its titles of today on the certificate."""
        return self.series not in every_text(self.titles)


def counted_lectures(series_id: int, *, policy: Policy | None = None, at: datetime | None = None) -> list[Lecture]:
    """The lectures a certificate of the series is measured by, in order of time; those without a time last.

    `policy`: the current one, where the caller has read it.
    """
    all_lectures = list_lectures(series_id, by=SYSTEM)
    deadline = (policy or current_policy(series_id)).deadline
    lectures = eligibility.measured(
        all_lectures, sessions_among(all_lectures), deadline, reporting_zone(), at=at or clock.now()
    )
    return in_order(lectures)


def in_order(lectures: Iterable[Lecture]) -> list[Lecture]:
    """Lectures in order of time; those without a time last."""

    def when(lecture: Lecture) -> tuple[float, int]:
        starts = lecture.actual_start or lecture.starts_at
        return (starts.timestamp() if starts else float("inf"), lecture.id)

    return sorted(lectures, key=when)


def canonical_ids(person_ids: Iterable[int]) -> dict[int, int]:
    """Returns who each of these is after merges."""
    ids: dict[int, int] = {}
    for chunk in chunks(sorted(person_ids)):
        query = select(Person.id, func.coalesce(Person.canonical_id, Person.id)).where(Person.id.in_(chunk))
        ids.update((person_id, canonical) for person_id, canonical in db.session.execute(query))
    return ids


def candidate_ids(series_id: int) -> list[int]:
    """Everybody enrolled in the series, as one person after merges, in a fixed order."""
    return sorted(enrolled_ids(series_id))


def awarded_ids(series_id: int, kind: CertificateKind, person_ids: Sequence[int]) -> set[int]:
    """Which of these people have the award already, as one person after merges."""
    query = (
        select(Person.canonical_id)
        .join(Award, Award.person_id == Person.id)
        .where(Award.series_id == series_id, Award.kind == kind, among(Person.canonical_id, person_ids))
    )
    return {person_id for person_id in db.session.scalars(query) if person_id is not None}


def of_series(series_id: int, kind: CertificateKind, *columns: Any) -> Select[Any]:
    """The query of columns of the certificates of a series, of their awards and of their people."""
    return (
        select(*columns)
        .select_from(Person)
        .join(Award, Award.person_id == Person.id)
        .join(Certificate, Certificate.award_id == Award.id)
        .where(Award.series_id == series_id, Award.kind == kind)
    )


def bears_a_former_name() -> ColumnElement[bool]:
    """Whether the names on a `Certificate` differ from the current names of its `Person`."""
    return or_(Certificate.name != Person.full_name, Certificate.native_name.is_distinct_from(Person.native_name))


def former_of(series_id: int, kind: CertificateKind, person_ids: Sequence[int]) -> dict[int, Certificate]:
    """Valid certificates of these people for one series and kind that bear a former name, by person."""
    query = (
        select(Certificate)
        .join(Certificate.award)
        .join(Person, Person.id == Award.person_id)
        .options(contains_eager(Certificate.award))
        .where(
            Award.series_id == series_id,
            Award.kind == kind,
            among(Award.person_id, person_ids),
            Certificate.state == CertificateState.VALID,
            bears_a_former_name(),
        )
    )
    return {row.award.person_id: row for row in db.session.scalars(query)}


def credits_of(lecture_ids: Sequence[int], person_ids: Sequence[int]) -> dict[int, dict[int, tuple[Outcome, int]]]:
    """Returns what each of these people has for each of these lectures: the outcome, and the milliseconds that
    count."""
    query = select(Credit.person_id, Credit.lecture_id, Credit.outcome, Credit.present_ms).where(
        among(Credit.person_id, person_ids), Credit.lecture_id.in_(lecture_ids)
    )
    credits: dict[int, dict[int, tuple[Outcome, int]]] = {}
    for person_id, lecture_id, outcome, present in db.session.execute(query):
        credits.setdefault(person_id, {})[lecture_id] = (outcome, present)
    return credits


def count_awarded_at(series_id: int, kind: CertificateKind, at: datetime) -> int:
    """How many awards one run of issuing has made: its moment is its mark."""
    query = select(func.count()).where(Award.series_id == series_id, Award.kind == kind, Award.awarded_at == at)
    return db.session.scalar(query) or 0


def held_people(person_ids: Sequence[int]) -> dict[int, Any]:
    """The committed names of people, without merged and deleted ones; locked until the action ends."""
    query = (
        select(Person.id, Person.public_id, Person.full_name, Person.native_name, Person.name_confirmed_at)
        .where(among(Person.id, person_ids), Person.canonical_id == Person.id, Person.erased_at.is_(None))
        .order_by(Person.id)  # in one order everywhere, so that nobody waits in a circle
        .with_for_update(read=True)
    )
    return {person.id: person for person in db.session.execute(query)}


@dataclass(frozen=True)
class PrintedTitles:
    """The titles on the certificates of a series; those of the lectures by id."""

    series: WrittenText
    lectures: Mapping[int, WrittenText]

    @property
    def fault(self) -> str | None:
        """Why certificates with these titles cannot be typeset, or None."""
        titles = [title.text for title in self.lectures.values()]
        return store.fault_of_series(self.series.text, titles, store.installed_fonts())


def printed_titles(series: Series, lectures: Sequence[Lecture], design: Design, language: str = "") -> PrintedTitles:
    """The titles in the language of the design's words for this series, or for another language than the series has;
    the main ones where there are no such texts."""
    language = design.language_for(language or series.language or FALLBACK)
    return PrintedTitles(
        translation_for(series, "title", language),
        {lecture.id: translation_for(lecture, "title", language) for lecture in lectures},
    )


def stations_of(lectures: Sequence[Lecture], attended: Collection[int], titles: PrintedTitles) -> list[dict[str, Any]]:
    """The route as it is frozen on a certificate."""
    zone = reporting_zone()
    stations = []
    for lecture in lectures:
        day = eligibility.day_given(lecture, zone)
        given = day.isoformat() if day else None
        title = titles.lectures[lecture.id]
        stations.append(
            {"title": title.text, "language": title.language, "day": given, "attended": lecture.id in attended}
        )
    return stations


def attended_ms(lectures: Sequence[Lecture], attended: Collection[int]) -> int:
    """The actual length of the lectures attended, in milliseconds."""
    return sum(length_ms(lecture) or 0 for lecture in lectures if lecture.id in attended)


def names_of(public_ids: Sequence[str], *, by: Actor) -> dict[str, str]:
    """Full names by public id, for the report of a run of issuing."""
    if not by.is_reporter:
        raise Forbidden
    query = select(Person.public_id, Person.full_name).where(Person.public_id.in_(public_ids))
    return {row.public_id: row.full_name for row in db.session.execute(query)}


def native_names_of(person_ids: Sequence[int]) -> dict[int, str | None]:
    """Names in native script by person."""
    query = select(Person.id, Person.native_name).where(among(Person.id, person_ids))
    return dict(db.session.execute(query).all())


def find_row(typed: str) -> Certificate | None:
    """The certificate with this number, as typed, and its award."""
    bare = numbers.parse(typed)
    if bare is None:
        return None
    query = select(Certificate).join(Certificate.award).options(contains_eager(Certificate.award))
    return db.session.scalar(query.where(Certificate.number == bare))


def get_row(typed: str) -> Certificate:
    """As find_row; NotFound for an unknown number."""
    row = find_row(typed)
    if row is None:
        raise NotFound
    return row


def get_certificate(typed: str, *, by: Actor) -> ShownCertificate:
    """A certificate by its number, for anybody: what its reader may see. NotFound for an unknown number."""
    return _shown([get_row(typed)], by=by)[0]


def list_of_person(person_id: int, *, by: Actor) -> list[ShownCertificate]:
    """A person's certificates that were not superseded, newest first: for oneself and for staff."""
    if not (by.is_reporter or (by.is_signed_in and by.person_id == person_id)):
        raise Forbidden
    return _shown(list(db.session.scalars(_newest(Person.canonical_id == person_id))), by=by)


def _newest(condition: ColumnElement[bool]) -> Select[Certificate]:
    """The certificates of some people that were not superseded, newest first."""
    return (
        select(Certificate)
        .join(Certificate.award)
        .join(Person, Person.id == Award.person_id)
        .options(contains_eager(Certificate.award))
        .where(condition, Certificate.state != CertificateState.SUPERSEDED)
        .order_by(Certificate.issued_on.desc(), Certificate.id.desc())
    )


def list_of_people(person_ids: Collection[int], *, by: Actor, limit: int) -> list[ShownCertificate]:
    """Up to `limit` certificates of these people that were not superseded, newest first: for staff."""
    if not by.is_reporter:
        raise Forbidden
    if not person_ids:
        return []
    return _shown(list(db.session.scalars(_newest(among(Person.canonical_id, person_ids)).limit(limit))), by=by)


def list_of_series(
    slug: str, *, by: Actor, limit: int, cursor: int | None = None
) -> list[tuple[int, ShownCertificate]]:
    """The certificates of a series in order of issue, with their cursors: for administrators and reporters."""
    if not by.is_reporter:
        raise Forbidden
    series = get_series(slug, by=by)
    query = (
        select(Certificate)
        .join(Certificate.award)
        .options(contains_eager(Certificate.award))
        .where(Award.series_id == series.id, Certificate.id > (cursor or 0))
        .order_by(Certificate.id)
        .limit(limit + 1)
    )
    rows = list(db.session.scalars(query))
    return list(zip((row.id for row in rows), _shown(rows, by=by), strict=True))


def get_pdf(typed: str, *, by: Actor) -> bytes:
    """The file of a valid certificate, for its holder and administrators. Raises NotFound, Forbidden, Refused."""
    row = get_row(typed)
    shown = _shown([row], by=by)[0]
    if not (shown.is_holder or by.is_administrator):
        raise Forbidden
    rules.check_can_download(row.state)
    return store.pdf_of(row, lambda: render_jobs_of([row])[0])


def _shown(rows: Sequence[Certificate], *, by: Actor) -> list[ShownCertificate]:
    """Rows as the reader may see them; a handful of queries however many there are."""
    people, series = _holders_of(rows), _series_of(rows)
    after, before = _successors_of(rows), _replaced_numbers(rows)
    staff = by.has(Role.ADMINISTRATOR, Role.REPORTER)
    answer = []
    for row in rows:
        public_id, canonical = people[row.award.person_id]
        is_holder = by.is_signed_in and by.person_id in (canonical, row.award.person_id)
        successor = (after.get(row.id) or find_kept(row)) if row.state is CertificateState.SUPERSEDED else None
        answer.append(
            ShownCertificate(
                number=numbers.write(row.number),
                state=_state_of(row, successor),
                name=row.name,
                native_name=row.native_name,
                series=row.series_title,
                series_language=row.title_language,
                series_slug=series[row.award.series_id].slug,
                titles=TitleTexts(*series[row.award.series_id][2:]),
                kind=row.award.kind,
                hours=rules.hours([row.hours_ms]),
                organiser=row.organiser or organiser_name(),
                issued_on=row.issued_on,
                ended_at=row.ended_at,
                replaced_by=numbers.write(successor.number) if successor else None,
                replaces=numbers.write(before[row.replaces_id]) if row.replaces_id else None,
                reason=row.reason,
                lectures=row.lectures,
                person=public_id,
                is_holder=is_holder,
                is_full=staff or is_holder,
            )
        )
    return answer


def _holders_of(rows: Sequence[Certificate]) -> dict[int, tuple[str, int]]:
    """The public id of the person of each award, and who that is after merges."""
    query = select(Person.id, Person.public_id, func.coalesce(Person.canonical_id, Person.id))
    return {
        person_id: (public_id, canonical)
        for chunk in chunks(sorted({row.award.person_id for row in rows}))
        for person_id, public_id, canonical in read(query.where(Person.id.in_(chunk)))
    }


def _series_of(rows: Sequence[Certificate]) -> dict[int, Any]:
    """The id, address and titles of the series of each award."""
    query = select(Series.id, Series.slug, *SERIES_TITLE)
    return {
        series.id: series
        for chunk in chunks(sorted({row.award.series_id for row in rows}))
        for series in read(query.where(Series.id.in_(chunk)))
    }


def _successors_of(rows: Sequence[Certificate]) -> dict[int, Certificate]:
    """The certificates that replaced these, by the id of the replaced one."""
    return {
        successor.replaces_id or 0: successor
        for chunk in chunks([row.id for row in rows if row.state is CertificateState.SUPERSEDED])
        for successor in db.session.scalars(select(Certificate).where(Certificate.replaces_id.in_(chunk)))
    }


def _replaced_numbers(rows: Sequence[Certificate]) -> dict[int, str]:
    """The numbers of the certificates that these replaced, by id."""
    query = select(Certificate.id, Certificate.number)
    return {
        row_id: number
        for chunk in chunks([row.replaces_id for row in rows if row.replaces_id is not None])
        for row_id, number in db.session.execute(query.where(Certificate.id.in_(chunk)))
    }


def find_kept(row: Certificate) -> Certificate | None:
    """After a merge, the certificate of a series and kind that was kept instead of this one."""
    holder, other = aliased(Person), aliased(Person)
    query = (
        select(Certificate)
        .join(Award, Award.id == Certificate.award_id)
        .join(other, other.id == Award.person_id)
        .join(holder, holder.canonical_id == other.canonical_id)
        .where(
            holder.id == row.award.person_id,
            Award.series_id == row.award.series_id,
            Award.kind == row.award.kind,
            Certificate.state != CertificateState.SUPERSEDED,
        )
        .order_by(Certificate.issued_at)
        .limit(1)
    )
    return db.session.scalar(query)


def _state_of(row: Certificate, successor: Certificate | None) -> CertificateState:
    """The effective state of a number. Withdrawing the current certificate also hides those it replaced."""
    seen = {row.id}
    while successor is not None and successor.id not in seen:
        if successor.state is CertificateState.WITHDRAWN:
            return CertificateState.WITHDRAWN
        if successor.state is not CertificateState.SUPERSEDED:
            break
        seen.add(successor.id)
        query = select(Certificate).where(Certificate.replaces_id == successor.id)
        successor = db.session.scalar(query)
    return row.state


def file_keys() -> set[str]:
    """The keys of the files of all certificates. A file that is missing is created when someone requests it."""
    return {store.key_of_number(number) for number in db.session.scalars(select(Certificate.number))}
