"""Who is falling behind: as the rules on numbers say it, of one country."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lms.certificates.queries.behind import list_behind, list_behind_by_series
from lms.core.base.errors import NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM
from lms.people.queries.countries import get_country
from tests.dashboards.conftest import World, now, world

__all__ = ["now", "world"]
PEOPLE = {"Never": "KE", "Once": "KE", "Elsewhere": "UG"}
DAYS = {number: timedelta(days=number) for number in range(10)}
HOUR = timedelta(hours=1)


def test_who_missed_lectures_and_can_still_earn_it_is_behind(world: World) -> None:
    """Of four lectures, two of them held, two are asked for: none attended is behind, one is not."""
    make, at = world.make, world.at
    series = make.series("two-of-four", policy={"certificate": "participation", "min_lectures_percent": 50})
    people = {name: make.person(name, country=code) for name, code in PEOPLE.items()}
    for person in people.values():
        make.enrolment(series, person, at=at - DAYS[9])
    make.enrolment(series, make.person("Invited", country="KE"), at=at - DAYS[9], profile_shared_at=None)
    held = [
        make.lecture(
            series, starts_at=at - day, actual_start=at - day, actual_end=at - day + HOUR, state="held",
            policy_id=world.policy_of(series), at=at - DAYS[9],
        )
        for day in (DAYS[5], DAYS[3])
    ]  # fmt: skip
    for day in (DAYS[3], DAYS[5]):
        make.lecture(series, starts_at=at + day, at=at - DAYS[9])
    world.be_there(held[0], people["Once"], (0, 60))
    with make.app.app_context():
        kenya = get_country("KE").id
        actor = make.actor(make.person("Peter", roles=[("focal_point", "KE")]))
        rows, total = list_behind(kenya, ListRequest(), by=actor, at=at, series=series.slug)
        assert [(row.full_name, row.attended, row.missing, row.to_come) for row in rows] == [("Never", 0, 2, 2)]
        assert total == 1
        page = list_behind_by_series(kenya, ListRequest(), by=actor, at=at)
        assert page.by_series[series.slug] == page.matching[series.slug] == (series.title, 1)
        assert series.slug not in list_behind_by_series(kenya, ListRequest(), by=actor, at=at, q="once").matching
        for q, number in (("nev", 1), ("once", 0)):
            assert list_behind(kenya, ListRequest(), by=actor, at=at, series=series.slug, q=q)[1] == number
        with pytest.raises(NotFound):
            list_behind(get_country("UG").id, ListRequest(), by=actor, at=at)
        uganda, _total = list_behind(get_country("UG").id, ListRequest(), by=SYSTEM, at=at, series=series.slug)
        assert [row.full_name for row in uganda] == ["Elsewhere"]
    client = world.signed_in(make.person("Grace", roles=[("focal_point", "KE")]))
    page = client.get(f"/country/behind?series={series.slug}").text
    assert 'data-testid="behind"' in page
    assert f'<option value="{series.slug}" selected>' in page
    rows = client.get(f"/country/behind.csv?series={series.slug}").text.strip().splitlines()
    assert [row.split(",")[0].strip("\ufeff") for row in rows] == ["full_name", "Never"]
    assert client.get("/country/behind.xlsx").data.startswith(b"PK")
