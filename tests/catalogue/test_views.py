"""Pages: what is shown to whom, what is typed is kept, each step of a lecture by its form."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import find_lecture
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import find_series
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.models import Person
from lms.web.pages.time import moment
from tests.factories import Make
from tests.queries import CountQueries
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("unprotected")


@pytest.fixture
def ines(make: Make) -> Person:
    """An instructor."""
    return make.person("Ines", "ines@example.org", roles=["instructor"])


@pytest.fixture
def series(make: Make, ines: Person) -> Series:
    """The series that Ines gives."""
    return make.series("trade", "Trade", instructors=[ines])


@pytest.fixture
def lecture(make: Make, series: Series, ines: Person) -> Lecture:
    """Tomorrow's lecture of it."""
    local = (clock.now() + timedelta(days=1)).replace(tzinfo=None, second=0, microsecond=0)
    return make.lecture(series, "Opening", local_start=local, time_zone="UTC", instructors=[ines])


@pytest.fixture
def staff(client: FlaskClient, make: Make, ines: Person) -> FlaskClient:
    """Ines, signed in."""
    make.sign_in(client, ines)
    return client


def stored(app: APIFlask, key: int) -> Lecture:
    """The lecture as it is in the database."""
    with app.app_context():
        lecture = find_lecture(key)
        assert lecture is not None
        return lecture


def errors_at(answer: TestResponse) -> set[str]:
    """The names of the fields that are marked as wrong."""
    marked = re.findall(r'<(?:input|select|textarea)[^>]*aria-invalid="true"[^>]*>', answer.text)
    names = {match.group(1) for tag in marked if (match := re.search(r'name="([^"]+)"', tag))}
    assert all(re.search(r'aria-describedby="[^"]+"', tag) for tag in marked)
    return names


SERIES = {
    "title": "Trade",
    "slug": "trade",
    "description": "About",
    "language": "en",
    "visibility": "public",
    "admission": "open",
    "capacity": "",
    "starts_on": "",
    "ends_on": "",
    "countries": "",
    "instructors": "",
    "policy-min_percent": "60",
    "policy-min_lectures_percent": "60",
    "policy-replay_days": "28",
    "policy-walk_ins": "enrol",
    "policy-certificate": "participation",
    "policy-min_lectures": "",
    "policy-min_minutes": "",
    "policy-deadline": "",
}
LECTURE = {
    "title": "Opening",
    "abstract": "Why",
    "starts_at": "2036-12-02T14:00",
    "time_zone": "Asia/Shanghai",
    "duration_minutes": "45",
    "language": "en",
    "interpretation": ["fr", "ar"],
    "instructors": "ines@example.org",
    "join_url": "https://meet.example/1",
    "recording_url": "",
    "materials-0-title": "",
    "materials-0-url": "",
    "materials-1-title": "Slides",
    "materials-1-url": "https://files.example/s.pdf",
}


def test_list_shows_what_is_public_and_own_drafts(client: FlaskClient, make: Make, ines: Person) -> None:
    make.series("open", "Open to all")
    make.series("hidden", "Hidden", visibility="draft", instructors=[ines])
    page = client.get("/series")
    assert page.status_code == 200
    assert "Open to all" in page.text
    assert "Hidden" not in page.text
    assert "New series" not in page.text
    make.sign_in(client, ines)
    page = client.get("/series")
    assert "Hidden" in page.text
    assert "/series/new" in page.text


def test_list_is_searched_filtered_and_paged(client: FlaskClient, make: Make) -> None:
    for number in range(23):
        held = make.series(f"held-{number}", f"Held {number}")
        make.lecture(held, state="held", actual_start=datetime(2024, 1, 1 + number, 9, tzinfo=UTC),
                     actual_end=datetime(2024, 1, 1 + number, 10, tzinfo=UTC))  # fmt: skip
    coming = make.series("coming", "Кофе", language="ru")
    make.lecture(coming, interpretation=["fr"], local_start=datetime(2036, 1, 1, 9))
    first = client.get("/series").text
    assert first.index("Кофе") < first.index("Held 22") < first.index("Held 21")
    assert "Held 3<" not in first
    assert "Held 3<" in client.get("/series?page=2").text
    assert client.get("/series?page=9&q=held").location == "/series?q=held"
    assert "Held" not in client.get("/series?q=КОФЕ").text
    assert "Held" not in client.get("/series?language=fr").text
    assert "Held 1<" not in client.get("/series?state=open").text
    assert "Кофе" not in client.get("/series?state=finished").text
    assert "Nothing found" in client.get("/series?q=nothing&state=open").text
    page = client.get('/series?q="><script>&state=nonsense&page=-1&admission=x')
    assert page.status_code == 200
    assert "<script>&" not in page.text
    assert "&#34;&gt;&lt;script&gt;" in page.text


