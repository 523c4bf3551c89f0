"""A roster filtered and sorted: the same in the page, in its files and in the API, on both databases."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions import corrections
from lms.attendance.actions.correction_batches import preview_batch
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.notices import tell_recording
from lms.attendance.queries.correction_batches import preview_of
from lms.attendance.queries.persons import attendance_of_person
from lms.attendance.queries.roster import EVERYBODY, get_roster_page, roster, roster_totals
from lms.attendance.queries.roster_query import RosterFilter
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.storage.unpacking import read_workbook
from lms.mail.outbox import OutboxMail
from lms.reports.queries.lecture import get_lecture_report
from tests.attendance.scene import END, START, Scene


def crowded(make: Any) -> Scene:
    """Ada attended, Ben in part, Cyr not; Dora of Ghana is excused by hand, Eva of Peru came for a minute."""
    scene = Scene(make)
    for name, country, organisation in (("Dora", "GH", "Customs"), ("Eva", "PE", "Asociación")):
        scene.people[name] = make.person(
            name, email=f"{name.lower()}@x.example", country=country, organisation=organisation
        )
        make.enrolment(scene.series, scene.people[name])
    scene.publish(("ada@x.example", 0, 62), ("ben@x.example", 0, 20), ("eva@x.example", 0, 1))
    corrections.correct(
        scene.lecture.id, scene.people["Dora"].public_id, outcome=Outcome.EXCUSED, reason="ill", by=scene.by, at=END
    )
    return scene


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return crowded(make)


def names(scene: Scene, wanted: RosterFilter = EVERYBODY, by: Actor = SYSTEM, **asked: Any) -> list[str]:
    page = get_roster_page(
        scene.lecture.id, by=by, request=ListRequest(**asked), filters=wanted, at=END,
        country_names={"KE": "Kenya", "PE": "Peru", "GH": "Republic of Ghana"},
    )  # fmt: skip
    found = [row.full_name for row in page.rows]
    if "size" in asked:
        assert page.matching == len(scene.people)
        return found
    assert page.matching == len(found)
    assert sorted(found) == [row.full_name for row in roster(scene.lecture.id, by=by, limit=None, filters=wanted)]
    return found


@pytest.mark.databases
def test_a_filter_holds_whose_row_says_it(scene: Scene) -> None:
    assert names(scene) == ["Ada", "Ben", "Cyr", "Dora", "Eva"]
    for outcome in Outcome:
        wanted = RosterFilter(outcome=outcome)
        assert names(scene, wanted) == [row.full_name for row in rows_of(scene) if row.outcome is outcome]
    for source in Source:
        wanted = RosterFilter(source=source)
        assert names(scene, wanted) == [row.full_name for row in rows_of(scene) if source in row.sources]
    for country in ("KE", "PE", "GH", "FR", "??"):
        wanted = RosterFilter(country=country)
        assert names(scene, wanted) == [row.full_name for row in rows_of(scene) if row.country == country]
    assert names(scene, RosterFilter(q="CUSTOMS")) == ["Dora"]
    for organisation, found in (("asociacion", ["Eva"]), ("CUSTOMS", ["Dora"]), ("Cust", [])):
        assert names(scene, RosterFilter(organisation=organisation)) == found
    assert names(scene, RosterFilter(organisation="Customs", country="PE")) == []
    assert get_page(scene, EVERYBODY, by=SYSTEM).organisations == {"Asociación": 1, "Customs": 1}
    assert names(scene, RosterFilter(outcome=Outcome.PARTIAL, country="PE", source=Source.IMPORT, q="eva@")) == ["Eva"]
    assert names(scene, RosterFilter(outcome=Outcome.ATTENDED, country="PE")) == []


def rows_of(scene: Scene) -> list[Any]:
    return roster(scene.lecture.id, by=SYSTEM, limit=None)


@pytest.mark.databases(differs=True)
def test_a_roster_is_sorted_by_each_column(scene: Scene) -> None:
    assert names(scene, sort="name", descending=True) == ["Eva", "Dora", "Cyr", "Ben", "Ada"]
    assert names(scene, sort="minutes", descending=True) == ["Ada", "Ben", "Eva", "Cyr", "Dora"]
    assert names(scene, sort="minutes") == ["Cyr", "Dora", "Eva", "Ben", "Ada"]
    assert names(scene, sort="short") == ["Ben", "Eva", "Cyr", "Ada", "Dora"]
    assert names(scene, sort="short", descending=True) == ["Cyr", "Eva", "Ben", "Ada", "Dora"]
    assert names(scene, sort="organisation") == ["Eva", "Dora", "Ada", "Ben", "Cyr"]
    assert names(scene, sort="country", descending=True) == ["Dora", "Eva", "Ada", "Ben", "Cyr"]
    assert names(scene, RosterFilter(outcome=Outcome.PARTIAL), sort="short") == ["Ben", "Eva"]
    assert names(scene, sort="name", size=2, page=2) == ["Cyr", "Dora"]
    assert names(scene, sort="minutes", descending=True, size=2, page=3) == ["Dora"]
    assert names(scene, sort="name", descending=True, size=2, page=3) == ["Ada"]


@pytest.mark.databases
def test_a_filter_tells_nothing_of_people_whose_names_are_not_shared(make: Any, context: None) -> None:
    scene = Scene(make)
    hidden = make.person("Zawadi", email="known@x.example", country="EG", organisation="Customs")
    make.enrolment(scene.series, hidden, profile_shared_at=None)
    for wanted in (
        RosterFilter(country="EG"),
        RosterFilter(q="customs"),
        RosterFilter(q="zawadi"),
        RosterFilter(organisation="Customs"),
    ):
        assert get_page(scene, wanted, by=scene.by).matching == 0
        assert get_page(scene, wanted, by=SYSTEM).matching == 1
    assert set(get_page(scene, RosterFilter(), by=scene.by).countries) == {"KE"}
    assert get_page(scene, RosterFilter(), by=scene.by).organisations == {}
    for sort in ("organisation", "country"):
        rows = get_page(scene, RosterFilter(), by=scene.by, sort=sort).rows
        assert [row.full_name for row in rows][-1 if sort == "country" else 0] == "known@x.example"


def get_page(scene: Scene, wanted: RosterFilter, by: Actor, **asked: Any) -> Any:
    return get_roster_page(scene.lecture.id, by=by, request=ListRequest(**asked), filters=wanted, at=END)


def test_page_files_and_api_hold_the_same_people(client: Any, make: Any) -> None:
    with make.app.app_context():
        scene = crowded(make)
        lecture, dora = scene.lecture.id, scene.people["Dora"].public_id
        headers = make.headers(scene.teacher)
        make.sign_in(client, scene.teacher)
    for query, people in (
        ({"outcome": "partial"}, ["Ben", "Eva"]),
        ({"outcome": "partial", "country": "PE"}, ["Eva"]),
        ({"source": "manual"}, ["Dora"]),
        ({"organisation": "customs"}, ["Dora"]),
        ({"outcome": "excused", "country": "PE"}, []),
    ):
        page = client.get(f"/lectures/{lecture}/roster", query_string=query)
        assert re.findall(r'aria-expanded="false"><bdi>(\w+)</bdi></a>', page.text) == people
        lines = list(csv.reader(io.StringIO(client.get(f"/lectures/{lecture}/roster.csv", query_string=query).text)))
        assert [line[1] for line in lines[1:]] == people
        book = client.get(f"/lectures/{lecture}/roster.xlsx", query_string=query)
        assert [cells[1] for _line, cells in list(read_workbook(book.data, 0))[1:]] == people
        api = client.get(f"/api/v1/lectures/{lecture}/attendance", query_string=query, headers=headers)
        assert [one["person"]["full_name"] for one in api.json["items"]] == people
    assert "Nothing found" in page.text
    assert f"roster-{lecture}-excused-pe.xlsx" in book.headers["Content-Disposition"]
    file = client.get(f"/lectures/{lecture}/roster.csv?organisation=Customs&q=do")
    assert f"roster-{lecture}-organisation-search.csv" in file.headers["Content-Disposition"]
    assert '<option value="Customs">Customs (1)</option>' in page.text
    partial = client.get(f"/lectures/{lecture}/roster?outcome=partial").text
    assert "2 people attended part of this lecture" in partial
    assert '<a href="/lectures/1/roster?outcome=partial#people" aria-current="true"' in partial
    assert 'roster.csv?outcome=partial"' in partial
    opened = client.get(f"/lectures/{lecture}/roster?source=manual&open={dora}").text
    assert f'action="/lectures/{lecture}/roster/{dora}?source=manual"' in opened


def test_an_address_with_unknown_values_is_answered_with_a_sentence(client: Any, make: Any) -> None:
    with make.app.app_context():
        scene = crowded(make)
        lecture = scene.lecture.id
        make.sign_in(client, scene.teacher)
    page = client.get(f"/lectures/{lecture}/roster?outcome=asleep&country=XX&source=radio&sort=-zz&size=3&page=-1")
    assert page.status_code == 200
    assert "Unknown filters “outcome”, “country”, “source”, “sort”, “size” were ignored." in page.text
    assert page.text.count('data-testid="roster-row"') == 5
    assert client.get(f"/lectures/{lecture}/roster?page=999999999&cursor=zz&q={'x' * 9000}").status_code == 200


@pytest.mark.databases
def test_an_invitation_is_no_absence(client: Any, make: Any, context: None) -> None:
    scene = crowded(make)
    for name, shared in (("Ida", None), ("Ivo", None), ("Jan", START)):
        scene.people[name] = make.person(name, email=f"{name.lower()}@x.example")
        make.enrolment(scene.series, scene.people[name], profile_shared_at=shared)
    scene.publish(("ivo@x.example", 0, 90))  # seen without having accepted: attended
    totals = roster_totals(scene.lecture.id, by=SYSTEM)
    assert (totals.people, totals.attended, totals.partial, totals.absent, totals.excused, totals.invited) == (
        7, 2, 2, 2, 1, 1,
    )  # fmt: skip
    assert names(scene, RosterFilter(outcome=Outcome.ABSENT, is_invited=False)) == ["Cyr", "Jan"]
    assert names(scene, RosterFilter(is_invited=True)) == ["Ida"]
    assert names(scene, RosterFilter(is_invited=False)) == ["Ada", "Ben", "Cyr", "Dora", "Eva", "Ivo", "Jan"]
    assert names(scene, RosterFilter(is_invited=True), sort="minutes") == ["Ida"]

    report = get_lecture_report(scene.lecture.id, by=SYSTEM, at=END)
    assert report is not None
    assert (report.registered, report.attended) == (7, 2)
    tell_again = action(tell_recording)
    tell_again(scene.lecture, at=END)
    mails = set(db.session.scalars(select(OutboxMail.address).where(OutboxMail.template == "replay_open")))
    assert "jan@x.example" in mails
    assert "ida@x.example" not in mails

    row = scene.row("Ida")
    assert (row.outcome, row.result, row.minutes, row.short_by) == (Outcome.ABSENT, "invited", 0.0, "")
    [own] = attendance_of_person(scene.people["Ida"].id, by=SYSTEM)
    assert own.is_invited
    assert own.explanation == row.explanation
    [own] = attendance_of_person(scene.people["Jan"].id, by=SYSTEM)
    assert not own.is_invited

    make.sign_in(client, scene.teacher)
    address = f"/lectures/{scene.lecture.id}/roster"
    page = client.get(address).text
    assert page.rindex('data-testid="figure-invited"') > page.rindex('data-testid="figure-excused"')
    assert "ida@x.example" not in page
    assert "ida@x.example" in client.get(address + "?outcome=invited").text
    lines = list(csv.reader(io.StringIO(client.get(address + ".csv").text)))
    assert [line[7] for line in lines if line[0] == "ida@x.example"] == ["invited"]
    rows = client.get(f"/api/v1{address[:-7]}/attendance", headers=make.headers(scene.teacher)).json["items"]
    assert {(one["outcome"], one["invited"]) for one in rows if one["minutes"] == 0 and not one["correction"]} == {
        ("absent", False), ("absent", True),
    }  # fmt: skip

    ids = [scene.people["Ida"].public_id, scene.people["Jan"].public_id]
    batch = preview_batch(scene.lecture.id, ids, outcome=Outcome.EXCUSED, by=scene.by, at=END)
    moves = preview_of(scene.lecture, batch, by=scene.by, at=END).totals
    assert moves[Outcome.ABSENT] == (2, 1)
    assert moves[Outcome.EXCUSED] == (1, 3)
    corrected = scene.people["Ida"].public_id
    corrections.correct(scene.lecture.id, corrected, outcome=Outcome.ABSENT, reason="Said no", by=scene.by, at=END)
    totals = roster_totals(scene.lecture.id, by=SYSTEM)
    assert (totals.people, totals.absent, totals.invited) == (8, 3, 0)
