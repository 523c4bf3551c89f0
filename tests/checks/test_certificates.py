"""A certificate whose policy asks for knowledge checks: who earns it, who still can, and what is said of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from lms.catalogue.models import CertificateKind, Policy, Series
from lms.certificates.actions.awards import issue_batch
from lms.certificates.keys import ensure_key
from lms.certificates.queries.behind import ids_behind
from lms.certificates.queries.earner_groups import EVERYONE, EarnerGroup, SeriesEarners
from lms.certificates.queries.progress import Totals, standings_of, totals_of_series
from lms.checks.actions.attempts import begin_attempt, save_answers, submit_attempt
from lms.checks.actions.bank import save_question
from lms.checks.actions.checks import publish_check, save_check
from lms.checks.models import Check, QuestionKind
from lms.checks.rules import CheckInput
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db, read_column
from tests.attendance.scene import END, Scene
from tests.factories import Make
from tests.forms import token_in

NOW = END + timedelta(days=1)
POLICY = {"certificate": CertificateKind.COMPLETION, "min_lectures_percent": 100, "checks_passed": True}
pytestmark = pytest.mark.databases


@pytest.fixture
def scene(make: Make, context: None) -> Scene:
    """Ada and Ben attended the only lecture, Cyr did not."""
    scene = Scene(make, policy=POLICY)
    scene.publish(("ada@x.example", 0, 80), ("ben@x.example", 0, 80))
    return scene


def publish(scene: Scene, **rules: Any) -> tuple[int, int]:
    """A check of one question: its id, and that of the question."""
    slug = scene.series.slug
    item = save_question(slug, None, QuestionKind.TRUE_FALSE, {"text": "So?", "is_true": True}, by=scene.by, at=NOW)
    check_id = save_check(slug, None, CheckInput("Origin rules", items=[item], **rules), by=scene.by, at=NOW)
    publish_check(slug, check_id, by=scene.by, at=NOW)
    return check_id, item


def take(scene: Scene, check: tuple[int, int], name: str, answer: bool) -> None:
    by = scene.make.actor(scene.people[name])
    public_id, _is_new = begin_attempt(scene.series.slug, check[0], by=by, at=NOW)
    save_answers(public_id, {str(check[1]): answer}, by=by, at=NOW)
    submit_attempt(public_id, by=by, at=NOW)


def earners(scene: Scene) -> int:
    admin = scene.make.administrator()
    view = SeriesEarners(scene.series.slug, by=admin, at=NOW)
    count = sum(view.count(group, EVERYONE) for group in (EarnerGroup.EARNED, EarnerGroup.BLOCKED))
    totals = totals_of_series([scene.series.id], by=admin)[scene.series.id]
    assert totals == Totals(count, count), "both counts agree"
    return count


def test_completion_means_attended_and_passed(scene: Scene) -> None:
    ensure_key(by=SYSTEM, at=NOW)
    assert earners(scene) == 0, "nobody, while no check is published"
    check = publish(scene)
    assert earners(scene) == 0
    take(scene, check, "Ada", answer=False)
    take(scene, check, "Ada", answer=True)
    take(scene, check, "Ben", answer=False)
    take(scene, check, "Cyr", answer=True)
    assert earners(scene) == 1, "Ada alone attended and passed"
    people = {name: person.id for name, person in scene.people.items()}
    standings = standings_of(scene.series.id, people.values(), at=NOW)
    assert [standings[id_].is_reached for id_ in people.values()] == [True, False, False]
    ben = standings[people["Ben"]]
    assert (ben.has_attended_enough, ben.can_be_earned, ben.just_misses) == (True, True, False)
    assert ben.in_numbers["checks"] == [{"title": "Origin rules", "is_possible": True}]
    assert not standings[people["Cyr"]].can_be_earned, "he passed and did not attend"
    take(scene, check, "Ben", answer=False)
    ben = standings_of(scene.series.id, [people["Ben"]], at=NOW)[people["Ben"]]
    assert not ben.can_be_earned, "no attempt is left"
    batch = issue_batch(
        scene.series.id, CertificateKind.COMPLETION, list(people.values()), by=scene.make.administrator(), at=NOW
    )
    assert (batch.issued + len(batch.refused), batch.not_earned) == (1, 2)


def test_checks_that_are_compared_or_not_asked_for_decide_nothing(scene: Scene) -> None:
    publish(scene, kind="pre")
    assert earners(scene) == 0
    db.session.execute(update(Policy).where(Policy.series_id == scene.series.id).values(checks_passed=False))
    db.session.commit()
    assert earners(scene) == 2


def test_only_who_can_still_pass_is_falling_behind(scene: Scene) -> None:
    scene.make.lecture(scene.series, "Next", starts_at=NOW + timedelta(days=7))
    db.session.execute(
        update(Policy).where(Policy.series_id == scene.series.id).values(min_lectures_percent=50, min_lectures=1)
    )
    db.session.commit()
    check = publish(scene, attempts=1)

    def behind() -> set[int]:
        return set(read_column(ids_behind(scene.series, None, by=scene.by, at=NOW)))

    assert behind() == {scene.people["Cyr"].id}
    take(scene, check, "Cyr", answer=False)
    assert behind() == set()
    standing = standings_of(scene.series.id, [scene.people["Cyr"].id], at=NOW)[scene.people["Cyr"].id]
    assert not standing.can_be_earned


def test_pages_say_what_is_missing(scene: Scene, client: FlaskClient) -> None:
    check = publish(scene, attempts=1)
    scene.make.sign_in(client, scene.people["Ben"])
    series = f"/series/{scene.series.slug}"
    lecture = f"/lectures/{scene.lecture.id}"
    link = f'href="{series}/checks/{check[0]}"'
    for page in (lecture, f"{lecture}/room"):
        text = client.get(page).text
        assert "You still need to pass the knowledge check Origin rules." in text, page
        assert link in text, page
    for page in (series, "/me"):
        text = client.get(page).text
        assert link in text, page
        assert "You have attended enough lectures." in text, page
        assert "You still need to pass the knowledge check Origin rules." in text, page
    assert "pass every knowledge check" in client.get(series).text
    take(scene, check, "Ben", answer=False)
    for page in (series, "/me", lecture, f"{lecture}/room"):
        text = client.get(page).text
        assert link not in text or page == lecture, page
        assert "This certificate can no longer be earned: the knowledge check “Origin rules” was not passed." in text


def test_the_api_says_which_check_is_missing(scene: Scene, client: FlaskClient) -> None:
    check = publish(scene)
    take(scene, check, "Ada", answer=True)
    headers = scene.make.headers(scene.teacher)
    page = f"/api/v1/series/{scene.series.slug}/certificates/preview?show=rest"
    items = client.get(page, headers=headers).json["items"]
    assert {item["full_name"]: (item["lacks"]["lectures"], item["lacks"]["checks"]) for item in items} == {
        "Ben": (0, ["Origin rules"]),
        "Cyr": (1, ["Origin rules"]),
    }


def test_administrators_read_which_check_is_missing(scene: Scene, client: FlaskClient) -> None:
    take(scene, publish(scene), "Ada", answer=True)
    scene.make.sign_in(client, scene.make.person("Root", roles=["administrator"]))
    issue = f"/series/{scene.series.slug}/certificates"
    text = client.get(f"{issue}?show=rest").text
    assert text.count("the knowledge check Origin rules") == 2
    person = client.get(f"/admin/people/{scene.people['Ben'].public_id}").text
    assert "Knowledge check not passed yet: Origin rules." in person
    csv = client.get(f"{issue}.csv?show=rest").text.splitlines()
    assert csv[0].endswith("checks_missing,feedback_missing")
    assert [line.split(",")[-2] for line in csv[1:3]] == ["Origin rules", "Origin rules"]


def test_publishing_a_check_that_the_certificate_asks_for_asks_first(scene: Scene, client: FlaskClient) -> None:
    slug = scene.series.slug
    item = save_question(slug, None, QuestionKind.TRUE_FALSE, {"text": "So?", "is_true": True}, by=scene.by, at=NOW)
    check_id = save_check(slug, None, CheckInput("Origin rules", items=[item]), by=scene.by, at=NOW)
    db.session.execute(update(Series).values(taken=3))
    db.session.commit()
    scene.make.sign_in(client, scene.teacher)
    page = f"/series/{slug}/checks/{check_id}"
    token = token_in(client.get(page).text)
    asked = client.post(f"{page}/publish", data={"csrf_token": token}).text
    assert "3 people are enrolled." in asked
    assert db.session.get_one(Check, check_id, populate_existing=True).published_at is None
    client.post(f"{page}/publish", data={"csrf_token": token, "confirm": "publish"})
    assert db.session.get_one(Check, check_id, populate_existing=True).published_at is not None
