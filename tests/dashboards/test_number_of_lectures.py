"""The number of lectures of a series is the same on all pages: cancelled ones are not counted."""

from __future__ import annotations

import re
from datetime import timedelta

from lms.core.time import clock
from tests.factories import Make


def test_cancelled_lectures_are_counted_nowhere(make: Make) -> None:
    soon = clock.now() + timedelta(days=3)
    teacher, trainee = make.person("Lin", roles=["instructor"]), make.person("Amina")
    series = make.series("customs", instructors=[teacher])
    first = make.lecture(series, starts_at=soon)
    make.lecture(series, starts_at=soon + timedelta(days=1), state="cancelled", reason="Ill")
    make.lecture(series, starts_at=soon + timedelta(days=2))
    make.enrolment(series, trainee)
    stranger, own, staff = (make.app.test_client() for _ in range(3))
    make.sign_in(own, trainee)
    make.sign_in(staff, teacher)
    for client, path, words in (
        (stranger, "/", "2 lectures"),
        (stranger, "/series", "2 lectures"),
        (stranger, f"/lectures/{first.id}", "Lecture 1 of 2"),
        (own, "/me", "0 of 2 lectures held"),
        (staff, "/series/customs/schedule", "2 lectures"),
    ):
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(path).text))
        assert words in text, path
        assert not re.search(r"\b3 lectures|of 3\b", text), path
