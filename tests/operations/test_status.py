"""The status page: what `lms check` finds, in words, for administrators."""

from __future__ import annotations

import re

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.background.processes import record_heartbeat
from lms.core.background.recurring import list_tasks, note_runs
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


def test_each_recurring_task_is_listed_with_the_time_that_its_last_run_took(
    app: APIFlask, client: FlaskClient, make: Make
) -> None:
    make.sign_in(client, make.person(roles=["administrator"]))
    names = [task.name for task in list_tasks()][:3]
    with app.app_context():
        note_runs(
            {names[0]: {"ran_at": clock.now(), "seconds": 125.9}, names[1]: {"ran_at": clock.now(), "seconds": 0.2}}
        )
    table = client.get("/admin/status").text.split('data-testid="recurring"')[1].split("</table>")[0]
    rows = {name: row for row in table.split("<tr>") for name in names if f">{name[:1].upper()}{name[1:]}</th>" in row}
    assert '<td class="nobr">2 min 5 s</td>' in rows[names[0]]
    assert '<td class="nobr">less than 1 s</td>' in rows[names[1]]
    assert '<td class="nobr"></td>' in rows[names[2]]
