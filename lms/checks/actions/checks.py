"""Changes checks, and makes their versions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, select

from lms.catalogue.models import Series
from lms.catalogue.queries.lectures import list_lectures
from lms.checks import rules
from lms.checks.actions.handing_in import hand_in_overdue, hold_check, note_who_saw
from lms.checks.models import Attempt, AttemptState, BankQuestion, Check, CheckVersion, ExtraTime
from lms.checks.queries.checks import (
    checks_to_copy,
    extra_percent_of,
    get_check,
    get_series_to_edit,
    latest_version,
    list_questions,
)
from lms.checks.questions import digest_of
from lms.checks.rules import CheckInput
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time, read_column
from lms.core.text.i18n import _
from lms.core.text.translations import main_language
from lms.core.time.clock import reporting_zone
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.rules import is_enrolled
from lms.people.queries.persons import find_person_id, members

_AS_THEY_ARE = ("kind", "title", "drawn", "pass_percent", "attempts", "minutes", "shuffle", "shows_answers",
               "translations")  # fmt: skip


@action
def save_check(slug: str, check_id: int | None, typed: CheckInput, *, by: Actor, at: datetime) -> int:
    """Makes a check, or changes one; returns its id. People who have begun it finish the version that they began. Who
    could see its right answers until now cannot begin it again.

    For staff of the series: raises NotFound and Forbidden for others, Invalid as `rules.checked`, and Refused where a
    published check would have no question, or attempts were made and it would be of another kind.
    """
    series = get_series_to_edit(slug, by=by)
    hold_checks(series.id)
    lectures = {lecture.id for lecture in list_lectures(series.id, by=by)}
    known = {question.id for question in list_questions(series, by=by, ids=typed.items)}
    draft = rules.checked(typed, lectures=lectures, questions=known)
    if check_id is None:
        count = db.session.scalar(select(func.count()).where(Check.series_id == series.id)) or 0
        if count >= rules.MAX_CHECKS:
            raise Refused(_("A series can have %(n)s knowledge checks at most.", n=rules.MAX_CHECKS))
        check = Check(series_id=series.id, created_at=at)
        db.session.add(check)
    else:
        check = get_check(series, check_id, by=by)
        if check.kind is not draft.kind and _was_begun(check):
            raise Invalid("kind", _("People have taken this check, so its kind can no longer be changed."))
        check = hold_check(check.id, alone=True)
        if any(getattr(check, name) != getattr(draft, name) for name in ("attempts", "closes_at", "shows_answers")):
            note_who_saw(check, at=at)
    if check.published_at is not None and not draft.items:
        raise Invalid("items", _("Choose at least one question."))
    for name in ("title", "kind", "lecture_id", "items", "drawn", "attempts", "minutes", "shuffle", "shows_answers",
                 "opens_at", "closes_at"):  # fmt: skip
        setattr(check, name, getattr(draft, name))
    check.pass_percent = draft.pass_percent or 75
    if draft.titles is not None:
        check.translations = rules.checked_titles(draft.titles, main=main_language(series))
    db.session.flush()
    audit.record("save_check", by=by, at=at, detail={"check": check.id}, series=series.id)
    if check.published_at is not None:
        _renew_version(check, at)
    return check.id


@action
def translate_check(slug: str, check_id: int, language: str, title: str, *, by: Actor, at: datetime) -> None:
    """Writes the title of a check in another language; an empty one is removed. Raises NotFound, Forbidden, Invalid."""
    series = get_series_to_edit(slug, by=by)
    check = get_check(series, check_id, by=by)
    titles = {code: texts["title"] for code, texts in (check.translations or {}).items()} | {language: title}
    check.translations = rules.checked_titles(titles, main=main_language(series))
    audit.record("save_check", by=by, at=at, detail={"check": check.id}, series=series.id)


@action
def publish_check(slug: str, check_id: int, *, by: Actor, at: datetime) -> None:
    """Lets the people enrolled take a check. Raises NotFound, Forbidden, and Refused for one without questions."""
    series = get_series_to_edit(slug, by=by)
    hold_checks(series.id)
    check = get_check(series, check_id, by=by)
    if check.published_at is not None:
        return
    if not check.items:
        raise Refused(_("Choose at least one question."))
    check.published_at = at
    _renew_version(check, at)
    audit.record("publish_check", by=by, at=at, detail={"check": check.id}, series=series.id)


@action
def unpublish_check(slug: str, check_id: int, *, by: Actor, at: datetime) -> None:
    """Makes a check a draft again. Raises NotFound, Forbidden, and Refused once somebody has begun it."""
    series = get_series_to_edit(slug, by=by)
    check = hold_check(get_check(series, check_id, by=by).id, alone=True)
    if _was_begun(check):
        raise Refused(_("People have taken this check. Set an end instead."))
    check.published_at = None
    audit.record("unpublish_check", by=by, at=at, detail={"check": check.id}, series=series.id)


@action
def delete_check(slug: str, check_id: int, *, by: Actor, at: datetime) -> None:
    """Deletes a draft. Raises NotFound, Forbidden, and Refused for a check that was published."""
    series = get_series_to_edit(slug, by=by)
    check = get_check(series, check_id, by=by)
    if check.published_at is not None or _was_begun(check):
        raise Refused(_("Only drafts can be deleted."))
    db.session.delete(check)
    audit.record("delete_check", by=by, at=at, detail={"check": check_id}, series=series.id)


def _was_begun(check: Check) -> bool:
    return bool(db.session.scalar(select(exists().where(Attempt.check_id == check.id))))


def renew_versions(series: Series, *, at: datetime) -> None:
    """After a change of questions, has those who begin from now on sit them as they are, inside the running action."""
    hold_checks(series.id)
    published = select(Check).where(Check.series_id == series.id, Check.published_at.is_not(None)).order_by(Check.id)
    for check in db.session.scalars(published.execution_options(populate_existing=True)):
        _renew_version(check, at)


def hold_checks(series_id: int) -> None:
    """Has nobody else change checks of a series, or make a version of one, until this is committed."""
    one_at_a_time(f"checks of series {series_id}")


def _renew_version(check: Check, at: datetime) -> None:
    """Makes a version of a check where its content is new. The caller holds the checks of the series."""
    content = _content_of(check)
    digest = digest_of(content)
    newest = latest_version(check.id)
    if newest is None or newest.digest != digest:
        number = 1 if newest is None else newest.number + 1
        db.session.add(CheckVersion(check_id=check.id, number=number, digest=digest, content=content, at=at))
        db.session.flush()


def _content_of(check: Check) -> dict[str, Any]:
    query = select(BankQuestion).where(BankQuestion.id.in_(check.items)).execution_options(populate_existing=True)
    rows = {row.id: row for row in db.session.scalars(query)}
    return {
        "items": [{"id": id_, "kind": rows[id_].kind.value, "definition": rows[id_].definition} for id_ in check.items],
        "drawn": check.drawn,
        "shuffle": check.shuffle,
        "pass_percent": check.pass_percent,
        "minutes": check.minutes,
    }


@action
def copy_checks(series_id: int, copy_id: int, pairs: Sequence[tuple[int, int]], *, days: int, at: datetime) -> None:
    """Gives the copy of a series the same question bank, and its checks as drafts, whose times move by `days`.

    `pairs`: the ids of the lectures and of their copies. Checks of lectures that are not copied are left out. Attempts
    and results are never copied. Callers check permission.
    """
    lectures = dict(pairs)
    bank = list(
        db.session.scalars(
            select(BankQuestion)
            .where(BankQuestion.series_id == series_id, BankQuestion.retired_at.is_(None))
            .order_by(BankQuestion.id)
        )
    )
    copies = [
        BankQuestion(
            series_id=copy_id, kind=row.kind, definition=dict(row.definition), digest=row.digest, changed_at=at
        )
        for row in bank
    ]
    db.session.add_all(copies)
    db.session.flush()
    ids = {row.id: copy.id for row, copy in zip(bank, copies, strict=True)}
    zone = ZoneInfo(reporting_zone())

    def moved(moment: datetime | None) -> datetime | None:
        """Returns the same hour of the organiser’s clocks on the new day."""
        return (moment.astimezone(zone) + timedelta(days=days)).astimezone(UTC) if moment is not None else None

    for check in checks_to_copy(series_id, lectures):
        db.session.add(
            Check(
                series_id=copy_id,
                lecture_id=lectures[check.lecture_id] if check.lecture_id is not None else None,
                items=[ids[item] for item in check.items if item in ids],
                opens_at=moved(check.opens_at),
                closes_at=moved(check.closes_at),
                created_at=at,
                **{name: getattr(check, name) for name in _AS_THEY_ARE},
            )
        )
    db.session.flush()


@action
def set_extra_time(slug: str, email: str, percent: int | None, *, by: Actor, at: datetime) -> None:
    """Gives somebody enrolled in a series more time in its timed checks, in percent; null takes it away. An attempt
    that is open gets it too.

    Raises NotFound and Forbidden for others than staff, Invalid (`email`, `percent`).
    """
    series = get_series_to_edit(slug, by=by)
    person_id = find_person_id(email)
    if person_id is None or not is_enrolled(find_enrolment(series.id, person_id)):
        raise Invalid("email", _("Nobody enrolled in this series has this address."))
    if percent is not None and not 1 <= percent <= rules.MAX_EXTRA:
        raise Invalid("percent", _("Enter a number from %(low)s to %(high)s.", low=1, high=rules.MAX_EXTRA))
    one_at_a_time(f"extra time of person {person_id}")
    is_own = ExtraTime.series_id == series.id, ExtraTime.person_id.in_(members(person_id))
    for row in db.session.scalars(select(ExtraTime).where(*is_own)):
        db.session.delete(row)
    db.session.flush()
    if percent is not None:
        db.session.add(ExtraTime(series_id=series.id, person_id=person_id, percent=percent))
    _move_limits(series.id, person_id, at=at)
    audit.record("set_extra_time", by=by, at=at, series=series.id, person=person_id)


def _move_limits(series_id: int, person_id: int, *, at: datetime) -> None:
    """Moves the end of the open attempts of a person, merged records included. One whose time is over is handed in as
    it was saved: nobody goes on with it."""
    people = members(person_id)
    is_open = Check.series_id == series_id, Attempt.person_id.in_(people), Attempt.state == AttemptState.OPEN
    begun = select(Attempt.check_id).join(Check, Check.id == Attempt.check_id).where(*is_open)
    for check_id in sorted(set(read_column(begun))):
        hold_check(check_id)
    hand_in_overdue(*is_open, at=at)
    query = (
        select(Attempt, CheckVersion.content)
        .join(Check, Check.id == Attempt.check_id)
        .join(CheckVersion, CheckVersion.id == Attempt.version_id)
        .where(*is_open)
        .order_by(Attempt.id)
    )
    percent = extra_percent_of(series_id, person_id)
    for attempt, content in db.session.execute(query.with_for_update(of=Attempt)):
        attempt.limit_at = rules.limit_of(attempt.started_at, content["minutes"], percent)
