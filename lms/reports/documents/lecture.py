"""A lecture's report as a read-out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from lms.attendance.models.evidence import Source
from lms.core.i18n import _, _n
from lms.core.measures import MINUTE_MS, nearest_whole, percent, tenth_minutes, whole_minutes
from lms.reports.documents.model import Column, Figure, Mark, Picture, ReadOut, Section, Table
from lms.reports.documents.wording import figure_column
from lms.reports.queries.labels import label
from lms.reports.queries.lecture import LectureReport
from lms.web.locale import reader_locale
from lms.web.time import number, organiser_zone, short_day, time_of_day, zone_city

AXIS = 6
"""The number of time labels under the curve."""
ON_PAPER = 5
"""On paper the table of minutes has each fifth."""
MOST_COUNTRIES = 12
STEPS = (1, 5, 15, 30)
"""The lower bounds of the groups for joining late and leaving early, in minutes."""


def read_out(report: LectureReport, *, dossier_url: Callable[[str], str | None]) -> ReadOut:
    """The report as sections. `dossier_url` gives the link to a country's dossier, if the reader can see it."""
    lecture = report.lecture
    sections = (_funnel(report), _curve(report), _countries(report, dossier_url), _sources(report), *_comings(report))
    filters = [(_("Lecture"), lecture.title), (_("Series"), lecture.series.title)]
    if report.only:
        filters.append((_("Country"), ", ".join(report.only)))
    return ReadOut(
        name=f"lecture-{lecture.id}",
        over=_("Lecture report"),
        title=lecture.title,
        lede=_lede(report),
        as_at=report.as_at,
        figures=_figures(report),
        sections=sections,
        filters=tuple(filters),
        footnotes=(_("People are counted under their country on the day of the lecture."),),
    )


def _length(report: LectureReport) -> int:
    lecture = report.lecture
    assert lecture.actual_start is not None
    assert lecture.actual_end is not None
    return (lecture.actual_end - lecture.actual_start) // timedelta(milliseconds=1)


def _lede(report: LectureReport) -> str:
    lecture, zone = report.lecture, organiser_zone()
    assert lecture.actual_start is not None
    assert lecture.actual_end is not None
    held = _(
        "Held on %(day)s, %(start)s to %(end)s (%(city)s time): %(n)s minutes.",
        day=short_day(lecture.actual_start, zone),
        start=time_of_day(lecture.actual_start, zone),
        end=time_of_day(lecture.actual_end, zone),
        city=zone_city(zone),
        n=number(whole_minutes(_length(report))),
    )
    only = [_("Only people from %(country)s.", country=", ".join(report.only))] if report.only else []
    return " ".join([_("Series: %(series)s.", series=lecture.series.title), held, *only])


