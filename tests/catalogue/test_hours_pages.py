"""The hours of a week in the pages that plan lectures, and in the API."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.catalogue.models import Lecture, Series, SeriesCountry
from lms.core.database.session import db
from lms.people.models import Person
from lms.people.queries.countries import get_country
from tests.factories import Make
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("unprotected")

PEOPLE = [("VN", None, 3), ("EG", None, 2), ("PE", None, 2), ("KE", "America/Lima", 1), (None, "Asia/Calcutta", 1)]
FRIDAY = "2036-01-11T14:00"


@pytest.fixture
def ines(make: Make) -> Person:
    """An instructor."""
    return make.person("Ines", "ines@example.org", roles=["instructor"], time_zone="Asia/Shanghai")


@pytest.fixture
def empty(make: Make, ines: Person) -> Series:
    """A series in which nobody is enrolled."""
    return make.series("trade", "Trade", instructors=[ines])


@pytest.fixture
def series(make: Make, empty: Series) -> Series:
    """The same with nine people who are enrolled, one who waits, and one who nobody knows where."""
    for country, zone, count in PEOPLE:
        for _number in range(count):
            make.enrolment(empty, make.person(country=country, time_zone=zone))
    make.enrolment(empty, make.person(country="PE"), "waitlisted")
    make.enrolment(empty, make.person(country=None))
    return empty


@pytest.fixture
def staff(client: FlaskClient, make: Make, ines: Person) -> FlaskClient:
    """Ines, signed in."""
    make.sign_in(client, ines)
    return client


class Api:
    """Who asks for the hours of a series by program."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def get(self, slug: str = "trade", **query: object) -> TestResponse:
        query = {"time_zone": "Asia/Shanghai"} | query
        return self.client.get(f"/api/v1/series/{slug}/hours", query_string=query, headers=self.headers)

    def hours(self, slug: str = "trade", **query: object) -> Any:
        answer = self.get(slug, **query)
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def api(client: FlaskClient, make: Make, ines: Person) -> Api:
    """Ines, by program."""
    return Api(client, make.headers(ines))


def at_night(text: str) -> tuple[int, int]:
    match = re.search(r'data-testid="at-night" data-night="(\d+)" data-off="(\d+)"', text)
    assert match is not None
    return int(match[1]), int(match[2])


def typed(**values: str) -> dict[str, str]:
    return {
        "title": "", "starts_at": FRIDAY, "time_zone": "Asia/Shanghai", "duration_minutes": "90", "language": "en",
    } | values  # fmt: skip


@pytest.mark.databases
def test_people_are_counted_where_they_are(api: Api, series: Series) -> None:
    answer = api.hours(starts_at=FRIDAY)
    assert (answer["basis"], answer["people"], answer["unlocated"]) == ("enrolled", 9, 1)
    assert answer["lecture"] == {
        "starts_at": "2036-01-11T14:00:00", "starts_at_utc": "2036-01-11T06:00:00Z", "night": 3, "day_off": 2,
        "weight": 4.0,
    }  # fmt: skip
    countries = {(one["country"], one["starts_at"], one["night"]) for one in answer["countries"]}
    assert countries == {
        ("VN", "2036-01-11T13:00:00", 0), ("EG", "2036-01-11T08:00:00", 0), ("PE", "2036-01-11T01:00:00", 2),
        ("KE", "2036-01-11T01:00:00", 1), (None, "2036-01-11T11:30:00", 0),
    }  # fmt: skip
    assert len(answer["hours"]) == 168
    assert answer["first"] == "2036-01-07"


def test_a_week_can_begin_on_any_day(api: Api, series: Series) -> None:
    answer = api.hours(first="2036-01-09")
    assert [one["starts_at"] for one in answer["hours"]][::167] == ["2036-01-09T00:00:00", "2036-01-15T23:00:00"]


@each_row(
    "query, field",
    [
        ({"starts_at": "2036-03-30T02:30", "time_zone": "Europe/Berlin"}, "starts_at"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"first": "9999-12-31"}, "first"),
        ({"starts_at": "9999-12-31T10:00"}, "starts_at"),
    ],
)
def test_what_cannot_be_is_refused(api: Api, series: Series, query: dict[str, Any], field: str) -> None:
    answer = api.get(**query)
    assert answer.status_code == 422
    assert field in str(answer.json)


