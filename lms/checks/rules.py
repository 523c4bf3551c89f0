"""Rules of checks: their content, when they can be taken, and who may do what: decisions on loaded objects."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lms.catalogue.models import Series
from lms.catalogue.rules import check_can_edit_series, may_edit_series
from lms.checks.models import Attempt, AttemptState, Check, CheckKind
from lms.core.base.errors import Fault, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.text.translations import MOST, base_of, is_language, one_spelling
from lms.core.text.typed_text import clean_line

MAX_QUESTIONS = 100
"""The most questions of one check."""
MAX_BANK = 2000
"""The most questions in the bank of a series."""
MAX_CHECKS = 200
MAX_ATTEMPTS = 20
MAX_MINUTES = 600
MAX_EXTRA = 300
GRACE = timedelta(seconds=30)
"""For so long after its end an answer is still taken: it may have been on its way."""
SMALL = 5
"""Groups of fewer people are not shown to those who may not see every name."""


class CheckState(StrEnum):
    """Whether a check can be taken: *waiting* until it opens."""

    DRAFT = "draft"
    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class CheckInput:
    """A check as a form or the API sends it."""

    title: str
    kind: CheckKind = CheckKind.CHECK
    lecture_id: int | None = None
    items: Sequence[int] = ()
    drawn: int | None = None
    pass_percent: int | None = 75
    attempts: int | None = 2
    minutes: int | None = None
    shuffle: bool = True
    shows_answers: bool = True
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    titles: Mapping[str, str] | None = None
    """The titles in other languages, by language; null leaves them as they are."""


def checked_titles(titles: Mapping[str, str], *, main: str) -> dict[str, dict[str, str]]:
    """The titles of a check in other languages than the main one, as a row has them; empty ones are left out. Raises
    Invalid (`titles.fr`)."""
    faults, translations = [], {}
    if len(titles) > MOST:
        raise Invalid("titles", _("Use at most %(n)s languages.", n=MOST))
    for language, title in titles.items():
        code, line, field = one_spelling(language), clean_line(title), f"titles.{language[:16]}"
        if not is_language(code):
            reason = _("“%(code)s” is not a known language. Use a code such as en or fr.", code=code[:32])
            faults.append(Fault(reason, field))
        elif main and base_of(code) == base_of(main):
            faults.append(Fault(_("The main text is in this language. Choose another one."), field))
        elif len(line) > 200:
            faults.append(Fault(_("Use at most %(n)s characters.", n=200), field))
        elif line:
            translations[code] = {"title": line}
    if faults:
        raise Invalid(faults=faults)
    return translations


def checked(typed: CheckInput, *, lectures: Collection[int], questions: Collection[int]) -> CheckInput:
    """The check with its title cleaned and each question once; `lectures` and `questions` are those of its series.

    Raises Invalid (`title`, `lecture`, `items`, `drawn`, `pass_percent`, `attempts`, `minutes`, `closes_at`).
    """
    title, items = clean_line(typed.title), list(dict.fromkeys(typed.items))
    faults = []
    if not title:
        faults.append(Fault(_("Enter a title."), "title"))
    elif len(title) > 200:
        faults.append(Fault(_("Use at most %(n)s characters.", n=200), "title"))
    if typed.lecture_id is not None and typed.lecture_id not in lectures:
        faults.append(Fault(_("Choose a lecture of this series."), "lecture"))
    if not set(items) <= set(questions):
        faults.append(Fault(_("Choose questions of this series."), "items"))
    if len(items) > MAX_QUESTIONS:
        faults.append(Fault(_("A check can have %(n)s questions at most.", n=MAX_QUESTIONS), "items"))
    faults += [
        Fault(_("Enter a number from %(low)s to %(high)s.", low=1, high=most), name)
        for name, value, most in (
            ("drawn", typed.drawn, max(len(items), 1)),
            ("pass_percent", typed.pass_percent or 0, 100),
            ("attempts", typed.attempts, MAX_ATTEMPTS),
            ("minutes", typed.minutes, MAX_MINUTES),
        )
        if value is not None and not 1 <= value <= most
    ]
    if typed.opens_at is not None and typed.closes_at is not None and typed.closes_at <= typed.opens_at:
        faults.append(Fault(_("The end must be later than the start."), "closes_at"))
    if faults:
        raise Invalid(faults=faults)
    return replace(typed, title=title, items=items)


def state_of(check: Check, at: datetime) -> CheckState:
    """Whether a check can be taken at a moment."""
    if check.published_at is None:
        return CheckState.DRAFT
    if check.closes_at is not None and check.closes_at <= at:
        return CheckState.CLOSED
    return CheckState.WAITING if check.opens_at is not None and check.opens_at > at else CheckState.OPEN


def needed_right(total: int, pass_percent: int) -> int:
    """How many of `total` questions must be right."""
    return -(-total * pass_percent // 100)


def question_count(content: dict[str, Any]) -> int:
    """How many questions an attempt of a version has."""
    count = len(content["items"])
    return min(content["drawn"] or count, count)


def end_of(attempt: Attempt, check: Check) -> datetime | None:
    """Until when an attempt can be answered; null for no end."""
    return min((moment for moment in (attempt.limit_at, check.closes_at) if moment is not None), default=None)


def is_over(attempt: Attempt, check: Check, at: datetime) -> bool:
    """Whether an attempt can no longer be answered."""
    end = end_of(attempt, check)
    return attempt.state is AttemptState.SUBMITTED or (end is not None and end + GRACE <= at)


def limit_of(started_at: datetime, minutes: int | None, extra_percent: int) -> datetime | None:
    """Until when an attempt can be answered, by its time limit alone."""
    return None if minutes is None else started_at + timedelta(minutes=minutes * (100 + extra_percent) / 100)


def _unused(check: Check, attempts: Collection[Attempt]) -> int | None:
    return None if check.attempts is None else max(0, check.attempts - len(attempts))


def attempts_left(check: Check, attempts: Collection[Attempt], at: datetime) -> int | None:
    """How many more times somebody can begin; null for no limit. None once they could see the right answers."""
    return 0 if has_seen_answers(check, attempts, at) else _unused(check, attempts)


def check_can_begin(check: Check, attempts: Collection[Attempt], at: datetime) -> None:
    """Raises Refused where a person with these attempts cannot begin another one."""
    match state_of(check, at):
        case CheckState.DRAFT:
            raise NotFound
        case CheckState.WAITING:
            raise Refused(_("This knowledge check is not open yet."))
        case CheckState.CLOSED:
            raise Refused(_("This knowledge check is closed."))
    if _unused(check, attempts) == 0:
        raise Refused(_("You have used all attempts of this knowledge check."))
    if has_seen_answers(check, attempts, at):
        raise Refused(_("You have been shown the right answers of this knowledge check, so you cannot take it again."))


def shows_answers(check: Check, attempts: Collection[Attempt], at: datetime) -> bool:
    """Whether somebody sees the right answers: once passed, out of attempts, or closed, and never while an attempt can
    still be answered."""
    if not check.shows_answers or any(not is_over(attempt, check, at) for attempt in attempts):
        return False
    has_passed = any(attempt.passed for attempt in attempts)
    is_last = _unused(check, attempts) == 0 or _was_noted(attempts)
    return has_passed or is_last or state_of(check, at) is CheckState.CLOSED


def has_seen_answers(check: Check, attempts: Collection[Attempt], at: datetime) -> bool:
    """Whether somebody with these attempts sees the right answers, or could before the rules of the check changed:
    they cannot begin again. Without an attempt there is no page that shows them."""
    return _was_noted(attempts) or (bool(attempts) and shows_answers(check, attempts, at))


def _was_noted(attempts: Collection[Attempt]) -> bool:
    return any(attempt.answers_seen_at is not None for attempt in attempts)


def check_is_staff(series: Series, by: Actor) -> None:
    """Raises NotFound and Forbidden unless the actor is an instructor of the series or an administrator."""
    check_can_edit_series(series, by)


def may_see_results(series: Series, by: Actor) -> bool:
    """Whether the actor reads the results of a series: its instructors, administrators and reporters."""
    return by.is_reporter or may_edit_series(series, by)
