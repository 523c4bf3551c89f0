"""Pages for everybody: home, a series, a lecture. People who are signed in see their place on them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.appeals import own_appeals
from lms.attendance.queries.closings import view_of
from lms.attendance.queries.history import own_history
from lms.attendance.queries.persons import PersonAttendance, attendance_of_person
from lms.attendance.queries.sessions import needs_confirmation, sessions_among
from lms.catalogue.calendar import add_links, publisher, subscribe_links
from lms.catalogue.models import Lecture, LectureState, Policy, Series, Visibility
from lms.catalogue.queries.lectures import (
    add_drafts,
    get_lecture,
    list_lectures,
    list_upcoming,
    name_givers,
    stations_of,
)
from lms.catalogue.queries.policies import current_policy, policy_for
from lms.catalogue.queries.series import SeriesFilter, get_series, list_cards
from lms.catalogue.rules import Station, may_edit_series, not_cancelled, room_is_open
from lms.catalogue.series_hours import audience_of, rotation_of
from lms.certificates.queries.conditions import others_of
from lms.certificates.queries.progress import find_prospects
from lms.certificates.remaining import Others, Standing, standing
from lms.certificates.rules import may_see_earners
from lms.checks.queries.checks import own_published
from lms.core.base.roles import Actor, Role
from lms.core.text.translations import languages_of
from lms.core.time import clock
from lms.dashboards import cards, rules, structured
from lms.dashboards.queries.waiting import find_next_to_earn
from lms.dashboards.route import mini_stops, stops
from lms.dashboards.texts import translation
from lms.dashboards.views.blueprint import bp
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.rows import day_of, find_enrolment
from lms.enrolment.queries.series import OwnPlace, place_of
from lms.enrolment.rules import is_enrolled
from lms.enrolment_questions.queries import list_open
from lms.feedback.queries import own_state
from lms.live.queries import list_reaches
from lms.materials.queries import list_files
from lms.people.queries.countries import Notice, notice_of
from lms.recordings.replays import find_replays
from lms.reports.queries.public import public_headline
from lms.speakers.queries import list_speakers
from lms.streaming.queries import find_recordings
from lms.web.api.discovery import is_found
from lms.web.pages.locale import reader_locale
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor

NEXT, CARDS = 5, 4


@bp.get("/")
@allow(ANYONE, indexed=True)
@same_for_strangers
def home() -> ResponseReturnValue:
    """Shows the home page: live and next lectures, open series, and the programme in figures."""
    by, at = current_actor(), clock.now()
    cards, total = list_cards(SeriesFilter(open=True, limit=CARDS), by=by)
    return render_template(
        "dashboards/home.html",
        headline=public_headline(at=at, locale=reader_locale()),
        upcoming=list_upcoming(by=by, at=at, limit=NEXT),
        cards=[(card, mini_stops(card.lectures, at=at, attendances=None)) for card in cards],
        total=total,
    )


@bp.get("/series/<slug>")
@allow(ANYONE, indexed=True)
@same_for_strangers
def series(slug: str) -> ResponseReturnValue:
    """Shows a series: its lectures, its requirements, its certificate, and the reader's enrolment."""
    by, at = current_actor(), clock.now()
    shown = get_series(slug, by=by)
    lectures = stations_of([shown.id], by=by)[shown.id]
    name_givers(lectures)
    policy = current_policy(shown.id)
    place = place_of(shown, by=by, at=at)
    is_in = place.status == EnrolmentStatus.ENROLLED
    attendances = _attendances_in_series(shown, place, by=by)
    may_enrol = not place.is_active and place.refusal is None
    stands = None
    if attendances is not None or may_enrol:
        stands = _standing(shown, lectures, policy, attendances or {}, person_id=by.person_id, is_in=is_in, at=at)
    may_edit = may_edit_series(shown, by)
    states = Counter(lecture.state for lecture in lectures)

    def box(lecture: Station) -> Markup:
        return _live_box(lecture, policy, is_in=is_in, may_edit=may_edit, by=by, at=at)

    return render_template(
        "dashboards/series.html",
        series=shown,
        lectures=lectures,
        policy=policy,
        place=place,
        notice=_notice_for(by, at=at),
        stops=stops(
            lectures,
            at=at,
            attendances=attendances,
            box=box,
            recorded=find_recordings([row.id for row in lectures if may_edit or is_in]),
        ),
        standing=stands if attendances is not None else None,
        newcomer=stands if attendances is None else None,
        to_earn_in=find_next_to_earn(shown, by=by, at=at) if stands is not None and not stands.can_be_earned else None,
        **_asked_of_reader(shown, place, by=by, at=at),
        feedback=_own_feedback(shown, attendances, by=by, at=at),
        may_edit=may_edit,
        leads_to_room=(may_edit or is_in) and LectureState.LIVE in states,
        drafts=states[LectureState.DRAFT],
        count=len(not_cancelled(lectures)),
        rotation=rotation_of(audience_of(shown, by=by, at=at), list_lectures(shown.id, by=by)) if may_edit else None,
        may_see_enrolments=_may_see_enrolments(shown, by=by),
        may_see_certificates=may_see_earners(shown, by) and policy.certificate is not None,
        picture=_picture_of_series(shown, lectures),
        described_in=languages_of(shown),
        interpretation=sorted({code for lecture in lectures for code in lecture.interpretation}),
        **_feed_of(shown, lectures),
    )


