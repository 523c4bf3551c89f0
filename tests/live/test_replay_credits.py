"""A credit that was earned by replay, for everyone who reads attendance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.attendance.actions.corrections import correct
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.replays import credit_due_replays
from lms.attendance.attendance_curve import course
from lms.attendance.models.credits import Outcome
from lms.attendance.presence import intervals_in, span_of
from lms.attendance.queries.persons import export_of_person
from lms.attendance.queries.times import propose_times
from lms.catalogue.models import Lecture
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.recordings.actions import announce
from lms.reports import recount
from lms.reports.actions.exports import request_export
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.factories import Make
from tests.live.test_replays import Cinema

pytestmark = pytest.mark.databases


@pytest.fixture
def watched(client: FlaskClient, make: Make) -> Cinema:
    """Ada missed the lecture and watched 70 minutes of its replay. Ben missed it."""
    cinema = Cinema(client, make)
    make.enrolment(cinema.series, make.person("Ben", email="ben@x.example"))
    cinema.report((5, 45), (50, 80))
    with make.app.app_context():
        assert credit_due_replays(at=clock.now() + timedelta(minutes=1)) == 1
    return cinema


def test_the_roster_names_the_source(watched: Cinema, client: FlaskClient) -> None:
    path = f"/lectures/{watched.lecture.id}/roster"
    watched.make.sign_in(client, watched.teacher)
    page = client.get(f"{path}?source=replay").text
    assert page.count('data-testid="roster-row"') == 1
    assert "attended,replay," in client.get(f"{path}.csv").text
    person = client.get(f"{path}/{watched.ada.public_id}/history").text
    assert "Watched 70 minutes of the replay." in person
    rows = client.get(
        f"/api/v1/lectures/{watched.lecture.id}/attendance", headers=watched.make.headers(watched.teacher)
    ).json["items"]
    assert [(row["sources"], row["outcome"], row["minutes"]) for row in rows] == [
        (["replay"], "attended", 70.0),
        ([], "absent", 0.0),
    ]
    assert rows[0]["explanation"] == "70 of 90 minutes including the replay: attended"
    assert {interval["source"] for interval in rows[0]["intervals"]} == {"replay"}


def test_the_person_reads_why(watched: Cinema, client: FlaskClient) -> None:
    watched.make.sign_in(client, watched.ada)
    page = client.get(f"/lectures/{watched.lecture.id}").text
    assert 'data-outcome="attended"' in page
    assert "including the replay" in page
    room = client.get(f"/lectures/{watched.lecture.id}/room").text
    assert "This lecture counts as attended. Watching the replay changes nothing." in room
    assert "data-watched" not in room
    with watched.make.app.app_context():
        exported = export_of_person(watched.ada.id)
    assert [row["source"] for row in exported["presence"]] == ["replay", "replay"]
    assert exported["replays"][0]["played_ms"] == 70 * 60_000


def test_figures_and_reports_count_it_by_its_source(watched: Cinema, client: FlaskClient) -> None:
    headers = watched.make.headers(watched.make.person("Rae", roles=["reporter"]))

    def attendances(**asked: Any) -> int:
        return int(client.get("/api/v1/totals", query_string=asked, headers=headers).json["totals"]["attendances"])

    assert (attendances(), attendances(source="replay"), attendances(source="live")) == (1, 1, 0)
    groups = client.get("/api/v1/totals?by=source", headers=headers).json["groups"]
    assert [(row["key"], row["label"], row["attendances"]) for row in groups] == [
        ("replay", "Replay", 1),
        (None, "No attendance", 0),
    ]
    with watched.make.app.app_context():
        rows = RecountRows("Asia/Shanghai")
        at = clock.now()
        for slice_ in (Slice(), Slice(source="replay")):
            assert [recount.differences(rows, slice_, by, at) for by in ((), ("source",))] == [[], []]
        assert recount.facts_differences(rows) == []
        by = watched.make.administrator()
        export = request_export("attendances", "csv", Slice(source="replay"), by=by, at=clock.now())
        jobs.run_due()
        assert export


def test_a_replay_is_no_presence_in_the_room(watched: Cinema) -> None:
    with watched.make.app.app_context():
        lecture = db.session.get_one(Lecture, watched.lecture.id)
        span = span_of(lecture)
        assert course(intervals_in(lecture), span.start, span.end).highest == 0
        assert propose_times(lecture.id, by=SYSTEM) is None
        assert credit_lecture(lecture.id, by=SYSTEM, at=clock.now()) == 0, "a recount changes nothing"


@pytest.mark.parametrize(
    ("days", "age", "words"),
    [
        (28, 20, "Its replay counts as attendance until"),
        (28, 29, ""),
        (0, 20, ""),
        (0, 1, "Its recording is available."),
    ],
)
def test_the_person_finds_replays_that_still_help(
    client: FlaskClient, make: Make, days: int, age: int, words: str
) -> None:
    cinema = Cinema(client, make, policy={"replay_days": days})
    cinema.move(clock.now() - timedelta(days=age))
    make.sign_in(client, cinema.ada)
    page = client.get("/me").text
    assert ("You missed this lecture" in page) == bool(words)
    assert words in page
    assert (">Watch the replay<" in page) == ("replay" in words)
    lecture = client.get(f"/lectures/{cinema.lecture.id}").text
    assert ("it counts as attendance until" in lecture) == ("replay" in words)
    if words:
        assert f'href="/lectures/{cinema.lecture.id}/room"' in page


@pytest.mark.parametrize("days", [0, 28])
def test_the_room_says_how_much_counts_and_until_when(client: FlaskClient, make: Make, days: int) -> None:
    cinema = Cinema(client, make, policy={"replay_days": days})
    cinema.report((5, 46))
    make.sign_in(client, cinema.ada)
    path = f"/lectures/{cinema.lecture.id}/room"
    page, state = client.get(path).text, client.get(f"{path}/state").json
    if days:
        assert state["replay_words"].startswith("40 of 54 minutes that you need are counted. The replay counts until")
        assert "data-watched" in page
    else:
        assert state["replay_words"] == "Watching the replay of this lecture does not count as attendance."
        assert "data-watched" not in page
    assert state["replay_words"][:40] in page


def test_a_person_whose_result_was_corrected_is_not_told_that_the_replay_counts(
    client: FlaskClient, make: Make
) -> None:
    cinema = Cinema(client, make)
    room = f"/lectures/{cinema.lecture.id}/room"
    with make.app.app_context():
        by, at = make.administrator(), clock.now()
        correct(cinema.lecture.id, cinema.ada.public_id, outcome=Outcome.PARTIAL, reason="Left early", by=by, at=at)
        assert announce(cinema.lecture.id, at=at)
        (mail,) = db.session.scalars(select(OutboxMail).where(OutboxMail.template == "replay_open"))
        assert mail.payload["counts_until_at"] is None
    make.sign_in(client, cinema.ada)
    words = client.get(f"{room}/state").json["replay_words"]
    assert words == "Watching it does not change your attendance."
    assert words in client.get(room).text
    for path in ("/me", f"/lectures/{cinema.lecture.id}"):
        page = client.get(path).text
        assert "recording" in page
        assert "counts as attendance until" not in page
