"""The resources of the API: under which one the OpenAPI document and the reference list each call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """A resource, and the parts of an address that lead to it."""

    name: str
    text: str
    segments: tuple[str, ...]

    @property
    def slug(self) -> str:
        """Its name in the address of its page."""
        return self.name.lower().replace(" ", "-")


RESOURCES = (
    Resource("Tokens", "Get a token for all other calls.", ("tokens",)),
    Resource("Series", "Series with their policies and fair hours.", ("series",)),
    Resource("Lectures", "Plan, publish, change and read lectures.", ("lectures",)),
    Resource(
        "Lecture states",
        "Start, pause, end, postpone, cancel and reopen lectures, and confirm their times.",
        (
            "lectures/start",
            "lectures/pause",
            "lectures/resume",
            "lectures/end",
            "lectures/undo-start",
            "lectures/reopen",
            "lectures/hold",
            "lectures/confirm",
            "lectures/cancel",
            "lectures/postpone",
            "lectures/times",
        ),
    ),
    Resource("Enrolments", "Who is in a series, applies or waits.", ("enrolments",)),
    Resource("Enrolment changes", "Accept, reject or withdraw many people at once.", ("enrolment-changes",)),
    Resource("Seats", "Seats of a series, quotas of countries, and who got which seat.", ("seats", "quotas")),
    Resource("Nominations", "People whom countries propose for a series, and their letters.", ("nominations",)),
    Resource("Decisions on nominations", "Approve or reject nominations, and undo it.", ("decisions",)),
    Resource("Taking part", "Join a live lecture and stay in it.", ("join", "presence")),
    Resource("Attendance", "The roster of a lecture, and when it was closed.", ("attendance", "attendance-closings")),
    Resource("Corrections", "Correct the attendance of many people at once.", ("attendance-corrections",)),
    Resource("Appeals", "Questions of participants about their attendance.", ("appeals",)),
    Resource(
        "Attendance imports",
        "Reports of meeting systems, and the attendees in them who are not matched to a person.",
        ("attendance-imports", "attendance-unknown"),
    ),
    Resource(
        "Viewing groups",
        "Groups that watch together, their lists and signatures.",
        ("groups", "groups/people", "check-ins"),
    ),
    Resource("Certificates", "Read, verify, download, revoke and withdraw certificates.", ("certificates",)),
    Resource(
        "Issue of certificates",
        "Preview who has earned a certificate, ask for names, stop issuing, and download all in one file.",
        ("certificates/preview", "certificates/reminders", "certificates/bundles", "certificates/stop"),
    ),
    Resource("Messages", "E-mails from the staff of a series to the people enrolled.", ("messages",)),
    Resource("Figures", "Sessions, participants, attendances and countries.", ("totals",)),
    Resource("Published reports", "Reports with frozen figures.", ("reports",)),
    Resource("Saved reports", "Reports saved under a name, and their schedule.", ("saved-reports",)),
    Resource("Exports", "People or attendances as a file.", ("exports",)),
    Resource("People", "Profiles, duplicates and choices of e-mail.", ("people",)),
    Resource("Countries", "The organiser's list of countries and areas.", ("countries",)),
    Resource("Tasks", "Progress and results of what runs in the background.", ("jobs",)),
)
"""Every resource, in the order of the reference."""
_BY_SEGMENT = {segment: resource for resource in RESOURCES for segment in resource.segments}


def resource_of(path: str) -> Resource:
    """Returns the resource of an address: of its last part that belongs to one. Raises LookupError if none does."""
    parts = [part for part in path.split("/") if "{" not in part]
    for place in range(len(parts) - 1, -1, -1):
        for segment in ("/".join(parts[place - 1 : place + 1]), parts[place]):
            if segment in _BY_SEGMENT:
                return _BY_SEGMENT[segment]
    raise LookupError(f"{path} belongs to no resource: add it to lms/web/api_resources.py")
