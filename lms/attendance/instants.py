"""Times as files write them, read without guessing: neither the zone nor the order of day and month is assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from lms.core import clock


class DateOrder(StrEnum):
    """The order of day, month and year in dates written in figures."""

    MDY = "mdy"
    DMY = "dmy"
    YMD = "ymd"


_FIGURES = re.compile(
    r"(?P<a>\d{1,4})[./-](?P<b>\d{1,2})[./-](?P<c>\d{1,4}),?[ T]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_NAMED = ("%b %d, %Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p", "%b %d, %Y %H:%M", "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M")


@dataclass(frozen=True, slots=True)
class Loose:
    """A date in figures whose order is still to be known: three numbers, and the time of the day."""

    figures: tuple[int, int, int]
    hour: int
    minute: int
    second: int

    def orders(self) -> set[DateOrder]:
        """The orders that make this a date."""
        return {order for order in DateOrder if self.at(order) is not None}

    def at(self, order: DateOrder) -> datetime | None:
        """The local time by this order, or None where there is no such day."""
        a, b, c = self.figures
        year, month, day = {DateOrder.MDY: (c, a, b), DateOrder.DMY: (c, b, a), DateOrder.YMD: (a, b, c)}[order]
        if year < 100 and order is not DateOrder.YMD:
            year += 2000
        if year < 1000:
            return None
        try:
            return datetime(year, month, day, self.hour, self.minute, self.second)  # noqa: DTZ001 - local on purpose
        except ValueError:
            return None


def read(text: str) -> datetime | Loose | None:
    """One time: aware where the text says its offset, else local; Loose where day and month may stand either way;
    None where it cannot be read."""
    try:
        if len(text) > 10:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    text = text.strip().strip('="').strip()
    try:
        if len(text) > 10:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    found = _FIGURES.fullmatch(text)
    if found is None:
        return _named(text)
    hour, half = int(found["hour"]), (found["half"] or "").lower().replace(".", "")
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    loose = Loose((int(found["a"]), int(found["b"]), int(found["c"])), hour, int(found["minute"]),
                  int(found["second"] or 0))  # fmt: skip
    possible = loose.orders()
    if DateOrder.YMD in possible and len(found["a"]) == 4:
        return loose.at(DateOrder.YMD)
    return loose if possible else None


def _named(text: str) -> datetime | None:
    for form in _NAMED:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - local on purpose
        except ValueError:
            continue
    return None


def order_of(found: Iterable[Loose]) -> DateOrder | None:
    """The one order by which all these dates are dates, or None where it stays open.

    Where every order gives the same days (5/5/2026), any will do.
    """
    loose = list(found)
    possible = {DateOrder.MDY, DateOrder.DMY}
    for date in loose:
        possible &= date.orders()
        if not possible:
            return None
    if len(possible) == 1 or all(date.at(DateOrder.MDY) == date.at(DateOrder.DMY) for date in loose):
        return DateOrder.DMY if DateOrder.DMY in possible else DateOrder.MDY
    return None


def to_ms(moment: datetime, zone: ZoneInfo | None) -> int:
    """Milliseconds UTC of a time; a local one is read in `zone` (the earlier of the two where a clock went back)."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return clock.to_ms(moment)
