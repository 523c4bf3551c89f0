"""The choices of a reader: e-mails, for all series and for single ones, and their own lectures of some days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, union

from lms.catalogue.queries.lectures import list_between
from lms.catalogue.rules import Station, teaching_id
from lms.catalogue.visibility import ids_taught_by_person
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import read_column
from lms.core.text.translations import Translations
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.people import list_of_person
from lms.enrolment.queries.rows import PERSON_ROW, SPEAKS, is_of
from lms.mail.kinds import PER_SERIES, MailKind, is_default
from lms.mail.outbox import ALL_SERIES
from lms.people.queries.access import load_actor
from lms.people.queries.mail_choices import choices_of, offered_to
from lms.people.queries.persons import person_id_of
from lms.people.rules import can_see_person


def list_calendar(
    start: datetime, end: datetime, *, only_own: bool, by: Actor
) -> tuple[Sequence[Station], frozenset[int]]:
    """The lectures between two instants in their order, and the series that are the reader's own: those in which they
    are enrolled and those that they teach. Two questions, one for who is not signed in."""
    own_ids = _own_series(by)
    return list_between(start, end, series_ids=own_ids if only_own else None, by=by), own_ids


def _own_series(by: Actor) -> frozenset[int]:
    if by.person_id is None:
        return frozenset()
    enrolled: Any = select(Enrolment.series_id).where(
        SPEAKS, Enrolment.status == EnrolmentStatus.ENROLLED, is_of(PERSON_ROW.canonical_id == by.person_id)
    )
    return frozenset(read_column(union(enrolled, ids_taught_by_person(teaching_id(by)))))


@dataclass(frozen=True)
class SeriesMails:
    """The e-mails that somebody gets about one series. `own` has what is chosen there differently than for the other
    series."""

    id: int
    slug: str
    title: str
    language: str
    text_language: str | None
    translations: Translations
    choices: Mapping[MailKind, bool]
    explicit: Mapping[MailKind, bool]


@dataclass(frozen=True)
class ChosenMails:
    """The choices that a person has, and made: for all series, and for each in which they have or had a place."""

    person_id: int
    general: Mapping[MailKind, bool]
    series: tuple[SeriesMails, ...]

    def of_series(self, slug: str) -> SeriesMails:
        """Returns what holds for a series. Raises NotFound where the person has and had no place there."""
        mails = next((one for one in self.series if one.slug == slug), None)
        if mails is None:
            raise NotFound
        return mails


def chosen_mails(public_id: str, *, by: Actor, at: datetime) -> ChosenMails:
    """Returns what a person has chosen. For oneself and administrators, else NotFound."""
    person_id = person_id_of(public_id)
    if not can_see_person(by, person_id):
        raise NotFound
    own_roles = by if by.person_id == person_id else load_actor(person_id, at)
    chosen, offered = choices_of(person_id), offered_to(own_roles.roles if own_roles is not None else ())
    general = {kind: chosen.get((kind, ALL_SERIES), is_default(kind)) for kind in offered}
    by_slug: dict[str, SeriesMails] = {}
    for enrolled in list_of_person(person_id):
        series = enrolled.series
        chosen_here = {kind: chosen[kind, series.id] for kind in offered if (kind, series.id) in chosen}
        is_wanted: dict[MailKind, bool] = {
            kind: chosen_here.get(kind, general[kind]) for kind in offered if kind in PER_SERIES
        }
        by_slug[series.slug] = SeriesMails(
            *(series.id, series.slug, series.title, series.language, series.text_language, series.translations),
            is_wanted,
            chosen_here,
        )
    return ChosenMails(person_id, general, tuple(sorted(by_slug.values(), key=lambda mails: mails.title.casefold())))
