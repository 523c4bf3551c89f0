"""The list of a series' enrolments, filtered, sorted and paged, on the page and in the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lms.catalogue.models import Series
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.series import SeatFilter, count_organisations_of_series, list_seat_page, list_seats

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = {"KE": "Kenya", "PE": "Peru", "GH": "Republic of Ghana"}
EVERYONE = SeatFilter()


@pytest.fixture
def series(make: Any) -> Series:
    """Zed of Kenya registered first, Ann of Peru waits, Émile of Ghana came by a file and withdrew, Bo is hidden."""
    made: Series = make.series(slug="trade")
    for number, (name, country, organisation, status, source, shared) in enumerate(
        (
            ("Zed", "KE", "Customs", "enrolled", "staff", EARLY),
            ("Ann", "PE", None, "waitlisted", "self", EARLY),
            ("Émile", "GH", "Asociación", "withdrawn", "file", EARLY),
            ("Bo", "PE", "Bank", "enrolled", "staff", None),
        )
    ):
        person = make.person(name, email=f"p{number}@x.example", country=country, organisation=organisation)
        at = EARLY + timedelta(days=number)
        make.enrolment(made, person, status=status, source=source, at=at, profile_shared_at=shared)
    return made


def names(series: Series, wanted: SeatFilter = EVERYONE, by: Actor = SYSTEM, **asked: Any) -> list[str]:
    page = list_seat_page(series, wanted, ListRequest(**asked), by=by, country_names=NAMES)
    assert page.matching == len(page.seats) or "size" in asked
    return [seat.label for seat in page.seats]


@pytest.mark.databases(differs=True)
def test_enrolments_are_filtered_and_sorted_by_each_column(series: Series, context: None) -> None:
    assert names(series) == ["Zed", "Ann", "Émile", "Bo"]
    assert names(series, sort="registered", descending=True) == ["Bo", "Émile", "Ann", "Zed"]
    assert names(series, sort="name") == ["Ann", "Bo", "Émile", "Zed"]
    assert names(series, sort="country") == ["Zed", "Ann", "Bo", "Émile"]
    assert names(series, sort="organisation", descending=True) == ["Zed", "Bo", "Émile", "Ann"]
    assert names(series, sort="name", size=3, page=9) == ["Zed"]
    for wanted, found in (
        (SeatFilter(status=EnrolmentStatus.ENROLLED), ["Zed", "Bo"]),
        (SeatFilter(source=EnrolmentSource.FILE), ["Émile"]),
        (SeatFilter(country="PE"), ["Ann", "Bo"]),
        (SeatFilter(country="PE", status=EnrolmentStatus.WAITLISTED, q="ann"), ["Ann"]),
        (SeatFilter(country="FR"), []),
        (SeatFilter(organisation="bank"), ["Bo"]),
        (SeatFilter(unanswered=True), ["Bo"]),
        (SeatFilter(unanswered=True, country="KE"), []),
    ):
        assert names(series, wanted) == found
    seats = list_seats(series, by=SYSTEM, limit=9, country="PE", source=EnrolmentSource.SELF)
    assert [seat.label for seat in seats] == ["Ann"]


@pytest.mark.databases
def test_filters_and_orders_tell_nothing_of_a_hidden_person(make: Any, context: None) -> None:
    teacher = make.person("Lin", roles=["instructor"])
    series = make.series(instructors=[teacher])
    for name, country, shared in (("Zed", "KE", EARLY), ("Bo", "PE", None), ("Ann", "GH", EARLY)):
        person = make.person(name, email=f"{name.lower()}@x.example", country=country, organisation=f"{name} & Co")
        make.enrolment(series, person, profile_shared_at=shared)
    by = make.actor(teacher)
    assert names(series, SeatFilter(country="PE"), by=by) == []
    assert names(series, SeatFilter(organisation="Bo & Co"), by=by) == []
    assert count_organisations_of_series(series, by=by) == {"Ann & Co": 1, "Zed & Co": 1}
    assert count_organisations_of_series(series, by=SYSTEM) == {"Ann & Co": 1, "Bo & Co": 1, "Zed & Co": 1}
    for sort in ("name", "organisation", "country"):
        assert names(series, by=by, sort=sort)[-1] == "bo@x.example"
        assert names(series, by=by, sort=sort, descending=True)[-1] == "bo@x.example"


def test_the_page_and_the_api_take_the_same_filter(series: Series, make: Any, client: Any) -> None:
    admin = make.person("Zhou", roles=["administrator"])
    headers = make.headers(admin)
    make.sign_in(client, admin)
    for query, people in (
        ({"country": "PE"}, ["Ann", "Bo"]),
        ({"status": "withdrawn", "source": "file"}, ["Émile"]),
        ({"answer": "none"}, ["Bo"]),
        ({"organisation": "asociacion"}, ["Émile"]),
        ({"organisation": "Nobody's"}, []),
        ({"source": "walk_in"}, []),
    ):
        page = client.get("/series/trade/enrolments", query_string=query)
        assert re.findall(r'<th scope="row">\s*<a[^>]*><bdi>(\w+)</bdi>', page.text) == people
        api = client.get("/api/v1/series/trade/enrolments", query_string=query, headers=headers)
        assert [one["full_name"] for one in api.json["items"]] == people
    assert "Nothing found" in page.text
    assert 'aria-current="true" data-testid="figure-all"' in page.text
    assert "Not accepted yet (1)" in page.text
    assert "1 person was enrolled by someone else and has not accepted yet." in page.text
    bo = client.get("/series/trade/enrolments?answer=none").text.split('data-testid="enrolment"')[1]
    assert "Not accepted yet</span>" in bo
    assert "Enrolled</span>" not in bo
    assert [
        one["accepted"]
        for one in client.get("/api/v1/series/trade/enrolments?answer=none", headers=headers).json["items"]
    ] == [False]
    odd = client.get("/series/trade/enrolments?status=asleep&country=XX&sort=zz&cursor=x&page=7")
    assert (odd.status_code, odd.text.count('data-testid="enrolment"')) == (200, 4)
    assert "Unknown filters “status”, “country”, “sort” were ignored." in odd.text
