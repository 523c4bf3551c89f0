"""Series and their policies."""

from collections.abc import Collection
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, insert, select

from lms.catalogue.actions.history import note
from lms.catalogue.actions.naming import ListChange, add_series_instructors, persons_of
from lms.catalogue.inputs import PolicyInput, SeriesInput, checked_policy, checked_series, is_slug
from lms.catalogue.models import (
    LECTURE_TITLE,
    Lecture,
    LectureChange,
    LectureInstructor,
    LectureState,
    Policy,
    Series,
    SeriesCountry,
    SeriesInstructor,
    Visibility,
)
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import find_series
from lms.catalogue.rules import check_can_create_series, check_can_edit_series, check_capacity, may_see_series
from lms.core.base.errors import Fault, Invalid, NotFound, Refused
from lms.core.base.events import CapacityChanged, publish
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, is_sqlite
from lms.core.text.i18n import _, _n
from lms.core.text.translations import reader_text
from lms.people.models import Country, Person
from lms.people.queries.countries import country_ids, unknown_country

_PLAIN = (
    "title",
    "description",
    "language",
    "text_language",
    "admission",
    "nominations_need_approval",
    "starts_on",
    "ends_on",
)


@action
def create_series(draft: SeriesInput, *, by: Actor, at: datetime) -> Series:
    """Makes a series with its first policy; an instructor who makes one is among those who give it.

    A repeat with the same content answers with the series that is there. Refused where the slug is taken by
    something else, Forbidden but for administrators and instructors, Invalid with every field that is wrong.
    """
    series, _is_new = create_or_repeat_series(draft, by=by, at=at)
    return series


@action
def create_or_repeat_series(draft: SeriesInput, *, by: Actor, at: datetime) -> tuple[Series, bool]:
    """As `create_series`, and says whether it was made now."""
    check_can_create_series(by)
    draft = checked_series(draft)
    countries, persons = _named_in(draft)
    if by.is_instructor and by.person_id is not None and not (persons and by.is_administrator):
        persons = [*persons, *({by.person_id} - set(persons))]
    _lock_slug(draft.slug)
    there = find_series(draft.slug)
    if there is not None:
        if may_see_series(there, by) and _is_same(there, draft, persons, countries):
            return there, False
        raise Refused(_("There is already a series with the web address “%(slug)s”.", slug=draft.slug))
    series = Series(
        slug=draft.slug,
        visibility=draft.visibility,
        capacity=draft.capacity,
        taken=0,
        created_at=at,
        translations=dict(draft.translations),
        **{name: getattr(draft, name) for name in _PLAIN},
    )
    db.session.add(series)
    db.session.flush()
    _set_countries(series, countries)
    change = add_series_instructors(series, persons)
    db.session.add(Policy(series_id=series.id, version=1, created_at=at, created_by=by.person_id, **_row(draft.policy)))
    audit.record("create_series", by=by, at=at, detail=change.as_detail(), series=series.id, person=change.persons)
    return series, True


def _lock_slug(slug: str) -> None:
    """Makes two creations under one slug wait for each other (on SQLite every write does)."""
    if not is_sqlite():
        db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"series:{slug}", 0))))


@action
def edit_series(slug: str, changes: dict[str, Any], *, by: Actor, at: datetime) -> Series:
    """Changes a series. `changes` holds fields of `SeriesInput`; `policy` may be a part of one.

    A changed policy is a new version, for lectures not yet held. Refused: fewer places than are taken, hiding a
    series that people are enrolled in, dropping who still gives one of its lectures.
    """
    series = locked_series(slug)
    check_can_edit_series(series, by)
    unknown = set(changes) - {one.name for one in fields(SeriesInput)}
    if unknown:
        raise Invalid(faults=[Fault(field=name, reason=_("Unknown field.")) for name in sorted(unknown)])
    before = _draft_of(series)
    policy = changes.get("policy", before.policy)
    if isinstance(policy, dict):
        policy = replace(before.policy, **policy)
    draft = checked_series(replace(before, **{**changes, "policy": policy}))
    _check_slug(series, draft)
    if series.visibility is Visibility.PUBLIC and draft.visibility is Visibility.DRAFT and series.enrolled:
        raise Refused(
            _n(
                "The series must stay public because %(num)s person is enrolled.",
                "The series must stay public because %(num)s people are enrolled.",
                series.enrolled,
            )
        )
    check_capacity(draft.capacity, series)
    countries, persons = _named_in(draft, listed={person.id for person in series.instructors})
    changed = [name for name in _PLAIN if getattr(series, name) != getattr(draft, name)]
    if series.visibility is not draft.visibility:
        _turn_calendars(series, draft.visibility, by=by, at=at)
    for name in (*_PLAIN, "slug", "visibility"):
        setattr(series, name, getattr(draft, name))
    if "translations" in changes:
        series.translations = dict(draft.translations)
    capacity_changed = series.capacity != draft.capacity
    series.capacity = draft.capacity
    listed = _set_instructors(series, persons) if "instructors" in changes else ListChange()
    if "countries" in changes:
        _set_countries(series, countries)
    db.session.flush()
    _set_policy(series, draft.policy, by=by, at=at)
    detail = {"fields": sorted({*changes, *changed}), **listed.as_detail()}
    audit.record("edit_series", by=by, at=at, detail=detail, series=series.id, person=listed.persons)
    if capacity_changed:
        publish(CapacityChanged(series_id=series.id, by=by, at=at))
    return series


