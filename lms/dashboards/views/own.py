"""Dashboards of a person: tasks and progress of a trainee, an instructor and a focal point."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.appeals import appeal_states_of
from lms.attendance.queries.persons import PersonAttendance
from lms.catalogue.models import LectureState
from lms.catalogue.queries.lectures import list_upcoming, name_givers
from lms.catalogue.rules import room_is_open
from lms.certificates.queries.behind import Behind, BehindPage, list_behind_by_series
from lms.certificates.queries.certificates import list_of_person
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _l
from lms.core.time import clock
from lms.dashboards import rules
from lms.dashboards.queries.own import OwnSeries, list_own_series
from lms.dashboards.queries.to_do import own_to_do
from lms.dashboards.route import mini_stops
from lms.dashboards.views.blueprint import bp
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment_questions.queries import list_open
from lms.live.queries import list_reaches
from lms.people.queries.countries import own_countries, own_country
from lms.people.queries.mails import stopped_address_of
from lms.people.queries.persons import name_to_confirm
from lms.web.lists.parts import Choice, Column, FileColumn, Select
from lms.web.lists.routes import list_files, list_page
from lms.web.lists.view import ListView
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

NEXT = 5
APPEALS = 3
DRAFTS = 2
LAST = 3
"""The number of drafts, and of held lectures, on the page of an instructor; a link shows all."""
SOME, LATEST = 2, 3
"""The number of people falling behind, and of nominations, on the page of a focal point."""
_IN = (EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED, EnrolmentStatus.APPLIED)


@bp.get("/me")
@allow(SIGNED_IN)
def me() -> ResponseReturnValue:
    """Shows the reader's own lectures, progress in each series, attendance and certificates."""
    by, at = current_actor(), clock.now()
    assert by.person_id is not None
    joined = _joined(by.person_id, by=by, at=at)
    lectures = [lecture for own in joined if own.is_in for lecture in own.lectures]
    live = [lecture for lecture in lectures if lecture.state is LectureState.LIVE]
    upcoming = rules.upcoming_lectures(lectures, at)[:NEXT]
    name_givers(upcoming)
    percents = {row.series.id: row.policy.min_percent for row in joined}
    attendance = _latest_first(joined)
    return render_template(
        "dashboards/me.html",
        name_to_confirm=name_to_confirm(by.person_id),
        stopped_address=stopped_address_of(by.person_id),
        to_do=own_to_do(by.person_id, joined, at=at),
        series=[(row, _stops(row, at)) for row in joined],
        live=live,
        upcoming=upcoming,
        needed={
            lecture.id: rules.needed_minutes(lecture.duration_minutes, percents[lecture.series_id])
            for lecture in [*live, *upcoming[:1]]
        },
        reach=list_reaches([(lecture, percents[lecture.series_id]) for lecture in live], by=by, at=at),
        room_is_open={lecture.id for lecture in upcoming[:1] if room_is_open(lecture, at)},
        attendance=[(row, clock.from_ms(row.start_ms)) for row in attendance],
        appeals=appeal_states_of(by=by) if attendance else {},
        attended=sum(row.outcome is Outcome.ATTENDED for row in attendance),
        certificates=list_of_person(by.person_id, by=by),
        questions=list_open(by.person_id, [row.series for row in joined if row.enrolment.status in _IN], at=at),
        suggested=[] if joined else list_upcoming(by=by, at=at, limit=3),
    )


def _joined(person_id: int, *, by: Actor, at: datetime) -> list[OwnSeries]:
    """The series in which somebody has a place, or has attended something."""
    own_series = list_own_series(person_id, by=by, at=at)
    return [own for own in own_series if own.enrolment.status in _IN or own.attendance]


def _latest_first(joined: Sequence[OwnSeries]) -> list[PersonAttendance]:
    """The attendance in all these series, the latest first."""
    credits = [row for series in joined for row in series.attendance.values()]
    return sorted(credits, key=lambda row: row.start_ms, reverse=True)


def _stops(row: OwnSeries, at: datetime) -> list[Any]:
    """The stops of a series, with what the person attended unless there is neither a place nor attendance."""
    return mini_stops(row.lectures, at=at, attendances=row.attendance if row.is_in or row.attendance else None)


@list_files(bp, "/country/behind", Role.FOCAL_POINT)
@list_page(bp, "/country/behind", Role.FOCAL_POINT)
class FallingBehind(ListView[Behind]):
    """Lists the people of a country who are falling behind and can still earn their certificate."""

    endpoint, template, title = "dashboards.behind", "dashboards/behind.html", _l("Who is falling behind")
    anchor, testid = "people", "behind"
    filters = {"series": None}
    columns = (
        Column("person", _l("Person")),
        Column("series", _l("Series"), place="under"),
        Column("attended", _l("Attended"), place="wide"),
        Column("missing", _l("Still needed"), place="state"),
    )
    file_columns = (
        FileColumn("full_name"),
        FileColumn("native_name"),
        FileColumn("organisation"),
        FileColumn("series", "title"),
        FileColumn("attended"),
        FileColumn("needed"),
        FileColumn("missing"),
        FileColumn("lectures_to_come", "to_come"),
        FileColumn("replays", type=int),
    )

    def __init__(self) -> None:
        super().__init__()
        self.country = own_country(own_countries(self.by), request.args.get("country"))
        self.carried = {"country": self.country.code}
        self.file_name = f"behind-{self.country.code.lower()}"

    def _read(self, request: ListRequest, *, counts: bool) -> BehindPage:
        series = request.filters.get("series")
        return list_behind_by_series(
            self.country.id, request, by=self.by, at=self.at, series=series, q=request.q, counts=counts
        )

    def query(self, request: ListRequest) -> tuple[Sequence[Behind], int]:
        self.behind = self._read(request, counts=True)
        return self.behind.rows, self.behind.total

    def file_query(self, request: ListRequest) -> Iterable[Behind]:
        return self._read(request, counts=False).rows

    def file_words(self) -> list[str]:
        return []

    def selects(self) -> list[Select]:
        choices = [Choice(slug, title, number) for slug, (title, number) in self.behind.by_series.items()]
        return [Select("series", _("Series"), choices)]

    def context(self) -> dict[str, Any]:
        return {"country": self.country, "matching": self.behind.matching}
