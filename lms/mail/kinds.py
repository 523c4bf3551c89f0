"""Kinds of e-mail: what people can decline, and which kind each template is of.

Each template in a slice's `templates/mail/` has one line in `KIND_OF`. What people decline is stored in `mail_choice`
(`lms.people.models`); `outbox` asks for it when a mail is posted, `stops` again before it is sent.
"""

from enum import StrEnum


class MailKind(StrEnum):
    """The kind of an e-mail."""

    ACCOUNT = "account"
    """Links for signing in, and what concerns the account: always sent."""
    PLACES = "places"
    """Confirmations, and answers to what somebody did: always sent."""
    REPORT = "report"
    """Scheduled reports: unsubscribed one at a time, by a separate link."""
    REMINDER = "reminder"
    REMINDER_HOUR = "reminder_hour"
    """A second reminder, for people who ask for it."""
    CHANGE = "change"
    """A lecture comes into the calendar, is moved or cancelled; a certificate requires more."""
    REPLAY = "replay"
    CERTIFICATE = "certificate"
    PLACE_WON = "place_won"
    """A place became free."""
    MESSAGE = "message"
    """Messages from the lecturers of a series."""
    DIGEST = "digest"
    """Once a week, for focal points and lecturers."""


KIND_OF = {
    "account_notice": MailKind.ACCOUNT,
    "address_taken": MailKind.ACCOUNT,
    "already_registered": MailKind.ACCOUNT,
    "change_address": MailKind.ACCOUNT,
    "check_address": MailKind.ACCOUNT,
    "claim": MailKind.ACCOUNT,
    "confirm": MailKind.ACCOUNT,
    "invitation": MailKind.ACCOUNT,
    "profile_request": MailKind.ACCOUNT,
    "reset": MailKind.ACCOUNT,
    "sign_in": MailKind.ACCOUNT,
    "appeal_answered": MailKind.PLACES,
    "enrolment_applied": MailKind.PLACES,
    "enrolment_enrolled": MailKind.PLACES,
    "enrolment_rejected": MailKind.PLACES,
    "enrolment_waitlisted": MailKind.PLACES,
    "enrolment_withdrawn": MailKind.PLACES,
    "nomination_invitation": MailKind.PLACES,
    "nominations_rejected": MailKind.PLACES,
    "recording_deletion": MailKind.PLACES,
    "message_test": MailKind.PLACES,
    "scheduled_report": MailKind.REPORT,
    "lecture_cancelled": MailKind.CHANGE,
    "lecture_invitation": MailKind.CHANGE,
    "lecture_left": MailKind.CHANGE,
    "lecture_postponed": MailKind.CHANGE,
    "requirement_grown": MailKind.CHANGE,
    "reminder_day": MailKind.REMINDER,
    "reminder_hour": MailKind.REMINDER_HOUR,
    "replay_open": MailKind.REPLAY,
    "certificate_ready": MailKind.CERTIFICATE,
    "confirm_name": MailKind.CERTIFICATE,
    "enrolment_place_won": MailKind.PLACE_WON,
    "feedback_asked": MailKind.MESSAGE,
    "message": MailKind.MESSAGE,
    "series_feedback_asked": MailKind.MESSAGE,
    "weekly_digest": MailKind.DIGEST,
}
"""Template → its kind, by kind."""

DECLINABLE = (
    MailKind.REMINDER,
    MailKind.REMINDER_HOUR,
    MailKind.CHANGE,
    MailKind.REPLAY,
    MailKind.CERTIFICATE,
    MailKind.PLACE_WON,
    MailKind.MESSAGE,
    MailKind.DIGEST,
)
"""What people choose, in the order in which pages list it."""

PER_SERIES = tuple(kind for kind in DECLINABLE if kind is not MailKind.DIGEST)
"""What people choose for one series differently than for the others."""

OFF_BY_DEFAULT = frozenset({MailKind.REMINDER_HOUR})
"""Kinds that only people who turned them on get."""


PRIORITY = {
    MailKind.ACCOUNT: 0,
    MailKind.PLACES: 1,
    MailKind.PLACE_WON: 1,
    MailKind.CHANGE: 1,
    MailKind.REMINDER: 2,
    MailKind.REMINDER_HOUR: 2,
}
"""What leaves first: somebody waits for a sign-in link now, for an answer or a change soon, for a reminder in time."""
LAST = 3
"""The priority of all other mails."""
PRIORITIES = (*sorted(set(PRIORITY.values())), LAST)


def priority_of(kind: MailKind) -> int:
    """When mails of a kind leave: smaller is earlier."""
    return PRIORITY.get(kind, LAST)


def kind_of(template: str) -> MailKind:
    """The kind of a template's mails. What is not listed is always sent."""
    return KIND_OF.get(template, MailKind.ACCOUNT)


def is_default(kind: MailKind) -> bool:
    """Whether people who chose nothing get e-mails of a kind."""
    return kind not in OFF_BY_DEFAULT
