"""The calls that look at what a policy or other times would change, and then do it."""

from __future__ import annotations

from datetime import timedelta

from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.actions.series import edit_series
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from tests.dashboards.conftest import World


def test_a_policy_is_looked_at_and_applied(app: APIFlask, client: FlaskClient, world: World) -> None:
    held = world.hold(9, "Half of it")
    world.be_there(held, world.trainee, (0, 50))
    with app.app_context():
        edit_series(world.series.slug, {"policy": {"min_percent": 50}}, by=SYSTEM, at=world.at)
    headers, path = world.make.headers(world.instructor), f"/api/v1/series/{world.series.slug}/policy"
    shown = client.get(path, headers=headers).get_json()
    assert shown["min_percent"] == 50
    assert {one["lecture"]: (one["gain"], one["lose"], one["closed"]) for one in shown["lectures"]}[held.id] == (
        1, 0, False
    )  # fmt: skip
    assert set(shown["certificates"]) == {"earn", "unearn", "miss"}
    one = client.get(path, headers=headers, query_string={"lectures": str(held.id)}).get_json()
    assert [row["lecture"] for row in one["lectures"] if row["chosen"]] == [held.id]
    assert client.get(path, headers=headers, query_string={"lectures": "x"}).status_code == 422
    assert client.post(path, headers=headers, json={"key": "another"}).status_code == 409
    done = client.post(path, headers=headers, json={"key": one["key"], "lectures": [held.id]})
    assert done.status_code == 202
    with app.app_context():
        jobs.run_due()
    result = client.get(f"/api/v1/jobs/{done.get_json()['job']}", headers=headers).get_json()["result"]
    assert result == {"lectures": 1, "gained": 1, "lost": 0, "left_out": []}


def test_times_are_looked_at_and_confirmed(client: FlaskClient, world: World) -> None:
    held = world.hold(9, "Half of it")
    world.be_there(held, world.trainee, (0, 50))
    headers, path = world.make.headers(world.instructor), f"/api/v1/lectures/{held.id}/times"
    start = world.at - timedelta(days=9)
    before = client.get(path, headers=headers).get_json()
    assert (before["state"], before["preview"]) == ("held", None)
    assert [one["people"] for one in before["proposal"]["told"]] == [1]
    asked = {"actual_start": start.isoformat(), "actual_end": (start + timedelta(minutes=60)).isoformat()}
    shown = client.get(path, headers=headers, query_string=asked).get_json()["preview"]
    assert (shown["gain"], shown["lose"], shown["closed"]) == (1, 0, False)
    assert client.post(path, headers=headers, json=asked | {"key": "another"}).status_code == 409
    done = client.post(path, headers=headers, json=asked | {"key": shown["key"]})
    assert (done.status_code, done.get_json()["actual_end"]) == (200, shown["actual_end"])
    turned = {"actual_start": asked["actual_end"], "actual_end": asked["actual_start"]}
    assert client.get(path, headers=headers, query_string=turned).status_code == 422
