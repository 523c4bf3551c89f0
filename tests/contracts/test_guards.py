"""Every door declares who may use it; what is behind a role is closed to everybody else."""

from __future__ import annotations

from apiflask import APIFlask

from lms.web.request.guards import ANYONE, OPEN_BY_DESIGN, Guard
from tests.queries import CountQueries


def test_every_view_declares_its_guard(app: APIFlask) -> None:
    undeclared = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not isinstance(getattr(app.view_functions[rule.endpoint], "guard", None), Guard)
    ]
    assert sorted(set(undeclared) - OPEN_BY_DESIGN) == []


def test_a_get_of_a_stranger_writes_nothing(app: APIFlask, count_queries: CountQueries) -> None:
    """No row, and no cookie but for the token of a form."""
    without_form = 0
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if getattr(view, "guard", None) is ANYONE and not rule.arguments and "GET" in (rule.methods or ()):
            with count_queries() as statements:
                answer = app.test_client().get(rule.rule)
            assert answer.status_code < 500, rule
            assert [text for text in statements if not text.lstrip().startswith(("SELECT", "WITH"))] == [], rule
            if b"csrf_token" not in answer.data:
                without_form += 1
                assert "Set-Cookie" not in answer.headers, rule
    assert without_form > 20


def test_a_view_without_a_guard_is_refused(app: APIFlask) -> None:
    """The check fails closed: an endpoint that forgot its guard answers 403 to everybody."""
    from lms.web.request import guards

    with app.test_request_context("/healthz"):
        view = app.view_functions["web.healthz"]
        guard = view.guard  # type: ignore[attr-defined]
        try:
            del view.guard  # type: ignore[attr-defined]
            assert guards.guard_of("web.healthz") is None
            assert app.test_client().get("/healthz").status_code == 403
        finally:
            view.guard = guard  # type: ignore[attr-defined]


def test_the_document_of_the_api_is_open(app: APIFlask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["openapi"].startswith("3.1")
