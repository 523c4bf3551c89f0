"""A lecture that is given and followed in the browser, with a camera that Chromium makes up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Playwright

from bench.glass import PLAYS
from lms.attendance.actions.replays import credit_due_replays
from lms.attendance.models.credits import Credit
from lms.catalogue.models import LectureState
from lms.catalogue.queries.lectures import find_lecture
from lms.core.database.session import db
from lms.core.time import clock
from lms.streaming.models import StreamState, Track
from lms.streaming.packager import run_packager
from lms.streaming.queries import find_stream, list_epochs
from tests.browsers import Fonts, launch
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor
from tests.proxy import Certificate

pytestmark = [pytest.mark.long(seconds=400), pytest.mark.xdist_group("browser")]
FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


@pytest.fixture(scope="module")
def browser(
    playwright: Playwright, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser with a camera and a microphone."""
    folder = tmp_path_factory.mktemp("camera")
    running = launch(playwright.chromium, Fonts.WIDE, folder, certificate.flag(), *FLAGS)
    yield running
    running.close()


@pytest.fixture
def _packager(site: Site) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=run_packager, args=(site.app, stopping))
    thread.start()
    yield
    stopping.set()
    thread.join(20)


@pytest.mark.usefixtures("_packager")
def test_a_lecture_is_given_followed_and_watched_again(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    teacher = site.make.person(
        "Lin Yuhan", email="lin@x.example", password="correct horse battery", roles=["instructor"]
    )
    series = site.make.series(instructors=[teacher], policy={"min_percent": 25})
    site.make.enrolment(series, site.make.person("Ada", email="ada@x.example", password=PASSWORD))
    ben = site.make.person("Ben", email="ben@x.example", password=PASSWORD)
    site.make.enrolment(series, ben)
    lecture = site.make.lecture(series, starts_at=clock.now() + timedelta(minutes=1))
    path = f"/lectures/{lecture.id}/room"

    lin = sign_in("lin@x.example")
    lin.go(path)
    lin.page.get_by_test_id("go-live").click()
    lin.page.get_by_test_id("studio-line").filter(has_text="You are seen and heard").wait_for()

    ada = sign_in("ada@x.example")
    ada.go(path)
    ada.page.wait_for_function(PLAYS, timeout=60_000)
    assert ada.page.get_by_test_id("air").text_content() == ""
    ada.page.get_by_test_id("behind").filter(has_text="seconds behind the lecturer").wait_for()

    lin.page.get_by_test_id("end-lecture").click()
    lin.page.get_by_test_id("confirm").click()
    lin.page.get_by_test_id("room").and_(lin.page.locator("[data-state=over]")).wait_for()

    def recording() -> tuple[LectureState, StreamState, int]:
        ended, stream = find_lecture(lecture.id), find_stream(lecture.id, Track.MAIN)
        assert ended is not None
        assert stream is not None
        return ended.state, stream.state, sum(epoch.length_ms for epoch in list_epochs(stream.id))

    lin.page.wait_for_function(PLAYS, timeout=60_000)
    state, stream_state, length_ms = site.within(recording)
    assert (state, stream_state) == (LectureState.HELD, StreamState.COMPLETE)
    assert length_ms > 3000

    missed = sign_in("ben@x.example")
    missed.go(path)
    missed.page.get_by_test_id("replay-credit").filter(has_text="needed").wait_for()
    missed.page.get_by_test_id("speed").select_option("2")
    missed.page.get_by_test_id("replay-credit").filter(has_text="counts as attended").wait_for(timeout=60_000)
    site.within(lambda: credit_due_replays(at=clock.now() + timedelta(seconds=30)))
    credit = site.within(lambda: db.session.get(Credit, (lecture.id, ben.id)))
    assert credit is not None
    assert (credit.outcome, credit.source) == ("attended", "replay")