def _asked_of_reader(shown: Series, place: OwnPlace, *, by: Actor, at: datetime) -> dict[str, Any]:
    """The knowledge checks for the reader who is enrolled, and the questions at enrolment that are open."""
    if by.person_id is None:
        return {"checks": [], "questions": []}
    is_in = place.status == EnrolmentStatus.ENROLLED
    return {
        "checks": own_published(shown.id, by.person_id, at=at) if is_in else [],
        "questions": list_open(by.person_id, [shown], at=at) if place.is_active else [],
    }


def _own_feedback(
    shown: Series, attendances: Mapping[int, PersonAttendance] | None, *, by: Actor, at: datetime
) -> str | None:
    """Whether the reader, who attended a lecture of a series, can give feedback on it now: as `own_state`."""
    attended = any(one.outcome is Outcome.ATTENDED for one in (attendances or {}).values())
    return own_state(shown, by.person_id or 0, at) if attended else None


def _may_see_enrolments(shown: Series, *, by: Actor) -> bool:
    """Whether the reader can open the list of enrolments of a series."""
    return may_edit_series(shown, by) or by.is_reporter or by.is_focal_point


def _feed_of(shown: Series, lectures: Sequence[Station]) -> dict[str, Any]:
    """The calendar of a public series to subscribe to, and the links of calendar programs."""
    feed = publisher().base_url + url_for("enrolment.series_calendar", slug=shown.slug)
    is_offered = shown.visibility is Visibility.PUBLIC and lectures
    return {"feed": feed if is_offered else None, "feed_links": subscribe_links(feed, translation(shown).text)}


def _notice_for(by: Actor, *, at: datetime) -> Notice | None:
    """Returns what the reader's country says to its people."""
    return notice_of(by.person_id, day_of(at), reader_locale()) if by.person_id is not None else None


def _standing(
    shown: Series,
    lectures: Sequence[Station],
    policy: Policy,
    attendances: Mapping[int, PersonAttendance],
    *,
    person_id: int | None,
    is_in: bool,
    at: datetime,
) -> Standing | None:
    """How far the reader is with the certificate of a series, or would be after enrolling."""
    return standing(
        add_drafts({shown.id: list(lectures)})[shown.id],
        attendances.values(),
        policy,
        sessions=sessions_among(lectures),
        prospects=find_prospects(lectures, [policy], person_id=person_id, at=at),
        zone=clock.reporting_zone(),
        at=at,
        is_in=is_in,
    )


def _picture_of_series(shown: Series, lectures: Sequence[Station]) -> str | None:
    """The address of the picture that other sites show beside a link; null for an installation that is not listed."""
    if not is_found():
        return None
    return cards.address_of_card("dashboards.series_picture", cards.series_card(shown, lectures), slug=shown.slug)


