"""What is so for every list: it opens, filters, sorts, pages, downloads what it shows, and refuses strangers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from lms.app import load_slices
from lms.web.lists.view import ListView
from tests.contracts.world import World

load_slices()
pytestmark = pytest.mark.xdist_group("world")


def _all(view: type[ListView[Any]]) -> Iterable[type[ListView[Any]]]:
    for below in view.__subclasses__():
        if hasattr(below, "endpoint") and below.__module__.startswith("lms."):
            yield below
        yield from _all(below)


LISTS = sorted(set(_all(ListView)), key=lambda view: view.endpoint)
NOT_A_LIST_ALONE = {"attendance.roster_print", "nominations.file_preview"}
"""The roster for paper has no filters, and a file of nominees is a page around its list."""
READABLE = [view for view in LISTS if view.endpoint not in NOT_A_LIST_ALONE]
ROLES = ("administrator", "focal point")
FILES = {
    "attendance.roster", "certificates.issue", "dashboards.admin_series", "enrolment.seats",
    "enrolment.series_enrolments",
    "enrolment_questions.answers", "nominations.admin_nominations", "nominations.listing", "recordings.recordings",
    "reports.people", "reports.rows",
}  # fmt: skip
FILES_WITHOUT_ROWS = {"checks.results", "dashboards.behind", "viewing_groups.groups"}
"""Lists that have no rows in the world of these tests."""
API_PAGES = {"dashboards.admin_series"}


def some(views: Sequence[type[ListView[Any]]]) -> list[Any]:
    """All of them; in `make test` every fourth, which has all that lists share."""
    return [pytest.param(view, marks=[] if number % 4 == 0 else pytest.mark.long) for number, view in enumerate(views)]


@pytest.fixture(params=some(READABLE), ids=lambda view: view.endpoint)
def listed(request: pytest.FixtureRequest, world: World) -> Page:
    return Page(world, request.param)


class Page:
    """A list as somebody who may read it."""

    def __init__(self, world: World, view: type[ListView[Any]]) -> None:
        self.world, self.view = world, view
        rule = next(world.app.url_map.iter_rules(view.endpoint))
        values = world.arguments(view.endpoint, set(rule.arguments), "administrator", "theirs")
        if "figure" in rule.arguments:
            values["figure"] = "registrations"
        self.path = world.app.url_map.bind("localhost").build(view.endpoint, values, method="GET")
        self.role = next(role for role in ROLES if self.get(reader=role).status_code == 200)

    def get(self, *, reader: str = "", **parameters: str) -> Any:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.world.call(reader or self.role, "GET", f"{self.path}{query}", None)

    def rows(self, **parameters: str) -> list[str]:
        """The rows of all pages."""
        rows, page = [], 1
        while True:
            shown, has_more = self.rows_of_page(**parameters, page=str(page))
            rows += shown
            if not has_more:
                return rows
            page += 1

    def rows_of_page(self, **parameters: str) -> tuple[list[str], bool]:
        """The rows of one page, and whether more pages follow."""
        answer = self.get(**{"size": "250", **parameters})
        assert answer.status_code == 200, parameters
        tables = re.findall(
            r"<tbody>(.*?)</tbody>", answer.text.partition('id="list-h"')[2].partition('class="pager"')[0], re.S
        )
        rows = [
            re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip()
            for table in tables
            for row in re.findall(r"<tr(?! class=\"opened\")[^>]*>(.*?)</tr>", table, re.S)
        ]
        return rows, 'rel="next"' in answer.text

    @property
    def orders(self) -> list[str]:
        menu = self.get().text.partition('data-testid="sort"')[2].partition("</details>")[0]
        return re.findall(r'href="[^"]*[?;]sort=([^&"#]*)', menu)

    def file(self, kind: str, **parameters: str) -> Any:
        """The file that the page offers."""
        link = re.search(rf'href="([^"]*\.{kind}[^"]*)"', self.get(**parameters).text)
        assert link is not None
        return self.world.call(self.role, "GET", unescape(link[1]), None)


@pytest.mark.long
def test_it_sorts_by_each_column_both_ways_and_always_the_same(listed: Page) -> None:
    rows = listed.rows()
    for order in listed.orders:
        name = order.removeprefix("-")
        for sort in (name, f"-{name}"):
            assert sorted(listed.rows(sort=sort)) == sorted(rows), sort
            assert listed.rows(sort=sort) == listed.rows(sort=sort), sort
            assert 'data-testid="ignored"' not in listed.get(sort=sort).text, sort


def test_its_filters_leave_out_rows_and_unknown_ones_are_named(listed: Page) -> None:
    every = listed.rows()
    with listed.world.app.test_request_context("/"):
        for name, values in listed.view.filters.items():
            known = values() if callable(values) else values or ["no-such-value"]
            for value in sorted(known)[:3]:
                if (name, value) != ("state", "all"):
                    assert len(listed.rows(**{name: value})) <= max(len(every), 250), (name, value)
            if values is not None and listed.get(**{name: "no such value"}).status_code == 200:
                assert name in listed.get(**{name: "no such value"}).text
    assert "<script>alert" not in listed.get(q="<script>alert(1)</script>").text


def test_a_page_after_the_last_is_the_last(listed: Page) -> None:
    last, has_more = listed.rows_of_page(page="9999")
    assert (last, has_more) == (listed.rows()[-len(last) :] if last else [], False)


def of(endpoints: set[str]) -> list[type[ListView[Any]]]:
    return [view for view in READABLE if view.endpoint in endpoints]


def test_lists_with_files_and_with_a_page_of_the_api_are_known(world: World) -> None:
    endpoints = {rule.endpoint for rule in world.app.url_map.iter_rules()}
    assert {view.endpoint for view in READABLE if f"{view.endpoint}_file" in endpoints} == FILES | FILES_WITHOUT_ROWS
    pages = {view.endpoint for view in READABLE if f"dashboards_api.{view.endpoint.rpartition('.')[2]}" in endpoints}
    assert pages == API_PAGES


@pytest.mark.parametrize("listed", some(of(FILES)), ids=lambda view: view.endpoint, indirect=True)
def test_its_files_have_the_rows_of_the_page(listed: Page) -> None:
    assert listed.rows()
    headings, *lines = csv.reader(io.StringIO(listed.file("csv").text.removeprefix("\ufeff")))
    columns = [column.name for column in listed.view.file_columns]
    assert headings == columns or not columns
    assert len(lines) == len(listed.rows())
    assert listed.file("xlsx").data[:2] == b"PK"
    path = f"{listed.path}.doc"
    assert listed.world.call(listed.role, "GET", path, None).status_code == 404
    assert listed.world.call("anonymous", "GET", path, None).status_code == 302


@pytest.mark.parametrize("listed", of(API_PAGES), ids=lambda view: view.endpoint, indirect=True)
def test_its_api_page_has_the_rows_of_its_files(listed: Page) -> None:
    path = f"/api/v1{listed.path}"
    lines = list(csv.DictReader(io.StringIO(listed.file("csv").text.removeprefix("\ufeff"))))
    answer = listed.world.call(listed.role, "GET", f"{path}?limit=200", None).json
    first = next(iter(lines[0]))
    assert [item[first] for item in answer["items"]] == [line[first] for line in lines]
    assert (answer["next"], set(answer["items"][0])) == (None, set(lines[0]))
    page = listed.world.call(listed.role, "GET", f"{path}?limit=1&cursor=2", None).json
    assert page["items"] == answer["items"][1:2]
    assert listed.world.call(listed.role, "GET", f"{path}?sort=nothing", None).status_code == 422
    assert listed.world.call("trainee", "GET", path, None).status_code == 403


def test_it_refuses_strangers(listed: Page) -> None:
    assert listed.get(reader="anonymous").status_code == 302
