"""Reads of who earns a certificate of a series, who just misses it and by what, who is blocked, and what is required
now.

Pages, files and issuing read it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.sessions import sessions_among
from lms.attendance.rules import needed_ms
from lms.batches.models import NAMED
from lms.catalogue.models import CertificateKind, Lecture, LectureState, Policy, Series
from lms.catalogue.queries.lectures import stations_of
from lms.catalogue.queries.policies import current_policies
from lms.catalogue.rules import length_ms
from lms.certificates import eligibility, rules
from lms.certificates.queries import certificates, conditions
from lms.certificates.queries.earner_groups import EVERYONE, EarnerGroup, PeopleFilter, SeriesEarners
from lms.certificates.remaining import Others
from lms.core.base.errors import Forbidden
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed
from lms.core.time import durations
from lms.core.time.clock import reporting_zone
from lms.core.time.durations import short_by
from lms.enrolment.queries.sharing import hidden_among, names_as_seen
from lms.mail.kinds import MailKind
from lms.mail.outbox import declined_of
from lms.people.queries.persons import addresses_of, contact_of
from lms.recordings.replays import find_open_replays


@dataclass(frozen=True)
class Requirement:
    """Lectures to attend, minutes in all (0: none required), the percent of a lecture that counts as attended, how many
    knowledge checks have to be passed, and on how many lectures feedback has to be given.

    `announced`: the lectures to attend if drafts did not count; the public knows nothing of them.
    `is_open`: lectures are to come, or replays count. `is_settled`: all held lectures are counted, so that no number
    rises again when that is done.
    """

    lectures: int
    minutes: int
    percent: int
    checks: int
    feedback: int
    announced: int
    is_open: bool
    is_settled: bool


def requirements_of(series_ids: Collection[int], *, at: datetime) -> dict[int, Requirement]:
    """The requirement of each of these series that issues certificates and has lectures that count."""
    lectures = stations_of(series_ids, by=SYSTEM)
    sessions = sessions_among(lecture for rows in lectures.values() for lecture in rows)
    policies = current_policies(series_ids)
    replays = find_open_replays((lecture for rows in lectures.values() for lecture in rows), at=at)
    conditions_by_series = conditions.conditions_of(policies.values())
    requirements = {}
    for series_id, policy in policies.items():
        counted = eligibility.measured(lectures[series_id], sessions, policy.deadline, reporting_zone(), at=at)
        if policy.certificate is None or not counted:
            continue
        earning = eligibility.earning(counted, policy)
        public = [lecture for lecture in counted if lecture.state is not LectureState.DRAFT]
        required = conditions_by_series.get(series_id, conditions.SeriesConditions())
        requirements[series_id] = Requirement(
            lectures=earning.needed,
            minutes=earning.minutes,
            percent=policy.min_percent,
            checks=len(required.checks or ()),
            feedback=required.feedback.needed if required.feedback else 0,
            announced=eligibility.earning(public, policy).needed,
            is_open=earning.to_come > 0 or any(lecture.id in replays for lecture in counted),
            is_settled=not any(
                lecture.held_unknown or (lecture.state is LectureState.HELD and lecture.id not in sessions)
                for lecture in lectures[series_id]
            ),
        )
    return requirements


PAGE = 50
_CHUNK = 2000


@dataclass(frozen=True)
class Near:
    """The partly attended lecture that is closest to counting, and what it lacks in words."""

    title: str
    short_by: str


@dataclass(frozen=True)
class EarnerRow:
    """One person in a group. `lacks` is null where nothing is missing; `number` is of the certificate held."""

    person: str
    full_name: str
    native_name: str | None
    attended: int
    minutes: int
    stops: list[bool | None]
    hours: float
    lacks: eligibility.Missing | None = None
    near: Near | None = None
    reason: str | None = None
    number: str | None = None


@dataclass
class IssuePreview:
    """A preview of issuing now: how many are in each group, and one page of one of them, or of what a filter holds of
    it: `matching` people. `replays` of the lectures' replays still count for people who did not attend."""

    series: Series
    kind: CertificateKind
    policy: Policy
    requirement: eligibility.Earning
    lectures: list[Lecture]
    fault: str | None = None
    enrolled: int = 0
    counts: dict[EarnerGroup, int] = field(default_factory=dict)
    shown: EarnerGroup = EarnerGroup.EARNED
    page: int = 1
    rows: list[EarnerRow] = field(default_factory=list)
    size: int = PAGE
    matching: int = 0
    replays: int = 0

    @property
    def to_come(self) -> int:
        """Lectures that are not held yet and count as not attended."""
        return self.requirement.to_come

    @property
    def pages(self) -> int:
        """How many pages the group shown, or what the filter holds of it, has."""
        return max(1, -(-self.matching // self.size))


def preview(
    slug: str,
    *,
    by: Actor,
    shown: EarnerGroup | None = None,
    filters: PeopleFilter = EVERYONE,
    request: ListRequest | None = None,
    at: datetime | None = None,
) -> IssuePreview:
    """Returns what issuing for a series would do now, with a page of one group (default: the first that has anybody),
    or of what a filter holds of it, in the order that is asked for: by `name`, lectures (`attended`) or `minutes`.

    For administrators, reporters and the series' instructors, who see names only where they are shared, and no numbers.
    Raises Refused where the series gives no certificates.
    """
    view = SeriesEarners(slug, by=by, at=at)
    request = request or ListRequest(size=PAGE)
    result = IssuePreview(
        view.series, view.kind, view.policy, view.requirement, view.lectures, fault=view.fault, size=request.size
    )
    result.replays = len(view.replayed)
    result.enrolled, result.counts = view.counts()
    order = (EarnerGroup.EARNED, EarnerGroup.BLOCKED, EarnerGroup.MISSES, EarnerGroup.HAVE)
    result.shown = shown or next((group for group in order if result.counts[group]), EarnerGroup.EARNED)
    result.matching = result.counts[result.shown] if filters == EVERYONE else view.count(result.shown, filters)
    request = request.within(result.matching)
    result.page = request.page
    result.rows = _rows(view, result.shown, filters, request)
    return result


def _rows(view: SeriesEarners, group: EarnerGroup, filters: PeopleFilter, request: ListRequest) -> list[EarnerRow]:
    """A page of what a filter holds of a group."""
    records = view.records(group, filters, request)
    person_ids = [record.id for record in records]
    credits = certificates.credits_of([lecture.id for lecture in view.lectures], person_ids)
    others = conditions.remaining_of(view.conditions, person_ids, at=view.at)
    shows_numbers = group in (EarnerGroup.HAVE, EarnerGroup.UNEARNED) and view.by.is_reporter
    certificate_numbers = view.numbers_of(person_ids) if shows_numbers else {}
    hidden = hidden_among(view.series.id, person_ids, by=view.by)
    addresses = addresses_of(hidden)
    shows_lacks = group in (EarnerGroup.MISSES, EarnerGroup.REST, EarnerGroup.UNEARNED)
    rows = []
    for record in records:
        credits_of_person = credits.get(record.id, {})
        attended = {key for key, (outcome, _ms) in credits_of_person.items() if outcome is Outcome.ATTENDED}
        lacks = _lacks(view, group, record, others[record.id]) if shows_lacks else None
        rows.append(
            EarnerRow(
                record.public_id,
                *names_as_seen(record, hidden, addresses),
                record.attended,
                durations.whole_minutes(record.present_ms),
                stops=_stops(view.lectures, attended),
                hours=rules.hours([certificates.attended_ms(view.lectures, attended)]),
                lacks=lacks,
                near=_near(view, credits_of_person) if lacks and lacks.lectures == 1 else None,
                reason=view.reason(record) if group is EarnerGroup.BLOCKED and record.id not in hidden else None,
                number=certificate_numbers.get(record.id),
            )
        )
    return rows


def _lacks(view: SeriesEarners, group: EarnerGroup, record: Any, others: Others) -> eligibility.Missing:
    """Returns the missing part; of feedback only that it is all that is missing, so that nobody reads from it who gave
    some. Who holds the certificate is asked for nothing but attendance."""
    lacks = view.missing(record)
    if group is EarnerGroup.UNEARNED:
        return lacks
    is_rest = not (lacks.lectures or lacks.minutes or others.checks)
    checks = tuple(check.title for check in others.checks)
    return replace(lacks, checks=checks, feedback=is_rest and others.feedback is not None)


def _stops(lectures: Sequence[Lecture], attended: set[int]) -> list[bool | None]:
    return [
        True if lecture.id in attended else (False if lecture.state is LectureState.HELD else None)
        for lecture in lectures
    ]


def _near(view: SeriesEarners, credits_of_person: Mapping[int, tuple[Outcome, int]]) -> Near | None:
    """Of the lectures attended in part, the one that lacks the least."""
    lacking = []
    for lecture in view.lectures:
        outcome, present_ms = credits_of_person.get(lecture.id, (Outcome.ABSENT, 0))
        length = length_ms(lecture)
        if outcome is Outcome.PARTIAL and length:
            needed = needed_ms(length, view.thresholds.get(lecture.policy_id or 0, view.policy.min_percent))
            if present_ms < needed:
                lacking.append((needed - present_ms, lecture.title, short_by(present_ms, needed)))
    if not lacking:
        return None
    _missing_ms, title, words = min(lacking)
    return Near(title, words)


HEADINGS = (
    *("full_name", "native_name", "email", "attended", "needed", "minutes", "needed_minutes"),
    *("lectures_missing", "minutes_missing", "reason", "certificate", "checks_missing"),
    "feedback_missing",
)


def table(slug: str, shown: EarnerGroup, filters: PeopleFilter = EVERYONE, *, by: Actor) -> Iterator[Sequence[object]]:
    """A group, or what a filter holds of it, as the rows of a file (see `HEADINGS`). For administrators; raises
    Refused as `preview`."""
    if not by.is_administrator:
        raise Forbidden
    view = SeriesEarners(slug, by=by)
    request = ListRequest(size=_CHUNK)
    while records := view.records(shown, filters, request):
        addresses = addresses_of([record.id for record in records])
        held = (
            view.numbers_of([record.id for record in records])
            if shown in (EarnerGroup.HAVE, EarnerGroup.UNEARNED)
            else {}
        )
        others = conditions.remaining_of(view.conditions, [record.id for record in records], at=view.at)
        for record in records:
            lacks = _lacks(view, shown, record, others[record.id])
            yield (
                *(record.full_name, record.native_name or "", addresses.get(record.id, "")),
                *(
                    record.attended,
                    view.requirement.needed,
                    durations.whole_minutes(record.present_ms),
                    view.requirement.minutes,
                ),
                *(
                    lacks.lectures,
                    lacks.minutes,
                    view.reason(record) or "",
                    held.get(record.id, ""),
                    listed(lacks.checks),
                ),
                _("Yes") if lacks.feedback else "",
            )
        request = replace(request, page=request.page + 1)


def unconfirmed_earners(slug: str, *, by: Actor) -> tuple[Series, list[int]]:
    """The ids of people who have earned a certificate of the series, have none, and have not confirmed their name."""
    view = SeriesEarners(slug, by=by)
    return view.series, list(db.session.scalars(select(view.people.c.id).where(view.in_group(EarnerGroup.UNCONFIRMED))))


def count_earned(slug: str, *, by: Actor) -> int:
    """How many certificates issuing now would make. Raises Forbidden and Refused as `preview`."""
    return SeriesEarners(slug, by=by).count(EarnerGroup.EARNED, EVERYONE)


@dataclass(frozen=True)
class IssueCheck:
    """The effects of issuing, to be confirmed: `unconfirmed` of the people have not confirmed their name, `mails` get
    an e-mail. `names` are the first of them by name."""

    series: Series
    fault: str | None
    earned: int
    blocked: int
    unconfirmed: int
    mails: int
    names: list[tuple[str, str]]


def check_issue(slug: str, *, by: Actor) -> IssueCheck:
    """Returns what issuing for a series would do now, for administrators. Raises Forbidden, and Refused as
    `preview`."""
    rules.check_can_issue(by)
    view = SeriesEarners(slug, by=by)
    earned = view.in_group(EarnerGroup.EARNED)
    query = select(view.people.c.id, view.people.c.public_id, view.people.c.full_name, view.people.c.name_confirmed_at)
    people = db.session.execute(query.where(earned).order_by(view.people.c.sort_name, view.people.c.id)).all()
    addressed = {person_id for person_id, contact in contact_of([row.id for row in people]).items() if contact.address}
    declined = {
        person_id
        for _kind, person_id, _series in declined_of(
            (MailKind.CERTIFICATE, person_id, view.series.id) for person_id in addressed
        )
    }
    return IssueCheck(
        series=view.series,
        fault=view.fault,
        earned=len(people),
        blocked=view.count(EarnerGroup.BLOCKED, EVERYONE),
        unconfirmed=sum(row.name_confirmed_at is None for row in people),
        mails=len(addressed - declined),
        names=[(row.public_id, row.full_name) for row in people[:NAMED]],
    )


def ids_in_group(slug: str, group: EarnerGroup, *, by: Actor) -> Select[Any]:
    """The query of the ids of the people in a group. Raises Forbidden and Refused as `preview`."""
    view = SeriesEarners(slug, by=by)
    return select(view.people.c.id).where(view.in_group(group))
