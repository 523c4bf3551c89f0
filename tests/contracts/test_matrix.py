"""The matrix of doors, roles and whose thing it is: every door has a row, and every row holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.routing import Rule

from tests.contracts.crawl import Crawl, Visit, places, routes, visit
from tests.contracts.matrix import BODIES, TABLE
from tests.contracts.world import LISTED, ROLES, World

pytestmark = pytest.mark.xdist_group("world")

COUNTED = {
    "people.sign_in",
    "people_api.create_token",
    "people.ask_address_change",
    "people.change_password",
    "people.change_second_factor",
    "people.create_token",
    "people.erase",
}
"""Where a wrong password is counted."""


@pytest.fixture(autouse=True)
def _as_it_was(world: World) -> Iterator[None]:
    yield
    world.restore()


def sign_of(seen: Visit, rule: Rule) -> str:
    """What a route answered, in one sign."""
    answer = seen.answer
    if answer.status_code == 401 or (answer.status_code in {302, 303} and "/sign-in" in answer.location):
        sign = "s"
    elif answer.status_code in {403, 404}:
        sign = {403: "n", 404: "m"}[answer.status_code]
    elif answer.status_code < 400:
        return "w" if seen.changed else "y"
    else:
        sign = "r" if answer.status_code < 500 else "!"
    # What is refused writes nothing (a failed sign-in is counted, no more)
    return sign if not seen.changed or rule.endpoint in COUNTED else f"[{sign}, but wrote]"


def test_every_door_has_a_row_and_every_row_a_door(world: World) -> None:
    assert sorted(set(routes(world)) ^ set(TABLE)) == [], "give each door its row in tests/contracts/matrix.py"


def test_strangers_get_what_the_rows_say(world: World, crawl: Crawl) -> None:
    """The first sign of each row, asked for by what is one's own; all others are in `make test-long`."""
    wrong = {
        name: f"{sign}, expected {TABLE[name][0][0]}"
        for name, (method, rule) in routes(world).items()
        if (sign := sign_of(crawl.read(method, rule, ROLES[0], places(rule)[0]), rule)) != TABLE[name][0][0]
    }
    assert wrong == {}


@pytest.mark.long(seconds=250)  # its group
def test_every_row_holds(world: World, crawl: Crawl) -> None:
    rows = {
        name: tuple(
            "".join(sign_of(crawl.read(method, rule, role, place), rule) for role in ROLES) for place in places(rule)
        )
        for name, (method, rule) in routes(world).items()
    }
    wrong = {name: f"{row}, expected {TABLE.get(name)}" for name, row in rows.items() if row != TABLE.get(name)}
    assert wrong == {}


@pytest.mark.long
@pytest.mark.parametrize("role", LISTED)
def test_a_list_of_instructors_without_the_role_gives_what_a_trainee_has(world: World, role: str) -> None:
    """At each door of another's series, and of a draft. Pages may lead a resting role to its second factor instead."""
    wrong = {}
    for name, (method, rule) in routes(world).items():
        for place, row in zip(places(rule)[1:], TABLE[name][1:], strict=True):
            expected = row[ROLES.index("trainee")]
            sign = sign_of(visit(world, method, rule, role, place), rule)
            if role == LISTED[1] and not rule.rule.startswith("/api/") and sign == "y":
                continue  # led to the page where the second factor is set up; nothing was changed
            if sign != expected:
                wrong[f"{name} ({place})"] = f"{sign}, expected {expected}"
    assert wrong == {}


def test_a_form_without_its_token_changes_nothing(world: World) -> None:
    # Keep a preference in a cookie, or read a file and keep nothing; of two the address is the right (RFC 8058), and
    # those of streaming and replays take a token that no form can send
    open_to_forgery = {"web.set_language", "web.set_zone", "web.close_live_bar", "certificates.verify_file",
                       "people.unsubscribe", "reports.unsubscribe",
                       "streaming.put_chunk", "streaming.stop", "live.played"}  # fmt: skip
    for name, (method, rule) in routes(world).items():
        if method == "GET" or rule.rule.startswith("/api/") or rule.endpoint in open_to_forgery:
            continue
        role = "focal point" if TABLE[name][0].endswith("nn") else "administrator"
        values = world.arguments(rule.endpoint, set(rule.arguments), role, "mine")
        path = world.app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
        body, before = BODIES.get(f"{method} {rule.endpoint}"), world.version()
        sent = body(world.places["mine"]) if callable(body) else body
        answer = world.call(role, method, path, sent, csrf=False)
        assert (answer.status_code, world.version() == before) == (400, True), name


@pytest.mark.long
def test_another_persons_data_reaches_nobody_who_may_not_see_it(world: World, crawl: Crawl) -> None:
    """Of those who have no right to somebody, nobody reads the name or the address, at whatever door."""
    shown_by_contract = {
        "certificates_api.certificate",
        "certificates.certificate",
        "certificates_api.learning_record",
    }  # the public part has the name
    for name, (method, rule) in routes(world).items():
        if method != "GET" or rule.endpoint in shown_by_contract:
            continue
        for place in places(rule):
            strangers = ["anonymous"] if place == "mine" else ["anonymous", "trainee", "instructor", "focal point"]
            for role in strangers:
                text = crawl.read(method, rule, role, place).answer.get_data().decode(errors="replace")
                for person in (
                    ("The Trainee", "trainee@x.example") if place == "mine" else ("Other Trainee", "other-tra")
                ):
                    assert person not in text, f"{name} tells the {role} about {person}"
                if role == "anonymous":
                    assert "x.example" not in text, f"{name} tells an address to anybody"
