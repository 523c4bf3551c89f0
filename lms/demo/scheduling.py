"""Puts the series and lectures of the demonstration on the programme, and enrols people; what is being prepared."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle

from sqlalchemy import select

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.scheduling import copied_lectures, copy_series, iso_codes, repeated_dates, schedule_repeated
from lms.catalogue.actions.series import create_series
from lms.catalogue.actions.states import cancel_lecture, hold_lecture, postpone_lecture
from lms.catalogue.dates import (
    DateCheck,
    DateDecision,
    Every,
    Repeat,
    check_dates,
    copied_dates,
    days_from,
    first_after,
)
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesCopy, SeriesInput, slug_of, title_in_year
from lms.catalogue.models import Admission, CertificateKind, LectureState, Series, Visibility
from lms.catalogue.queries.series import get_series
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.demo.generate import KEEPS_SEATS, OWN, Demonstration, QuotaPlan
from lms.demo.mails import keep_as_sent
from lms.demo.programme import ORGANISER_ZONE, LecturePlan, SeriesPlan, lecture_input, read_json
from lms.demo.staff import actor_of
from lms.enrolment.actions.many import enrol_many, publish_enrolments
from lms.enrolment.actions.places import withdraw
from lms.enrolment.batch_actions import ENROLMENT_CHANGES, preview_batch
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus, SeatKind
from lms.enrolment.queries.series import list_seats
from lms.enrolment.quota_files import StagedQuotas
from lms.enrolment.quotas import release_lapsed, set_quotas
from lms.enrolment_questions.actions import answer, set_questions
from lms.enrolment_questions.queries import own_questions
from lms.people.people_files import StagedPeople
from lms.people.queries.countries import get_country
from lms.people.queries.persons import ids_by_email
from lms.people.rules import email_key

BEFORE_FIRST = timedelta(days=14)
"""How long before its first lecture a series' file of enrolments is taken."""
ANSWERED = 40
"""How many people have answered the questions at enrolment."""
TO_ANSWER = "fees-and-fairness"
"""The series with lectures whose staff are asked whether they were held."""
BROADCASTER = "lin"
"""The instructor whose next lecture has no meeting: it is given in the browser."""
COPIED = "paperless-trade"
REPEATED_IN = "fees-and-fairness"
WEEKS = 8
WITHDRAWN_FROM = "cooperative-finance"
WITHDRAWN = 4


def opened_at(plan: SeriesPlan, now: datetime) -> datetime:
    """When a series was put on the programme: well before its first lecture, and before now."""
    first = min((lecture.starts_at.astimezone(UTC) for lecture in plan.lectures), default=now)
    return min(first, now) - 2 * BEFORE_FIRST


@action
def schedule(
    demonstration: Demonstration, addresses: dict[str, str]
) -> tuple[dict[str, int], dict[tuple[str, int], int]]:
    """Returns the ids of the series, and of their lectures by number."""
    series_ids: dict[str, int] = {}
    lecture_ids: dict[tuple[str, int], int] = {}
    in_browser = _next_of(BROADCASTER, demonstration)
    for plan in demonstration.series:
        at = opened_at(plan, demonstration.now)
        series_ids[plan.slug] = create_series(_series_input(plan, demonstration, addresses), by=SYSTEM, at=at).id
        for lecture in plan.lectures:
            lecture_ids[plan.slug, lecture.number] = _schedule(
                plan, lecture, addresses, in_browser=lecture is in_browser, at=at
            )
    return series_ids, lecture_ids


def _next_of(instructor: str, demonstration: Demonstration) -> LecturePlan | None:
    """The next lecture of an instructor."""
    lectures = (lecture for plan in demonstration.series for lecture in plan.lectures)
    coming = [lecture for lecture in lectures if lecture.state == "scheduled" and instructor in lecture.instructors]
    return min(coming, key=lambda lecture: lecture.starts_at, default=None)


def _series_input(plan: SeriesPlan, demonstration: Demonstration, addresses: dict[str, str]) -> SeriesInput:
    days = [lecture.local_start.date() for lecture in plan.lectures if lecture.state not in ("postponed", "draft")]
    return SeriesInput(
        slug=plan.slug,
        title=plan.title,
        description=plan.description,
        language=plan.language,
        text_language=plan.text_language,
        translations=plan.translations,
        visibility=Visibility(plan.visibility),
        admission=Admission(plan.admission),
        starts_on=min(days, default=None),
        ends_on=max(days, default=None),
        capacity=demonstration.capacity(plan),
        instructors=tuple(addresses[key] for key in plan.instructors),
        policy=PolicyInput(
            min_lectures_percent=plan.min_lectures_percent,
            certificate=CertificateKind(plan.certificate) if plan.certificate else None,
            min_feedback=plan.min_feedback,
        ),
    )


