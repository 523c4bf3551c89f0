"""A lecture from beginning to end with real processes: the network fails, everything is killed, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright
from sqlalchemy import select

from lms.attendance.models.credits import Credit, Outcome
from lms.attendance.models.evidence import Source
from lms.catalogue.models import Lecture, LectureState
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.models import Person
from lms.streaming.models import Stream, StreamState, Track
from lms.streaming.queries import find_stream, list_epochs
from tests.browsers import Fonts, launch
from tests.factories import PASSWORD
from tests.faults.conftest import Site

pytestmark = [pytest.mark.xdist_group("camera"), pytest.mark.long(seconds=300)]
FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
PLAYS = (
    "() => { const video = document.getElementById('video'); return video && !video.paused && video.readyState > 2; }"
)
BEAT = 30
OUTAGE = 8
LECTURE = 150
REPLAY_PART = 3_000
"""Milliseconds that the recording may lack of what was sent: the last second, and what a recorder takes to begin."""


@pytest.fixture(scope="module")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with a camera and a microphone."""
    running = launch(playwright.chromium, Fonts.WIDE, tmp_path_factory.mktemp("camera"), *FLAGS)
    yield running
    running.close()


class Hall:
    """A lecture that begins in a minute, its instructor, and three people enrolled."""

    def __init__(self, site: Site, browser: Browser) -> None:
        self.site, self.browser = site, browser
        self.address = f"http://127.0.0.1:{site.port}"
        make = site.make
        teacher = make.person("Lin Yuhan", email="lin@x.example", password=PASSWORD, roles=["instructor"])
        series = make.series(instructors=[teacher], policy={"replay_days": 7})
        for name in ("Ada", "Ben", "Cyr"):
            make.enrolment(series, make.person(name, email=f"{name.lower()}@x.example", password=PASSWORD))
        self.lecture_id = make.lecture(series, starts_at=clock.now() + timedelta(minutes=1)).id
        self.path = f"{self.address}/lectures/{self.lecture_id}/room"

    def open(self, name: str) -> Page:
        page = self.browser.new_context().new_page()
        page.goto(f"{self.address}/sign-in")
        page.locator("#email").fill(f"{name}@x.example")
        page.locator("#password").fill(PASSWORD)
        page.locator("#password").press("Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(self.path)
        return page

    def lecture(self) -> Lecture:
        return self.site.within(lambda: db.session.get_one(Lecture, self.lecture_id))

    def recorded_ms(self) -> int:
        """How long the recording is; once it is complete."""

        def read() -> tuple[Stream | None, int]:
            stream = find_stream(self.lecture_id, Track.MAIN)
            epochs = list_epochs(stream.id) if stream is not None else []
            return stream, sum(epoch.length_ms for epoch in epochs)

        def is_complete() -> bool:
            stream, _length = self.site.within(read)
            return stream is not None and stream.state is StreamState.COMPLETE

        wait_until(is_complete, 60)
        return self.site.within(read)[1]

    def sources(self) -> dict[str, Source]:
        """From where each person's credit is."""
        query = (
            select(Person.full_name, Credit.source)
            .join(Person, Person.id == Credit.person_id)
            .where(Credit.lecture_id == self.lecture_id)
        )
        return self.site.within(lambda: {name: Source(source) for name, source in db.session.execute(query)})

    def credits(self) -> dict[str, tuple[Outcome, int]]:
        """What counts of each person who has a credit: the outcome, and the milliseconds."""
        query = (
            select(Person.full_name, Credit.outcome, Credit.present_ms)
            .join(Person, Person.id == Credit.person_id)
            .where(Credit.lecture_id == self.lecture_id)
        )
        return self.site.within(lambda: {name: (outcome, ms) for name, outcome, ms in db.session.execute(query)})


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.3)


def line(page: Page, text: str) -> None:
    page.get_by_test_id("studio-line").filter(has_text=text).wait_for(timeout=60_000)


def test_a_lecture_survives_its_network_and_its_server(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path, "")
    try:
        _give(Hall(site, browser), site)
    finally:
        site.close()


def _give(hall: Hall, site: Site) -> None:
    site.start()
    lin = hall.open("lin")
    lin.get_by_test_id("go-live").click()
    line(lin, "You are seen and heard")
    began = time.monotonic()
    ada, ben = hall.open("ada"), hall.open("ben")
    ada.wait_for_function(PLAYS, timeout=60_000)
    ben.get_by_test_id("audio-only").check()
    ben.wait_for_function(PLAYS, timeout=60_000)
    joined = time.monotonic()

    lin.context.set_offline(True)
    line(lin, "Your connection is interrupted")
    lin.wait_for_timeout(OUTAGE * 1000)
    lin.context.set_offline(False)
    line(lin, "You are seen and heard")

    site.kill()
    site.start()
    line(lin, "You are seen and heard")
    for page in (ada, ben):
        page.wait_for_function(PLAYS, timeout=60_000)
    lin.wait_for_timeout(max(LECTURE - (time.monotonic() - began), 20) * 1000)
    for page in (ada, ben):
        page.wait_for_function(PLAYS, timeout=10_000)

    lin.get_by_test_id("end-lecture").click()
    lin.get_by_test_id("confirm").click()
    lin.get_by_test_id("room").and_(lin.locator("[data-state=over]")).wait_for(timeout=60_000)
    ended = time.monotonic()

    lecture = hall.lecture()
    assert lecture.state is LectureState.HELD
    assert lecture.actual_start is not None
    assert lecture.actual_end is not None
    length_ms = clock.to_ms(lecture.actual_end) - clock.to_ms(lecture.actual_start)
    assert length_ms - REPLAY_PART <= hall.recorded_ms() <= length_ms + REPLAY_PART
    wait_until(lambda: len(hall.credits()) == 2, 60)
    credits = hall.credits()
    for name in ("Ada", "Ben"):
        outcome, present_ms = credits[name]
        assert outcome is Outcome.ATTENDED
        assert abs(present_ms - (ended - joined) * 1000) <= BEAT * 1000, (name, present_ms, ended - joined)

    cyr = hall.open("cyr")
    cyr.wait_for_function(PLAYS, timeout=60_000)
    cyr.get_by_test_id("speed").select_option("2")
    played = 0.8 * length_ms / 1000
    cyr.wait_for_function("until => document.getElementById('video').currentTime > until", arg=played, timeout=180_000)
    cyr.evaluate("document.getElementById('video').pause()")
    wait_until(lambda: hall.credits().get("Cyr", (None, 0))[0] is Outcome.ATTENDED, 60)
    present_ms = hall.credits()["Cyr"][1]
    assert abs(present_ms - played * 1000) <= BEAT * 1000
    assert hall.sources() == {"Ada": Source.LIVE, "Ben": Source.LIVE, "Cyr": Source.REPLAY}
