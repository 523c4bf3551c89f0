"""The dashboard of an instructor."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.queries.appeals import LectureAppeals, list_lectures_with_appeals
from lms.attendance.queries.closings import closed_among
from lms.attendance.queries.viewers import count_viewers
from lms.catalogue.models import Lecture, LectureState, Visibility
from lms.catalogue.queries.lectures import get_lecture
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed
from lms.core.time import clock
from lms.dashboards import rules
from lms.dashboards.queries.teaching import TaughtLecture, list_given, list_lectures_today, with_attendance
from lms.dashboards.queries.waiting import count_waiting, list_unmatched
from lms.dashboards.rules import LecturePart
from lms.dashboards.texts import translated
from lms.dashboards.views.blueprint import bp
from lms.dashboards.work import TodoRow, TodoStep, appeal_rows, drafts_row, oldest_first, unmatched_rows
from lms.materials.queries import count_files
from lms.web.forms.forms import whole
from lms.web.pages.time import moment, number
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

ROWS = 6
"""The number of lectures on a page of an instructor's own."""


@dataclass(frozen=True)
class TeachingDay:
    """An instructor's lectures at one moment, next first."""

    taught: Sequence[TaughtLecture]
    by: Actor
    at: datetime

    @cached_property
    def parts(self) -> Mapping[LecturePart, Sequence[TaughtLecture]]:
        """The lectures to come, the drafts and the past ones."""
        parts: dict[LecturePart, list[TaughtLecture]] = {part: [] for part in LecturePart}
        for row in self.taught:
            parts[rules.part_of(row.lecture, self.at)].append(row)
        return parts

    @cached_property
    def live(self) -> Sequence[TaughtLecture]:
        """The lectures that are live and given by the instructor."""
        return [row for row in self._live if row.is_given_by(self.by)]

    @cached_property
    def live_by_others(self) -> Sequence[TaughtLecture]:
        """The other live lectures of the instructor's series."""
        return [row for row in self._live if not row.is_given_by(self.by)]

    @cached_property
    def first(self) -> TaughtLecture | None:
        """The lecture that comes next, one given by the instructor before those of others."""
        coming = [row for row in self.parts[LecturePart.COMING] if row.lecture.state is LectureState.SCHEDULED]
        given = [row for row in coming if row.is_given_by(self.by)]
        return next(iter([*given, *coming]), None)

    @cached_property
    def _live(self) -> Sequence[TaughtLecture]:
        return [row for row in self.taught if row.lecture.state is LectureState.LIVE]

    @cached_property
    def overdue(self) -> set[int]:
        """The live lectures that should be over."""
        return {row.lecture.id for row in self._live if rules.is_overdue(row.lecture, self.at)}


@dataclass(frozen=True)
class Preparation:
    """The next lecture and what it still lacks."""

    lecture: Lecture
    files: int
    missing: Sequence[str]


@bp.get("/teach")
@allow(Role.INSTRUCTOR, Role.ADMINISTRATOR)
def teach() -> ResponseReturnValue:
    """Shows an instructor's lectures in one table, next first, what needs an answer, and whether the next is ready."""
    by, at = current_actor(), clock.now()
    assert by.person_id is not None
    taught, given = list_given(by.person_id, by=by)
    day = TeachingDay(sorted(taught, key=lambda row: rules.next_first(row.lecture, at)), by, at)
    appeals = list_lectures_with_appeals(by=by)
    others = list_lectures_today(by=by, at=at) if not taught and by.is_administrator else []
    return render_template(
        "dashboards/teach.html",
        day=day,
        preparation=_prepare(day),
        todo=_todo(day, appeals),
        live_by_others=[_live_row(row, day) for row in day.live_by_others],
        others=[_late_row(row) if rules.is_late(row.lecture, at) else _lecture_row(row) for row in others],
        given=given,
        viewers={row.lecture.id: count_viewers(row.lecture.id, at) for row in day.live},
        **_table(day, {row.lecture_id: row.count for row in appeals}),
    )


def _prepare(day: TeachingDay) -> Preparation | None:
    """Returns what the next lecture lacks, unless one is live."""
    if day.first is None or day.live:
        return None
    lecture = get_lecture(day.first.lecture.id, by=day.by)
    files = count_files([lecture.id]).get(lecture.id, 0)
    return Preparation(lecture, files, rules.what_is_missing(lecture, files))


def _table(day: TeachingDay, appeals: Mapping[int, int]) -> dict[str, object]:
    """Returns what the table of lectures shows: one page of one part of them."""
    shown = _shown_part()
    rows = day.taught if shown is None else day.parts[shown]
    page = ListRequest(page=_page(), size=ROWS).within(len(rows))
    on_page = with_attendance(rows[page.offset : page.offset + page.size], by=day.by)
    held = [row.lecture.id for row in on_page if row.lecture.state is LectureState.HELD]
    return {
        "shown": shown,
        "page": page,
        "rows": on_page,
        "total": len(rows),
        "closed": closed_among(held),
        "appeals": appeals,
        "late": {row.lecture.id for row in on_page if rules.is_late(row.lecture, day.at)},
    }


