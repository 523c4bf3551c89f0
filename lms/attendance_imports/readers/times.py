"""The times of one file, settled together: its zone, its order of day and month, and the day of times of the day.

Nothing is guessed: what the file leaves open is asked for (Invalid naming `time_zone`, `date_order`).
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.report import ReadingOptions
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.timestamps import AmbiguousDate, DateOrder, Moment
from lms.catalogue.rules import FIRST_YEAR, LAST_YEAR
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _

_BLANK = {"", "-", "--", "---", "—", "–", "n/a", "null", "none"}


@dataclass(frozen=True, slots=True)
class UnreadableTime:
    """The text of a cell that should be a time, and is none."""

    text: str


Read = Moment | UnreadableTime | None
"""One cell: a time, what cannot be read, or nothing where the cell is empty or holds a dash."""


def is_blank(cell: str) -> bool:
    """Whether a cell says nothing: empty, or a dash."""
    return cell.strip().casefold() in _BLANK


class Times:
    """All times of one file.

    `zone` is the zone in the file; without it, the one chosen by the user is used. `day` is the day in the file for
    times of the day only.
    """

    def __init__(self, options: ReadingOptions, zone: tzinfo | None = None, *, day: str = "") -> None:
        self.options, self.zone = options, zone or options.time_zone
        self.notes: list[str] = []
        self._says_zone = zone is not None
        self.order = options.date_order
        self._possible = {DateOrder.MDY, DateOrder.DMY}
        self._open = self._differs = self._local = self._clocks = False
        self._latest_hour = 0
        self._year: int | None = None  # of another calendar
        self._known: dict[str, Read] = {}
        self._day = self._seen(timestamps.read_day(day), day) if day else None

    def read(self, text: str) -> Read:
        """One cell. Many cells of a file say the same second."""
        if text not in self._known:
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: str) -> Read:
        if is_blank(text):
            return None
        moment = self._seen(timestamps.read(text), text) or timestamps.read_clock(text)
        if moment is None:
            return UnreadableTime(text)
        is_local = timestamps.is_local(moment)
        self._local = self._local or is_local
        self._clocks = self._clocks or isinstance(moment, time)
        is_whole = not is_local or timestamps.has_half(text)
        self._latest_hour = max(self._latest_hour, 24 if is_whole else moment.hour)
        return moment

    def _seen(self, moment: datetime | AmbiguousDate | None, text: str) -> datetime | AmbiguousDate | None:
        year = moment.year if isinstance(moment, datetime) else timestamps.other_calendar(text)
        if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
            self._year = self._year or timestamps.other_calendar(f"{year}-1-1")
        if isinstance(moment, AmbiguousDate):
            self._open = True
            self._possible &= moment.orders()
            self._differs = self._differs or moment.at(DateOrder.MDY) != moment.at(DateOrder.DMY)
        return moment

    @property
    def is_open(self) -> bool:
        """Whether day and month may still be exchanged."""
        return self._open and self.order is None and len(self._possible) == 2 and self._differs

    def settle(self, document: Document | None = None) -> None:
        """Once all are read: the order of day and month (by any date of the `document` where the times leave it open),
        that there is a zone, and a day. Raises Invalid."""
        if self._year is not None:
            raise Invalid("file", _calendar(self._year))
        faults: list[Fault] = []
        if self.zone is None and self._local:
            reason = _("The times in this file have no time zone. Select the time zone they are in.")
            faults.append(Fault(field="time_zone", reason=reason))
        if self.is_open and document is not None:
            self._possible = _order_in(document) or self._possible
        if self._open and self.order is None:
            if self.is_open or not self._possible:
                reason = _("The order of day and month in this file is unclear. Select mdy or dmy.")
                faults.append(Fault(field="date_order", reason=reason))
            else:
                self.order = DateOrder.DMY if DateOrder.DMY in self._possible else DateOrder.MDY
        if faults:
            raise Invalid(faults=faults)
        if self._clocks and self._day is None:
            if self.options.near is None:
                raise Invalid(
                    "file", _("The times in this file have no date, and the date is not given anywhere else.")
                )
            self.notes.append(
                _(
                    "The times in this file have no date; the date of the lecture, %(day)s, is used.",
                    day=f"{self.options.near.astimezone(self.zone):%Y-%m-%d}",
                )
            )

    def local(self, moment: Read) -> datetime | None:
        """A time with its day known, still without zone where it has none; None where there is no such day."""
        if isinstance(moment, time):
            return self._on_day(moment)
        if isinstance(moment, AmbiguousDate):
            moment = moment.at(self.order) if self.order is not None else None
        if not isinstance(moment, datetime) or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            return None
        return moment

    def pair(self, joined: Read, left: Read) -> tuple[datetime | None, datetime | None]:
        """A join and its leave. A leave of which only the time of the day is known is on the day of the join, or on the
        next where it would be before it."""
        first, last = self.local(joined), self.local(left)
        if isinstance(left, time) and first is not None:
            last = datetime.combine(first.date(), left, first.tzinfo)
            last += timedelta(days=1) if last < first else timedelta()
        return first, last

    def _on_day(self, clock: time) -> datetime | None:
        """A time of the day on the day that the file says, else on that on which it is nearest to the lecture's
        start."""
        day = self.local(self._day)
        if day is not None:
            return datetime.combine(day.date(), clock)
        if self.options.near is None:
            return None
        near = self.options.near.astimezone(self.zone).replace(tzinfo=None)
        days = [datetime.combine(near.date() + timedelta(days=days), clock) for days in (-1, 0, 1)]
        return min(days, key=lambda day: abs(day - near))

    def possible(self, moment: datetime) -> tuple[int, ...]:
        """The instants it may mean: see `timestamps.possible_ms`."""
        return timestamps.possible_ms(moment, self.zone)

    def ms(self, moment: Read) -> int | None:
        """The instant of a time about the meeting itself, the earlier of two; None where it cannot be known."""
        known = self.local(moment)
        return next(iter(self.possible(known)), None) if known is not None else None

    def span(self, starts: Read, ends: Read) -> tuple[int | None, int | None]:
        """The instants from which and until which a meeting was held."""
        bounds = (next(iter(self.possible(known)), None) if known else None for known in self.pair(starts, ends))
        first, last = bounds
        return first, last

    @property
    def is_local(self) -> bool:
        """Whether times were read in the zone that was given, as the file does not say its own."""
        return self._local and not self._says_zone

    @property
    def was_ordered(self) -> bool:
        """Whether the order that was asked for decided which days these are."""
        return self.options.date_order is not None and len(self._possible) == 2 and self._differs

    @property
    def may_lack_halves(self) -> bool:
        """Whether no hour is above 12: a clock of twelve hours may have lost its AM and PM."""
        return 0 < self._latest_hour <= 12


def _order_in(document: Document) -> set[DateOrder]:
    """The order of day and month of all dates in a file that can be read one way only; nothing where they differ."""
    orders_found = {
        next(iter(orders))
        for _line, cells in document.lines
        for cell in cells
        if 5 < len(cell) < 60 and isinstance(date := timestamps.read_day(cell), AmbiguousDate)
        if len(orders := date.orders() - {DateOrder.YMD}) == 1
    }
    return orders_found if len(orders_found) == 1 else set()


def _calendar(year: int) -> str:
    names = {13: _("Persian"), 14: _("Persian") if year < 1431 else _("Islamic"), 25: _("Buddhist")}
    return _(
        "The dates in this file use the %(calendar)s calendar (year %(year)s). Save it again with Gregorian dates.",
        calendar=names[year // 100],
        year=year,
    )
