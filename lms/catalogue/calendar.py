"""Lectures for calendar programs (RFC 5545, 5546, 7986): a file to import, an invitation of one person, a feed.

What each program makes of them, and why they are written as they are, is in ADR 48.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneStandard, vCalAddress, vText, vUri

from lms import __version__
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import planned_end
from lms.core.base.errors import Refused
from lms.core.base.settings import settings
from lms.core.text.i18n import _
from lms.core.text.translations import reader_text
from lms.core.time import zones

REFRESH = timedelta(hours=1)
"""How often a calendar program is asked to read a feed again."""
_FIRST = datetime(1970, 1, 1)  # noqa: DTZ001 - the onset of a time zone is local


@dataclass(frozen=True)
class CalendarFile:
    """A calendar file, and what its METHOD asks of a calendar: PUBLISH and REQUEST to enter the event, CANCEL to
    remove it."""

    method: str
    content: bytes


@dataclass(frozen=True)
class Publisher:
    """The publisher of the calendars of this installation, and its site."""

    base_url: str
    name: str
    address: str

    def page_of(self, lecture: Lecture) -> str:
        """The address of a lecture's page."""
        return f"{self.base_url}/lectures/{lecture.id}"

    def uid_of(self, lecture: Lecture) -> str:
        """Returns what names a lecture in every calendar, always the same."""
        return f"lecture-{lecture.id}@{urlsplit(self.base_url).hostname or 'localhost'}"


@dataclass(frozen=True)
class Attendee:
    """A person who is invited.

    `changes` counts how often the person has left and returned: each is a later version of every invitation.
    """

    address: str
    name: str
    changes: int = 0


def publisher() -> Publisher:
    """The publisher that the settings name. Its address is the sender of the mails, as Gmail expects of organizers."""
    config = settings()
    address = parseaddr(config.mail_from)[1] or config.contact
    return Publisher(config.base_url.rstrip("/"), config.organiser, address)


def is_off(lecture: Lecture) -> bool:
    """Whether a lecture that was planned does not take place, as far as anybody knows."""
    return lecture.state in (LectureState.CANCELLED, LectureState.POSTPONED)


def lecture_calendar(
    lecture: Lecture, *, by: Publisher, at: datetime, was: datetime | None = None, is_hidden: bool = False
) -> CalendarFile:
    """The file of one lecture, to be imported by hand.

    A lecture that was cancelled, postponed without a date (`was`: when it was planned) or hidden is CANCELLED; for a
    hidden one, nothing else is included. Refused for any other lecture without a date.
    """
    gone = is_hidden or is_off(lecture)
    if lecture.starts_at is None and not gone:
        raise Refused(_("This lecture has no date yet."))
    method = "CANCEL" if gone else "PUBLISH"
    calendar = _calendar(method)
    event = _event(lecture, by=by, at=at, sequence=lecture.sequence)
    event.add("status", "CANCELLED" if gone else "TENTATIVE" if lecture.state is LectureState.DRAFT else "CONFIRMED")
    if not is_hidden:
        _describe(event, lecture, by)
        _add_times(calendar, [(event, lecture)], was=was)
    calendar.add_component(event)
    return CalendarFile(method, calendar.to_ical())


def invitation(
    lecture: Lecture,
    attendee: Attendee,
    *,
    is_invited: bool,
    by: Publisher,
    at: datetime,
    was: datetime | None = None,
) -> CalendarFile:
    """Returns what the calendar of one person shall hold of a lecture now: it is entered or changed by REQUEST, removed
    by CANCEL.

    It is CANCELLED only where it is off for everybody, not for a person who is no longer invited.
    """
    gone = is_off(lecture)
    method = "REQUEST" if is_invited and not gone and lecture.starts_at is not None else "CANCEL"
    calendar = _calendar(method)
    event = _event(lecture, by=by, at=at, sequence=lecture.sequence + attendee.changes)
    if gone:
        event.add("status", "CANCELLED")
    elif method == "REQUEST":
        event.add("status", "CONFIRMED")
    person = vCalAddress(f"mailto:{attendee.address}")
    person.params["cn"] = vText(attendee.name)
    person.params["cutype"] = vText("INDIVIDUAL")
    person.params["role"] = vText("REQ-PARTICIPANT")
    person.params["partstat"] = vText("ACCEPTED")
    person.params["rsvp"] = vText("FALSE")
    event.add("attendee", person, encode=False)
    _describe(event, lecture, by)
    _add_times(calendar, [(event, lecture)], was=was)
    calendar.add_component(event)
    return CalendarFile(method, calendar.to_ical())


