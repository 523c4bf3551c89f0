"""Values with which templates of mails are previewed: one set for all, and what some need besides."""

from datetime import datetime, timedelta
from typing import Any

from lms.certificates.eligibility import Earning
from lms.certificates.remaining import Standing
from lms.mail.outbox import SECRET
from lms.mail.rendering import STRUCK_OUT


def values_of(template: str, *, at: datetime) -> dict[str, Any]:
    """Returns what an example of a mail says. Instants are as in payloads."""
    soon = (at + timedelta(days=7)).isoformat()
    common = {
        SECRET: STRUCK_OUT,
        "full_name": "Achieng Odhiambo",
        "native_name": None,
        "title": "Cross-border e-commerce for small exporters",
        "series": "Cross-border e-commerce for small exporters",
        "slug": "cross-border",
        "language": "en",
        "lecture": "Getting paid",
        "lecture_id": 1,
        "starts_at": soon,
        "old_at": at.isoformat(),
        "new_at": soon,
        "answer_by_at": soon,
        "changed_at": at.isoformat(),
        "told_at": at.isoformat(),
        "has_account": True,
        "has_calendar": False,
        "has_file": False,
        "lectures": [],
        "accept": False,
        "enrolled_by": None,
        "nominated_by": "Peter Mutua",
        "asked_by": "Peter Mutua",
        "country": "KE",
        "position": 3,
        "reason": "The lecturer is ill.",
        "what": "password",
        "waits": False,
        "accepted": True,
        "outcome": "attended",
        "words": "We found it in the report.",
        "names": ["Otieno Wanjala", "Chebet Koech"],
        "more": 0,
        "duration_minutes": 90,
        "deletes_at": soon,
        "counts_until_at": soon,
        "changes": 2,
        "needed": 54,
        "states_progress": True,
        "progress": Standing(Earning(lectures=8, needed=6, to_come=5), attended=3, remaining=5).in_numbers,
        "lecturers": ["Lin Yuhan"],
        "interpretation": ["fr", "ar"],
        "was_there": False,
        "certificates": [
            {"title": "Cross-border e-commerce for small exporters", "number": "SR-7K4M-92QF-XH3D-8PWN-N"},
            {"title": "Green trade", "number": "SR-9D2R-66WM-TB4K-7VHC-A"},
        ],
        "subject": "The slides of the first lecture",
        "paragraphs": ["Dear Achieng Odhiambo,", "The slides are on the page of the lecture."],
        "query": "",
    }
    return common | _OF.get(template, {})


_OF: dict[str, dict[str, Any]] = {
    "lecture_cancelled": {"title": "Getting paid"},
    "lecture_postponed": {"title": "Getting paid"},
    "appeal_answered": {"title": "Getting paid"},
    "reminder_day": {"title": "Getting paid"},
    "reminder_hour": {"title": "Getting paid"},
    "replay_open": {"title": "Getting paid", "in_room": True},
    "feedback_asked": {"title": "Getting paid", "link": "/feedback/example"},
    "series_feedback_asked": {"link": "/feedback/example"},
    "recording_deletion": {"title": "Getting paid", "minutes": 88},
    "lecture_invitation": {"title": "Getting paid"},
    "lecture_left": {"title": "Getting paid"},
    "requirement_grown": {
        "lectures": [5, 6],
        "minutes": [0, 0],
        "percent": [50, 60],
        "checks": [0, 1],
        "feedback": [0, 2],
    },
    "weekly_digest": {
        "countries": [{"code": "KE", "new": 12, "waiting": 1, "invited": 2, "drafts": 1, "behind": 3, "lectures": []}],
        "teaching": {"appeals": 1, "unmatched": 2, "late": 0, "lectures": []},
    },
    "nominations_rejected": {"reason": "Not an official"},
    "scheduled_report": {
        "title": "Participants by country",
        "period": "1 July 2026 to 30 September 2026",
        "sentence": "3,204 participants from 61 countries in 12 sessions",
        "figures": [("sessions", 12), ("participants", 3204)],
        "figure": "participants",
        "by": ["Country"],
        "groups": [("Kenya", 351), ("Uganda", 204)],
        "further": 0,
        "opening": [],
        "as_at": datetime.fromisoformat("2026-10-01T00:00:00+00:00"),
    },
}
