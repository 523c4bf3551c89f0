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
from lms.certificates.queries.progress import find_prospects
from lms.core.base.roles import Actor
from lms.core.time.clock import reporting_zone
from lms.enrolment.queries.people import list_of_person
from lms.enrolment.queries.rows import day_of
from lms.people.queries.countries import country_id_of

LOOKED_AT = 100


def find_next_to_earn(shown: Series, *, by: Actor, at: datetime) -> Series | None:
    """The next series in which the reader can get a place and still earn a certificate.

    Series in the language of `shown` come first. Series by nomination, full ones, those for other countries, and those
    in which the reader has or had a place are left out.
    """
    candidates = [series for series in _list_open_to(by, at=at) if series.id != shown.id]
    ids = [series.id for series in candidates]
    lectures, policies = add_drafts(stations_of(ids, by=by)), current_policies(ids)
    everything = [lecture for given in lectures.values() for lecture in given]
    sessions, prospects = sessions_among(everything), find_prospects(everything, at=at)
    zone = reporting_zone()
    starts: dict[Series, datetime] = {}
    for series in candidates:
        given = lectures[series.id]
        stands = standing(
            given, (), policies[series.id], sessions=sessions, prospects=prospects, zone=zone, at=at, is_in=False
        )
        following = next_lecture(given)
        if stands is not None and stands.can_be_earned and following is not None and following.starts_at is not None:
            starts[series] = following.starts_at
    return min(starts, key=lambda row: (row.language != shown.language, starts[row], row.id), default=None)


def _list_open_to(by: Actor, *, at: datetime) -> list[Series]:
    """The series in which somebody can get a place by enrolling or applying, and neither has nor had one."""
    filters = SeriesFilter(open=True, visibility=Visibility.PUBLIC, limit=LOOKED_AT)
    free = [
        series
        for series in list_series(filters, by=by)
        if series.admission is not Admission.NOMINATION and not series.is_full
    ]
    if by.person_id is None:
        return free
    known = {row.series_id for row in list_of_person(by.person_id)}
    country_id = country_id_of(by.person_id, day_of(at))
    return [
        series
        for series in free
        if series.id not in known and (not series.countries or country_id in {row.id for row in series.countries})
    ]
