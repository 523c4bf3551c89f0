"""A lecture that was given in Zoom and in our own room at once: credited, and who is unknown decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lms.attendance.actions.room import open_join, record_beat
from lms.catalogue.actions.states import end_lecture
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]


def test_a_report_from_zoom_is_credited_beside_our_own_room(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    lin = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = site.make.series("origin", title="Rules of origin", instructors=[lin])
    names = ["Ada Obi", "Brian Smith", "Kofi Mensah", "Kofi Mensah", "Solomon Berhanu"]
    people = [site.make.person(name, f"p{number}@example.org") for number, name in enumerate(names)]
    for person in people:
        site.make.enrolment(series, person)
    ended = clock.now().replace(second=0, microsecond=0)
    began = ended - timedelta(minutes=60)
    lecture = site.make.lecture(
        series, starts_at=began, actual_start=began, state="live", duration_minutes=60, instructors=[lin]
    )

    def at(minute: int) -> datetime:
        return began + timedelta(minutes=minute)

    def zoom(minute: int) -> str:
        return at(minute).astimezone(ZoneInfo("Africa/Nairobi")).strftime("%Y-%m-%d %H:%M:%S")

    def be_there() -> None:
        joined = open_join(lecture.id, people[0].id, by=site.make.actor(people[0]), at=began)
        for seq in range(61):  # Ada is in our room for the first half hour
            record_beat(joined.id, seq, at=began + timedelta(seconds=30 * seq))
        end_lecture(lecture.id, by=SYSTEM, at=ended)

    site.within(be_there)
    site.work()
    stays = [
        ("Ada Obi", "P0@Example.org", 25, 60),
        ("Brian Smith (he/him)", "", -5, 20),
        ("Brian Smith (he/him)", "", 30, 70),
        ("Kofi Mensah", "", 0, 60),
        ("Berhanu Solomon", "", 10, 60),
        ("iPad", "", 0, 60),
    ]
    lines = [f"{name},{email},{zoom(a)},{zoom(b)},{b - a},Yes" for name, email, a, b in stays]
    heading = "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest"
    report = "\r\n".join([heading, *lines]).encode() + b"\r\n"

    visitor = sign_in("lin@example.org")
    page = visitor.page
    visitor.go(f"/lectures/{lecture.id}/roster")
    page.locator("main summary", has_text="Add records").click()
    visitor.press("Import a report")
    visitor.is_accessible("import")
    page.locator("[name=file]").set_input_files({"name": "z.csv", "mimeType": "text/csv", "buffer": report})
    visitor.press("Preview")
    visitor.reads("One reading of the times fits the lecture, and is selected below.")
    visitor.is_accessible("import, asked")
    page.locator("main [name=time_zone]").select_option("Africa/Nairobi")
    visitor.press("Preview")
    visitor.reads("3 unmatched rows")
    visitor.is_accessible("import, looked at")
    visitor.press("Import 6 rows")

    # nobody is credited on a guess: one is as good as sure, of two of one name one is chosen, one is nobody of ours
    assert visitor.heading() == "3 people to identify"
    visitor.is_accessible("review")
    visitor.press("Show strong matches")
    visitor.reads("same words in a different order")
    visitor.is_accessible("review, together")
    visitor.press("Accept this match")
    kofi = page.get_by_test_id("unknown").filter(has_text="Kofi Mensah")
    kofi.get_by_role("radio").nth(1).check()
    kofi.get_by_role("button", name="Confirm").click()
    ipad = page.get_by_test_id("unknown").filter(has_text="iPad")
    ipad.get_by_label("Not a participant").check()
    ipad.get_by_role("button", name="Confirm").click()
    assert visitor.heading() == "Everyone has been identified"
    visitor.is_accessible("review, done")

    # by hand: Ada 0-30 in our room and 25-60 in Zoom; Brian 0-20 and 30-60; Solomon 10-60; one Kofi all, one nothing
    visitor.go(f"/lectures/{lecture.id}/roster")
    texts = {}
    for person in people:
        row = page.locator(f"[data-testid=roster-row][data-person='{person.public_id}']")
        texts[person.public_id] = " ".join(row.inner_text().split())
    assert ["60 of 60 min" in text for text in texts.values()] == [True, False, False, True, False]
    assert all(words in texts[people[1].public_id] for words in ("50 of 60 min", "Attended"))
    assert texts[people[2].public_id].endswith("Absent")
    assert all(words in texts[people[4].public_id] for words in ("50 of 60 min", "Attended"))
    page.locator(f"[data-person='{people[0].public_id}']").get_by_role("link").first.click()
    visitor.reads("Zoom report")
    visitor.reads("Live room")
    visitor.is_accessible("roster, opened")
