"""Finds another series in which a certificate can still be earned, if it is too late in one."""

from __future__ import annotations

from datetime import datetime

from lms.attendance.queries.sessions import sessions_among
from lms.catalogue.models import Admission, Series, Visibility
from lms.catalogue.queries.lectures import add_drafts, stations_of
from lms.catalogue.queries.policies import current_policies
from lms.catalogue.queries.series import SeriesFilter, list_series
from lms.catalogue.rules import next_lecture
from lms.certificates.eligibility import standing
from lms.core.clock import reporting_zone
from lms.core.roles import Actor
from lms.enrolment.queries.people import list_of_person
from lms.enrolment.queries.rows import day_of
from lms.people.queries.countries import country_id_of

LOOKED_AT = 100


def find_next_to_earn(shown: Series, *, by: Actor, at: datetime) -> Series | None:
    """The next series in which the reader can get a place and still earn a certificate.

    Series in the language of `shown` come first. Series by nomination, full ones, those for other countries, and those
    in which the reader has or had a place are left out.
    """
    filters = SeriesFilter(open=True, visibility=Visibility.PUBLIC, limit=LOOKED_AT)
    known = {row.series_id for row in list_of_person(by.person_id)} if by.person_id is not None else set()
    country_id = country_id_of(by.person_id, day_of(at)) if by.person_id is not None else None
    candidates = [
        series
        for series in list_series(filters, by=by)
        if series.id != shown.id
        and series.id not in known
        and series.admission is not Admission.NOMINATION
        and not series.is_full
        and (by.person_id is None or not series.countries or country_id in {one.id for one in series.countries})
    ]
    ids = [series.id for series in candidates]
    lectures, policies = add_drafts(stations_of(ids, by=by)), current_policies(ids)
    sessions = sessions_among(lecture for given in lectures.values() for lecture in given)
    zone = reporting_zone()
    best: tuple[tuple[bool, datetime, int], Series] | None = None
    for series in candidates:
        given = lectures[series.id]
        stands = standing(given, (), policies[series.id], sessions=sessions, zone=zone, at=at, is_in=False)
        following = next_lecture(given)
        if stands is None or not stands.can_be_earned or following is None or following.starts_at is None:
            continue
        order = (series.language != shown.language, following.starts_at, series.id)
        if best is None or order < best[0]:
            best = (order, series)
    return best[1] if best is not None else None
