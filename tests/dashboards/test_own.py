"""/me, /teach, /country: what each says first, and to whom it says nothing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask

from lms.catalogue.models import LectureState, Series
from lms.core.base.roles import SYSTEM
from lms.dashboards.views.country import find_series_with_work
from lms.enrolment.actions.places import enrol, set_status
from lms.enrolment.models import CountryQuota, EnrolmentStatus
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.quota_files import QuotaRow, StagedQuotas
from lms.enrolment.quotas import set_quotas
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import NominationState
from lms.nominations.queries.of_country import CountrySeries
from lms.people.models import Person
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.dashboards.conftest import World
from tests.factories import Make
from tests.rows import each_row


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


class TestMe:
    def test_says_what_is_on_and_where_one_stands(self, world: World) -> None:
        page = flat(world.signed_in(world.trainee).get("/me").text)
        assert "<h1> Your lecture is live</h1>" in page or "<h1>Your lecture is live</h1>" in page
        assert f'href="/lectures/{world.live.id}/room"' in page  # type: ignore[union-attr]
        assert 'data-testid="own-cross-border" data-status="enrolled"' in page
        assert "<b>1 of the 3</b> lectures for your certificate." in page
        assert page.index('id="series"') < page.index('id="name"')  # the progress comes before what is asked
        assert "62 of 90 minutes, 2 rejoins: attended" in page
        assert f'data-testid="attendance-{world.held[1].id}" data-outcome="absent"' in page

    def test_begins_with_a_series(self, world: World) -> None:
        newcomer = world.make.person("Sutrisno", country="ID")
        page = flat(world.signed_in(newcomer).get("/me").text)
        assert "Start with a series" in page
        assert 'href="/series">Find a series</a>' in page
        assert page.count('<li class="lec"') == 2

    def test_says_the_place_in_the_line(self, world: World) -> None:
        for number in (1, 2):
            person = world.make.person(f"Waiting {number}")
            world.make.enrolment(
                world.series, person, status=EnrolmentStatus.WAITLISTED, at=world.at - timedelta(days=10 - number)
            )
        assert "You are number 2 on the waiting list." in world.signed_in(person).get("/me").text

    @each_row(
        "status, heading",
        [
            ("applied", "Your application is awaiting a decision"),
            ("waitlisted", "You are on the waiting list"),
            ("withdrawn", "Start with a series"),
        ],
    )
    def test_says_first_what_one_waits_for(self, world: World, status: str, heading: str) -> None:
        person = world.make.person()
        world.make.enrolment(world.series, person, status=status)
        page = world.signed_in(person).get("/me").text
        assert " ".join(page.split("<h1>")[1].split("</h1>")[0].split()) == heading

    def test_keeps_what_was_attended_after_withdrawing(self, world: World) -> None:
        client = world.signed_in(world.trainee)
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/series/cross-border").text)
        assert token is not None
        client.post("/series/cross-border/withdraw", data={"csrf_token": token[1], "confirm": "yes"})
        page = client.get("/me").text
        assert "You have withdrawn. Your attendance is kept." in page
        assert "62 of 90 minutes, 2 rejoins: attended" in page

    def test_is_for_who_is_signed_in(self, app: APIFlask) -> None:
        answer = app.test_client().get("/me")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in?next=/me")


class TestTeach:
    def test_says_what_is_live_and_what_was_held(self, world: World) -> None:
        page = flat(world.signed_in(world.instructor).get("/teach").text)
        assert "You are live" in page
        ending = page[: page.index(f'action="/lectures/{world.live.id}/end"')].rpartition("<details>")[2]  # type: ignore[union-attr]
        assert '<summary class="btn">End now</summary>' in ending
        assert re.search(r"<dt>People in the room</dt><dd>\d+</dd>.*<dt>Enrolled</dt><dd>\d+</dd>", ending)
        row = page[page.index(f'<tr data-testid="lecture-{world.held[0].id}">') :]
        roster = f'<a href="/lectures/{world.held[0].id}/roster">'
        assert f'data-label="Attended">{roster}1<' in row[: row.index("</tr>")]
        assert 'href="/series/cross-border/lectures/new"' in page

    def test_says_what_is_missing_for_the_next_one(self, world: World) -> None:
        lecturer = world.make.person("Abebe Tadesse", roles=["instructor"])
        series = world.make.series("origin", instructors=[lecturer])
        lecture = world.make.lecture(series, title="Rules of origin", instructors=[lecturer])
        page = flat(world.signed_in(lecturer).get("/teach").text)
        assert "Your next lecture is <time" in page
        assert f'data-testid="next-{lecture.id}"' in page
        assert 'Meeting link: <span class="quiet">none' in page
        assert f'action="/lectures/{lecture.id}/start"' in page

    def test_says_what_others_give_beside(self, world: World) -> None:
        colleague = world.make.person("Abebe Tadesse", roles=["instructor"])
        series = world.make.series("shared", instructors=[world.instructor, colleague])
        other = world.make.lecture(series, title="Another's", starts_at=world.at, instructors=[colleague], state="live",
                                   actual_start=world.at)  # fmt: skip
        own = world.make.lecture(series, title="Own", instructors=[world.instructor])
        page = flat(world.signed_in(colleague).get("/teach").text)
        assert "You are live" in page
        world.make.lecture(series, title="Later", starts_at=world.at + timedelta(hours=5), instructors=[colleague])
        world.make.sign_in(client := world.make.app.test_client(), world.instructor)
        page = flat(client.get("/teach").text)
        assert "Live in your series" in page
        assert f'data-testid="live-{other.id}"' not in page
        assert f'data-testid="lecture-{own.id}"' in page

    def test_keeps_in_sight_what_nobody_started_or_ended(self, world: World) -> None:
        world.make.lecture(
            world.series, title="Forgotten", starts_at=world.at - timedelta(hours=3), instructors=[world.instructor]
        )
        world.make.lecture(
            world.series,
            title="Endless",
            state=LectureState.LIVE,
            starts_at=world.at - timedelta(hours=5),
            actual_start=world.at - timedelta(hours=5),
        )
        page = world.signed_in(world.instructor).get("/teach").text
        assert page.count("It should be over") == 1
        assert "It was held: import attendance" in page

    def test_shows_an_administrator_everybodys(self, world: World) -> None:
        administrator = world.make.person(roles=["administrator"])
        page = world.signed_in(administrator).get("/teach").text
        assert "All lectures" in page
        assert "Getting paid" in page

    @each_row("roles", [[], [("focal_point", "KE")], ["reporter"]])
    def test_is_not_for_others(self, world: World, roles: list[str]) -> None:
        assert world.signed_in(world.make.person(roles=roles, password="x" * 12)).get("/teach").status_code == 403


class TestCountry:
    @pytest.fixture
    def focal_point(self, make: Make) -> object:
        return make.person("Peter Mutua", roles=[("focal_point", "KE")])

    def test_shows_the_own_people_only(self, world: World, focal_point: object) -> None:
        world.make.person("Nguyen Thi Chau", "chau@example.org", country="VN")
        page = flat(world.signed_in(focal_point).get("/country").text)  # type: ignore[arg-type]
        assert "<h1>Kenya</h1>" in page
        assert "achieng@example.org" in page
        assert "Nguyen" not in page
        assert 'data-testid="figure-participants" data-value="1"' in page
        assert 'href="/admin/reports/people?figure=participants&amp;country=KE"' in page
        assert 'href="/series/cross-border/enrolments"' in page

    def test_finds_and_pages(self, world: World, focal_point: object) -> None:
        for number in range(60):
            world.make.person(f"Zawadi {number:02}")
        client = world.signed_in(focal_point)  # type: ignore[arg-type]
        first = client.get("/country").text
        assert first.count('data-testid="person"') == 10
        following = re.search(r'rel="next" href="([^"]+)"', first)
        assert following is not None
        second = client.get(following[1].replace("&amp;", "&")).text
        assert second.count('data-testid="person"') == 10
        assert "Zawadi 15" in second
        assert "Zawadi 00" in first
        assert "Zawadi 00" not in second
        found = client.get("/country?q=achieng").text
        assert found.count('data-testid="person"') == 1
        assert "Nothing found" in client.get("/country?q=nobody").text

    def test_places_left_and_what_is_to_do_come_first(self, world: World, focal_point: Person) -> None:
        make, at = world.make, world.at
        series = make.series("leaders", admission="nomination", capacity=20)
        make.lecture(series, starts_at=at + timedelta(days=9))
        rows = [PersonRow(2 + one, f"n{one}@y.test", f"n{one}@y.test", f"Nominee {one}") for one in range(4)]
        with make.app.app_context():
            kenya = get_country("KE").id
            quota = QuotaRow(1, "KE", 3, at + timedelta(days=4))
            set_quotas("leaders", StagedQuotas([quota], total=1), by=SYSTEM, at=at)
            nominate(series.id, rows, country_id=kenya, by=make.actor(focal_point), at=at - timedelta(days=4))
        page = world.signed_in(focal_point).get("/country").text
        assert "0 of 3 places left" in page
        todo = page.partition('data-testid="todo"')[2].partition("</table>")[0]
        found = re.findall(r">(\d+) (drafts? to submit|people without an answer|person is falling)", todo)
        assert found == [("1", "draft to submit"), ("3", "people without an answer"), ("1", "person is falling")]
        assert "/country/nominations/remind?country=KE" in todo
        assert 'data-testid="open-leaders"' not in page, "who is nominated is not enrolled beside it"

    def test_says_who_took_places_without_a_nomination(self, world: World, focal_point: Person) -> None:
        make, at = world.make, world.at
        series = make.series("leaders", admission="application", capacity=20)
        make.lecture(series, starts_at=at + timedelta(days=9))
        row = PersonRow(2, "n@y.test", "n@y.test", "Nominee")
        applicants = [make.person(f"Applicant {number}", country="KE") for number in range(2)]
        with make.app.app_context():
            kenya = get_country("KE").id
            quota = QuotaRow(1, "KE", 3, at + timedelta(days=4))
            set_quotas("leaders", StagedQuotas([quota], total=1), by=SYSTEM, at=at)
            nominate(series.id, [row], country_id=kenya, by=make.actor(focal_point), at=at)
            for applicant in applicants:
                enrol(series.id, applicant.id, by=make.actor(applicant), at=at)
                enrolment = find_enrolment(series.id, applicant.id)
                assert enrolment is not None
                set_status(enrolment.public_id, EnrolmentStatus.ENROLLED, by=SYSTEM, at=at)
        client = world.signed_in(focal_point)
        page = flat(client.get("/country").text)
        assert "0 of 3 places left" in page
        assert "nominations stay drafts until one is free" in page
        places = page.partition('data-testid="places"')[2].partition("</table>")[0]
        assert "3 places for Kenya" in places
        lines = re.findall(r'<th scope="row">(?:<a [^>]+>)?([^<]+).*?<td class="n">(\d+)</td>', places)
        assert lines == [
            ("Applied themselves", "2"), ("Your nominations, invited, no answer yet", "1"), ("Left", "0"),
        ]  # fmt: skip
        link = re.search(r'<a href="([^"]+)">Applied themselves', places)
        assert link is not None
        people = client.get(link[1].replace("&amp;", "&")).text
        assert people.count('data-testid="enrolment"') == 2

    def test_the_series_with_drafts_and_places_comes_first(self, at: datetime) -> None:
        def row(drafts: int, left: int) -> CountrySeries:
            quota = CountryQuota(seats=5, used=5 - left, kept_until=at + timedelta(days=1))
            return CountrySeries(Series(), quota, {NominationState.DRAFTED: drafts}, {}, {}, at)

        without, full, with_work = row(0, 3), row(2, 0), row(2, 2)
        assert find_series_with_work([]) is None
        assert find_series_with_work([without, full]) is without
        assert find_series_with_work([without, full, with_work]) is with_work
        unlimited = CountrySeries(Series(), None, {NominationState.DRAFTED: 1}, {}, {}, at)
        assert find_series_with_work([without, full, unlimited]) is unlimited
        waiting = CountrySeries(Series(), None, {NominationState.INVITED: 1}, {}, {}, at)
        assert find_series_with_work([full, waiting]) is waiting

    def test_another_country_is_not_there(self, world: World, focal_point: object) -> None:
        assert world.signed_in(focal_point).get("/country?country=VN").status_code == 404  # type: ignore[arg-type]

    def test_series_of_other_countries_are_not_offered(self, world: World, focal_point: object) -> None:
        from lms.catalogue.models import SeriesCountry
        from lms.core.database.session import action, db
        from lms.people.queries.countries import country_by_code

        closed = world.make.series("for-viet-nam", title="For Viet Nam")
        world.make.lecture(closed)

        @action
        def limit() -> None:
            country = country_by_code("VN")
            assert country is not None
            db.session.add(SeriesCountry(series_id=closed.id, country_id=country.id))

        with world.make.app.app_context():
            limit()
        assert "For Viet Nam" not in world.signed_in(focal_point).get("/country").text  # type: ignore[arg-type]

    def test_is_for_focal_points(self, world: World) -> None:
        assert world.signed_in(world.make.person(roles=["administrator"])).get("/country").status_code == 403
