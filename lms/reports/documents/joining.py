"""The sections of a lecture's report about when people joined, left and joined again."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from lms.attendance.models.evidence import Source
from lms.core.text.i18n import _, _n, _p
from lms.core.time.durations import MINUTE_MS, percent
from lms.reports.documents.model import Column, Mark, Picture, Section, Table
from lms.reports.queries.lecture import LectureReport

STEPS = (1, 5, 15, 30)
"""The lower bounds of the groups for joining late and leaving early, in minutes."""


def joining_sections(report: LectureReport) -> tuple[Section, ...]:
    """Returns how many joined late, left early and joined again, a section each."""
    course = report.course
    late = _grouped(course.late, _("On time"), _("%(a)s to %(b)s minutes late"), _("%(a)s minutes late or more"))
    early = _grouped(
        course.early, _("Stayed to the end"), _("%(a)s to %(b)s minutes early"), _("%(a)s minutes early or more")
    )
    back = [(_("Never"), 0), (_("Once"), 1), (_("Twice"), 2)]
    rejoins = [(name, sum(one == times for one in course.rejoins)) for name, times in back]
    rejoins.append((_("Three times or more"), sum(one >= 3 for one in course.rejoins)))
    return (
        _distribution(report, "late", _("Join time"), _("People by the first minute they were present"), late),
        _distribution(report, "early", _("Leave time"), _("People by the last minute they were present"), early),
        _distribution(
            report,
            "rejoins",
            _("Rejoins"),
            _("How often people rejoined after losing the connection or leaving"),
            rejoins,
        ),
    )


def _untimed(report: LectureReport) -> list[tuple[str, int]]:
    """The number of people without a time of joining, so that the rows add up to all who joined."""
    watched = report.untimed.get(Source.REPLAY, 0)
    corrected = sum(report.untimed.values()) - watched
    rows = [(_("Watched the recording"), watched), (_("Added by a correction, without times"), corrected)]
    return [row for row in rows if row[1]]


def _grouped(waits: Iterable[int], none: str, between: str, above: str) -> list[tuple[str, int]]:
    """How many of these lengths fall into each group: under a minute, the steps between, and above the last."""
    counts = [0] * (len(STEPS) + 1)
    for ms in waits:
        counts[sum(ms >= step * MINUTE_MS for step in STEPS)] += 1
    names = [
        none,
        *(between % {"a": a, "b": b} for a, b in pairwise(STEPS)),
        above % {"a": STEPS[-1]},
    ]
    return list(zip(names, counts, strict=True))


def _distribution(report: LectureReport, anchor: str, title: str, text: str, timed: list[tuple[str, int]]) -> Section:
    rows = [*timed, *_untimed(report)]
    people = sum(count for _name, count in rows)
    cells: list[tuple[Any, ...]] = [(name, count, percent(count, people)) for name, count in rows]
    return Section(
        anchor=anchor,
        title=title,
        text=text,
        picture=Picture(
            "bars", tuple(Mark(name, count) for name, count in rows), _("%(what)s, as in the table.", what=title)
        ),
        table=Table(
            (Column(title, "text"), Column(_("People")), Column(_("Share"), "percent")),
            tuple(cells),
            foot=(_p("totals", "All"), people, percent(people, people)),
        )
        if people
        else None,
        note=_n(
            "%(num)s of them does not count as joined, because the attendance was corrected.",
            "%(num)s of them do not count as joined, because the attendance was corrected.",
            report.uncounted,
        )
        if report.uncounted
        else None,
        empty=_("No presence was recorded."),
    )