def test_list_says_the_time_in_the_viewers_zone_and_the_organisers(client: FlaskClient, make: Make) -> None:
    make.lecture(make.series(), local_start=datetime(2036, 12, 2, 9), time_zone="Africa/Nairobi")
    client.set_cookie("zone", "Europe/Berlin")
    page = client.get("/series").text
    assert "07:00" in page
    assert "14:00 Beijing" in page


def test_list_asks_the_database_as_often_for_many_as_for_one(
    client: FlaskClient, make: Make, ines: Person, count_queries: CountQueries
) -> None:
    def asked() -> int:
        with count_queries() as statements:
            client.get("/series")
        return len(statements)

    make.lecture(make.series(instructors=[ines]), instructors=[ines])
    once = asked()
    for _number in range(5):
        series = make.series(instructors=[ines])
        make.lecture(series, instructors=[ines])
        make.lecture(series, state="held")
    assert asked() == once


def test_list_of_nothing_says_so(client: FlaskClient) -> None:
    assert "No series yet" in client.get("/series").text


def test_new_series_is_made_and_leads_to_its_first_lecture(app: APIFlask, staff: FlaskClient) -> None:
    page = staff.get("/series/new")
    assert page.status_code == 200
    answer = staff.post("/series/new", data={**SERIES, "countries": "Kenya\ntz", "capacity": "30"})
    assert (answer.status_code, answer.location) == (302, "/series/trade/lectures/new")
    with app.app_context():
        made = find_series("trade")
        assert made is not None
        assert [country.code for country in made.countries] == ["KE", "TZ"]
        assert ([person.full_name for person in made.instructors], made.capacity) == (["Ines"], 30)


def test_who_makes_a_series_is_not_shut_out_of_it(app: APIFlask, staff: FlaskClient, make: Make) -> None:
    make.person("Bo", "bo@example.org", roles=["instructor"])
    made = staff.post("/series/new", data={**SERIES, "instructors": "bo@example.org"})
    assert staff.get(made.location).status_code == 200
    with app.app_context():
        series = find_series("trade")
        assert series is not None
        assert {person.full_name for person in series.instructors} == {"Bo", "Ines"}

    given_away = {**SERIES, "visibility": "draft", "instructors": "bo@example.org"}
    answer = staff.post("/series/trade/edit", data=given_away, follow_redirects=False)
    assert answer.status_code == 302
    assert staff.get(answer.location).status_code == 200


def test_new_series_keeps_what_was_typed_and_names_each_field(staff: FlaskClient, make: Make) -> None:
    answer = staff.post(
        "/series/new",
        data={
            **SERIES,
            "title": "Kept title",
            "slug": "Bad Slug",
            "capacity": "many",
            "starts_on": "soon",
            "countries": "Kenya\nAtlantis",
            "policy-min_percent": "x",
        },
    )
    assert answer.status_code == 422
    assert errors_at(answer) == {"capacity", "starts_on", "policy-min_percent"}
    for typed in ("Kept title", "Bad Slug", 'value="many"', 'value="soon"', "Atlantis", 'value="x"'):
        assert typed in answer.text
    assert 'data-testid="errors"' in answer.text
    answer = staff.post(
        "/series/new", data={**SERIES, "slug": "Bad Slug", "capacity": "0", "policy-min_percent": "101"}
    )
    assert (answer.status_code, errors_at(answer)) == (422, {"slug", "capacity", "policy-min_percent"})
    for links in ("#slug", "#capacity", "#policy-min_percent"):
        assert f'href="{links}"' in answer.text
    answer = staff.post("/series/new", data={**SERIES, "countries": "Kenya\nAtlantis", "instructors": "who@x.org"})
    assert (answer.status_code, errors_at(answer)) == (422, {"countries", "instructor_name"})
    make.series("taken")
    answer = staff.post("/series/new", data={**SERIES, "slug": "taken"})
    assert (answer.status_code, errors_at(answer)) == (409, {"slug"})