@pytest.mark.databases
def test_while_nobody_is_enrolled_seats_then_countries_then_partners_are_counted(
    app: APIFlask, api: Api, make: Make, empty: Series, ines: Person
) -> None:
    hours = api.hours(starts_at=FRIDAY)
    assert hours["basis"] == "partners"
    make.quota(empty, "PE", seats=40)
    make.quota(empty, "VN", seats=60)
    hours = api.hours(starts_at=FRIDAY)
    assert (hours["basis"], hours["people"], hours["lecture"]["night"]) == ("seats", 100, 40)
    closed = make.series("closed", "Closed", instructors=[ines])
    with app.app_context():
        for code in ("PE", "EG", "VN"):
            db.session.add(SeriesCountry(series_id=closed.id, country_id=get_country(code).id))
        db.session.commit()
    answer = api.hours("closed", starts_at=FRIDAY)
    assert (answer["basis"], answer["people"], answer["lecture"]["night"]) == ("countries", 3, 1)


@pytest.mark.databases
def test_an_instructor_learns_nothing_of_people_whose_profile_is_not_shared(
    client: FlaskClient, make: Make, empty: Series, ines: Person
) -> None:
    make.enrolment(empty, make.person(country="PE", time_zone="America/Lima"), profile_shared_at=None)
    make.enrolment(empty, make.person(country="VN"))
    answer = Api(client, make.headers(ines)).hours(starts_at=FRIDAY)
    assert (answer["people"], answer["unlocated"]) == (1, 1)
    ada = make.person("Ada", "ada@example.org", roles=["administrator"])
    answer = Api(client, make.headers(ada)).hours(starts_at=FRIDAY)
    assert (answer["people"], answer["unlocated"]) == (2, 0)


def test_counts_change_with_the_people(api: Api, make: Make, series: Series) -> None:
    before = api.hours(starts_at=FRIDAY)["lecture"]
    person = make.person(country="PE")
    make.enrolment(series, person)
    assert api.hours(starts_at=FRIDAY)["lecture"]["night"] == before["night"] + 1


def test_a_new_lecture_shows_the_fairest_hours_before_anything_is_typed(staff: FlaskClient, series: Series) -> None:
    page = staff.get("/series/trade/lectures/new")
    assert page.status_code == 200
    assert 'data-testid="fairest-1"' in page.text
    assert 'data-testid="at-night"' not in page.text


def test_the_page_of_hours_begins_with_the_fairest_ones_together(staff: FlaskClient, series: Series) -> None:
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", staff.get("/series/trade/hours").text, re.DOTALL)
    assert heading is not None
    words = " ".join(re.sub("<[^>]*>", "", heading[1]).split())
    assert re.fullmatch(r"\d\d:00(–\d\d:00)? Beijing time, [^:]+: (night only in|day off in|night and) .+", words), (
        words
    )


def test_the_hours_are_shown_and_another_one_used_without_saving(
    app: APIFlask, staff: FlaskClient, series: Series
) -> None:
    page = staff.post("/series/trade/lectures/new", data=typed(step="hours", title="Kept as typed"))
    assert page.status_code == 200
    assert at_night(page.text) == (3, 2)
    assert 'value="Kept as typed"' in page.text
    used = re.search(r'data-testid="fairest-1" data-local="([^"]+)"', page.text)
    assert used is not None
    page = staff.post("/series/trade/lectures/new", data=typed(use=used[1]))
    assert f'value="{used[1]}"' in page.text
    night, off = at_night(page.text)
    assert night + off / 2 < 4
    with app.app_context():
        assert db.session.query(Lecture).count() == 0


