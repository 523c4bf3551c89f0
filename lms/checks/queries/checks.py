"""Checks, the questions of the bank that they are made of, a person's attempts, and what an attempt shows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select

from lms.catalogue.models import Series, Visibility
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series, get_series_by_id
from lms.catalogue.rules import may_edit_series
from lms.checks import rules, shown_questions
from lms.checks.models import Attempt, AttemptState, BankQuestion, Check, CheckKind, CheckVersion, ExtraTime
from lms.checks.rules import CheckState
from lms.checks.shown_questions import ShownQuestion
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, read, read_value
from lms.core.text.i18n import reader_locale
from lms.enrolment.membership import enrolled_among
from lms.people.queries.persons import members


@dataclass(frozen=True)
class OwnCheck:
    """A check and how far a person is with it. `questions`: how many an attempt has. `left`: how many more times the
    person can begin, null for no limit. `has_seen_answers`: the right answers are, or were, shown to the person."""

    check: Check
    state: CheckState
    attempts: Sequence[Attempt]
    questions: int
    left: int | None
    has_seen_answers: bool

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt that was begun and not handed in."""
        return next((attempt for attempt in self.attempts if attempt.state is AttemptState.OPEN), None)

    @property
    def submitted(self) -> list[Attempt]:
        """The attempts that were handed in, the first first."""
        return [attempt for attempt in self.attempts if attempt.state is AttemptState.SUBMITTED]

    @property
    def passed(self) -> bool:
        """Whether any attempt passed."""
        return any(attempt.passed for attempt in self.attempts)

    @property
    def is_done(self) -> bool:
        """Whether the person has passed it, or handed in one that is not for passing."""
        return self.passed if self.check.kind is CheckKind.CHECK else bool(self.submitted)

    @property
    def is_out_by_answers(self) -> bool:
        """Whether the person has not passed, and only the right answers that they have seen keep them from beginning
        an attempt that the rules would give them now."""
        unused = self.check.attempts is None or len(self.attempts) < self.check.attempts
        return self.has_seen_answers and not self.passed and unused and self.state is CheckState.OPEN

    @property
    def can_begin(self) -> bool:
        """Whether the person can begin now, or go on."""
        return self.open_attempt is not None or (self.state is CheckState.OPEN and self.left != 0)

    @property
    def needed(self) -> int:
        """How many answers must be right."""
        return rules.needed_right(self.questions, self.check.pass_percent)


def latest_version(check_id: int) -> CheckVersion | None:
    """Returns the version that people sit who begin now; None for a check that was never published."""
    query = select(CheckVersion).where(CheckVersion.check_id == check_id).order_by(CheckVersion.number.desc()).limit(1)
    return db.session.scalar(query)


def get_check(series: Series, check_id: int, *, by: Actor) -> Check:
    """A check of a series: for its staff and reporters, and once it is published for the people enrolled. Raises
    NotFound."""
    check = db.session.get(Check, check_id, populate_existing=True)
    if check is None or check.series_id != series.id or not _may_see(series, check, by):
        raise NotFound
    return check


def _may_see(series: Series, check: Check, by: Actor) -> bool:
    if rules.may_see_results(series, by):
        return True
    return check.published_at is not None and is_enrolled(series.id, by)


def is_enrolled(series_id: int, by: Actor) -> bool:
    """Whether the actor has a place in a series now."""
    return by.person_id is not None and bool(enrolled_among([by.person_id], [series_id]))


def list_checks(series: Series, *, by: Actor) -> list[Check]:
    """The checks of a series in the order in which they were made: all for staff and reporters, those published for the
    people enrolled, none for others."""
    query = select(Check).where(Check.series_id == series.id).order_by(Check.id)
    if not rules.may_see_results(series, by):
        if not is_enrolled(series.id, by):
            return []
        query = query.where(Check.published_at.is_not(None))
    return list(db.session.scalars(query))


def own_published(series_id: int, person_id: int, *, at: datetime) -> list[OwnCheck]:
    """The published checks of a series, with how far somebody is who is enrolled in it. Its callers check that."""
    query = select(Check).where(Check.series_id == series_id, Check.published_at.is_not(None)).order_by(Check.id)
    return own_checks(list(db.session.scalars(query)), person_id, at=at)


