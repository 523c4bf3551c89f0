"""Rules of counting, once the rows are there, and of what may be asked: no database, no clock."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from unicodedata import normalize
from zoneinfo import ZoneInfo

from lms.core.base.errors import Forbidden, Invalid
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed
from lms.core.text.typed_text import stated
from lms.people.models import Gender, Sector
from lms.reports.periods import Period, days_of


@dataclass(frozen=True)
class Declared:
    """A set of opening balances: its name, and how many different people it is declared to be of."""

    name: str
    participants: int | None


@dataclass(frozen=True)
class Opening:
    """The contribution of opening balances to a slice, for the note next to its figures.

    `countries_added` are countries with no other attendance; `declared` are the sets that are entirely in the slice.
    """

    sessions: int = 0
    attendances: int = 0
    countries: int = 0
    countries_added: int = 0
    declared: tuple[Declared, ...] = ()

    @property
    def declared_participants(self) -> int | None:
        """The declared people of all sets entirely in the slice, or None if nothing is declared.

        A person in two sets counts twice: these figures are declared, not counted.
        """
        known = [one.participants for one in self.declared if one.participants is not None]
        return sum(known) if known else None

    def as_json(self) -> dict[str, Any]:
        """Serializes opening balances for the API."""
        return {
            "sessions": self.sessions,
            "attendances": self.attendances,
            "countries": self.countries,
            "countries_added": self.countries_added,
            "declared_participants": self.declared_participants,
        }

    @classmethod
    def of_json(cls, payload: Mapping[str, Any] | None) -> "Opening | None":
        """Deserializes the result of `as_json`, without the names of sets. None for None."""
        if payload is None:
            return None
        people = payload["declared_participants"]
        declared = () if people is None else (Declared("", people),)
        return cls(
            payload["sessions"], payload["attendances"], payload["countries"], payload["countries_added"], declared
        )


DIMENSIONS: Final = ("country", "region", "series", "year", "month", "sector", "gender", "source", "language")
FILTERS: Final = ("series", "country", "region", "partner", "sector", "gender", "language", "source")
VALUES: Final = {
    "sector": tuple(sector.value for sector in Sector),
    "gender": tuple(gender.value for gender in Gender),
    "source": ("live", "group", "replay", "manual"),
}
"""What may be filtered by, of that which has a fixed list."""
TIME_DIMENSIONS: Final = frozenset({"year", "month"})
FEWEST: Final = 5
"""Groups of fewer people are not published."""
OTHER: Final = "other"
"""The key of the group that combines small groups."""
EXPORTS: Final = ("people", "attendances")
"""The kinds of rows that are exported."""
EXPORT_JOB: Final = "export_rows"
"""The kind of job that exports rows."""
EXPORT_FORMATS: Final = ("csv", "xlsx")
MOST_EXPORTS: Final = 20
"""The maximum number of waiting or running exports."""
EXPORT_KEPT: Final = timedelta(hours=24)
"""So long the file of an export is kept."""
REFRESH_AT: Final = time(6, 0)
"""When the public figures are counted each day, in the reporting zone."""

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Ratings:
    """The first ratings, from 1 to 5, that people gave about lectures that they attended: their number and sum, and how
    many are 4 or 5. Of fewer than five, no mean and no share is stated."""

    answers: int = 0
    total: int = 0
    satisfied: int = 0

    @property
    def mean(self) -> float | None:
        """The mean, to the nearest hundredth."""
        if self.answers < FEWEST:
            return None
        return (200 * self.total + self.answers) // (2 * self.answers) / 100

    @property
    def mean_tenths(self) -> int:
        """The mean in tenths, to the nearest one; 0 without answers."""
        return (20 * self.total + self.answers) // (2 * self.answers) if self.answers else 0

    @property
    def satisfied_percent(self) -> float | None:
        """The share of 4 and 5 in percent, to the nearest tenth."""
        if self.answers < FEWEST:
            return None
        return (2000 * self.satisfied + self.answers) // (2 * self.answers) / 10

    def as_json(self) -> dict[str, int | float | None]:
        """*Satisfaction* as the API shows it."""
        return {
            "feedback_answers": self.answers if self.answers >= FEWEST else None,
            "satisfaction": self.mean,
            "satisfied_percent": self.satisfied_percent,
        }


@dataclass(frozen=True)
class Figures:
    """The figures of domain.md for one slice. Contact hours to one decimal, everything else whole. `ratings` are those
    that *satisfaction* is counted from."""

    sessions: int = 0
    participants: int = 0
    attendances: int = 0
    countries: int = 0
    partner_countries: int = 0
    registrations: int = 0
    contact_hours: float = 0.0
    certificates: int = 0
    ratings: Ratings = Ratings()

    def as_json(self) -> dict[str, int | float]:
        """The figures by name, in the order in which they are shown."""
        return {name: getattr(self, name) for name in FIGURES}


FIGURES: Final = tuple(item.name for item in fields(Figures) if item.name != "ratings")
"""The figures that are numbers of something. *Satisfaction* is not among them: it is null where answers are few."""


@dataclass(frozen=True)
class Slice:
    """The question of a report: days (both included, in the reporting zone), a series' slug, a country's code, an M49
    code of any level, whether the country was a partner on the day, a sector, a gender, a language, a way of
    attending."""

    from_day: date | None = None
    to_day: date | None = None
    series: str | None = stated(None, "Slug of a series.", length=(1, 80))
    country: str | None = stated(None, "Code of a country.", length=(1, 8))
    region: str | None = stated(None, "M49 code of any level, including all regions below it.", length=(1, 3))
    partner: bool | None = None
    sector: str | None = stated(None, "Of the person at that time.", among=VALUES["sector"])
    gender: str | None = stated(None, "Of the person at that time.", among=VALUES["gender"])
    language: str | None = stated(
        None, "Of the lecture, or of the series for registrations and certificates.", length=(1, 16)
    )
    source: str | None = stated(
        None, "The way of attending. Registrations and certificates have none.", among=VALUES["source"]
    )

    @property
    def parameters(self) -> dict[str, str]:
        """The values that are set, as an address or a form has it."""
        given: dict[str, Any] = {"from": self.from_day, "to": self.to_day, **self.filters}
        words = {True: "true", False: "false"}
        return {name: words.get(value) or str(value) for name, value in given.items() if value is not None}

    @property
    def filters(self) -> dict[str, str | bool]:
        """The filters that are set, the period apart."""
        given = {name: getattr(self, name) for name in FILTERS}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Group:
    """One row of a report. `keys` has one value for each dimension; None is *not stated*."""

    keys: tuple[str | None, ...]
    labels: tuple[str, ...]
    figures: Figures
    folded: bool = False
    opening: Opening | None = None

    def as_json(self) -> dict[str, Any]:
        """The group as the API shows it: `key` and `label`, with `key` a list where there are two dimensions."""
        shown: dict[str, Any] = {"key": self.keys[0] if len(self.keys) == 1 else list(self.keys)}
        shown["label"] = " · ".join(self.labels)
        if self.folded:
            shown["folded"] = True
        if self.opening is not None:
            shown["opening"] = self.opening.as_json()
        return shown | self.figures.as_json() | self.figures.ratings.as_json()


def organisation_name(name: str | None) -> str:
    """The name of an organisation as it is shown: in one form of Unicode, spaced once; empty where nothing is named."""
    return " ".join(normalize("NFC", name or "").split())


def organisation_key(name: str | None) -> str:
    """Returns what two spellings of one organisation's name have in common."""
    return organisation_name(name).casefold()


