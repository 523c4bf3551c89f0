"""Many lectures at once: a series copied to other dates, a lecture repeated, all lectures to come moved."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

from lms.catalogue.actions.lectures import add_lecture, edit_lecture, in_languages_of, locked_lecture
from lms.catalogue.actions.naming import add_series_instructors, persons_of
from lms.catalogue.actions.series import create_or_repeat_series, locked_series, policy_draft
from lms.catalogue.actions.states import postpone_lecture
from lms.catalogue.dates import (
    MOST_DAYS,
    DateCheck,
    DateDecision,
    PlannedDate,
    Repeat,
    check_dates,
    copied_dates,
    days_from,
    decided,
    is_movable,
    is_swappable,
    repeated,
)
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesCopy, SeriesInput, checked_lecture
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series, get_series_by_id
from lms.catalogue.rules import (
    TEACHING_ROLES,
    check_can_create_series,
    check_can_edit_lecture,
    check_can_edit_series,
    not_cancelled,
    zone_of,
)
from lms.core.background.idempotency import Answer, answer_once
from lms.core.base.errors import Invalid, Refused
from lms.core.base.events import CopyPreviewed, LecturesCopied, publish
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action
from lms.core.text.i18n import _
from lms.core.text.translations import Translations, main_language
from lms.people.queries.access import holders_of


def _once(content: Mapping[str, Any], work: Callable[[], Sequence[int]], *, by: Actor, at: datetime) -> list[int]:
    """The ids that `work` makes. The same person sending the same content again within a day gets the same ids."""
    if by.person_id is None:
        return list(work())
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def answer() -> Answer:
        return Answer(201, json.dumps(list(work())))

    lecture_ids: list[int] = json.loads(answer_once(by.person_id, f"scheduling:{digest}", digest, answer, at=at).body)
    return lecture_ids


def copied_lectures(series: Series, *, by: Actor) -> list[Lecture]:
    """The lectures that a copy of a series gets: all but cancelled ones, in their order."""
    return not_cancelled(list_lectures(series.id, by=by))


def count_copied_parts(series: Series, lectures: Sequence[Lecture], *, by: Actor, at: datetime) -> dict[str, int]:
    """How many speakers and files these lectures have, and how many questions and knowledge checks their series, by the
    name of the part in `SeriesCopy`; the questions of its bank as `bank`."""
    preview = CopyPreviewed(series_id=series.id, lecture_ids=tuple(lecture.id for lecture in lectures), by=by, at=at)
    publish(preview)
    return preview.counts


@action
def copy_series(slug: str, copy: SeriesCopy, *, by: Actor, at: datetime) -> Series:
    """Makes a draft of a series from another, with all its lectures as drafts at their local hours from a first day on.

    Never copied: people who are enrolled, attendance, recordings, certificates. Refused where the slug is taken;
    Invalid at `dates` while a date with a problem is not decided. The same copy asked for again is the same series.
    """
    content = {"copy": slug, **asdict(copy)}
    made = _once(content, lambda: [_copy_series(slug, copy, by=by, at=at)], by=by, at=at)
    return get_series_by_id(made[0], by=by)


def _copy_series(slug: str, copy: SeriesCopy, *, by: Actor, at: datetime) -> int:
    source = get_series(slug, by=by)
    check_can_edit_series(source, by)
    check_can_create_series(by)
    lectures = copied_lectures(source, by=by)
    if copy.first is None and any(one.local_start is not None for one in lectures):
        raise Invalid("first", _("Enter the day of the first lecture."))
    days = days_from(lectures, copy.first) if copy.first is not None else 0
    copies = copied_dates(lectures, days, with_instructors=copy.instructors)
    dates = iter(_decide(None, copies, source, copy.decisions, by))
    new, is_new = create_or_repeat_series(_series_input(source, copy, days), by=by, at=at)
    if not is_new:
        raise Refused(_("There is already a series with the web address “%(slug)s”.", slug=copy.slug))
    givers = _still_teaching([source, *lectures]) if copy.instructors else set()
    series = locked_series(new.slug)
    series.translated_from = dict(source.translated_from)
    add_series_instructors(series, sorted(givers & {person.id for person in source.instructors}))
    pairs = []
    for lecture in lectures:
        date_of = next(dates) if lecture.local_start is not None else None
        persons = [person.id for person in lecture.instructors if person.id in givers]
        local = date_of.planned.local_start if date_of is not None else None
        starts_at = date_of.starts_at if date_of is not None else None
        added = add_lecture(series, _lecture_input(lecture, local, copy), starts_at, persons, by=by, at=at)
        added.translated_from = dict(lecture.translated_from)
        pairs.append((lecture.id, added.id))
    parts = frozenset(name for name in ("speakers", "files", "checks", "questions", "feedback") if getattr(copy, name))
    publish(
        LecturesCopied(series_id=source.id, copy_id=series.id, days=days, pairs=tuple(pairs), parts=parts, by=by, at=at)
    )
    audit.record("copy_series", by=by, at=at, detail={"lectures": len(lectures)}, series=[source.id, series.id])
    return series.id


def _decide(
    series: Series | None,
    dates: Sequence[PlannedDate],
    source: Series,
    decisions: Mapping[str, str],
    by: Actor,
) -> list[DateCheck | None]:
    checks = check_dates(series, dates, countries=iso_codes(source), locale="en", by=by)
    return decided(checks, {key: DateDecision(value) for key, value in decisions.items()})


def iso_codes(series: Series) -> list[str]:
    """The ISO codes of the countries that a series is for; none where it is for everybody."""
    return [country.iso for country in series.countries if country.iso]


def _series_input(source: Series, copy: SeriesCopy, days: int) -> SeriesInput:
    def moved(day: date | None) -> date | None:
        return day + timedelta(days=days) if day is not None else None

    policy = PolicyInput()
    if copy.rules:
        policy = policy_draft(current_policy(source.id))
        policy = replace(policy, deadline=moved(policy.deadline))
    return SeriesInput(
        slug=copy.slug,
        title=copy.title,
        description=source.description,
        language=source.language,
        text_language=source.text_language,
        translations=_translations_of_copy(source, copy.title),
        visibility=Visibility.DRAFT,
        admission=source.admission,
        nominations_need_approval=source.nominations_need_approval,
        starts_on=moved(source.starts_on),
        ends_on=moved(source.ends_on),
        capacity=source.capacity if copy.countries else None,
        countries=tuple(country.code for country in source.countries) or None if copy.countries else None,
        policy=policy,
    )


def _translations_of_copy(source: Series, title: str) -> Translations:
    """The translations of a series for its copy; those of its title only where the copy has the same title."""
    left_out = () if title == source.title else ("title",)
    return {
        code: {name: text for name, text in texts.items() if name not in left_out}
        for code, texts in _translations_of(source).items()
    }


def _translations_of(item: Series | Lecture) -> Translations:
    """The translations of a series or lecture that it can be made with: without one into its own main language."""
    return {code: texts for code, texts in item.translations.items() if code != main_language(item)}


def _lecture_input(lecture: Lecture, local_start: datetime | None, copy: SeriesCopy) -> LectureInput:
    return LectureInput(
        title=lecture.title,
        abstract=lecture.abstract,
        time_zone=lecture.time_zone,
        starts_at=local_start,
        state=LectureState.DRAFT,
        duration_minutes=lecture.duration_minutes,
        language=lecture.language,
        text_language=lecture.text_language,
        translations=_translations_of(lecture),
        interpretation=tuple(lecture.interpretation),
        delivery=lecture.delivery,
        materials=tuple(lecture.materials) if copy.links else (),
    )


def _still_teaching(items: Collection[Series | Lecture]) -> set[int]:
    return holders_of({person.id for item in items for person in item.instructors}, TEACHING_ROLES)


@action
def schedule_repeated(
    slug: str, draft: LectureInput, repeat: Repeat, *, decisions: Mapping[str, str], by: Actor, at: datetime
) -> list[int]:
    """Puts a lecture into a series several times, as drafts with numbered titles, and answers with their ids.

    Invalid at `dates` while a date with a problem is not decided: nothing is saved then. The same asked for again
    within a day changes nothing.
    """
    content = {"repeat": slug, **asdict(repeat), "decisions": dict(decisions), **asdict(draft)}

    def work() -> list[int]:
        series = locked_series(slug)
        checked, persons = _checked(series, draft, by)
        dates = _decide(series, repeated_dates(checked, persons, repeat), series, decisions, by)
        chosen = [one for one in dates if one is not None]
        if not chosen:
            raise Invalid("dates", _("No date is left. Keep at least one."))
        return [
            add_lecture(series, _numbered(checked, one, number, len(chosen)), one.starts_at, persons, by=by, at=at).id
            for number, one in enumerate(chosen, 1)
        ]

    return _once(content, work, by=by, at=at)


def _numbered(draft: LectureInput, check: DateCheck, number: int, count: int) -> LectureInput:
    title = f"{draft.title[:195]} {number}" if count > 1 else draft.title
    return replace(draft, title=title, starts_at=check.planned.local_start)


def _checked(series: Series, draft: LectureInput, by: Actor) -> tuple[LectureInput, list[int]]:
    """The lecture as it is stored, as a draft, and who gives it."""
    check_can_edit_series(series, by)
    draft = in_languages_of(series, replace(draft, state=LectureState.DRAFT))
    return checked_lecture(draft), persons_of(draft.instructors)


def check_repeat(slug: str, draft: LectureInput, repeat: Repeat, *, locale: str, by: Actor) -> list[DateCheck]:
    """The dates of a lecture that is repeated, for the preview. Invalid at each field that is wrong."""
    series = get_series(slug, by=by)
    checked, persons = _checked(series, draft, by)
    dates = repeated_dates(checked, persons, repeat)
    return check_dates(series, dates, countries=iso_codes(series), locale=locale, by=by)


def repeated_dates(draft: LectureInput, persons: Collection[int], repeat: Repeat) -> list[PlannedDate]:
    """The dates of a lecture that is repeated. Invalid at `starts_at` without a first one."""
    if draft.starts_at is None:
        raise Invalid("starts_at", _("Enter when the lecture starts."))
    zone_of(draft.time_zone)
    return [
        PlannedDate(one, draft.time_zone, draft.duration_minutes, frozenset(persons))
        for one in repeated(draft.starts_at, repeat)
    ]


def movable_lectures(series: Series, *, by: Actor, at: datetime) -> list[Lecture]:
    """The lectures of a series that are moved together: published ones and drafts to come, in their order."""
    return [lecture for lecture in list_lectures(series.id, by=by) if is_movable(lecture, at)]


def key_of(lectures: Sequence[Lecture]) -> str:
    """Returns what was looked at before lectures are moved: another one as soon as one of them has another time or
    state."""
    shown = [[one.id, one.state, one.starts_at.isoformat() if one.starts_at else None] for one in lectures]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:32]


def check_days(days: int) -> None:
    """Raises Invalid at `days` for no move at all, or a move that is too far."""
    if days == 0 or abs(days) > MOST_DAYS:
        raise Invalid("days", _("Enter a number of days from 1 to %(most)s.", most=MOST_DAYS))


@action
def move_lectures(slug: str, *, days: int, key: str, by: Actor, at: datetime) -> int:
    """Moves all lectures to come by whole days, at their local hours, and says how many: all of them or none.

    Who is enrolled gets the mail that a single moved lecture sends. Refused where a lecture clashes, would begin in
    the past, or where the lectures are others than those of the preview (`key`), as after the same move before.
    """
    series = locked_series(slug)
    check_can_edit_series(series, by)
    check_days(days)
    lectures = movable_lectures(series, by=by, at=at)
    if not lectures or key != key_of(lectures):
        raise Refused(_("The dates have changed since you looked. Check them again."))
    # the farthest one first, so that none is moved to where the next one still is
    for lecture in reversed(lectures) if days > 0 else lectures:
        assert lecture.local_start is not None
        local_start = lecture.local_start + timedelta(days=days)
        if lecture.state is LectureState.DRAFT:
            edit_lecture(lecture.id, {"starts_at": local_start}, by=by, at=at)
        else:
            postpone_lecture(lecture.id, local_start=local_start, time_zone=lecture.time_zone, by=by, at=at)
    audit.record("move_lectures", by=by, at=at, detail={"days": days, "lectures": len(lectures)}, series=series.id)
    return len(lectures)


@action
def swap_dates(lecture_id: int, other_id: int | None, *, was: str, by: Actor, at: datetime) -> Lecture:
    """Gives two drafts of a series each other's date, so that one comes before the other.

    Refused where they are not such drafts, and where the first one is no longer planned for `was` (a local time), as
    after the same step before.
    """
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    other = locked_lecture(other_id) if other_id is not None else None
    if other is None or not is_swappable(lecture, other) or lecture.local_start is None:
        raise Refused(_("Only two drafts of a series that have a date can change places."))
    if lecture.local_start.isoformat() != was:
        raise Refused(_("The dates have changed since you looked. Check them again."))
    dates = [{"starts_at": one.local_start, "time_zone": one.time_zone} for one in (other, lecture)]
    for moved_id, date_of in zip((lecture_id, other.id), dates, strict=True):
        edit_lecture(moved_id, date_of, by=by, at=at)
    return lecture
