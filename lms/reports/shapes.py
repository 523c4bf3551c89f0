"""Reports as pages show them: bubbles on a map, a cross table, a sentence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from markupsafe import Markup

from lms.core.text.i18n import _, _l, _n
from lms.core.time.durations import nearest_whole
from lms.reports.periods import first_of_quarter
from lms.reports.queries.figures import FigureReport
from lms.reports.queries.public import Place
from lms.reports.rules import Figures, Group, Opening, Slice
from lms.web.pages import pictures
from lms.web.pages.time import number, short_day, whole_number

DIMENSION_NAMES = (
    ("country", _l("Country")),
    ("region", _l("Region")),
    ("series", _l("Series")),
    ("year", _l("Year")),
    ("month", _l("Month")),
    ("sector", _l("Sector")),
    ("gender", _l("Gender")),
    ("source", _l("Way of attending")),
    ("language", _l("Language")),
)
COLUMN_NAMES = dict(DIMENSION_NAMES) | {"country": _l("Country or area")}
"""What heads a column of groups: the list of countries has areas too."""


def mapped(places: Iterable[Place]) -> list[pictures.MapCountry]:
    """The countries on the map, as `lms.web.pages.pictures` expects them."""
    return [
        pictures.MapCountry(place.name, place.latitude, place.longitude, place.value, place.partner)
        for place in places
        if place.latitude is not None and place.longitude is not None
    ]


@dataclass(frozen=True)
class Cross:
    """One figure by two dimensions. Columns are (key, name); each row: key, name, a value a column, its own total."""

    figure: str
    columns: list[tuple[str | None, str]]
    rows: list[tuple[str | None, str, list[float], float]]
    foot: tuple[list[float], float]


def cross(both: FigureReport, margins: Sequence[FigureReport], figure: str) -> Cross | None:
    """The cross table of one figure, of a report by two dimensions and those by each of them: totals are counted, never
    added up. None for other reports."""
    if len(margins) != 2:
        return None
    rows, columns = margins
    cells = {group.keys: value_of(group.figures, figure) for group in both.groups}
    across = columns.groups
    return Cross(
        figure,
        columns=[(group.keys[0], group.labels[0]) for group in across],
        rows=[
            (
                down.keys[0],
                down.labels[0],
                [cells.get((down.keys[0], group.keys[0]), 0) for group in across],
                value_of(down.figures, figure),
            )
            for down in rows.groups
        ],
        foot=([value_of(group.figures, figure) for group in across], value_of(both.totals, figure)),
    )


def value_of(figures: Figures, figure: str) -> float:
    """One figure by name."""
    value: float = figures.as_json()[figure]
    return value


def overlap(totals: Figures, groups: Iterable[Group], figure: str = "participants") -> int:
    """By how much the groups add up to more than the total, because people are counted in several of them."""
    return int(sum(value_of(group.figures, figure) for group in groups) - value_of(totals, figure))


def counted(name: str, value: float) -> str:
    """A figure with its noun: "104,312 participants"."""
    num = whole_number(value)
    whole = max(nearest_whole(value), 1 if value else 0)  # "less than 1" is one of them
    words = {
        "sessions": lambda: _n("%(shown)s session", "%(shown)s sessions", whole, shown=num),
        "participants": lambda: _n("%(shown)s participant", "%(shown)s participants", whole, shown=num),
        "attendances": lambda: _n("%(shown)s attendance", "%(shown)s attendances", whole, shown=num),
        "countries": lambda: _n("%(shown)s country", "%(shown)s countries", whole, shown=num),
        "partner_countries": lambda: _n("%(shown)s partner country", "%(shown)s partner countries", whole, shown=num),
        "registrations": lambda: _n("%(shown)s enrolment", "%(shown)s enrolments", whole, shown=num),
        "contact_hours": lambda: _n("%(shown)s contact hour", "%(shown)s contact hours", whole, shown=num),
        "certificates": lambda: _n("%(shown)s certificate", "%(shown)s certificates", whole, shown=num),
    }
    return words[name]()


def sentence(report: FigureReport, figure: str, about: Sequence[str]) -> Markup:
    """The answer as a sentence with the figure first. `about` names the filters.

    Opening balances have no participants and contact hours: their sessions and countries are left out beside these.
    """
    figures, opening = report.totals, report.opening
    if opening is not None and figure in {"participants", "contact_hours"}:
        figures = replace(
            figures,
            sessions=figures.sessions - opening.sessions,
            countries=figures.countries - opening.countries_added,
        )
    values = {name: counted(name, value_of(figures, name)) for name in figures.as_json()}
    values |= {"figure": Markup("<b>{}</b>").format(values[figure]), "period": period(report.slice)}
    if figure == "sessions":
        words = _("%(figure)s with %(participants)s from %(countries)s, %(period)s")
    elif figure in {"countries", "partner_countries"}:
        words = _("%(figure)s with %(participants)s in %(sessions)s, %(period)s")
    elif figure in {"registrations", "certificates"}:
        words = _("%(figure)s, %(period)s")
    else:
        words = _("%(figure)s from %(countries)s in %(sessions)s, %(period)s")
    whole = Markup(words) % values  # noqa: S704 - our own words; what is put in is escaped
    return whole + "".join(f" · {name}" for name in about)


def opening_words(opening: Opening | None) -> list[str]:
    """The notes on opening balances next to figures that include them; empty if there are none."""
    if opening is None:
        return []
    both = {
        "sessions": counted("sessions", opening.sessions),
        "attendances": counted("attendances", opening.attendances),
    }
    words = _("This includes %(sessions)s and %(attendances)s from before this system, entered as totals.", **both)
    sentences = [words]
    if opening.countries_added:
        sentences.append(
            _n(
                "%(n)s country appears only in these totals.",
                "%(n)s countries appear only in these totals.",
                opening.countries_added,
                n=number(opening.countries_added),
            )
        )
    if opening.declared_participants is not None:
        people = number(opening.declared_participants)
        sentences.append(
            _(
                "The organiser declares %(n)s different people for these sessions. They are not included "
                "in the participants.",
                n=people,
            )
        )
    return sentences


def suggested_title(slice_: Slice, dimensions: Sequence[str], about: Sequence[str]) -> str:
    """Returns what a report may be called when it is published: "Quarter 3 of 2026 by Country · Kenya"."""
    return " · ".join([grouped(_period_name(slice_), dimensions), *about])


def grouped(what: str, dimensions: Sequence[str]) -> str:
    """A figure or a period with what it is grouped by: "Participants by Country × Year"."""
    if not dimensions:
        return what
    names = dict(DIMENSION_NAMES)
    # Translators: groups are the headings of one or two columns, such as Country × Year.
    return _("%(figure)s by %(groups)s", figure=what, groups=" × ".join(str(names[name]) for name in dimensions))


def _period_name(slice_: Slice) -> str:
    """The period as it is called: a whole year, a whole quarter, else its days."""
    first, last = slice_.from_day, slice_.to_day
    if first is None and last is None:
        return _("All time")
    if first is not None and last is not None and first.year == last.year:
        after = last + timedelta(days=1) if last < date.max else last
        if (first.month, first.day, after.month, after.day) == (1, 1, 1, 1):
            return str(first.year)
        if first == first_of_quarter(last) and after == first_of_quarter(after):
            return _("Quarter %(n)s of %(year)s", n=(first.month + 2) // 3, year=str(first.year))
    words = period(slice_)
    return words[:1].upper() + words[1:]


def period(slice_: Slice) -> str:
    """The period in words."""
    first, last = slice_.from_day, slice_.to_day
    if first and last:
        return _("%(first)s to %(last)s", first=short_day(first), last=short_day(last))
    if first:
        return _("from %(first)s", first=short_day(first))
    if last:
        return _("until %(last)s", last=short_day(last))
    return _("all time")
