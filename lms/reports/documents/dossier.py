"""A country's dossier as a report document."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lms.core.text.i18n import _, _n, _p
from lms.core.text.punctuation import gap
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.core.time.durations import nearest_whole
from lms.reports.documents.dossier_data import Dossier, Upcoming
from lms.reports.documents.dossier_head import PEOPLE, figures, lede
from lms.reports.documents.dossier_matters import compare_peers, open_points
from lms.reports.documents.model import Column, Mark, Picture, ReportDocument, Section, Table, Value
from lms.reports.documents.wording import NOTHING, Opening, figure_column, group_table, marks, overlap_note
from lms.reports.queries.figures import FigureReport
from lms.reports.rules import Group
from lms.reports.shapes import counted, opening_words, period
from lms.web.pages.time import moment, number, organiser_zone, short_day, zone_city

MOST_INSTITUTIONS = 5
MOST_SERIES = 5
MOST_UPCOMING = 3
MOST_LECTURES = 5
SINCE = ("sessions", *PEOPLE, "registrations", "certificates")


@dataclass(frozen=True)
class Ways:
    """Links for a dossier: a series, a lecture and its report, the enrolments of a series, a viewing group, a published
    report, and the rows of a figure (`opened(figure, **group)`).
    """

    series: Callable[[str], str]
    lecture: Callable[[int], str]
    lecture_report: Callable[[int], str]
    enrolments: Callable[[str], str]
    group: Callable[[str], str]
    published: Callable[[str], str]
    opened: Opening


def dossier_document(dossier: Dossier, *, at: datetime, ways: Ways) -> ReportDocument:
    """The dossier in parts: one page for a meeting, and its annex."""
    sections = (
        _year_columns(dossier, at),
        _upcoming(dossier, ways),
        _matters(dossier, ways),
        _years(dossier, ways),
        _parts(
            dossier.by["sector"],
            opened=partial(ways.opened, rows="sector"),
            anchor="sectors",
            title=_("Sectors"),
            description=_("Participants by sector, as in the table."),
            head=_("Sector"),
            overlap=_("The parts add up to more than the total because some people changed sector between lectures."),
        ),
        _parts(
            dossier.by["gender"],
            opened=partial(ways.opened, rows="gender"),
            anchor="gender",
            title=_("Women and men"),
            description=_("Participants by gender, as in the table."),
            head=_("Gender"),
            overlap=_("The parts add up to more than the total because some people changed the gender they state."),
        ),
        _institutions(dossier, ways),
        _series(dossier, ways),
        _lectures(dossier, ways),
        _undecided(dossier, ways),
        _since(dossier, ways),
        compare_peers(dossier),
    )
    opening = dossier.totals.opening
    return ReportDocument(
        name=f"dossier-{dossier.code}",
        over=_("Country dossier"),
        title=dossier.name,
        lede=lede(dossier),
        as_at=dossier.totals.as_at,
        figures=figures(dossier, ways.opened),
        sections=tuple(section for section in sections if section is not None),
        filters=((_("Country"), f"{dossier.name} ({dossier.code})"), (_("Period"), _("all time"))),
        footnotes=(
            _("People are counted under their country on the day of the lecture, enrolment or certificate."),
            *opening_words(opening and replace(opening, countries_added=0)),
        ),
        lead=3,
    )


def _since(dossier: Dossier, ways: Ways) -> Section | None:
    since = dossier.since
    if since is None:
        return None
    named = [(name, getattr(since.then, name), getattr(since.now, name)) for name in SINCE]
    words = {
        True: _("Since the dossier attached to “%(title)s”, %(day)s"),
        False: _("Since the report “%(title)s”, as at %(day)s"),
    }
    day = short_day(clock.day_of(since.as_at, clock.reporting_zone()))
    parameters = since.slice.parameters
    has_period = since.slice.from_day is not None or since.slice.to_day is not None
    return Section(
        anchor="since",
        title=_("What changed"),
        text=words[since.is_dossier] % {"title": since.title, "day": day},
        table=Table(
            (
                Column(_("Figure"), "text"),
                Column(_("Then")),
                Column(_("Now")),
                Column(_("Difference"), "change"),
            ),
            tuple(
                (figure_column(name).name, then, now, nearest_whole(now) - nearest_whole(then))
                for name, then, now in named
            ),
            links={(row, 2): ways.opened(name, **parameters) for row, (name, _then, now) in enumerate(named) if now},
        )
        if any(then != now for _name, then, now in named)
        else None,
        note=_("Both for the period: %(period)s.", period=period(since.slice)) if has_period else None,
        more=(_("Published version"), ways.published(since.public_id)),
        empty=_("No figures changed."),
    )


def _year_columns(dossier: Dossier, at: datetime) -> Section:
    report = dossier.by["year"]
    this_year = str(clock.day_of(at, clock.reporting_zone()).year)
    has_totals_only = any(map(_has_totals_only, report.groups))
    named = replace(report, groups=[group for group in report.groups if not _has_totals_only(group)])
    shown = marks(named, partial=this_year) if report.totals.participants else ()
    is_partial = any(group.keys == (this_year,) for group in report.groups)
    return Section(
        anchor="columns",
        title=_("By year"),
        text=_("Participants in each year"),
        picture=Picture("columns", shown, _("Participants by year, as in the table.")) if shown else None,
        note=_joined(
            overlap_note(report, _("People who attended in several years are counted in each year.")),
            _("%(year)s is not complete yet.", year=this_year) if is_partial else None,
            _("Years with only totals are left out.") if has_totals_only else None,
        ),
        empty=_("Participants are not known: the totals have no names.")
        if has_totals_only
        else _("No participants yet."),
        more=(_("All figures by year"), "#years") if shown else None,
    )


def _has_totals_only(group: Group) -> bool:
    """Whether a year is known from opening balances only."""
    return group.opening is not None and not group.figures.participants


def _years(dossier: Dossier, ways: Ways) -> Section | None:
    report = dossier.by["year"]
    if not report.groups:
        return None
    return Section(
        anchor="years",
        title=_("All figures by year"),
        table=group_table(
            _("Year"),
            report,
            ("sessions", *PEOPLE, "registrations", "certificates"),
            opened=partial(ways.opened, rows="year"),
        ),
        note=_joined(
            overlap_note(report, _("People who attended in several years are counted in each year.")),
            _("Years with only totals have attendances, but no participants or contact hours.")
            if any(map(_has_totals_only, report.groups))
            else None,
        ),
    )


def _joined(*sentences: str | None) -> str | None:
    return gap().join(sentence for sentence in sentences if sentence) or None


def _parts(
    report: FigureReport, *, opened: Opening, anchor: str, title: str, description: str, head: str, overlap: str
) -> Section | None:
    """Participants by one attribute, as bars in a table; None without participants."""
    if not report.totals.participants:
        return None
    opening = report.opening
    return Section(
        anchor=anchor,
        title=title,
        picture=Picture("bars", marks(report), description),
        table=group_table(head, report, (*PEOPLE, "certificates"), opened=opened),
        note=_joined(
            overlap_note(report, overlap),
            _(
                "“All” includes %(attendances)s entered as totals, which are in none of the rows above it.",
                attendances=counted("attendances", opening.attendances),
            )
            if opening is not None and opening.attendances
            else None,
        ),
    )


def _institutions(dossier: Dossier, ways: Ways) -> Section | None:
    named = [row for row in dossier.institutions if row.name is not None]
    if not named:
        return None
    shown, rest = named[:MOST_INSTITUTIONS], named[MOST_INSTITUTIONS:]
    rows: list[tuple[Value, ...]] = [(one.name, one.participants) for one in shown]
    links = {(row, 1): ways.opened("participants", organisation=one.name) for row, one in enumerate(shown)}
    if rest:
        others = _n("%(num)s other institution", "%(num)s other institutions", len(rest))
        rows.append((others, sum(one.participants for one in rest)))
    unnamed = sum(one.participants for one in dossier.institutions if one.name is None)
    if unnamed:
        links[len(rows), 1] = ways.opened("participants", organisation=None)
        rows.append((_("Not stated"), unnamed))
    links[len(rows), 1] = ways.opened("participants")
    return Section(
        anchor="institutions",
        title=_("Institutions"),
        text=_("Participants by their current organisation"),
        picture=Picture(
            "bars",
            tuple(Mark(str(one.name), one.participants) for one in shown),
            _("Institutions with the most participants, as in the table."),
        ),
        table=Table(
            (Column(_("Institution"), "text"), figure_column("participants")),
            tuple(rows),
            foot=(_p("totals", "All"), dossier.totals.totals.participants),
            links=links,
        ),
    )


def _series(dossier: Dossier, ways: Ways) -> Section | None:
    report = dossier.by["series"]
    attended = [group for group in report.groups if group.figures.attendances and group.keys[0] is not None]
    if not attended:
        return None
    shown = attended[:MOST_SERIES]
    urls = {index: ways.series(str(group.keys[0])) for index, group in enumerate(shown)}
    table = group_table(
        _("Series"),
        replace(report, groups=shown),
        ("sessions", "participants", "attendances", "certificates"),
        opened=partial(ways.opened, rows="series"),
        has_foot=False,
        urls=urls,
    )
    return Section(
        anchor="series",
        title=_("Series attended"),
        text=_n("%(num)s series", "%(num)s series", len(attended)),
        table=table,
        note=_("The %(n)s series with the most participants.", n=len(shown)) if len(attended) > len(shown) else None,
    )


def _lectures(dossier: Dossier, ways: Ways) -> Section | None:
    shown = dossier.lectures[:MOST_LECTURES]
    if not shown:
        return None
    columns = (Column(_("Lecture"), "text"), Column(_("Date"), "day"), figure_column("attendances"))
    return Section(
        anchor="lectures",
        title=_("Most attended lectures"),
        table=Table(
            columns,
            tuple((one.title, one.day, one.attendances) for one in shown),
            urls={index: ways.lecture(one.id) for index, one in enumerate(shown)},
            links={(index, 2): ways.lecture_report(one.id) for index, one in enumerate(shown)},
        ),
        note=_("The %(n)s most attended of %(all)s lectures.", n=len(shown), all=number(len(dossier.lectures)))
        if len(dossier.lectures) > len(shown)
        else None,
    )


def _upcoming(dossier: Dossier, ways: Ways) -> Section:
    shown = dossier.upcoming[:MOST_UPCOMING]
    more = len(dossier.upcoming) - len(shown)
    urls = {index: ways.lecture(upcoming.lecture.id) for index, upcoming in enumerate(shown)}
    zone = dossier.zone if dossier.zone != organiser_zone() else None
    local = [Column(_("%(city)s time", city=zone_city(zone)), "moment")] if zone else []
    return Section(
        anchor="upcoming",
        title=_("Upcoming lectures"),
        text=_people_words(dossier),
        table=Table(
            (
                Column(_("Lecture"), "text"),
                *local,
                Column(_("%(city)s time", city=zone_city(organiser_zone())), "moment"),
                Column(_("Enrolled")),
            ),
            tuple(_upcoming_row(upcoming, zone) for upcoming in shown),
            urls=urls,
        )
        if shown
        else None,
        note=_n("One more lecture after these.", "%(num)s more lectures after these.", more) if more else None,
        empty=_("No one from this country is in a series with upcoming lectures."),
    )


def _people_words(dossier: Dossier) -> str:
    people = dossier.people
    return _(
        "From %(country)s: %(people)s, %(enrolled)s",
        country=dossier.name,
        people=_n("%(n)s person registered", "%(n)s people registered", people.people, n=number(people.people)),
        enrolled=_n("%(n)s enrolled", "%(n)s enrolled", people.people_enrolled, n=number(people.people_enrolled)),
    )


def _upcoming_row(upcoming: Upcoming, zone: str | None) -> tuple[Value, ...]:
    lecture = upcoming.lecture
    local = moment(lecture.starts_at, zone) if zone and lecture.starts_at else NOTHING
    times = (local, lecture.starts_at) if zone else (lecture.starts_at,)
    return (reader_text(lecture), *times, upcoming.enrolled)


def _matters(dossier: Dossier, ways: Ways) -> Section:
    """Returns what the meeting can settle."""
    return Section(
        anchor="matters",
        title=_("To raise"),
        text=_("Open with the focal point") if dossier.matters.has_focal_point else None,
        points=tuple(open_points(dossier, series=ways.series, group=ways.group)),
        empty=_("Nothing is open."),
    )


def _undecided(dossier: Dossier, ways: Ways) -> Section | None:
    shown = dossier.undecided
    if not shown:
        return None
    columns = (
        Column(_("Series"), "text"),
        Column(_("Nominated")),
        Column(_("Applied")),
        Column(_("On the waiting list")),
    )
    numbers = [(row.numbers.nominated, row.numbers.applied, row.numbers.waiting) for row in shown]
    return Section(
        anchor="undecided",
        title=_("Waiting for a decision or a place"),
        text=_("People from %(country)s", country=dossier.name),
        table=Table(
            columns,
            tuple((reader_text(waiting.series), *row) for waiting, row in zip(shown, numbers, strict=True)),
            foot=(_p("totals", "All"), *map(sum, zip(*numbers, strict=True))),
            urls={index: ways.enrolments(waiting.series.slug) for index, waiting in enumerate(shown)},
        ),
        note=_("“Nominated” people were proposed by a focal point; “applied” people applied themselves."),
    )