def test_edit_series(app: APIFlask, staff: FlaskClient, series: Series, make: Make) -> None:
    page = staff.get("/series/trade/edit").text
    assert 'value="Trade"' in page
    assert "ines@example.org" in page
    sent = {**SERIES, "title": "Sea trade", "instructors": "ines@example.org", "policy-min_percent": "75"}
    sent["nominations_need_approval"] = "y"
    for days in ("-1", "3651", "x", ""):
        answer = staff.post("/series/trade/edit", data=sent | {"policy-replay_days": days})
        assert (answer.status_code, errors_at(answer)) == (422, {"policy-replay_days"})
    answer = staff.post("/series/trade/edit", data=sent | {"policy-replay_days": "0"})
    assert answer.status_code == 302
    with app.app_context():
        stored_series = find_series("trade")
        assert stored_series is not None
        assert (stored_series.title, stored_series.nominations_need_approval) == ("Sea trade", True)
        assert current_policy(stored_series.id).replay_days == 0
    make.enrolment(series)
    make.enrolment(series)
    answer = staff.post("/series/trade/edit", data={**sent, "title": "Never", "capacity": "1"})
    assert answer.status_code == 409
    assert "the 2 people enrolled" in answer.text
    assert 'value="Never"' in answer.text
    answer = staff.post("/series/trade/edit", data={**sent, "slug": "other"})
    assert (answer.status_code, errors_at(answer)) == (422, {"slug"})


def test_editing_is_closed_to_others(client: FlaskClient, make: Make, series: Series, lecture: Lecture) -> None:
    make.series("secret", visibility="draft")
    make.sign_in(client, make.person(roles=["instructor"]))
    for path in (
        "/series/trade/edit",
        "/series/trade/lectures/new",
        f"/lectures/{lecture.id}/edit",
        f"/lectures/{lecture.id}/cancel",
        f"/lectures/{lecture.id}/postpone",
        f"/lectures/{lecture.id}/start",
    ):
        assert client.get(path).status_code == 403
        assert client.post(path, data={**LECTURE, "confirm": "cancel", "reason": "x"}).status_code == 403
    for step in ("publish", "end", "reopen", "undo-start", "times"):
        assert client.get(f"/lectures/{lecture.id}/{step}").status_code == (403 if step == "times" else 405)
        assert client.post(f"/lectures/{lecture.id}/{step}").status_code == 403
    assert client.get("/series/secret/edit").status_code == 404
    assert client.get("/series/nothing/edit").status_code == 404
    assert client.get("/lectures/99999/edit").status_code == 404


def test_new_lecture_is_scheduled_or_kept_as_a_draft(app: APIFlask, staff: FlaskClient, series: Series) -> None:
    page = staff.get("/series/trade/lectures/new")
    assert page.status_code == 200
    assert 'name="materials-0-url"' in page.text
    assert 'name="materials-1-url"' not in page.text
    answer = staff.post("/series/trade/lectures/new", data={**LECTURE, "state": "scheduled"})
    assert answer.status_code == 302
    made = stored(app, int(answer.location.split("/")[2]))
    assert (made.state, made.starts_at) == (LectureState.SCHEDULED, datetime(2036, 12, 2, 6, 0, tzinfo=UTC))
    assert made.interpretation == ["fr", "ar"]
    assert made.materials == [{"title": "Slides", "url": "https://files.example/s.pdf"}]
    answer = staff.post("/series/trade/lectures/new", data={**LECTURE, "starts_at": "", "state": "draft"})
    assert stored(app, int(answer.location.split("/")[2])).state is LectureState.DRAFT


