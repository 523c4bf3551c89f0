"""Enrolling one person by the e-mail address, without telling who is known."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import Actor
from lms.core.base.settings import addresses_per_day
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.text.i18n import _, _n
from lms.enrolment import rules
from lms.enrolment.actions.places import enrol, lock
from lms.enrolment.models import Enrolment, EnrolmentSource
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.queries.sharing import known_to
from lms.people.actions.persons import checked_profile, create_person, hold_addresses
from lms.people.models import Country
from lms.people.queries.countries import get_country
from lms.people.queries.persons import find_person_by_email
from lms.people.rules import checked_address

ATTEMPT = "enrolment.by_address"
"""What the audit calls an attempt to enrol somebody by the address."""


def enrol_by_address(
    series_id: int,
    email: str,
    *,
    full_name: str | None = None,
    country: str | None = None,
    profile: Mapping[str, Any] | None = None,
    by: Actor,
    at: datetime,
) -> Enrolment:
    """Staff or a focal point enrol one person by the address.

    Somebody new is made with the name and country (a code; a focal point's own unless given). What is known of a
    person stays as it is. An administrator and a focal point may leave the name out for somebody known. An instructor
    may for somebody whose profile the instructor sees in an own series; for all others the same is asked, checked and
    answered whether or not anybody has the address.

    Attempts count against the limit of a day, also those that fail. Raises Forbidden, Refused; Invalid with the field.
    """
    _count_attempt(series_id, by=by, at=at)
    return _enrol_by_address(
        series_id, email, full_name=full_name, country=country, profile=profile or {}, by=by, at=at
    )


@action
def _count_attempt(series_id: int, *, by: Actor, at: datetime) -> None:
    """Notes that somebody tries to enrol a person by the address; Refused above the limit of 24 hours.

    Counted in the audit, which all processes share. Administrators are exempt, and everybody in a demonstration.
    """
    limit = addresses_per_day()
    if by.is_administrator or limit is None:
        return
    one_at_a_time(f"enrolment.by_address.{by.person_id}")
    series = get_series_by_id(series_id, by=by)
    if not (rules.is_staff_of(series, by) or by.is_focal_point):
        rules.check_can_move(series, by, None)
    if audit.count_acts(ATTEMPT, by=by, since=at - timedelta(days=1)) >= limit:
        raise Refused(
            _n(
                "You can enrol %(num)s person by e-mail address within 24 hours. Try again tomorrow, or ask an "
                "administrator to import a file.",
                "You can enrol %(num)s people by e-mail address within 24 hours. Try again tomorrow, or ask an "
                "administrator to import a file.",
                limit,
            )
        )
    audit.record(ATTEMPT, by=by, at=at, series=series_id)


@action
def _enrol_by_address(
    series_id: int,
    email: str,
    *,
    full_name: str | None,
    country: str | None,
    profile: Mapping[str, Any],
    by: Actor,
    at: datetime,
) -> Enrolment:
    hold_addresses()
    series = lock(series_id, by, at)
    is_staff = rules.is_staff_of(series, by)
    if not (is_staff or by.is_focal_point):
        rules.check_can_move(series, by, None)
    address = checked_address(email)
    person = find_person_by_email(address)
    if is_staff and not by.is_administrator and not (person is not None and _is_known(series_id, person.id, by)):
        if not full_name:
            raise Invalid("full_name", _("Enter the full name too."))
        checked_profile({"full_name": full_name, **profile})
        if country:
            get_country(country)
    if person is None:
        if not full_name:
            raise Invalid("full_name", _("There is no one with this e-mail address yet. Enter the full name too."))
        if not country and not rules.is_staff_of(series, by) and len(by.country_ids) == 1:
            country = db.session.get_one(Country, next(iter(by.country_ids))).code
        rules.check_can_move(series, by, get_country(country).id if country else None)
        person = create_person(full_name=full_name, email=address, country_code=country, by=by, at=at, **profile)
    return enrol(series_id, person.id, by=by, at=at, source=EnrolmentSource.STAFF)


def _is_known(series_id: int, person_id: int, by: Actor) -> bool:
    """Whether an instructor sees this person's profile already, or has the address on the series' list."""
    return find_enrolment(series_id, person_id) is not None or bool(known_to([person_id], by))
