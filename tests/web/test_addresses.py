"""Addresses are built once, and are those that Flask builds."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask import url_for

from lms.web.url_cache import address_of


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("dashboards.home", {}),
        ("dashboards.lecture", {"lecture_id": 1}),
        ("dashboards.lecture", {"lecture_id": True}),
        ("dashboards.help", {"_anchor": "accessibility"}),
        ("catalogue.series_list", {"q": "1", "page": 1}),
        ("catalogue.series_list", {"q": ["a", "b"]}),
        ("catalogue.series_list", {"_external": True}),
        ("static", {"filename": "serai.css"}),
    ],
)
def test_an_address_is_what_flask_says(app: APIFlask, endpoint: str, values: dict[str, Any]) -> None:
    for root in ("", "/beneath"):
        with app.test_request_context("/", environ_overrides={"SCRIPT_NAME": root}):
            expected = url_for(endpoint, **values)
            assert [address_of(endpoint, **values) for _turn in range(2)] == [expected, expected]
