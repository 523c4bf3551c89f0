"""What a certificate shows beside what was earned, as things stand on the day: kept in its row at the issue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import func, select, update

from lms.catalogue.models import Series
from lms.certificates.models import Award, Certificate
from lms.config import Config
from lms.core.bulk import among
from lms.core.db import action, db
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of

BATCH = 500


class Occasion(NamedTuple):
    """Whose certificate of which series (ids), and the day that stands on it."""

    series_id: int
    person_id: int
    issued_on: date


def surroundings(occasions: Sequence[Occasion]) -> list[dict[str, Any]]:
    """The columns `organiser`, `language`, `country` and `base_url` for each of these, as they are now.

    A handful of queries however many there are.
    """
    config: Config = current_app.extensions["lms.config"]
    series = {one.series_id for one in occasions}
    languages = dict(db.session.execute(select(Series.id, Series.language).where(Series.id.in_(series))).all())
    who = select(Person.id, func.coalesce(Person.canonical_id, Person.id))
    own = dict(db.session.execute(who.where(among(Person.id, {one.person_id for one in occasions}))).all())
    countries = {
        day: country_codes_of({own[one.person_id] for one in occasions if one.issued_on == day}, day)
        for day in {one.issued_on for one in occasions}
    }
    return [
        {
            "organiser": config.organiser,
            "language": languages[one.series_id] or "en",
            "country": countries[one.issued_on].get(own[one.person_id]),
            "base_url": config.base_url,
        }
        for one in occasions
    ]


def freeze_older() -> int:
    """Keeps, for certificates issued before this was done at the issue, what they show as of now; returns how many."""
    done = 0
    while frozen := _freeze_some():
        done += frozen
    return done


@action
def _freeze_some() -> int:
    query = (
        select(Certificate.id, Award.series_id, Award.person_id, Certificate.issued_on)
        .join(Award, Award.id == Certificate.award_id)
        .where(Certificate.organiser.is_(None))
        .order_by(Certificate.id)
        .limit(BATCH)
    )
    rows = db.session.execute(query).all()
    kept = surroundings([Occasion(series_id, person_id, day) for _id, series_id, person_id, day in rows])
    if rows:
        db.session.execute(
            update(Certificate), [{"id": row.id, **columns} for row, columns in zip(rows, kept, strict=True)]
        )
    return len(rows)