def check_question(slice_: Slice, dimensions: Sequence[str]) -> None:
    """Whether a question can be answered at all: known dimensions, two at most, a period the right way round.

    Raises Invalid with the parameter.
    """
    for name in dimensions:
        if name not in DIMENSIONS:
            reason = _("Unknown dimension “%(name)s”. Use one of: %(all)s.", name=name[:40], all=listed(DIMENSIONS))
            raise Invalid("by", reason)
    if len(dimensions) > 2 or len(set(dimensions)) != len(dimensions):
        raise Invalid("by", _("Use one dimension, or two different ones."))
    if slice_.from_day and slice_.to_day and slice_.from_day > slice_.to_day:
        raise Invalid("to", _("The last day is before the first."))


def check_values(slice_: Slice) -> None:
    """Whether sector, gender and source are ones that there are. Raises Invalid with the parameter."""
    for name, known in VALUES.items():
        value = getattr(slice_, name)
        if value is not None and value not in known:
            reason = _("Unknown value “%(code)s”. Use one of: %(all)s.", code=value[:40], all=listed(known))
            raise Invalid(name, reason)


def check_public(slice_: Slice, dimensions: Sequence[str]) -> None:
    """Raises Forbidden unless the public can see this: one dimension or one filter, whole years or all time."""
    if len(dimensions) + len(slice_.filters) > 1:
        raise Forbidden(
            _(
                "Public figures can be shown by only one dimension or one filter at a time. Sign in "
                "as a reporter for more."
            )
        )
    starts = slice_.from_day is None or (slice_.from_day.month, slice_.from_day.day) == (1, 1)
    ends = slice_.to_day is None or (slice_.to_day.month, slice_.to_day.day) == (12, 31)
    if not (starts and ends):
        raise Forbidden(
            _("Public figures can be shown only for whole years or for all time. Sign in as a reporter for more.")
        )


