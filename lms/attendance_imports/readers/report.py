"""The content of an attendance report, whatever system wrote it."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from lms.attendance_imports.readers.timestamps import DateOrder
from lms.core.base.errors import Fault
from lms.core.time import clock

_HOURS_MS = 3 * 3_600_000
"""A meeting is open some time before its lecture and after it."""


@dataclass(frozen=True)
class ReadingOptions:
    """The user's statements about a file: the time zone, the order of its dates, the meaning of its headings, and how
    several totals of one person are read (`sums`: add, largest).

    `near` and `until` are the start and the end of the lecture, for files that say the time of the day only or that
    hold several meetings.
    """

    time_zone: ZoneInfo | None = None
    date_order: DateOrder | None = None
    mapping: dict[str, str] | None = None
    near: datetime | None = None
    until: datetime | None = None
    sums: str = ""

    def is_near(self, first_ms: int, last_ms: int) -> bool:
        """Whether a meeting from one instant to another may be the lecture: all may where nobody said when that is."""
        if self.near is None:
            return True
        start = clock.to_ms(self.near)
        end = clock.to_ms(self.until) if self.until is not None else start
        return first_ms - _HOURS_MS <= end and start - _HOURS_MS <= last_ms


@dataclass(slots=True)
class ReportRow:
    """One stay: line of the file, who as the file says, from when to when (milliseconds UTC).

    `name` has its decorations taken off, `said` is as the file writes it; `registrant` is the meeting system's own id
    of the person; `role` is attendee, host, panelist or nothing. `stated_ms`: of a sum that was placed, how much
    presence there was from `joined_ms` to `left_ms`; null: all the time.
    """

    line: int
    email: str
    name: str
    joined_ms: int
    left_ms: int
    registrant: str = ""
    role: str = ""
    reported_name: str = ""
    stated_ms: int | None = None

    @property
    def is_timed(self) -> bool:
        """Whether the report says when: a sum without any time was placed where the lecture starts."""
        return self.stated_ms is None or self.joined_ms < self.left_ms

    @property
    def content(self) -> tuple[int, int, str]:
        """Its content as evidence, apart from the person: a sum without times is the same wherever placed."""
        if self.stated_ms is None:
            return self.joined_ms, self.left_ms, "import"
        if not self.is_timed:
            return 0, 0, f"import:{self.stated_ms}"
        return self.joined_ms, self.left_ms, f"import:{self.stated_ms}"


@dataclass(slots=True)
class SumRow:
    """A person's total: how long (milliseconds) and, where the file has them, the first join, the last leave and the
    number of joins. The identity is as in `ReportRow`.
    """

    line: int
    email: str
    name: str
    first_ms: int | None
    last_ms: int | None
    joins: int | None
    total_ms: int
    registrant: str = ""
    role: str = ""
    reported_name: str = ""

    @property
    def content(self) -> tuple[int | None, int | None, int]:
        """Its content, apart from the person."""
        return self.first_ms, self.last_ms, self.total_ms


@dataclass
class Report:
    """A file that was read: `total` rows, those that can be taken, and what is wrong with the others.

    `is_local`: the zone that was given decides about its times; `was_ordered`: so does the order of day and month;
    `may_lack_halves`: no hour is above 12, and no AM or PM is there.
    `not_read` are the headings that mean nothing here.
    `title`, `meeting` (its number), `starts_ms` and `ends_ms` are what the file says of the meeting itself.
    `signature` identifies the headings of a table whose columns were given a meaning.
    """

    format: str = ""
    total: int = 0
    rows: list[ReportRow] = field(default_factory=list)
    sums: list[SumRow] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)
    title: str = ""
    meeting: str = ""
    starts_ms: int | None = None
    ends_ms: int | None = None
    is_local: bool = False
    was_ordered: bool = False
    may_lack_halves: bool = False
    signature: str = ""
