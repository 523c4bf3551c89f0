"""Slides in the room: the presenter turns them, viewers follow, look back and return."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from lms.core.background import jobs
from lms.core.time import clock
from lms.materials.actions import upload_file
from lms.materials.models import Audience
from tests.accessibility import violations
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor
from tests.slides.pdf_files import pdf

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]
SOON = 20_000
"""Milliseconds within which a turn is seen beside an outside meeting."""


@pytest.mark.present
def test_viewer_follows_looks_back_and_returns(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    make, now = site.make, clock.now()
    teacher = make.person("Lin Yuhan", email="lin@x.example", password=PASSWORD, roles=["instructor"])
    series = make.series(instructors=[teacher])
    make.enrolment(series, make.person("Ada", email="ada@x.example", password=PASSWORD))
    lecture = make.lecture(
        series, state="live", starts_at=now, actual_start=now, delivery="link", join_url="https://meet.example/1"
    )
    by = make.actor(teacher)
    site.within(lambda: upload_file(lecture.id, io.BytesIO(pdf(4)), "rails.pdf", Audience.ENROLLED, by=by, at=now))
    room = f"/lectures/{lecture.id}/room"

    lin = sign_in("lin@x.example")
    lin.go(f"/lectures/{lecture.id}/files")
    lin.hook("slides-page")
    lin.hook("show-slides")
    site.within(jobs.run_due)
    expect(lin.page.get_by_test_id("pdf")).to_contain_text("4 pages", timeout=SOON)
    lin.go(room)

    ada = sign_in("ada@x.example")
    ada.go(room)
    expect(ada.page.get_by_test_id("slides")).to_be_hidden()
    lin.hook("present-ahead")
    slide = ada.page.get_by_test_id("slide")
    expect(slide).to_have_attribute("alt", "Slide 1 of 4", timeout=SOON)
    assert slide.evaluate("image => image.decode().then(() => image.naturalWidth)") in {640, 1600}
    lin.page.keyboard.press("PageDown")
    expect(lin.page.get_by_test_id("present-words")).to_have_text("Slide 2 of 4")
    expect(slide).to_have_attribute("alt", "Slide 2 of 4", timeout=SOON)
    ada.page.get_by_text("Text of this slide").click()
    expect(ada.page.get_by_test_id("slide-text")).to_have_text("Page 2 of Ada")
    assert violations(ada.page) == []
    assert violations(lin.page) == []

    ada.hook("slide-back")
    expect(slide).to_have_attribute("alt", "Slide 1 of 4")
    lin.hook("present-ahead")
    expect(lin.page.get_by_test_id("present-words")).to_have_text("Slide 3 of 4")
    ada.page.wait_for_function("() => document.getElementById('slides').dataset.shown === '3'", timeout=SOON)
    expect(slide).to_have_attribute("alt", "Slide 1 of 4")
    ada.hook("slide-return")
    expect(slide).to_have_attribute("alt", "Slide 3 of 4")
    expect(ada.page.get_by_test_id("slide-return")).to_be_hidden()
