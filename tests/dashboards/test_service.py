"""Help, and the page of the API."""

from __future__ import annotations

import re

from apiflask import APIFlask

from lms.web.scopes import SCOPES


def test_help_says_where_to_write(app: APIFlask) -> None:
    page = app.test_client().get("/help").text
    assert 'href="mailto:lectures@ministry.example"' in page
    assert 'id="accessibility"' in page


def test_every_call_is_on_the_page(app: APIFlask) -> None:
    client = app.test_client()
    page = client.get("/api/v1/docs").text
    document = client.get("/api/v1/openapi.json").json
    assert document is not None
    calls = [
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    ]
    assert calls
    shown = re.findall(r'<h3><code class="nobr">(\w+)</code> <code>([^<]+)</code></h3>', page)
    assert sorted(shown) == sorted(calls)
    assert {name for name in SCOPES if f"<dt>Scope</dt><dd><code>{name}</code>" in page} == set(SCOPES)
    takes_a_key = [
        path
        for path, item in document["paths"].items()
        for call in item.values()
        if "Idempotency-Key" in {one.get("name") for one in (isinstance(call, dict) and call.get("parameters")) or ()}
    ]
    assert "/api/v1/series/{slug}/lectures" in takes_a_key
    assert page.count("Idempotency-Key</code> <span") == len(takes_a_key)
    assert "/api/v1/jobs/{job_id}" in [path for _method, path in calls]


def test_every_call_says_who_may(app: APIFlask) -> None:
    from lms.dashboards.api_reference import list_calls

    with app.test_request_context("/"):
        doors = [door for group in list_calls() for door in group.calls]
    assert [door.path for door in doors if door.guard is None] == []


def test_the_page_needs_no_script_of_others(app: APIFlask) -> None:
    page = app.test_client().get("/api/v1/docs").text
    assert re.findall(r"<script[^>]*src=\"(?!/static/)", page) == []