def attempts_of(check_ids: Collection[int], person_id: int) -> dict[int, list[Attempt]]:
    """The attempts of a person, merged records included, by check, the first first."""
    query = select(Attempt).where(Attempt.check_id.in_(check_ids), Attempt.person_id.in_(members(person_id)))
    attempts: dict[int, list[Attempt]] = {id_: [] for id_ in check_ids}
    for row in db.session.scalars(query.order_by(Attempt.started_at, Attempt.id)):
        attempts[row.check_id].append(row)
    return attempts


def extra_percent_of(series_id: int, person_id: int) -> int:
    """How much more time a person has in the timed checks of a series, in percent: of merged records the most."""
    is_theirs = ExtraTime.series_id == series_id, ExtraTime.person_id.in_(members(person_id))
    return read_value(select(func.max(ExtraTime.percent)).where(*is_theirs)) or 0


def own_checks(checks: Sequence[Check], person_id: int | None, *, at: datetime) -> list[OwnCheck]:
    """How far a person is with each of these checks."""
    ids = [check.id for check in checks]
    attempts = attempts_of(ids, person_id) if person_id is not None and ids else {}
    counts = _question_counts(ids)
    return [
        OwnCheck(
            check,
            rules.state_of(check, at),
            own,
            counts.get(check.id, 0),
            left=rules.attempts_left(check, own, at),
            has_seen_answers=rules.has_seen_answers(check, own, at),
        )
        for check, own in ((check, attempts.get(check.id, [])) for check in checks)
    ]


def _question_counts(check_ids: Collection[int]) -> dict[int, int]:
    if not check_ids:
        return {}
    newest = (
        select(func.max(CheckVersion.id)).where(CheckVersion.check_id.in_(check_ids)).group_by(CheckVersion.check_id)
    )
    query = select(CheckVersion.check_id, CheckVersion.content).where(CheckVersion.id.in_(newest))
    return {check_id: rules.question_count(content) for check_id, content in read(query)}


def list_own(slug: str, *, by: Actor, at: datetime) -> tuple[Series, list[OwnCheck]]:
    """A series and its checks, with how far the actor is in each."""
    series = get_series(slug, by=by)
    return series, own_checks(list_checks(series, by=by), by.person_id, at=at)


def required_checks(series_ids: Collection[int]) -> dict[int, list[Check]]:
    """The checks that have to be passed for the certificates of these series, where their policies ask for that: those
    published of the kind *check*. By series; each of `series_ids` has an entry."""
    by_series: dict[int, list[Check]] = {id_: [] for id_ in series_ids}
    if not by_series:
        return by_series
    query = select(Check).where(
        Check.series_id.in_(series_ids), Check.kind == CheckKind.CHECK, Check.published_at.is_not(None)
    )
    for check in db.session.scalars(query.order_by(Check.id)):
        by_series[check.series_id].append(check)
    return by_series


@dataclass(frozen=True)
class Sitting:
    """An attempt with what it shows. `end`: until when it can be answered."""

    series: Series
    check: Check
    attempt: Attempt
    content: dict[str, Any]
    questions: list[ShownQuestion]
    end: datetime | None

    def answer(self, question: ShownQuestion) -> Any:
        """Returns what is saved as the answer to a question."""
        return self.attempt.answers.get(str(question.id))

    @property
    def answers(self) -> dict[str, Any]:
        """The saved answer to each question, by its id as text."""
        return {str(one.id): self.answer(one) for one in self.questions}

    @property
    def answered(self) -> int:
        """How many questions are answered."""
        return sum(shown_questions.is_complete(question, self.answer(question)) for question in self.questions)

    @property
    def needed(self) -> int:
        """How many answers must be right."""
        return rules.needed_right(len(self.questions), self.content["pass_percent"])


def get_sitting(public_id: str, *, by: Actor, is_demonstration: bool = False) -> Sitting:
    """An attempt of the actor's own; for an administrator of a demonstration, anybody's. Raises NotFound."""
    attempt = db.session.scalar(
        select(Attempt).where(Attempt.public_id == public_id).execution_options(populate_existing=True)
    )
    if attempt is None:
        raise NotFound
    is_own = by.person_id is not None and attempt.person_id in members(by.person_id)
    if not (is_own or (is_demonstration and by.is_administrator)):
        raise NotFound
    return sitting_of(attempt, by=by)