@each_row(
    "changes, wrong",
    [
        ({"title": "", "starts_at": ""}, {"title", "starts_at"}),
        ({"starts_at": "tomorrow"}, {"starts_at"}),
        ({"starts_at": ""}, {"starts_at"}),
        ({"starts_at": "2027-03-28T02:30", "time_zone": "Europe/Berlin"}, {"starts_at"}),
        ({"time_zone": "Mars"}, {"time_zone"}),
        ({"duration_minutes": "long"}, {"duration_minutes"}),
        ({"duration_minutes": "0"}, {"duration_minutes"}),
        ({"instructors": "who@example.org"}, {"instructor_name"}),
        ({"join_url": "javascript:alert(1)"}, {"join_url"}),
        ({"recording_url": "nowhere"}, {"recording_url"}),
        ({"materials-1-url": "nowhere"}, {"materials-1-url"}),
        ({"materials-1-title": ""}, {"materials-1-title"}),
        ({"materials-0-title": "First", "materials-1-url": ""}, {"materials-0-url", "materials-1-url"}),
    ],
)
def test_new_lecture_keeps_what_was_typed_and_names_the_field(
    staff: FlaskClient, series: Series, changes: dict[str, str], wrong: set[str]
) -> None:
    answer = staff.post("/series/trade/lectures/new", data={**LECTURE, **changes, "abstract": "Kept abstract"})
    assert (answer.status_code, errors_at(answer)) == (422, wrong)
    assert "Kept abstract" in answer.text
    for name in wrong:
        assert f'href="#{name}"' in answer.text
    for name, value in changes.items():
        if value and name != "time_zone":
            assert value in answer.text


def test_a_language_that_is_none_is_refused_at_the_choice_of_languages(staff: FlaskClient, series: Series) -> None:
    answer = staff.post("/series/trade/lectures/new", data={**LECTURE, "interpretation": ["fr", "zz"]})
    assert answer.status_code == 422
    assert "“zz” is not a known language." in answer.text
    assert 'aria-describedby="interpretation-e"' in answer.text
    assert re.search(r'<input checked[^>]*value="fr"', answer.text)


def test_an_instructor_is_found_by_name(app: APIFlask, staff: FlaskClient, make: Make, series: Series) -> None:
    make.person("Omar Haddad", "omar@example.org", roles=["instructor"])
    make.person("Tariq", "tariq@example.org")
    page = staff.get("/series/trade/lectures/new").text
    assert '<option value="Omar Haddad">' in page
    assert "Tariq" not in page
    sent = LECTURE | {"instructor_name": "omar  haddad"}
    key = int(staff.post("/series/trade/lectures/new", data=sent).location.split("/")[2])
    assert [one.full_name for one in stored(app, key).instructors] == ["Ines", "Omar Haddad"]
    make.person("Omar Haddad", "other@example.org", roles=["instructor"])
    for name, reason in (("Omar Haddad", "Several instructors"), ("Tariq", "No instructor")):
        answer = staff.post("/series/trade/lectures/new", data=LECTURE | {"title": "Next", "instructor_name": name})
        assert (answer.status_code, errors_at(answer)) == (422, {"instructor_name"})
        assert reason in answer.text


NEW = "/series/trade/lectures/new"


def listed(answer: TestResponse) -> list[str]:
    """The addresses on the list of instructors."""
    assert answer.status_code == 200
    assert 'id="people"' in answer.text
    return re.findall(r'<input type="hidden" name="instructors" value="([^"]+)">', answer.text)


def test_instructors_are_added_and_removed_without_saving(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series
) -> None:
    make.person("Omar Haddad", "omar@example.org", roles=["instructor"])
    make.person("Tariq", "tariq@example.org")
    sent: dict[str, Any] = LECTURE | {"instructors": ["", "ines@example.org"]}
    both = ["ines@example.org", "omar@example.org"]
    for step in ("add", "enter"):
        for typed in ("omar haddad", "OMAR@example.org"):
            answer = staff.post(NEW, data=sent | {"instructor_name": typed, "step": step})
            assert [each.casefold() for each in listed(answer)] == both
            assert "<bdi>Omar Haddad</bdi>" in answer.text
            assert re.search(r'<input [^>]*id="instructor_name"[^>]*value=""', answer.text)
    for typed, reason in (("tariq@example.org", "does not belong to an instructor"), ("Tariq", "No instructor")):
        answer = staff.post(NEW, data=sent | {"instructor_name": typed, "step": "add"})
        assert (listed(answer), errors_at(answer)) == (["ines@example.org"], {"instructor_name"})
        assert reason in answer.text
    assert listed(staff.post(NEW, data=sent | {"instructors": both, "remove": "ines@example.org"})) == both[1:]
    assert listed(staff.post(NEW, data=sent | {"remove": "ines@example.org"})) == []
    with app.app_context():
        assert db.session.query(Lecture).count() == 0
    key = int(staff.post(NEW, data=sent | {"step": "enter"}).location.split("/")[2])
    edit = f"/lectures/{key}/edit"
    assert listed(staff.post(edit, data=sent | {"remove": "ines@example.org"})) == []
    assert [one.full_name for one in stored(app, key).instructors] == ["Ines"]
    assert staff.post(edit, data=sent | {"instructors": ""}).status_code == 302
    assert stored(app, key).instructors == []