def _shown_part() -> LecturePart | None:
    try:
        return LecturePart(request.args.get("show", ""))
    except ValueError:
        return None


def _page() -> int:
    try:
        return max(1, whole(request.args.get("page", "1")))
    except ValueError:
        return 1


def _todo(day: TeachingDay, appeals: Sequence[LectureAppeals]) -> list[TodoRow]:
    """Returns what waits for an answer, oldest first."""
    unmatched = list_unmatched(by=day.by) if count_waiting(by=day.by).unmatched else []
    past, drafts = day.parts[LecturePart.PAST], day.parts[LecturePart.DRAFTS]
    return oldest_first(
        [
            *appeal_rows(appeals),
            *unmatched_rows(unmatched),
            *(_late_row(row) for row in past if rules.is_late(row.lecture, day.at)),
            *(_postponed_row(row) for row in drafts if row.lecture.state is LectureState.POSTPONED),
            *_draft_rows([row for row in drafts if row.lecture.state is LectureState.DRAFT]),
        ]
    )


def _late_row(row: TaughtLecture) -> TodoRow:
    """A lecture that nobody started, or of which nobody has said whether it was held."""
    lecture, lecture_id = row.lecture, row.lecture.id
    title, url = translated(lecture), url_for("dashboards.lecture", lecture_id=lecture_id)
    testid = f"todo-{lecture_id}"
    if lecture.held_unknown:
        answer = TodoStep(_("Was it held?"), url_for("catalogue.lecture_edit", lecture_id=lecture_id, _anchor="held"))
        return TodoRow(
            title, url, _("Hidden from the public until you answer."), [answer], since=lecture.starts_at, testid=testid
        )
    import_url = url_for("attendance_imports.import_file", lecture_id=lecture_id)
    return TodoRow(
        title,
        url,
        _("Not started"),
        [TodoStep(_("Start now"), url_for("catalogue.lecture_start", lecture_id=lecture_id), True, "start")],
        links=[
            TodoStep(_("It was held: import attendance"), import_url),
            TodoStep(_("Postpone or cancel"), url_for("dashboards.lecture", lecture_id=lecture_id, _anchor="staff")),
        ],
        since=lecture.starts_at,
        testid=testid,
    )


def _postponed_row(row: TaughtLecture) -> TodoRow:
    url = url_for("catalogue.lecture_edit", lecture_id=row.lecture.id)
    title = translated(row.lecture)
    return TodoRow(title, url, _("Postponed without a new date."), [TodoStep(_("Set a new time"), url)])


def _draft_rows(drafts: Sequence[TaughtLecture]) -> Iterable[TodoRow]:
    """A row for each public series with lectures that are not published."""
    public = {row.series.id: row.series for row in drafts if row.series.visibility is Visibility.PUBLIC}
    counts = Counter(row.series.id for row in drafts)
    for series in public.values():
        yield drafts_row(series.slug, translated(series), counts[series.id])


def _live_row(row: TaughtLecture, day: TeachingDay) -> TodoRow:
    """A live lecture of somebody else in the instructor's series."""
    lecture = row.lecture
    return TodoRow(
        translated(lecture),
        url_for("dashboards.lecture", lecture_id=lecture.id),
        _("It should be over") if lecture.id in day.overdue else _speakers(row),
        [_end(lecture.id)],
        links=[TodoStep(_("Who is there"), url_for("attendance.roster", lecture_id=lecture.id))],
        since=lecture.actual_start,
        testid=f"beside-{lecture.id}",
    )


def _lecture_row(row: TaughtLecture) -> TodoRow:
    """A lecture that is live or starts within a day, for administrators."""
    lecture = row.lecture
    is_live = lecture.state is LectureState.LIVE
    start = TodoStep(_("Start now"), url_for("catalogue.lecture_start", lecture_id=lecture.id), True, "start")
    return TodoRow(
        translated(lecture),
        url_for("dashboards.lecture", lecture_id=lecture.id),
        _("Live now") if is_live else moment(lecture.starts_at) if lecture.starts_at is not None else "",
        [_end(lecture.id) if is_live else start],
        why=number(row.series.enrolled),
        testid=f"lecture-{lecture.id}",
    )


def _end(lecture_id: int) -> TodoStep:
    """Where the end of a lecture is asked for, with numbers."""
    return TodoStep(_("End now"), url_for("dashboards.lecture", lecture_id=lecture_id, _anchor="staff"))


def _speakers(row: TaughtLecture) -> str:
    return listed(person.full_name for person in row.lecture.instructors)
