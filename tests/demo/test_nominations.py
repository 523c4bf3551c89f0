"""People whom countries nominate: their addresses are nobody's yet, however many people there are."""

from __future__ import annotations

from random import Random

import pytest

from lms.demo import nominations
from lms.demo.population import Maker
from lms.demo.programme import load_countries
from lms.people.queries.persons import ids_by_email
from lms.people.rules import email_key
from tests.factories import Make


def test_nominees_are_found_where_most_addresses_are_known(
    context: None, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nominations, "AT_MOST", 4)
    first, second = (Maker(load_countries(), Random(1).random) for _twice in range(2))
    for _turn in range(nominations.AT_MOST):
        member = first.make("KE", certified=True)
        make.person(member.full_name, email=member.email)
    newcomers = nominations._newcomers(second, "KE", 3)
    assert len({member.email for member in newcomers}) == 3
    assert ids_by_email([email_key(member.email) for member in newcomers]) == {}


def test_a_programme_without_unknown_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nominations, "_unknown", lambda _members: [])
    with pytest.raises(RuntimeError, match="KE: only 0 people"):
        nominations._newcomers(Maker(load_countries(), Random(1).random), "KE", 3)
