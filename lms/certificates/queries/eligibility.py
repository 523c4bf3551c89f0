"""Who earns a certificate of a series, who just misses it and by what, who is blocked: counted by the database, so
that a series of 100,000 people is looked at a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, not_, or_, select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.rules import needed_ms
from lms.batches.models import NAMED
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Policy, Series
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import length_ms
from lms.certificates import eligibility, numbers, rules
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.pdf import store
from lms.certificates.queries import certificates
from lms.core import measures
from lms.core.bulk import among
from lms.core.db import db, read
from lms.core.errors import Forbidden
from lms.core.lists import ListRequest
from lms.core.minutes import short_by
from lms.core.roles import Actor
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import day_of, speaking
from lms.enrolment.queries.sharing import hidden_among, matching_for, shared_in
from lms.enrolment.rules import sees_shared_only
from lms.mail.kinds import MailKind
from lms.mail.outbox import declined_of
from lms.people.models import Person
from lms.people.queries.countries import belonging_to, country_by_code
from lms.people.queries.organisations import names_organisation
from lms.people.queries.persons import addresses_of, contact_of

PAGE = 50
_CHUNK = 2000


class EarnerGroup(StrEnum):
    """A person's group. `unconfirmed` are those whose name is not confirmed, blocked by it or not."""

    EARNED = "earned"
    MISSES = "misses"
    BLOCKED = "blocked"
    UNCONFIRMED = "unconfirmed"
    HAVE = "have"
    UNEARNED = "unearned"
    REST = "rest"


@dataclass(frozen=True)
class Near:
    """The partly attended lecture that is closest to counting, and what it lacks in words."""

    title: str
    short_by: str


@dataclass(frozen=True)
class EarnerRow:
    """One person in a group. `lacks` is null where nothing is missing; `number` is of the certificate held."""

    person: str
    full_name: str
    native_name: str | None
    attended: int
    minutes: int
    stops: list[bool | None]
    hours: float
    lacks: eligibility.Missing | None = None
    near: Near | None = None
    reason: str | None = None
    number: str | None = None


@dataclass(frozen=True)
class PeopleFilter:
    """Who of a group is asked for. `country` is a code, of today; `state` is that of a certificate of the series. Who
    sees only the names that are shared finds people by name, country and organisation only among these."""

    q: str = ""
    country: str | None = None
    state: CertificateState | None = None
    organisation: str | None = None


EVERYONE = PeopleFilter()