def locked_series(slug: str) -> Series:
    """The series, its row held until the action ends, as it is committed now. NotFound where there is none."""
    if not is_slug(slug):
        raise NotFound
    query = (
        select(Series)
        .where(Series.slug == slug)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    series = db.session.scalar(query)
    if series is None:
        raise NotFound
    return series


def _turn_calendars(series: Series, visibility: Visibility, *, by: Actor, at: datetime) -> None:
    """Raises SEQUENCE of what calendars may have: hiding a series cancels lectures there, showing it restores them."""
    query = select(Lecture).where(Lecture.series_id == series.id, Lecture.state != LectureState.DRAFT)
    if visibility is Visibility.PUBLIC:
        query = query.where(exists().where(LectureChange.lecture_id == Lecture.id, LectureChange.what == "hidden"))
    for lecture in db.session.scalars(query.order_by(Lecture.id)):
        note(lecture, "shown" if visibility is Visibility.PUBLIC else "hidden", {}, by=by, at=at)
        lecture.sequence += 1


def _check_slug(series: Series, draft: SeriesInput) -> None:
    if draft.slug == series.slug:
        return
    if series.visibility is Visibility.PUBLIC:
        raise Invalid("slug", _("The web address of a public series cannot change, because links depend on it."))
    _lock_slug(draft.slug)
    if find_series(draft.slug) is not None:
        raise Refused(_("There is already a series with the web address “%(slug)s”.", slug=draft.slug))


def _row(policy: PolicyInput) -> dict[str, Any]:
    return {one.name: getattr(policy, one.name) for one in fields(PolicyInput)}


def policy_draft(policy: Policy) -> PolicyInput:
    """A policy's version as a draft."""
    return PolicyInput(**{one.name: getattr(policy, one.name) for one in fields(PolicyInput)})


def _draft_of(series: Series) -> SeriesInput:
    return SeriesInput(
        slug=series.slug,
        visibility=series.visibility,
        capacity=series.capacity,
        countries=tuple(country.code for country in series.countries) or None,
        policy=policy_draft(current_policy(series.id)),
        **{name: getattr(series, name) for name in _PLAIN},
    )


def _is_same(series: Series, draft: SeriesInput, persons: list[int], countries: list[Country]) -> bool:
    """Whether what is asked for is what is there. Instructors that its lectures brought along do not differ."""
    stored = replace(_draft_of(series), translations=series.translations)
    if {country.id for country in series.countries} != {country.id for country in countries}:
        return False
    if asdict(replace(stored, countries=None)) != asdict(replace(draft, countries=None, instructors=())):
        return False
    given = {person.id for person in series.instructors}
    brought = set(
        db.session.scalars(select(LectureInstructor.person_id).join(Lecture).where(Lecture.series_id == series.id))
    )
    return set(persons) <= given and given - set(persons) <= brought


def _countries_of(codes: tuple[str, ...] | None) -> list[Country]:
    if not codes:
        return []
    ids = country_ids()
    chosen_ids = {ids[code] for code in codes if code in ids}
    by_id = {one.id: one for one in db.session.scalars(select(Country).where(Country.id.in_(chosen_ids)))}
    faults = [Fault(field="countries", reason=unknown_country(code)) for code in codes if code not in ids]
    if faults:
        raise Invalid(faults=faults)
    return list(dict.fromkeys(by_id[ids[code]] for code in codes))


def _named_in(draft: SeriesInput, *, listed: Collection[int] = ()) -> tuple[list[Country], list[int]]:
    """The countries and the instructors that a draft names; Invalid with all that are not known."""
    faults: list[Fault] = []
    countries: list[Country] = []
    persons: list[int] = []
    try:
        countries = _countries_of(draft.countries)
    except Invalid as error:
        faults.extend(error.faults)
    try:
        persons = persons_of(draft.instructors, listed=listed)
    except Invalid as error:
        faults.extend(error.faults)
    if faults:
        raise Invalid(faults=faults)
    return countries, persons


def _set_countries(series: Series, countries: list[Country]) -> None:
    db.session.execute(delete(SeriesCountry).where(SeriesCountry.series_id == series.id))
    if countries:
        rows = [{"series_id": series.id, "country_id": country.id} for country in countries]
        db.session.execute(insert(SeriesCountry), rows)
    db.session.expire(series, ["countries"])


def _set_instructors(series: Series, persons: list[int]) -> ListChange:
    gone = {person.id for person in series.instructors} - set(persons)
    if gone:
        query = (
            select(*LECTURE_TITLE, Person.full_name)
            .join(LectureInstructor, LectureInstructor.lecture_id == Lecture.id)
            .join(Person, Person.id == LectureInstructor.person_id)
            .where(
                Lecture.series_id == series.id,
                LectureInstructor.person_id.in_(gone),
                Lecture.state.not_in((LectureState.HELD, LectureState.CANCELLED)),
            )
            .limit(1)
        )
        still = db.session.execute(query).first()
        if still is not None:
            raise Refused(
                _("%(person)s gives “%(title)s” in this series.", person=still.full_name, title=reader_text(still))
            )
        db.session.execute(
            delete(SeriesInstructor).where(
                SeriesInstructor.series_id == series.id, SeriesInstructor.person_id.in_(gone)
            )
        )
    return ListChange(add_series_instructors(series, persons).added, sorted(gone))


def _set_policy(series: Series, draft: PolicyInput, *, by: Actor, at: datetime) -> None:
    newest = current_policy(series.id)
    draft = checked_policy(draft)
    if policy_draft(newest) == draft:
        return
    db.session.add(
        Policy(series_id=series.id, version=newest.version + 1, created_at=at, created_by=by.person_id, **_row(draft))
    )
    db.session.flush()
