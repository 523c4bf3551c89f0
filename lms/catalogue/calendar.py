"""A lecture as a calendar file (RFC 5545, RFC 5546), to be imported by hand: no ATTENDEE, no reply expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vCalAddress, vText

from lms import __version__
from lms.catalogue.models import Lecture, LectureState
from lms.core.errors import Refused
from lms.core.i18n import _

_AROUND = timedelta(days=400)
_PLANNED = (LectureState.SCHEDULED, LectureState.LIVE)
_OFF = (LectureState.CANCELLED, LectureState.POSTPONED)


@dataclass(frozen=True)
class CalendarFile:
    """A calendar file, and what its METHOD asks of a calendar: PUBLISH to enter the event, CANCEL to remove it."""

    method: str
    content: bytes


def lecture_calendar(
    lecture: Lecture, *, url: str, host: str, organiser: str, contact: str, at: datetime, is_hidden: bool = False
) -> CalendarFile:
    """The file of one lecture. `host` makes its UID unique and never changes; `url` is the lecture's page.

    A lecture that was cancelled, postponed without a date or hidden is CANCELLED; of a hidden one (`is_hidden`)
    nothing but that is said. Refused for any other lecture without a date.
    """
    is_off = is_hidden or lecture.state in _OFF
    if lecture.starts_at is None and not is_off:
        raise Refused(_("This lecture has no date yet."))
    method = "CANCEL" if is_off else "PUBLISH"
    calendar = _calendar(method)
    if lecture.local_start is not None and not is_hidden:
        _add_zones(calendar, [lecture])
    calendar.add_component(
        _event(lecture, url=url, host=host, organiser=organiser, contact=contact, at=at, is_off=is_off, bare=is_hidden)
    )
    return CalendarFile(method, calendar.to_ical())


def lectures_calendar(
    lectures: Sequence[Lecture], *, base_url: str, organiser: str, contact: str, at: datetime
) -> CalendarFile | None:
    """One file that enters those of these lectures that are planned; None where there is none."""
    planned = [one for one in lectures if one.local_start is not None and one.state in _PLANNED]
    if not planned:
        return None
    calendar = _calendar("PUBLISH")
    _add_zones(calendar, planned)
    host = urlsplit(base_url).hostname or "localhost"
    for one in planned:
        url = f"{base_url}/lectures/{one.id}"
        calendar.add_component(_event(one, url=url, host=host, organiser=organiser, contact=contact, at=at))
    return CalendarFile("PUBLISH", calendar.to_ical())


def _calendar(method: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", f"-//Serai//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return calendar


def _add_zones(calendar: Calendar, lectures: Sequence[Lecture]) -> None:
    """The time zones of these lectures, each once."""
    first: dict[str, date] = {}
    for lecture in lectures:
        if lecture.local_start is not None and lecture.time_zone != "UTC":
            day = lecture.local_start.date()
            first[lecture.time_zone] = min(first.get(lecture.time_zone, day), day)
    for name, day in first.items():
        calendar.add_component(time_zone(name, day))


def _event(
    lecture: Lecture,
    *,
    url: str,
    host: str,
    organiser: str,
    contact: str,
    at: datetime,
    is_off: bool = False,
    bare: bool = False,
) -> Event:
    """One lecture. Of a `bare` one nothing is said but which it is and that it is off."""
    event = Event()
    event.add("uid", f"lecture-{lecture.id}@{host}")
    event.add("dtstamp", at)
    event.add("sequence", lecture.sequence)
    if is_off:
        event.add("status", "CANCELLED")
    else:
        event.add("status", "TENTATIVE" if lecture.state is LectureState.DRAFT else "CONFIRMED")
    sender = vCalAddress(f"mailto:{contact}")
    sender.params["cn"] = vText(organiser)
    event["organizer"] = sender
    if not bare:
        _describe(event, lecture, url)
        if lecture.local_start is not None:
            event.add("dtstart", lecture.local_start.replace(tzinfo=ZoneInfo(lecture.time_zone)))
            event.add("duration", timedelta(minutes=lecture.duration_minutes))
    return event


def _describe(event: Event, lecture: Lecture, url: str) -> None:
    parts = [
        lecture.series.title,
        lecture.abstract,
        lecture.reason if lecture.state is LectureState.CANCELLED else "",
        url,
    ]
    event.add("summary", lecture.title)
    event.add("description", "\n\n".join(part for part in parts if part))
    event.add("location", url)
    event.add("url", url)
    event.add("transp", "OPAQUE")


def time_zone(name: str, day: date) -> Timezone:
    """The VTIMEZONE of an IANA zone with every change of offset within 400 days of a day, exact to the second.

    icalendar's own leaves out short periods (Ramadan in Africa/Casablanca) and gives onsets in the new offset, where
    RFC 5545 wants the offset before.
    """
    zone = ZoneInfo(name)
    moment = datetime.combine(day - _AROUND, time(), zone).astimezone(UTC)
    component = Timezone()
    component.add("tzid", name)
    component.add_component(_observance(moment, moment, zone))
    for _day in range(2 * _AROUND.days):
        following = moment + timedelta(days=1)
        if _state(following, zone) != _state(moment, zone):
            before, onset = moment, following
            while onset - before > timedelta(seconds=1):
                middle = before + (onset - before) // timedelta(seconds=2) * timedelta(seconds=1)
                if _state(middle, zone) == _state(moment, zone):
                    before = middle
                else:
                    onset = middle
            component.add_component(_observance(before, onset, zone))
        moment = following
    return component


def _state(moment: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta, str]:
    """What is in force at a moment: offset, daylight saving and name."""
    local = moment.astimezone(zone)
    return local.utcoffset() or timedelta(), local.dst() or timedelta(), local.tzname() or zone.key


def _observance(before: datetime, onset: datetime, zone: ZoneInfo) -> TimezoneStandard | TimezoneDaylight:
    """What is in force from `onset` on; `before` is a moment of what was in force until then."""
    old, (offset, daylight, name) = _state(before, zone)[0], _state(onset, zone)
    component = TimezoneDaylight() if daylight else TimezoneStandard()
    component.add("dtstart", (onset + old).replace(tzinfo=None))
    component.add("tzoffsetfrom", old)
    component.add("tzoffsetto", offset)
    component.add("tzname", name)
    return component
