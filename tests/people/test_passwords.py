"""Passwords: lengths, lists of stolen ones, what everybody knows, and how they are hashed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import extract_parameters

from lms.core.base.errors import Invalid
from lms.people import passwords
from lms.people.rules import checked_password
from tests.cheap import REAL_COSTS
from tests.factories import PASSWORD, Make
from tests.rows import each_row

Post = Callable[..., Any]
KNOWN = ["Ministry of Trade", "Achieng Odhiambo", "achieng.odhiambo@kisumu-traders.example"]


@each_row(
    "password",
    ["password", "PASSWORD1", "trustno1", "iloveyou", "qwertyuiop", "sunshine", "football", "1q2w3e4r", "superman"],
)
def test_stolen_passwords_are_refused_in_any_case(password: str) -> None:
    with pytest.raises(Invalid, match=r"too easy to guess|lists of stolen passwords"):
        checked_password(password, demonstration=False)
    with pytest.raises(Invalid, match=r"too easy to guess|lists of stolen passwords"):
        checked_password(password.upper(), demonstration=False)


@each_row("password", ["P4ssw0rd", "drowssap", "aaaaaaaaaaaa", "abcdefghijkl", "20261125", "qwerty12345"])
def test_disguises_rows_and_dates_are_refused(password: str) -> None:
    with pytest.raises(Invalid, match=r"too easy to guess|lists of stolen passwords"):
        checked_password(password, demonstration=False)


@each_row(
    "password",
    ["MinistryOfTrade", "ministry2026", "Odhiambo!99", "achieng-odhiambo", "kisumu_traders1", "Trade!Ministry"],
)
def test_what_everybody_knows_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match="too close to your name"):
        checked_password(password, demonstration=False, known=KNOWN)


@each_row(
    "password",
    [
        PASSWORD,
        "zq7vk2mx",
        "ministry-otter-lamp-42",
        "сонный самовар поёт",
        "睡猫在雨中跳舞到天亮",
        " spaces count ",
        "horse lamp " * 6,
        "Zk3vQ8xN1cW6mTb9Yh2LrD5sJf7PgA4eUoXiKnVqBzMtRwCyEdGhS0lFaHjIuOpT",
        "long " * 40,
    ],
)
def test_other_passwords_of_8_to_200_signs_are_taken_as_typed(password: str) -> None:
    assert 8 <= len(password) <= 200
    assert checked_password(password, demonstration=False, known=KNOWN) == password


@each_row("password, message", [("k4x!q2m", "Use at least 8 characters."), ("ab" * 101, "Use at most 200 characters.")])
def test_lengths(password: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_password(password, demonstration=False)
    assert caught.value.message == message


def test_the_demonstrations_own_is_taken_there_only() -> None:
    assert checked_password("demo-only", demonstration=True) == "demo-only"
    with pytest.raises(Invalid, match="Everyone knows this password"):
        checked_password("demo-only", demonstration=False)


@pytest.mark.parametrize("password", ["iloveyou", "achieng1", "ministry-of-trade"])
def test_the_pages_refuse_them(
    make: Make, client: Any, post: Post, mails: Callable[[], list[Any]], password: str
) -> None:
    person = make.person(email="achieng@example.org", full_name="Achieng Odhiambo", password=PASSWORD)
    post("/forgot", email="achieng@example.org")
    reset = post(f"/reset/{mails()[0].payload['secret']}", password=password)
    assert (reset.status_code, 'aria-invalid="true"' in reset.text) == (422, True)
    make.sign_in(client, person)
    changed = post("/account/password", page="/account", current_password=PASSWORD, new_password=password)
    assert (changed.status_code, 'aria-invalid="true"' in changed.text) == (422, True)


def test_nobodys_hash_costs_what_every_other_costs() -> None:
    real = extract_parameters(passwords.hash_password("whatever it is"))
    assert extract_parameters(passwords._NOBODYS_HASH) == real
    assert (real.type.name, real.memory_cost) == ("ID", passwords.COSTS["memory_cost"])
    assert REAL_COSTS == {"time_cost": 2, "memory_cost": 19 * 1024, "parallelism": 1}
    assert passwords.verify_password(None, "whatever it is") is False
