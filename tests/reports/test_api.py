"""`GET /api/v1/totals`, as contract.md has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.attendance.models.credits import Credit
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.feedback.models import FeedbackAnswer
from lms.feedback.releases import release_due
from lms.reports import recount
from lms.reports.actions.public import refresh_public_figures
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import FIGURES, Slice
from tests.factories import Make
from tests.languages import offering
from tests.reports.world import World
from tests.rows import each_row

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
REFRESHED = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def programme(app: APIFlask, world: World) -> int:
    """Six people of KE, one each of TZ and UG in series "one", refreshed."""
    series = world.series("one")
    lecture = world.lecture(series, NOON)
    world.attend(lecture, *(world.person("KE") for _n in range(6)), *(world.person(code) for code in ("TZ", "UG")))
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=REFRESHED)
    return lecture


def get(client: FlaskClient, query: str = "", headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    answer = client.get(f"/api/v1/totals?{query}", headers=headers or {})
    return answer.status_code, answer.get_json()


def test_the_object(client: FlaskClient, programme: int) -> None:
    status, body = get(client)
    assert status == 200
    assert set(body) == {"as_at", "definitions", "totals", "groups"}
    assert body["as_at"] == "2026-11-24T22:00:00Z"
    assert body["groups"] == []
    assert set(body["definitions"]) == set(FIGURES)
    assert "Beijing" in body["definitions"]["sessions"]
    assert body["totals"] == {
        "sessions": 1, "participants": 8, "attendances": 8, "countries": 3, "partner_countries": 0,
        "registrations": 0, "contact_hours": 8.0, "certificates": 0,
        "feedback_answers": None, "satisfaction": None, "satisfied_percent": None,
    }  # fmt: skip


def test_groups_carry_every_figure(app: APIFlask, client: FlaskClient, programme: int, make: Make) -> None:
    status, body = get(client, "by=year")
    assert status == 200
    assert body["groups"] == [{"key": "2024", "label": "2024", **body["totals"]}]
    headers = make.headers(make.person(roles=["reporter"]))
    status, body = get(client, "by=country", headers)
    assert [(group["key"], group["label"], group["participants"]) for group in body["groups"]] == [
        ("KE", "Kenya", 6),
        ("TZ", "United Republic of Tanzania", 1),
        ("UG", "Uganda", 1),
    ]
    with offering(app, "fr"):
        status, body = get(client, "by=country,year&lang=fr", headers)
    assert [(group["key"], group["label"]) for group in body["groups"]] == [
        (["KE", "2024"], "Kenya · 2024"),
        (["TZ", "2024"], "République-Unie de Tanzanie · 2024"),
        (["UG", "2024"], "Ouganda · 2024"),
    ]
    assert not any("folded" in group for group in body["groups"])


def test_folded_groups_say_so(client: FlaskClient, programme: int) -> None:
    _status, body = get(client, "by=country")
    groups = [(group["key"], group.get("folded", False), group["participants"]) for group in body["groups"]]
    assert groups == [("KE", False, 6), ("other", True, 2)]


@each_row(
    "query, status, field",
    [
        ("country=QQ", 422, "country"),
        ("region=998", 422, "region"),
        ("by=planet", 422, "by"),
        ("by=country,", 422, "by"),
        ("from=2025-01-01&to=2024-12-31", 422, "to"),
        ("from=yesterday", 422, "from"),
        ("partner=perhaps", 422, "partner"),
        ("contry=KE", 422, "contry"),
        ("series=nowhere", 404, None),
        ("country=UG", 403, None),
        ("by=country,year", 403, None),
        ("by=year&country=KE", 403, None),
        ("from=2024-02-01", 403, None),
        ("country=KE", 200, None),
        ("country=KE&from=2024-01-01&to=2024-12-31", 200, None),
    ],
)
def test_statuses(client: FlaskClient, programme: int, query: str, status: int, field: str | None) -> None:
    answer = client.get(f"/api/v1/totals?{query}")
    assert answer.status_code == status
    if status >= 400:
        assert answer.mimetype == "application/problem+json"
        assert answer.get_json()["status"] == status
    if field is not None:
        assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_who_may_ask_what(client: FlaskClient, programme: int, world: World, make: Make) -> None:
    """Rows: whoever asks. Columns: all, own country in detail, another's, a combination."""
    questions = ["", "country=UG&by=series,month", "country=KE", "by=country,year"]
    anonymous: dict[str, str] = {}
    people = {
        "anonymous": (anonymous, [200, 403, 200, 403]),
        "trainee": (make.headers(make.person()), [200, 403, 200, 403]),
        "instructor": (make.headers(make.person(roles=["instructor"])), [200, 403, 200, 403]),
        "focal point": (make.headers(make.person(country="UG", roles=[("focal_point", "UG")])), [200, 200, 403, 403]),
        "reporter": (make.headers(make.person(roles=["reporter"])), [200, 200, 200, 200]),
        "administrator": (make.headers(make.person(roles=["administrator"])), [200, 200, 200, 200]),
    }
    statuses = {
        name: [get(client, question, headers)[0] for question in questions] for name, (headers, _said) in people.items()
    }
    assert statuses == {name: said for name, (_headers, said) in people.items()}


