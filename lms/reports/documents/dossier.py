"""A country's dossier as a read-out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lms.core import clock
from lms.core.i18n import _, _n
from lms.core.measures import nearest_whole, percent
from lms.reports.documents.dossier_data import Dossier, Peer, Upcoming
from lms.reports.documents.model import Column, Figure, Mark, Picture, ReadOut, Section, Table, Value
from lms.reports.documents.wording import Opening, each, figure_column, group_table, marks, overlap_note
from lms.reports.queries.figures import Report
from lms.reports.rules import Figures
from lms.reports.shapes import counted, opening_words, period
from lms.web.time import number, short_day

MOST_INSTITUTIONS = 8
MOST_SERIES = 10
MOST_UPCOMING = 6
MOST_LECTURES = 5
PEOPLE = ("participants", "attendances", "contact_hours")
SAID = ("attendances", "sessions", "certificates")
SINCE = ("sessions", *PEOPLE, "registrations", "certificates")


@dataclass(frozen=True)
class Ways:
    """Links for a dossier: a series, a lecture and its report, the enrolments of a series, a published report, and the
    rows of a figure (`opened(figure, **group)`).
    """

    series: Callable[[str], str]
    lecture: Callable[[int], str]
    lecture_report: Callable[[int], str]
    enrolments: Callable[[str], str]
    published: Callable[[str], str]
    opened: Opening


def read_out(dossier: Dossier, *, at: datetime, ways: Ways) -> ReadOut:
    """The dossier in parts: one page for a meeting, and its annex."""
    sections = (
        _upcoming(dossier, ways),
        _years(dossier, at, ways),
        _parts(
            dossier.by["sector"],
            opened=partial(ways.opened, rows="sector"),
            anchor="sectors",
            title=_("Sectors"),
            text=_("Participants by sector"),
            description=_("Participants by sector, as in the table."),
            head=_("Sector"),
            overlap=_("The parts add up to more than the total because some people changed sector between lectures."),
        ),
        _parts(
            dossier.by["gender"],
            opened=partial(ways.opened, rows="gender"),
            anchor="gender",
            title=_("Women and men"),
            text=_("Participants by gender, as stated by them"),
            description=_("Participants by gender, as in the table."),
            head=_("Gender"),
            overlap=_("The parts add up to more than the total because some people changed the gender they state."),
        ),
        _institutions(dossier, ways),
        _series(dossier, ways),
        _lectures(dossier, ways),
        _undecided(dossier, ways),
        _since(dossier, ways),
        _peers(dossier),
    )
    return ReadOut(
        name=f"dossier-{dossier.code}",
        over=_("Country dossier"),
        title=dossier.name,
        lede=_lede(dossier),
        as_at=dossier.totals.as_at,
        figures=_figures(dossier, ways.opened),
        sections=tuple(one for one in sections if one is not None),
        filters=((_("Country"), f"{dossier.name} ({dossier.code})"), (_("Period"), _("all time"))),
        footnotes=(
            _("People are counted under their country on the day of the lecture, registration or certificate."),
            *opening_words(dossier.totals.opening),
        ),
        lead=1,
    )


def _lede(dossier: Dossier) -> str:
    if dossier.partner_since is None:
        partner = _("Not a partner country.")
    elif dossier.partner_until is None:
        partner = _("Partner since %(day)s.", day=short_day(dossier.partner_since))
    else:
        partner = _(
            "Partner from %(first)s to %(last)s.",
            first=short_day(dossier.partner_since),
            last=short_day(dossier.partner_until),
        )
    people = dossier.people
    known = _n("%(n)s person registered", "%(n)s people registered", people.people, n=number(people.people))
    waiting = people.waiting + people.applied
    now = _(
        "%(people)s, %(enrolled)s, %(waiting)s.",
        people=known,
        enrolled=_n("%(n)s enrolled", "%(n)s enrolled", people.people_enrolled, n=number(people.people_enrolled)),
        waiting=_n("%(n)s waiting for a place", "%(n)s waiting for a place", waiting, n=number(waiting)),
    )
    region = [_("Region: %(region)s.", region=dossier.region)] if dossier.region else []
    return " ".join([*_sentences(dossier.totals.totals), partner, *region, now])


def _sentences(totals: Figures) -> list[str]:
    """What came of it in one sentence, to be said aloud; empty without participants."""
    if not totals.participants:
        return []
    words = _("%(participants)s with %(attendances)s in %(sessions)s, and %(certificates)s.")
    return [words % {name: counted(name, getattr(totals, name)) for name in ("participants", *SAID)}]


def _figures(dossier: Dossier, opened: Opening) -> tuple[Figure, ...]:
    totals = dossier.totals.totals
    programme = next((peer for peer in dossier.peers if peer.name is None), None)
    grouped = next((one.figures.attendances for one in dossier.by["source"].groups if one.keys == ("group",)), 0)
    part = percent(totals.participants, programme.figures.participants) if programme else None
    notes = {
        "participants": _("%(share)s %% of the programme", share=number(part)) if part is not None else None,
        "attendances": _("%(n)s of them in groups", n=number(grouped)) if grouped else None,
        "sessions": _("with a participant from %(country)s", country=dossier.name),
        "certificates": _rate(totals.certificates, totals.participants),
    }
    return tuple(
        Figure(
            name=name,
            label=figure_column(name).name.lower(),
            value=getattr(totals, name),
            note=notes.get(name),
            url=opened(name) if getattr(totals, name) else None,
            definition=name,
        )
        for name in ("participants", "attendances", "contact_hours", "certificates", "registrations", "sessions")
    )


def _rate(certificates: int, participants: int) -> str | None:
    if not participants:
        return None
    return _("%(n)s per 100 participants", n=number(percent(certificates, participants) or 0))


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


def _years(dossier: Dossier, at: datetime, ways: Ways) -> Section:
    report = dossier.by["year"]
    this_year = str(clock.day_of(at, clock.reporting_zone()).year)
    is_partial = any(group.keys == (this_year,) for group in report.groups)
    return Section(
        anchor="years",
        title=_("By year"),
        text=_("Participants in each year"),
        picture=Picture("columns", marks(report, partial=this_year), _("Participants by year, as in the table.")),
        table=group_table(
            _("Year"),
            report,
            ("sessions", *PEOPLE, "registrations", "certificates"),
            opened=partial(ways.opened, rows="year"),
        ),
        note=_joined(
            overlap_note(report, _("People who attended in several years are counted in each year.")),
            _("%(year)s is not complete yet.", year=this_year) if is_partial else None,
        ),
        empty=_("No one from this country has attended a lecture yet."),
    )


def _joined(*sentences: str | None) -> str | None:
    return " ".join(one for one in sentences if one) or None


def _parts(
    report: Report, *, opened: Opening, anchor: str, title: str, text: str, description: str, head: str, overlap: str
) -> Section | None:
    """Participants by one attribute, as bars and as a table; None without participants."""
    if not report.totals.participants:
        return None
    return Section(
        anchor=anchor,
        title=title,
        text=text,
        picture=Picture("bars", marks(report), description),
        table=group_table(head, report, (*PEOPLE, "certificates"), opened=opened),
        note=overlap_note(report, overlap),
    )


def _institutions(dossier: Dossier, ways: Ways) -> Section | None:
    named = [one for one in dossier.institutions if one.name is not None]
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
            foot=(_("All"), dossier.totals.totals.participants),
            links=links,
        ),
    )


def _series(dossier: Dossier, ways: Ways) -> Section:
    report = dossier.by["series"]
    attended = [group for group in report.groups if group.figures.attendances]
    shown = attended[:MOST_SERIES]
    urls = {index: ways.series(str(group.keys[0])) for index, group in enumerate(shown) if group.keys[0] is not None}
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
        table=table if shown else None,
        note=_("The %(n)s series with the most participants.", n=len(shown)) if len(attended) > len(shown) else None,
        empty=_("None yet."),
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
    urls = {index: ways.lecture(one.lecture.id) for index, one in enumerate(shown)}
    columns = (
        Column(_("Lecture"), "text"),
        Column(_("When"), "moment"),
        Column(_("Series"), "text"),
        Column(_("Enrolled")),
        Column(_("Waiting")),
    )
    return Section(
        anchor="upcoming",
        title=_("Upcoming lectures"),
        text=_("Lectures in series with people from %(country)s", country=dossier.name),
        table=Table(columns, tuple(map(_upcoming_row, shown)), urls=urls) if shown else None,
        note=_n("One more lecture after these.", "%(num)s more lectures after these.", more) if more else None,
        empty=_("No one from this country is in a series with upcoming lectures."),
    )


def _upcoming_row(upcoming: Upcoming) -> tuple[Value, ...]:
    lecture = upcoming.lecture
    return (
        lecture.title,
        lecture.starts_at,
        lecture.series.title,
        upcoming.enrolled,
        upcoming.waiting + upcoming.applied,
    )


def _undecided(dossier: Dossier, ways: Ways) -> Section:
    shown = dossier.undecided
    columns = (
        Column(_("Series"), "text"),
        Column(_("Nominated")),
        Column(_("Applied")),
        Column(_("On the waiting list")),
    )
    numbers = [(one.numbers.nominated, one.numbers.applied, one.numbers.waiting) for one in shown]
    return Section(
        anchor="undecided",
        title=_("Waiting for a decision or a place"),
        text=_("People from %(country)s", country=dossier.name),
        table=Table(
            columns,
            tuple((one.series.title, *row) for one, row in zip(shown, numbers, strict=True)),
            foot=(_("All"), *map(sum, zip(*numbers, strict=True))),
            urls={index: ways.enrolments(one.series.slug) for index, one in enumerate(shown)},
        )
        if shown
        else None,
        note=_("“Nominated” people were proposed by a focal point; “applied” people applied themselves.")
        if shown
        else None,
        empty=_("No one from this country is waiting for a decision or a place."),
    )


def _peers(dossier: Dossier) -> Section | None:
    if not dossier.peers or not dossier.totals.totals.participants:
        return None
    figures = dossier.totals.totals
    measures: tuple[tuple[str, Callable[[Figures], float | None]], ...] = (
        (_("Participants"), lambda figures: figures.participants),
        (_("Attendances per participant"), lambda figures: each(figures.attendances, figures.participants)),
        (_("Contact hours per participant"), lambda figures: each(figures.contact_hours, figures.participants)),
        (_("Certificates per 100 participants"), lambda figures: percent(figures.certificates, figures.participants)),
    )
    compared = [figures, *(peer.figures for peer in dossier.peers)]
    return Section(
        anchor="peers",
        title=_("Comparison"),
        text=_("With the region and the whole programme"),
        table=Table(
            (Column(_("Measure"), "text"), *(Column(name, "decimal") for name in _peer_names(dossier))),
            tuple((name, *(measure(one) for one in compared)) for name, measure in measures),
        ),
        note=_published(dossier.peers),
    )


def _peer_names(dossier: Dossier) -> list[str]:
    return [dossier.name, *(peer.name or _("Whole programme") for peer in dossier.peers)]


def _published(peers: list[Peer]) -> str | None:
    published = [peer for peer in peers if not peer.exact]
    if not published:
        return None
    zone = clock.reporting_zone()
    return _("Region and programme as published on %(day)s.", day=short_day(clock.day_of(published[0].as_at, zone)))