def _figures(report: LectureReport) -> tuple[Figure, ...]:
    course = report.course
    average = nearest_whole(course.present_ms / _length(report)) if _length(report) else 0
    stay = tenth_minutes(course.present_ms // course.people) if course.people else 0
    return (
        Figure("registered", _("registered"), report.registered, _("on the roster")),
        Figure("came", _("joined"), report.came, _part(report.came, report.registered)),
        Figure(
            "attended", _("attended"), report.attended, _part(report.attended, report.came), definition="attendances"
        ),
        Figure(
            "certified", _("certified"), report.certified, _("of those counted as attended"), definition="certificates"
        ),
        Figure("highest", _("most at once"), course.highest, _moment(report) if course.highest else None),
        Figure("average", _("on average"), average, _("%(n)s minutes per person", n=number(stay))),
    )


def _part(part: int, whole: int) -> str | None:
    rate = percent(part, whole)
    return None if rate is None else _("%(n)s %% of the previous step", n=number(rate))


def _moment(report: LectureReport) -> str:
    assert report.lecture.actual_start is not None
    at = report.lecture.actual_start + timedelta(milliseconds=report.course.highest_ms)
    return _("at %(clock)s, minute %(n)s", clock=time_of_day(at, organiser_zone()),
             n=whole_minutes(report.course.highest_ms))  # fmt: skip


def _funnel(report: LectureReport) -> Section:
    steps = [
        (_("Registered"), report.registered),
        (_("Joined"), report.came),
        (_("Attended"), report.attended),
        (_("Certified"), report.certified),
    ]
    before = [None, *(value for _name, value in steps)]
    marks = [
        Mark(name, value, note=None if last is None else _part(value, last))
        for (name, value), last in zip(steps, before, strict=False)
    ]
    rows = [
        (name, value, None if last is None else percent(value, last), percent(value, report.registered))
        for (name, value), last in zip(steps, before, strict=False)
    ]
    shares = [Column(_("Of the previous step"), "percent"), Column(_("Of those registered"), "percent")]
    excused = report.excused
    return Section(
        anchor="funnel",
        title=_("From registered to certified"),
        text=_("People. “Certified” counts people who attended this lecture and hold a certificate of the series."),
        picture=Picture("funnel", tuple(marks), _("From registered to certified, as in the table.")),
        table=Table((Column(_("Step"), "text"), Column(_("People")), *shares), tuple(rows)),
        note=_n("%(num)s person was excused.", "%(num)s people were excused.", excused) if excused else None,
    )


def _curve(report: LectureReport) -> Section:
    start, zone = report.lecture.actual_start, organiser_zone()
    assert start is not None
    minutes = report.course.minutes
    clocks = [time_of_day(start + timedelta(minutes=n), zone) for n in range(len(minutes))]
    last = len(minutes) - 1
    axis = list(dict.fromkeys(round(last * step / AXIS) for step in range(AXIS + 1)))
    columns = (Column(_("Time"), "text"), Column(_("Minute")), Column(_("Present")))
    return Section(
        anchor="minutes",
        title=_("Minute by minute"),
        text=_(
            "Most people present at once in each minute, from all sources; %(city)s time",
            city=zone_city(zone),
        ),
        picture=Picture(
            "curve",
            tuple(Mark(clock, count) for clock, count in zip(clocks, minutes, strict=True)),
            _("People present minute by minute, as in the table."),
            axis=tuple(clocks[n] for n in axis),
        ),
        table=Table(
            columns,
            tuple((clock, n, count) for n, (clock, count) in enumerate(zip(clocks, minutes, strict=True))),
            thin=ON_PAPER,
        )
        if report.course.people
        else None,
        empty=_("No presence was recorded."),
    )


def _countries(report: LectureReport, dossier_url: Callable[[str], str | None]) -> Section:
    rows = report.countries
    shown = [one for one in rows if one.attended][:MOST_COUNTRIES]
    names = [one.name or _("Not stated") for one in rows]
    urls = {n: url for n, one in enumerate(rows) if one.code and (url := dossier_url(one.code))}
    return Section(
        anchor="countries",
        title=_("Countries"),
        text=_("Who attended, by country"),
        picture=Picture(
            "bars",
            tuple(Mark(one.name or _("Not stated"), one.attended) for one in shown),
            _("Attendances by country, as in the table."),
        ),
        table=Table(
            (
                Column(_("Country or area"), "text"),
                Column(_("Attended"), definition="attendances"),
                Column(_("Joined")),
                Column(_("Registered")),
            ),
            tuple((name, one.attended, one.came, one.registered) for name, one in zip(names, rows, strict=True)),
            foot=(_("All"), report.attended, report.came, report.registered),
            urls=urls,
        ),
        empty=_("There is nobody on the roster."),
    )


def _sources(report: LectureReport) -> Section:
    rows = [(label("source", source.value, reader_locale(), {}), count) for source, count in report.sources.items()]
    return Section(
        anchor="sources",
        title=_("How they attended"),
        text=_("Attendances by source"),
        picture=Picture(
            "bars", tuple(Mark(name, count) for name, count in rows), _("Attendances by source, as in the table.")
        ),
        table=Table(
            (Column(_("Way of attending"), "text"), figure_column("attendances")),
            tuple(rows),
            foot=(_("All"), report.attended),
        ),
        empty=_("Nobody attended."),
    )


def _comings(report: LectureReport) -> tuple[Section, ...]:
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
            foot=(_("All"), people, percent(people, people)),
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
