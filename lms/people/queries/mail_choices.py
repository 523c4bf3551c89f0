"""Which kinds of mail people want."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import aliased

from lms.core.bulk import among
from lms.core.db import read
from lms.core.mail_kinds import MailKind
from lms.core.outbox import ALL_SERIES, Choice
from lms.people.models import MailChoice, Person

_Asked, _Member = aliased(Person), aliased(Person)


def declined(asked: Collection[Choice]) -> set[Choice]:
    """Which of these choices of a kind, a person and a series are declined, in one statement for however many."""
    chosen = _chosen({person_id for _kind, person_id, _series in asked}, {kind for kind, _person, _series in asked})
    return {
        (kind, person_id, series_id)
        for kind, person_id, series_id in asked
        if not chosen.get((kind, person_id, series_id), chosen.get((kind, person_id, ALL_SERIES), True))
    }


def wanting(kind: MailKind, person_ids: Collection[int], series_id: int = ALL_SERIES) -> set[int]:
    """Which of these people want mails of a kind about a series."""
    no = declined([(kind, person_id, series_id) for person_id in person_ids])
    return set(person_ids) - {person_id for _kind, person_id, _series in no}


def choices_of(person_id: int) -> dict[tuple[MailKind, int], bool]:
    """What a person has chosen: kind and series (or `ALL_SERIES`) → whether they want it."""
    chosen = _chosen({person_id}, set(MailKind))
    return {(kind, series_id): wanted for (kind, _person, series_id), wanted in chosen.items()}


def _chosen(people: Collection[int], kinds: Collection[MailKind]) -> dict[Choice, bool]:
    """The choices of people, and of those merged with them: the latest of each wins."""
    query = (
        select(MailChoice.kind, _Asked.id, MailChoice.series_id, MailChoice.wanted)
        .select_from(_Asked)
        .join(_Member, _Member.canonical_id == _Asked.canonical_id)
        .join(MailChoice, MailChoice.person_id == _Member.id)
        .where(among(_Asked.id, people), MailChoice.kind.in_(kinds))
        .order_by(MailChoice.changed_at, MailChoice.person_id == _Asked.id)
    )
    return {(MailKind(kind), person_id, series_id): wanted for kind, person_id, series_id, wanted in read(query)}
