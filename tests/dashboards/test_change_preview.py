"""The pages that show what a policy or other times would change before anything does."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.actions.series import edit_series
from lms.catalogue.models import Lecture, LectureState
from lms.core.background import jobs
from lms.core.background.jobs import Job
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from tests.dashboards.conftest import World
from tests.rows import each_row


@pytest.fixture
def staff(world: World) -> FlaskClient:
    return world.signed_in(world.instructor)


@pytest.fixture
def lecture(world: World) -> Lecture:
    """Held; the trainee was there for 50 of its 90 minutes."""
    held = world.hold(9, "Half of it")
    world.be_there(held, world.trainee, (0, 50))
    return held


def change(app: APIFlask, world: World, percent: int) -> None:
    with app.app_context():
        edit_series(world.series.slug, {"policy": {"min_percent": percent}}, by=SYSTEM, at=world.at)


def hidden(page: TestResponse) -> dict[str, list[str]]:
    """What the last form of a page sends beside its button."""
    form = page.text.rpartition('<form method="post"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(value)
    return found


def figures(page: TestResponse) -> dict[str, int]:
    found = re.findall(r'data-testid="figure-(\w+)"\s+data-value="(\d+)"', page.text)
    return {name: int(value) for name, value in found}


def stored(app: APIFlask, lecture_id: int) -> Lecture:
    with app.app_context():
        return db.session.get_one(Lecture, lecture_id)


def test_a_policy_is_looked_at_and_applied(app: APIFlask, world: World, staff: FlaskClient, lecture: Lecture) -> None:
    path = f"/series/{world.series.slug}/policy"
    assert "All lectures use the current policy" in staff.get(path).text
    change(app, world, 50)
    page = staff.get(path)
    assert (figures(page)["gain"], figures(page)["lose"]) == (1, 0)
    assert world.trainee.full_name in page.text
    sent = hidden(page)
    assert str(lecture.id) in sent["lecture"]
    nothing = staff.get(path, query_string={"chosen": 1})
    assert figures(nothing)["gain"] == 0
    assert "Apply the policy" not in nothing.text
    assert staff.post(path, data=sent | {"key": "another"}).location.startswith(f"{path}?chosen=1")
    done = staff.post(path, data=sent)
    assert done.location.startswith("/jobs/")
    with app.app_context():
        jobs.run_due()
        job = db.session.scalars(select(Job).where(Job.kind == "apply_policy")).one()
        assert job.result is not None
        assert job.result["gained"] == 1
    told = staff.get(done.location).text
    assert "Gained: 1" in told
    assert "All lectures use the current policy" in staff.get(path).text


def test_certificates_that_would_be_lost_are_named_and_stay(
    app: APIFlask, world: World, staff: FlaskClient, lecture: Lecture
) -> None:
    change(app, world, 100)
    page = staff.get(f"/series/{world.series.slug}/policy?show=nothing&page=999")
    assert page.status_code == 200
    counted = figures(page)
    assert counted["lose"] > 0
    for group in ("gain", "lose", "earn", "unearn", "miss"):
        shown = staff.get(f"/series/{world.series.slug}/policy?show={group}")
        assert shown.text.count("data-person=") == counted[group]


def planned(world: World) -> Lecture:
    """Planned for 09:00 in Nairobi on 4 November, never started; somebody was seen from 09:05 until 10:20."""
    local = datetime(2026, 11, 4, 9, 0)  # noqa: DTZ001 - as it is planned
    made = world.make.lecture(world.series, local_start=local, instructors=[world.instructor])
    began = int(datetime(2026, 11, 4, 6, 5, tzinfo=UTC).timestamp() * 1000)

    @action
    def be_there() -> None:
        db.session.add(
            Presence(
                lecture_id=made.id,
                person_id=world.trainee.id,
                source=Source.IMPORT,
                joined_ms=began,
                left_ms=began + 75 * 60_000,
                evidence="seen",
            )
        )

    with world.make.app.app_context():
        be_there()
    return made


def test_times_are_proposed_named_in_the_zone_of_the_lecture_and_confirmed_by_one_button(
    app: APIFlask, world: World, staff: FlaskClient
) -> None:
    made = planned(world)
    page = staff.get(f"/lectures/{made.id}/times")
    assert "Was the lecture given at this time?" in page.text
    assert "09:00–10:30" in page.text
    assert "in Nairobi" in page.text
    assert 'value="2026-11-04T09:00' in page.text
    assert figures(page)["gain"] == 1
    done = staff.post(f"/lectures/{made.id}/times", data=hidden(page))
    assert done.location == f"/lectures/{made.id}/roster"
    held = stored(app, made.id)
    assert (held.state, held.actual_start, held.actual_end) == (
        LectureState.HELD, datetime(2026, 11, 4, 6, 0, tzinfo=UTC), datetime(2026, 11, 4, 7, 30, tzinfo=UTC)
    )  # fmt: skip
    with app.app_context():
        jobs.run_due()
        assert credit_lecture(made.id, by=SYSTEM, at=world.at) == 0


def test_other_times_are_typed_shown_and_taken(app: APIFlask, world: World, staff: FlaskClient) -> None:
    made = planned(world)
    typed = {"actual_start": "2026-11-04T09:30", "actual_end": "2026-11-04T10:15"}
    page = staff.get(f"/lectures/{made.id}/times", query_string=typed)
    assert "45 minutes" in page.text
    sent = hidden(page)
    stale = staff.post(f"/lectures/{made.id}/times", data=sent | {"key": "x"})
    assert (
        stale.location == f"/lectures/{made.id}/times?actual_start=2026-11-04T09:30:00&actual_end=2026-11-04T10:15:00"
    )
    assert "has changed since you reviewed it" in staff.get(stale.location).text
    assert staff.post(f"/lectures/{made.id}/times", data=sent).location == f"/lectures/{made.id}/roster"
    assert stored(app, made.id).actual_start == datetime(2026, 11, 4, 6, 30, tzinfo=UTC)
    again = staff.get(f"/lectures/{made.id}/times")
    assert "Save times" not in again.text
    assert "Preview what" in again.text


@each_row(
    "start, end, field",
    [
        ("2026-11-04T10:00", "2026-11-04T09:00", "actual_end"),
        ("2026-11-04T10:00", "", "actual_end"),
        ("soon", "2026-11-04T09:00", "actual_start"),
        ("2036-11-04T10:00", "2036-11-04T11:00", "actual_start"),
    ],
)
def test_times_that_cannot_be_are_said_at_their_field(
    world: World, staff: FlaskClient, start: str, end: str, field: str
) -> None:
    made = planned(world)
    page = staff.get(f"/lectures/{made.id}/times", query_string={"actual_start": start, "actual_end": end})
    assert page.status_code == 422
    assert f'id="{field}-e"' in page.text
    assert "Confirm" not in page.text


def test_a_live_lecture_is_ended_instead(world: World, staff: FlaskClient) -> None:
    live = world.make.lecture(world.series, state="live", actual_start=world.at)
    page = staff.get(
        f"/lectures/{live.id}/times",
        query_string={"actual_start": "2026-11-04T09:00", "actual_end": "2026-11-04T10:00"},
    )
    assert page.status_code == 409
    assert "This lecture is live." in page.text


def test_what_is_sent_without_sense_changes_nothing(app: APIFlask, world: World, staff: FlaskClient) -> None:
    made = planned(world)
    token = {"csrf_token": hidden(staff.get(f"/lectures/{made.id}/times"))["csrf_token"]}
    for wrong in ({"key": "x"}, {"actual_start": "2026-11-04T09:00", "actual_end": "x"}):
        sent = token | wrong
        assert staff.post(f"/lectures/{made.id}/times", data=sent).location == f"/lectures/{made.id}/times"
    assert stored(app, made.id).state is LectureState.SCHEDULED
