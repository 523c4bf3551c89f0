"""No page asks the database more because there is more, and none asks much more than it did."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lms.catalogue.models import LectureState
from lms.core.base.roles import SYSTEM
from lms.nominations.actions.nominating import nominate
from lms.people.models import Person
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from lms.reports.actions.public import refresh_public_figures
from tests.dashboards.conftest import World
from tests.queries import CountQueries


def grow(world: World) -> None:
    """Ten more series with the same people, three lectures in each, and ten more lectures in the first series.

    Twenty more people in it, from five countries, who came to the first lecture.
    """
    for number in range(4):
        held = world.hold(40 + number, f"Earlier {number}")
        world.be_there(held, world.trainee, (0, 70))
    for number in range(6):
        world.make.lecture(
            world.series, starts_at=world.at + timedelta(days=30 + number), instructors=[world.instructor]
        )
    for number, code in enumerate(("KE", "GH", "PE", "EG", "FR") * 4):
        person = world.make.person(f"Achieng Guest {number}", country=code)
        world.make.enrolment(world.series, person, at=world.at - timedelta(days=60))
        world.be_there(world.held[0], person, (0, 90))
    with world.make.app.app_context():
        for code in ("KE", "GH", "PE"):
            rows = [PersonRow(n, f"{code}{n}@x.example", f"{code.lower()}{n}@x.example", f"N {n}") for n in range(9)]
            nominate(world.series.id, rows, country_id=get_country(code).id, by=SYSTEM, at=world.at)
    for number in range(10):
        series = world.make.series(
            instructors=[world.instructor], policy={"certificate": "participation"}, admission="nomination"
        )
        world.make.enrolment(series, world.trainee, at=world.at - timedelta(days=90))
        world.make.enrolment(series, world.make.person())
        began = world.at - timedelta(days=50, hours=number * 3)
        held = world.make.lecture(
            series,
            starts_at=began,
            actual_start=began,
            actual_end=began + timedelta(minutes=90),
            policy_id=world.policy_of(series),
            state=LectureState.HELD,
            instructors=[world.instructor],
            at=began - timedelta(days=1),
        )
        world.be_there(held, world.trainee, (0, 80))
        for days in (20, 21):
            starts = world.at + timedelta(days=days, hours=number * 3)
            world.make.lecture(series, starts_at=starts, instructors=[world.instructor])
        nominees = [PersonRow(2, f"n{one}@y.test", f"n{one}@y.test", f"Nominee {one}") for one in range(3)]
        with world.make.app.app_context():
            nominate(series.id, nominees, country_id=get_country("KE").id, by=SYSTEM, at=world.at)


PAGES = {
    ("/", None): 9,
    ("/api/v1/docs/series", None): 3,
    ("/series", None): 6,
    ("/calendar", None): 2,
    ("/calendar", "trainee"): 4,
    ("/calendar?view=week&whose=mine", "instructor"): 4,
    ("/unmatched", "instructor"): 3,
    ("/admin/mail", "administrator"): 9,
    ("/admin/mail/addresses", "administrator"): 4,
    ("/admin/series", "administrator"): 4,  # certificates are counted once until something changes
    ("/series/cross-border/schedule", "instructor"): 11,
    ("/series/cross-border/hours?starts_at=2027-01-08T14:00", "instructor"): 10,  # people by one grouped question
    ("/series/cross-border/lectures/new", "instructor"): 20,
    ("/lectures/{coming}/postpone", "instructor"): 11,
    ("/series/cross-border/copy", "instructor"): 20,  # speakers, files, checks and questions are counted
    ("/series/cross-border/move", "instructor"): 14,
    ("/lectures/{held}", None): 7,
    ("/lectures/{held}", "trainee"): 15,  # one whether the certificate asks for checks
    ("/search?q=achieng", None): 5,
    ("/search?q=achieng", "focal_point"): 13,
    ("/search?q=achieng", "administrator"): 16,
    ("/impact", None): 7,
    ("/definitions", None): 1,
    ("/sign-in", None): 1,
    ("/api/v1/totals", None): 2,
    ("/api/v1/series", None): 4,
    ("/api/v1/lectures/{held}", None): 2,
    ("/series/cross-border", None): 13,
    ("/series/cross-border", "trainee"): 25,  # whether the live lecture can still be attended, checks, questions
    ("/me", "trainee"): 27,  # as above; one for what the organiser asks
    ("/account/notifications", "trainee"): 7,
    ("/teach?show=past", "instructor"): 11,  # attendances by one question; who is in the room, before it is ended
    ("/country", "focal_point"): 29,  # of all series: nominations, quotas and who is falling behind
    ("/country/behind", "focal_point"): 14,
    ("/country/nominations", "focal_point"): 8,
    ("/lectures/{live}/groups", "focal_point"): 9,
    ("/admin", "administrator"): 41,
    ("/admin/countries", "administrator"): 5,
    ("/admin/countries/KE", "administrator"): 11,
    ("/admin/countries/KE/merge?other=UG", "administrator"): 76,
    ("/admin/nominations", "administrator"): 11,
    ("/admin/people", "administrator"): 14,
    ("/admin/reports/opened/attendances?sort=person", "administrator"): 16,
    ("/admin/reports/opened/sessions", "administrator"): 13,
    ("/admin/reports/opened/certificates", "administrator"): 14,
    ("/admin/people/{person}", "administrator"): 44,
    ("/series/cross-border/enrolments", "instructor"): 19,
    ("/series/cross-border/enrolments", "focal_point"): 18,  # of their country only: counted by a question
    ("/series/cross-border/messages", "instructor"): 6,
    ("/series/cross-border/messages/new", "instructor"): 36,
    ("/series/cross-border/seats", "administrator"): 10,
    ("/series/cross-border/quotas", "administrator"): 7,
    ("/series/cross-border/certificates", "administrator"): 18,  # two about the design, whose words decide on titles
    ("/lectures/{held}/roster", "instructor"): 20,
    ("/lectures/{live}/roster", "instructor"): 18,
    ("/lectures/{held}/room", "trainee"): 21,  # captions, slides, five of the discussion, one of checks to pass
    ("/lectures/{live}/room", "trainee"): 16,
}
"""About how often each page asks the database, by its address and who asks."""
ROOM = 1.2
"""A page may ask a fifth more: that is a feature more, and not a question for each row."""
WITHOUT_ROWS = {("/country/nominations", "focal_point")}
"""Lists that have no rows before the world grows, and then no filters."""


@pytest.mark.long
def test_pages_ask_as_often_for_much_as_for_little(
    world: World, count_queries: CountQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.attendance.queries.viewers.VIEWERS_STAND", 0)  # who is in the room is counted each time
    people: dict[str, Person] = {
        "trainee": world.trainee,
        "instructor": world.instructor,
        "focal_point": world.make.person("Peter Mutua", roles=[("focal_point", "KE")]),
        "administrator": world.make.person("Zhou Anran", roles=["administrator"]),
    }
    with world.make.app.app_context():
        refresh_public_figures(by=SYSTEM, at=world.at)
    assert world.live is not None
    ids = {"held": world.held[0].id, "live": world.live.id, "coming": world.coming[0].id}
    clients = {None: world.make.app.test_client()} | {who: world.signed_in(person) for who, person in people.items()}

    def count() -> dict[tuple[str, str | None], int]:
        found = {}
        for path, who in PAGES:
            address = path.format(**ids, person=world.trainee.public_id)
            answer = clients[who].get(address)  # what is new is read once, and then remembered
            assert answer.status_code == 200, address
            world.forget_pages()
            with count_queries() as asked:
                clients[who].get(address)
            found[path, who] = len(asked)
        return found

    little = count()
    grow(world)
    much = count()
    assert {page: (number, much[page]) for page, number in little.items() if page not in WITHOUT_ROWS} == {
        page: (number, number) for page, number in much.items() if page not in WITHOUT_ROWS
    }
    assert {page: number for page, number in much.items() if number > ROOM * PAGES[page]} == {}


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/lectures/{held}/attendance", 14),
        ("/api/v1/lectures/{live}/attendance", 13),
        ("/api/v1/series/cross-border/enrolments", 8),
    ],
)
def test_lists_of_the_api_ask_as_often_for_much_as_for_little(
    world: World, count_queries: CountQueries, path: str, expected: int
) -> None:
    assert world.live is not None
    path = path.format(held=world.held[0].id, live=world.live.id, person=world.trainee.public_id)
    client, headers = world.make.app.test_client(), world.make.headers(world.instructor)
    first = client.get(path, headers=headers)
    assert first.status_code == 200
    with count_queries() as little:
        client.get(path, headers=headers)
    grow(world)
    assert len(client.get(path, headers=headers).json["items"]) > len(first.json["items"])
    with count_queries() as much:
        client.get(path, headers=headers)
    assert len(little) == len(much) <= ROOM * expected


def test_a_join_and_a_correction_ask_as_often_for_much_as_for_little(world: World, count_queries: CountQueries) -> None:
    client, make = world.make.app.test_client(), world.make
    assert world.live is not None
    joining = make.headers(world.trainee)
    correcting = make.headers(world.instructor)
    join = f"/api/v1/lectures/{world.live.id}/join"
    correction = f"/api/v1/lectures/{world.held[0].id}/attendance/{world.trainee.public_id}"

    def asked(reason: str) -> tuple[int, int]:
        with count_queries() as joined:
            assert client.post(join, headers=joining, json={}).status_code == 200
        with count_queries() as corrected:
            sent = {"outcome": "excused", "reason": reason}
            assert client.patch(correction, headers=correcting, json=sent).status_code == 200
        return len(joined), len(corrected)

    asked("first")  # whatever is read once a process
    little = asked("second")
    grow(world)
    joined, corrected = asked("third")
    assert little == (joined, corrected)
    assert (joined <= ROOM * 4, corrected <= ROOM * 34) == (True, True)


@pytest.mark.databases(differs=True)
def test_every_desk_stands_on_both_databases(world: World) -> None:
    grow(world)
    focal_point = world.make.person("Peter Mutua", roles=[("focal_point", "KE")])
    administrator = world.make.person("Zhou Anran", roles=["administrator"])
    world.make.enrolment(world.series, status="applied")
    world.make.enrolment(world.series, focal_point, status="waitlisted")
    for who, paths in (
        (None, ["/", "/series/cross-border", f"/lectures/{world.held[0].id}"]),
        (world.trainee, ["/me", "/series/cross-border", f"/lectures/{world.held[0].id}"]),
        (world.instructor, ["/teach", "/series/cross-border"]),
        (focal_point, ["/me", "/country", "/country?q=achieng"]),
        (administrator, ["/admin", "/teach"]),
    ):
        client = world.signed_in(who) if who is not None else world.make.app.test_client()
        assert [(path, client.get(path).status_code) for path in paths] == [(path, 200) for path in paths]
