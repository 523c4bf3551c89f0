"""The forms of pages, as a browser without JavaScript sends them."""

from __future__ import annotations

import re

import pytest
from apiflask import APIFlask


def token_in(page: str) -> str:
    """The token against forged requests that the forms of a page have."""
    match = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert match is not None, "the page has no form"
    return match[1]


@pytest.fixture
def unprotected(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms are sent without their token."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", [])
