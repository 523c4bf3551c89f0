"""An instructor: schedules, moves, starts, ends, reads the roster, corrects by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from lms.attendance.actions.room import open_join, record_beat
from lms.catalogue.queries.lectures import list_lectures
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.every_site]


def clocks_go_ahead(after: date) -> date:
    """The next day on which an hour is skipped in New York, the second Sunday of March."""
    year = after.year + (after >= date(after.year, 3, 1))
    return date(year, 3, 14 - (date(year, 3, 14).weekday() + 1) % 7)


def test_from_an_empty_desk_to_a_corrected_roster(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    lin = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"], native_name="林语涵", country="CN")
    series = site.make.series("origin", title="Rules of origin", instructors=[lin])
    trainee = site.make.person("Achieng Odhiambo", "achieng@example.org")
    site.make.enrolment(series, trainee)
    visitor = sign_in("lin@example.org")
    page = visitor.page

    skipped = clocks_go_ahead(clock.now().date())
    moved = skipped + timedelta(days=7)
    visitor.go("/teach")
    visitor.is_accessible("teach, empty")
    visitor.press("Schedule a lecture")
    visitor.is_accessible("new lecture")

    # an hour that the clocks skip is refused, and nothing that was typed is lost
    page.locator("[name=title]").fill("Coffee, cashmere, silk")
    page.locator("[name=abstract]").fill("Where a thing comes from.")
    page.locator("[name=starts_at]").fill(f"{skipped}T02:30")
    page.locator("main [name=time_zone]").select_option("America/New_York")
    page.locator("[name=duration_minutes]").fill("45")
    hint = page.get_by_text("Only enrolled people see it")
    assert not hint.is_visible()
    page.locator("[name=join_url]").fill("https://meet.example.org/origin")
    assert hint.is_visible()
    visitor.press("Publish")
    visitor.reads(f"02:30 on {skipped} does not exist in America/New_York")
    assert page.locator("[name=starts_at]").get_attribute("aria-invalid") == "true"
    assert page.locator("[name=title]").input_value() == "Coffee, cashmere, silk"
    assert page.locator("[name=abstract]").input_value() == "Where a thing comes from."
    assert page.locator("[name=duration_minutes]").input_value() == "45"
    visitor.is_accessible("new lecture, wrong")
    page.locator("[name=starts_at]").fill(f"{skipped}T09:30")
    page.get_by_test_id("at-night").wait_for()  # shown while the date is typed
    visitor.is_accessible("new lecture, hours")
    visitor.press("Publish")
    visitor.reads("Publish 1 lecture")
    visitor.is_accessible("publish a lecture")
    visitor.press("Publish selected lectures")
    visitor.reads("1 lecture was published.")
    visitor.is_accessible("published")
    (lecture_id,) = site.within(lambda: [one.id for one in list_lectures(series.id, by=SYSTEM)])

    # moved to another day
    visitor.go(f"/lectures/{lecture_id}")
    visitor.is_accessible("lecture, staff")
    visitor.hook("postpone")
    visitor.is_accessible("postpone")
    page.locator("[name=starts_at]").fill(f"{moved}T10:00")
    page.locator("main [name=time_zone]").select_option("America/New_York")
    visitor.hook("confirm")
    page.wait_for_url(f"**/lectures/{lecture_id}")
    visitor.reads("The lecture has a new time.")
    visitor.go("/teach")
    visitor.reads(f"Sunday {moved:%-d March %Y}")
    visitor.is_accessible("teach")
    site.work()
    assert "Coffee, cashmere, silk" in site.last_mail("achieng@example.org")

    # given
    visitor.hook("start")
    visitor.reads(f"{moved:%-d March %Y}")
    visitor.is_accessible("start, early")
    visitor.hook("confirm")
    visitor.reads("The lecture is live.")
    assert visitor.heading() in {"You are live", "A lecture of your series is live"}
    visitor.is_accessible("teach, live")
    page.locator("summary", has_text="End now").first.click()
    visitor.is_accessible("teach, ending")
    visitor.hook("end")
    visitor.reads("The lecture has ended.")
    site.work()

    # the roster: absent, then corrected by hand
    page.get_by_test_id(f"lecture-{lecture_id}").get_by_role("link", name="Roster").click()
    row = page.get_by_test_id("roster-row")
    assert row.get_attribute("data-person") == trainee.public_id
    assert row.get_attribute("data-outcome") == "absent"
    visitor.is_accessible("roster")
    row.get_by_role("link").click()
    visitor.is_accessible("roster, opened")
    page.locator("select[name=outcome]").select_option("attended")
    visitor.press("Save correction")
    assert page.locator("[name=reason]").get_attribute("aria-invalid") == "true"
    page.locator("[name=reason]").fill("Was in the hall of the ministry.")
    page.locator("select[name=outcome]").select_option("attended")
    visitor.press("Save correction")
    assert page.get_by_test_id("roster-row").get_attribute("data-outcome") == "attended"
    visitor.reads("Was in the hall of the ministry.")


@pytest.mark.long
def test_minutes_stand_on_the_roster_while_it_is_live(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    lin = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = site.make.series("origin", title="Rules of origin", instructors=[lin])
    trainee = site.make.person("Achieng Odhiambo", "achieng@example.org")
    site.make.enrolment(series, trainee)
    began = clock.now() - timedelta(minutes=10)
    lecture = site.make.lecture(series, starts_at=began, actual_start=began, state="live", instructors=[lin])
    actor = site.make.actor(trainee)

    def be_there() -> None:
        joined = open_join(lecture.id, trainee.id, by=actor, at=began + timedelta(minutes=1))
        for seq in range(11):
            record_beat(joined.id, seq, at=began + timedelta(minutes=1, seconds=30 * seq))

    site.within(be_there)
    visitor = sign_in("lin@example.org")
    visitor.go(f"/lectures/{lecture.id}/roster")
    visitor.reads("5 of 90 min")
    visitor.is_accessible("roster, live")
    visitor.go(f"/lectures/{lecture.id}/room")
    visitor.is_accessible("room, staff")
