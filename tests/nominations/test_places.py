"""How the places of a series stand is told in one sentence to everyone, and nominees are not counted as enrolled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.nominations.actions.nominating import nominate
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.factories import Make

SENTENCE = "1 enrolled, 2 reserved, 7 free (1 of them for countries)"


@pytest.fixture
def places(make: Make) -> None:
    """Ten places: one enrolled, two nominees of Kenya who have not answered, one more kept for Kenya."""
    series = make.series("customs", title="Digital customs", capacity=10)
    make.lecture(series, starts_at=clock.now() + timedelta(days=9))
    make.quota(series, "KE", seats=3, kept_until=clock.now() + timedelta(days=30))
    make.enrolment(series, make.person("Amina Diallo", country="GN"))
    rows = [PersonRow(1, f"{name}@ke.test", f"{name}@ke.test", name.title()) for name in ("dina", "juma")]
    with make.app.app_context():
        nominate(series.id, rows, country_id=get_country("KE").id, by=SYSTEM, at=clock.now())


@pytest.mark.usefixtures("places")
def test_strangers_and_staff_read_the_same_of_the_places(make: Make) -> None:
    boss = make.person("Zhou", roles=["administrator"])
    stranger, staff = make.app.test_client(), make.app.test_client()
    make.sign_in(staff, boss)
    for path in ("/", "/series/customs"):
        assert SENTENCE in " ".join(stranger.get(path).text.split())
    for path in (
        "/series/customs",
        "/series/customs/enrolments",
        "/series/customs/seats",
        "/admin/nominations?series=customs",
    ):
        assert SENTENCE in " ".join(staff.get(path).text.split())
    counts = {"capacity": 10, "enrolled": 1, "held": 2, "free": 7, "free_for_countries": 1}
    for path in ("/api/v1/series/customs", "/api/v1/series/customs/seats"):
        answer = staff.get(path, headers=make.headers(boss)).json
        assert {name: answer[name] for name in counts} == counts
    lines = staff.get("/series/customs/seats.csv").text.splitlines()
    assert sorted(line.split(",")[1] for line in lines[1:] if ",nominated," in line) == ["reserved", "reserved"]
