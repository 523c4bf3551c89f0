"""A lecture's report as a report document."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lms.catalogue.fair_hours import NIGHT_FROM, NIGHT_UNTIL
from lms.catalogue.rules import length_ms
from lms.core.text.i18n import _, _n, _p
from lms.core.text.punctuation import gap, listed
from lms.core.text.translations import reader_text
from lms.core.time.durations import nearest_whole, percent, tenth_minutes, whole_minutes
from lms.core.time.zones import main_zone
from lms.reports.documents.joining import joining_sections
from lms.reports.documents.model import Column, Figure, Mark, Picture, ReportDocument, Section, Table
from lms.reports.documents.wording import figure_column, satisfaction
from lms.reports.queries.labels import label
from lms.reports.queries.lecture import FromCountry, LectureReport
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import needed_minutes, number, organiser_zone, short_day, time_of_day, zone_city

AXIS = 6
"""The number of time labels under the curve."""
ON_PAPER = 5
"""On paper the table of minutes has each fifth."""
TOP_COUNTRIES = 5
"""The number of countries on the first page; the annex has all."""
WINDOW = 5
"""The length of the window, in minutes, in which people leave together."""
LEAVING = 0.1
"""The part of the audience whose leaving is worth a sentence; in the last such part of a lecture, leaving is usual."""


def lecture_document(report: LectureReport, *, dossier_url: Callable[[str], str | None]) -> ReportDocument:
    """The report in parts: one page with the answer, and its annex. `dossier_url` gives the link to a country's
    dossier, if the reader can see it.
    """
    lecture = report.lecture
    has_annex = len(report.countries) > TOP_COUNTRIES
    lead = [_curve(report), _funnel(report), _countries(report, dossier_url, is_top=has_annex)]
    annex = [
        *([_countries(report, dossier_url, is_top=False)] if has_annex else []),
        _sources(report),
        *joining_sections(report),
        _discussion(report),
        _minutes(report),
    ]
    title = reader_text(lecture)
    filters = [(_("Lecture"), title), (_("Series"), reader_text(lecture.series))]
    if report.only:
        filters.append((_("Country"), listed(report.only)))
    return ReportDocument(
        name=f"lecture-{lecture.id}",
        over=_("Lecture report"),
        title=title,
        answer=_answer(report),
        lede=_lede(report),
        points=tuple(_points(report)),
        as_at=report.as_at,
        figures=_figures(report),
        sections=tuple(section for section in (*lead, *annex) if section is not None),
        filters=tuple(filters),
        footnotes=(_("People are counted under their country on the day of the lecture."),),
        lead=len(lead),
    )


def _answer(report: LectureReport) -> str:
    country = listed(report.only)
    if not report.registered:
        return (
            _("No one from %(country)s was enrolled for this lecture", country=country)
            if country
            else _("No one was enrolled for this lecture")
        )
    if not report.course.people and not report.came:
        return _("No attendance is recorded yet")
    words = {
        "attended": number(report.attended),
        "n": number(report.registered),
        "share": number(percent(report.attended, report.registered) or 0),
    }
    if country:
        return _n(
            "%(attended)s of %(n)s person enrolled from %(country)s attended (%(share)s%%)",
            "%(attended)s of %(n)s people enrolled from %(country)s attended (%(share)s%%)",
            report.registered,
            country=country,
            **words,
        )
    return _n(
        "%(attended)s of %(n)s person enrolled attended (%(share)s%%)",
        "%(attended)s of %(n)s people enrolled attended (%(share)s%%)",
        report.registered,
        **words,
    )


def _points(report: LectureReport) -> Iterator[str]:
    """Yields what the reader of the report learns first, below the answer."""
    if not report.came:
        if report.registered and not report.course.people:
            yield _("Import the report of the meeting, or add attendance on the roster.")
        return
    short = report.came - report.attended
    if short:
        yield _n(
            "%(n)s person joined but was present for less than %(needed)s of %(length)s minutes.",
            "%(n)s people joined but were present for less than %(needed)s of %(length)s minutes.",
            short,
            n=number(short),
            needed=needed_minutes(report.needed_ms),
            length=number(whole_minutes(_length(report))),
        )
    yield from _leaving(report)
    at_night = [row for row in report.countries if row.code and _is_night(report, row.code)]
    absent = sum(row.registered - row.attended for row in at_night)
    if absent:
        names = [str(row.name) for row in sorted(at_night, key=lambda row: row.attended - row.registered)]
        yield _n(
            "It was night for %(n)s person who did not attend, in %(countries)s.",
            "It was night for %(n)s of the people who did not attend, most of them in %(countries)s.",
            absent,
            n=number(absent),
            countries=listed(names[:3]),
        )


def _leaving(report: LectureReport) -> Iterator[str]:
    """When most people left within a few minutes, if they were many and the end was not near."""
    minutes, start, zone = report.course.minutes, report.lecture.actual_start, organiser_zone()
    assert start is not None
    last = int(len(minutes) * (1 - LEAVING)) - WINDOW
    if last <= 0:
        return
    left, minute = max((minutes[at] - minutes[at + WINDOW], -at) for at in range(last))
    if left >= max(2, report.course.highest * LEAVING):
        begin = start + timedelta(minutes=-minute)
        yield _(
            "%(n)s fewer people were present at %(end)s than at %(start)s.",
            n=number(left),
            start=time_of_day(begin, zone),
            end=time_of_day(begin + timedelta(minutes=WINDOW), zone),
        )


def _local_start(report: LectureReport, code: str | None) -> datetime | None:
    """When the lecture began where most people of a country live."""
    zone = main_zone(code)
    assert report.lecture.actual_start is not None
    return report.lecture.actual_start.astimezone(ZoneInfo(zone)) if zone else None


def _is_night(report: LectureReport, code: str) -> bool:
    start = _local_start(report, code)
    if start is None:
        return False
    minute = start.hour * 60 + start.minute
    return minute < NIGHT_UNTIL * 60 or minute + whole_minutes(_length(report)) > NIGHT_FROM * 60


def _length(report: LectureReport) -> int:
    return length_ms(report.lecture) or 0


def _lede(report: LectureReport) -> str:
    lecture, zone = report.lecture, organiser_zone()
    assert lecture.actual_start is not None
    assert lecture.actual_end is not None
    length = whole_minutes(_length(report))
    held = _n(
        "Held on %(day)s, %(start)s to %(end)s (%(city)s time): %(n)s minute.",
        "Held on %(day)s, %(start)s to %(end)s (%(city)s time): %(n)s minutes.",
        length,
        day=short_day(lecture.actual_start, zone),
        start=time_of_day(lecture.actual_start, zone),
        end=time_of_day(lecture.actual_end, zone),
        city=zone_city(zone),
        n=number(length),
    )
    paused = whole_minutes(report.lecture.paused_ms or 0)
    pauses = [_n("It was paused for %(num)s minute.", "It was paused for %(num)s minutes.", paused)] if paused else []
    return gap().join([held, *pauses, _("Series: %(series)s.", series=reader_text(lecture.series))])


def _figures(report: LectureReport) -> tuple[Figure, ...]:
    totals = (
        ("registered", _("Registered"), report.registered),
        ("came", _("Joined"), report.came),
        ("attended", _("attended"), report.attended),
        ("certified", _("Certified"), report.certified),
        ("highest", _("most at once"), report.course.highest),
        ("average", _("on average"), _average(report)),
    )
    definitions = {"attended": "attendances", "certified": "certificates"}
    figures = tuple(
        Figure(name, label, value, definition=definitions.get(name), in_headline=False) for name, label, value in totals
    )
    discussed = tuple(
        Figure(name, label, value, definition="discussion", in_headline=False)
        for name, label, value in _discussion_totals(report)
    )
    return figures + satisfaction(report.ratings) + discussed


def _discussion_totals(report: LectureReport) -> list[tuple[str, str, int]]:
    """The totals of questions and polls, where there were any, as (name, label, value)."""
    counts = report.discussion
    if counts is None or not (counts.questions or counts.polls):
        return []
    return [
        ("questions", _("Questions"), counts.questions),
        ("questions_answered", _("Questions answered"), counts.questions_answered),
        ("votes", _("Votes for questions"), counts.votes),
        ("polls", _("Polls"), counts.polls),
        ("poll_answers", _("Answers to polls"), counts.poll_answers),
    ]


def _discussion(report: LectureReport) -> Section | None:
    totals = _discussion_totals(report)
    if not totals:
        return None
    columns = Column(_("Figure"), "text"), Column(_("Count"), definition="discussion")
    table = Table(columns, tuple((label, value) for _name, label, value in totals))
    return Section(anchor="discussion", title=_("Questions and polls"), table=table)


def _average(report: LectureReport) -> int:
    return nearest_whole(report.course.present_ms / _length(report)) if _length(report) else 0


def _present_words(report: LectureReport) -> str | None:
    """The most present at once and the average."""
    course, start = report.course, report.lecture.actual_start
    assert start is not None
    if not course.highest:
        return None
    return _(
        "Most at once: %(highest)s at %(clock)s. On average: %(average)s, %(n)s minutes per person. %(city)s time.",
        highest=number(course.highest),
        clock=time_of_day(start + timedelta(milliseconds=course.highest_ms), organiser_zone()),
        average=number(_average(report)),
        n=number(tenth_minutes(course.present_ms // course.people)),
        city=zone_city(organiser_zone()),
    )


def _funnel(report: LectureReport) -> Section:
    steps = [
        (_("Registered"), report.registered),
        (_("Joined"), report.came),
        (_("Attended"), report.attended),
        (_("Certified"), report.certified),
    ]
    before = [None, *(value for _name, value in steps)]
    marks = [Mark(name, value) for name, value in steps]
    rows = [
        (name, value, None if last is None else percent(value, last), percent(value, report.registered))
        for (name, value), last in zip(steps, before, strict=False)
    ]
    shares = [Column(_("Of the previous step"), "percent"), Column(_("Of those registered"), "percent")]
    excused = report.excused
    return Section(
        anchor="funnel",
        title=_("From registered to certified"),
        text=_("“Certified” counts people who attended this lecture and hold a certificate of the series."),
        picture=Picture("bars", tuple(marks), _("From registered to certified, as in the table.")),
        table=Table((Column(_("Step"), "text"), Column(_("People")), *shares), tuple(rows)),
        note=_n("%(num)s person was excused.", "%(num)s people were excused.", excused) if excused else None,
    )


def _clocks(report: LectureReport) -> list[str]:
    """The time of day of each minute."""
    start, zone = report.lecture.actual_start, organiser_zone()
    assert start is not None
    return [time_of_day(start + timedelta(minutes=n), zone) for n in range(len(report.course.minutes))]


def _curve(report: LectureReport) -> Section:
    clocks = _clocks(report)
    last = len(clocks) - 1
    axis = list(dict.fromkeys(round(last * step / AXIS) for step in range(AXIS + 1)))
    marks = tuple(Mark(clock, count) for clock, count in zip(clocks, report.course.minutes, strict=True))
    return Section(
        anchor="curve",
        title=_("Minute by minute"),
        text=_present_words(report),
        picture=Picture(
            "curve",
            marks,
            _("People present minute by minute, as in the table."),
            axis=tuple(clocks[n] for n in axis),
        )
        if report.course.people
        else None,
        empty=_("No presence was recorded."),
        more=(_("The minutes as a table"), "#minutes") if report.course.people else None,
    )


def _minutes(report: LectureReport) -> Section | None:
    if not report.course.people:
        return None
    minutes = report.course.minutes
    return Section(
        anchor="minutes",
        title=_("Minutes"),
        text=_(
            "Most people present at once in each minute, from all sources; %(city)s time",
            city=zone_city(organiser_zone()),
        ),
        table=Table(
            (Column(_("Time"), "text"), Column(_("Minute")), Column(_("Present"))),
            tuple((clock, n, count) for n, (clock, count) in enumerate(zip(_clocks(report), minutes, strict=True))),
            thin=ON_PAPER,
        ),
    )


def _countries(report: LectureReport, dossier_url: Callable[[str], str | None], *, is_top: bool) -> Section:
    """The countries with the most attendances, or all of them with their sum."""
    rows = report.countries[:TOP_COUNTRIES] if is_top else report.countries
    names = [row.name or _("Not stated") for row in rows]
    return Section(
        anchor="top-countries" if is_top else "countries",
        title=_("Countries") if is_top or len(rows) <= TOP_COUNTRIES else _("All countries"),
        text=_n("%(n)s of %(num)s country", "%(n)s of %(num)s countries", len(report.countries), n=len(rows))
        if is_top
        else None,
        picture=Picture(
            "bars",
            tuple(Mark(name, row.attended) for name, row in zip(names, rows, strict=True)),
            _("Attendances by country, as in the table."),
        ),
        table=_table_of_countries(report, rows, dossier_url, has_foot=not is_top),
        empty=_("There is nobody on the roster."),
        more=(_("All countries"), "#countries") if is_top else None,
    )


def _table_of_countries(
    report: LectureReport,
    rows: Sequence[FromCountry],
    dossier_url: Callable[[str], str | None],
    *,
    has_foot: bool,
) -> Table:
    columns = (
        Column(_("Country or area"), "text"),
        Column(_("Local time"), "moment"),
        Column(_("Attended"), definition="attendances"),
        Column(_("Joined")),
        Column(_("Registered")),
        Column(_("Share attended"), "percent"),
    )
    lines: list[tuple[str, str | None, int, int, int]] = [
        (row.name or _("Not stated"), _local_words(report, row.code), row.attended, row.came, row.registered)
        for row in rows
    ]
    whole = (_p("totals", "All"), None, report.attended, report.came, report.registered)
    return Table(
        columns,
        tuple((*line, percent(line[2], line[4])) for line in lines),
        foot=(*whole, percent(report.attended, report.registered)) if has_foot else None,
        urls={n: url for n, row in enumerate(rows) if row.code and (url := dossier_url(row.code))},
    )


def _local_words(report: LectureReport, code: str | None) -> str | None:
    start = _local_start(report, code)
    if code is None or start is None:
        return None
    clock = time_of_day(start, start.tzinfo.key if isinstance(start.tzinfo, ZoneInfo) else None)
    return _("%(clock)s, night", clock=clock) if _is_night(report, code) else clock


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
            foot=(_p("totals", "All"), report.attended),
        ),
        empty=_("Nobody attended."),
    )