def test_instructors_of_a_series_are_changed_without_saving(staff: FlaskClient, make: Make, series: Series) -> None:
    make.person("Omar Haddad", "omar@example.org", roles=["instructor"])
    sent = SERIES | {"instructors": "ines@example.org"}
    for path in ("/series/new", "/series/trade/edit"):
        answer = staff.post(path, data=sent | {"instructor_name": "Omar Haddad", "step": "add"})
        assert listed(answer) == ["ines@example.org", "omar@example.org"]
        assert listed(staff.post(path, data=sent | {"remove": "ines@example.org"})) == []
        answer = staff.post(path, data=sent | {"instructor_name": "Nobody", "step": "save"})
        assert (answer.status_code, errors_at(answer)) == (422, {"instructor_name"})


def test_two_instructors_of_the_same_name_are_told_apart_by_address(
    staff: FlaskClient, make: Make, series: Series
) -> None:
    make.person("Ines", "other@example.org", roles=["instructor"])
    page = staff.post(NEW, data=LECTURE | {"instructors": ["ines@example.org", "other@example.org"], "step": "hours"})
    assert re.findall(r"<li><bdi>([^<]*)</bdi><input", page.text) == ["ines@example.org", "other@example.org"]


def test_another_link_is_asked_for_by_a_press_and_nothing_is_saved(
    app: APIFlask, staff: FlaskClient, series: Series
) -> None:
    page = staff.post(NEW, data=LECTURE | {"step": "link"})
    assert re.findall(r'name="materials-(\d)-url"[^>]*value="([^"]*)"', page.text) == [
        ("0", ""),
        ("1", "https://files.example/s.pdf"),
        ("2", ""),
    ]
    assert re.search(r'<details class="more" id="links" open>', page.text)
    with app.app_context():
        assert db.session.query(Lecture).count() == 0


def test_new_lecture_clash_stands_at_the_time(staff: FlaskClient, series: Series) -> None:
    staff.post("/series/trade/lectures/new", data=LECTURE)
    answer = staff.post("/series/trade/lectures/new", data={**LECTURE, "title": "Other"})
    assert (answer.status_code, errors_at(answer)) == (409, {"starts_at"})
    assert "Ines gives “Opening” at that time" in answer.text


def test_edit_lecture(app: APIFlask, staff: FlaskClient, lecture: Lecture) -> None:
    path = f"/lectures/{lecture.id}/edit"
    page = staff.get(path)
    assert page.status_code == 200
    assert lecture.local_start is not None
    assert f'value="{lecture.local_start:%Y-%m-%dT%H:%M}"' in page.text
    assert len(re.findall(r'id="csrf_token"', page.text)) <= 1
    ids = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    assert staff.post(path, data={**LECTURE, "title": "New"}).status_code == 302
    assert stored(app, lecture.id).title == "New"
    answer = staff.post(path, data={**LECTURE, "title": "Never", "duration_minutes": ""})
    assert (answer.status_code, errors_at(answer)) == (422, {"duration_minutes"})
    assert 'value="Never"' in answer.text


def step(client: FlaskClient, lecture: Lecture, name: str, **data: Any) -> TestResponse:
    return client.post(f"/lectures/{lecture.id}/{name}", data=data)


