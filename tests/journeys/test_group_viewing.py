"""Group viewing: opened by a focal point, checked in by code and by tick, signed for, and read by who was there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from tests.journeys.conftest import Site, Visitor

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.long
def test_a_group_is_opened_checked_in_signed_for_and_counted(
    site: Site, visit: Callable[[], Visitor], sign_in: Callable[[str], Visitor]
) -> None:
    site.make.person("Peter Mutua", "peter@example.org", roles=[("focal_point", "KE")], time_zone="Africa/Nairobi")
    series = site.make.series("border", title="Digital customs for border officials")
    start = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=80)
    lecture = site.make.lecture(series, "Rules of origin", local_start=_nairobi(start))
    people = ["Wambui Kamau", "Brian Ouma", "Esther Gitau", "Nobody Came"]
    for number, name in enumerate(people):
        site.make.enrolment(series, site.make.person(name, f"p{number}@example.org", password="correct horse battery"))

    def begin() -> None:
        start_lecture(lecture.id, by=SYSTEM, at=clock.now(), started_at=start)

    site.within(begin)
    focal = sign_in("peter@example.org")
    page = focal.page

    # from the desk to an open group
    focal.go("/country")
    page.get_by_test_id(f"watch-{lecture.id}").get_by_role("link", name="Open a group").click()
    focal.is_accessible("groups of a lecture")
    focal.press("Open a group")
    focal.reads("Enter the city.")
    focal.is_accessible("groups of a lecture, wrong")
    for field, value in (("city", "Nairobi"), ("room", "Treasury Building, room 4"), ("expected", "3")):
        page.locator(f"#{field}").fill(value)
    focal.press("Open a group")
    assert focal.heading() == "Nairobi, Treasury Building, room 4"
    focal.is_accessible("group")
    group = page.url.split("#")[0].removeprefix(site.address)
    code = page.get_by_test_id("code").inner_text()
    focal.go(group + "/wall")
    assert page.get_by_test_id("code").inner_text() == code
    focal.is_accessible("wall")
    for width, height in ((390, 844), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        boxes = [one.bounding_box() for one in (page.get_by_test_id("code"), page.locator(".wall img"))]
        assert all(box and box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= width
                   and box["y"] + box["height"] <= height for box in boxes), (width, boxes)  # fmt: skip
    focal.go(group + "/print?who=all")
    assert page.get_by_test_id("group-person").count() == 4
    focal.is_accessible("group, printed")

    # one checks in signed in, one by the address; a stranger gets the same answer
    trainee = sign_in("p0@example.org")
    trainee.go("/check-in?code=" + code)
    trainee.is_accessible("check-in, signed in")
    trainee.press("Check in")
    trainee.reads("You are on the list: Nairobi, Treasury Building, room 4.")
    other = visit()
    answers = []
    for address in ("p1@example.org", "nobody@example.org"):
        other.go("/check-in")
        other.page.locator("#code").fill(code.lower())
        other.page.locator("#email").fill(address)
        other.press("Check in")
        answers.append(other.page.locator(".said-now").inner_text())
    assert answers[0] == answers[1]
    other.page.locator("#code").fill("0000-0000")
    other.page.locator("#email").fill("p2@example.org")
    other.press("Check in")
    other.reads("Unknown code.")
    other.is_accessible("check-in, wrong")

    # one is ticked from the paper; nothing counts yet
    focal.go(group)
    focal.reads("2 people are on the list")
    focal.reads("nobody@example.org")
    page.locator("#q").fill("gitau")
    focal.hook("find")
    page.get_by_label("Esther Gitau").check()
    page.get_by_test_id("tick-status").filter(has_text="Saved. 3 people are on the list.").wait_for()
    focal.is_accessible("group, found and ticked")
    focal.reads("After the lecture")

    def end() -> None:
        end_lecture(lecture.id, by=SYSTEM, at=clock.now())

    site.within(end)
    site.work()
    focal.go(group)
    focal.is_accessible("group, to be signed")
    focal.press("Sign for 3 people")
    focal.reads("Tick the box to confirm.")
    page.locator("#confirm").check()
    focal.press("Sign for 3 people")
    focal.reads("List signed. 3 people are counted.")
    focal.is_accessible("group, signed")

    # who was there reads it; who was not reads nothing of it
    for number, words in ((0, "group viewing in Nairobi: attended"), (2, "group viewing in Nairobi: attended")):
        member = trainee if number == 0 else sign_in(f"p{number}@example.org")
        member.go(f"/lectures/{lecture.id}")
        member.reads(words)
        member.reads("Group in Nairobi")
        member.go("/me")
        member.reads(words)
    absent = sign_in("p3@example.org")
    absent.go(f"/lectures/{lecture.id}")
    absent.reads("absent")
    absent.reads_not("group viewing")

    # taken back, it counts no more
    page.get_by_text("Withdraw the signature").click()
    page.get_by_label("Reason").fill("The wrong room")
    focal.press("Withdraw signature")
    focal.reads("Nobody on this list is counted")
    trainee.go("/me")
    trainee.reads_not("group viewing")


def _nairobi(moment: datetime) -> datetime:
    return (moment.astimezone(UTC) + timedelta(hours=3)).replace(tzinfo=None)
