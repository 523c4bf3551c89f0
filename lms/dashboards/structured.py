"""Structured data on a lecture's page for search engines and calendars: schema.org as JSON-LD."""

import json
from typing import Any

from flask import url_for
from markupsafe import Markup

from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import planned_end
from lms.core.base.settings import settings
from lms.dashboards.texts import summary, translation
from lms.web.api.api import rfc3339

_STATUS = {LectureState.CANCELLED: "EventCancelled", LectureState.POSTPONED: "EventPostponed"}


def lecture(shown: Lecture) -> Markup:
    """An EducationEvent, for use inside a script element: no `<` in it."""
    config = settings()
    address = config.base_url + url_for("dashboards.lecture", lecture_id=shown.id)
    begins = shown.actual_start or shown.starts_at
    event: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "EducationEvent",
        "@id": address,
        "url": address,
        "name": translation(shown).text,
        "description": summary(translation(shown, "abstract").text, 500),
        "startDate": rfc3339(begins),
        "endDate": rfc3339(shown.actual_end or planned_end(shown)),
        "eventStatus": f"https://schema.org/{_STATUS.get(shown.state, 'EventScheduled')}",
        "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
        "location": {"@type": "VirtualLocation", "url": address},
        "inLanguage": shown.language,
        "isAccessibleForFree": True,
        "organizer": {"@type": "Organization", "name": config.organiser, "url": config.base_url},
        "performer": [{"@type": "Person", "name": person.full_name} for person in shown.instructors],
        "superEvent": {
            "@type": "EventSeries",
            "name": translation(shown.series).text,
            "url": config.base_url + url_for("dashboards.series", slug=shown.series.slug),
        },
    }
    fields = {name: value for name, value in event.items() if value not in (None, "", [])}
    written = json.dumps(fields, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
    return Markup(written)  # noqa: S704 - no sign that HTML reads is left in it