def test_steps_from_draft_to_held_and_back(app: APIFlask, staff: FlaskClient, make: Make, series: Series) -> None:
    soon = (clock.now() + timedelta(minutes=50)).replace(tzinfo=None)
    lecture = make.lecture(series, state="draft", local_start=soon, time_zone="UTC")
    for name, state in (
        ("publish", LectureState.SCHEDULED),
        ("start", LectureState.LIVE),
        ("undo-start", LectureState.SCHEDULED),
        ("start", LectureState.LIVE),
        ("end", LectureState.HELD),
        ("undo-start", LectureState.SCHEDULED),
        ("start", LectureState.LIVE),
        ("end", LectureState.HELD),
        ("reopen", LectureState.LIVE),
    ):
        assert f'action="/lectures/{lecture.id}/{name}"' in staff.get(f"/lectures/{lecture.id}/edit").text
        answer = step(staff, lecture, name, next="/teach")
        assert (answer.status_code, answer.location) == (302, "/teach")
        assert stored(app, lecture.id).state is state
    again = step(staff, lecture, "start")
    assert again.status_code == 409
    assert "This lecture is live." in again.text
    outside = step(staff, lecture, "end", next="//evil.example")
    assert outside.location == f"/lectures/{lecture.id}/edit"
    for name in ("publish", "reopen", "undo-start"):
        other = make.lecture(series)
        assert step(staff, other, name).status_code == 409


def test_an_early_start_is_confirmed_on_a_page_that_names_both_times(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series
) -> None:
    lecture = make.lecture(series, local_start=datetime(2036, 1, 12, 9), time_zone="UTC")

    def times(page: TestResponse) -> list[str]:
        return re.findall(r'data-testid="(?:planned|entered)">([^<]+)<', page.text)

    before = clock.now()
    question = step(staff, lecture, "start", next="/teach")
    assert question.status_code == 200
    planned, entered = times(question)
    assert planned == "12 January 2036, 17:00"
    assert entered in {moment(before, "Asia/Shanghai"), moment(clock.now(), "Asia/Shanghai")}
    assert 'name="next" value="/teach"' in question.text
    assert stored(app, lecture.id).state is LectureState.SCHEDULED
    assert times(staff.get(f"/lectures/{lecture.id}/start"))[0] == "12 January 2036, 17:00"
    question = step(staff, lecture, "start", at="2026-01-05T10:30")
    assert times(question) == ["12 January 2036, 17:00", "5 January 2026, 18:30"]
    assert 'name="at" value="2026-01-05T10:30"' in question.text
    assert stored(app, lecture.id).state is LectureState.SCHEDULED
    assert step(staff, lecture, "start", at="2035-01-05T10:30").status_code == 422
    started = step(staff, lecture, "start", confirm="start", next="/teach")
    assert (started.status_code, started.location) == (302, "/teach")
    live = stored(app, lecture.id)
    assert (live.state, live.starts_at) == (LectureState.LIVE, datetime(2036, 1, 12, 9, tzinfo=UTC))
    assert staff.get(f"/lectures/{lecture.id}/start").location == f"/lectures/{lecture.id}/edit"
    assert "12 January 2036, 17:00" in staff.get(f"/lectures/{lecture.id}").text


def test_a_lecture_of_the_past_is_entered_on_the_page(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series
) -> None:
    lecture = make.lecture(series, local_start=datetime(2021, 3, 4, 9), time_zone="Africa/Nairobi")
    wrong = step(staff, lecture, "start", at="2136-03-04T09:02")
    assert (wrong.status_code, errors_at(wrong)) == (422, {"at"})
    assert 'value="2136-03-04T09:02"' in wrong.text
    assert step(staff, lecture, "start", at="2021-03-04T09:02").status_code == 302
    assert step(staff, lecture, "end", at="2021-03-04T08:00").status_code == 422
    assert step(staff, lecture, "end", at="2021-03-04T10:30").status_code == 302
    held = stored(app, lecture.id)
    assert held.actual_start == datetime(2021, 3, 4, 6, 2, tzinfo=UTC)
    assert held.actual_end == datetime(2021, 3, 4, 7, 30, tzinfo=UTC)
    page = staff.get(f"/lectures/{lecture.id}/edit").text
    assert "/reopen" not in page
    assert f'href="/lectures/{lecture.id}/times"' in page