def _schedule(
    plan: SeriesPlan, lecture: LecturePlan, addresses: dict[str, str], *, in_browser: bool, at: datetime
) -> int:
    past = lecture.state == "held"
    place = f"{plan.slug}/{lecture.number}"
    draft = LectureInput(
        title=lecture.title,
        abstract=lecture.abstract,
        starts_at=lecture.local_start,
        time_zone=lecture.time_zone,
        duration_minutes=lecture.minutes,
        language=lecture.language,
        text_language=lecture.text_language,
        translations=lecture.translations,
        interpretation=tuple(lecture.interpretation),
        instructors=tuple(addresses[key] for key in lecture.instructors),
        join_url=None if in_browser else f"https://meet.lectures.example/{place}",
        recording_url=f"https://recordings.lectures.example/{place}" if past else None,
        materials=({"title": "Slides (PDF)", "url": f"https://files.lectures.example/{place}.pdf"},) if past else (),
        state=LectureState.DRAFT if lecture.state == "draft" else LectureState.SCHEDULED,
    )
    made = schedule_lecture(plan.slug, draft, by=SYSTEM, at=at)
    lecture_id = made.id
    # Told to nobody: the enrolments come afterwards
    if lecture.state == "cancelled":
        cancel_lecture(lecture_id, reason=lecture.abstract, by=SYSTEM, at=at)
    elif lecture.state == "postponed":
        postpone_lecture(lecture_id, by=SYSTEM, at=at)
    return lecture_id


def leave_to_answer(now: datetime, addresses: dict[str, str]) -> None:
    """Two lectures that wait for their staff: one held for three minutes with nobody there, and one of yesterday of
    which nobody has said whether it was held. Their series is a draft, so that only staff see them."""
    rehearsal, yesterday = (
        (now - timedelta(days=days)).astimezone(ORGANISER_ZONE).replace(hour=10, minute=0, second=0, microsecond=0)
        for days in (3, 1)
    )
    lecturer = (addresses["kariuki"],)
    draft = lecture_input("rehearsal", starts_at=rehearsal.replace(tzinfo=None), instructors=lecturer)
    held = schedule_lecture(TO_ANSWER, draft, by=SYSTEM, at=rehearsal - timedelta(days=1))
    ended = rehearsal + timedelta(minutes=3)
    hold_lecture(held.id, started_at=rehearsal, ended_at=ended, by=SYSTEM, at=rehearsal + timedelta(hours=1))
    jobs.run_due(at=now)  # the count after its end
    unanswered = lecture_input("unanswered", starts_at=yesterday.replace(tzinfo=None), instructors=lecturer)
    schedule_lecture(TO_ANSWER, unanswered, by=SYSTEM, at=now)


def enrol(
    demonstration: Demonstration,
    series_ids: dict[str, int],
    addresses: dict[str, str],
    files: Iterator[StagedPeople],
    tell: Callable[[int, int], None],
) -> None:
    """Enrols people in all series by their files; `tell` hears how many there are so far, and in all."""
    plans = [plan for plan in demonstration.series if demonstration.enrolled(plan)]
    total = sum(len(demonstration.enrolled(plan)) for plan in plans)
    done = 0
    for plan, staged in zip(plans, files, strict=True):
        at = opened_at(plan, demonstration.now) + BEFORE_FIRST
        if plan.slug == KEEPS_SEATS:
            keep_seats(demonstration.quotas, at=at - timedelta(days=1))
        if plan.instructors and plan.slug != KEEPS_SEATS and all(one.state == "scheduled" for one in plan.lectures):
            by = actor_of(addresses[plan.instructors[0]], at)
            _enrol_by_staff(demonstration, plan, series_ids[plan.slug], by=by, at=at)
        publish_enrolments(series_ids[plan.slug], staged, skip_bad_rows=False, by=SYSTEM, at=at)
        done += len(demonstration.enrolled(plan))
        tell(done, total)


def _enrol_by_staff(demonstration: Demonstration, plan: SeriesPlan, series_id: int, *, by: Actor, at: datetime) -> None:
    """Every third person of a series that is still to come was enrolled by its instructor, and has not answered yet."""
    keys = [email_key(member.email) for member in demonstration.enrolled(plan)[::3]]
    known = ids_by_email(keys)
    people = [known[key] for key in keys if key in known]
    enrol_many(series_id, people, source=EnrolmentSource.STAFF, by=by, at=at)


def keep_seats(plan: QuotaPlan, *, at: datetime) -> None:
    """Keeps the seats, before anybody enrols."""
    set_quotas(KEEPS_SEATS, StagedQuotas(plan.rows, total=len(plan.rows)), by=SYSTEM, at=at)


