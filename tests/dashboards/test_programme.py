"""Home, a series, a lecture: what each says to whom."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from apiflask import APIFlask

from tests.dashboards.conftest import World


def test_home_says_what_is_on_and_what_is_next(world: World) -> None:
    page = world.make.app.test_client().get("/").text
    assert "<strong>Live now:</strong> <bdi>Getting paid</bdi>" in page
    for name in ("sessions", "participants", "countries", "partner_countries"):
        assert f'data-testid="figure-{name}"' in page
    assert page.count('<li class="lec"') == 2
    assert '<a href="/series/cross-border"><bdi>Cross-border trade for small exporters</bdi></a>' in page


def test_the_bar_of_live_lectures_stands_on_every_page_but_the_lectures_own(world: World) -> None:
    client = world.make.app.test_client()
    (live,) = re.findall(r'class="go" href="(/lectures/\d+)"', client.get("/").text)
    assert 'class="nowbar"' in client.get("/series").text
    assert 'class="nowbar"' not in client.get(live).text


def test_the_bar_of_live_lectures_stays_closed_until_another_lecture_is_live(world: World) -> None:
    client = world.make.app.test_client()
    page = client.get("/series").text
    (live,) = re.findall(r'name="lectures" value="(\d+)"', page)
    answer = client.post("/live-bar/close", data={"lectures": live, "next": "/series"})
    assert (answer.status_code, answer.location) == (302, "/series")
    for path in ("/series", "/"):
        assert 'class="nowbar"' not in client.get(path).text
    assert 'class="nowbar"' in world.make.app.test_client().get("/series").text, "of one browser only"
    world.make.lecture(
        world.make.series(), "Rules of origin", state="live", actual_start=datetime(2026, 11, 25, tzinfo=UTC)
    )
    page = client.get("/series").text
    assert "<bdi>Rules of origin</bdi>" in page
    assert re.findall(r'name="lectures" value="([\d.]+)"', page) != [live]
    for wrong in ("", "x", "-1", "９", "1" * 13):
        assert client.post("/live-bar/close", data={"lectures": wrong}).status_code in (302, 422)
    assert world.make.app.test_client().post("/live-bar/close", data={"lectures": "x"}).status_code == 422


def test_home_shows_nothing_personal(world: World) -> None:
    page = world.make.app.test_client().get("/").text
    assert "Achieng" not in page
    assert "example.org" not in page.replace("lectures@ministry.example", "")


def test_home_of_an_empty_house_has_a_next_step(app: APIFlask) -> None:
    answer = app.test_client().get("/")
    assert answer.status_code == 200
    assert "No lectures are scheduled at the moment" in answer.text
    assert 'data-testid="figure-sessions" data-value="0"' in re.sub(r"\s+", " ", answer.text)


class TestSeries:
    def test_route_of_somebody_enrolled(self, world: World) -> None:
        page = world.signed_in(world.trainee).get("/series/cross-border").text
        states = re.findall(r'<li class="stop is-(\w+)"', page)
        assert states == ["done", "missed", "now", "next", "later"]
        assert "Attended, 62 of 90 min" in page
        assert f'href="/lectures/{world.live.id}/room"' in page  # type: ignore[union-attr]
        assert "1 of 3 for your certificate" in page
        # also on a phone
        assert (
            page.index('data-testid="first"') < page.index("1 of 3 for your certificate") < page.index('class="route"')
        )
        assert "3 lectures remain, and you need 2 more." in page

    def test_route_of_a_stranger_says_held(self, world: World) -> None:
        page = world.make.app.test_client().get("/series/cross-border").text
        assert re.findall(r'<li class="stop is-(\w+)"', page) == ["done", "done", "now", "next", "later"]
        assert "ttended" not in page[page.index('class="route"') : page.index("</ol>", page.index('class="route"'))]
        assert "for your certificate" not in page
        assert "/room" not in page

    def test_a_newcomer_reads_whether_the_certificate_can_still_be_earned(self, world: World) -> None:
        page = world.make.app.test_client().get("/series/cross-border").text
        assert "3 lectures remain, and the certificate needs 3." in page
        assert page.index('data-testid="earnable"') < page.index('data-testid="place"')
        assert "earn-instead" not in page

    def test_who_comes_too_late_reads_which_next_series_can(self, world: World) -> None:
        for number in range(2):
            world.hold(10 + number, f"Also held {number}")
        starts = world.at + timedelta(days=3)
        policy = {"certificate": "participation"}

        def offer(title: str, days: int, **columns: Any) -> None:
            series = world.make.series(title=title, **{"policy": policy} | columns)
            world.make.lecture(series, starts_at=starts + timedelta(days=days))

        offer("Open to all", 3, language="en")
        offer("Later", 4, language="en")
        offer("In French", 0, language="fr")
        offer("Nothing to earn", 1, language="en", policy={})
        offer("All places taken", 1, language="en", capacity=0)
        offer("By nomination", 1, language="en", admission="nomination")
        for client in (world.make.app.test_client(), world.signed_in(world.make.person())):
            page = client.get("/series/cross-border").text
            assert "You can no longer earn this certificate: 5 lectures are needed and only 3 remain." in page
            found = re.search(r'data-testid="earn-instead">(.*?)</p>', page)
            assert found is not None
            assert "<bdi>Open to all</bdi>" in found[1]
        enrolled = world.signed_in(world.trainee).get("/series/cross-border").text
        assert "5 lectures are needed, you have attended 1 and only 3 remain." in enrolled
        assert "<bdi>Open to all</bdi>" in enrolled

    def test_a_stranger_reads_first_how_to_come_in_and_the_enrolled_where_they_stand(self, world: World) -> None:
        stranger = world.make.app.test_client().get("/series/cross-border").text
        assert stranger.index('id="place"') < stranger.index('<ol class="route"')
        enrolled = world.signed_in(world.trainee).get("/series/cross-border").text
        assert enrolled.index('<ol class="route"') < enrolled.index('id="place"')

    def test_each_lecture_can_be_found_by_scripts(self, world: World) -> None:
        page = world.make.app.test_client().get("/series/cross-border").text
        assert f'data-testid="lecture-{world.held[0].id}"' in page

    def test_description_is_safe(self, world: World) -> None:
        page = world.make.app.test_client().get("/series/cross-border").text
        assert "From the first parcel to a steady trade." in page
        assert "<em>gain</em>" in page
        assert "<h3>Why</h3>" in page
        assert "<script>alert" not in page

    def test_staff_find_their_links(self, world: World) -> None:
        page = world.signed_in(world.instructor).get("/series/cross-border").text
        for address in ("edit", "lectures/new", "enrolments", "certificates"):
            assert f'href="/series/cross-border/{address}"' in page

    def test_a_draft_is_not_there_for_others(self, world: World) -> None:
        world.make.series("hidden", visibility="draft", instructors=[world.instructor])
        assert world.make.app.test_client().get("/series/hidden").status_code == 404
        assert world.signed_in(world.trainee).get("/series/hidden").status_code == 404
        assert world.signed_in(world.instructor).get("/series/hidden").status_code == 200


class TestLecture:
    def test_both_times_and_the_countdown(self, world: World) -> None:
        client = world.signed_in(world.trainee)
        page = re.sub(r"\s+", " ", client.get(f"/lectures/{world.coming[0].id}").text)
        assert "Wednesday 2 December 2026, <time" in page
        assert ">04:00–05:30</time>" in page
        assert "Nairobi, your time" in page
        assert ">09:00–10:30</time>" in page
        assert "Beijing, the organiser’s time" in page
        assert "Wednesday 2 December 2026, 04:00 in your time: at night" in page

    def test_address_of_the_meeting_is_not_shown(self, world: World) -> None:
        assert world.live is not None
        for client in (world.make.app.test_client(), world.signed_in(world.trainee)):
            assert "meet.example.org" not in client.get(f"/lectures/{world.live.id}").text

    def test_own_attendance_is_explained(self, world: World) -> None:
        page = world.signed_in(world.trainee).get(f"/lectures/{world.held[0].id}").text
        assert 'data-testid="own-attendance" data-outcome="attended"' in page
        assert "62 of 90 minutes, 2 rejoins: attended" in page
        stranger = world.make.app.test_client().get(f"/lectures/{world.held[0].id}").text
        assert "62 of 90" not in stranger

    def test_structured_data_cannot_leave_its_element(self, world: World) -> None:
        lecture = world.make.lecture(world.series, title="</script><script>alert(1)</script>")
        answer = world.make.app.test_client().get(f"/lectures/{lecture.id}")
        found = re.search(r'<script type="application/ld\+json">(.*?)</script>', answer.text, re.DOTALL)
        assert found is not None
        assert "<" not in found[1]
        event = json.loads(found[1])
        assert event["@type"] == "EducationEvent"
        assert event["name"] == "</script><script>alert(1)</script>"
        assert event["startDate"] == "2026-12-02T06:00:00Z"
        assert event["eventStatus"] == "https://schema.org/EventScheduled"
        assert "alert(1)</script>" not in answer.text.replace(found[0], "")

    def test_staff_act_on_it(self, world: World) -> None:
        client = world.signed_in(world.instructor)
        page = client.get(f"/lectures/{world.coming[0].id}").text
        assert f'action="/lectures/{world.coming[0].id}/start"' in page
        assert f'href="/lectures/{world.coming[0].id}/postpone?next=/lectures/{world.coming[0].id}"' in page
        assert f'href="/lectures/{world.coming[0].id}/cancel"' in page
        assert world.live is not None
        assert f'action="/lectures/{world.live.id}/end"' in client.get(f"/lectures/{world.live.id}").text
        held = client.get(f"/lectures/{world.held[0].id}").text
        assert f'action="/lectures/{world.held[0].id}/reopen"' in held
        assert f'href="/lectures/{world.held[0].id}/roster"' in held

    def test_others_do_not(self, world: World) -> None:
        page = world.signed_in(world.trainee).get(f"/lectures/{world.coming[0].id}").text
        assert f'action="/lectures/{world.coming[0].id}' not in page
        assert "/roster" not in page

    def test_unknown_is_not_there(self, world: World) -> None:
        assert world.make.app.test_client().get("/lectures/99999").status_code == 404


def test_live_bar_survives_a_missing_database(app: APIFlask, monkeypatch: object) -> None:
    from sqlalchemy.exc import OperationalError

    from lms.dashboards.views import blueprint

    def away(**_asked: object) -> None:
        raise OperationalError("select", {}, Exception("away"))

    monkeypatch.setattr(blueprint, "list_live_in_public", away)  # type: ignore[attr-defined]
    assert app.test_client().get("/help").status_code == 200