def _attendances_in_series(shown: Series, place: OwnPlace, *, by: Actor) -> dict[int, PersonAttendance] | None:
    """The reader's attendance by lecture; None for somebody who is not enrolled and has attended nothing."""
    if by.person_id is None or place.status is None:
        return None
    attendances = attendance_of_person(by.person_id, by=by, series_id=shown.id)
    if not attendances and place.status != EnrolmentStatus.ENROLLED:
        return None
    return {attendance.lecture_id: attendance for attendance in attendances}


def _live_box(lecture: Station, policy: Policy, *, is_in: bool, may_edit: bool, by: Actor, at: datetime) -> Markup:
    """Returns what the route of a series shows at a lecture that is live."""
    box = render_template(
        "dashboards/_live.html",
        lecture=lecture,
        needed=rules.needed_minutes(lecture.duration_minutes, policy.min_percent),
        may_join=may_edit or is_in,
        reach=list_reaches([(lecture, policy.min_percent)], by=by, at=at).get(lecture.id) if is_in else None,
    )
    return Markup(box)  # noqa: S704 - escaped by the template


@bp.get("/lectures/<int:lecture_id>")
@allow(ANYONE, indexed=True)
@same_for_strangers
def lecture(lecture_id: int) -> ResponseReturnValue:
    """Shows a lecture: its time for the reader, description, lecturers, and the reader's attendance."""
    by, at = current_actor(), clock.now()
    shown = get_lecture(lecture_id, by=by)
    all_of_series = stations_of([shown.series_id], by=by)[shown.series_id]
    order = [one.id for one in not_cancelled(all_of_series)]
    policy, is_live = policy_for(shown), shown.state is LectureState.LIVE
    enrolment = find_enrolment(shown.series_id, by.person_id) if by.person_id is not None else None
    enrolled = is_enrolled(enrolment)
    may_edit = may_edit_series(shown.series, by)
    attendance = _own_attendance(shown, by)
    file_list = list_files(shown, enrolled=enrolled, by=by)
    return render_template(
        "dashboards/lecture.html",
        lecture=shown,
        series=shown.series,
        policy=policy,
        position=order.index(shown.id) + 1 if shown.id in order else None,
        count=len(order),
        attendance=attendance,
        feedback=own_state(shown, by.person_id or 0, at) if attendance is not None else None,
        others=others_of(shown.series_id, by.person_id, at=at) if enrolled and by.person_id is not None else Others(),
        from_ms=clock.from_ms,
        appeals=own_appeals(shown, by=by, at=at) if attendance is not None else None,
        history=own_history(shown, by=by) if attendance is not None and "steps" in request.args else [],
        is_enrolled=enrolled,
        calendar_links=add_links(shown, publisher()),
        files=file_list,
        replay=find_replays([shown.id]).get(shown.id) if enrolled or may_edit else None,
        speakers=list_speakers(shown.id),
        needed=rules.needed_minutes(shown.duration_minutes, policy.min_percent),
        reach=list_reaches([(shown, policy.min_percent)], by=by, at=at).get(shown.id) if enrolled and is_live else None,
        room_is_open=room_is_open(shown, at),
        may_join=enrolled or may_edit,
        may_edit=may_edit,
        may_see_roster=may_edit or by.has(Role.REPORTER),
        is_closed=may_edit and shown.state is LectureState.HELD and view_of(shown.id) is not None,
        needs_confirmation=needs_confirmation(shown, by=by),
        is_overdue=rules.is_overdue(shown, at),
        is_late=rules.is_late(shown, at),
        structured=structured.lecture(shown) if is_found() else None,
        picture=_picture_of_lecture(shown, all_of_series),
    )


def _picture_of_lecture(shown: Lecture, lectures: Sequence[Station]) -> str | None:
    """As `_picture_of_series`, of a lecture among those of its series."""
    if not is_found():
        return None
    card = cards.lecture_card(shown, lectures)
    return cards.address_of_card("dashboards.lecture_picture", card, lecture_id=shown.id)


def _own_attendance(shown: Lecture, by: Actor) -> object | None:
    if by.person_id is None or shown.state is not LectureState.HELD:
        return None
    return next(iter(attendance_of_person(by.person_id, by=by, lecture_id=shown.id)), None)
