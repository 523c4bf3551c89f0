"""The queue of people to compare for duplicates, within actions that create or change people."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, or_

from lms.core.database.bulk import among, insert_many
from lms.core.database.session import db
from lms.people.models import DuplicatePair, PersonToCompare


def ask_for_comparison(person_ids: Collection[int], *, at: datetime) -> None:
    """Within an action: these people are compared with the others soon."""
    db.session.flush()
    db.session.execute(delete(PersonToCompare).where(among(PersonToCompare.person_id, person_ids)))
    insert_many(PersonToCompare.__table__, [{"person_id": person_id, "asked_at": at} for person_id in person_ids])


def forget_pairs(person_ids: Collection[int]) -> None:
    """Within an erasure: nobody is like an erased person."""
    of_people = or_(among(DuplicatePair.first_id, person_ids), among(DuplicatePair.second_id, person_ids))
    db.session.execute(delete(DuplicatePair).where(of_people))
    db.session.execute(delete(PersonToCompare).where(among(PersonToCompare.person_id, person_ids)))
