"""What people hear who do not see the pages: live regions, tables and lists, in Chromium’s accessible tree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.models import Lecture
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.discussion.actions import ask_question
from lms.discussion.polls import change_poll, make_poll
from lms.people.models import Person
from tests.factories import PASSWORD
from tests.journeys.conftest import PHONE, Site, Visitor
from tests.journeys.ear import Ear, accessible_nodes, shared_turns, watch_turns, watch_writes, writes

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]
ASK = "dispatchEvent(new Event('online'))"
"""The page asks the server for the state of the room at once."""
LISTS_WITHOUT_ROLE = """
[...document.querySelectorAll("ul, ol")]
  .filter((list) => getComputedStyle(list).listStyleType === "none" && list.role !== "list").length
"""
TOLD = "() => document.getElementById('line').textContent"


def be_counted(lecture: Lecture, person: Person, *, minutes: int) -> None:
    """Minutes of a live lecture from its start on."""
    start = clock.to_ms(lecture.actual_start or clock.now())
    ids = {"lecture_id": lecture.id, "person_id": person.id}

    @action
    def write() -> None:
        span = {"joined_ms": start, "left_ms": start + minutes * 60_000}
        db.session.add(Presence(source=Source.LIVE, evidence=str(minutes), **ids, **span))

    write()


def test_what_is_spoken_from_enrolling_to_the_end(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    ada = site.make.person("Ada", email="ada@x.example", password=PASSWORD)
    series = site.make.series("parcels")
    meeting = "https://meet.example.org/a"
    lecture = site.make.lecture(series, starts_at=clock.now() + timedelta(minutes=20), join_url=meeting)
    began = clock.now() - timedelta(minutes=56)
    late = site.make.lecture(series, starts_at=began, actual_start=began, state="live", join_url=meeting)
    visitor = sign_in("ada@x.example")
    page, ear = visitor.page, Ear(visitor.page)

    visitor.go("/series/parcels")
    assert {"live": "polite", "name": ""}.items() <= accessible_nodes(page, "status")[0].items()
    visitor.hook("enrol")
    ear.hears("You are enrolled")

    visitor.go(f"/lectures/{lecture.id}/room")
    page.wait_for_function(TOLD)
    watch_writes(page)
    with page.expect_response("**/room/state*"):
        page.evaluate(ASK)
    page.wait_for_timeout(200)
    assert writes(page) == []
    site.within(lambda: start_lecture(lecture.id, by=SYSTEM, at=clock.now()))
    page.evaluate(ASK)
    ear.hears("Live now")
    ear.hears("Stay until")
    ear.hears("You are being counted.")

    site.within(lambda: be_counted(late, ada, minutes=53))
    visitor.go(f"/lectures/{late.id}/room")
    page.wait_for_function(TOLD)
    assert not [line for line in ear.heard() if "Stay until" in line]  # nothing has changed
    site.within(lambda: be_counted(late, ada, minutes=55))
    page.evaluate(ASK)
    ear.hears("You have enough minutes: this lecture counts as attended.")
    assert [gauge for gauge in accessible_nodes(page, "image") if "needed" in gauge["name"]] == []
    site.within(lambda: end_lecture(late.id, by=SYSTEM, at=clock.now()))
    page.evaluate(ASK)
    ear.hears("Ended")
    ear.hears("Thank you for taking part.")


def test_the_first_tick_of_a_list_is_spoken(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    teacher = site.make.person("Lin Yuhan", "lin@x.example", roles=["instructor"], password=PASSWORD)
    series = site.make.series("parcels", instructors=[teacher])
    began = clock.now() - timedelta(days=1)
    lecture = site.make.lecture(
        series, starts_at=began, actual_start=began, actual_end=began + timedelta(minutes=90), state="held"
    )
    ada = site.make.person("Ada")
    site.make.enrolment(series, ada)
    site.be_there(lecture, ada, minutes=20)
    visitor = sign_in("lin@x.example")
    page, ear = visitor.page, Ear(visitor.page)
    visitor.go(f"/lectures/{lecture.id}/roster")
    page.locator("[name=people]").first.check()
    ear.hears("Selected: 1")

    # on a phone, its columns have their heads, which the keyboard shows
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    heads = [node["name"] for node in accessible_nodes(page, "columnheader")]
    cells = page.locator("tbody tr").first.locator("th, td:not(.tick)")
    assert len(heads) == sum(cell.is_visible() for cell in cells.all()) > 1
    link = page.locator("thead th a").first
    link.focus()
    box = link.bounding_box()
    assert box is not None
    assert box["height"] > 20
    assert page.evaluate(LISTS_WITHOUT_ROLE) == 0


def test_what_others_do_beside_a_lecture_is_spoken_by_itself(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    """A reader that gets several changes at once speaks the first (Orca): each line comes in a turn of its own."""
    teacher = site.make.person("Lin Yuhan", email="lin@x.example", roles=["instructor"])
    ada, ben = (site.make.person(name, email=f"{name}@x.example", password=PASSWORD) for name in ("ada", "ben"))
    series = site.make.series("parcels", instructors=[teacher])
    now = clock.now()
    lecture = site.make.lecture(
        series, state="live", starts_at=now, actual_start=now, join_url="https://meet.example/1"
    )
    for person in (ada, ben):
        site.make.enrolment(series, person)
    lin = site.make.actor(teacher)
    visitor = sign_in("ada@x.example")
    page, ear = visitor.page, Ear(visitor.page)
    with page.expect_response("**/snapshot.json"):
        visitor.go(f"/lectures/{lecture.id}/room")
    watch_turns(page)
    other = site.make.actor(ben)
    words = {"is_anonymous": False, "person_id": ben.id, "by": other}
    site.within(lambda: ask_question(lecture.id, "Is it cheaper?", at=clock.now(), **words))
    options = ["Wallet", "Card"]
    poll = site.within(
        lambda: make_poll(lecture.id, "How do buyers pay?", options, is_several=False, by=lin, at=clock.now())
    )
    site.within(lambda: change_poll(lecture.id, poll, "open", by=lin, at=clock.now()))
    ear.hears("New questions: 1")
    ear.hears("A poll was opened.")
    assert (
        next(node for node in accessible_nodes(page, "button") if "Vote" in node["name"])["about"] == "Is it cheaper?"
    )
    visitor.hook("vote")
    ear.hears("Your vote was counted.")
    page.get_by_test_id("question-text").fill("What about refunds?")
    visitor.hook("question-send")
    ear.hears("Your question was sent.")
    page.get_by_test_id("poll-option-0").wait_for()
    assert "How do buyers pay?" in [node["name"] for node in accessible_nodes(page, "group")]
    visitor.hook("poll-option-0")
    visitor.hook("poll-send")
    ear.hears("Your answer was counted.")
    page.get_by_test_id("poll-send").wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent") == "How do buyers pay?"  # not the top of the page
    site.within(lambda: change_poll(lecture.id, poll, "close", by=lin, at=clock.now()))
    ear.hears("The poll is closed")
    assert shared_turns(page) == []
