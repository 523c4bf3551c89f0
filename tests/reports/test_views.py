"""The pages: impact, definitions, reports and their files."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from werkzeug.test import TestResponse

from lms.catalogue.queries.policies import current_policy
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.reports.actions.public import refresh_public_figures
from lms.reports.documents import totals
from lms.reports.documents.report_files import SATISFACTION
from lms.reports.rules import FIGURES
from tests.factories import Make
from tests.paper import tables_of
from tests.reports.world import World
from tests.rows import each_row

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
AT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def programme(app: APIFlask, world: World) -> dict[str, Any]:
    """2024: six people of KE, two each of UG, FR and EG, in a series whose name looks like a formula; refreshed."""
    world.partner("KE")
    series = world.series("=1+1")
    lecture = world.lecture(series, NOON)
    kenyans = [world.person("KE") for _n in range(6)]
    world.attend(lecture, *kenyans, *(world.person(code) for code in ["UG", "FR", "EG"] for _n in range(2)))
    world.enrol(series, *kenyans, at=NOON)
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)
    return {"series": series, "lecture": lecture}


def test_impact_says_that_years_overlap_and_which_is_not_over(
    app: APIFlask, client: FlaskClient, world: World, programme: dict[str, Any]
) -> None:
    world.attend(world.lecture(programme["series"], AT), *range(1, 6))
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)
    page = client.get("/impact").text
    words = re.sub(r"<[^>]+>", "", page)
    assert "in each year. People who attended" in words
    assert "the columns add up to more than the total. 2026 is not complete yet." in words


def test_impact_shows_the_figures(client: FlaskClient, programme: dict[str, Any]) -> None:
    page = client.get("/impact").text
    shown = dict(re.findall(r'data-testid="figure-([a-z_]+)" data-value="(\d+)"', " ".join(page.split())))
    assert shown == {"sessions": "1", "participants": "12", "countries": "4", "partner_countries": "1"}
    assert "As at 25 November 2026, 06:00 in Beijing." in page
    assert "Kenya, partner country, Participants: 6" in page
    assert "the columns add up to more than the total" not in page, "all came in one year"
    assert "is not complete yet" not in page
    assert "Uganda" not in page
    assert "Other groups combined" in page
    regions = page[page.index('data-testid="by-region"') :]
    cells = re.sub(r"<[^>]+>", " ", regions[: regions.index("</table>")]).split()
    assert " ".join(cells).endswith("Countries Participants Attendances Other groups combined 4 12 12")
    for name in shown:
        assert f"/definitions#{name}" in page


def test_impact_of_nothing_says_what_to_do(client: FlaskClient, world: World) -> None:
    page = client.get("/impact").text
    assert "No attendance counted yet" in page
    assert "/series" in page


def test_impact_lists_all_countries_on_demand(app: APIFlask, client: FlaskClient, world: World) -> None:
    lecture = world.lecture(world.series(), NOON)
    codes = ["KE", "UG", "TZ", "FR", "BR", "EG", "CN", "IN", "DE", "CL", "PE", "MX", "TR"]
    world.attend(lecture, *(world.person(code) for code in codes for _n in range(5)))
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)
    pages = (client.get(path).text for path in ("/impact", "/impact?countries=all"))
    first, whole = (page.partition('id="countries"')[2].partition("</section>")[0] for page in pages)
    assert "View all 13</a>" in first
    assert (
        first.count('<td class="n" data-label="Attendances">'),
        whole.count('<td class="n" data-label="Attendances">'),
    ) == (12, 13)
    assert "All 13</a>" not in whole


def test_impact_as_csv(client: FlaskClient, programme: dict[str, Any]) -> None:
    answer = client.get("/impact.csv?by=country")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="impact-by-country-2026-11-24.csv"'
    kenya, other = rows_of(answer, "country")
    assert kenya == {
        "country": "KE", "country_name": "Kenya", "sessions": "1", "participants": "6", "attendances": "6",
        "countries": "1", "partner_countries": "1", "registrations": "6", "contact_hours": "6.0", "certificates": "0",
        **dict.fromkeys(SATISFACTION, ""),
    }  # fmt: skip
    assert other == {
        "country": "other", "country_name": "Other groups combined", "sessions": "1", "participants": "6",
        "attendances": "6", "countries": "3", "partner_countries": "0", "registrations": "0", "contact_hours": "6.0",
        "certificates": "0", **dict.fromkeys(SATISFACTION, ""),
    }  # fmt: skip
    assert client.get("/impact.csv?by=planet").status_code == 404
    year = rows_of(client.get("/impact.csv?by=year"), "year")[0]
    assert (year["year"], year["sessions"], year["participants"]) == ("2024", "1", "12")


def test_a_series_without_certificates_has_no_number_of_them(
    app: APIFlask, client: FlaskClient, make: Make, world: World, programme: dict[str, Any]
) -> None:
    series = make.series("certified", policy={"certificate": "participation"})
    with app.app_context():
        world.policies[series.id] = current_policy(series.id).id
    lecture = world.lecture(series.id, NOON)
    world.attend(lecture, *(world.person("KE") for _n in range(6)))
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=AT)
    page = client.get("/impact").text.partition('id="series"')[2].partition("</section>")[0]
    cells = re.findall(r'data-label="Certificates">(.*?)</td>', page, re.S)
    assert [re.sub(r"<[^>]+>", " ", cell).split() for cell in cells] == [["–", "Not", "issued"], ["0"]]
    rows = rows_of(client.get("/impact.csv?by=series"), "series")
    assert {row["series"]: row["certificates"] for row in rows} == {"'=1+1": "", "certified": "0"}
    assert {row["certificates"] for row in rows_of(client.get("/impact.csv?by=country"), "country")} == {"0"}


def rows_of(answer: TestResponse, *dimensions: str) -> list[dict[str, str]]:
    """The rows of figures in a CSV file, which has the columns of these dimensions and of every figure."""
    table = csv.DictReader(answer.get_data().decode("utf-8-sig").splitlines())
    assert table.fieldnames == [
        *(column for name in dimensions for column in (name, f"{name}_name")),
        *FIGURES,
        *SATISFACTION,
    ]
    return list(table)


def test_definitions_have_an_anchor_each(client: FlaskClient, world: World) -> None:
    page = client.get("/definitions").text
    anchors = re.findall(r'<div id="([a-z_]+)">', page)
    assert anchors[: len(FIGURES)] == list(FIGURES)
    assert len(anchors) == len(set(anchors))


def staff(client: FlaskClient, make: Make, *roles: Any, country: str = "KE") -> FlaskClient:
    make.sign_in(client, make.person(country=country, roles=roles))
    return client


def test_reports_say_a_sentence(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    staff(client, make, "reporter")
    page = client.get("/admin/reports?figure=participants&rows=country&columns=year&from=2024-01-01&to=2024-12-31").text
    assert "<b>12 participants</b> from 4 countries in 1 session, 1 January 2024 to 31 December 2024" in page
    assert "Participants by Country × Year" in page
    row = re.search(r"<bdi>Kenya</bdi></a></th>(.*?)</tr>", page, re.DOTALL)
    assert row is not None
    assert re.findall(r">(\d+)</a></td>", row[1]) == ["6", "6"]
    assert "As at" in page


def test_the_chosen_figure_comes_first_with_its_picture(
    client: FlaskClient, make: Make, programme: dict[str, Any]
) -> None:
    staff(client, make, "reporter")
    page = " ".join(client.get("/admin/reports?figure=attendances&rows=country").text.split())
    picture, others = page.index('<ol class="bars">'), page.index('data-testid="other-figures"')
    assert page.index("Attendances by Country") < picture < others < page.index("<table")
    assert others < page.index('data-testid="figure-participants"')
    kenya = page[picture : page.index("</li>", picture)]
    assert 'href="/countries/KE">' in kenya
    assert "/admin/reports/opened/attendances?" in kenya
    assert kenya.endswith("6</a></b>")
    table = page[page.index("<table") :]
    assert '<a href="/countries/KE"><bdi>Kenya</bdi></a>' in table
    years = client.get("/admin/reports?figure=attendances&rows=country&columns=year").text
    assert years.index('<ol class="bars">') < years.index("<table") < years.index('data-testid="other-figures"')
    assert '<ol class="cols' in client.get("/admin/reports?rows=year").text


def test_a_long_picture_has_the_first_groups_and_says_so(client: FlaskClient, make: Make, world: World) -> None:
    lecture = world.lecture(world.series(), NOON)
    codes = ["KE", "UG", "TZ", "FR", "BR", "EG", "CN", "IN", "DE", "CL", "PE", "MX", "TR", "AR", "BO", "CO", "DK", "ES",
             "FI", "GB", "GH", "ID"]  # fmt: skip
    world.attend(lecture, *(world.person(code) for code in codes))
    staff(client, make, "reporter")
    page = client.get("/admin/reports?rows=country").text
    assert bars_of(page) == 22, "two more than fit are drawn too"
    assert "The table shows all" not in page
    world.attend(lecture, world.person("PL"))
    page = client.get("/admin/reports?rows=country").text
    assert bars_of(page) == 20
    assert "The 20 largest of 23. The table shows all of them." in page
    assert page[page.index("<tbody>") :].count('<th scope="row">') == 24  # the sum too


def bars_of(page: str) -> int:
    """How many bars the picture of a page has."""
    start = page.index('<ol class="bars">')
    return page[start : page.index("</ol>", start)].count("<li>")


def test_periods_are_links_with_their_dates(
    client: FlaskClient, make: Make, programme: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    staff(client, make, "administrator")
    monkeypatch.setattr(clock, "now", lambda: AT)
    page = client.get("/admin/reports?rows=year&series=%3D1%2B1&period=last_quarter").text
    menu = page[page.index('data-testid="periods"') :]
    links = re.findall(r'<a href="([^"]+)"( aria-current="true")?>([^<]+)</a>', menu[: menu.index("</nav>")])
    address = "/admin/reports?rows=year&amp;series=%3D1%2B1"
    assert links == [
        (f"{address}&amp;from=2024-01-01&amp;to=2024-12-31", "", "2024"),
        (f"{address}&amp;from=2026-01-01&amp;to=2026-12-31", "", "This year"),
        (f"{address}&amp;from=2026-07-01&amp;to=2026-09-30", ' aria-current="true"', "Last quarter"),
        (f"{address}&amp;from=2026-10-01&amp;to=2026-10-31", "", "Last month"),
        (address, "", "All time"),
    ]
    assert "<b>12 participants</b>" in client.get(links[0][0].replace("&amp;", "&")).text
    assert "From:" in client.get("/admin/reports?from=2025-13-01").text


def test_a_figure_opens_down_to_its_people(
    client: FlaskClient, make: Make, world: World, programme: dict[str, Any]
) -> None:
    staff(client, make, "administrator")
    page = client.get("/admin/reports?figure=participants&rows=country&columns=sector").text
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/reports/people[^"]*)"', page)]
    assert len(links) == 11  # the whole; four countries with one sector each, their totals, the sector's, and all
    opened = client.get("/admin/reports/people?figure=participants&rows=country&columns=sector&row=KE&column=-").text
    assert opened.count('<th scope="row">') == 6
    assert "6 people</h1>" in opened
    assert "<bdi>Kenya</bdi> · <bdi>Not stated</bdi>" in " ".join(opened.split())
    assert all(client.get(link).status_code == 200 for link in links)
    assert "12 people</h1>" in client.get("/admin/reports/people").text
    assert "No people to show for" in client.get("/admin/reports/people?rows=sector&row=other").text
    assert client.get("/admin/reports/people?page=-3").status_code == 200
    assert "<bdi>Erased" not in opened


def test_people_are_paged(client: FlaskClient, make: Make, world: World) -> None:
    lecture = world.lecture(world.series(), NOON)
    world.attend(lecture, *(world.person("KE") for _n in range(51)))
    staff(client, make, "reporter")
    address = "/admin/reports/people?country=KE&size=50"
    first, second = (client.get(f"{address}&page={page}").text for page in (1, 2))
    assert "1–50 of 51" in first
    assert "51–51 of 51" in second
    assert first.count('<th scope="row">') + second.count('<th scope="row">') == 51
    assert 'rel="next"' in first
    assert 'rel="next"' not in second
    assert "/admin/people/" not in first  # a reporter changes nothing


def test_people_are_found_sorted_and_downloaded(client: FlaskClient, make: Make, world: World) -> None:
    series = world.series()
    lectures = [world.lecture(series, NOON + timedelta(days=day)) for day in (0, 1)]
    people = [world.person("KE", full_name=name) for name in ("Zoë", "Ada", "Émile")]
    world.attend(lectures[0], *people)
    world.attend(lectures[1], people[2])
    staff(client, make, "reporter")

    def names(query: str) -> list[str]:
        page = client.get(f"/admin/reports/people?country=KE{query}").text
        return re.findall(r'<th scope="row"><bdi>(\w+)</bdi>', page)

    assert names("")[0] == "Émile"
    assert names("&sort=name") == ["Ada", "Émile", "Zoë"]
    assert names("&sort=-name") == ["Zoë", "Émile", "Ada"]
    assert names("&sort=-minutes")[0] == "Émile"
    assert names("&q=emil") == ["Émile"]
    assert "Nothing found" in client.get("/admin/reports/people?country=KE&q=nobody").text
    page = client.get("/admin/reports/people?country=KE&q=emil").text
    assert '<input type="hidden" name="country" value="KE">' in page
    file = client.get("/admin/reports/people.csv?country=KE&sort=name")
    assert 'filename="people-ke.csv"' in file.headers["Content-Disposition"]
    assert [line.split(",")[0] for line in file.text.splitlines()[1:]] == ["Ada", "Émile", "Zoë"]
    assert client.get("/admin/reports/people.xlsx").data[:2] == b"PK"
    assert client.get("/admin/reports/people.doc").status_code == 404


def test_people_of_another_country_stay_closed(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    staff(client, make, ("focal_point", "UG"), country="UG")
    assert "2 people</h1>" in client.get("/admin/reports/people").text
    assert client.get("/admin/reports/people?country=KE").status_code == 403
    assert client.get("/admin/reports/people.csv?country=KE").status_code == 403
    assert client.get("/admin/reports/people?rows=country&row=KE").status_code == 200
    assert "No people to show for" in client.get("/admin/reports/people?rows=country&row=KE").text


@each_row("rows", ["", "country", "region", "series", "year", "month", "sector", "source", "language"])
def test_reports_by_everything(client: FlaskClient, make: Make, programme: dict[str, Any], rows: str) -> None:
    staff(client, make, "administrator")
    page = client.get(f"/admin/reports?figure=contact_hours&rows={rows}")
    assert page.status_code == 200
    assert "<b>12 contact hours</b> from 4 countries in 1 session, all time" in page.text


def test_reports_keep_what_was_typed(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    staff(client, make, "administrator")
    page = client.get("/admin/reports?rows=year&from=2025-01-01&to=2024-01-01&partner=true")
    assert page.status_code == 422
    assert "The last day is before the first." in page.text
    assert 'value="2025-01-01"' in page.text
    assert 'aria-invalid="true"' in page.text
    assert '<option selected value="true">' in page.text
    wrong = client.get("/admin/reports?from=2025-13-01")
    assert wrong.status_code == 422
    assert "From: enter a date such as 2026-01-31." in wrong.text
    assert client.get("/admin/reports?rows=year&columns=year").status_code == 422


def test_an_empty_slice_says_what_to_change(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    staff(client, make, "administrator")
    empty = client.get("/admin/reports?from=2019-01-01&to=2019-12-31").text
    assert "No results for these settings" in empty
    assert "Select another period" in empty
    assert "<table" not in empty
    assert "No results for" not in client.get("/admin/reports").text
    assert "No results for" not in client.get("/admin/reports?figure=partner_countries&to=2019-12-31").text


def test_a_focal_point_has_the_own_country(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    staff(client, make, ("focal_point", "UG"), country="UG")
    page = client.get("/admin/reports")
    assert "<b>2 participants</b> from 1 country in 1 session, all time · Uganda" in page.text
    assert "Kenya" not in page.text
    assert client.get("/admin/reports?country=KE").status_code == 403
    assert client.get("/admin/reports.csv?country=KE&rows=year").status_code == 403
    assert client.get("/admin/reports.csv?rows=series").status_code == 200


def test_reports_are_for_those_who_may(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    assert client.get("/admin/reports").status_code == 302
    staff(client, make, "instructor")
    assert client.get("/admin/reports").status_code == 403
    assert client.get("/admin/reports.csv").status_code == 403


def test_reports_as_files(client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    staff(client, make, "administrator")
    query = "rows=series&columns=year&figure=participants"
    row = rows_of(client.get(f"/admin/reports.csv?{query}"), "series", "year")[0]
    assert row == {
        "series": "'=1+1", "series_name": "Series =1+1", "year": "2024", "year_name": "2024",
        "sessions": "1", "participants": "12", "attendances": "12", "countries": "4", "partner_countries": "1",
        "registrations": "6", "contact_hours": "12.0", "certificates": "0",
        **dict.fromkeys(SATISFACTION, ""),
    }  # fmt: skip
    body = client.get(f"/admin/reports.json?{query}").get_json()
    assert body["groups"][0]["key"] == ["=1+1", "2024"]
    answer = client.get(f"/admin/reports.xlsx?{query}")
    assert answer.mimetype == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.get_data()))
    assert book.sheet_names == ["Participants", "Figures", "About"]
    cross = book.get_sheet_by_index(0).to_python()
    assert cross == [["Series", 2024, "All"], ["Series =1+1", 12, 12], ["All", 12, 12]]
    headings, values = book.get_sheet_by_index(1).to_python()[:2]
    assert headings == ["series", "series_name", "year", "year_name", *FIGURES, *SATISFACTION]
    cells = dict(zip(headings, values, strict=True))
    texts = {"series", "series_name"}
    assert cells == {name: value if name in texts or not value else float(value) for name, value in row.items()}
    about = book.get_sheet_by_index(2).to_python()
    assert (about[0][0], about[2][:2]) == ("What", ["by", "series,year"])
    assert client.get(f"/admin/reports.exe?{query}").status_code == 404


def test_a_report_by_two_dimensions_is_a_cross_table_on_paper(
    client: FlaskClient, make: Make, programme: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    staff(client, make, "administrator")
    query = "rows=country&columns=year&figure=attendances"
    (table,) = tables_of(client.get(f"/admin/reports.pdf?{query}").data)
    assert table[0] == ["Country or area", "2024", "All"]
    assert table[-1] == ["All", "12", "12"]
    monkeypatch.setattr(totals, "MOST_ACROSS", 2)
    countries = [row[0] for row in table[1:-1]]
    parts = tables_of(client.get("/admin/reports.pdf?rows=year&columns=country&figure=attendances").data)
    assert [name for part in parts for name in part[0][1:]] == [*countries, "All"]
    assert [part[-1][0] for part in parts] == ["All"] * len(parts)


@each_row("query, name", [
        ("", "participants-by-country-2026-11-25.csv"),
        ("figure=participants&rows=country&from=2024-01-01&to=2024-12-31", "participants-by-country-2024.csv"),
        ("figure=contact_hours&rows=country&columns=year&country=KE&from=2020-01-01&to=2024-12-31",
         "contact-hours-by-country-year-country-ke-2020-2024.csv"),
        ("figure=sessions&series==1%2B1&from=2024-04-01", "sessions-by-country-series-1-1-from-2024-04-01.csv"),
        ("figure=sessions&from=2024-04-01", "sessions-by-country-from-2024-04-01.csv"),
        ("figure=sessions&to=2024-06-30", "sessions-by-country-until-2024-06-30.csv"),
        ("figure=sessions&from=2024-04-01&to=2024-06-30", "sessions-by-country-2024-04-01-to-2024-06-30.csv"),
    ])  # fmt: skip
def test_a_file_is_called_by_what_is_in_it(
    client: FlaskClient, make: Make, programme: dict[str, Any], query: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff(client, make, "administrator")
    monkeypatch.setattr(clock, "now", lambda: AT)
    answer = client.get(f"/admin/reports.csv?{query}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
