"""The programme as a month or a week: whose lectures, in which zone, and what it says of a day."""

from __future__ import annotations

import re
from datetime import date, datetime

import pytest
from flask.testing import FlaskClient

from lms.dashboards.calendar_weeks import View, period_of
from tests.dashboards.conftest import World
from tests.queries import CountQueries
from tests.rows import each_row

MONTH = "/calendar?on=2026-12-15"


def days(text: str) -> dict[str, str]:
    """The text of each day that is shown, by its date, without what a screen hides or shows twice."""
    cells = re.findall(r'<td[^>]*><time class="day" datetime="([^"]+)">.*?</time>(.*?)</td>', text, re.DOTALL)
    return {day: " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"</?bdi>", "", words)).split()) for day, words in cells}


@pytest.fixture
def december(world: World) -> World:
    """Three lectures of December: of the world's series, of another one, and a draft."""
    other = world.make.series("other", "Other", visibility="public")
    world.make.lecture(world.series, "Late at night", local_start=datetime(2026, 12, 2, 23), time_zone="Africa/Nairobi")  # noqa: DTZ001
    world.make.lecture(other, "Elsewhere", local_start=datetime(2026, 12, 24, 9), time_zone="Africa/Nairobi")  # noqa: DTZ001
    world.make.lecture(other, "Off", local_start=datetime(2026, 12, 25, 9), time_zone="Africa/Nairobi",  # noqa: DTZ001
                       state="cancelled")  # fmt: skip
    world.make.lecture(other, "Secret", local_start=datetime(2026, 12, 26, 9), time_zone="Africa/Nairobi",  # noqa: DTZ001
                       state="draft")  # fmt: skip
    world.make.lecture(other, "Sometime", local_start=None, starts_at=None, state="postponed")
    return world


def in_zone(world: World, zone: str) -> FlaskClient:
    """A stranger whose browser is in a zone."""
    client = world.make.app.test_client()
    client.set_cookie("zone", zone)
    return client


@pytest.mark.databases
def test_a_month_has_each_lecture_on_the_readers_own_day(december: World) -> None:
    text = in_zone(december, "Africa/Nairobi").get(MONTH).text
    found = days(text)
    assert (len(found), next(iter(found)), list(found)[-1]) == (35, "2026-11-30", "2027-01-03")
    assert found["2026-12-02"] == "04:00 In 7 days 23:00 Late at night"
    assert found["2026-12-24"] == "09:00 Elsewhere"
    assert found["2026-12-25"] == "Christmas Day, Kenya 09:00 Off (cancelled)"
    assert "Secret" not in text
    assert "Sometime" not in text
    assert "yours" not in text
    text = in_zone(december, "Asia/Shanghai").get(MONTH).text
    assert days(text)["2026-12-03"] == "04:00 Late at night"


def test_one_s_own_lectures_are_marked_and_can_be_shown_alone(december: World) -> None:
    for person in (december.trainee, december.instructor):
        client = december.signed_in(person)
        client.set_cookie("zone", "Africa/Nairobi")
        text = client.get(MONTH).text
        assert re.search(r"(23|04):00, yours", text)
        assert "Elsewhere" in text
        text = client.get(f"{MONTH}&whose=mine").text
        assert "Late at night" in text
        assert "Elsewhere" not in text
    assert "Secret" in december.signed_in(december.make.person(roles=["administrator"])).get(MONTH).text
    assert "Elsewhere" in december.make.app.test_client().get(f"{MONTH}&whose=mine").text


def test_a_month_names_its_neighbours_briefly_and_a_phone_leaves_out_empty_weeks(december: World) -> None:
    text = in_zone(december, "Africa/Nairobi").get(MONTH).text
    around = re.findall(r'<a class="btn btn-small"[^>]*rel="(?:prev|next) nofollow"[^>]*>(.*?)</a>', text)
    assert [re.sub(r"<[^>]+>|[‹›]", "", name).strip() for name in around] == ["November", "January 2027"]
    weeks = re.findall(r'<tr( class="none")?>\s*<th scope="row"><span class="long">Week (\d+), ', text)
    assert [week for is_empty, week in weeks if not is_empty] == ["49", "50", "52", "53"]  # with holidays of Kenya


@each_row(
    "language, zone, name",
    [
        ("en", "Asia/Shanghai", "<bdi>New Year&#39;s Day</bdi>, China"),
        ("zh", "Asia/Shanghai", "<bdi>元旦</bdi>"),
        ("ar", "Asia/Shanghai", '<bdi lang="en-US" dir="ltr">New Year&#39;s Day</bdi>'),
        ("fr", "Africa/Dakar", "<bdi>Jour de l&#39;an</bdi>"),
        ("en", "Africa/Dakar", "<bdi>New Year&#39;s Day</bdi>"),
    ],
)
def test_holidays_are_named_in_the_readers_language_or_marked(
    december: World, language: str, zone: str, name: str
) -> None:
    assert name in in_zone(december, zone).get(f"/calendar?on=2027-01-01&lang={language}").text


def test_a_calendar_leads_to_one_of_the_readers_own(december: World) -> None:
    link = 'href="{}" data-testid="subscribe"'
    assert link.format("/account/calendar") in december.signed_in(december.make.person()).get(MONTH).text
    assert link.format("/series") in in_zone(december, "Africa/Nairobi").get(MONTH).text


def test_a_week_is_one_row_and_leads_to_the_ones_beside_it(december: World) -> None:
    text = in_zone(december, "Africa/Nairobi").get("/calendar?view=week&on=2026-12-31").text
    assert list(days(text)) == [f"2026-12-{day}" for day in range(28, 32)] + [f"2027-01-0{day}" for day in (1, 2, 3)]
    assert "Week 53" in text
    links = re.findall(r'rel="(?:prev|next) nofollow" href="([^"]+)"', text)
    assert [one.replace("&amp;", "&") for one in links] == [
        "/calendar?view=week&on=2026-12-27", "/calendar?view=week&on=2027-01-04"]  # fmt: skip


@each_row("query", ["on=soon", "on=9999-99-99", "view=year", "on=0001-01-01", "on=9999-12-31", "whose=x"])
def test_what_an_address_cannot_ask_is_left_out(world: World, query: str) -> None:
    answer = world.make.app.test_client().get(f"/calendar?{query}")
    assert answer.status_code == 200
    assert 'class="month"' in answer.text


def test_strangers_get_the_page_whole_until_a_lecture_changes(december: World, count_queries: CountQueries) -> None:
    client = in_zone(december, "Africa/Nairobi")
    client.get(MONTH)
    with count_queries() as asked:
        again = client.get(MONTH)
    assert asked == []
    assert again.cache_control.private, "it was asked for with a cookie"
    december.make.lecture(december.series, "New", local_start=datetime(2026, 12, 9, 9), time_zone="Africa/Nairobi")  # noqa: DTZ001
    december.forget_pages()
    assert days(client.get(MONTH).text)["2026-12-09"].endswith("New")


def test_days_of_weeks_over_years_and_leap_days() -> None:
    leap = period_of(View.MONTH, date(2028, 2, 29))
    assert (leap.first, leap.last, len(leap.weeks)) == (date(2028, 2, 1), date(2028, 2, 29), 5)
    assert (leap.previous, leap.following) == (date(2028, 1, 31), date(2028, 3, 1))
    assert period_of(View.MONTH, date(1900, 1, 1)).previous is None
    assert period_of(View.MONTH, date(2200, 1, 1)).following is None
    march = period_of(View.WEEK, date(2027, 3, 28)).spans("Europe/Berlin")
    assert (march[1] - march[0]).total_seconds() == 167 * 3600  # the clocks go forward


@each_row(
    "language, heading, caption",
    [
        ("es", "Diciembre de 2026", "diciembre de 2026"),
        ("fr", "Décembre 2026", "décembre 2026"),
        ("pt", "Dezembro de 2026", "dezembro de 2026"),
        ("ru", "Декабрь 2026", "декабрь 2026"),
    ],
)
def test_a_month_begins_a_heading_with_a_large_letter(
    december: World, client: FlaskClient, language: str, heading: str, caption: str
) -> None:
    page = client.get(f"/calendar?on=2026-12-01&lang={language}").text
    assert heading in re.search(r"<h1[^>]*>(.*?)</h1>", page, re.S)[1]
    assert caption in re.search(r"<caption>(.*?)</caption>", page, re.S)[1]
    following = re.search(r'rel="next nofollow"[^>]*>(.*?)</a>', page, re.S)[1].strip()
    assert following[0].isupper()
