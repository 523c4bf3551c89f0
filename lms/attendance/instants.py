"""Times as files write them, read without guessing: neither the zone nor the order of day and month is assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from lms.core import clock


class DateOrder(StrEnum):
    """The order of day, month and year in dates written in figures."""

    MDY = "mdy"
    DMY = "dmy"
    YMD = "ymd"


_CLOCK = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?)?(?:\s*(?P<zone>z|utc|gmt)?\s*(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?)?"
)
_FIGURES = re.compile(
    r"(?P<a>\d{1,4})\s?[./-]\s?(?P<b>\d{1,2})\s?[./-]\s?(?P<c>\d{1,4})\.?,?[ t]+" + _CLOCK, re.IGNORECASE
)
_SIGNED = re.compile(
    r"(?P<a>\d{2,4})\s?[年년]\s?(?P<b>\d{1,2})\s?[月월]\s?(?P<c>\d{1,2})\s?[日일],?\s*" + _CLOCK, re.IGNORECASE
)
_NAMED = re.compile(
    r"(?:[a-z]{3,9}\.?,\s*)?(?:(?P<month>[a-z]{3,9})\.?\s+(?P<day>\d{1,2})|(?P<day2>\d{1,2})[\s-]+(?P<month2>[a-z]{3,9})\.?)"
    r"[,\s-]+(?P<year>\d{4}),?\s+(?:at\s+)?" + _CLOCK,
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
         "december")  # fmt: skip
_HALVES = re.compile(r"\s*(上午|午前|오전|ص|下午|午後|오후|م)\s*")
_BEFORE_NOON = ("上午", "午前", "오전", "ص")


@dataclass(frozen=True, slots=True)
class Loose:
    """A date in figures whose order is still to be known: three numbers, and the time of the day."""

    figures: tuple[int, int, int]
    hour: int
    minute: int
    second: int
    zone: tzinfo | None = None

    def orders(self) -> frozenset[DateOrder]:
        """The orders that make this a date."""
        return frozenset(_days(self.figures))

    def at(self, order: DateOrder) -> datetime | None:
        """The time by this order, local where no zone is said, or None where there is no such day."""
        day = _days(self.figures).get(order)
        return datetime(*day, self.hour, self.minute, self.second, tzinfo=self.zone) if day is not None else None


@lru_cache(maxsize=4096)
def _days(figures: tuple[int, int, int]) -> dict[DateOrder, tuple[int, int, int]]:
    """Year, month and day by each order in which the figures are a date; a file has few days and many times."""
    a, b, c = figures
    found = {}
    for order, (year, month, day) in {
        DateOrder.MDY: (c, a, b), DateOrder.DMY: (c, b, a), DateOrder.YMD: (a, b, c)
    }.items():  # fmt: skip
        if year < 100 and order is not DateOrder.YMD:
            year += 2000
        if year >= 1000 and _moment(year, month, day, 0, 0, 0, None) is not None:
            found[order] = (year, month, day)
    return found


Moment = datetime | Loose
"""A time that was read: aware, local, or of an order still open."""


def read(text: str) -> Moment | None:
    """One time: aware where the text says its offset, else local; Loose where day and month may stand either way;
    None where it cannot be read."""
    try:
        if len(text) > 10:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    text = " ".join(text.strip().strip('="').split())  # the space before PM is of many kinds
    try:
        if len(text) > 10:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    text = _half_last(text)
    found = _FIGURES.fullmatch(text) or _SIGNED.fullmatch(text)
    if found is None:
        return _named(text)
    timed = _clock(found)
    if timed is None:
        return None
    loose = Loose((int(found["a"]), int(found["b"]), int(found["c"])), *timed)
    possible = loose.orders()
    if len(found["a"]) == 4 and DateOrder.YMD in possible:
        return loose.at(DateOrder.YMD)
    return loose if possible else None


def _half_last(text: str) -> str:
    """A text with its half of the day, in whatever language, as AM or PM at the end."""
    found = _HALVES.search(text)
    if found is None:
        return text
    half = "AM" if found[1] in _BEFORE_NOON else "PM"
    return f"{text[: found.start()]} {text[found.end() :]}".strip() + f" {half}"


def _clock(found: re.Match[str]) -> tuple[int, int, int, tzinfo | None] | None:
    hour, half = int(found["hour"]), (found["half"] or "").casefold()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    minute, second = int(found["minute"]), int(found["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    zone: tzinfo | None = None
    if found["zone"] or found["offset"]:
        zone = _offset(found["offset"]) if found["offset"] else UTC
        if zone is None:
            return None
    return hour, minute, second, zone


def _offset(text: str) -> tzinfo | None:
    figures = text[1:].replace(":", "")
    hours, minutes = (int(figures), 0) if len(figures) <= 2 else (int(figures[:-2]), int(figures[-2:]))
    if hours > 15 or minutes > 59:
        return None
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if text[0] == "-" else span)


def _moment(
    year: int, month: int, day: int, hour: int, minute: int, second: int, zone: tzinfo | None
) -> datetime | None:
    if year < 1000:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def _named(text: str) -> datetime | None:
    found = _NAMED.fullmatch(text)
    if found is None:
        return None
    month = (found["month"] or found["month2"]).casefold()
    number = _MONTHS.index(month[:3]) + 1 if month[:3] in _MONTHS else 0
    timed = _clock(found)
    if timed is None or not number or not _FULL[number - 1].startswith(month.replace("sept", "sep", len(month) == 4)):
        return None
    return _moment(int(found["year"]), number, int(found["day"] or found["day2"]), *timed)


def is_local(moment: Moment) -> bool:
    """Whether a time leaves its zone open."""
    return moment.zone is None if isinstance(moment, Loose) else moment.tzinfo is None


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


def possible_ms(moment: datetime, zone: tzinfo | None) -> tuple[int, ...]:
    """The instants (milliseconds UTC) that a time may mean, a local one in `zone`: one; two, in order, in the hour
    that happens twice where clocks are put back; none in the hour that clocks put forward leave out."""
    if moment.tzinfo is not None:
        return (clock.to_ms(moment),)
    early, late = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    before, after = early.utcoffset(), late.utcoffset()
    if before == after or before is None or after is None:
        return (clock.to_ms(early),)
    return () if before < after else (clock.to_ms(early), clock.to_ms(late))


_OFFSET_SAID = re.compile(r"\b(?:utc|gmt)\s*(?P<offset>[+−-]\s?\d{1,2}(?::?\d{2})?)?", re.IGNORECASE)
_ZONE_SAID = re.compile(r"\b[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+-]+){1,2}\b")


def zone_in(text: str) -> tzinfo | None:
    """The zone that a heading or a line about the meeting says: `(UTC)`, `GMT+08:00`, `Asia/Shanghai`."""
    for name in _ZONE_SAID.findall(text):
        if name in available_timezones():
            return ZoneInfo(name)
    found = _OFFSET_SAID.search(text)
    if found is None:
        return None
    return _offset(found["offset"].replace("−", "-").replace(" ", "")) if found["offset"] else UTC


_PART = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?)\s*([^\W\d_]+)\.?")
_UNITS = {
    3_600_000: "h hr hrs hour hours hora horas heure heures ora ore stunde stunden std uur u godz godzina godziny t "
    "tim timer timmar timme saat sa jam giờ ч час часа часов год ساعة ساعات ساعتان 小时 小時 時間 時 时 시간",
    60_000: "m min mins minute minutes minuto minutos minuti minuut minuten minuter minuta minuty minut dakika dk "
    "menit mnt phút м мин минута минуты минут хв دقيقة دقائق 分 分钟 分鐘 분",
    1000: "s sec secs second seconds seg segundo segundos seconde secondes secondo secondi sekunde sekunden sek sekund "
    "sekunda sekundy saniye sn detik dtk giây с сек секунда секунды секунд ثانية ثوان 秒 초",
}
_LENGTHS = {word: length for length, words in _UNITS.items() for word in words.split()}
_LONGEST_MS = 31 * 86_400_000
_COLONS = re.compile(r"(?:(\d{1,3}) days?, )?(\d{1,3}):(\d{2}):(\d{2})(?:\.\d+)?")
_ISO = re.compile(r"PT(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d+)?S)?")
_JOINING = re.compile(r"[\s,&]|\b(?:and|et|y|und|e|en|i|и|ve|و)\b|و")
_BARE = re.compile(r"\d{1,9}(?:[.,]\d{1,9})?")

UNITS = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1000}
"""Milliseconds of what a bare number may count."""


def duration_ms(text: str, unit: str | None = None) -> int | None:
    """Milliseconds of `1h 13m 42s`, `204 mins`, `1 hr 2 min`, `0:30:00`, `PT1H2M`; of a bare number only where its
    `unit` is known. None where it cannot be read, or is open (30:00 may be hours or minutes), or over a month."""
    total = _duration(" ".join(text.split()), unit)
    return total if total is not None and total <= _LONGEST_MS else None


def _duration(text: str, unit: str | None) -> int | None:
    if found := _COLONS.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
    if _BARE.fullmatch(text):
        return None if unit is None else round(float(text.replace(",", ".")) * UNITS[unit])
    if (found := _ISO.fullmatch(text)) and any(found.groups()):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return ((hours * 60 + minutes) * 60 + seconds) * 1000
    parts = [(number, _LENGTHS.get(word.casefold())) for number, word in _PART.findall(text)]
    if not parts or _JOINING.sub("", _PART.sub("", text)):
        return None
    total = 0.0
    for number, length in parts:
        if length is None:
            return None
        total += float(number.replace(",", ".")) * length
    return round(total)


def unit_in(heading: str) -> str | None:
    """The unit that the heading of a duration says."""
    said = heading.casefold()
    if re.search(r"min|分|мин|دقيق|분", said):
        return "minutes"
    if re.search(r"sec|seg|sek|秒|сек|초", said):
        return "seconds"
    return "hours" if re.search(r"hour|hrs|hora|heure|stunde|小时", said) else None
