"""A lecture as a calendar file (RFC 5545), to be imported by hand: METHOD:PUBLISH, no ATTENDEE."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vCalAddress, vText

from lms import __version__
from lms.catalogue.models import Lecture, LectureState
from lms.core.errors import Refused
from lms.core.words import _

_STATUS = {LectureState.CANCELLED: "CANCELLED", LectureState.POSTPONED: "TENTATIVE", LectureState.DRAFT: "TENTATIVE"}
_AROUND = timedelta(days=400)


def lecture_calendar(lecture: Lecture, *, url: str, host: str, organiser: str, contact: str, at: datetime) -> bytes:
    """The file of one lecture. `host` makes its UID unique and never changes; `url` is the lecture's page.

    Refused for a lecture without a date.
    """
    if lecture.local_start is None or lecture.starts_at is None:
        raise Refused(_("This lecture has no date yet."))
    calendar = Calendar()
    calendar.add("prodid", f"-//Serai//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    event = Event()
    event.add("uid", f"lecture-{lecture.id}@{host}")
    event.add("dtstamp", at)
    event.add("sequence", lecture.sequence)
    event.add("status", _STATUS.get(lecture.state, "CONFIRMED"))
    event.add("summary", lecture.title)
    start = lecture.local_start.replace(tzinfo=ZoneInfo(lecture.time_zone))
    event.add("dtstart", start)
    event.add("duration", timedelta(minutes=lecture.duration_minutes))
    said = [
        lecture.series.title,
        lecture.abstract,
        lecture.reason if lecture.state is LectureState.CANCELLED else "",
        url,
    ]
    event.add("description", "\n\n".join(part for part in said if part))
    event.add("location", url)
    event.add("url", url)
    sender = vCalAddress(f"mailto:{contact}")
    sender.params["cn"] = vText(organiser)
    event["organizer"] = sender
    event.add("transp", "OPAQUE")
    if lecture.time_zone != "UTC":
        day = lecture.local_start.date()
        calendar.add_component(Timezone.from_tzid(lecture.time_zone, first_date=day - _AROUND, last_date=day + _AROUND))
    calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
