"""A country's dossier opened: its tables to rows, what changed since it was published, what is not decided yet."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import update

from lms.attendance.models.evidence import Source
from lms.catalogue.models import LectureState
from lms.core.base.errors import Forbidden
from lms.core.base.roles import SYSTEM, Role
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.people import list_undecided
from lms.people.models import Gender, Person, Sector
from lms.reports.actions.public import refresh_public_figures
from lms.reports.actions.snapshots import Attached, publish_snapshot, withdraw_snapshot
from lms.reports.documents.dossier_data import get_dossier
from lms.reports.models import SnapshotVisibility
from lms.reports.rules import Figures, Slice
from tests.factories import Make
from tests.reports.world import World
from tests.rows import each_row

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
AT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
STAFF, PUBLIC = SnapshotVisibility.STAFF, SnapshotVisibility.PUBLIC


@pytest.fixture
def lecture(app: APIFlask, world: World) -> int:
    """Twelve of KE, of whom ten name an organisation each (two spell one in two ways), two of UG; the first is merged
    with a second row that attended too. Two series, two years. Returns the first lecture."""
    series, other = world.series("one"), world.series("two")
    first, second = world.lecture(series, NOON), world.lecture(other, datetime(2025, 5, 6, 4, 0, tzinfo=UTC))
    people = [world.person("KE", sector=Sector.BUSINESS, gender=Gender.FEMALE) for _n in range(12)]
    for n, person in enumerate(people[:10]):
        name = ["Bureau of\u00a0Standards", " bureau of STANDARDS"][n] if n < 2 else f"Office {n}"
        world.execute(update(Person).where(Person.id == person).values(organisation=name))
    twin = world.person("KE")
    world.merge(people[0], twin)
    world.attend(first, *people, sector=Sector.BUSINESS, gender=Gender.FEMALE)
    world.attend(second, twin, *people[8:], source=Source.GROUP, sector=Sector.GOVERNMENT, minutes=45)
    world.attend(second, *(world.person("UG") for _n in range(2)))
    world.enrol(series, *people, at=NOON)
    world.enrol(other, twin, people[8], at=NOON)
    world.award(series, people[3], NOON)
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)
    return first


def drilldown_cells(page: str) -> list[tuple[str, str]]:
    """(number, address) of each number of a table that leads to rows."""
    links = re.findall(r'<td class="n"[^>]*><a href="(/admin/reports/[^"]+)">([^<]+)</a>', page)
    return [(number, address.replace("&amp;", "&")) for address, number in links]


@each_row("role", [Role.REPORTER, (Role.FOCAL_POINT, "KE")])
@pytest.mark.usefixtures("lecture")
def test_every_number_of_its_tables_opens_to_what_it_says(
    client: FlaskClient, make: Make, role: Role | tuple[Role, str]
) -> None:
    make.sign_in(client, make.person(roles=[role], country=None))
    cells = drilldown_cells(client.get("/countries/KE").text)
    assert len(cells) == 52
    for number, address in cells:
        opened = client.get(address)
        assert opened.status_code == 200, address
        heading = re.search(r"<h1[^>]*>\s*([\d,.]+) ", opened.text)
        assert heading is not None
        assert heading[1] == number, address
        assert "UG" not in re.sub(r'(value|content|nonce)="[^"]*"', "", opened.text)  # tokens may have any letters
        if "/people?" in address:
            assert opened.text.count('<th scope="row">') == int(number), address


@pytest.mark.usefixtures("lecture")
def test_an_organisation_opens_to_who_names_it(client: FlaskClient, make: Make) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    page = client.get("/countries/KE").text
    part = page[page.index("<h2>Institutions</h2>") :]
    cells = drilldown_cells(part[: part.index("</section>")])
    assert [number for number, _address in cells] == ["2", *["1"] * 4, "2", "12"]
    first, unnamed = client.get(cells[0][1]).text, client.get(cells[-2][1]).text
    assert "<bdi>Bureau of Standards</bdi>" in first
    assert re.findall(r"<bdi>(Person \d+)</bdi>", first) != re.findall(r"<bdi>(Person \d+)</bdi>", unnamed)
    assert "<bdi>Not stated</bdi>" in unnamed
    assert "No people to show for" in client.get("/admin/reports/people?country=KE&organisation=Elsewhere").text


def attached(code: str, figures: Figures) -> list[Attached]:
    return [Attached(code, code, b"%PDF-1.7", figures)]


def test_it_says_what_changed_since_its_last_dossier_or_report(
    app: APIFlask, client: FlaskClient, make: Make, world: World, lecture: int
) -> None:
    quarter = Slice(date(2024, 4, 1), date(2024, 6, 30))
    publisher = {"place": "Beijing", "by": SYSTEM}
    with app.app_context():
        assert get_dossier("KE", by=SYSTEM, at=AT).since is None
        before = get_dossier("KE", by=SYSTEM, at=AT).totals.totals
        publish_snapshot("Uganda", STAFF, Slice(country="UG"), at=AT, **publisher)
        publish_snapshot("Sectors", STAFF, Slice(), ("sector",), at=AT, **publisher)
        assert get_dossier("KE", by=SYSTEM, at=AT).since is None

        publish_snapshot("Second quarter", STAFF, quarter, ("sector", "country"), at=AT, **publisher)
        since = get_dossier("KE", by=SYSTEM, at=AT).since
        assert since is not None
        assert (since.title, since.is_dossier, since.slice) == ("Second quarter", False, replace(quarter, country="KE"))
        assert (since.then, since.then.participants) == (since.now, 12)

        last = publish_snapshot("With dossier", STAFF, quarter, ("country",), at=AT, attached=attached("KE", before),
                                **publisher)  # fmt: skip
    make.sign_in(client, make.person(roles=[(Role.FOCAL_POINT, "KE")], country=None))
    assert "No figures changed." in client.get("/countries/KE").text
    world.attend(lecture, world.person("KE"), minutes=30)
    focal = make.actor(roles=[(Role.FOCAL_POINT, "KE")], country=None)
    with app.app_context():
        since = get_dossier("KE", by=SYSTEM, at=AT).since
        assert since is not None
        assert (since.title, since.is_dossier, since.then) == ("With dossier", True, before)
        assert since.now.participants == before.participants + 1
        assert since.now.contact_hours == before.contact_hours + 0.5
        assert get_dossier("KE", by=focal, at=AT).since == since
        assert get_dossier("UG", by=SYSTEM, at=AT).since.title == "Uganda"  # type: ignore[union-attr]
    page = " ".join(client.get("/countries/KE").text.split())
    part = page[page.index("<h2>What changed</h2>") : page.index("<h2>Comparison</h2>")]
    bare = " ".join(re.sub(r"<[^>]+>", " ", part).split())
    assert "Since the dossier attached to “With dossier”, 25 November 2026" in bare
    assert "Participants 12 13 +1" in bare
    assert "Enrolments 14 14 0" in bare
    assert f'href="/reports/{last}"' in part

    with app.app_context():
        withdraw_snapshot(last, reason="wrong", by=SYSTEM, at=AT)
        since = get_dossier("KE", by=SYSTEM, at=AT).since
        assert since is not None
        assert (since.title, since.now.participants - since.then.participants) == ("Second quarter", 1)
        assert get_dossier("KE", by=focal, at=AT).since is None  # that report is for staff


def test_of_a_public_report_only_what_was_shown_is_compared(
    app: APIFlask, make: Make, world: World, lecture: int
) -> None:
    world.attend(lecture, world.person("RW"), world.person("RW"))
    focal = make.actor(roles=[(Role.FOCAL_POINT, "KE")], country=None)
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)
        publish_snapshot("All", PUBLIC, Slice(), ("country",), place="Beijing", by=SYSTEM, at=AT)
        shown, folded = (get_dossier(code, by=SYSTEM, at=AT).since for code in ("KE", "UG"))
        since = get_dossier("KE", by=focal, at=AT).since
    assert folded is None
    assert shown is not None
    assert (shown.title, shown.then.participants) == ("All", 12)
    assert since == shown


@pytest.mark.databases
def test_it_says_who_is_not_decided_yet(app: APIFlask, client: FlaskClient, make: Make, world: World) -> None:
    series, draft = world.series("one"), world.series("draft", draft=True)
    world.lecture(series, AT, state=LectureState.SCHEDULED)
    applied, waiting = EnrolmentStatus.APPLIED, EnrolmentStatus.WAITLISTED
    nominated = EnrolmentSource.NOMINATION
    world.enrol(series, world.person("KE"), world.person("KE"), at=NOON, status=applied, source=nominated)
    world.enrol(series, world.person("KE"), at=NOON, status=applied)
    world.enrol(series, world.person("KE"), at=NOON, status=waiting, source=nominated)
    world.enrol(series, world.person("KE"), at=NOON)
    world.enrol(series, world.person("UG"), at=NOON, status=applied, source=nominated)
    world.enrol(draft, world.person("KE"), at=NOON, status=applied)
    focal = make.actor(roles=[(Role.FOCAL_POINT, "KE")], country=None)
    with app.app_context():
        undecided = get_dossier("KE", by=SYSTEM, at=AT).undecided
        numbers = {
            one.series.slug: (one.numbers.nominated, one.numbers.applied, one.numbers.waiting) for one in undecided
        }
        assert numbers == {"one": (2, 1, 1), "draft": (0, 1, 0)}
        assert [one.series.slug for one in get_dossier("KE", by=focal, at=AT).undecided] == ["one"]
        with pytest.raises(Forbidden):
            list_undecided([world.countries["UG"]], by=focal, at=AT)
    make.sign_in(client, make.person(roles=[(Role.FOCAL_POINT, "KE")], country=None))
    page = " ".join(client.get("/countries/KE").text.split())
    part = page[page.index("<h2>Waiting for a decision or a place</h2>") :]
    bare = " ".join(re.sub(r"<[^>]+>", " ", part[: part.index("</section>")]).split())
    assert "Series one 2 1 1 All 2 1 1" in bare
    way = re.search(r'<a href="(/series/one[^"]*)"', part)
    assert way is not None
    assert client.get(way[1]).status_code == 200
