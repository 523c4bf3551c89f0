"""What people may be told of one lecture and its series: plain sets of moments, and none of the product's rules.

Time is counted in quarters of a minute since the history began. A person is a number.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

MINUTE = 4
DAY = 24 * 60 * MINUTE
SHORTEST_SESSION = 5 * MINUTE
ANNOUNCED_AFTER = 15 * MINUTE
ANNOUNCED_WITHIN = AWAITED = 14 * DAY


@dataclass(frozen=True)
class Course:
    """What a series asks for: the percent of a lecture, the days for which a replay counts, and the share in percent of
    its lectures or their number. `outside`: the lecture is given in a meeting system that sends a report."""

    percent: int
    replay_days: int
    share: int
    number: int | None
    outside: bool


@dataclass(frozen=True)
class Result:
    """What a lecture amounts to for one person. `counted` is null for what only a correction says."""

    outcome: str
    counted: int
    by_replay: bool


@dataclass
class Model:
    """One lecture of a series with three others: `earlier` was held, `later` is planned, `draft` is to be published.

    `sent` is what was sent and packaged, moment by moment, each as its moment of the day; `uploaded`: so long is the
    recording that somebody uploaded in its place. `sent_since`: when the first session began.
    """

    course: Course
    planned: tuple[int, int]
    since: dict[int, int]
    silent: set[int]
    coming: dict[str, int]
    earlier: set[int]
    now: int = 0
    state: str = "scheduled"
    start: int = 0
    end: int = 0
    pauses: list[tuple[int, int]] = field(default_factory=list)
    paused_since: int | None = None
    live: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    played: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    watched: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    by_hand: dict[int, str] = field(default_factory=dict)
    has_report: bool = False
    is_closed: bool = False
    later: set[int] | None = None
    later_end: int = 0
    published_at: int | None = None
    known: dict[int, int] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    uploaded: int | None = None
    sent_since: int | None = None
    trim: tuple[int, int | None] = (0, None)
    is_complete: bool = False
    available: int | None = None
    announcements: list[int] = field(default_factory=list)
    told: set[int] = field(default_factory=set)

    # The lecture

    def given(self) -> set[int]:
        """The moments of the lecture so far, without its pauses."""
        until = self.end if self.state == "held" else self.now
        pauses = [*self.pauses, *([(self.paused_since, until)] if self.paused_since is not None else [])]
        return set(range(self.start, until)) - {moment for pause in pauses for moment in range(*pause)}

    def had_enough_of_plan(self, person: int) -> bool:
        """Whether somebody was there for the share of the planned length within its first moments that were given."""
        length = self.planned[1] - self.planned[0]
        return self.suffices(self.live[person] & set(sorted(self.given())[:length]), length)

    def suffices(self, moments: set[int], length: int) -> bool:
        """Whether so much makes *attended* of a lecture of this length."""
        return len(moments) * 100 >= self.course.percent * length > 0

    def result(self, person: int) -> Result:
        """What the lecture, once held, amounts to: a replay only where presence alone does not suffice."""
        given, is_kept = self.given(), self.had_enough_of_plan(person)
        there, by_replay = self.live[person] & given, False
        if not is_kept and not self.suffices(there, len(given)):
            with_replay = (self.live[person] | self.played[person]) & given
            is_glance = not there and len(with_replay) < MINUTE and not self.suffices(with_replay, len(given))
            by_replay = len(with_replay) > len(there) and not is_glance
            there = with_replay if by_replay else there
        if person in self.by_hand:
            return Result(self.by_hand[person], len(there), by_replay)
        is_enough = is_kept or self.suffices(there, len(given))
        outcome = "attended" if is_enough else "partial" if there else "absent"
        return Result(outcome, len(there), by_replay)

    def is_expected(self, person: int) -> bool:
        """Whether somebody had a place when the lecture ended."""
        return person in self.since and self.since[person] <= self.end

    def is_missed(self, person: int) -> bool:
        """Whether somebody missed the lecture or a part of it: not who was invited only, and never came."""
        is_invited = person in self.silent and not (self.live[person] or self.played[person] or person in self.by_hand)
        return self.is_expected(person) and not is_invited and self.result(person).outcome in ("absent", "partial")

    @property
    def is_session(self) -> bool:
        """Whether the lecture is in the totals: not one of moments, nor one that nobody came to."""
        came = any(self.result(person).outcome in ("attended", "partial") for person in self.since)
        return self.state == "held" and len(self.given()) >= SHORTEST_SESSION and came

    # The replay

    @property
    def recorded(self) -> list[int]:
        """The recording: an uploaded one is laid through the time of the lecture that was not paused."""
        if self.uploaded is None:
            return self.sent
        return [*sorted(self.given()), *range(self.end, self.end + self.uploaded)][: self.uploaded]

    @property
    def shown(self) -> list[int]:
        """What the replay shows."""
        return self.recorded[slice(*self.trim)] if self.is_complete and self.state == "held" else []

    @property
    def will_count(self) -> bool:
        """Whether a replay is being made that will count, as far as anybody can know."""
        if self.is_complete or self.sent_since is None or not self.course.replay_days or self.state == "scheduled":
            return False
        length = self.length
        lost = len({moment for moment in self.given() if moment < self.sent_since})
        shown = min(length - lost, length if self.uploaded is None else self.uploaded)
        return shown * 100 >= self.course.percent * length > 0

    @property
    def length(self) -> int:
        """How long the lecture is: of a live one as planned, or longer."""
        given = len(self.given())
        return given if self.state == "held" else max(given, self.planned[1] - self.planned[0])

    @property
    def counts_until(self) -> int | None:
        """Until when watching counts; null where it does not."""
        if not self.shown or not self.course.replay_days or self.available is None:
            return None
        if not self.suffices(set(self.shown) & self.given(), len(self.given())):
            return None
        return max(self.end, self.available) + self.course.replay_days * DAY

    @property
    def counts_now(self) -> bool:
        """Whether what people who are enrolled play now is counted."""
        return self.counts_until is not None and self.now <= self.counts_until

    def is_open(self, person: int) -> bool:
        """Whether a replay could still make the lecture, which is over, count for somebody."""
        is_over = self.state == "held" and self.result(person).outcome != "attended"
        return is_over and person not in self.by_hand

    def still_helps(self, person: int) -> bool:
        """Whether somebody is told that the replay counts."""
        return person in self.since and self.counts_now and self.is_open(person)

    def play(self, person: int, positions: range, began: int) -> None:
        """Each moment once, and no more than can be played at double speed since the page was opened."""
        self.watched[person] |= set(range(began, self.now))
        most = 2 * len(self.watched[person]) + 1 - len(self.played[person])
        fresh = sorted({self.shown[position] for position in positions if position < len(self.shown)})
        self.played[person] |= set([moment for moment in fresh if moment not in self.played[person]][: max(most, 0)])

    # The certificate

    def to_come(self) -> set[str]:
        """The lectures that are not held yet."""
        others = {
            name
            for name, starts in self.coming.items()
            if name != "draft" or self.published_at is not None or starts > self.now
        }
        held = {"later"} if self.later is not None else set()
        return (others - held) | ({"this"} if self.state != "held" else set())

    def counted(self) -> set[str]:
        """The lectures that the certificate is measured by."""
        this = {"this"} if self.state != "held" or self.is_session else set()
        later = {"later"} if self.later else set()
        return {"earlier"} | later | this | self.to_come()

    @property
    def needed(self) -> int:
        """How many lectures the certificate asks for."""
        return self.course.number or max(1, -(-len(self.counted()) * self.course.share // 100))

    def attended(self, person: int) -> int:
        """How many lectures somebody attended."""
        this = self.is_session and person in self.since and self.result(person).outcome == "attended"
        return (person in self.earlier) + (person in (self.later or ())) + this

    def can_reach_live(self, person: int) -> bool:
        """Whether a live lecture can still count: by the time that is left, by its replay, by who was there so far; and
        for all enrolled where nobody knows yet who is in the meeting."""
        left = self.length - len(self.given())
        there = len(self.live[person] & self.given()) if person in self.since else 0
        is_unknown = self.course.outside and person in self.since
        is_kept = person in self.since and self.had_enough_of_plan(person)
        return self.will_count or is_unknown or is_kept or (there + left) * 100 >= self.course.percent * self.length

    def remaining(self, person: int) -> tuple[int, int, int]:
        """How many lectures can still be attended, how many replays help or will, and how many lectures were held that
        nobody is counted in so far."""
        lectures = len(self.to_come()) - (self.state == "live" and not self.can_reach_live(person))
        if person not in self.since:  # who comes now is too late for what should be over
            length = self.planned[1] - self.planned[0]
            lectures -= sum(self.coming[name] + length <= self.now for name in self.to_come() & self.coming.keys())
        replays = "this" in self.counted() and self.is_open(person) and (self.counts_now or self.will_count)
        ends = [self.end] * (self.state == "held" and not self.is_session)
        ends += [self.later_end] * (self.later is not None and not self.later)
        return lectures, int(replays), sum(end > self.now - AWAITED for end in ends)

    def can_earn(self, person: int) -> bool:
        """Whether what somebody attended and what remains is enough."""
        return self.attended(person) + sum(self.remaining(person)) >= self.needed

    def has_earned(self, person: int) -> bool:
        """Whether somebody attended enough for the certificate."""
        return person in self.since and self.attended(person) >= self.needed

    def is_behind(self, person: int) -> bool:
        """Whether somebody attended less so far than is asked for, and can still earn the certificate."""
        counted, coming = len(self.counted()), len(self.to_come())
        is_short = self.attended(person) * counted < self.needed * (counted - coming)
        return is_short and not self.has_earned(person) and self.can_earn(person)

    # Mails

    @property
    def is_settled(self) -> bool:
        """Whether all lectures that were held are counted, so that the requirement is what it stays."""
        return (self.state != "held" or self.is_session) and self.later != set()

    def know(self) -> None:
        """Who knows what the certificate asks for: what they read when they came, and less once that is certain."""
        for person in self.since:
            known = self.known.setdefault(person, self.needed)
            self.known[person] = min(known, self.needed) if self.is_settled else known

    def unaware(self) -> set[int]:
        """Who is to be told that the certificate asks for more since a lecture was published."""
        if self.published_at is None:
            return set()
        return {person for person in self.since if self.needed > self.known[person] and not self.has_earned(person)}

    @property
    def awaits_report(self) -> bool:
        """Whether nobody knows yet who was in a meeting elsewhere."""
        return self.course.outside and not self.has_report and not self.is_closed

    def announce(self) -> dict[int, int | None]:
        """Who is told by now of the recording, and until when it counts for them. Nobody is told twice."""
        due = [moment for moment in self.announcements if moment <= self.now]
        self.announcements = [moment for moment in self.announcements if moment > self.now]
        if not due or not self.shown or self.now > self.end + ANNOUNCED_WITHIN or self.awaits_report:
            return {}
        missed = {person for person in set(self.since) - self.told if self.is_missed(person)}
        self.told |= missed
        return {person: self.counts_until if self.still_helps(person) else None for person in missed}
