"""The help page."""

from __future__ import annotations

from apiflask import APIFlask


def test_help_says_where_to_write(app: APIFlask) -> None:
    page = app.test_client().get("/help").text
    assert 'href="mailto:lectures@ministry.example"' in page
    assert 'id="accessibility"' in page
