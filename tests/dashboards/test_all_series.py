"""The administrators' list of series, and what the navigation of staff says."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from lms.attendance.models.evidence import Presence, Source, UnmatchedAttendee
from lms.catalogue.models import Lecture, LectureState
from lms.core.database.session import action, db
from lms.core.time import clock
from tests.dashboards.conftest import World
from tests.languages import offering


@pytest.fixture
def administrator(world: World) -> FlaskClient:
    return world.signed_in(world.make.person("Zhou Anran", roles=["administrator"]))


def shown(text: str) -> list[str]:
    """The series of the list, in its order."""
    return re.findall(r'<tr data-testid="series-([^"]+)"', text)


def figures(text: str) -> dict[str, int]:
    return {name: int(n) for name, n in re.findall(r'data-testid="figure-(\w+)" data-value="(\d+)"', text)}


@pytest.fixture
def programme(world: World) -> World:
    """The world's running series; one to come, one over, one without lectures, one draft."""
    coming = world.make.series("coming", "Coming")
    world.make.lecture(coming, starts_at=world.at + timedelta(days=3))
    over = world.make.series("over", "Over", taken=7)
    began = world.at - timedelta(days=90)
    world.make.lecture(over, starts_at=began, actual_start=began, actual_end=began + timedelta(minutes=60),
                       state=LectureState.HELD, policy_id=world.policy_of(over))  # fmt: skip
    world.make.series("empty", "Empty")
    world.make.series("secret", "Secret", visibility="draft", instructors=[world.instructor])
    return world


def test_series_are_filtered_by_what_they_do_and_drafts_are_apart(programme: World, administrator: FlaskClient) -> None:
    page = administrator.get("/admin/series").text
    assert figures(page) == {"all": 4, "open": 1, "running": 1, "finished": 1, "issue": 0, "drafts": 1}
    assert shown(page) == ["cross-border", "coming", "empty", "over"]
    assert 'data-testid="draft-secret"' in page
    assert re.search(r"2 of 5", page)
    assert shown(administrator.get("/admin/series?state=finished").text) == ["over"]
    assert shown(administrator.get("/admin/series?sort=-enrolled").text)[0] == "over"
    assert shown(administrator.get("/admin/series?sort=title").text) == ["coming", "cross-border", "empty", "over"]
    assert shown(administrator.get("/admin/series?q=cross").text) == ["cross-border"]
    page = administrator.get("/admin/series?state=nonsense&sort=nothing&page=99&size=7").text
    assert len(shown(page)) == 4
    assert "Nothing found" in administrator.get("/admin/series?q=qqq").text


def test_the_list_is_downloaded_as_it_is_filtered_and_sorted(programme: World, administrator: FlaskClient) -> None:
    every = administrator.get("/admin/series.csv?sort=title&size=25").text.splitlines()
    assert every[0].startswith("\ufeffslug,title,") or every[0].startswith("slug,title,")
    assert [line.split(",")[0] for line in every[1:]] == ["coming", "cross-border", "empty", "over"]
    over = administrator.get("/admin/series.csv?state=finished")
    assert 'filename="series-finished.csv"' in over.headers["Content-Disposition"]
    assert [line.split(",")[0] for line in over.text.splitlines()[1:]] == ["over"]
    assert administrator.get("/admin/series.xlsx").data[:2] == b"PK"
    assert administrator.get("/admin/series.doc").status_code == 404
    assert "/admin/series.csv?state=finished" in administrator.get("/admin/series?state=finished").text


@action
def leave_unmatched(lecture_id: int, series_id: int) -> None:
    attendee = UnmatchedAttendee(series_id=series_id, key=f"name:who-{lecture_id}", name="Who")
    db.session.add(attendee)
    db.session.flush()
    start = clock.to_ms(clock.now())
    db.session.add(Presence(lecture_id=lecture_id, attendee_id=attendee.id, source=Source.IMPORT, joined_ms=start,
                            left_ms=start + 60_000, evidence="row"))  # fmt: skip


