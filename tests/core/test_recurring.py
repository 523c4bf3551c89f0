"""What recurs: each task by itself, by one worker at a time, with its last run and fault in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.background import recurring
from lms.core.background.leases import HeldLeases, release_all
from lms.core.background.recurring import RecurringTask, Rounds, list_runs
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.dashboards.queries.operation import collect_operation
from lms.operations.checks.model import CheckContext, Finding, Level
from lms.operations.checks.service import check_recurring
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


class Counted:
    """Work that can be made to fail."""

    def __init__(self) -> None:
        self.times = 0
        self.fault: Exception | None = None

    def __call__(self, *, at: datetime) -> None:
        self.times += 1
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> tuple[Counted, Counted]:
    """The work of the tasks "first" and "second", which are due each time."""
    first, second = Counted(), Counted()
    tasks = {name: RecurringTask(name, work, 0, "thread") for name, work in (("first", first), ("second", second))}
    monkeypatch.setattr(recurring, "_TASKS", tasks)
    return first, second


def runs() -> dict[str, tuple[int, str | None]]:
    db.session.rollback()
    return {name: (run.failures, run.error) for name, run in list_runs().items()}


def found(app: APIFlask, at: datetime | None = None) -> list[Finding]:
    return list(check_recurring(CheckContext(app.extensions["lms.config"], at or clock.now(), is_quick=True)))


def test_a_task_that_fails_holds_up_no_other(works: tuple[Counted, Counted]) -> None:
    first, second = works
    first.fault = LookupError("nothing")
    rounds = Rounds(recurring.list_tasks())
    rounds.run_due()
    assert (first.times, second.times) == (1, 1)
    assert runs() == {"first": (1, "LookupError"), "second": (0, None)}


def test_a_statement_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    tasks = [
        RecurringTask("first", lambda **_at: db.session.execute(db.text("SELECT nothing FROM nowhere")), 0, "thread"),
        RecurringTask("second", lambda **_at: done.append("second"), 0, "thread"),
    ]
    Rounds(tasks).run_due()
    assert done == ["second"]


def test_a_change_is_noted_at_once_and_what_goes_on_once_a_minute(
    works: tuple[Counted, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _second = works
    noted: list[set[str]] = []
    write = recurring.note_runs
    monkeypatch.setattr(recurring, "note_runs", lambda outcomes: (noted.append(set(outcomes)), write(outcomes)))
    rounds = Rounds(recurring.list_tasks())
    for fault in (None, None, ValueError("x"), ValueError("x"), None, None):
        first.fault = fault
        rounds.run_due()
    assert noted == [{"first", "second"}, {"first"}, {"first"}]
    assert runs()["first"] == (0, "ValueError")  # the last fault stays to be read
    monkeypatch.setattr(recurring, "NOTE_SECONDS", 0)
    rounds.run_due()
    assert noted[-1] == {"first", "second"}


def test_a_task_is_run_when_it_is_due(works: tuple[Counted, Counted]) -> None:
    first, second = works
    rounds = Rounds([RecurringTask("first", first, 60, "thread"), RecurringTask("second", second, 0, "thread")])
    rounds.run_due()
    rounds.run_due()
    assert (first.times, second.times) == (1, 2)


def test_one_worker_does_a_task_until_it_ends(app: APIFlask, works: tuple[Counted, Counted]) -> None:
    first, _second = works
    ours, theirs = HeldLeases(app, seconds=60), HeldLeases(app, seconds=60)
    here, there = Rounds(recurring.list_tasks(), ours), Rounds(recurring.list_tasks(), theirs)
    here.run_due()
    there.run_due()
    assert first.times == 1
    here.end()
    there._due = dict.fromkeys(there._due, 0.0)  # a quarter of a minute later
    there.run_due()
    assert first.times == 2
    release_all(theirs.holder)


def test_a_second_task_of_a_name_is_refused(works: tuple[Counted, Counted]) -> None:
    with pytest.raises(ValueError, match="first"):
        recurring.recurring("first", works[0])


@pytest.mark.parametrize(("fault", "remedy"), [(files.StorageAway("no answer"), "storage"), (ValueError("x"), "log")])
def test_failures_are_warned_of_and_then_faults(
    app: APIFlask, works: tuple[Counted, Counted], fault: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recurring, "NOTE_SECONDS", 0)
    rounds = Rounds(recurring.list_tasks())
    rounds.run_due()
    assert [finding.text for finding in found(app)] == ["2 recurring tasks, no failure"]
    works[1].fault = fault
    rounds.run_due()
    (once,) = found(app)
    assert once.level is Level.WARNING
    assert once.text.startswith("second failed 1 time, last at ")
    assert remedy in once.remedy
    rounds.run_due()
    rounds.run_due()
    assert [(finding.level, "3 times in a row" in finding.text) for finding in found(app)] == [(Level.FAULT, True)]


def test_a_task_that_has_not_ended_for_an_hour_is_warned_of_while_a_worker_runs(
    app: APIFlask, works: tuple[Counted, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    Rounds(recurring.list_tasks()).run_due()
    later = clock.now() + timedelta(hours=2)
    for is_alive, levels in ((False, [Level.OK]), (True, [Level.WARNING, Level.WARNING])):
        monkeypatch.setattr("lms.operations.checks.service.is_worker_alive", lambda at, is_alive=is_alive: is_alive)
        assert [finding.level for finding in found(app, later)] == levels


def test_metrics_and_the_status_page_have_each_task(
    app: APIFlask, client: FlaskClient, make: Make, works: tuple[Counted, Counted]
) -> None:
    works[0].fault = ValueError("secret words")
    Rounds(recurring.list_tasks()).run_due()
    values: dict[str, Any] = {
        gauge.name: gauge.values for gauge in collect_operation(app.extensions["lms.config"], at=clock.now())
    }
    assert values["recurring_failing"] == {"first": 1, "second": 0}
    assert set(values["recurring_last_run_timestamp_seconds"]) == {"first", "second"}
    make.sign_in(client, make.person("Ada", roles=["administrator"]))
    page = client.get("/admin/status").text
    assert page.count("ValueError") >= 2
    assert "secret words" not in page


def test_every_task_of_the_product_runs(app: APIFlask) -> None:
    names = [task.name for task in recurring.list_tasks()]
    assert len(names) >= 27
    for tasks in recurring.tasks_by_thread().values():
        Rounds(tasks).run_due()
    assert runs() == dict.fromkeys(sorted(names), (0, None))
