"""Rules of appeals: their content, their deadline, and which unknown names resemble a person's. Pure decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from rapidfuzz import fuzz

from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _
from lms.core.text.typed_text import checked_words
from lms.people.names import plain_name

WINDOW = timedelta(days=30)
"""How long after a lecture a person can appeal: from its end, from the day it was entered, or from its last report."""
NAME_LENGTH = 200
_DAY = timedelta(days=1)
ALIKE = 75
"""The minimum score (of 100) of names shown next to an appeal. Nothing is matched by it."""


@dataclass(frozen=True, kw_only=True)
class AppealInput:
    """A person's statement: from when to when (both or neither), under which name, and in their own words."""

    said_from: datetime | None = None
    said_to: datetime | None = None
    joined_as: str = ""
    text: str = ""

    def checked(self, start: datetime, end: datetime) -> "AppealInput":
        """Validates an appeal for storage. Raises Invalid for half a time span, one outside the lecture, or an empty
        appeal.
        """
        if (self.said_from is None) != (self.said_to is None):
            field = "there_from" if self.said_from is None else "there_to"
            raise Invalid(field, _("Enter both times, or neither."))
        if self.said_from is not None and self.said_to is not None:
            if self.said_to <= self.said_from:
                raise Invalid("there_to", _("The end is before the start."))
            outside = self.said_from < start - _DAY or self.said_to > end + _DAY
            if outside or self.said_to <= start or self.said_from >= end:
                raise Invalid("there_from", _("The lecture was not running at that time."))
        name = checked_words(" ".join(self.joined_as.split()), "joined_as")
        if len(name) > NAME_LENGTH:
            raise Invalid("joined_as", _("Use at most %(n)s characters.", n=NAME_LENGTH))
        words = checked_words(self.text, "text")
        if self.said_from is None and not name and not words:
            raise Invalid("text", _("Describe what is wrong, or enter when you were there."))
        return AppealInput(said_from=self.said_from, said_to=self.said_to, joined_as=name, text=words)


def check_in_time(until: datetime, at: datetime) -> None:
    """Raises Refused once the time to appeal is over."""
    if at > until:
        raise Refused(
            _("You can ask for a review within %(n)s days of the lecture. That period is over.", n=WINDOW.days)
        )


def nearest(clock: str, zone: str, moment: datetime) -> datetime:
    """The timestamp nearest to a moment at which a clock in a time zone shows `HH:MM`. Raises ValueError."""
    hour, minute = (int(part) for part in clock.split(":")[:2])
    local = moment.astimezone(ZoneInfo(zone)).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return min((local + timedelta(days=day) for day in (-1, 0, 1)), key=lambda candidate: abs(candidate - moment))


class Named(Protocol):
    """Anything with a name or e-mail address from a report."""

    @property
    def name(self) -> str | None: ...

    @property
    def email(self) -> str | None: ...


N = TypeVar("N", bound=Named)


def resembling(names: Iterable[str | None], seen: Sequence[N]) -> list[N]:
    """Unmatched presence with a name, or the part of an address before its @, similar to one of these names."""
    plain_names = [plain for name in names if name and (plain := plain_name(name))]
    alike = []
    for attendee in seen:
        reported = [
            plain_name(attendee.name or ""),
            plain_name((attendee.email or "").partition("@")[0].replace(".", " ")),
        ]
        if any(text and fuzz.token_sort_ratio(name, text) >= ALIKE for name in plain_names for text in reported):
            alike.append(attendee)
    return alike
