"""One person as an administrator helps them: what they are in, what is missing, what they were sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.persons import PersonAttendance
from lms.catalogue.models import Series
from lms.catalogue.queries.series import SeriesFilter, list_series
from lms.certificates.queries.certificates import ShownCertificate, list_of_person
from lms.core.base.roles import Actor
from lms.dashboards.queries.own import OwnSeries, list_own_series
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.rows import day_of
from lms.nominations.models import Nomination
from lms.nominations.queries.of_country import nominations_of_person
from lms.people.models import Account, Country, RoleGrant, SignInSession
from lms.people.queries.access import Act, account_of, list_acts, list_grants
from lms.people.queries.duplicates import Merge, count_duplicates, list_merges
from lms.people.queries.mails import PersonMails, mails_of, stopped_address_of
from lms.people.queries.persons import Profile, profile_of
from lms.people.queries.sessions import list_sign_ins

CHOICES = 100
ACTS = 5


@dataclass(frozen=True)
class NearLecture:
    """The lecture that lacks the fewest minutes to be attended."""

    lecture_id: int
    title: str
    short_by: str


@dataclass(frozen=True)
class SeriesOfPerson:
    """A series of theirs; `certificate` is the latest one of it, `near` the lecture where least is missing."""

    own_series: OwnSeries
    certificate: ShownCertificate | None
    near: NearLecture | None

    @property
    def has_certificates(self) -> bool:
        """Whether the series issues certificates, or issued one to this person."""
        return self.certificate is not None or self.own_series.policy.certificate is not None

    @property
    def is_current(self) -> bool:
        """Whether it is unfinished, or its certificate is still to be issued."""
        earned = self.own_series.standing is not None and self.own_series.standing.is_reached
        return not self.own_series.is_over or (earned and self.certificate is None)


@dataclass(frozen=True)
class PersonDashboard:
    """All that the page shows. `choices`: the series that they can be enrolled in; `possible`: possible duplicates."""

    profile: Profile
    account: Account | None
    grants: Sequence[tuple[RoleGrant, Country | None]]
    series: Sequence[SeriesOfPerson]
    attendance: Sequence[PersonAttendance]
    nominations: Sequence[Nomination]
    certificates: Sequence[ShownCertificate]
    mails: PersonMails
    stopped_address: str | None
    sign_ins: Sequence[SignInSession]
    acts: Sequence[Act]
    choices: Sequence[Series]
    possible: int
    merges: Sequence[Merge]

    @property
    def answers(self) -> list[SeriesOfPerson]:
        """The series that the first sentences are about: the first, and one more that is current. If they issue no
        certificates, also the first other one that does.
        """
        first = [row for place, row in enumerate(self.series[:2]) if place == 0 or row.is_current]
        if any(row.has_certificates for row in first):
            return first
        return first + [row for row in self.series if row.has_certificates][:1]

    @property
    def attended(self) -> int:
        """How many lectures count as attended."""
        return sum(one.outcome is Outcome.ATTENDED for one in self.attendance)


def get_person_dashboard(public_id: str, *, by: Actor, at: datetime) -> PersonDashboard:
    """A person with all that concerns them. For administrators, else NotFound."""
    profile = profile_of(public_id, day=day_of(at), by=by)
    person_id = profile.person.id
    certificates = list_of_person(person_id, by=by)
    latest: dict[str, ShownCertificate] = {}
    for certificate in certificates:
        latest.setdefault(certificate.series_slug, certificate)
    own_series = list_own_series(person_id, by=by, at=at)
    series_list = [SeriesOfPerson(one, latest.get(one.series.slug), _near(one)) for one in own_series]
    joined = {one.series.id for one in own_series if one.enrolment.status in _IN}
    listed = list_series(SeriesFilter(open=True, limit=CHOICES), by=by)
    return PersonDashboard(
        profile=profile,
        account=account_of(person_id, by=by),
        grants=[(grant, country) for grant, country in list_grants(person_id, by=by) if grant.revoked_at is None],
        series=sorted(series_list, key=lambda item: not item.is_current),
        attendance=sorted(
            (one for given in own_series for one in given.attendance.values()),
            key=lambda attendance: attendance.start_ms,
            reverse=True,
        ),
        nominations=nominations_of_person(person_id),
        certificates=certificates,
        mails=mails_of(person_id, by=by),
        stopped_address=stopped_address_of(person_id),
        sign_ins=list_sign_ins(person_id, by=by),
        acts=list_acts(person_id, by=by, limit=ACTS),
        choices=[one for one in listed if one.id not in joined],
        possible=count_duplicates(person_id, day=day_of(at), by=by),
        merges=list_merges(person_id, by=by),
    )


_IN = (EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED, EnrolmentStatus.APPLIED)


def _near(own_series: OwnSeries) -> NearLecture | None:
    """The lecture attended in part that lacks the least, while the certificate is not earned."""
    if own_series.standing is None or own_series.standing.is_reached:
        return None
    partial = [one for one in own_series.attendance.values() if one.outcome is Outcome.PARTIAL and one.short_ms]
    nearest = min(partial, key=lambda attendance: (attendance.short_ms, attendance.title), default=None)
    return None if nearest is None else NearLecture(nearest.lecture_id, nearest.title, nearest.short_by)
