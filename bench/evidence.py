"""Evidence in great number, put straight into the tables: held lectures of one series, with intervals of its people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.attendances import put

BEGAN = datetime(2026, 3, 4, 6, tzinfo=UTC)
EARLY = BEGAN - timedelta(days=30)
MINUTE = 60_000


def fill(intervals: int, lectures: int, people: int) -> None:
    """Fills empty tables: each lecture has its part of the intervals, two of each person: a rejoin, or an overlap."""
    ids = range(1, people + 1)
    put("person", "id, public_id, canonical_id, full_name, locale, created_at",
        ((i, f"e{i}", i, f"Person {i}", "en", EARLY) for i in ids))  # fmt: skip
    put("person_country", "person_id, country_id, since", ((i, 1 + i % 80, EARLY.date()) for i in ids))
    put("series", "id, slug, title, description, language, visibility, admission, taken, created_at",
        [(1, "evidence", "Evidence", "", "en", "public", "open", people, EARLY)])  # fmt: skip
    put("policy", "id, series_id, version, min_percent, min_lectures_percent, replay_days, walk_ins, confirmed_names, "
        "created_at", [(1, 1, 1, 60, 60, 30, "enrol", False, EARLY)])  # fmt: skip
    put("enrolment", "public_id, series_id, person_id, status, source, registered_at, queued_at, enrolled_at",
        ((f"n{i}", 1, i, "enrolled", "self", EARLY, EARLY, EARLY) for i in ids))  # fmt: skip
    starts = [BEGAN + timedelta(days=number) for number in range(lectures)]
    put("lecture", "id, series_id, title, abstract, state, time_zone, duration_minutes, language, interpretation, "
        "materials, delivery, starts_at, actual_start, actual_end, policy_id, sequence, created_at",
        ((i, 1, f"Lecture {i}", "", "held", "UTC", 90, "en", "[]", "[]", "link", start, start,
          start + timedelta(minutes=90), 1, 0, EARLY) for i, start in enumerate(starts, 1)))  # fmt: skip
    put("presence", "lecture_id, person_id, source, joined_ms, left_ms, evidence", _stays(intervals, starts, people))


def _stays(intervals: int, starts: list[datetime], people: int) -> Iterator[tuple[object, ...]]:
    each = intervals // len(starts)
    for lecture, start in enumerate(starts, 1):
        began = int(start.timestamp() * 1000)
        for number in range(each):
            person, again = number // 2 % people + 1, number % 2
            joined = began + (person * 7 + lecture * 3) % 20 * MINUTE + again * (15 + person % 40) * MINUTE
            left = joined + (20 + (person + lecture) % 35) * MINUTE
            yield lecture, person, "import", joined, left, f"{lecture:x}-{number:x}"
