"""The language and the direction of pages: asked for once in the address, or kept in a cookie for a visitor."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient


def root(client: FlaskClient, path: str) -> str:
    """The page's `lang` and `dir`."""
    found = re.search(r'<html lang="([^"]*)" dir="([^"]*)">', client.get(path).text)
    assert found is not None
    return " ".join(found.groups())


def test_a_language_in_the_address_holds_for_one_page(client: FlaskClient) -> None:
    assert root(client, "/series?lang=ar") == "ar rtl"
    assert root(client, "/series") == "en ltr"


def test_a_kept_language_stays_with_its_direction_when_links_are_followed(client: FlaskClient) -> None:
    client.post("/language", data={"lang": "ar"})
    assert [root(client, path) for path in ("/", "/series", "/impact", "/verify", "/sign-in")] == ["ar rtl"] * 5
    client.post("/language", data={"lang": "en"})
    assert root(client, "/series") == "en ltr"


def test_what_is_no_language_is_not_kept(client: FlaskClient) -> None:
    assert client.post("/language", data={"lang": "xx"}).status_code == 422
    client.set_cookie("lang", "xx")
    assert root(client, "/") == "en ltr"


@pytest.mark.parametrize("path", ["/series", "/series?q=coffee&amp;state=open"])
def test_choosing_a_zone_returns_to_the_page_with_what_was_asked(client: FlaskClient, path: str) -> None:
    page = client.get(path.replace("&amp;", "&") + ("&" if "?" in path else "?") + "lang=fr").text
    (link,) = set(re.findall(r'href="(/zone\?next=[^"]*)"', page))
    assert f'name="next" value="{path}"' in client.get(link.replace("&amp;", "&")).text