def test_the_navigation_says_how_many_attendees_nobody_has_identified(world: World) -> None:
    number = r'href="/unmatched"[^>]*>Unmatched<span class="hide">: </span> <b>1</b>'
    client = world.signed_in(world.instructor)
    other = world.signed_in(world.make.person("Omar", roles=["instructor"]))
    assert not re.search(number, client.get("/teach").text)
    with world.make.app.app_context():
        leave_unmatched(world.held[0].id, world.series.id)
    assert re.search(number, client.get("/teach").text)
    assert f'data-testid="lecture-{world.held[0].id}"' in client.get("/unmatched").text
    assert not re.search(number, other.get("/teach").text)
    assert "Everyone is identified" in other.get("/unmatched").text


def test_unmatched_attendees_are_found_and_sorted_by_translated_titles(world: World) -> None:
    client = world.signed_in(world.instructor)
    titles = {world.held[0].id: ("Zinc", "Аренда"), world.held[1].id: ("Alum", "Ярмарка")}
    with world.make.app.app_context():
        for lecture_id, (title, russian) in titles.items():
            lecture = db.session.get_one(Lecture, lecture_id)
            lecture.title, lecture.translations = title, {"ru": {"title": russian}}
            db.session.commit()
            leave_unmatched(lecture_id, world.series.id)
    first, second = titles

    def lectures(query: str) -> list[int]:
        rows = re.findall(r'data-testid="lecture-(\d+)"', client.get(f"/unmatched?{query}").text)
        return [int(number) for number in rows]

    assert lectures("q=ярмарка") == [second]
    assert lectures("sort=title") == [second, first]
    with offering(world.make.app, "ru"):
        assert lectures("sort=title&lang=ru") == [first, second]


def test_an_instructor_s_page_has_one_table_of_lectures_next_first(world: World) -> None:
    for number in range(3):
        world.hold(40 + number, f"Earlier {number}")
    world.make.lecture(world.series, title="Someday", state="draft", starts_at=None)
    world.make.lecture(world.series, title="Forgotten", starts_at=world.at - timedelta(hours=3))
    client = world.signed_in(world.instructor)

    def titles(query: str = "") -> list[str]:
        page = client.get(f"/teach{query}").text
        return re.findall(r'<tr data-testid="lecture-\d+">\s*<th scope="row"><a [^>]+><bdi>([^<]+)</bdi>', page)

    first = ["Getting paid", "In 7 days", "In 14 days", "Someday", "Forgotten", "Finding the market"]
    last = ["What it is", "Earlier 0", "Earlier 1", "Earlier 2"]
    assert titles() == first
    assert titles("?page=2") == titles("?page=99") == last
    assert titles("?show=coming") == first[:3]
    assert titles("?show=drafts") == ["Someday"]
    assert titles("?show=past") == [*first[4:], *last[:4]]
    assert titles("?show=nothing&page=x") == first
    page = client.get("/teach").text
    assert re.findall(r"<b>(\d+)</b> (All|To come|Drafts|Past)", page) == [
        ("10", "All"), ("3", "To come"), ("1", "Drafts"), ("6", "Past"),
    ]  # fmt: skip
    assert ">1–6 of 10<" in page


def test_what_an_instructor_has_to_do_is_listed_oldest_first(world: World) -> None:
    world.make.lecture(world.series, title="Unsaid", state="draft", starts_at=world.at + timedelta(days=3))
    world.make.lecture(world.series, title="Forgotten", starts_at=world.at - timedelta(hours=3))
    world.make.lecture(world.series, title="Adrift", state="postponed", starts_at=None)
    with world.make.app.app_context():
        leave_unmatched(world.held[0].id, world.series.id)
    page = world.signed_in(world.instructor).get("/teach").text
    todo = page.partition('data-testid="todo"')[2].partition("</table>")[0]
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr[ >].*?</tr>", todo, re.S)[1:]]
    assert [row.split(" ", 1)[0] for row in rows] == ["1", "Forgotten", "Adrift", "One"]
    assert rows[0] == "1 attendee to identify What it is 1 month Identify : 1 attendee to identify"
    assert "Review : One lecture to publish" in rows[3]
    assert f'action="/lectures/{world.held[0].id}/start"' not in todo
