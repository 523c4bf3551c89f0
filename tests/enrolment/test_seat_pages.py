"""The pages and calls of seats: the ledger found and handed on, quotas with a preview, the release and its rule."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.catalogue.models import ReleaseRule, Series
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage.tables import read_table
from lms.core.time import clock
from lms.enrolment.models import CountryQuota
from lms.enrolment.seats import promote
from tests.factories import Make


def cells(page: str, mark: str) -> list[list[str]]:
    """The text of each row of a table."""
    table = re.search(rf'data-testid="{mark}".*?</table>', page, re.DOTALL)
    assert table is not None
    rows = re.findall(r"<tr.*?</tr>", table[0], re.DOTALL)[1:]
    return [[plain(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def plain(cell: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", cell).split())


@pytest.fixture
def series(make: Make) -> Series:
    """A series of four seats: two for Kenya, one taken of them; three people wait."""
    made = make.series("customs", title="Digital customs", capacity=4)
    make.quota(made, "KE", seats=2, kept_until=clock.now().replace(microsecond=0) + timedelta(days=30))
    amina, tevita = make.person("Amina Diallo", country="GN"), make.person("Tevita Fonua", country="TO")
    for person in (amina, tevita):
        make.enrolment(made, person)
    for index, code in enumerate(("TO", "TO", "GN")):
        make.enrolment(made, make.person(f"Waits {index}", country=code), status="waitlisted")
    return made


def test_the_page_says_how_seats_stand_and_what_the_next_release_does(reader: Any, series: Series) -> None:
    page = reader("Zhou", "administrator").get("/series/customs/seats").text
    assert "2 enrolled, 2 free (for countries only)" in page
    assert dict(re.findall(r'data-testid="figure-(\w+)" data-value="(\d+)"', page)) == {
        "all": "2", "free": "2", "kept": "2", "quota": "0", "open": "2", "released": "0", "by_hand": "0",
    }  # fmt: skip
    assert "up to 2 unused places go to the waiting list" in page
    assert "At the moment: Tonga 2." in page
    assert [row[:2] for row in cells(page, "ledger")] == [["Tevita Fonua", "Tonga"], ["Amina Diallo", "Guinea"]]


def test_the_ledger_is_found_by_name_country_and_kind_and_downloaded_as_found(
    reader: Any,
    series: Series,
) -> None:
    boss = reader("Rita", "reporter")
    for asked, found in (("?q=diallo", 1), ("?q=tonga", 1), ("?kind=open", 2)):
        assert len(cells(boss.get(f"/series/customs/seats{asked}").text, "ledger")) == found
        lines = boss.get(f"/series/customs/seats.csv{asked}").text.splitlines()
        assert len(lines) == found + 1
        assert len(read_table(boss.get(f"/series/customs/seats.xlsx{asked}").data).rows) == found
    assert "Nothing found" in boss.get("/series/customs/seats?kind=quota").text
    assert boss.get("/series/customs/seats.csv?q=diallo").text.splitlines()[1].split(",")[1:6] == [
        "taken", "open", "enrolled", "GN", "Amina Diallo",
    ]  # fmt: skip


def test_quotas_are_previewed_with_their_problems_and_then_set(app: APIFlask, reader: Any, series: Series) -> None:
    boss = reader("Zhou", "administrator")
    lines = "Kenya, 1, 2030-11-30\nAtlantis, 3\nTonga, 1"
    answer = boss.post("/series/customs/quotas", lines=lines, kept_until="2030-12-01T18:00")
    assert answer.status_code == 200
    assert "2 of 3 rows can be set" in answer.text
    assert [row[1] for row in cells(answer.text, "rejected")] == ["There is no country with the code “Atlantis”."]
    assert [row[:3] for row in cells(answer.text, "changes")] == [["Kenya", "2", "1"], ["Tonga", "–", "1"]]
    shown = re.search(r'name="lines" value="([^"]*)"', answer.text)
    assert shown is not None
    assert boss.post("/series/customs/quotas", do="set", lines=shown[1]).status_code == 303
    assert boss.said() == ["2 quotas were set."]
    with app.app_context():
        rows = db.session.scalars(select(CountryQuota).order_by(CountryQuota.id))
        assert [(row.seats, row.used, row.kept_until.isoformat()) for row in rows] == [
            (1, 0, "2030-11-30T16:00:00+00:00"), (1, 1, "2030-12-01T10:00:00+00:00"),
        ]  # fmt: skip
    page = boss.get("/series/customs/quotas").text
    assert [row[:3] for row in cells(page, "quotas")] == [["Kenya", "0 of 1", "1"], ["Tonga", "1 of 1", "0"]]


def test_quotas_that_cannot_be_are_refused_in_words(reader: Any, series: Series) -> None:
    answer = reader("Zhou", "administrator").post("/series/customs/quotas", lines="Kenya, 9, 2030-11-30")
    assert answer.status_code == 422
    assert "These quotas keep 9 places, but only 2 are not taken." in answer.text
    assert 'data-testid="set"' not in answer.text


def test_a_file_of_quotas_is_previewed(reader: Any, series: Series) -> None:
    file = (io.BytesIO(b"country,seats,kept_until\nTonga,1,2030-11-30\n"), "quotas.csv")
    answer = reader("Zhou", "administrator").post("/series/customs/quotas", file=file)
    assert [row[:3] for row in cells(answer.text, "changes")] == [["Tonga", "–", "1"]]
    bad = (io.BytesIO(b"\x89PNG\r\n\x1a\n"), "quotas.csv")
    assert reader("Wu", "administrator").post("/series/customs/quotas", file=bad).status_code == 422


def test_quotas_changed_meanwhile_are_previewed_anew(app: APIFlask, reader: Any, series: Series, make: Make) -> None:
    boss = reader("Zhou", "administrator")
    for number in range(2):
        make.person(f"Kenyan {number}", f"k{number}@people.test", country="KE")

    @action
    def take() -> None:
        db.session.scalars(select(CountryQuota)).one().used = 2
        row = db.session.get_one(Series, series.id)
        row.taken, row.reserved = 4, 0

    with app.app_context():
        take()
    answer = boss.post("/series/customs/quotas", do="set", lines="Kenya, 1, 2030-11-30")
    assert answer.status_code == 422
    assert "2 places of the quota of Kenya are already taken or reserved" in answer.text


def test_a_focal_point_sees_the_quota_of_the_own_country_alone(reader: Any, series: Series, make: Make) -> None:
    make.quota(series, "TO", seats=0)
    tongan = reader("Sione", ("focal_point", "TO"), "TO")
    page = tongan.get("/series/customs/quotas").text
    assert [row[0] for row in cells(page, "quotas")] == ["Tonga"]
    assert "Kenya" not in page.split("<main")[1].split("</main>")[0]
    assert "places are kept for countries" not in page
    answer = tongan.client.get("/api/v1/series/customs/quotas", headers=make.headers(tongan.person)).json
    assert [quota["country"] for quota in answer["quotas"]] == ["TO"]
    seats = tongan.get("/series/customs/seats").text
    assert "Your country uses 1 place" in seats
    assert [row[:2] for row in cells(seats, "ledger")] == [["Tevita Fonua", "Tonga"]], "nothing of other countries"
    assert re.findall(r'data-testid="figure-(\w+)"', seats) == ["all", "quota", "open", "released", "by_hand"]
    assert 'id="release"' not in seats
    assert len(tongan.get("/series/customs/seats.csv").text.splitlines()) == 2
    assert "Nothing found" in tongan.get("/series/customs/seats?q=amina").text


def test_a_release_by_hand_asks_first_and_follows_the_rule(app: APIFlask, reader: Any, series: Series) -> None:
    boss = reader("Zhou", "administrator")
    assert boss.post("/series/customs/seats/rule", rule="first_come").status_code == 303
    assert boss.post("/series/customs/seats/rule", rule="mine").status_code == 422
    page = boss.get("/series/customs/seats/release").text
    assert "Release 2 unused places?" in page
    assert "We will e-mail 2 people." in page
    moment = re.search(r'name="moment" value="([^"]*)"', page)
    assert moment is not None
    assert boss.post("/series/customs/seats/release", moment=moment[1]).status_code == 303
    assert boss.said()[-1] == "The places are released. Everyone who got one has been e-mailed."
    assert boss.post("/series/customs/seats/release", moment=moment[1]).status_code == 303
    assert "in the meantime" in boss.said()[-1]
    assert boss.post("/series/customs/seats/release", moment="soon").status_code == 422
    assert boss.get("/series/customs/seats/release").status_code == 303
    with app.app_context():
        row = db.session.get_one(Series, series.id)
        assert (row.taken, row.reserved, row.release_rule) == (4, 0, ReleaseRule.FIRST_COME)
        assert promote(series.id, by=SYSTEM, at=clock.now()) == []


def test_quotas_and_the_ledger_by_the_api(reader: Any, series: Series, make: Make) -> None:
    headers = make.headers(make.person("Zhou", roles=["administrator"]))
    client = reader("Wu", "administrator").client
    quota = {"country": "KE", "seats": 1, "kept_until": "2030-11-30T16:00:00Z"}
    sent = {"quotas": [quota], "release_rule": "first_come"}
    for _again in range(2):
        answer = client.put("/api/v1/series/customs/quotas", json=sent, headers=headers)
        assert answer.status_code == 200
        assert answer.json == {
            "release_rule": "first_come",
            "quotas": [{**quota, "used": 0, "released_at": None}],
        }
    twice = {"quotas": [quota, quota]}
    answer = client.put("/api/v1/series/customs/quotas", json=twice, headers=headers)
    assert (answer.status_code, answer.json["errors"][0]["row"]) == (422, 2)
    much = {"quotas": [{**quota, "seats": 9}]}
    assert client.put("/api/v1/series/customs/quotas", json=much, headers=headers).status_code == 409
    found, cursor = [], None
    while True:
        where = f"&cursor={cursor}" if cursor else ""
        page = client.get(f"/api/v1/series/customs/seats?limit=2{where}", headers=headers).json
        assert (page["capacity"], page["taken"], page["held"], page["reserved"]) == (4, 3, 0, 1)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [(one["change"], one["kind"], one["why"], one["country"]) for one in found] == [
        (1, "open", "enrolled", "GN"),
        (1, "open", "enrolled", "TO"),
        (0, "quota", "quota_set", "KE"),
        (1, "open", "promoted", "TO"),
    ]
    assert sum(one["change"] for one in found) == 3
