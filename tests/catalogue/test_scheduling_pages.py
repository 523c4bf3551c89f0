"""Pages that plan many lectures at once: what is previewed, what is asked, and that nothing is saved before."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import re
from datetime import datetime

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.catalogue.models import Lecture, Series
from lms.core.db import db
from lms.people.models import Person
from tests.factories import Make
from tests.told import ToldClient

FIRST = datetime(2036, 1, 11, 14)  # a Friday
_COPY = {"title": "Trade, 2037", "slug": "trade-2037", "first": "2037-01-09", "instructors": "y", "rules": "y"}


@pytest.fixture(autouse=True)
def _without_protection(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms are sent without their token."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", [])


@pytest.fixture
def ines(make: Make) -> Person:
    """An instructor."""
    return make.person("Ines", "ines@example.org", roles=["instructor"])


@pytest.fixture
def series(make: Make, ines: Person) -> Series:
    """A series of three Fridays in Shanghai."""
    series = make.series("trade-2036", "Trade, 2036", instructors=[ines])
    for week in range(3):
        make.lecture(series, f"Part {week + 1}", local_start=FIRST.replace(day=11 + 7 * week),
                     time_zone="Asia/Shanghai", instructors=[ines])  # fmt: skip
    return series


@pytest.fixture
def staff(client: FlaskClient, make: Make, ines: Person) -> FlaskClient:
    """Ines, signed in."""
    make.sign_in(client, ines)
    return client


def count_of(app: APIFlask, table: type[Lecture] | type[Series]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(table)) or 0


def options(text: str) -> list[str]:
    """The dates for which a decision is asked."""
    return re.findall(r'<select class="select" id="decide-([^"]+)"', text)


def test_a_copy_is_proposed_with_name_address_and_the_same_weekdays(staff: FlaskClient, series: Series) -> None:
    page = staff.get("/series/trade-2036/copy")
    assert page.status_code == 200
    assert 'value="Trade, 2037"' in page.text
    assert 'value="trade-2037"' in page.text
    assert 'value="2037-01-09"' in page.text
    assert [re.sub(r"\s+", " ", day) for day in re.findall(r'<b class="nobr">([^<]+)</b>', page.text)] == [
        "Fri 9 Jan 2037", "Fri 16 Jan 2037", "Fri 23 Jan 2037"]  # fmt: skip
    assert options(page.text) == []


def test_a_copy_asks_only_about_dates_with_a_problem_and_saves_nothing_before(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    other = make.series("other", "Other")
    make.lecture(
        other, "In depth", local_start=datetime(2037, 1, 23, 15), time_zone="Asia/Shanghai", instructors=[ines]
    )
    page = staff.post("/series/trade-2036/copy", data=_COPY)
    assert (page.status_code, options(page.text)) == (200, ["2-2037-01-23T14:00"])
    assert "Ines gives “In depth”, 15:00–16:30" in page.text
    page = staff.post("/series/trade-2036/copy", data=_COPY | {"step": "save"})
    assert (page.status_code, 'aria-invalid="true"' in page.text) == (422, True)
    assert (count_of(app, Series), count_of(app, Lecture)) == (2, 4)
    sent = _COPY | {"step": "save", "decide-2-2037-01-23T14:00": "keep"}
    assert staff.post("/series/trade-2036/copy", data=sent).location == "/series/trade-2037/schedule"
    assert staff.post("/series/trade-2036/copy", data=sent).location == "/series/trade-2037/schedule"
    assert (count_of(app, Series), count_of(app, Lecture)) == (3, 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slug": "other"}, "already a series"),
        ({"slug": "No Slug"}, "lower-case"),
        ({"title": ""}, "Enter the title"),
        ({"first": ""}, "Enter the day of the first lecture"),
        ({"first": "9999-12-31"}, "between 1990 and 2100"),
        ({"first": "soon"}, "Enter a date"),
    ],
)
def test_a_copy_that_cannot_be_says_why_and_keeps_what_was_typed(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, change: dict[str, str], said: str
) -> None:
    make.series("other", "Other")
    page = staff.post("/series/trade-2036/copy", data=_COPY | {"step": "save"} | change)
    assert page.status_code in {409, 422}
    assert said in page.text
    assert 'value="Trade, 2037"' in page.text or "title" in change
    assert count_of(app, Series) == 2


def test_all_to_come_are_moved_after_a_preview_and_moved_back(
    app: APIFlask, staff: ToldClient, make: Make, series: Series
) -> None:
    make.enrolment(series, make.person())
    page = staff.get("/series/trade-2036/schedule")
    assert 'action="/series/trade-2036/move"' in page.text
    page = staff.get("/series/trade-2036/move?amount=2&unit=7&direction=1")
    assert "Move 3 lectures 14 days later?" in page.text
    assert "1 enrolled person gets an e-mail about each published lecture." in page.text
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    done = staff.post("/series/trade-2036/move", data=sent)
    assert done.location == "/series/trade-2036/schedule?moved=14"
    assert staff.post("/series/trade-2036/move", data=sent).status_code == 409
    back = re.search(r'href="([^"]+)">Move them back', staff.get(done.location).text)
    assert back is not None
    page = staff.get(back.group(1).replace("&amp;", "&"))
    assert "Move 3 lectures 14 days earlier?" in page.text
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    staff.post("/series/trade-2036/move", data=sent)
    with app.app_context():
        starts = db.session.scalars(select(Lecture.local_start).order_by(Lecture.id)).all()
    assert starts == [FIRST, FIRST.replace(day=18), FIRST.replace(day=25)]


@pytest.mark.parametrize(
    "asked", [{"amount": "0"}, {"amount": "x"}, {"amount": "500"}, {"amount": "9" * 20}, {"unit": "9"}]
)
def test_a_move_that_cannot_be_is_said_in_a_sentence(staff: FlaskClient, series: Series, asked: dict[str, str]) -> None:
    page = staff.get("/series/trade-2036/move", query_string={"amount": "1", "unit": "1", "direction": "1"} | asked)
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "Move 3 lectures" not in page.text
