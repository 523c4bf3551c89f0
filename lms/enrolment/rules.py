"""Pure decisions on loaded objects: who can enrol, and who can change whose enrolment."""

from lms.catalogue.models import Admission, Series
from lms.catalogue.rules import may_edit_series
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus

ACTIVE = frozenset({EnrolmentStatus.APPLIED, EnrolmentStatus.WAITLISTED, EnrolmentStatus.ENROLLED})
"""States of somebody who wants to take part and was not refused."""

REJECTABLE = frozenset({EnrolmentStatus.APPLIED, EnrolmentStatus.WAITLISTED})
"""States of somebody who can be rejected."""

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


def is_enrolled(row: Enrolment | None) -> bool:
    """Whether somebody, whose row in a series this is, has a place in it now."""
    return row is not None and row.status is EnrolmentStatus.ENROLLED


def check_is_staff_of(series: Series, by: Actor) -> None:
    """Raises Forbidden unless the actor is staff of the series."""
    if not is_staff_of(series, by):
        raise Forbidden


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


def shares_profile(by: Actor, country_id: int | None, *, is_self: bool) -> bool:
    """Whether enrolling somebody of `country_id` shares the profile with the staff of the series: by the person,
    by an administrator, or by the country's focal point, who all may name the person to them."""
    return is_self or by.is_administrator or speaks_for(by, country_id)


def may_move(series: Series, by: Actor, country_id: int | None) -> bool:
    """Returns whether the actor can enrol, accept or withdraw another person, from `country_id`."""
    return is_staff_of(series, by) or speaks_for(by, country_id)


def check_can_move(series: Series, by: Actor, country_id: int | None) -> None:
    """Raises Forbidden unless `may_move`."""
    if may_move(series, by, country_id):
        return
    if by.is_focal_point:
        raise Forbidden(_("Focal points can only enrol people from their own country."))
    raise Forbidden(_("Only the instructors of the series, focal points and administrators can enrol other people."))


def check_can_enrol_oneself(series: Series, *, is_over: bool) -> None:
    """Raises Refused if people cannot enrol themselves."""
    if series.admission is Admission.NOMINATION:
        raise Refused(_("Enrolment in this series is by nomination. Ask your country’s focal point."))
    if is_over:
        raise Refused(_("This series is over. All its lectures have been held."))


def check_is_for_country(series: Series, country_id: int | None) -> None:
    """Raises Refused for a person of `country_id` where a series is for others; null is *not stated*."""
    allowed = {country.id for country in series.countries}
    if allowed and country_id is None:
        raise Refused(_("This series is open to certain countries only. Enter your country in your account first."))
    if allowed and country_id not in allowed:
        raise Refused(_("This series is not open to your country."))


def wants_decision(series: Series, source: EnrolmentSource) -> bool:
    """Returns whether an enrolment of this source needs a decision first."""
    return source is EnrolmentSource.SELF and series.admission is Admission.APPLICATION


def check_can_come_back(status: EnrolmentStatus) -> None:
    """Raises Refused if a rejected person tries to enrol again."""
    if status is EnrolmentStatus.REJECTED:
        raise Refused(_("Your application was not accepted. Contact the organiser if you have questions."))


def check_can_withdraw(status: EnrolmentStatus | None, *, is_over: bool = False) -> None:
    """Raises Refused where there is nothing to give up, or the series is over; `status` is null for no enrolment."""
    if status not in ACTIVE:
        raise Refused(_("You are not enrolled in this series."))
    check_is_not_over(is_over=is_over)


def check_is_not_over(*, is_over: bool) -> None:
    """Raises Refused for withdrawing from a series whose lectures were all held or cancelled."""
    if is_over:
        raise Refused(_("This series is over, so it is too late to withdraw. Attendance and certificates are kept."))


def check_can_set(row: Enrolment, status: EnrolmentStatus) -> None:
    """Raises Refused for a change of state that nobody may make. The same state again is no change."""
    if status is EnrolmentStatus.APPLIED:
        raise Refused(_("Only the person themselves can apply."))
    if status is EnrolmentStatus.WAITLISTED:
        raise Refused(
            _(
                "You cannot set this status: people join and leave the waiting list automatically. Set "
                "“enrolled” instead."
            )
        )
    if status is EnrolmentStatus.REJECTED and row.status not in REJECTABLE:
        raise Refused(_("Only people who have applied or are on the waiting list can be rejected."))
    if status is EnrolmentStatus.WITHDRAWN:
        check_can_withdraw(row.status)
    if status is EnrolmentStatus.ENROLLED and row.status is EnrolmentStatus.WAITLISTED:
        raise Refused(
            _("No places are free. When one becomes free, the next person on the waiting list gets it automatically.")
        )