@dataclass
class IssuePreview:
    """What issuing now would do: how many are in each group, and one page of one of them, or of what a filter holds of
    it: `matching` people."""

    series: Series
    kind: CertificateKind
    policy: Policy
    requirement: eligibility.Earning
    lectures: list[Lecture]
    fault: str | None = None
    enrolled: int = 0
    counts: dict[EarnerGroup, int] = field(default_factory=dict)
    shown: EarnerGroup = EarnerGroup.EARNED
    page: int = 1
    rows: list[EarnerRow] = field(default_factory=list)
    size: int = PAGE
    matching: int = 0

    @property
    def to_come(self) -> int:
        """Lectures that are not held yet and count as not attended."""
        return self.requirement.to_come

    @property
    def pages(self) -> int:
        """How many pages the group shown, or what the filter holds of it, has."""
        return max(1, -(-self.matching // self.size))


def preview(
    slug: str,
    *,
    by: Actor,
    shown: EarnerGroup | None = None,
    filters: PeopleFilter = EVERYONE,
    request: ListRequest | None = None,
) -> IssuePreview:
    """What issuing for a series would do now, with a page of one group (default: the first that has anybody), or of
    what a filter holds of it, in the order that is asked for: by `name`, lectures (`attended`) or `minutes`.

    For administrators, reporters and the series' instructors, who see names only where they are shared, and no numbers.
    Raises Refused where the series gives no certificates.
    """
    view = _View(slug, by=by)
    request = request or ListRequest(size=PAGE)
    result = IssuePreview(
        view.series, view.kind, view.policy, view.requirement, view.lectures, fault=view.fault, size=request.size
    )
    result.enrolled, result.counts = view.counts()
    order = (EarnerGroup.EARNED, EarnerGroup.BLOCKED, EarnerGroup.MISSES, EarnerGroup.HAVE)
    result.shown = shown or next((group for group in order if result.counts[group]), EarnerGroup.EARNED)
    result.matching = result.counts[result.shown] if filters == EVERYONE else view.count(result.shown, filters)
    request = request.within(result.matching)
    result.page = request.page
    result.rows = view.rows(result.shown, filters, request)
    return result


HEADINGS = (
    *("full_name", "native_name", "email", "attended", "needed", "minutes", "needed_minutes"),
    *("lectures_missing", "minutes_missing", "reason", "certificate"),
)


def table(slug: str, shown: EarnerGroup, filters: PeopleFilter = EVERYONE, *, by: Actor) -> Iterator[Sequence[object]]:
    """A group, or what a filter holds of it, as the rows of a file (see `HEADINGS`). For administrators; raises
    Refused as `preview`."""
    if not by.is_administrator:
        raise Forbidden
    view = _View(slug, by=by)
    request = ListRequest(size=_CHUNK)
    while records := view.records(shown, filters, request):
        addresses = addresses_of([record.id for record in records])
        held = (
            view.numbers_of([record.id for record in records])
            if shown in (EarnerGroup.HAVE, EarnerGroup.UNEARNED)
            else {}
        )
        for record in records:
            lacks = view.missing(record)
            yield (
                *(record.full_name, record.native_name or "", addresses.get(record.id, "")),
                *(
                    record.attended,
                    view.requirement.needed,
                    measures.whole_minutes(record.present_ms),
                    view.requirement.minutes,
                ),
                *(lacks.lectures, lacks.minutes, view.reason(record) or "", held.get(record.id, "")),
            )
        request = replace(request, page=request.page + 1)


def candidates(series_id: int, *columns: Any) -> Select[Any]:
    """People currently enrolled in a series and not deleted: those who can get a certificate."""
    return speaking(*columns).where(
        Enrolment.series_id == series_id, Enrolment.status == EnrolmentStatus.ENROLLED, Person.erased_at.is_(None)
    )


def counted_by_person(lecture_ids: Sequence[int]) -> Subquery:
    """`person_id, attended, present_ms` over these lectures; merged people have one credit a lecture."""
    return (
        select(
            Credit.person_id,
            func.sum(case((Credit.outcome == Outcome.ATTENDED, 1), else_=0)).label("attended"),
            func.sum(Credit.present_ms).label("present_ms"),
        )
        .where(Credit.lecture_id.in_(lecture_ids))
        .group_by(Credit.person_id)
        .subquery()
    )


def standings_of(series_id: int, person_ids: Iterable[int], *, at: datetime) -> dict[int, eligibility.Standing]:
    """The progress of people enrolled in a series, in as many statements for many people as for one; of nobody where
    the series issues no certificates."""
    lectures = certificates.counted_lectures(series_id, at=at)
    start = eligibility.beginning(lectures, current_policy(series_id), at=at, is_in=True)
    if start is None:
        return {}
    attendance = counted_by_person([lecture.id for lecture in lectures])
    counted = {person_id: (attended, present_ms) for person_id, attended, present_ms in read(select(attendance))}
    results = {}
    for person_id in person_ids:
        attended, present_ms = counted.get(person_id, (0, 0))
        results[person_id] = replace(start, attended=int(attended), present_ms=int(present_ms))
    return results


def unconfirmed_earners(slug: str, *, by: Actor) -> tuple[Series, list[int]]:
    """The ids of people who have earned a certificate of the series, have none, and have not confirmed their name."""
    view = _View(slug, by=by)
    return view.series, list(db.session.scalars(select(view.people.c.id).where(view.in_group(EarnerGroup.UNCONFIRMED))))


def count_earned(slug: str, *, by: Actor) -> int:
    """How many certificates issuing now would make. Raises Forbidden and Refused as `preview`."""
    return _View(slug, by=by).count(EarnerGroup.EARNED, EVERYONE)


@dataclass(frozen=True)
class IssueCheck:
    """What issuing would do, to be confirmed: `unconfirmed` of the people have not confirmed their name, `mails` get
    an e-mail. `names` are the first of them by name."""

    series: Series
    fault: str | None
    earned: int
    blocked: int
    unconfirmed: int
    mails: int
    names: list[tuple[str, str]]


def check_issue(slug: str, *, by: Actor) -> IssueCheck:
    """What issuing for a series would do now, for administrators. Raises Forbidden, and Refused as `preview`."""
    rules.check_can_issue(by)
    view = _View(slug, by=by)
    earned = view.in_group(EarnerGroup.EARNED)
    query = select(view.people.c.id, view.people.c.public_id, view.people.c.full_name, view.people.c.name_confirmed_at)
    people = db.session.execute(query.where(earned).order_by(view.people.c.sort_name, view.people.c.id)).all()
    addressed = {person_id for person_id, contact in contact_of([row.id for row in people]).items() if contact.address}
    declined = {
        person_id
        for _kind, person_id, _series in declined_of(
            (MailKind.CERTIFICATE, person_id, view.series.id) for person_id in addressed
        )
    }
    return IssueCheck(
        series=view.series,
        fault=view.fault,
        earned=len(people),
        blocked=view.count(EarnerGroup.BLOCKED, EVERYONE),
        unconfirmed=sum(row.name_confirmed_at is None for row in people),
        mails=len(addressed - declined),
        names=[(row.public_id, row.full_name) for row in people[:NAMED]],
    )


def ids_in_group(slug: str, group: EarnerGroup, *, by: Actor) -> Select[Any]:
    """The query of the ids of the people in a group. Raises Forbidden and Refused as `preview`."""
    view = _View(slug, by=by)
    return select(view.people.c.id).where(view.in_group(group))


class _View:
    """One snapshot of a series: its policy, its lectures, and the query for everyone's progress."""

    def __init__(self, slug: str, *, by: Actor) -> None:
        self.by = by
        self.series = get_series(slug, by=by)
        if not rules.may_see_earners(self.series, by):
            raise Forbidden
        self.policy = current_policy(self.series.id)
        self.kind = rules.kind_to_issue(None, self.policy.certificate)
        self.lectures = certificates.counted_lectures(self.series.id)
        self.requirement = eligibility.earning(self.lectures, self.policy)
        self.fonts = store.installed_fonts()
        titles = [lecture.title for lecture in self.lectures]
        self.fault = store.fault_of_series(self.series.title, titles, self.fonts)
        self.people = self._people()
        self._faults: dict[int, str] | None = None

    def _people(self) -> Subquery:
        attendance = counted_by_person([lecture.id for lecture in self.lectures])
        member = (
            select(Person.canonical_id)
            .join(Award, Award.person_id == Person.id)
            .where(Award.series_id == self.series.id, Award.kind == self.kind)
        )
        return (
            candidates(
                self.series.id,
                Person.id,
                Person.public_id,
                Person.full_name,
                Person.native_name,
                Person.sort_name,
                Person.name_confirmed_at,
                func.coalesce(attendance.c.attended, 0).label("attended"),
                func.coalesce(attendance.c.present_ms, 0).label("present_ms"),
                Person.id.in_(member).label("has_award"),
            )
            .outerjoin(attendance, attendance.c.person_id == Person.id)
            .subquery("standing")
        )

    def _earns(self) -> ColumnElement[bool]:
        return eligibility.has_earned(self.people.c.attended, self.people.c.present_ms, self.requirement)

    def _misses(self) -> ColumnElement[bool]:
        return eligibility.just_misses(self.people.c.attended, self.people.c.present_ms, self.requirement)

    @property
    def faults(self) -> dict[int, str]:
        """People whose certificate cannot be printed, with the reason, among those who would get one now."""
        if self._faults is None:
            row = self.people.c
            waiting = select(row.id, row.full_name, row.native_name).where(
                or_(and_(self._earns(), not_(row.has_award)), row.id.in_(self._renamed()))
            )
            self._faults = {
                person_id: reason
                for person_id, full_name, native_name in db.session.execute(waiting)
                if (reason := store.fault_of_names(full_name, native_name, self.fonts)) is not None
            }
        return self._faults

    def _renamed(self) -> Select[Any]:
        """People whose valid certificate bears a former name: they get its successor."""
        return self._certificates(Award.person_id).where(certificates.bears_a_former_name())

    def _certificates(self, *columns: Any, state: CertificateState = CertificateState.VALID) -> Select[Any]:
        """Certificates of the series in a state, with their awards and people."""
        return certificates.of_series(self.series.id, self.kind, *columns).where(Certificate.state == state)

    def in_group(self, group: EarnerGroup) -> ColumnElement[bool]:
        """Whether a person in `people` belongs to a group."""
        row = self.people.c
        due = and_(self._earns(), not_(row.has_award))
        unconfirmed = and_(due, row.name_confirmed_at.is_(None))
        blocked = among(row.id, self.faults)
        if self.policy.confirmed_names:
            blocked = or_(blocked, unconfirmed)
        match group:
            case EarnerGroup.EARNED:
                return and_(due, not_(blocked))
            case EarnerGroup.BLOCKED:
                return blocked
            case EarnerGroup.UNCONFIRMED:
                return unconfirmed
            case EarnerGroup.MISSES:
                return and_(self._misses(), not_(row.has_award))
            case EarnerGroup.HAVE:
                return and_(row.has_award, not_(among(row.id, self.faults)))
            case _:
                return and_(not_(row.has_award), not_(self._earns()))

    def counts(self) -> tuple[int, dict[EarnerGroup, int]]:
        """How many are enrolled, and how many in each group."""
        groups = [group for group in EarnerGroup if group is not EarnerGroup.UNEARNED]
        columns = [func.sum(case((self.in_group(group), 1), else_=0)) for group in groups]
        total, *sums = db.session.execute(select(func.count(), *columns).select_from(self.people)).one()
        counts = {group: int(count or 0) for group, count in zip(groups, sums, strict=True)}
        unearned = select(func.count()).select_from(self._unearned().subquery())
        return total, counts | {EarnerGroup.UNEARNED: db.session.scalar(unearned) or 0}

    def _unearned(self) -> Any:
        """Holders of a valid certificate that current attendance would not earn, by the requirement at the issue.

        Includes people who have left the series since. A certificate is never revoked automatically.
        """
        attendance = counted_by_person([lecture.id for lecture in self.lectures])
        attended, present = func.coalesce(attendance.c.attended, 0), func.coalesce(attendance.c.present_ms, 0)
        holder = self._certificates(
            Person.canonical_id.label("person_id"), Award.needed, Award.needed_minutes
        ).subquery()
        return (
            select(
                Person.id,
                Person.public_id,
                Person.full_name,
                Person.native_name,
                attended.label("attended"),
                present.label("present_ms"),
            )
            .join(holder, holder.c.person_id == Person.id)
            .outerjoin(attendance, attendance.c.person_id == Person.id)
            .where(Person.erased_at.is_(None))
            .where(
                not_(
                    eligibility.has_reached(
                        attended,
                        present,
                        func.coalesce(holder.c.needed, self.requirement.needed),
                        func.coalesce(holder.c.needed_minutes, self.requirement.minutes) * measures.MINUTE_MS,
                    )
                )
            )
        )

    def _query(self, group: EarnerGroup, filters: PeopleFilter) -> Select[Any]:
        """Who of a group a filter holds."""
        if group is EarnerGroup.UNEARNED:
            query: Select[Any] = self._unearned()
            person_id: ColumnElement[int] = cast("ColumnElement[int]", Person.id)
        else:
            query, person_id = select(self.people).where(self.in_group(group)), self.people.c.id
        if filters.q:
            query = query.where(
                person_id.in_(select(Person.id).where(matching_for(filters.q, self.series.id, by=self.by)))
            )
        if filters.country is not None:
            country = country_by_code(filters.country)
            query = query.where(person_id.in_(belonging_to([country.id] if country else [], day_of(None))))
        if filters.organisation is not None:
            query = query.where(person_id.in_(select(Person.id).where(names_organisation(filters.organisation))))
        if sees_shared_only(self.by) and not (filters.country is filters.organisation is None):
            query = query.where(person_id.in_(shared_in(self.series.id)))
        if filters.state is not None:
            query = query.where(person_id.in_(self._certificates(Person.canonical_id, state=filters.state)))
        return query

    def count(self, group: EarnerGroup, filters: PeopleFilter) -> int:
        """How many of a group a filter holds."""
        return db.session.scalar(select(func.count()).select_from(self._query(group, filters).subquery())) or 0

    def records(self, group: EarnerGroup, filters: PeopleFilter, request: ListRequest) -> Sequence[Any]:
        """One page of what a filter holds of a group, in an order; within it by name."""
        query = self._query(group, filters)
        columns = query.selected_columns
        person = Person if group is EarnerGroup.UNEARNED else self.people.c
        names = [self._position(person.id, person.sort_name), person.id]
        if request.sort in ("attended", "minutes"):
            key: Any = columns["attended" if request.sort == "attended" else "present_ms"]
            order = [key.desc() if request.descending else key, *names]
        else:
            order = [name.desc() for name in names] if request.descending else names
        return db.session.execute(query.order_by(*order).limit(request.size).offset(request.offset)).all()

    def _position(self, person_id: Any, sort_name: Any) -> Any:
        """What people are in order of: their names, where the reader may see them, so that no place tells one."""
        if not sees_shared_only(self.by):
            return sort_name
        return case((person_id.in_(shared_in(self.series.id)), sort_name), else_=literal("", sort_name.type))

    def missing(self, record: Any) -> eligibility.Missing:
        """What a person is short of."""
        return eligibility.missing(record.attended, record.present_ms, self.requirement)

    def reason(self, record: Any) -> str | None:
        """Why a person is blocked, or None."""
        if record.id in self.faults:
            return self.faults[record.id]
        if self.policy.confirmed_names and record.name_confirmed_at is None and not record.has_award:
            return rules.unconfirmed_name()
        return None

    def rows(self, group: EarnerGroup, filters: PeopleFilter, request: ListRequest) -> list[EarnerRow]:
        """A page of what a filter holds of a group."""
        records = self.records(group, filters, request)
        credits = certificates.credits_of([lecture.id for lecture in self.lectures], [record.id for record in records])
        shows_numbers = group in (EarnerGroup.HAVE, EarnerGroup.UNEARNED) and self.by.is_reporter
        certificate_numbers = self.numbers_of([record.id for record in records]) if shows_numbers else {}
        hidden = hidden_among(self.series.id, [record.id for record in records], by=self.by)
        addresses = addresses_of(hidden)
        rows = []
        for record in records:
            credits_of_person = credits.get(record.id, {})
            attended = {
                lecture_id
                for lecture_id, (outcome, _present) in credits_of_person.items()
                if outcome is Outcome.ATTENDED
            }
            lacks = (
                self.missing(record) if group in (EarnerGroup.MISSES, EarnerGroup.REST, EarnerGroup.UNEARNED) else None
            )
            rows.append(
                EarnerRow(
                    record.public_id,
                    addresses.get(record.id, "") if record.id in hidden else record.full_name,
                    None if record.id in hidden else record.native_name,
                    record.attended,
                    measures.whole_minutes(record.present_ms),
                    stops=self._stops(attended),
                    hours=rules.hours([certificates.attended_ms(self.lectures, attended)]),
                    lacks=lacks,
                    near=self._near(credits_of_person) if lacks and lacks.lectures == 1 else None,
                    reason=self.reason(record) if group is EarnerGroup.BLOCKED and record.id not in hidden else None,
                    number=certificate_numbers.get(record.id),
                )
            )
        return rows

    def _stops(self, attended: set[int]) -> list[bool | None]:
        return [
            True if lecture.id in attended else (False if lecture.state is LectureState.HELD else None)
            for lecture in self.lectures
        ]

    def _near(self, credits_of_person: dict[int, tuple[Outcome, int]]) -> Near | None:
        """Of the lectures attended in part, the one that lacks the least."""
        percents = self._percents()
        lacking = []
        for lecture in self.lectures:
            outcome, present = credits_of_person.get(lecture.id, (Outcome.ABSENT, 0))
            length = length_ms(lecture)
            if outcome is Outcome.PARTIAL and length:
                needed = needed_ms(length, percents.get(lecture.policy_id or 0, self.policy.min_percent))
                if present < needed:
                    lacking.append((needed - present, lecture.title, short_by(present, needed)))
        if not lacking:
            return None
        _missing_ms, title, words = min(lacking)
        return Near(title, words)

    def _percents(self) -> dict[int, int]:
        if not hasattr(self, "_shares"):
            ids = {lecture.policy_id for lecture in self.lectures if lecture.policy_id is not None}
            query = select(Policy.id, Policy.min_percent).where(Policy.id.in_(ids))
            self._shares: dict[int, int] = dict(db.session.execute(query).all())
        return self._shares

    def numbers_of(self, person_ids: Iterable[int]) -> dict[int, str]:
        """The written numbers of these people's current certificates."""
        query = self._certificates(Person.canonical_id, Certificate.number).where(
            among(Person.canonical_id, person_ids)
        )
        return {person_id: numbers.write(number) for person_id, number in db.session.execute(query)}