def sitting_of(attempt: Attempt, *, by: Actor) -> Sitting:
    """An attempt with what it shows."""
    check = db.session.get_one(Check, attempt.check_id, populate_existing=True)
    content = db.session.get_one(CheckVersion, attempt.version_id).content
    series = get_series_by_id(check.series_id, by=by)
    shown = shown_questions.drawn_items(content, attempt.public_id, reader_locale())
    return Sitting(series, check, attempt, content, shown, rules.end_of(attempt, check))


def export_of_person(person_id: int) -> list[dict[str, Any]]:
    """All attempts of a person with their answers in words, for the person's own export."""
    query = (
        select(Attempt, Check.title, CheckVersion.content)
        .join(Check, Check.id == Attempt.check_id)
        .join(CheckVersion, CheckVersion.id == Attempt.version_id)
        .where(Attempt.person_id.in_(members(person_id)))
        .order_by(Attempt.id)
    )
    return [
        {
            "check": title,
            "started_at": attempt.started_at.isoformat(),
            "submitted_at": attempt.submitted_at.isoformat() if attempt.submitted_at else None,
            "right": attempt.right,
            "of": attempt.total,
            "passed": attempt.passed,
            "answers": [
                {"question": item.text, "answer": shown_questions.words_of(item, attempt.answers.get(str(item.id)))}
                for item in shown_questions.drawn_items(content, attempt.public_id, reader_locale())
            ],
        }
        for attempt, title, content in db.session.execute(query)
    ]


def people_who_will_need(series: Series, check: Check) -> int:
    """How many people are enrolled who need a check for their certificate once it is published; 0 where the certificate
    does not ask for it, or it is published already. Callers check permission."""
    policy = current_policy(series.id)
    asks = policy.certificate is not None and policy.checks_passed and series.visibility is Visibility.PUBLIC
    return series.enrolled if asks and check.kind is CheckKind.CHECK and check.published_at is None else 0


def may_edit(series: Series, by: Actor) -> bool:
    """Whether the actor changes the checks of a series."""
    return may_edit_series(series, by)


def get_series_to_edit(slug: str, *, by: Actor) -> Series:
    """A series whose bank and checks the actor changes. Raises NotFound, and Forbidden for others than its staff."""
    series = get_series(slug, by=by)
    rules.check_is_staff(series, by)
    return series


def list_questions(series: Series, *, by: Actor, ids: Collection[int] | None = None) -> list[BankQuestion]:
    """The questions of the bank in the order in which they came, or those of these `ids`. For staff of the series."""
    rules.check_is_staff(series, by)
    query = select(BankQuestion).where(BankQuestion.series_id == series.id, BankQuestion.retired_at.is_(None))
    if ids is not None:
        query = query.where(BankQuestion.id.in_([id_ for id_ in ids if 0 < id_ < 2**31]))
    return list(db.session.scalars(query.order_by(BankQuestion.id)))


def count_questions(series_id: int) -> int:
    """How many questions the bank of a series has."""
    query = select(func.count()).where(BankQuestion.series_id == series_id, BankQuestion.retired_at.is_(None))
    return read_value(query) or 0


def checks_to_copy(series_id: int, lecture_ids: Collection[int]) -> list[Check]:
    """The checks that a copy of a series with these lectures gets. Callers check permission."""
    query = select(Check).where(
        Check.series_id == series_id, or_(Check.lecture_id.is_(None), Check.lecture_id.in_(lecture_ids))
    )
    return list(db.session.scalars(query.order_by(Check.id)))


def count_checks(series_id: int, lecture_ids: Collection[int]) -> int:
    """How many checks a copy of a series with these lectures gets."""
    return len(checks_to_copy(series_id, lecture_ids))


def get_question(series: Series, question_id: int, *, by: Actor) -> BankQuestion:
    """A question of the bank, for staff of the series. Raises NotFound."""
    rules.check_is_staff(series, by)
    row = db.session.get(BankQuestion, question_id, populate_existing=True)
    if row is None or row.series_id != series.id or row.retired_at is not None:
        raise NotFound
    return row
