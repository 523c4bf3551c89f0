"""An appeal: somebody joined under another name, asks for a look, is believed, and reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.core.time import clock
from tests.journeys.conftest import Site, Visitor

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.long
def test_a_trainee_appeals_and_the_instructor_accepts(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    instructor = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = site.make.series("parcels", title="From parcel to trade", instructors=[instructor])
    trainee = site.make.person("Achieng Odhiambo", "achieng@example.org", password="correct horse battery")
    site.make.enrolment(series, trainee)
    start = clock.now().replace(second=0, microsecond=0) - timedelta(days=1)
    end = start + timedelta(minutes=90)
    held = {"starts_at": start, "actual_start": start, "actual_end": end, "instructors": [instructor]}
    lecture = site.make.lecture(series, title="Customs for small parcels", state="held", **held).id
    report = f"name,joined_at,left_at\nOdiambo Achieng (iPad),{start.isoformat()},{end.isoformat()}\n".encode()
    by = site.make.actor(instructor)

    def load() -> None:
        staged = stage_attendance(lecture, report, file_name="zoom.csv", by=by)
        publish_attendance(staged, by=by, at=clock.now())

    site.within(load)

    achieng = sign_in("achieng@example.org")
    achieng.go(f"/lectures/{lecture}")
    achieng.reads("0 of 90 minutes: absent")
    achieng.hook("appeal")
    achieng.is_accessible("appeal")
    achieng.press("Ask for a review")  # nothing written yet
    achieng.reads("Describe what is wrong, or enter when you were there.")
    achieng.page.locator("[name=joined_as]").fill("Odiambo")
    achieng.page.locator("[name=text]").fill("I sat at my sister’s tablet.")
    achieng.press("Ask for a review")
    achieng.reads("Waiting for an answer")
    achieng.is_accessible("lecture with an appeal")

    lin = sign_in("lin@example.org")
    lin.go("/teach")
    lin.reads("One appeal")
    lin.press("Answer")
    assert lin.heading() == "Achieng Odhiambo"
    lin.reads("I sat at my sister’s tablet.")
    assert "Odiambo Achieng" in lin.page.get_by_test_id("alike").inner_text()
    lin.is_accessible("answer an appeal")
    lin.page.locator("#accept-words").fill("We found your tablet in the report.")
    lin.hook("accept")
    lin.reads("Appeal accepted. The person will get an e-mail.")
    lin.go(f"/lectures/{lecture}/roster")
    lin.page.locator("main summary", has_text="Finish").click()
    lin.press("Close attendance")
    lin.is_accessible("close attendance")
    lin.hook("close")
    lin.reads("Attendance closed by")
    lin.go(f"/lectures/{lecture}/roster/{trainee.public_id}/history")
    lin.is_accessible("history")

    site.work()
    assert "We found your tablet in the report." in site.last_mail("achieng@example.org")
    achieng.go("/me")
    achieng.reads("attended, corrected (We found your tablet in the report.)")
    achieng.go(f"/lectures/{lecture}")
    achieng.reads("Attended")
    achieng.press("Full history")
    achieng.reads("Corrected to attended.")
    achieng.is_accessible("own history")
