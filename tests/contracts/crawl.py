"""Every route as every role, on one's own things and on another's: asked once, and the answers kept for all tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.routing import Rule

from tests.contracts.matrix import BODIES
from tests.contracts.world import PLACES, World


@dataclass(frozen=True)
class Visit:
    """An answer, and whether the call changed anything in the database."""

    path: str
    answer: Any
    changed: bool


def routes(world: World) -> dict[str, tuple[str, Rule]]:
    """Every route, by `METHOD address`."""
    return {
        f"{method} {rule.rule}": (method, rule)
        for rule in sorted(world.app.url_map.iter_rules(), key=lambda rule: rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    }


def places(rule: Rule) -> tuple[str, ...]:
    """Whose things a route is asked for."""
    if not rule.arguments:
        return PLACES[:1]
    return PLACES if {"slug", "lecture_id"} & set(rule.arguments) else PLACES[:2]


def visit(world: World, method: str, rule: Rule, role: str, place: str) -> Visit:
    """Calls a route with what is good enough for it, and puts back what was changed."""
    values = world.arguments(rule.endpoint, set(rule.arguments), role, place)
    path = world.app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
    body, before = BODIES.get(f"{method} {rule.endpoint}"), world.version()
    answer = world.call(role, method, path, body(world.places[place]) if callable(body) else body)
    answer.get_data()  # what is streamed is read within its request
    changed = world.version() != before
    if changed:
        world.restore()
    return Visit(path, answer, changed)


class Crawl:
    """The answers, each asked for when a test first reads it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._visits: dict[tuple[str, str, str, str], Visit] = {}

    def read(self, method: str, rule: Rule, role: str, place: str) -> Visit:
        """What a role is answered; while the world is as it was built."""
        key = (method, rule.rule, role, place)
        if key not in self._visits:
            self._visits[key] = visit(self.world, method, rule, role, place)
        return self._visits[key]
