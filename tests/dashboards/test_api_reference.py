"""The API reference: an index with search, and a page for each resource."""

from __future__ import annotations

import gzip
import re
from html import unescape
from typing import Any

import pytest
from apiflask import APIFlask
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from lms.dashboards.api_examples import example_body
from lms.dashboards.api_reference import Call, list_sections
from lms.web.api.openapi import RESOURCES, resource_of
from lms.web.request.guards import SCOPES
from tests.factories import Make


@pytest.fixture
def calls(app: APIFlask) -> list[Call]:
    with app.test_request_context("/"):
        return [call for section in list_sections() for call in section.calls]


def test_every_call_is_on_the_page_of_its_resource_and_on_the_index(app: APIFlask, calls: list[Call]) -> None:
    client = app.test_client()
    document: Any = client.get("/api/v1/openapi.json").json
    index = client.get("/api/v1/docs").text
    pages = {resource: client.get(f"/api/v1/docs/{resource.slug}").text for resource in RESOURCES}
    expected = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert {(call.method, call.path) for call in calls} == expected
    for call in calls:
        resource = resource_of(call.path)
        assert f'<section class="call" id="{call.anchor}">' in pages[resource], call.operation
        assert f'<li id="{call.anchor}"><a href="/api/v1/docs/{resource.slug}#{call.anchor}">' in index, call.operation
    assert [resource.name for resource in RESOURCES if 'class="call"' not in pages[resource]] == []
    assert {name for name in SCOPES if any(f"<code>{name}</code>" in page for page in pages.values())} == set(SCOPES)


def test_resources_are_the_tags_of_the_document(app: APIFlask) -> None:
    document: Any = app.test_client().get("/api/v1/openapi.json").json
    assert [tag["name"] for tag in document["tags"]] == [resource.name for resource in RESOURCES]
    used = {tag for methods in document["paths"].values() for call in methods.values() for tag in call["tags"]}
    assert used == {resource.name for resource in RESOURCES}


def test_an_address_without_a_resource_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"new-things/{id} belongs to no resource"):
        resource_of("/api/v1/new-things/{id}")
    assert resource_of("/api/v1/groups/{group_id}/people").name == "Viewing groups"
    assert resource_of("/api/v1/lectures/{id}/attendance-corrections/{batch}/confirm").name == "Corrections"


def test_summaries_are_whole_sentences(app: APIFlask) -> None:
    document: Any = app.test_client().get("/api/v1/openapi.json").json
    call = document["paths"]["/api/v1/series/{slug}/quotas"]["put"]
    assert call["summary"] == "Keeps seats of a series for countries: all that are sent, or none."
    assert call["description"].startswith("A quota cannot be lower than what is taken of it, and")
    for methods in document["paths"].values():
        for call in methods.values():
            assert not call.get("description", "A")[0].islower(), call["operationId"]


def test_every_call_has_a_guard(calls: list[Call]) -> None:
    assert [call.path for call in calls if call.guard is None] == []


def test_search_lists_the_calls_with_every_word(app: APIFlask) -> None:
    client = app.test_client()
    page = client.get("/api/v1/docs?q=Lists+ROSTER").text
    assert "1 call for “Lists ROSTER”" in unescape(page)
    assert '<a href="/api/v1/docs/attendance#get-api-v1-lectures-lecture-id-attendance">' in page
    by_field = client.get("/api/v1/docs?q=certificates_to_issue").text
    assert "GET /api/v1/admin/series" in by_field
    assert "Nothing found" in client.get("/api/v1/docs?q=nowhere-to-be-seen").text
    assert "<b>" not in client.get("/api/v1/docs?q=<b>").text.split("<main")[1]
    assert client.get("/api/v1/docs/nowhere").status_code == 404


def test_examples_have_the_address_and_the_series_of_the_site(app: APIFlask, make: Make) -> None:
    make.series("open-one", visibility="public")
    make.series("hidden-one", visibility="draft")
    held = make.lecture(make.series("given-one", visibility="public"), state="held")
    make.lecture(make.series("hidden-too", visibility="draft"), state="held")
    client = app.test_client()
    page = unescape(client.get("/api/v1/docs/lectures").text)
    assert f'curl "http://localhost/api/v1/lectures/{held.id}"' in page
    assert 'curl "http://localhost/api/v1/series/given-one/lectures?limit=5"' in page
    assert "hidden" not in page.split("<main")[1].replace(" hidden>", "")
    assert "demo.test" not in page  # only in a demonstration


def test_example_bodies_are_what_the_document_asks_for(app: APIFlask, calls: list[Call]) -> None:
    document: Any = app.test_client().get("/api/v1/openapi.json").json
    registry: Any = Registry().with_resource("urn:api", DRAFT202012.create_resource(document))
    faults = {}
    for call in calls:
        if "application/json" in call.bodies and call.operation != "people.create_token":
            pointer = (
                f"{call.path.replace('/', '~1')}/{call.method.lower()}/requestBody/content/application~1json/schema"
            )
            schema = {"$ref": f"urn:api#/paths/{pointer}"}
            errors = [
                error.message
                for error in Draft202012Validator(schema, registry=registry).iter_errors(example_body(call))
            ]
            faults |= {call.operation: errors} if errors else {}
    assert faults == {}


def test_pages_are_light_and_load_nothing_from_elsewhere(app: APIFlask) -> None:
    client = app.test_client()
    for path in ("/api/v1/docs", *(f"/api/v1/docs/{resource.slug}" for resource in RESOURCES)):
        page = client.get(path).text
        assert len(gzip.compress(page.encode())) < 12_000, path
        assert re.findall(r"<(?:script|link)[^>]*(?:src|href)=\"(?:https?:)?//(?!localhost)", page) == [], path
