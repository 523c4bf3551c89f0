"""A new administrator signs off the report of the last quarter, with a country's dossier, and proves its figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator

from lms.catalogue.queries.policies import current_policy
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.reports.actions.public import refresh_public_figures
from lms.reports.periods import first_of_quarter
from tests.journeys.conftest import Site, Visitor
from tests.paper import tables_of, text_of

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]
FIGURES = ("sessions", "participants", "attendances", "countries", "registrations", "contact_hours")


@pytest.fixture
def quarter(site: Site) -> None:
    """Two lectures of the last quarter: six of Kenya in both, three of Uganda in one, one of Kenya who never came."""
    make = site.make
    make.person("Zhou Anran", "zhou@example.org", roles=["administrator"], country="CN")
    series = make.series("village", title="Livestream commerce")
    zone = ZoneInfo("Asia/Shanghai")
    last = first_of_quarter(clock.day_of(clock.now(), zone.key)) - timedelta(days=20)
    kenya = [make.person(f"Trainee of Kenya {n}", f"ke{n}@example.org", country="KE") for n in range(7)]
    uganda = [make.person(f"Trainee of Uganda {n}", f"ug{n}@example.org", country="UG") for n in range(3)]
    lectures = []
    for days in (0, 7):
        began = datetime.combine(last + timedelta(days=days), time(14), zone)
        times = {"starts_at": began, "actual_start": began, "actual_end": began + timedelta(minutes=90)}
        policy = site.within(lambda: current_policy(series.id).id)
        lectures.append(make.lecture(series, state="held", policy_id=policy, at=began, **times))
    for person in (*kenya, *uganda):
        make.enrolment(series, person, at=datetime.combine(last, time(9), zone))
    site.be_there(lectures[0], *kenya[:6], *uganda)
    site.be_there(lectures[1], *kenya[:6])
    site.within(lambda: refresh_public_figures(by=SYSTEM, at=clock.now()))


def shown(visitor: Visitor) -> dict[str, str]:
    """The headline figures of the page, as they are read once the others are unfolded."""
    visitor.page.get_by_test_id("other-figures").locator("summary").click()
    return {name: visitor.page.get_by_test_id(f"figure-{name}").inner_text() for name in FIGURES}


def read_table(table: Locator) -> list[list[str]]:
    """A table of the page: its heading, its rows, its foot."""
    text_of_cell = 'cell => cell.textContent.trim().replace(/\\s+/g, " ")'
    rows: list[list[str]] = table.evaluate(f"table => [...table.rows].map(row => [...row.cells].map({text_of_cell}))")
    return without_bars(rows)


def without_bars(table: list[list[str]]) -> list[list[str]]:
    """A table without its column of bars."""
    return [row[:1] + row[2:] if table[0][1] == "" else row for row in table]


def printed_tables(pdf: bytes) -> list[list[list[str]]]:
    """The tables on paper without their columns of bars."""
    return [without_bars(table) for table in tables_of(pdf)]


def open_figure(visitor: Visitor, published: str, name: str) -> list[list[str]]:
    """The rows behind a figure of a published report, as it is counted now."""
    visitor.page.goto(published)
    row = visitor.page.get_by_test_id(f"since-{name}")
    unchanged = visitor.page.locator("details").filter(has=row)
    if unchanged.count():
        unchanged.locator("summary").click()
    row.get_by_role("link").click()
    visitor.page.wait_for_load_state()
    (table,) = visitor.page.locator("main table").all()
    return read_table(table)[1:]


def downloaded(visitor: Visitor, link: Locator) -> bytes:
    with visitor.page.expect_download() as downloading:
        link.click()
    return downloading.value.path().read_bytes()


@pytest.mark.usefixtures("quarter")
def test_from_sign_in_to_a_signed_off_quarter_with_a_dossier(sign_in: Callable[[str], Visitor]) -> None:
    visitor = sign_in("zhou@example.org")
    page = visitor.page
    pages = [urlsplit(page.url).path]
    page.on("framenavigated", lambda frame: pages.append(urlsplit(frame.url).path))

    # the question is one link from the desk
    visitor.press("The last quarter, by country")
    counted = shown(visitor)
    assert counted == {"sessions": "2", "participants": "9", "attendances": "15", "countries": "2",
                       "registrations": "10", "contact_hours": "23"}  # fmt: skip
    table = read_table(page.locator("main table"))
    assert [row[0] for row in table[1:]] == ["Kenya", "Uganda", "All"]

    # nothing is left to be written, one thing to be chosen
    page.locator("main").get_by_role("link", name="Publish", exact=True).click()
    page.wait_for_load_state()
    visitor.is_accessible("publish")
    assert page.locator("[name=title]").input_value().startswith("Quarter ")
    assert page.locator("[name=visibility][value=public]").is_disabled()
    page.locator("[name=dossier]").select_option("KE")
    visitor.hook("publish-continue")
    visitor.is_accessible("publish-confirm")
    visitor.hook("publish")
    assert pages == ["/admin", "/admin/reports", "/reports/new", "/reports/new", urlsplit(page.url).path]
    visitor.is_accessible("published")
    assert visitor.heading().startswith("Quarter ")
    assert shown(visitor) == counted
    published = page.url
    assert read_table(page.get_by_test_id("frozen").locator("table").first) == table

    # both on paper say what the pages say
    paper = downloaded(visitor, page.get_by_test_id("files").get_by_role("link", name="PDF", exact=True))
    dossier = downloaded(visitor, page.get_by_test_id("dossier"))
    (printed,) = printed_tables(paper)
    columns = [table[0].index(name) for name in printed[0]]
    assert [[row[at] for at in columns] for row in table] == printed
    text = text_of(paper).casefold()
    words = {"registrations": "enrolments"}
    assert all(f"{value} {words.get(name, name).replace('_', ' ')}" in text for name, value in counted.items())

    # each figure opens to rows that add up
    opened = {name: open_figure(visitor, published, name) for name in FIGURES}
    assert [len(opened[name]) for name in ("participants", "attendances", "countries", "registrations")] == [
        9,
        15,
        2,
        10,
    ]
    assert sum(float(row[-1].removesuffix(" min")) for row in opened["contact_hours"]) == 22.5 * 60
    assert [row[-2:] for row in opened["sessions"]] == [["6", "9"], ["9", "14"]]

    visitor.go("/countries/KE")
    headline = {name: page.get_by_test_id(f"figure-{name}").inner_text() for name in ("participants", "contact_hours")}
    assert headline == {"participants": "6", "contact_hours": "18"}
    words = {"registrations": "enrolments"}
    assert all(f"{value} {words.get(name, name).replace('_', ' ')}" in text for name, value in counted.items())
    assert [read_table(one) for one in page.locator("main table").all()] == printed_tables(dossier)