def release_seats(series_id: int, plan: QuotaPlan, *, now: datetime) -> None:
    """Releases what has lapsed, and lets two people leave: one whose seat is of a quota, one whose seat is not."""
    own_country_id = get_country(OWN).id
    lapsed = [row.kept_until for row in plan.rows if row.kept_until <= now]
    if lapsed:  # few people leave no seats for it
        release_lapsed(at=min(lapsed))
    for kind in (SeatKind.QUOTA, SeatKind.BY_HAND):
        query = select(Enrolment.person_id).where(
            Enrolment.series_id == series_id,
            Enrolment.status == EnrolmentStatus.ENROLLED,
            Enrolment.seat_kind == kind,
            Enrolment.seat_country_id.is_distinct_from(own_country_id),
        )
        person_id = db.session.scalar(query.order_by(Enrolment.id.desc()))
        if person_id is not None:
            withdraw(series_id, person_id, by=SYSTEM, at=now - timedelta(days=2))
    keep_as_sent(now)


def prepare_next_year(plans: Iterable[SeriesPlan], address: str, *, now: datetime) -> None:
    """Copies a series of an earlier year, repeats a lecture on eight days, of which the third has a clash, and undoes a
    withdrawal of several people."""
    by = actor_of(address, now)
    _copy(get_series(COPIED, by=by), by=by, now=now)
    coming = [one for plan in plans for one in plan.lectures if _can_clash(one, now)]
    _withdraw_by_mistake(get_series(WITHDRAWN_FROM, by=by), by=by, now=now)
    if coming:
        _repeat(min(coming, key=lambda lecture: lecture.starts_at), address, by=by, now=now)


def _can_clash(lecture: LecturePlan, now: datetime) -> bool:
    """Whether a lecture is given by the same instructor, late enough for two weeks to come before it."""
    return (
        lecture.state == LectureState.SCHEDULED
        and "lin" in lecture.instructors
        and lecture.starts_at > now + timedelta(days=16)
    )


def _withdraw_by_mistake(series: Series, *, by: Actor, now: datetime) -> None:
    seats = list_seats(series, by=by, limit=WITHDRAWN - 1, status=EnrolmentStatus.ENROLLED)
    people = [seat.enrolment.public_id for seat in seats]
    if not people:
        return
    batch = preview_batch(series.id, people, status=EnrolmentStatus.WITHDRAWN, by=by, at=now).public_id
    ENROLMENT_CHANGES.confirm(series.id, batch, by=by, at=now)
    ENROLMENT_CHANGES.undo(series.id, batch, by=by, at=now)
    keep_as_sent(now)


def _copy(source: Series, *, by: Actor, now: datetime) -> None:
    lectures = copied_lectures(source, by=by)
    start = lectures[0].local_start
    assert start is not None
    first = first_after(start.date(), now.astimezone(ORGANISER_ZONE).date())
    title = title_in_year(source.title, start.year, first.year)
    copies = copied_dates(lectures, days_from(lectures, first), with_instructors=True)
    checks = check_dates(None, copies, countries=iso_codes(source), locale="en", by=by)
    copy = SeriesCopy(slug=slug_of(title), title=title, first=first, decisions=_decisions(checks))
    copy_series(source.slug, copy, by=by, at=now)


def _repeat(in_the_way: LecturePlan, address: str, *, by: Actor, now: datetime) -> None:
    series = get_series(REPEATED_IN, by=by)
    start = in_the_way.local_start - timedelta(days=14)
    draft = lecture_input("repeated", time_zone=in_the_way.time_zone, starts_at=start, instructors=(address,))
    assert by.person_id is not None
    dates = repeated_dates(draft, [by.person_id], Repeat(Every.WEEK, WEEKS))
    checks = check_dates(series, dates, countries=iso_codes(series), locale="en", by=by)
    schedule_repeated(REPEATED_IN, draft, Repeat(Every.WEEK, WEEKS), decisions=_decisions(checks), by=by, at=now)


def _decisions(checks: Iterable[DateCheck]) -> dict[str, str]:
    """Dates with a clash are left out, holidays kept."""
    return {
        check.key: DateDecision.SKIP if check.clashes or check.impossible else DateDecision.KEEP
        for check in checks
        if not check.is_free
    }


def ask_questions(*, now: datetime) -> None:
    """Asks the questions at enrolment in one series, which some of the enrolled have answered."""
    form = read_json("questions.json")
    series = get_series(form["series"], by=SYSTEM)
    set_questions(series.slug, form["questions"], by=SYSTEM, at=now - timedelta(days=60))
    query = select(Enrolment.person_id).where(
        Enrolment.series_id == series.id, Enrolment.status == EnrolmentStatus.ENROLLED
    )
    people = db.session.scalars(query.order_by(Enrolment.id).limit(ANSWERED)).all()
    for number, (person_id, answers) in enumerate(zip(people, cycle(form["answers"]), strict=False)):
        keys = {each.key for each in own_questions(series, person_id, at=now).questions}
        given = {key: value for key, value in answers.items() if key in keys}
        answer(series, given, by=Actor(person_id=person_id), at=now - timedelta(days=30, hours=-number))