def in_order(groups: Iterable[Group], dimensions: Sequence[str]) -> list[Group]:
    """Groups as they are shown: time forwards, else the most participants first; not stated, then other, at the end."""
    shown = list(groups)
    most: dict[tuple[int, str | None], int] = {}
    for group in shown:
        for index, key in enumerate(group.keys):
            most[index, key] = most.get((index, key), 0) + group.figures.participants

    def rank(group: Group) -> tuple[bool | int | str, ...]:
        order: list[bool | int | str] = [group.folded]
        for index, (name, key) in enumerate(zip(dimensions, group.keys, strict=True)):
            size = 0 if name in TIME_DIMENSIONS else -most[index, key]
            order += [key is None, size, key or ""]
        return tuple(order)

    return sorted(shown, key=rank)


def is_refresh_due(last: datetime | None, at: datetime, zone: str) -> bool:
    """Whether six o'clock in the reporting zone has passed since the last refresh, or there was none."""
    local = at.astimezone(ZoneInfo(zone))
    due = datetime.combine(local.date(), REFRESH_AT, ZoneInfo(zone))
    if due > local:
        due = datetime.combine(local.date() - timedelta(days=1), REFRESH_AT, ZoneInfo(zone))
    return last is None or last < due


PARAMETERS: Final = ("figure", "rows", "columns", "period", "from", "to", *FILTERS)


@dataclass(frozen=True)
class ReportQuestion:
    """The settings of a report: the figure, the dimensions, and a slice whose dates can come from a moving period."""

    figure: str
    dimensions: tuple[str, ...]
    period: Period | None
    slice: Slice

    def on(self, today: date) -> Slice:
        """The slice as of a day in the reporting zone."""
        if self.period is None:
            return self.slice
        first, last = days_of(self.period, today)
        return replace(self.slice, from_day=first, to_day=last)


def read_question(parameters: Mapping[str, str]) -> ReportQuestion:
    """Parses parameters into a question. Raises Invalid with the parameter for what cannot be answered."""
    given = {name: parameters[name] for name in PARAMETERS if parameters.get(name)}
    figure, period = given.get("figure", "participants"), given.get("period")
    if figure not in FIGURES:
        raise Invalid("figure", _("Unknown figure."))
    if period is not None and period not in {one.value for one in Period}:
        raise Invalid("period", _("Unknown value."))
    days = {}
    for name in ("from", "to"):
        try:
            days[name] = date.fromisoformat(given[name]) if name in given else None
        except ValueError as error:
            raise Invalid(name, _("Enter a date, such as 2026-12-02.")) from error
    if period and any(days.values()):
        raise Invalid("period", both_given())
    slice_ = Slice(
        days["from"],
        days["to"],
        partner={"true": True, "false": False}.get(given.get("partner", "")),
        **{name: given.get(name) for name in FILTERS if name != "partner"},
    )
    dimensions = tuple(given[name] for name in ("rows", "columns") if name in given)
    check_question(slice_, dimensions)
    check_values(slice_)
    return ReportQuestion(figure, dimensions, None if period is None else Period(period), slice_)


def both_given() -> str:
    """The error for dates and a period given together."""
    return _("Select a period or enter dates, not both.")
