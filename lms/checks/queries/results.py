"""Results of checks: who passed, how each question did, and what people learned between two checks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any

from sqlalchemy import Select, and_, case, false, func, or_, select, true

from lms.catalogue.models import Series
from lms.checks import questions, rules
from lms.checks.models import Attempt, AttemptState, BankQuestion, Check, CheckKind, QuestionKind
from lms.checks.queries.checks import latest_version, list_checks
from lms.checks.rules import SMALL, CheckState
from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_value, shared_alias
from lms.enrolment.queries.rows import day_of
from lms.enrolment.queries.sharing import labels_of, matching_for
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of

_Member = shared_alias(Person, name="check_member")
_SUBMITTED = Attempt.state == AttemptState.SUBMITTED


@dataclass(frozen=True)
class ResultCounts:
    """How many people handed in a check, and how many of them passed."""

    people: int = 0
    passed: int = 0


@dataclass(frozen=True)
class PersonResult:
    """The best of a person's attempts. `name` is the address of somebody whose name is hidden from the reader."""

    person: str
    name: str
    country: str
    attempts: int
    tenths: int
    passed: bool
    submitted_at: datetime

    @property
    def percent(self) -> str:
        """The share of right answers of the best attempt, with one decimal."""
        return f"{self.tenths // 10}.{self.tenths % 10}"


@dataclass(frozen=True)
class BestResult:
    """The best of one person's attempts of a check. `passed_at`: when they first passed."""

    series_id: int
    check_id: int
    title: str
    tenths: int
    passed_at: datetime | None


@dataclass(frozen=True)
class ItemResult:
    """How a question did at people's first attempts. `right_percent` and `discrimination` are null where too few people
    answered it to be shown; the latter also where all did equally well."""

    id: int
    kind: QuestionKind
    name: str
    people: int
    right_percent: int | None
    discrimination: float | None


@dataclass(frozen=True)
class Gain:
    """The share that `people` who took both checks had right on average, in percent, at first attempts; `gain` in
    points."""

    pre: Check
    post: Check
    people: int
    before: float
    after: float

    @property
    def gain(self) -> float:
        """How many points more were right."""
        return round(self.after - self.before, 1)


def check_can_read(series: Series, by: Actor) -> None:
    """Raises Forbidden for others than instructors of the series, administrators and reporters."""
    if not rules.may_see_results(series, by):
        raise Forbidden


def count_results(series: Series, *, by: Actor) -> dict[int, ResultCounts]:
    """Returns the results of each check of a series that anybody handed in."""
    check_can_read(series, by)
    passed = case((Attempt.passed, _Member.canonical_id))
    query = (
        select(Attempt.check_id, func.count(_Member.canonical_id.distinct()), func.count(passed.distinct()))
        .join(_Member, _Member.id == Attempt.person_id)
        .join(Check, Check.id == Attempt.check_id)
        .where(Check.series_id == series.id, _SUBMITTED)
        .group_by(Attempt.check_id)
    )
    return {check_id: ResultCounts(people, count) for check_id, people, count in read(query)}


def who_saw_answers(check: Check, *, at: datetime) -> Select[Any]:
    """The query of the people (canonical ids) who see the right answers of a check, or could before its rules changed:
    as `rules.has_seen_answers`, in SQL. Callers check permission."""
    late = at - rules.GRACE
    is_closed = rules.state_of(check, at) is CheckState.CLOSED
    is_ended = check.closes_at is not None and check.closes_at <= late
    is_open = false() if is_ended else Attempt.state == AttemptState.OPEN
    can_answer = and_(is_open, or_(Attempt.limit_at.is_(None), Attempt.limit_at > late))
    shown = [func.max(case((Attempt.passed, 1), else_=0)) == 1]
    if check.attempts is not None:
        shown.append(func.count() >= check.attempts)
    sees = true() if is_closed else or_(*shown)
    was_noted = func.count(Attempt.answers_seen_at) > 0
    has_ended = func.max(case((can_answer, 1), else_=0)) == 0
    return (
        select(_Member.canonical_id)
        .join(Attempt, Attempt.person_id == _Member.id)
        .where(Attempt.check_id == check.id)
        .group_by(_Member.canonical_id)
        .having(or_(was_noted, and_(has_ended, sees)) if check.shows_answers else was_noted)
    )


