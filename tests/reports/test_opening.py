"""Opening balances: they add to sessions, attendances and countries where they have the key, and are labelled."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.database.audit import AuditEntry
from lms.core.database.session import db
from lms.reports import recount
from lms.reports import snapshots as codec
from lms.reports.actions.opening_balances import (
    OpeningDraft,
    add_opening_row,
    create_opening_set,
    draft_of,
    edit_opening_row,
    edit_opening_set,
    publish_opening,
    remove_opening_row,
    remove_opening_set,
    stage_opening,
)
from lms.reports.actions.public import refresh_public_figures
from lms.reports.actions.snapshots import publish_snapshot
from lms.reports.documents import report_files as files
from lms.reports.models import OpeningRow, SnapshotVisibility
from lms.reports.queries import figures
from lms.reports.queries.figures import FigureReport
from lms.reports.queries.snapshots import get_snapshot
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Declared, Slice
from lms.reports.shapes import sentence
from tests.factories import Make
from tests.forms import token_in
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
FILE = b"""lecture,date,series,country,attendances
First steps,2020-03-04,one,KE,120
First steps,2020-03-04,one,UG,80
First steps,2020-03-04,one,,7
Second steps,2021-06-01,Something else,KE,50
"""


@pytest.fixture
def programme(app: APIFlask, world: World) -> dict[str, Any]:
    """2024: six people of KE and two of FR in series "one"; KE a partner."""
    world.partner("KE")
    series = world.series("one")
    lecture = world.lecture(series, NOON)
    world.attend(lecture, *(world.person("KE") for _n in range(6)), *(world.person("FR") for _n in range(2)))
    return {"series": series, "lecture": lecture}


def enter(content: bytes = FILE, declared: int | None = 200, *, skip: bool = False) -> str:
    public_id = create_opening_set("Before Serai", "From the yearly reports", declared, by=SYSTEM, at=AT)
    publish_opening(public_id, stage_opening(content), skip_bad_rows=skip, by=SYSTEM, at=AT)
    return public_id


def count(dims: tuple[str, ...] = (), **filters: Any) -> FigureReport:
    return figures.count(Slice(**filters), dims, by=SYSTEM, at=AT)


def brief(report: FigureReport) -> tuple[int, int, int, int]:
    totals = report.totals
    return totals.sessions, totals.participants, totals.attendances, totals.countries


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_they_add_to_sessions_attendances_and_countries(programme: dict[str, Any]) -> None:
    assert brief(count()) == (1, 8, 8, 2)
    assert count().opening is None
    enter()
    report = count()
    assert brief(report) == (3, 8, 265, 3)
    assert (report.totals.partner_countries, report.totals.contact_hours) == (1, 8.0)
    assert report.opening is not None
    assert report.opening.as_json() == {
        "sessions": 2, "attendances": 257, "countries": 2, "countries_added": 1, "declared_participants": 200,
    }  # fmt: skip
    assert report.opening.declared == (Declared("Before Serai", 200),)


@pytest.mark.usefixtures("context")
def test_slices_in_which_they_are(programme: dict[str, Any]) -> None:
    enter()
    assert brief(count(country="KE")) == (3, 6, 176, 1)
    assert brief(count(country="UG")) == (1, 0, 80, 1)
    assert brief(count(region="002")) == (3, 6, 256, 2)  # Africa: not the seven of nowhere
    assert brief(count(partner=True)) == (3, 6, 176, 1)
    assert brief(count(partner=False)) == (2, 2, 89, 2)  # France, Uganda and not stated
    assert brief(count(series="one")) == (2, 8, 215, 3)
    assert brief(count(from_day=date(2020, 1, 1), to_day=date(2020, 12, 31))) == (1, 0, 207, 2)
    opening = count(series="one").opening
    assert opening is not None
    assert opening.declared_participants is None  # a part of the set has no declared figure
    assert count(from_day=date(2022, 1, 1)).opening is None


def test_participants_are_told_with_the_sessions_that_they_attended(app: APIFlask, programme: dict[str, Any]) -> None:
    with app.test_request_context("/"):
        enter()
        report = count()
        assert sentence(report, "participants", []) == "<b>8 participants</b> from 2 countries in 1 session, all time"
        assert sentence(report, "attendances", []) == "<b>265 attendances</b> from 3 countries in 3 sessions, all time"


@pytest.mark.usefixtures("context")
def test_groups_in_which_they_are(programme: dict[str, Any]) -> None:
    enter()

    def groups(*dims: str) -> dict[Any, tuple[int, int, int]]:
        return {
            group.keys: (
                group.figures.sessions,
                group.figures.attendances,
                group.opening.attendances if group.opening else 0,
            )
            for group in count(dims).groups
        }

    assert groups("country") == {
        ("KE",): (3, 176, 170), ("FR",): (1, 2, 0), ("UG",): (1, 80, 80), (None,): (1, 7, 7),
    }  # fmt: skip
    assert groups("year") == {("2020",): (1, 207, 207), ("2021",): (1, 50, 50), ("2024",): (1, 8, 0)}
    assert groups("series") == {("one",): (2, 215, 207), (None,): (1, 50, 50)}
    assert groups("month", "country")["2021-06", "KE"] == (1, 50, 50)
    for name in ("sector", "gender", "source", "language"):
        assert sum(row[1] for row in groups(name).values()) == 8
        report = count((name,))
        assert report.totals.attendances == 265
        assert all(group.opening is None for group in report.groups)


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_the_second_count_agrees(programme: dict[str, Any], world: World) -> None:
    enter()
    enter(b"lecture,date,country,attendances\nFIRST STEPS,2020-03-04,PE,4\nThird,2024-05-06,FR,9\n", declared=None)
    rows = RecountRows("Asia/Shanghai")
    slices = [
        Slice(), Slice(country="KE"), Slice(country="PE"), Slice(region="019"), Slice(partner=True),
        Slice(partner=False), Slice(series="one"), Slice(from_day=date(2020, 3, 4), to_day=date(2020, 3, 4)),
    ]  # fmt: skip
    for slice_ in slices:
        for dims in recount.QUESTIONS:
            assert recount.differences(rows, slice_, dims, AT) == [], (slice_, dims)
    assert brief(count())[0] == 4  # the same lecture of the same day is one session, whatever set says so


@pytest.mark.usefixtures("context")
def test_the_public_sees_large_ones_only(programme: dict[str, Any], world: World) -> None:
    enter(
        b"lecture,date,country,attendances\nA,2020-03-04,UG,80\nB,2020-03-04,PE,4\nC,2020-04-04,PE,4\n"
        b"A,2020-03-04,CL,3\nA,2020-03-04,FR,90\n"
    )
    refresh_public_figures(by=SYSTEM, at=AT)

    def public(dims: tuple[str, ...] = (), **filters: Any) -> FigureReport:
        return figures.count(Slice(**filters), dims, by=ANONYMOUS, at=AT)

    assert brief(public()) == (4, 8, 189, 5)
    opening = public().opening
    assert opening is not None
    assert (opening.attendances, opening.countries_added, opening.declared_participants) == (181, 3, 200)
    shown = {group.keys[0]: group for group in public(("country",)).groups}
    # France: two people of the system; Peru and Chile: fewer than five that can be told apart
    # Kenya: the whole of its year less Kenya would be those two
    assert set(shown) == {"UG", "other"}
    assert (shown["UG"].figures.participants, shown["UG"].figures.attendances) == (0, 80)
    assert shown["UG"].opening is not None
    assert shown["other"].opening is not None
    assert shown["other"].opening.attendances == 101
    assert brief(public(country="UG")) == (1, 0, 80, 1)
    for code in ("PE", "FR", "CL"):
        with pytest.raises(Forbidden):
            public(country=code)
    assert brief(public(from_day=date(2020, 1, 1), to_day=date(2020, 12, 31))) == (3, 0, 181, 4)
    with pytest.raises(Forbidden):
        public(region="002")  # less Uganda it would be Kenya
    assert {group.keys[0] for group in public(("year",)).groups} == {"2020", "2024"}


@pytest.mark.usefixtures("context")
def test_a_file_twice_changes_nothing(programme: dict[str, Any]) -> None:
    public_id = enter()
    again = publish_opening(public_id, stage_opening(FILE), skip_bad_rows=False, by=SYSTEM, at=AT)
    assert (again.rows, again.created, again.updated, again.unchanged) == (4, 0, 0, 4)
    changed = publish_opening(
        public_id, stage_opening(FILE.replace(b"120", b'"1,121"')), skip_bad_rows=False, by=SYSTEM, at=AT
    )
    assert (changed.created, changed.updated, changed.unchanged) == (0, 1, 3)
    assert brief(count())[2] == 1266
    verbs = list(db.session.scalars(select(AuditEntry.verb).order_by(AuditEntry.id)))
    assert verbs == ["create_opening_set", "import_opening_rows", "import_opening_rows"]


@pytest.mark.usefixtures("context")
def test_bad_rows_are_told_and_may_be_skipped(programme: dict[str, Any]) -> None:
    content = (
        b"lecture;date;country;attendances\nGood;2020-01-02;KE;5\n;2020-01-02;KE;5\nA;2020-13-02;KE;5\nA;2020-01-02;XX;5\n"
        b"A;2020-01-02;KE;-5\nA;2020-01-02;KE;1,5\nA;2030-01-02;KE;5\ngood;2020-01-02;ke;6\nA;2020-01-02;KE;0\n"
        b"Nobody counted;2020-01-03;;0\n"
    )
    set_id = create_opening_set("Before", "", None, by=SYSTEM, at=AT)
    with pytest.raises(Invalid) as error:
        publish_opening(set_id, stage_opening(content), skip_bad_rows=False, by=SYSTEM, at=AT)
    assert [fault.row for fault in error.value.faults] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert db.session.scalar(select(func.count()).select_from(OpeningRow)) == 0
    answer = publish_opening(set_id, stage_opening(content), skip_bad_rows=True, by=SYSTEM, at=AT)
    assert (answer.created, len(answer.rejected)) == (2, 8)
    other = create_opening_set("Another", "", None, by=SYSTEM, at=AT)
    with pytest.raises(Invalid, match="Another set"):
        publish_opening(other, stage_opening(b"lecture,date,country,attendances\nGOOD,2020-01-02,KE,5\n"),
                        skip_bad_rows=False, by=SYSTEM, at=AT)  # fmt: skip
    for wrong in (b"", b"lecture,country\nA,KE\n", b"\x89PNG"):
        with pytest.raises(Exception, match=r"empty|heading|picture"):
            stage_opening(wrong)


@pytest.mark.usefixtures("context")
def test_rows_are_corrected_and_taken_out(programme: dict[str, Any], make: Make) -> None:
    public_id = enter()
    row_id = db.session.scalar(select(OpeningRow.id).where(OpeningRow.country_code == "UG"))
    assert row_id is not None
    edit_opening_row(row_id, OpeningDraft("First steps", date(2020, 3, 4), "", "TZ", 90), by=SYSTEM, at=AT)
    assert brief(count(country="TZ")) == (1, 0, 90, 1)
    with pytest.raises(Refused):
        edit_opening_row(row_id, OpeningDraft("FIRST steps", date(2020, 3, 4), "", "KE", 90), by=SYSTEM, at=AT)
    with pytest.raises(Refused):
        add_opening_row(public_id, OpeningDraft("First steps", date(2020, 3, 4), "", "TZ", 1), by=SYSTEM, at=AT)
    add_opening_row(public_id, OpeningDraft("Third", date(2020, 3, 4), "", "TZ", 1), by=SYSTEM, at=AT)
    remove_opening_row(row_id, by=SYSTEM, at=AT)
    edit_opening_set(public_id, "Earlier", "", None, by=SYSTEM, at=AT)
    opening = count().opening
    assert opening is not None
    assert (opening.sessions, opening.attendances, opening.declared_participants) == (3, 178, None)
    for roles in (["reporter"], ["instructor"]):
        by = make.actor(roles=roles)
        with pytest.raises(Forbidden):
            remove_opening_set(public_id, by=by, at=AT)
        with pytest.raises(Forbidden):
            add_opening_row(
                public_id, draft_of({"lecture": "x", "date": "2020-01-01", "attendances": "1"}), by=by, at=AT
            )
    remove_opening_set(public_id, by=SYSTEM, at=AT)
    assert brief(count()) == (1, 8, 8, 2)


@pytest.mark.usefixtures("context")
def test_exports_and_snapshots_carry_the_label(programme: dict[str, Any]) -> None:
    enter()
    report = count(("country",))
    payload = files.api_object(report)
    assert payload["opening"]["attendances"] == 257
    lines = "".join(files.as_csv(report)).splitlines()
    assert lines[0].endswith(",opening_sessions,opening_attendances")
    assert [line.split(",")[0] + ":" + ",".join(line.split(",")[-2:]) for line in lines[1:]] == [
        "KE:2,170", "FR:0,0", "UG:1,80", ":1,7",
    ]  # fmt: skip
    public_id = publish_snapshot(
        "x", SnapshotVisibility.STAFF, Slice(), ("country",), place="Beijing", by=SYSTEM, at=AT
    )
    assert codec.thaw(get_snapshot(public_id, by=SYSTEM).content).report == report


def test_pages_say_where_they_are_from(
    app: APIFlask, client: FlaskClient, make: Make, programme: dict[str, Any]
) -> None:
    with app.app_context():
        enter()
        refresh_public_figures(by=SYSTEM, at=AT)
    sentence = "This includes 2 sessions and 257 attendances from before this system"
    for path in ("/", "/impact", "/impact/embed"):
        assert sentence in " ".join(client.get(path).text.split()), path
    assert client.get("/api/v1/totals").get_json()["opening"]["sessions"] == 2
    make.sign_in(client, make.person(roles=["administrator"]))
    for path in ("/admin/reports?figure=sessions&rows=country", "/admin", "/admin/reports?figure=sessions&rows="):
        assert sentence in " ".join(client.get(path).text.split()), path
    page = client.get("/admin/reports?figure=sessions&rows=sector").text
    assert "no sector, gender, way of attending or language" in " ".join(page.split())


def test_entered_on_the_page(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    make.sign_in(client, make.person(roles=["administrator"]))

    def token(path: str) -> str:
        return token_in(client.get(path).text)

    sent = {"csrf_token": token("/admin/opening"), "name": "Before", "note": "", "declared_participants": "90"}
    assert client.post("/admin/opening", data={**sent, "name": ""}).status_code == 422
    made = client.post("/admin/opening", data=sent)
    assert made.status_code == 303
    location = made.location
    row = {"lecture": "A", "date": "2020-03-04", "series": "", "country": "KE", "attendances": "12"}
    assert client.post(f"{location}/rows", data={**sent, **row, "attendances": "x"}).status_code == 422
    assert client.post(f"{location}/rows", data={**sent, **row}).status_code == 303
    assert client.post(f"{location}/rows", data={**sent, **row}).status_code == 409
    preview = client.post(f"{location}/file", data={**sent, "file": (io.BytesIO(FILE + b"bad,x,,KE,1\n"), "a.csv")})
    assert preview.status_code == 200
    assert "4 rows can be entered" in " ".join(preview.text.split())
    upload = re.search(r'name="upload"[^>]*value="([0-9a-f]+)"', preview.text)
    assert upload is not None
    again = {**sent, "upload": upload[1]}
    assert client.post(f"{location}/file", data={**again}).status_code == 422
    done = client.post(f"{location}/file", data={**again, "skip_bad_rows": "y"})
    assert done.status_code == 303
    late = client.post(f"{location}/file", data={**again, "skip_bad_rows": "y"})
    assert late.status_code == 422
    assert "This upload has expired. Upload the file again." in late.text
    page = client.get(location).text
    assert "First steps" in page
    address = re.search(r'href="(/admin/opening/rows/\d+)"', page)
    assert address is not None
    assert client.post(address[1], data={**sent, **row, "attendances": "13"}).status_code == 303
    assert client.post(f"{address[1]}/remove", data=sent).status_code == 303
    assert client.post(f"{location}/remove", data=sent).status_code == 422
    assert client.post(f"{location}/remove", data={**sent, "sure": "y"}).status_code == 303
    assert "No opening balances" in client.get("/admin/opening").text
