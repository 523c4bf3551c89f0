"""The addresses of the pages, from the matrix."""

from __future__ import annotations

from collections.abc import Iterator

from werkzeug.routing import Rule

from tests.contracts.matrix import TABLE
from tests.contracts.world import ROLES, World

NO_PAGES = {
    "/healthz",
    "/metrics",
    "/readyz",
    "/lectures/<int:lecture_id>/room/state",
    "/lectures/<int:lecture_id>/room/audience",
    "/lectures/<int:lecture_id>/questions/queue",
    "/lectures/<int:lecture_id>/polls/part",
    "/lectures/<int:lecture_id>/calendars/<program>",
    "/certificates/keys/<kid>",
    "/certificates/status/<int:list_number>",
    "/lectures/<int:lecture_id>/files/<file_id>",
    "/speakers/<speaker_id>/picture",
    "/country/nominations/<public_id>/letter",
}


def page_rules(world: World, role: str) -> Iterator[Rule]:
    """The routes of the pages that this role may read, of their place."""
    rules = {rule.rule: rule for rule in world.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    for door, row in TABLE.items():
        method, path = door.split(" ", 1)
        is_page = method == "GET" and "." not in path and path not in NO_PAGES
        is_api = path.startswith("/api/") and not path.startswith("/api/v1/docs")
        if is_page and not is_api and row[0][ROLES.index(role)] == "y":
            yield rules[path]


def pages(world: World, role: str) -> Iterator[str]:
    """The addresses of these pages."""
    for rule in page_rules(world, role):
        values = world.arguments(rule.endpoint, set(rule.arguments), role, "mine")
        yield world.app.url_map.bind("localhost").build(rule.endpoint, values)
