"""Which mails a person has chosen, for all series and for single ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.text.translations import Translations
from lms.enrolment.queries.people import list_of_person
from lms.mail.kinds import PER_SERIES, MailKind, is_default
from lms.mail.outbox import ALL_SERIES
from lms.people.queries.access import load_actor
from lms.people.queries.mail_choices import choices_of, offered_to
from lms.people.queries.persons import person_id_of
from lms.people.rules import can_see_person


@dataclass(frozen=True)
class SeriesMails:
    """What somebody gets about one series. `own` has what is chosen there differently than for the other series."""

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
    """What a person can choose, and has chosen: for all series, and for each in which they have or had a place."""

    person_id: int
    general: Mapping[MailKind, bool]
    series: tuple[SeriesMails, ...]

    def of_series(self, slug: str) -> SeriesMails:
        """What holds for a series. Raises NotFound where the person has and had no place there."""
        mails = next((one for one in self.series if one.slug == slug), None)
        if mails is None:
            raise NotFound
        return mails


def chosen_mails(public_id: str, *, by: Actor, at: datetime) -> ChosenMails:
    """What a person has chosen. For oneself and administrators, else NotFound."""
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
