"""What mails of places and of lectures carry beside their text: the calendar file of the lectures they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app

from lms.catalogue.calendar import CalendarFile, lecture_calendar, lectures_calendar
from lms.catalogue.models import LectureState
from lms.catalogue.queries.lectures import find_lecture
from lms.core import clock
from lms.web import mail

OF_SERIES = ("enrolment_enrolled", "enrolment_place_won")
OF_LECTURE = ("lecture_cancelled", "lecture_postponed")


def init_app(app: Flask) -> None:
    """Has these mails prepared."""
    for template in OF_SERIES:
        mail.register(app, template, _with_series)
    for template in OF_LECTURE:
        mail.register(app, template, _with_lecture)


def _with_series(payload: Mapping[str, Any]) -> mail.More:
    """The lectures to come, as they are planned when the mail is sent."""
    found = [find_lecture(lecture_id) for lecture_id in payload.get("lecture_ids", ())]
    config, shown = current_app.extensions["lms.config"], [one for one in found if one is not None]
    return _attached(
        lectures_calendar(
            shown, base_url=config.base_url, organiser=config.organiser, contact=config.contact, at=clock.now()
        ),
        f"{payload.get('slug')}.ics",
    )


def _with_lecture(payload: Mapping[str, Any]) -> mail.More:
    """The lecture as it is when the mail is sent: entered anew, or removed."""
    lecture = find_lecture(int(payload.get("lecture_id") or 0))
    if lecture is None or lecture.state is LectureState.DRAFT:
        return _attached(None, "")
    config = current_app.extensions["lms.config"]
    file = lecture_calendar(
        lecture,
        url=f"{config.base_url}/lectures/{lecture.id}",
        host=urlsplit(config.base_url).hostname or "localhost",
        organiser=config.organiser,
        contact=config.contact,
        at=clock.now(),
    )
    return _attached(file, f"lecture-{lecture.id}.ics")


def _attached(file: CalendarFile | None, name: str) -> mail.More:
    if file is None:
        return mail.More({"has_calendar": False})
    kind = mail.Attachment(name, "text/calendar", file.content, {"method": file.method})
    return mail.More({"has_calendar": True}, (kind,))
