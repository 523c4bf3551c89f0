"""/admin and the page of a long task."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from lms.catalogue.models import LectureState
from lms.core.background.jobs import RESTORED, Job, JobState
from lms.core.background.processes import record_heartbeat
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.dashboards.texts import without_class_name
from lms.enrolment.models import EnrolmentStatus
from lms.mail.outbox import OutboxMail
from lms.people.models import Person
from tests.dashboards.conftest import World
from tests.forms import token_in
from tests.rows import each_row


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def add(world: World, make: Callable[[], Any]) -> None:
    @action
    def write() -> None:
        db.session.add(make())

    with world.make.app.app_context():
        write()


def job(at: datetime, **columns: Any) -> Job:
    given = {"kind": "issue_certificates", "state": JobState.DONE, "created_at": at, "arguments": {}, "asked_by": None}
    return Job(**(given | columns))


def mail(at: datetime, **columns: Any) -> OutboxMail:
    given = {
        "template": "enrolment_enrolled",
        "address": "a@example.org",
        "payload": {},
        "created_at": at,
        "due_at": at,
    }
    return OutboxMail(**(given | columns))


def administrator(world: World) -> Person:
    return world.make.person("Zhou Anran", roles=["administrator"])


def decisions(page: str) -> list[list[str]]:
    """The cells of each row of what needs a decision: what, where, how long it waits, and the buttons."""
    table = page.partition('data-testid="needs"')[2].partition("</table>")[0]
    rows = [re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.S) for row in re.findall(r"<tr[ >].*?</tr>", table, re.S)[1:]]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells] for cells in rows]


def test_a_quiet_day_says_so(world: World) -> None:
    now = clock.now()
    with world.make.app.app_context():
        record_heartbeat("here:1", started_at=now, at=now)
    client = world.signed_in(administrator(world))
    page = flat(client.get("/admin").text)
    assert "Nothing needs a decision" in page
    assert "All else is quiet" in page
    assert "Tasks: none failed in the last 30 days" in page
    assert (
        "None yet. Tasks such as issuing certificates and counting attendance appear here."
        in client.get("/admin/status").text
    )


def test_a_service_without_a_worker_is_not_quiet(world: World) -> None:
    page = flat(world.signed_in(administrator(world)).get("/admin").text)
    assert "The service needs action" in page
    assert "Worker: none is running." in page
    assert 'href="/admin/status">What to do</a>' in page


def test_everything_that_needs_somebody_is_said(world: World) -> None:
    at, series_id = world.at, world.series.id
    world.make.enrolment(world.series, status=EnrolmentStatus.APPLIED)
    world.make.lecture(
        world.series, title="Endless", state=LectureState.LIVE, starts_at=at - timedelta(hours=5),
        actual_start=at - timedelta(hours=5),
    )  # fmt: skip
    world.make.lecture(world.series, title="Forgotten", starts_at=at - timedelta(hours=2))
    refused = {"issued": 3, "already_issued": 0, "not_earned": 1, "refused": [{"person": "x", "reason": "ⵣ"}]}
    add(world, lambda: job(at, arguments={"series_id": series_id, "kind": "participation"}, result=refused))
    add(
        world,
        lambda: job(
            at,
            kind="credit_lecture",
            state=JobState.FAILED,
            error="KeyError",
            arguments={"lecture_id": world.held[0].id},
        ),
    )
    world.make.lecture(world.series, title="Unsaid", state=LectureState.DRAFT, starts_at=at + timedelta(days=3))
    add(world, lambda: mail(at, dedupe_key="1", attempts=8, error="OSError: refused"))
    add(world, lambda: mail(at, dedupe_key="2", attempts=8, state="failed", error="OSError: no", reason="no_answer"))
    client = world.signed_in(administrator(world))
    page = flat(client.get("/admin").text)
    assert "7 things need a decision; the oldest has waited 1 year" in page
    rows = decisions(page)
    assert sorted(row[0] for row in rows) == [
        "Not started", "One application", "One certificate blocked", "One e-mail failed", "One lecture to publish",
        "One task failed", "Overdue",
    ]  # fmt: skip
    assert rows[0][0] == "One application"
    assert ["Overdue", "Endless : attendance is counted once it ends"] in [row[:2] for row in rows]
    assert [row[1] for row in rows if row[0] == "One e-mail failed"] == ["The mail server did not accept it"]
    assert "Counting attendance" not in page
    assert "OSError" not in page
    status = flat(client.get("/admin/status").text)
    assert "Counting attendance" in status
    assert "credit_lecture" not in status
    assert "KeyError" not in status
    assert "It stopped because of an error. Details are in the server’s log." in status
    assert "Issued: 3; Already issued: 0; Not earned: 1; Blocked: 1" in status


def test_a_lecture_in_which_nobody_was_is_confirmed_or_undone_with_one_press(world: World) -> None:
    start = world.at - timedelta(days=1)
    empty, short = (
        world.make.lecture(
            world.series, title=title, state=LectureState.HELD, confirmed_at=None, actual_start=start,
            actual_end=start + timedelta(minutes=minutes),
        )
        for title, minutes in (("Empty", 50), ("Short", 3))
    )  # fmt: skip
    admin = world.signed_in(administrator(world))
    page = flat(admin.get("/admin").text)
    assert "2 things need a decision" in page
    assert re.findall(r'data-testid="unconfirmed-(\d+)"', page) == [str(empty.id), str(short.id)]
    assert "It is not in the totals until you confirm it." in flat(admin.get(f"/lectures/{empty.id}").text)
    found = re.search(r'name="csrf_token" value="([^"]+)"', admin.get("/admin").text)
    assert found
    token = {"csrf_token": found[1], "next": "/admin"}
    assert admin.post(f"/lectures/{empty.id}/confirm", data=token).location == "/admin"
    assert admin.post(f"/lectures/{short.id}/undo-start", data=token).location == "/admin"
    page = flat(admin.get("/admin").text)
    assert re.findall(r'data-testid="unconfirmed-(\d+)"', page) == []
    assert "until you confirm it" not in flat(admin.get(f"/lectures/{empty.id}").text)


def test_a_failed_task_that_was_made_good_is_not_said(world: World) -> None:
    for state in (JobState.FAILED, JobState.DONE):
        add(world, lambda state=state: job(world.at, kind="credit_lecture", state=state, arguments={"lecture_id": 1}))
    assert "Nothing needs a decision" in world.signed_in(administrator(world)).get("/admin").text


def test_recounts_that_changed_nothing_are_not_listed(world: World) -> None:
    for number in range(12):
        changed = 7 if number == 0 else 0
        add(world, lambda number=number, changed=changed: job(
            world.at, public_id=f"job{number}", kind="credit_lecture", arguments={}, result={"changed": changed}
        ))  # fmt: skip
    page = world.signed_in(administrator(world)).get("/admin/status").text
    assert "Attendances saved: 7" in page
    assert page.count('data-testid="job-') == 1


def test_admin_is_for_administrators(world: World) -> None:
    assert world.signed_in(world.instructor).get("/admin").status_code == 403
    assert world.make.app.test_client().get("/admin").status_code == 302


def test_a_task_says_how_far_it_is(world: World) -> None:
    who = administrator(world)
    add(world, lambda: job(world.at, public_id="abc", state=JobState.RUNNING, done=16, total=20))
    page = world.signed_in(who).get("/jobs/abc").text
    assert 'data-testid="job" data-state="running"' in page
    assert "16 of 20" in page
    assert "htmx" in page
    assert 'data-hx-get="/jobs/abc"' in page


def test_a_task_says_what_came_of_it(world: World) -> None:
    result = {"issued": 3, "already_issued": 1, "not_earned": 2, "refused": []}
    arguments = {"series_id": world.series.id}
    add(world, lambda: job(world.at, public_id="abc", arguments=arguments, result=result, asked_by=world.trainee.id))
    page = world.signed_in(world.trainee).get("/jobs/abc").text
    assert "Issued: 3; Already issued: 1; Not earned: 2; Blocked: 0" in page
    assert "htmx" not in page
    assert world.signed_in(world.instructor).get("/jobs/abc").status_code == 404


def token(client: FlaskClient, page: str) -> dict[str, str]:
    return {"csrf_token": token_in(client.get(page).text)}


def test_a_failed_task_is_started_again(world: World) -> None:
    boss = world.signed_in(administrator(world))
    trainee = world.signed_in(world.trainee)
    failed = {"state": JobState.FAILED, "error": "KeyError", "asked_by": world.trainee.id}
    add(world, lambda: job(world.at, public_id="abc", **failed))
    for page, client in (("/admin/status", boss), ("/jobs/abc", boss), ("/jobs/abc", trainee)):
        is_offered = 'action="/jobs/abc/retry"' in client.get(page).text
        assert is_offered == (client is boss), page
    assert trainee.post("/jobs/abc/retry", data=token(trainee, "/me")).status_code == 403
    answer = boss.post("/jobs/abc/retry", data=token(boss, "/admin"))
    assert (answer.status_code, answer.location) == (303, "/jobs/abc")
    assert 'data-state="queued"' in boss.get("/jobs/abc").text
    assert "Failed tasks" not in boss.get("/admin/status").text


@pytest.mark.parametrize(("after", "sentence"), [(60, "Until then nothing happens."), (-60, "Waiting to start.")])
def test_a_task_says_when_it_starts_until_it_is_due(world: World, after: int, sentence: str) -> None:
    due_at = clock.now() + timedelta(seconds=after)
    add(world, lambda: job(world.at, public_id="abc", state=JobState.QUEUED, due_at=due_at))
    assert sentence in world.signed_in(administrator(world)).get("/jobs/abc").text


def test_a_task_that_a_restore_ended_says_so(world: World) -> None:
    add(world, lambda: job(world.at, public_id="abc", state=JobState.FAILED, error=RESTORED))
    page = world.signed_in(administrator(world)).get("/jobs/abc").text
    assert "It was ended when a backup was restored." in page


def test_a_stopped_task_is_not_started_again(world: World) -> None:
    add(world, lambda: job(world.at, public_id="abc", state=JobState.STOPPED))
    boss = administrator(world)
    client = world.signed_in(boss)
    answer = client.post("/jobs/abc/retry", data=token(client, "/admin"), follow_redirects=True)
    assert "This one was stopped by hand." in answer.text
    answer = world.make.app.test_client().post("/api/v1/jobs/abc/retry", headers=world.make.headers(boss))
    assert answer.status_code == 409


def test_a_task_by_the_api(world: World) -> None:
    add(world, lambda: job(world.at, public_id="abc", result={"issued": 3}, done=4, total=4, asked_by=world.trainee.id))
    client = world.make.app.test_client()
    answer = client.get("/api/v1/jobs/abc", headers=world.make.headers(world.trainee))
    assert answer.json == {"id": "abc", "state": "done", "done": 4, "total": 4, "result": {"issued": 3}}
    assert client.get("/api/v1/jobs/abc", headers=world.make.headers(world.instructor)).status_code == 404
    assert client.get("/api/v1/jobs/abc").status_code == 401


@each_row(
    "error, words",
    [
        ("KeyError", ""),
        ("sqlalchemy.exc.OperationalError: disk full", "disk full"),
        ("The file is gone.", "The file is gone."),
    ],
)
def test_errors_are_shown_without_the_name_of_their_class(error: str, words: str) -> None:
    assert without_class_name(error) == words
