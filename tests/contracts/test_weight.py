"""Light: what a first visit brings over the wire, with everything the page itself asks for (docs: the look)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.core import clock
from lms.people.models import Person
from tests.factories import Make

MOST_BYTES = 60_000
MOST_REQUESTS = 10
LECTURES = 30
"""More than a series of the demonstration has, so that the page has something to carry."""

_ASSET = re.compile(r'<(?:link|script|img)\b[^>]*?(?:href|src)="(/[^"]+)"')


def weight(answer: TestResponse) -> int:
    """Bytes of an answer as HTTP/1.1 sends it: status line, headers, body."""
    return len(answer.data) + sum(len(name) + len(value) + 4 for name, value in answer.headers.items()) + 20


def visit(client: FlaskClient, path: str) -> tuple[int, set[str]]:
    """The weight of a page with all it asks for, and what it asks for."""
    page = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert page.status_code == 200, path
    text = client.get(path).text
    wanted = {one for one in _ASSET.findall(text) if one.startswith("/static/")}
    assert any(one.endswith(".css") for one in wanted), path
    total = weight(page)
    for one in wanted:
        answer = client.get(one, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, one
        total += weight(answer)
    return total, wanted


@dataclass(frozen=True)
class Programme:
    """A series with many lectures, and somebody enrolled in it."""

    live: int
    trainee: Person


@pytest.fixture
def programme(make: Make) -> Programme:
    teacher = make.person("Grace Wanjiru Kariuki", roles=["instructor"])
    series = make.series("heavy", "Cross-border e-commerce for small exporters", instructors=[teacher])
    for number in range(LECTURES):
        make.lecture(
            series,
            f"Lecture {number} of a series whose titles are as long as titles are",
            local_start=datetime(2030, 1, 1, 10) + timedelta(days=number),  # noqa: DTZ001  local time, zone beside it
            instructors=[teacher],
        )
    began = clock.now() - timedelta(minutes=10)
    live = make.lecture(series, "Live", starts_at=began, actual_start=began, state="live", instructors=[teacher])
    for number in range(20):
        make.series(f"other-{number}", f"Another series {number}")
    trainee = make.person("Achieng Odhiambo")
    make.enrolment(series, trainee)
    return Programme(live.id, trainee)


@pytest.mark.parametrize("path", ["/", "/series", "/series/heavy", "/lectures/{live}", "/me", "/lectures/{live}/room"])
def test_a_first_visit_is_light(client: FlaskClient, make: Make, programme: Programme, path: str) -> None:
    make.sign_in(client, programme.trainee)

    total, wanted = visit(client, path.format(live=programme.live))

    assert total <= MOST_BYTES
    assert 1 + len(wanted) <= MOST_REQUESTS
