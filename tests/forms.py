"""The forms of pages, as a browser without JavaScript sends them."""

from __future__ import annotations

import re


def token_in(page: str) -> str:
    """The token against forged requests that the forms of a page have."""
    match = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert match is not None, "the page has no form"
    return match[1]
