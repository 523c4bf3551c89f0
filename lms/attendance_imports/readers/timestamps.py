"""Times as files write them, read without guessing: neither the zone nor the order of day and month is assumed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from itertools import product
from unicodedata import decimal, normalize
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale

from lms.core.time import clock


class DateOrder(StrEnum):
    """The order of day, month and year in dates written in figures."""

    MDY = "mdy"
    DMY = "dmy"
    YMD = "ymd"


_CLOCK = (
    r"(?P<first>[ap]\.?\s?m\.?\s*)?(?P<hour>\d{1,2})(?:[:.]|\s?h\s?)(?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?)?(?:\s*(?:uhr|hrs|hs?))?(?:\s*(?P<zone>z|utc|gmt)?\s*(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?)?"
)
_FIGURES = re.compile(
    r"(?P<a>\d{1,4})\s?[./-]\s?(?P<b>\d{1,2})\s?[./-]\s?(?P<c>\d{1,4})\.?,?[ t]+" + _CLOCK, re.IGNORECASE
)
_SIGNED = re.compile(
    r"(?P<a>\d{2,4})\s?[年년]\s?(?P<b>\d{1,2})\s?[月월]\s?(?P<c>\d{1,2})\s?[日일],?\s*" + _CLOCK, re.IGNORECASE
)
_NAMED = re.compile(
    r"(?:[^\W\d_]{2,12}(?:\.?,\s*|\.?\s+))?(?:(?P<month>[^\W\d_]{3,12})\.?\s+(?P<day>\d{1,2})\.?|"
    r"(?P<day2>\d{1,2})\.?(?:\s+de|\s+d\W)?[\s-]+(?P<month2>[^\W\d_]{3,12})\.?)"
    r"(?:\s+de|\s+del)?[,\s-]+(?P<year>\d{4})(?:\s?г\.?|\s?р\.?)?,?\s+(?:(?:at|um|à|a las|às|alle|в|о|kl\.?)\s+)?"
    + _CLOCK,
    re.IGNORECASE,
)
_LETTER = r"[^\W\d_]"
_AM = r"上午|午前|오전|早上|凌晨|صباحا?\u064b?|ص|ق\.? ?ظ\.?|π\.? ?μ\.?|öö|sa|पूर्वाह्न|ก่อนเที่ยง"
_PM = r"下午|午後|오후|晚上|中午|مساء\u064b?|م|ب\.? ?ظ\.?|μ\.? ?μ\.?|ös|ch|अपराह्न|หลังเที่ยง"
_HALVES = re.compile(
    rf"\s*(?<!{_LETTER})(?:(?P<am>{_AM})|(?P<pm>{_PM}))(?!{_LETTER})\s*",
    re.IGNORECASE,
)
"""The halves of the day as languages other than English write them."""
_UNSEEN = {
    ord(mark): None for mark in "\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
}
_PUNCTUATION = {"،": ",", "、": ",", "٫": ".", "：": ":", "，": ",", "．": ".", "／": "/", "−": "-", "–": "-"}
_WRITTEN = str.maketrans({**_UNSEEN, **{ord(mark): said for mark, said in _PUNCTUATION.items()}})


def written(text: str) -> str:
    """A text with European digits and punctuation, one space between its parts, and no marks that only say in which
    direction it is to be read. Of other digits: Arabic, Persian, Devanagari and the like."""
    text = text.translate(_WRITTEN)
    if not text.isascii():
        text = "".join(str(decimal(mark)) if mark.isdecimal() else mark for mark in text)
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class AmbiguousDate:
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
        """The time by this order, local where no zone is given, or None where there is no such day."""
        day = _days(self.figures).get(order)
        return datetime(*day, self.hour, self.minute, self.second, tzinfo=self.zone) if day is not None else None


def _days(figures: tuple[int, int, int]) -> dict[DateOrder, tuple[int, int, int]]:
    """Year, month and day by each order in which the figures are a date."""
    a, b, c = figures
    days = {}
    for order, (year, month, day) in {
        DateOrder.MDY: (c, a, b), DateOrder.DMY: (c, b, a), DateOrder.YMD: (a, b, c)
    }.items():  # fmt: skip
        if year < 100 and order is not DateOrder.YMD:
            year += 2000
        if year >= 1000 and _moment(year, month, day, 0, 0, 0, None) is not None:
            days[order] = (year, month, day)
    return days


Moment = datetime | AmbiguousDate | time
"""A time that was read: aware, local, of an order still open, or of the day only."""


def read(text: str) -> datetime | AmbiguousDate | None:
    """One time: aware where the text says its offset, else local; Loose where day and month may be exchanged;
    None where it cannot be read."""
    text = written(text.strip().strip('="'))
    try:
        if len(text) > 10:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    text = _half_last(text)
    match = _FIGURES.fullmatch(text) or _SIGNED.fullmatch(text)
    if match is None:
        return _named(text)
    timed = _clock(match)
    if timed is None:
        return None
    loose = AmbiguousDate((int(match["a"]), int(match["b"]), int(match["c"])), *timed)
    possible = loose.orders()
    if len(match["a"]) == 4 and DateOrder.YMD in possible:
        return loose.at(DateOrder.YMD)
    return loose if possible else None


def read_day(text: str) -> datetime | AmbiguousDate | None:
    """A date, alone or with a time of the day: its midnight where it is alone."""
    return read(text) or (read(f"{text} 00:00") if len(text) < 40 else None)


_CLOCK_ALONE = re.compile(_CLOCK, re.IGNORECASE)


def read_clock(text: str) -> time | None:
    """A time of the day; None for other text, or one with a date or an offset."""
    match = _CLOCK_ALONE.fullmatch(_half_last(written(text.strip().strip('="')))) if len(text) < 40 else None
    timed = _clock(match) if match is not None and ":" in match.string else None
    return time(*timed[:3]) if timed is not None and timed[3] is None else None


def has_half(text: str) -> bool:
    """Whether a time says AM or PM, in whatever language."""
    return re.search(r"[ap]\.?\s?m\.?$", _half_last(written(text)), re.IGNORECASE) is not None


def other_calendar(text: str) -> int | None:
    """The year of a date of the Persian, the Islamic or the Buddhist calendar; None of any other text."""
    match = _DATED.search(written(text)) if len(text) < 80 else None
    year = int(match[1] or match[2]) if match is not None else 0
    return year if 1300 <= year < 1500 or 2500 <= year < 2600 else None


_DATED = re.compile(r"(?<!\d)(\d{4})[/.-]\d{1,2}[/.-]\d{1,2}(?!\d)|(?<!\d)\d{1,2}[/.-]\d{1,2}[/.-](\d{4})(?!\d)")


def _half_last(text: str) -> str:
    """A text with its half of the day, in whatever language, as AM or PM at the end."""
    match = _HALVES.search(text)
    if match is not None:
        return f"{text[: match.start()]} {text[match.end() :]}".strip() + (" AM" if match["am"] else " PM")
    return text


def _clock(match: re.Match[str]) -> tuple[int, int, int, tzinfo | None] | None:
    hour, half = int(match["hour"]), (match["half"] or match["first"] or "").casefold()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    minute, second = int(match["minute"]), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    zone: tzinfo | None = None
    if match["zone"] or match["offset"]:
        zone = _offset(match["offset"]) if match["offset"] else UTC
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
    match = _NAMED.fullmatch(text)
    if match is None:
        return None
    number = month_numbers().get(plain_month(match["month"] or match["month2"]))
    timed = _clock(match)
    if timed is None or number is None:
        return None
    return _moment(int(match["year"]), number, int(match["day"] or match["day2"]), *timed)


_LANGUAGES = "en es pt fr de it nl pl ru uk tr ar fa id vi sv da nb fi cs hu ro el ca sk hr bg sr he th hi ms sw"


@lru_cache(maxsize=1)
def month_numbers() -> dict[str, int]:
    """The number of each month by its names, as the languages of reports write them; a name that is one month here and
    another there is left out."""
    numbers_of: dict[str, set[int]] = {"sept": {9}}
    for language in _LANGUAGES.split():
        months = Locale.parse(language).months
        for context, width in product(("format", "stand-alone"), ("wide", "abbreviated")):
            for number, name in months[context][width].items():
                numbers_of.setdefault(plain_month(name), set()).add(number)
    return {name: numbers.pop() for name, numbers in numbers_of.items() if len(numbers) == 1 and not name.isdecimal()}


def plain_month(name: str) -> str:
    """The name of a month for comparing: its letters only, without case and accents."""
    return "".join(sign for sign in normalize("NFKD", name).casefold() if sign.isalnum())


def is_local(moment: Moment) -> bool:
    """Whether a time leaves its zone open."""
    if isinstance(moment, time):
        return True
    return moment.zone is None if isinstance(moment, AmbiguousDate) else moment.tzinfo is None


def order_of(dates: Iterable[AmbiguousDate]) -> DateOrder | None:
    """The one order by which all these dates are dates, or None where it stays open.

    Where every order gives the same days (5/5/2026), any will do.
    """
    loose = list(dates)
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
    match = _OFFSET_SAID.search(text)
    if match is None:
        return None
    return _offset(match["offset"].replace("−", "-").replace(" ", "")) if match["offset"] else UTC


_PART = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?)\s*([^\W\d_]+)\.?")
_UNITS = {
    3_600_000: "h hr hrs hour hours hora horas heure heures ora ore stunde stunden std uur u godz godzina godziny t "
    "tim timer timmar timme saat sa jam giờ ч час часа часов год ساعة ساعت ساعات ساعتان 小时 小時 時間 時 时 시간 ω "
    "ώρα ώρες ó óra oră ש שעה שעות घंटा घंटे ชม ชั่วโมง",
    60_000: "m min mins minute minutes minuto minutos minuti minuut minuten minuter minuta minuty minut dakika dk "
    "menit mnt phút м мин минута минуты минут хв دقيقة دقیقه دقائق 分 分钟 分鐘 분 λ λεπτό λεπτά p perc perce דקה "
    "דקות मिनट นาที хвилина хвилини хвилин minuuttia",
    1000: "s sec secs second seconds seg segundo segundos seconde secondes secondo secondi sekunde sekunden sek sekund "
    "sekunda sekundy saniye sn detik dtk giây с сек секунда секунды секунд ثانية ثوان 秒 초 δ mp másodperc secundă "
    "secunde שנייה שניות सेकंड วินาที ثانیه",
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
    total = _duration(written(text), unit)
    return total if total is not None and total <= _LONGEST_MS else None


def _duration(text: str, unit: str | None) -> int | None:
    if match := _COLONS.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
    if _BARE.fullmatch(text):
        return None if unit is None else round(float(text.replace(",", ".")) * UNITS[unit])
    if (match := _ISO.fullmatch(text)) and any(match.groups()):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
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
    text = heading.casefold()
    if re.search(r"min|分|мин|دقيق|분", text):
        return "minutes"
    if re.search(r"sec|seg|sek|秒|сек|초", text):
        return "seconds"
    return "hours" if re.search(r"hour|hrs|hora|heure|stunde|小时", text) else None
