"""A country's dossier: what it says, to whom, and its files."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import update

from lms.attendance.models.evidence import Source
from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import ANONYMOUS, SYSTEM, Role
from lms.enrolment.models import CountryQuota
from lms.people.models import Person, Sector
from lms.reports.actions.opening_balances import create_opening_set, publish_opening, stage_opening
from lms.reports.actions.public import refresh_public_figures
from lms.reports.documents.dossier_data import get_dossier
from tests.factories import Make
from tests.languages import offering
from tests.paper import inside, sheets_of
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
AT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def country(app: APIFlask, world: World) -> list[int]:
    """Three of KE who attended (one in two years), one of KE who moved before attending, five of UG; two to come."""
    world.partner("KE", since=date(2024, 5, 14))
    series = world.series("=1+1")
    first, second = world.lecture(series, NOON), world.lecture(series, NOON + timedelta(days=400))
    people = [world.person("KE") for _n in range(3)]
    moved = world.person("KE", moved={date(2024, 1, 1): "UG"})
    for person, name in zip(people, ["Bureau of Standards", "bureau  of standards", None], strict=True):
        world.execute(update(Person).where(Person.id == person).values(organisation=name))
    world.attend(first, *people, moved, *(world.person("UG") for _n in range(5)), sector=Sector.BUSINESS)
    world.attend(second, people[0], source=Source.GROUP, sector=Sector.GOVERNMENT, minutes=45)
    world.enrol(series, *people, at=NOON)
    world.award(series, people[1], NOON)
    coming = world.series("coming")
    world.lecture(coming, AT + timedelta(days=7), state=LectureState.SCHEDULED)
    world.enrol(coming, *people[:2], at=NOON)
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)
    return people


def test_it_says_what_was_counted(app: APIFlask, country: list[int]) -> None:
    with app.app_context():
        dossier = get_dossier("ke", by=SYSTEM, at=AT)
        assert (dossier.code, dossier.name, dossier.region) == ("KE", "Kenya", "Sub-Saharan Africa")
        assert (dossier.partner_since, dossier.partner_until) == (date(2024, 5, 14), None)
        totals = dossier.totals.totals
        assert (totals.participants, totals.attendances, totals.certificates) == (3, 4, 1)
        assert totals.contact_hours == 3.8
        by = {name: {group.keys[0]: group.figures.participants for group in report.groups} for name, report in
              dossier.by.items()}  # fmt: skip
        assert by["year"] == {"2024": 3, "2025": 1}
        assert by["sector"] == {"business": 3, "government": 1, None: 0}
        assert [(one.name, one.participants) for one in dossier.institutions] == [("Bureau of Standards", 2), (None, 1)]
        assert sum(one.participants for one in dossier.institutions) == totals.participants
        assert [(one.day, one.attendances) for one in dossier.lectures] == [
            (date(2024, 5, 6), 3),
            (date(2025, 6, 10), 1),
        ]
        assert sum(one.attendances for one in dossier.lectures) == totals.attendances
        assert [(one.lecture.series.slug, one.enrolled, one.waiting) for one in dossier.upcoming] == [("coming", 2, 0)]
        assert [(peer.name, peer.figures.participants, peer.exact) for peer in dossier.peers] == [
            ("Sub-Saharan Africa", 9, True),
            (None, 9, True),
        ]


def test_titles_are_in_the_language_of_the_dossier(
    app: APIFlask, client: FlaskClient, make: Make, world: World, country: list[int]
) -> None:
    world.execute(update(Lecture).values(translations={"fr": {"title": "Conférence traduite"}}))
    series = world.series("seats")
    quota = {"series_id": series, "country_id": world.countries["KE"], "seats": 5, "used": 4}
    world.insert(CountryQuota, **quota, kept_until=datetime(2030, 12, 1, 4, tzinfo=UTC))
    world.execute(update(Series).values(translations={"fr": {"title": "Cycle traduit"}}))
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    with offering(app, "fr"):
        french = client.get("/countries/KE?lang=fr").text
        assert french.count("Conférence traduite") >= 3  # two attended, one to come
        assert french.count("Cycle traduit") >= 2  # attended, and free places
        assert "Conférence traduite" in client.get("/countries/KE.csv?lang=fr").text
    assert "traduit" not in client.get("/countries/KE").text


def test_a_partnership_that_ended_is_said_so(app: APIFlask, world: World) -> None:
    world.partner("UG", since=date(2020, 1, 1), until=date(2023, 6, 30))
    with app.app_context():
        dossier = get_dossier("UG", by=SYSTEM, at=AT)
    assert (dossier.partner_since, dossier.partner_until) == (date(2020, 1, 1), date(2023, 6, 30))


def test_a_focal_point_sees_the_own_country_and_of_others_what_is_published(
    app: APIFlask, make: Make, country: list[int]
) -> None:
    focal = make.actor(roles=[(Role.FOCAL_POINT, "KE")], country=None)
    with app.app_context():
        dossier = get_dossier("KE", by=focal, at=AT + timedelta(hours=1))
        assert dossier.totals.exact
        assert [(peer.name, peer.figures.participants, peer.exact, peer.as_at) for peer in dossier.peers] == [
            ("Sub-Saharan Africa", 9, False, AT),
            (None, 9, False, AT),
        ]
        for code in ("UG", "XX", "nowhere"):
            with pytest.raises(NotFound):
                get_dossier(code, by=focal, at=AT)
        for stranger in (ANONYMOUS, make.actor(), make.actor(roles=[Role.INSTRUCTOR])):
            with pytest.raises(Forbidden):
                get_dossier("KE", by=stranger, at=AT)


def test_a_country_without_anybody_has_a_page(client: FlaskClient, make: Make, world: World) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    page = client.get("/countries/NR")
    assert page.status_code == 200
    assert "No one from Nauru has attended a lecture yet. Not a partner country." in page.text
    assert client.get("/countries/NR.pdf").data.startswith(b"%PDF")


def test_the_page_shows_pictures_with_their_tables(client: FlaskClient, make: Make, country: list[int]) -> None:
    make.sign_in(client, make.person(roles=[(Role.FOCAL_POINT, "KE")], country=None))
    text = " ".join(client.get("/countries/KE").text.split())
    shown = dict(re.findall(r'data-testid="figure-([a-z_]+)" data-value="([\d.]+)"', text))
    assert shown == {"participants": "3", "attendances": "4", "contact_hours": "3.8", "certificates": "1"}
    assert '<bdi class="hide">2024: 3</bdi><b aria-hidden="true">3</b> <span aria-hidden="true">2024</span>' in text
    for heading in ("Sectors", "Institutions"):
        part = text[text.index(f"<h2>{heading}</h2>") :]
        assert part.index("<table") < part.index("<svg") < part.index("</table>") < part.index("</section>"), heading
    lectures = text[text.index("<h2>Most attended lectures</h2>") :]
    bare = " ".join(re.sub(r"<[^>]+>", " ", lectures[: lectures.index("</section>")]).split())
    assert bare.endswith("Lecture 6 May 2024 3 Lecture 10 June 2025 1")
    assert "As at" in text
    assert "Region and programme as published on 25 November 2026." in text
    assert "style=" not in text


def test_it_begins_with_one_page_for_a_meeting(client: FlaskClient, make: Make, country: list[int]) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    lede = (
        "3 people from Kenya have attended lectures since 2024, 1 of them since the country became a partner "
        "on 14 May 2024. 1 certificate was issued."
    )
    page = " ".join(client.get("/countries/KE").text.split())
    assert lede in page
    first, annex = page.split('<div class="annex" id="annex">')
    order = ['data-testid="figure-participants"', "<h2>By year</h2>", "<h2>Upcoming lectures</h2>", "<h2>To raise</h2>"]
    assert sorted(order, key=first.index) == order
    assert "Nairobi time" in first
    assert "Kenya has no focal point." in first
    assert "<h2>All figures by year</h2>" in annex
    sheets = sheets_of(client.get("/countries/KE.pdf").data)
    assert lede in sheets[0]
    assert "Kenya has no focal point." in sheets[0]
    assert sheets[1].startswith("All figures by year")


def test_what_a_meeting_can_settle(client: FlaskClient, make: Make, world: World, country: list[int]) -> None:
    make.person(roles=[(Role.FOCAL_POINT, "KE")], country=None)
    for left in (4, 1, 2, 3):
        series = world.series(f"seats-{left}")
        world.insert(
            CountryQuota, series_id=series, country_id=world.countries["KE"], seats=5, used=5 - left,
            kept_until=datetime(2030, 12, left, 4, tzinfo=UTC),
        )  # fmt: skip
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    page = " ".join(client.get("/countries/KE").text.split())
    matters = page[page.index("<h2>To raise</h2>") : page.index('<div class="annex"')]
    assert [re.sub(r" ?<.*", "", point) for point in matters.split("<li>")[1:]] == [
        "1 place in “Series seats-1” is still free. It is kept until 1 December 2030.",
        "2 places in “Series seats-2” are still free. They are kept until 2 December 2030.",
        "7 places kept in other series are still free.",
    ]


def test_totals_from_before_the_system_are_explained(
    app: APIFlask, client: FlaskClient, make: Make, country: list[int]
) -> None:
    with app.test_request_context("/"):
        public_id = create_opening_set("Before", "", 20, by=SYSTEM, at=AT)
        rows = b"lecture,date,series,country,attendances\nFirst,2019-03-04,,KE,50\nFirst,2019-03-04,,BT,7\n"
        publish_opening(public_id, stage_opening(rows), skip_bad_rows=False, by=SYSTEM, at=AT)
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    document = json.loads(client.get("/countries/KE.json").text)
    assert document["totals"]["attendances"] == 54
    measures = {row[0]: row[1] for row in document["sections"]["peers"]["rows"]}
    assert measures["Attendances per participant"] == 1.3, "totals without names are left out"
    page = " ".join(client.get("/countries/KE").text.split())
    assert "This includes 1 session and 50 attendances from before this system, entered as totals." in page
    assert "“All” includes 50 attendances entered as totals, which are in none of the rows above it." in page
    assert "<span>2019</span>" not in page
    only = " ".join(client.get("/countries/BT").text.split())
    assert "7 attendances in 1 session from before this system, entered as totals without names." in only
    assert "not known from totals" in only


def test_on_paper_it_is_tagged_for_archives_and_readers(
    app: APIFlask, client: FlaskClient, make: Make, country: list[int]
) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    answer = client.get("/countries/KE.pdf")
    assert answer.content_type == "application/pdf"
    assert re.fullmatch(r'attachment; filename="dossier-KE-[\d-]{10}\.pdf"', answer.headers["Content-Disposition"])
    assert answer.headers["Cache-Control"] == "no-store"
    text = inside(answer.data)
    for declared in (b"<pdfaid:part>2</pdfaid:part>", b"<pdfaid:conformance>A</pdfaid:conformance>",
                     b"<pdfuaid:part>1</pdfuaid:part>", b"/S/Table", b"/S/Figure"):  # fmt: skip
        assert declared in text.replace(b"/S /", b"/S/"), declared
    assert len(re.findall(rb"/Type\s*/Page\b", text)) == 2, "a page and its annex"
    with offering(app, "ar"):
        assert client.get("/countries/KE.pdf?lang=ar").data.startswith(b"%PDF")


def test_a_sign_without_a_font_does_not_stop_a_dossier(
    app: APIFlask, client: FlaskClient, make: Make, world: World, country: list[int]
) -> None:
    world.execute(update(Person).where(Person.id == country[0]).values(organisation="Bureau \U00013000"))
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    assert client.get("/countries/KE.pdf").data.startswith(b"%PDF")
    assert "Bureau \U00013000" in client.get("/countries/KE").text


def test_as_a_workbook_cells_have_types_and_headings_stay(client: FlaskClient, make: Make, country: list[int]) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    content = client.get("/countries/KE.xlsx").data
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.sheet_names == ["Totals", "Upcoming lectures", "All figures by year", "Sectors", "Women and men",
                                "Institutions", "Series attended", "Most attended lectures", "Comparison",
                                "Definitions and filters"]  # fmt: skip
    headings, year = book.get_sheet_by_name("All figures by year").to_python()[:2]
    assert dict(zip(headings, year, strict=True)) == {
        "Year": 2024, "Sessions": 1, "Participants": 3, "Attendances": 3, "Contact hours": 3, "Enrolments": 5,
        "Certificates": 1,
    }  # fmt: skip
    assert book.get_sheet_by_name("Series attended").to_python()[1][0] == "Series =1+1"
    coming = book.get_sheet_by_name("Upcoming lectures").to_python()[1]
    assert coming[2] == datetime(2026, 12, 2, 6, 0)  # noqa: DTZ001 - as a cell has it: of Beijing
    about = dict(row[:2] for row in book.get_sheet_by_name("Definitions and filters").to_python())
    assert about["Country"] == "Kenya (KE)"
    assert about["Time zone"] == "Beijing (Asia/Shanghai)"
    assert about["As at"].endswith("in Beijing")
    assert about["participants"].startswith("Different people")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        assert all(b'state="frozen"' in archive.read(name) for name in sheets)


def test_as_lines_and_as_an_object(client: FlaskClient, make: Make, country: list[int]) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    lines = client.get("/countries/KE.csv").get_data().decode("utf-8-sig").splitlines()
    assert lines[0] == "section,row,figure,value"
    assert lines[1] == "totals,,participants,3"
    assert "years,2024,participants,3" in lines
    document = json.loads(client.get("/countries/KE.json").text)
    assert document["totals"]["attendances"] == 4
    years = document["sections"]["years"]
    assert dict(zip(years["columns"], years["rows"][0], strict=True))["participants"] == 3
    assert client.get("/countries/KE.exe").status_code == 404


def test_reporters_find_every_dossier(client: FlaskClient, make: Make, country: list[int]) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    text = client.get("/countries").text
    assert re.findall(r'href="/countries/([A-Z]+)"', text) == ["UG", "KE"]
    assert "partner" in text
    for query, codes in (
        ("partner=true", ["KE"]), ("partner=false", ["UG"]), ("q=ken", ["KE"]), ("q=zzz", []),
        ("sort=country", ["KE", "UG"]), ("sort=-country", ["UG", "KE"]), ("sort=attendances", ["KE", "UG"]),
    ):  # fmt: skip
        page = client.get(f"/countries?{query}").text
        assert re.findall(r'href="/countries/([A-Z]+)"', page) == codes, query