def count_who_saw_answers(series: Series, check: Check, *, by: Actor, at: datetime) -> int:
    """How many people cannot begin a check again, whatever its rules become, as they have seen the right answers."""
    check_can_read(series, by)
    return read_value(select(func.count()).select_from(who_saw_answers(check, at=at).subquery())) or 0


def list_results(series: Series, check: Check, request: ListRequest, *, by: Actor) -> tuple[list[PersonResult], int]:
    """A page of the people who handed in a check, and how many there are."""
    check_can_read(series, by)
    tenths = func.max(Attempt.right * 1000 // func.nullif(Attempt.total, 0))
    passed = func.max(case((Attempt.passed, 1), else_=0))
    columns: tuple[Any, ...] = (
        func.count().label("attempts"),
        func.coalesce(tenths, 0).label("tenths"),
        passed.label("passed"),
        func.max(Attempt.submitted_at).label("submitted_at"),
    )
    who: tuple[Any, ...] = (Person.id, Person.public_id, Person.full_name, Person.sort_name)
    query: Select[Any] = (
        select(*who, *columns)
        .select_from(Attempt)
        .join(_Member, _Member.id == Attempt.person_id)
        .join(Person, Person.id == _Member.canonical_id)
        .where(Attempt.check_id == check.id, _SUBMITTED)
        .group_by(*who)
    )
    if request.q:
        query = query.where(matching_for(request.q, series.id, by=by))
    if state := request.filters.get("state"):
        query = query.having(passed == (1 if state == "passed" else 0))
    rows = query.subquery()
    total = read_value(select(func.count()).select_from(rows)) or 0
    request = request.within(total)
    sorts = {"name": rows.c.sort_name, "percent": rows.c.tenths, "submitted": rows.c.submitted_at}
    column = sorts.get(request.sort, rows.c.sort_name)
    ordered = select(rows).order_by(column.desc() if request.descending else column, rows.c.id)
    page = read(ordered.limit(request.size).offset(request.offset))
    names = labels_of(series.id, {row.id: row.full_name for row in page}, by=by)
    countries = country_codes_of([row.id for row in page], day_of(None))
    return [
        PersonResult(
            person=row.public_id,
            name=names[row.id],
            country=countries.get(row.id, ""),
            attempts=row.attempts,
            tenths=row.tenths,
            passed=bool(row.passed),
            submitted_at=row.submitted_at,
        )
        for row in page
    ], total


def results_of_person(person_id: int) -> list[BestResult]:
    """The checks to pass that a person handed in. `person_id` is canonical. Callers check permission."""
    query = (
        select(
            Check.series_id,
            Check.id,
            Check.title,
            func.coalesce(func.max(Attempt.right * 1000 // func.nullif(Attempt.total, 0)), 0),
            func.min(case((Attempt.passed, Attempt.submitted_at))),
        )
        .join(Attempt, Attempt.check_id == Check.id)
        .join(_Member, _Member.id == Attempt.person_id)
        .where(_Member.canonical_id == person_id, Check.kind == CheckKind.CHECK, _SUBMITTED)
        .group_by(Check.id)
        .order_by(Check.id)
    )
    return [BestResult(*row) for row in read(query)]


@dataclass(frozen=True)
class _First:
    """A person's first attempt of a check."""

    marks: Mapping[str, bool]
    right: int
    total: int


def _first_attempts(check_ids: Collection[int]) -> dict[tuple[int, int], _First]:
    """By check and person."""
    query = (
        select(Attempt.check_id, _Member.canonical_id, Attempt.marks, Attempt.right, Attempt.total)
        .join(_Member, _Member.id == Attempt.person_id)
        .where(Attempt.check_id.in_(check_ids), _SUBMITTED, Attempt.total > 0)
        .order_by(Attempt.started_at, Attempt.id)
    )
    first: dict[tuple[int, int], _First] = {}
    for check_id, person_id, *values in read(query) if check_ids else ():
        first.setdefault((check_id, person_id), _First(*values))
    return first


def _is_hidden(people: int, by: Actor) -> bool:
    return people < SMALL and not by.is_reporter


def item_shares(series: Series, *, by: Actor) -> dict[int, int]:
    """How many percent of the people had each question of the bank right, at their first attempts of all checks."""
    check_can_read(series, by)
    ids = [check.id for check in list_checks(series, by=by)]
    return {
        item: right * 100 // people
        for item, (people, right) in _counted(_first_attempts(ids).values()).items()
        if not _is_hidden(people, by)
    }


def _counted(attempts: Collection[_First]) -> dict[int, tuple[int, int]]:
    counts: dict[int, tuple[int, int]] = {}
    for attempt in attempts:
        for key, is_right in attempt.marks.items():
            people, right = counts.get(int(key), (0, 0))
            counts[int(key)] = people + 1, right + is_right
    return counts


def analyse_items(series: Series, check: Check, *, by: Actor) -> list[ItemResult]:
    """How each question of a check did, in its order; questions that it no longer has come last."""
    check_can_read(series, by)
    attempts = list(_first_attempts([check.id]).values())
    counts = _counted(attempts)
    version = latest_version(check.id)
    ids = [item["id"] for item in version.content["items"]] if version is not None else []
    rows = {row.id: row for row in db.session.scalars(select(BankQuestion).where(BankQuestion.id.in_({*ids, *counts})))}
    ordered = [*ids, *sorted(set(counts) - set(ids))]
    results = []
    for id_ in ordered:
        if id_ not in rows:
            continue
        people, right = counts.get(id_, (0, 0))
        is_hidden = people == 0 or _is_hidden(people, by)
        results.append(
            ItemResult(
                id=id_,
                kind=rows[id_].kind,
                name=questions.name_of(rows[id_].definition),
                people=people,
                right_percent=None if is_hidden else right * 100 // people,
                discrimination=None if people < SMALL else _discrimination(attempts, str(id_)),
            )
        )
    return results


def _discrimination(attempts: Sequence[_First], key: str) -> float | None:
    """How well a question parts those who know much from those who know little: the correlation between whether it was
    right and the share of the other questions that were, from -1 to 1. Null where either is the same for all."""
    pairs = [
        (int(attempt.marks[key]), (attempt.right - attempt.marks[key]) / (attempt.total - 1))
        for attempt in attempts
        if key in attempt.marks and attempt.total > 1
    ]
    count = len(pairs)
    if count < SMALL:
        return None
    mean_x, mean_y = sum(x for x, _y in pairs) / count, sum(y for _x, y in pairs) / count
    spread_x = sum((x - mean_x) ** 2 for x, _y in pairs)
    spread_y = sum((y - mean_y) ** 2 for _x, y in pairs)
    if spread_x < 1e-12 or spread_y < 1e-12:
        return None
    return round(sum((x - mean_x) * (y - mean_y) for x, y in pairs) / sqrt(spread_x * spread_y), 2) + 0.0  # never -0


def learning_gains(series: Series, *, by: Actor) -> list[Gain]:
    """Returns what people learned between the check before and the check after each lecture, or the series: of those
    who took both. Left out where too few did to be shown."""
    check_can_read(series, by)
    checks = [check for check in list_checks(series, by=by) if check.published_at is not None]
    befores = [check for check in checks if check.kind is CheckKind.PRE]
    afters = [check for check in checks if check.kind is CheckKind.POST]
    pairs = [(pre, post) for pre in befores for post in afters if pre.lecture_id == post.lecture_id]
    first = _first_attempts({check.id for pair in pairs for check in pair})
    gains = []
    for pre, post in pairs:
        both = [
            (attempt, first[post.id, person_id])
            for (check_id, person_id), attempt in first.items()
            if check_id == pre.id and (post.id, person_id) in first
        ]
        if both and not _is_hidden(len(both), by):
            means = [
                round(sum(100 * one.right / one.total for one in side) / len(both), 1)
                for side in zip(*both, strict=True)
            ]
            gains.append(Gain(pre, post, len(both), *means))
    return gains
