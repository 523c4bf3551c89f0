"""What caches on the way, such as a CDN, may keep: nothing that sets a cookie or depends on one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from werkzeug.routing import Rule

from tests.contracts.crawl import Crawl, Visit, routes
from tests.contracts.world import ROLES, World

pytestmark = pytest.mark.xdist_group("world")
COOKIES = {"lang": "zh", "zone": "Pacific/Apia", "session": "forged", "closed_live": "1"}
"""Cookies of a reader who is not signed in: what they choose, and one that means nothing."""


def visits(world: World, crawl: Crawl) -> Iterator[tuple[str, str, Rule, Visit]]:
    for role in ROLES:
        for name, (method, rule) in routes(world).items():
            yield role, name, rule, crawl.read(method, rule, role, "mine")


def is_kept(answer: Response) -> bool:
    """Whether caches on the way may keep an answer."""
    return answer.cache_control.public or answer.cache_control.s_maxage is not None


def again(world: World, path: str, cookies: dict[str, str]) -> Any:
    client = world.app.test_client()
    for name, value in cookies.items():
        client.set_cookie(name, value)
    return client.get(path)


@pytest.mark.long
def test_every_answer_says_who_may_keep_it(world: World, crawl: Crawl) -> None:
    silent = [
        name for _role, name, _rule, visit in visits(world, crawl) if not visit.answer.headers.get("Cache-Control")
    ]
    assert silent == []


@pytest.mark.long
def test_only_what_strangers_can_read_is_kept(world: World, crawl: Crawl) -> None:
    kept: dict[str, set[str]] = {}
    for role, name, _rule, visit in visits(world, crawl):
        if is_kept(visit.answer):
            assert visit.answer.status_code in (200, 304), name
            kept.setdefault(name, set()).add(role)
    assert {name for name in kept if not name.startswith("GET ")} == set()
    assert {name for name, roles in kept.items() if ROLES[0] not in roles} == set()
    assert {
        "GET /.well-known/jwks.json", "GET /api/v1/docs", "GET /certificates/status/<int:list_number>",
        "GET /impact/embed", "GET /lectures/<int:lecture_id>/picture.png", "GET /series/<slug>/calendar.ics",
        "GET /sitemap.xml",
    } <= set(kept)  # fmt: skip


@pytest.mark.long
def test_what_is_kept_sets_no_cookie(world: World, crawl: Crawl) -> None:
    setting = [name for _role, name, _rule, visit in visits(world, crawl)
               if is_kept(visit.answer) and "Set-Cookie" in visit.answer.headers]  # fmt: skip
    assert setting == []


def test_what_is_kept_depends_on_no_cookie(world: World, crawl: Crawl) -> None:
    """An answer with `Vary: Cookie` is kept only where no cookie came; any other is the same with all cookies."""
    for name, (method, rule) in routes(world).items():
        visit = crawl.read(method, rule, ROLES[0], "mine") if method == "GET" else None
        if visit is None or not is_kept(visit.answer):
            continue
        for cookie, value in COOKIES.items():
            other = again(world, visit.path, {cookie: value})
            if "Cookie" in visit.answer.vary:
                assert not is_kept(other), (name, cookie)
            else:
                plain = again(world, visit.path, {})  # the world may not be as it was when the crawl asked
                assert other.get_data() == plain.get_data(), (name, cookie)
                assert "Cookie" not in other.vary, (name, cookie)


@pytest.mark.long
def test_what_is_kept_for_the_signed_in_is_what_strangers_get(world: World, crawl: Crawl) -> None:
    for role, name, rule, visit in visits(world, crawl):
        if role != ROLES[0] and is_kept(visit.answer):
            stranger = crawl.read("GET", rule, ROLES[0], "mine").answer
            assert visit.answer.get_data() == stranger.get_data(), (name, role)
            assert "Cookie" not in visit.answer.vary, (name, role)


def test_a_kept_page_varies_by_language_and_encoding(world: World) -> None:
    for path in ("/", "/series", "/help", "/impact", "/api/v1/docs"):
        answer = world.app.test_client().get(path)
        assert {"Accept-Language", "Accept-Encoding"} <= set(answer.vary.to_header().split(", ")), path


def test_static_files_are_kept_for_a_year_and_missing_ones_are_not(world: World) -> None:
    built = next(Path(str(world.app.static_folder)).glob("*.css"))
    answer = world.app.test_client().get(f"/static/{built.name}")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Cookie" not in answer.vary
    missing = world.app.test_client().get("/static/missing.0123456789ab.css")
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "no-store")
