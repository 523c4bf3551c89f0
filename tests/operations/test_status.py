"""The status page: what `lms check` finds, in words, for administrators."""

from __future__ import annotations

import re

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.background.processes import record_heartbeat
from lms.core.time import clock
from lms.operations.check import CHECKS, OF_PAGE, WITHOUT_SCHEMA
from tests.factories import Make

pytestmark = pytest.mark.databases


def parts(page: str) -> list[tuple[str, str]]:
    """(level, part) of each row, in the order of the page."""
    return re.findall(r'data-testid="part-(\w+)">\s*<th scope="row" class="nobr" lang="en">(\w[\w ]*\w)', page)


def test_what_needs_action_stands_first_with_what_to_do(app: APIFlask, client: FlaskClient, make: Make) -> None:
    make.sign_in(client, make.person(email="admin@example.org", roles=["administrator"]))
    page = client.get("/admin/status").text
    levels = [level for level, _part in parts(page)]
    assert levels == sorted(levels, key=["fault", "warning", "ok"].index)
    assert ("fault", "Worker") in parts(page)
    assert "None is running" in page
    assert '<code dir="ltr">lms worker</code>' in page
    now = clock.now()
    with app.app_context():
        record_heartbeat("here:1", started_at=now, at=now)
    assert ("ok", "Worker") in parts(client.get("/admin/status").text)


def test_the_page_shows_only_what_the_command_finds_too() -> None:
    assert set(OF_PAGE) <= {*CHECKS, *WITHOUT_SCHEMA}
