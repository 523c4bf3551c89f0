"""Who may come into a series, who may move whom: pure decisions on loaded objects."""

from __future__ import annotations

from lms.catalogue.models import Admission, Series
from lms.catalogue.rules import may_edit_series
from lms.core.errors import Forbidden, Refused
from lms.core.i18n import _
from lms.core.roles import Actor
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus

ACTIVE = frozenset({EnrolmentStatus.APPLIED, EnrolmentStatus.WAITLISTED, EnrolmentStatus.ENROLLED})
"""States of somebody who wants to take part and was not refused."""

_BEST_FIRST = (
    EnrolmentStatus.ENROLLED,
    EnrolmentStatus.WAITLISTED,
    EnrolmentStatus.APPLIED,
    EnrolmentStatus.REJECTED,
    EnrolmentStatus.WITHDRAWN,
)


def best(rows: list[Enrolment]) -> Enrolment | None:
    """The row that speaks for one person: after a merge there may be several. Active before not, older first."""
    return min(rows, key=lambda row: (_BEST_FIRST.index(row.status), row.queued_at, row.id), default=None)


def is_staff_of(series: Series, by: Actor) -> bool:
    """Whether the actor may move everybody of this series: its instructors and administrators."""
    return may_edit_series(series, by)


def may_see_all(series: Series, by: Actor) -> bool:
    """Whether the actor may read everybody's place in this series."""
    return by.is_reporter or is_staff_of(series, by)


def speaks_for(by: Actor, country_id: int | None) -> bool:
    """Whether the actor is the focal point of this country."""
    return by.is_focal_point and country_id is not None and country_id in by.country_ids


def sees_shared_only(by: Actor) -> bool:
    """Whether the actor sees a person's profile only once it is shared with the staff of a series."""
    return not by.is_reporter


def shares_profile(by: Actor, country_id: int | None, *, own: bool) -> bool:
    """Whether enrolling somebody of `country_id` shares the profile with the staff of the series: by the person,
    by an administrator, or by the country's focal point, who all may name the person to them."""
    return own or by.is_administrator or speaks_for(by, country_id)


def may_move(series: Series, by: Actor, country_id: int | None) -> bool:
    """Whether the actor may enrol, admit or withdraw somebody else, who is of `country_id`."""
    return is_staff_of(series, by) or speaks_for(by, country_id)


def check_can_move(series: Series, by: Actor, country_id: int | None) -> None:
    """Raises Forbidden unless `may_move`."""
    if may_move(series, by, country_id):
        return
    if by.is_focal_point:
        raise Forbidden(_("A focal point enrols people of the own country only."))
    raise Forbidden(_("Only the series’ instructors, administrators and focal points enrol others."))


def check_can_enrol_oneself(series: Series, *, is_over: bool) -> None:
    """Raises Refused where nobody may come in by the own hand."""
    if series.admission is Admission.NOMINATION:
        raise Refused(_("Places in this series are given by nomination. Ask your country’s focal point."))
    if is_over:
        raise Refused(_("This series is over: all its lectures were held."))


def check_is_for_country(series: Series, country_id: int | None) -> None:
    """Raises Refused for a person of `country_id` where a series is for others; null is *not stated*."""
    allowed = {country.id for country in series.countries}
    if allowed and country_id is None:
        raise Refused(_("This series is for certain countries. State your country in your account first."))
    if allowed and country_id not in allowed:
        raise Refused(_("This series is for people of other countries."))


def wants_decision(series: Series, source: EnrolmentSource) -> bool:
    """Whether somebody who comes in this way first waits for a decision."""
    return source is EnrolmentSource.SELF and series.admission is Admission.APPLICATION


def check_can_come_back(status: EnrolmentStatus) -> None:
    """Raises Refused for one who was rejected and tries again by the own hand."""
    if status is EnrolmentStatus.REJECTED:
        raise Refused(_("Your application was not accepted. Write to the organiser if this should change."))


def check_can_withdraw(status: EnrolmentStatus) -> None:
    """Raises Refused where there is nothing to give up."""
    if status not in ACTIVE:
        raise Refused(_("There is no place to give up."))


def check_can_set(row: Enrolment, status: EnrolmentStatus) -> None:
    """Raises Refused for a change of state that nobody may make. The same state again is no change."""
    if status is EnrolmentStatus.APPLIED:
        raise Refused(_("An application is made by the person."))
    if status is EnrolmentStatus.WAITLISTED:
        raise Refused(_("The waiting list fills and empties by itself; set “enrolled” instead."))
    if status is EnrolmentStatus.REJECTED and row.status not in {EnrolmentStatus.APPLIED, EnrolmentStatus.WAITLISTED}:
        raise Refused(_("Only an application or somebody in the waiting list can be rejected."))
    if status is EnrolmentStatus.WITHDRAWN:
        check_can_withdraw(row.status)
    if status is EnrolmentStatus.ENROLLED and row.status is EnrolmentStatus.WAITLISTED:
        raise Refused(_("All places are taken. The waiting list moves up by itself when one is freed."))
