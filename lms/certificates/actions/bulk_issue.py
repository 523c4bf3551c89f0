"""Writes many awards and their certificates at once, inside the running action: each table in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import CertificateKind, Lecture, Series
from lms.certificates import eligibility, keys, numbers
from lms.certificates.badges.credential import CredentialFacts, badges_for, days_attended
from lms.certificates.designs.versions import design_of, version_of_series
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.pdf.issue_context import IssueOccasion, issue_contexts
from lms.certificates.queries import certificates
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import db
from lms.core.time.clock import day_of, reporting_zone
from lms.people.queries.countries import countries_of
from lms.people.queries.persons import addresses_of


@dataclass(frozen=True)
class Earned:
    """A person who gets a certificate, with the names printed on it and the lectures attended (ids)."""

    person_id: int
    full_name: str
    native_name: str | None
    attended: frozenset[int]


@dataclass(frozen=True)
class Occasion:
    """The data that all certificates of one run share."""

    series: Series
    kind: CertificateKind
    lectures: Sequence[Lecture]
    requirement: eligibility.Earning
    at: datetime


def write(occasion: Occasion, earned: Sequence[Earned]) -> None:
    """Creates awards and certificates for people who have none: all of them or none."""
    if not earned:
        return
    awards = _write_awards(occasion, earned)
    insert_many(Certificate.__table__, _certificates(occasion, earned, awards))


def _write_awards(occasion: Occasion, earned: Sequence[Earned]) -> dict[int, int]:
    """The ids of the new awards, by person."""
    countries = countries_of([one.person_id for one in earned], day_of(occasion.at, reporting_zone()))
    rows = [
        {
            "series_id": occasion.series.id,
            "person_id": one.person_id,
            "kind": occasion.kind,
            "awarded_at": occasion.at,
            "awarded_country_id": countries[one.person_id],
            "needed": occasion.requirement.needed,
            "needed_minutes": occasion.requirement.minutes,
        }
        for one in earned
    ]
    insert_many(Award.__table__, rows)
    query = select(Award.person_id, Award.id).where(
        Award.series_id == occasion.series.id,
        Award.kind == occasion.kind,
        among(Award.person_id, [one.person_id for one in earned]),
    )
    return dict(db.session.execute(query).all())


def _certificates(occasion: Occasion, earned: Sequence[Earned], awards: dict[int, int]) -> list[dict[str, Any]]:
    issued_on = day_of(occasion.at, reporting_zone())
    design = version_of_series(occasion.series.id)
    titles = certificates.printed_titles(occasion.series, occasion.lectures, design_of(design))
    routes: dict[frozenset[int], tuple[list[dict[str, Any]], int]] = {}
    for earner in earned:
        if earner.attended not in routes:
            stations = certificates.stations_of(occasion.lectures, earner.attended, titles)
            routes[earner.attended] = stations, certificates.attended_ms(occasion.lectures, earner.attended)
    around = issue_contexts([IssueOccasion(occasion.series.id, one.person_id, issued_on) for one in earned])
    rows = [
        {
            "award_id": awards[one.person_id],
            "number": numbers.generate(),
            "state": CertificateState.VALID,
            "name": one.full_name,
            "native_name": one.native_name,
            "series_title": titles.series.text,
            "title_language": titles.series.language or None,
            "lectures": routes[one.attended][0],
            "hours_ms": routes[one.attended][1],
            "issued_on": issued_on,
            "issued_at": occasion.at,
            "design": design,
            **columns,
        }
        for one, columns in zip(earned, around, strict=True)
    ]
    signed = _badges(occasion, earned, rows)
    return [row | columns for row, columns in zip(rows, signed, strict=True)]


def _badges(occasion: Occasion, earned: Sequence[Earned], rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    addresses = addresses_of([one.person_id for one in earned])
    days = {one.attended: days_attended(row["lectures"]) for one, row in zip(earned, rows, strict=True)}
    return badges_for(
        [
            CredentialFacts(
                number=row["number"],
                kind=occasion.kind,
                series=row["series_title"],
                slug=occasion.series.slug,
                organiser=row["organiser"],
                name=one.full_name,
                address=addresses.get(one.person_id),
                hours_ms=row["hours_ms"],
                days=days[one.attended],
                issued_at=occasion.at,
                awarded_at=occasion.at,
            )
            for one, row in zip(earned, rows, strict=True)
        ],
        keys.current(),
    )