def test_a_bad_token_is_not_the_public(client: FlaskClient, programme: int) -> None:
    assert get(client, "", {"Authorization": "Bearer nonsense"})[0] == 401


def test_a_reporter_is_answered_of_this_moment(client: FlaskClient, programme: int, world: World, make: Make) -> None:
    world.attend(programme, world.person("FR"))
    headers = make.headers(make.person(roles=["reporter"]))
    assert get(client)[1]["totals"]["participants"] == 8
    _status, body = get(client, "", headers)
    assert body["totals"]["participants"] == 9
    assert body["as_at"] > "2026-11-24T22:00:00Z"


def test_satisfaction_is_stated_from_five_answers_on(
    client: FlaskClient, programme: int, world: World, make: Make, app: APIFlask
) -> None:
    """To reporters, exactly and by any group; in public of whole lectures, and of no country."""
    headers = make.headers(make.person(roles=["reporter"]))
    with app.app_context():
        people = list(db.session.scalars(db.select(Credit.person_id).order_by(Credit.person_id)))
    for person, rating in zip(people, [5, 5, 4, 2, 3, None, 5, 1], strict=True):
        world.insert(
            FeedbackAnswer, lecture_id=programme, person_id=person, rating=rating,
            answers={} if rating is None else {"useful": rating}, answered_at=NOON, changed_at=NOON,
        )  # fmt: skip
    world.insert(
        FeedbackAnswer, lecture_id=programme, person_id=world.person("KE"), answers={"useful": 1}, rating=1,
        answered_at=NOON, changed_at=NOON,
    )  # fmt: skip
    assert get(client, "by=country", headers)[1]["totals"]["satisfaction"] is None, "nothing is released"
    with app.app_context():
        release_due(at=NOON)
    keys = ("feedback_answers", "satisfaction", "satisfied_percent")
    status, body = get(client, "by=country", headers)
    assert (status, [body["totals"][key] for key in keys]) == (200, [7, 3.57, 57.1])
    assert {group["key"]: [group[key] for key in keys] for group in body["groups"]} == {
        "KE": [None, None, None], "TZ": [None, None, None], "UG": [None, None, None],
    }, "less Kenya's five, two would be left"  # fmt: skip
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=REFRESHED)
    assert [get(client)[1]["totals"][key] for key in keys] == [7, 3.57, 57.1]
    by_country = get(client, "by=country")[1]["groups"]
    assert {group[key] for group in by_country for key in keys} == {None}
    with app.app_context():
        rows = RecountRows("Asia/Shanghai")
        for dimensions in ((), ("country",), ("source", "country"), ("year",), ("source",)):
            assert recount.differences(rows, Slice(), dimensions, REFRESHED) == []
