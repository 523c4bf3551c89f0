"""The API of series: every call, every status of the contract."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.catalogue.calls import LECTURE, SERIES, Api, fields
from tests.factories import Make
from tests.rows import each_row


@pytest.mark.databases
def test_series_created_read_repeated_and_taken(ines: Api, admin: Api, anyone: Api) -> None:
    made = ines("POST", "/series", SERIES)
    assert made.status_code == 201
    places = {"taken": 0, "enrolled": 0, "held": 0, "free": 40, "free_for_countries": 0}
    assert made.json == {**SERIES, **places, "instructor_names": ["Ines"]}
    again = ines("POST", "/series", SERIES)
    assert (again.status_code, again.json) == (200, made.json)
    other = ines("POST", "/series", {**SERIES, "title": "Trades"})
    assert (other.status_code, other.json["status"]) == (409, 409)
    assert "trade" in other.json["detail"]
    assert admin("GET", "/series/trade").json == made.json
    assert anyone("GET", "/series/trade").json == {**made.json, "instructors": None}


def test_series_missing_keys_take_their_defaults(ines: Api) -> None:
    made = ines("POST", "/series", {"slug": "a", "title": "A"})
    assert made.json == {
        "slug": "a",
        "title": "A",
        "description": "",
        "language": "en",
        "text_language": None,
        "translations": {},
        "visibility": "public",
        "admission": "open",
        "nominations_need_approval": False,
        "starts_on": None,
        "ends_on": None,
        "capacity": None,
        "taken": 0,
        "enrolled": 0,
        "held": 0,
        "free": None,
        "free_for_countries": 0,
        "countries": None,
        "instructors": ["ines@example.org"],
        "instructor_names": ["Ines"],
        "policy": {
            "min_percent": 60,
            "min_lectures_percent": 60,
            "replay_days": 28,
            "walk_ins": "enrol",
            "certificate": "participation",
            "min_lectures": None,
            "min_minutes": None,
            "deadline": None,
            "confirmed_names": False,
            "checks_passed": False,
            "min_feedback": None,
        },
    }
    assert ines("POST", "/series", {"slug": "a", "title": "A"}).status_code == 200


@each_row(
    "changes, wrong",
    [
        ({"slug": None}, "slug"),
        ({"slug": "New Series"}, "slug"),
        ({"title": 5}, "title"),
        ({"title": ""}, "title"),
        ({"nominations_need_approval": "perhaps"}, "nominations_need_approval"),
        ({"capacity": "many"}, "capacity"),
        ({"capacity": True}, "capacity"),
        ({"capacity": -1}, "capacity"),
        ({"capacity": 10**12}, "capacity"),
        ({"visibility": "secret"}, "visibility"),
        ({"starts_on": "2026-02-30"}, "starts_on"),
        ({"countries": ["KE", "\ud800"]}, "countries"),
        ({"countries": "KE"}, "countries"),
        ({"instructors": ["nobody@example.org\x00"]}, "instructors"),
        ({"policy": {"min_percent": 101}}, "policy.min_percent"),
        ({"policy": {"bonus": 1}}, "policy.bonus"),
        ({"policy": {"walk_ins": "maybe"}}, "policy.walk_ins"),
        ({"policy": {"min_lectures": 0}}, "policy.min_lectures"),
        ({"policy": {"min_lectures": "3"}}, "policy.min_lectures"),
        ({"policy": {"min_minutes": 100_001}}, "policy.min_minutes"),
        ({"policy": {"deadline": "soon"}}, "policy.deadline"),
        ({"policy": {"deadline": "0026-12-01"}}, "policy.deadline"),
        ({"policy": {"confirmed_names": "yes"}}, "policy.confirmed_names"),
        ({"colour": "red"}, "colour"),
        ({"taken": 0}, "taken"),
    ],
)
def test_series_422_names_the_field(ines: Api, changes: dict[str, Any], wrong: str) -> None:
    assert wrong in [
        name.removesuffix(".0").removesuffix(".1") for name in fields(ines("POST", "/series", {**SERIES, **changes}))
    ]


@pytest.mark.databases
def test_texts_of_any_signs_are_stored_without_harm(ines: Api) -> None:
    made = ines("POST", "/series", {"slug": "a", "title": "Zo\u00eb\x07 \U0001f9ed", "description": "x\x1f\u202ey"})
    assert (made.status_code, made.json["title"], made.json["description"]) == (201, "Zoë \U0001f9ed", "xy")


@pytest.mark.databases
@each_row("slug", ["nothing", "%00", "%ED%A0%80", "a%2Fb", "A"])
def test_series_404(ines: Api, anyone: Api, slug: str) -> None:
    assert anyone("GET", f"/series/{slug}").status_code == 404
    assert ines("PATCH", f"/series/{slug}", {"title": "B"}).status_code == 404
    assert anyone("GET", f"/series/{slug}/lectures").status_code == 404
    assert ines("POST", f"/series/{slug}/lectures", LECTURE).status_code == 404


def test_series_bodies_that_are_none(ines: Api) -> None:
    assert ines("POST", "/series", data="{", content_type="application/json").status_code == 400
    assert ines("POST", "/series", data="[]", content_type="application/json").status_code == 400
    assert ines("POST", "/series", data="a=b", content_type="application/x-www-form-urlencoded").status_code == 415
    assert fields(ines("POST", "/series", {})) == ["slug", "title"]
    assert fields(ines("POST", "/series")) == ["slug", "title"]


@pytest.mark.databases
def test_series_patch(ines: Api, omar: Api, admin: Api, trainee: Api, anyone: Api, make: Make) -> None:
    made = ines("POST", "/series", SERIES).json
    changed = ines("PATCH", "/series/trade", {"title": "Sea trade", "policy": {"min_percent": 80}})
    assert changed.status_code == 200
    assert changed.json == {**made, "title": "Sea trade", "policy": {**made["policy"], "min_percent": 80}}
    assert admin("PATCH", "/series/trade", {"capacity": None, "countries": None}).json["capacity"] is None
    assert anyone("PATCH", "/series/trade", {"title": "x"}).status_code == 401
    for other in (omar, trainee):
        assert other("PATCH", "/series/trade", {"title": "x"}).status_code == 403
    assert fields(ines("PATCH", "/series/trade", {"nonsense": 1})) == ["nonsense"]
    assert fields(ines("PATCH", "/series/trade", {"title": None})) == ["title"]
    assert fields(ines("PATCH", "/series/trade", {"slug": "sea"})) == ["slug"]
    assert ines("PATCH", "/series/trade", {}).json["title"] == "Sea trade"
    assert ines("PATCH", "/series/trade", {"instructors": ["omar@example.org"]}).json["instructors"] is None
    assert omar("GET", "/series/trade").json["instructors"] == ["omar@example.org"]


def test_a_draft_series_is_hidden_from_all_but_its_staff(
    ines: Api, omar: Api, admin: Api, reporter: Api, trainee: Api, anyone: Api
) -> None:
    ines("POST", "/series", {**SERIES, "visibility": "draft"})
    key = ines("POST", "/series/trade/lectures", LECTURE).json["id"]
    for who, status in ((ines, 200), (admin, 200), (reporter, 200), (omar, 404), (trainee, 404), (anyone, 404)):
        assert who("GET", "/series/trade").status_code == status
        assert who("GET", "/series/trade/lectures").status_code == status
        assert who("GET", f"/lectures/{key}").status_code == status
        assert [item["slug"] for item in who("GET", "/series").json["items"]] == (["trade"] if status == 200 else [])
    for other in (omar, trainee):
        assert other("PATCH", "/series/trade", {"title": "x"}).status_code == 404
        assert other("POST", "/series/trade/lectures", LECTURE).status_code == 404
        assert other("PATCH", f"/lectures/{key}", {"title": "x"}).status_code == 404
        assert other("POST", f"/lectures/{key}/start", {}).status_code == 404
    assert omar("POST", "/series", {**SERIES, "visibility": "draft"}).status_code == 409
    assert reporter("GET", "/series/trade").json["instructors"] is None
    assert reporter("PATCH", "/series/trade", {"title": "x"}).status_code == 403


@pytest.mark.databases(differs=True)
def test_series_list_is_paged_searched_and_filtered(ines: Api, anyone: Api) -> None:
    for slug, more in (
        ("a", {"title": "Кофе и Чай"}),
        ("b", {"language": "fr", "description": "Coffee for all"}),
        ("c", {"admission": "nomination"}),
    ):
        ines("POST", "/series", {"slug": slug, "title": slug, **more})
    ines("POST", "/series/c/lectures", {**LECTURE, "title": "Ｃｏｆｆｅｅ"})

    def slugs(query: str) -> list[str]:
        answer = anyone("GET", f"/series?{query}")
        assert answer.status_code == 200
        return [item["slug"] for item in answer.json["items"]]

    assert slugs("") == ["c", "b", "a"]
    assert slugs("q=КОФЕ чай") == ["a"]
    assert slugs("q=coffee") == ["c", "b"]
    assert slugs("q=nothing") == []
    assert slugs("language=fr") == ["c", "b"]
    assert slugs("admission=nomination") == ["c"]
    assert slugs("open=true") == ["c"]
    assert slugs("open=false") == ["b", "a"]
    first = anyone("GET", "/series?limit=2").json
    assert [item["slug"] for item in first["items"]] == ["c", "b"]
    second = anyone("GET", f"/series?limit=2&cursor={first['next']}").json
    assert ([item["slug"] for item in second["items"]], second["next"]) == (["a"], None)
    for query in ("limit=0", "limit=201", "limit=x", "cursor=x", "admission=x", "open=x"):
        assert fields(anyone("GET", f"/series?{query}")) == [query.split("=", maxsplit=1)[0]]


def test_a_bad_token_is_401(client: FlaskClient) -> None:
    nobody = Api(client, {"Authorization": "Bearer nonsense"})
    assert nobody("GET", "/series").status_code == 401
    assert nobody("POST", "/series", SERIES).status_code == 401