def test_postponing_on_the_page(app: APIFlask, staff: FlaskClient, lecture: Lecture) -> None:
    for starts_at, zone, wrong in (
        ("", "UTC", "starts_at"),
        ("2020-01-01T10:00", "UTC", "starts_at"),
        ("later", "UTC", "starts_at"),
        ("2037-03-29T02:30", "Europe/Berlin", "starts_at"),
        ("2037-03-29T02:30", "Berlin", "time_zone"),
    ):
        answer = step(staff, lecture, "postpone", starts_at=starts_at, time_zone=zone, date="given")
        assert (answer.status_code, errors_at(answer)) == (422, {wrong})
        assert f'value="{starts_at}"' in answer.text
    assert step(staff, lecture, "postpone", starts_at="2036-05-05T10:00", time_zone="Africa/Nairobi").status_code == 302
    assert stored(app, lecture.id).starts_at == datetime(2036, 5, 5, 7, 0, tzinfo=UTC)
    assert step(staff, lecture, "postpone", starts_at="", time_zone="UTC").status_code == 302
    assert stored(app, lecture.id).state is LectureState.POSTPONED
    page = staff.get(f"/lectures/{lecture.id}/edit").text
    assert "This lecture has no date yet." in page
    assert step(staff, lecture, "postpone", date="none").status_code == 409
    answer = step(staff, lecture, "postpone", starts_at="2036-06-05T10:00", time_zone="UTC")
    assert answer.status_code == 302
    assert stored(app, lecture.id).state is LectureState.SCHEDULED


def test_a_step_that_comes_too_late_says_why_on_the_lectures_page(
    app: APIFlask, staff: FlaskClient, lecture: Lecture, make: Make, series: Series
) -> None:
    def late(name: str, **data: Any) -> str:
        answer = step(staff, lecture, name, **data)
        assert answer.status_code == 409, name
        sentences = re.findall(r'<div class="note is-wrong"><p>(.+?)</p>', answer.text)
        assert "Edit lecture" in answer.text
        return " ".join(sentences)

    assert step(staff, lecture, "start", confirm="start").status_code == 302
    assert "live" in late("start")
    assert late("postpone", starts_at="2030-01-01T10:00", time_zone="UTC", date="given")
    assert step(staff, lecture, "end").status_code == 302
    assert late("end")
    assert late("start")
    other = make.lecture(series, "Other", local_start=datetime(2030, 1, 2, 10), time_zone="UTC")
    assert step(staff, other, "cancel", confirm="cancel", reason="Fire").status_code == 302
    lecture = other
    assert "cancelled" in late("cancel", confirm="cancel", reason="Fire")


def test_cancelling_asks_first_and_says_numbers(
    app: APIFlask, staff: FlaskClient, lecture: Lecture, series: Series, make: Make
) -> None:
    make.lecture(series)
    for _number in range(3):
        make.enrolment(series)
    page = staff.get(f"/lectures/{lecture.id}/cancel").text
    assert "We will e-mail your reason to 3 enrolled people" in page
    assert "1 lecture remains in the series" in page
    first = step(staff, lecture, "cancel", reason="Fire")
    assert first.status_code == 200
    assert "Fire" in first.text
    assert stored(app, lecture.id).state is LectureState.SCHEDULED
    without = step(staff, lecture, "cancel", confirm="cancel", reason=" ")
    assert (without.status_code, errors_at(without)) == (422, {"reason"})
    done = step(staff, lecture, "cancel", confirm="cancel", reason="Fire")
    assert done.status_code == 302
    assert stored(app, lecture.id).reason == "Fire"
    assert step(staff, lecture, "cancel", confirm="cancel", reason="Fire").status_code == 409
    assert "Fire" in staff.get(f"/lectures/{lecture.id}/edit").text
    assert staff.get(f"/lectures/{lecture.id}/cancel").status_code == 302


def test_what_is_live_stands_on_every_page(client: FlaskClient, make: Make, series: Series) -> None:
    began = clock.now() - timedelta(minutes=5)
    make.lecture(series, "On now", state="live", actual_start=began)
    make.lecture(make.series(visibility="draft"), "Rehearsal", state="live", actual_start=began)
    page = client.get("/series").text
    assert "On now" in page
    assert "Rehearsal" not in page


def test_texts_are_escaped(staff: FlaskClient, make: Make, ines: Person) -> None:
    nasty = "<script>alert(1)</script>"
    series = make.series("nasty", nasty, instructors=[ines], description=nasty)
    lecture = make.lecture(series, nasty, abstract=nasty, materials=[{"title": nasty, "url": "https://x.example"}])
    for path in ("/series", "/series/nasty/edit", f"/lectures/{lecture.id}/edit", f"/lectures/{lecture.id}/cancel"):
        assert nasty not in staff.get(path).text
