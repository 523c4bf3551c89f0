"""Which nominations are a person's, and what the person's own export says of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import contains_eager

from lms.core.database.session import db
from lms.nominations.models import Nomination
from lms.people.models import Person, PersonEmail


def belongs_to(person_id: int) -> ColumnElement[bool]:
    """Whether a nomination is of this person (any row of a merged person): it says so, or has one of the addresses."""
    canonical = select(Person.canonical_id).where(Person.id == person_id).scalar_subquery()
    rows = select(Person.id).where(or_(Person.id == person_id, Person.canonical_id == canonical))
    keys = select(PersonEmail.key).where(PersonEmail.person_id.in_(rows))
    return or_(Nomination.person_id.in_(rows), Nomination.email_key.in_(keys))


def nominations_of_person(person_id: int) -> list[Nomination]:
    """All nominations of a person with series and country, newest first. Callers check permission."""
    query = (
        select(Nomination)
        .join(Nomination.series)
        .join(Nomination.country)
        .where(belongs_to(person_id))
        .options(contains_eager(Nomination.series), contains_eager(Nomination.country))
        .order_by(Nomination.id.desc())
    )
    return list(db.session.scalars(query))


def export_of_person(person_id: int) -> list[dict[str, Any]]:
    """The nominations of a person as plain JSON."""
    return [
        {
            "series": one.series.slug,
            "country": one.country.code,
            "state": one.state.value,
            "email": one.email,
            "full_name": one.full_name,
            "native_name": one.native_name,
            "organisation": one.organisation,
            "job_title": one.job_title,
            "sector": one.sector.value if one.sector is not None else None,
            "gender": one.gender.value if one.gender is not None else None,
            "language": one.language,
            "reason": one.reason,
            "letter": one.letter_name,
            "nominated_at": one.created_at.isoformat(),
            "answered_at": one.answered_at.isoformat() if one.answered_at is not None else None,
        }
        for one in nominations_of_person(person_id)
    ]
