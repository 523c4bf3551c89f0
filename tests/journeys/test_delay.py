"""The page says how far behind the lecturer it is; `make bench` measures it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from statistics import median

import pytest

from bench.glass import CLOCK_AS_CAMERA, PLAYS, READ_BACK
from lms.core.time import clock
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor
from tests.journeys.test_lecture_room import _packager, browser

__all__ = ["_packager", "browser"]
pytestmark = [pytest.mark.xdist_group("camera"), pytest.mark.long]


@pytest.mark.usefixtures("_packager")
def test_the_page_says_how_far_behind_it_is(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    lin = site.make.person("Lin Yuhan", email="lin@x.example", password=PASSWORD, roles=["instructor"])
    series = site.make.series(instructors=[lin])
    site.make.enrolment(series, site.make.person("Ada", email="ada@x.example", password=PASSWORD))
    lecture = site.make.lecture(series, starts_at=clock.now() + timedelta(minutes=1), instructors=[lin])
    path = f"/lectures/{lecture.id}/room"
    teacher = sign_in("lin@x.example")
    teacher.page.add_init_script(CLOCK_AS_CAMERA)
    teacher.go(path)
    teacher.page.get_by_test_id("go-live").click()
    teacher.page.get_by_test_id("studio-line").filter(has_text="You are seen and heard").wait_for()
    viewer = sign_in("ada@x.example")
    viewer.go(path)
    viewer.page.wait_for_function(PLAYS, timeout=60_000)
    viewer.page.wait_for_timeout(8_000)
    delays = []
    for _time in range(11):
        viewer.page.wait_for_timeout(700)
        delays.append(viewer.page.evaluate(READ_BACK))
    shown = viewer.page.get_by_test_id("behind").text_content() or ""
    shown_seconds = int("".join(filter(str.isdigit, shown)))
    assert shown_seconds == pytest.approx(median(delays), abs=2), (delays, shown)
