"""The ledger of seats names nominees to those who may know them, before they have answered."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lms.catalogue.models import Series
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.enrolment.queries.seat_entries import LedgerLine, list_ledger
from lms.nominations.actions.forgetting import forget_old
from lms.nominations.actions.nominating import nominate, withdraw_nominations
from lms.nominations.rules import FORGET_AFTER
from lms.people.actions.persons import set_country
from lms.people.queries.countries import get_country
from tests.enrolment.conftest import Cast
from tests.nominations.conftest import keep, row

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]


def ledger(series: Series, by: Actor, q: str = "") -> list[LedgerLine]:
    return list_ledger(series, ListRequest(q=q), country_names={"KE": "Kenya", "UG": "Uganda"}, by=by)[0]


def test_a_nominee_is_named_to_administrators_and_the_own_focal_point(
    cast: Cast, series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime
) -> None:
    uganda = cast.staff(Role.FOCAL_POINT, "Grace Akello", country="UG")
    keep(series, kenya, 3, until=at + timedelta(days=5))
    made = nominate(series.id, [row("Otieno Ouma"), row("Chebet Rono")], country_id=kenya, by=focal, at=at).invited
    for by in (admin, focal):
        assert [line.nominee for line in ledger(series, by)] == ["Otieno Ouma", "Chebet Rono"]
        assert [line.nominee for line in ledger(series, by, "chebet")] == ["Chebet Rono"]
    assert ledger(series, uganda) == ledger(series, uganda, "chebet") == []
    withdraw_nominations(made[:1], by=focal, at=at)
    assert [(line.change, line.nominee) for line in ledger(series, focal, "otieno")] == [
        (1, "Otieno Ouma"),
        (-1, "Otieno Ouma"),
    ]
    forget_old(at=at + FORGET_AFTER + timedelta(seconds=1))
    assert [line.nominee for line in ledger(series, admin)] == [None, "Chebet Rono", None]


def test_a_focal_point_reads_no_name_of_somebody_who_left_the_country(
    cast: Cast, series: Series, kenya: int, focal: Actor, admin: Actor, at: datetime
) -> None:
    person = cast.person("Rose Maina")
    assert person.person_id is not None
    keep(series, kenya, 3, until=at + timedelta(days=5))
    nominate(series.id, [row("Rose Maina", email="rose.maina@people.test")], country_id=kenya, by=focal, at=at)
    assert [line.full_name for line in ledger(series, focal)] == ["Rose Maina"]
    set_country(person.person_id, get_country("UG").id, since=at.date(), by=SYSTEM, at=at)
    assert [line.full_name for line in ledger(series, admin)] == ["Rose Maina"]
    line = ledger(series, focal)[0]
    assert (line.full_name, line.person_id) == (None, None)