def series_calendar(lectures: Iterable[Lecture], *, changes: int, by: Publisher, at: datetime) -> CalendarFile:
    """The file of all planned lectures of a series, to be added by hand. `changes`: as in `Attendee`."""
    calendar = _calendar("PUBLISH")
    events = [(_event(lecture, by=by, at=at, sequence=lecture.sequence + changes), lecture) for lecture in lectures]
    _add_times(calendar, events)
    for event, lecture in events:
        event.add("status", "CONFIRMED")
        _describe(event, lecture, by)
        calendar.add_component(event)
    return CalendarFile("PUBLISH", calendar.to_ical())


def feed(lectures: Iterable[Lecture], *, name: str, by: Publisher, at: datetime) -> bytes:
    """A calendar to subscribe to.

    A lecture that is off is CANCELLED in it; a lecture that never had a date is left out.
    """
    shown = [one for one in lectures if one.local_start is not None and one.state is not LectureState.DRAFT]
    calendar = _calendar("PUBLISH")
    line = " ".join(name.split())
    calendar.add("name", line)
    calendar.add("x-wr-calname", line)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", f"PT{REFRESH // timedelta(hours=1)}H")
    events = [(_event(one, by=by, at=at, sequence=one.sequence), one) for one in shown]
    _add_times(calendar, events)
    for event, lecture in events:
        gone = is_off(lecture)
        event.add("status", "CANCELLED" if gone else "CONFIRMED")
        _describe(event, lecture, by)
        if gone:  # Outlook shows a cancelled event as any other
            event["summary"] = vText(_("Cancelled: %(title)s", title=reader_text(lecture)))
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


PROGRAMS = {"google": "Google Calendar", "outlook": "Outlook.com", "microsoft-365": "Microsoft 365"}
"""Calendars on the web: what our own addresses call them, and the names of the products, the same in every language."""


@dataclass(frozen=True)
class CalendarLink:
    """Where a calendar on the web takes a lecture or a feed."""

    program: str
    url: str

    @property
    def name(self) -> str:
        """The name of the product."""
        return PROGRAMS[self.program]


def add_links(lecture: Lecture, by: Publisher) -> list[CalendarLink]:
    """Links that add a lecture with a date to calendars on the web.

    Times are in UTC; the page's address is in the description (ADR 48).
    """
    end = planned_end(lecture)
    if lecture.starts_at is None or end is None:
        return []
    page, start, end = by.page_of(lecture), lecture.starts_at.astimezone(UTC), end.astimezone(UTC)
    google = {
        "action": "TEMPLATE",
        "text": reader_text(lecture),
        "dates": f"{start:%Y%m%dT%H%M%SZ}/{end:%Y%m%dT%H%M%SZ}",
        "details": page,
        "location": page,
    }
    outlook = {
        "rru": "addevent",
        "subject": reader_text(lecture),
        "startdt": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "enddt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "body": page,
        "location": page,
    }
    return [
        CalendarLink("google", _address("https://calendar.google.com/calendar/render", google)),
        CalendarLink("outlook", _address("https://outlook.live.com/calendar/0/action/compose", outlook)),
        CalendarLink("microsoft-365", _address("https://outlook.office.com/calendar/action/compose", outlook)),
    ]


def subscribe_links(feed_url: str, name: str) -> list[CalendarLink]:
    """Where calendars on the web subscribe to a feed."""
    webcal = "webcal" + feed_url[feed_url.index(":") :]
    outlook = {"url": feed_url, "name": name}
    return [
        CalendarLink("google", _address("https://calendar.google.com/calendar/render", {"cid": webcal})),
        CalendarLink("outlook", _address("https://outlook.live.com/calendar/0/addfromweb", outlook)),
        CalendarLink("microsoft-365", _address("https://outlook.office.com/calendar/0/addfromweb", outlook)),
    ]


def _address(base: str, values: dict[str, str]) -> str:
    """Outlook shows a plus sign where other programs read a space."""
    return f"{base}?{urlencode(values, quote_via=quote)}"


def _calendar(method: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", f"-//Serai//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return calendar


def _event(lecture: Lecture, *, by: Publisher, at: datetime, sequence: int) -> Event:
    """Which lecture it is, in which version, and who says so."""
    event = Event()
    event.add("uid", by.uid_of(lecture))
    event.add("dtstamp", at)
    event.add("sequence", sequence)
    sender = vCalAddress(f"mailto:{by.address}")
    sender.params["cn"] = vText(by.name)
    event["organizer"] = sender
    return event


def _describe(event: Event, lecture: Lecture, by: Publisher) -> None:
    url = by.page_of(lecture)
    parts = [
        reader_text(lecture.series),
        reader_text(lecture, "abstract"),
        lecture.reason if lecture.state is LectureState.CANCELLED else "",
        url,
    ]
    event.add("summary", reader_text(lecture))
    event.add("description", "\n\n".join(part for part in parts if part))
    event.add("location", url)
    event.add("url", url)
    event.add("transp", "TRANSPARENT" if is_off(lecture) else "OPAQUE")
    if not is_off(lecture):
        room = vUri(url)
        room.params["value"] = "URI"
        room.params["feature"] = vText("VIDEO")
        room.params["label"] = vText(reader_text(lecture))
        event.add("conference", room, encode=False)


def _add_times(calendar: Calendar, events: Sequence[tuple[Event, Lecture]], *, was: datetime | None = None) -> None:
    """Gives each event its start and end, and the calendar the time zones of them.

    A zone is described by its one offset that holds for all its events here. Where there are several, as in a feed
    over a whole year, the events of the zone are written in UTC: Outlook knows no zone whose rules change.
    """
    offsets: dict[str, set[timedelta]] = {}
    for _ignored, lecture in events:
        offsets.setdefault(lecture.time_zone, set()).update(
            zones.offset(lecture.time_zone, moment) for moment in _times(lecture, was)
        )
    for name, shifts in offsets.items():
        if name != "UTC" and len(shifts) == 1:
            calendar.add_component(_zone(name, *shifts))
    for event, lecture in events:
        is_local = len(offsets[lecture.time_zone]) == 1 and lecture.time_zone != "UTC"
        zone = ZoneInfo(lecture.time_zone) if is_local else UTC
        for property_, moment in zip(("dtstart", "dtend"), _times(lecture, was), strict=False):
            event.add(property_, moment.astimezone(zone))


def _times(lecture: Lecture, was: datetime | None) -> tuple[datetime, ...]:
    """Start and end as planned; of a lecture without a date as it was planned (`was`), if that is known."""
    start = lecture.starts_at or was
    return () if start is None else (start, planned_end(lecture) or start + timedelta(minutes=lecture.duration_minutes))


def _zone(name: str, offset: timedelta) -> Timezone:
    """A zone with one offset for ever: programs that know its name take their own rules, the others are right too."""
    component, always = Timezone(), TimezoneStandard()
    component.add("tzid", name)
    always.add("dtstart", _FIRST)
    always.add("tzoffsetfrom", offset)
    always.add("tzoffsetto", offset)
    always.add("tzname", name)
    component.add_component(always)
    return component
