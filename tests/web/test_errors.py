"""Errors: a page for people, a problem for programs."""

from __future__ import annotations

from apiflask import APIFlask


def test_a_missing_page_is_a_page(app: APIFlask) -> None:
    answer = app.test_client().get("/nowhere")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "<h1>Page not found</h1>" in answer.text
    assert "This does not exist, or you do not have access to it." in answer.text


def test_a_page_takes_only_its_methods(app: APIFlask) -> None:
    answer = app.test_client().get("/language")
    assert (answer.status_code, answer.mimetype) == (405, "text/html")


def test_a_missing_call_is_a_problem(app: APIFlask) -> None:
    answer = app.test_client().get("/api/v1/nowhere")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.json is not None
    assert answer.json["title"] == "Not Found"
    assert answer.json["status"] == 404


def test_a_call_takes_only_its_methods(app: APIFlask) -> None:
    answer = app.test_client().delete("/api/v1/series")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
