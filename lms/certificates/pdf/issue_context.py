"""The data that a certificate shows besides what was earned, as on the day of issue: its row keeps it."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.core.base.settings import settings
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of


class IssueOccasion(NamedTuple):
    """The person and the series of a certificate (ids), and its day of issue."""

    series_id: int
    person_id: int
    issued_on: date


def issue_contexts(occasions: Sequence[IssueOccasion]) -> list[dict[str, Any]]:
    """The columns `organiser`, `language`, `country`, `base_url`, `signatory` and `signatory_office` for each of these,
    as they are now.

    A handful of queries however many there are.
    """
    config = settings()
    series = {occasion.series_id for occasion in occasions}
    languages = dict(db.session.execute(select(Series.id, Series.language).where(Series.id.in_(series))).all())
    who = select(Person.id, func.coalesce(Person.canonical_id, Person.id))
    canonical_ids = dict(db.session.execute(who.where(among(Person.id, {one.person_id for one in occasions}))).all())
    countries = {
        day: country_codes_of({canonical_ids[one.person_id] for one in occasions if one.issued_on == day}, day)
        for day in {occasion.issued_on for occasion in occasions}
    }
    return [
        {
            "organiser": config.organiser,
            "language": languages[occasion.series_id] or "en",
            "country": countries[occasion.issued_on].get(canonical_ids[occasion.person_id]),
            "base_url": config.base_url,
            "signatory": config.signatory or None,
            "signatory_office": config.signatory_office or None,
        }
        for occasion in occasions
    ]
