"""The groups of people of a series, by whether they earn its certificate: counted by the database, so that a series of
100,000 people is looked at a page at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, not_, or_, select

from lms.catalogue.models import Lecture, Policy
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series
from lms.certificates import eligibility, numbers, rules
from lms.certificates.designs.versions import design_of, version_of_series
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.pdf import store
from lms.certificates.queries import certificates, conditions
from lms.certificates.queries.progress import candidates, counted_by_person, outlook_of_series, settled_replays
from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.time import clock, durations
from lms.enrolment.queries.rows import day_of
from lms.enrolment.queries.sharing import matching_for, shared_in
from lms.enrolment.rules import sees_shared_only
from lms.people.models import Person
from lms.people.queries.countries import belonging_to, country_by_code
from lms.people.queries.finding import names_organisation


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
class PeopleFilter:
    """A filter of the people in a group. `country` is a code, of today; `state` is that of a certificate of the series.
    Who sees only the names that are shared finds people by name, country and organisation only among these."""

    q: str = ""
    country: str | None = None
    state: CertificateState | None = None
    organisation: str | None = None


EVERYONE = PeopleFilter()


class SeriesEarners:
    """One snapshot of a series: its policy, its lectures, and the query for everyone's progress."""

    def __init__(self, slug: str, *, by: Actor, at: datetime | None = None) -> None:
        self.by, self.at = by, at or clock.now()
        self.series = get_series(slug, by=by)
        if not rules.may_see_earners(self.series, by):
            raise Forbidden
        self.policy = current_policy(self.series.id)
        self.kind = rules.kind_to_issue(None, self.policy.certificate)
        outlook = outlook_of_series(self.series.id, policy=self.policy, at=self.at)
        self.lectures = certificates.in_order(cast("Sequence[Lecture]", outlook.counted) if outlook else ())
        self.requirement = outlook.requirement if outlook else eligibility.earning(self.lectures, self.policy)
        self.replayed = [lecture.id for lecture, _replay in outlook.replays] if outlook else []
        self.fonts = store.installed_fonts()
        self.conditions = conditions.conditions_of([self.policy]).get(self.series.id)
        self.people = self._people()

    @cached_property
    def fault(self) -> str | None:
        """Why the certificates of the series cannot be typeset, or None."""
        design = design_of(version_of_series(self.series.id))
        return certificates.printed_titles(self.series, self.lectures, design).fault

    def _people(self) -> Subquery:
        attendance = counted_by_person([lecture.id for lecture in self.lectures])
        settled = settled_replays(self.replayed)
        for_staff = self.conditions and self.conditions.for_staff
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
                (len(self.replayed) - func.coalesce(settled.c.settled, 0)).label("replays"),
                Person.id.in_(member).label("has_award"),
                conditions.has_met(self.conditions, Person.id).label("others"),
                conditions.has_met(for_staff, Person.id).label("others_for_staff"),
            )
            .outerjoin(attendance, attendance.c.person_id == Person.id)
            .outerjoin(settled, settled.c.person_id == Person.id)
            .subquery("standing")
        )

    def _earns(self) -> ColumnElement[bool]:
        row = self.people.c
        return eligibility.has_earned(row.attended, row.present_ms, self.requirement, others=row.others)

    def _misses(self) -> ColumnElement[bool]:
        """Feedback is left out: who is listed would tell who gave some."""
        row = self.people.c
        return eligibility.just_misses(
            row.attended, row.present_ms, self.requirement, replays=row.replays, others=row.others_for_staff
        )

    @cached_property
    def faults(self) -> dict[int, str]:
        """People whose certificate cannot be printed, with the reason, among those who would get one now."""
        row = self.people.c
        waiting = select(row.id, row.full_name, row.native_name).where(
            or_(and_(self._earns(), not_(row.has_award)), row.id.in_(self._renamed()))
        )
        return {
            person_id: reason
            for person_id, full_name, native_name in db.session.execute(waiting)
            if (reason := store.fault_of_names(full_name, native_name, self.fonts)) is not None
        }

    @cached_property
    def thresholds(self) -> dict[int, int]:
        """The share, in percent, from which a lecture counts as attended, by id of the policy."""
        ids = {lecture.policy_id for lecture in self.lectures if lecture.policy_id is not None}
        query = select(Policy.id, Policy.min_percent).where(Policy.id.in_(ids))
        return dict(db.session.execute(query).all())

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
                        func.coalesce(holder.c.needed_minutes, self.requirement.minutes) * durations.MINUTE_MS,
                    )
                )
            )
        )

    def _query(self, group: EarnerGroup, filters: PeopleFilter) -> Select[Any]:
        """Returns who of a group a filter holds."""
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
        """Returns what people are in order of: their names, where the reader may see them, so that no place tells
        one."""
        if not sees_shared_only(self.by):
            return sort_name
        return case((person_id.in_(shared_in(self.series.id)), sort_name), else_=literal("", sort_name.type))

    def missing(self, record: Any) -> eligibility.Missing:
        """Returns what a person is short of."""
        return eligibility.missing(record.attended, record.present_ms, self.requirement)

    def reason(self, record: Any) -> str | None:
        """Why a person is blocked, or None."""
        if record.id in self.faults:
            return self.faults[record.id]
        if self.policy.confirmed_names and record.name_confirmed_at is None and not record.has_award:
            return rules.unconfirmed_name()
        return None

    def numbers_of(self, person_ids: Iterable[int]) -> dict[int, str]:
        """The written numbers of these people's current certificates."""
        query = self._certificates(Person.canonical_id, Certificate.number).where(
            among(Person.canonical_id, person_ids)
        )
        return {person_id: numbers.write(number) for person_id, number in db.session.execute(query)}