def test_a_changed_lecture_shows_its_hours_and_is_not_saved_by_them(
    staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    lecture = make.lecture(series, "One", local_start=datetime(2036, 1, 11, 14), time_zone="Asia/Shanghai",
                           instructors=[ines])  # fmt: skip
    address = f"/lectures/{lecture.id}/edit"
    assert at_night(staff.get(address).text) == (3, 2)
    page = staff.post(address, data=typed(title="Other", starts_at="2036-01-09T15:00", step="hours"))
    assert (page.status_code, at_night(page.text)) == (200, (3, 0))
    assert at_night(staff.get(address).text) == (3, 2)


def test_a_lecture_is_postponed_to_a_fair_hour_on_one_page_without_a_script(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    lecture = make.lecture(series, "One", local_start=datetime(2036, 1, 4, 14), time_zone="Asia/Shanghai",
                           duration_minutes=60, instructors=[ines])  # fmt: skip
    address = f"/lectures/{lecture.id}/postpone"
    page = staff.get(f"{address}?next=/teach").text
    assert re.findall(r'data-local="(2036-01-\d\d)T', page)[0] in {"2036-01-07", "2036-01-08", "2036-01-09"}
    assert "at-night" not in page, "the week after the planned one, while no time is typed"
    sent = {"starts_at": FRIDAY, "time_zone": "Asia/Shanghai", "duration_minutes": "999", "next": "/teach"}
    page = staff.post(address, data=sent | {"step": "hours"}).text
    assert at_night(page) == (3, 2)
    assert "<b>01:00, night</b>" in page
    assert re.search(r"Egypt</b>.*?08:00, *weekend", page, re.DOTALL)
    used = re.search(r'data-testid="fairest-1" data-local="([^"]+)"', page)
    assert used is not None
    page = staff.post(address, data=sent | {"use": used[1]}).text
    assert f'value="{used[1]}"' in page
    night, off = at_night(page)
    assert night + off / 2 < 4
    assert '<input type="hidden" name="next" value="/teach">' in page
    with app.app_context():
        stored = db.session.get_one(Lecture, lecture.id)
        assert (stored.local_start, stored.duration_minutes) == (datetime(2036, 1, 4, 14), 60)
    assert staff.post(address, data=sent | {"starts_at": used[1], "date": "given"}).location == "/teach"
    with app.app_context():
        stored = db.session.get_one(Lecture, lecture.id)
        assert (stored.local_start, stored.duration_minutes) == (datetime.fromisoformat(used[1]), 60)


def test_hours_that_follow_what_is_typed_are_used_on_the_page_that_postpones(
    staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    lecture = make.lecture(series, "One", instructors=[ines])
    page = staff.get(f"/lectures/{lecture.id}/postpone").text
    follows = re.search(r'data-hx-get="([^"]+)"', page)
    assert follows is not None
    part = staff.get(follows[1].replace("&amp;", "&") + f"&starts_at={FRIDAY}&time_zone=Asia/Shanghai").text
    assert f'formaction="/lectures/{lecture.id}/postpone#hours"' in part


@each_row("state, status", [("live", 302), ("held", 302), ("cancelled", 302), ("postponed", 200)])
def test_only_what_is_to_come_is_postponed(
    staff: FlaskClient, make: Make, series: Series, ines: Person, state: str, status: int
) -> None:
    lecture = make.lecture(series, "One", state=state, instructors=[ines])
    assert staff.get(f"/lectures/{lecture.id}/postpone").status_code == status
    answer = staff.post(f"/lectures/{lecture.id}/postpone", data=typed(step="hours"))
    assert answer.status_code == (200 if status == 200 else 409)


def test_repeated_dates_say_when_clocks_make_it_night(staff: FlaskClient, make: Make, empty: Series) -> None:
    make.enrolment(empty, make.person(country="EG"))
    sent = typed(
        title="Part", starts_at="2036-04-18T13:00", repeat="week", times="3", state="draft", duration_minutes="60"
    )
    page = staff.post("/series/trade/lectures/new", data=sent)
    assert re.findall(r'data-testid="night" data-night="(\d)"', page.text) == ["0", "0", "0"]
    sent = typed(
        title="Part", starts_at="2036-10-24T12:00", repeat="week", times="3", state="draft", duration_minutes="60"
    )
    page = staff.post("/series/trade/lectures/new", data=sent)  # 07:00 in Cairo, 06:00 from 31 October on
    assert re.findall(r'data-testid="night" data-night="(\d)"', page.text) == ["0", "1", "1"]
    assert page.text.count("Clocks change: now night in Egypt") == 1
    page = staff.post("/series/trade/lectures/new", data=sent | {"on": "dates", "use": "2036-10-24T15:00"})
    assert re.findall(r'data-testid="night" data-night="(\d)"', page.text) == ["0", "0", "0"]


def test_moved_and_copied_lectures_say_what_clocks_change(
    staff: FlaskClient, make: Make, empty: Series, ines: Person
) -> None:
    make.enrolment(empty, make.person(country="EG"))
    make.lecture(empty, "One", local_start=datetime(2036, 10, 24, 12), time_zone="Asia/Shanghai",
                 instructors=[ines])  # fmt: skip
    page = staff.get("/series/trade/move?amount=1&unit=7&direction=1")
    assert "Clocks change: now night in Egypt" in page.text
    page = staff.post(
        "/series/trade/copy", data={"title": "Two", "slug": "two", "first": "2036-12-12", "step": "dates"}
    )
    assert "Clocks change: now night in Egypt" in page.text


def test_the_series_says_how_its_nights_were_shared_out(
    staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    for day, hour in ((8, 14), (9, 14), (10, 21)):
        make.lecture(series, f"On {day}", local_start=datetime(2036, 1, day, hour), time_zone="Asia/Shanghai",
                     instructors=[ines])  # fmt: skip
    for address in ("/series/trade", "/series/trade/schedule", "/series/trade/hours"):
        match = re.search(r'data-testid="rotation">(.*?)</p>', staff.get(address).text, re.DOTALL)
        assert match is not None
        words = re.sub(r"<[^>]+>|\s+", " ", match[1])
        assert "of 3 lectures" in words
        assert re.search(r"Night hours so far: +Kenya, 2 of 3 lectures ?; +Peru, 2", words)


def test_strangers_do_not_see_how_nights_were_shared_out(
    client: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    make.lecture(series, "One", local_start=datetime(2036, 1, 8, 14), time_zone="Asia/Shanghai", instructors=[ines])
    assert 'data-testid="rotation"' not in client.get("/series/trade").text


def test_the_page_of_hours_leads_to_a_new_lecture_at_that_time(staff: FlaskClient, series: Series) -> None:
    page = staff.get("/series/trade/hours?starts_at=2036-01-11T14:00&time_zone=Asia/Shanghai&duration_minutes=60")
    assert at_night(page.text) == (3, 2)
    link = re.search(r'href="(/series/trade/lectures/new\?starts_at=[^"]+)"', page.text)
    assert link is not None
    form = staff.get(link[1].replace("&amp;", "&")).text
    local = re.search(r"starts_at=([^&]+)&", link[1])
    assert local is not None
    assert f'value="{local[1].replace("%3A", ":")}"' in form
    assert 'name="duration_minutes" type="text" value="60"' in form or 'value="60"' in form


@each_row(
    "query",
    ["starts_at=nonsense", "starts_at=9999-12-31T23:00", "time_zone=Mars", "duration_minutes=-5", "but=x&part=1"],
)
def test_whatever_is_typed_the_page_of_hours_is_shown(staff: FlaskClient, series: Series, query: str) -> None:
    assert staff.get(f"/series/trade/hours?{query}").status_code == 200


def test_a_saved_draft_says_that_it_clashes(staff: FlaskClient, make: Make, series: Series, ines: Person) -> None:
    other = make.series(title="Elsewhere", instructors=[ines])
    make.lecture(other, "Ports", local_start=datetime(2036, 1, 11, 15), time_zone="Asia/Shanghai", instructors=[ines])
    draft = make.lecture(series, "Tariffs", state="draft", local_start=datetime(2036, 1, 11, 14),
                         time_zone="Asia/Shanghai", instructors=[ines])  # fmt: skip
    page = staff.get(f"/lectures/{draft.id}/edit").text
    assert 'data-testid="clash"' in page
    assert f"{ines.full_name} gives “Ports”, 15:00–16:30" in page
    assert "You can publish it once one of the two has another time or lecturer." in page
    free = make.lecture(series, "Free", state="draft", local_start=datetime(2036, 1, 12, 14),
                        time_zone="Asia/Shanghai", instructors=[ines])  # fmt: skip
    assert 'data-testid="clash"' not in staff.get(f"/lectures/{free.id}/edit").text
