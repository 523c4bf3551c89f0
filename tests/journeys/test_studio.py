"""What an instructor meets who gives a lecture in the browser: devices, rehearsal, pause, reload, failures."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from lms.catalogue.actions.states import end_lecture
from lms.catalogue.models import Lecture, LectureState
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.live import views
from lms.streaming.chunk_store import count_chunks
from lms.streaming.models import StreamSession, Track
from lms.streaming.packager import run_packager
from lms.streaming.queries import find_stream, list_epochs
from lms.streaming.rules import LITTLE_DISK
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor
from tests.journeys.test_lecture_room import PLAYS, browser

__all__ = ["browser"]
pytestmark = [pytest.mark.xdist_group("camera"), pytest.mark.long]
REFUSES = """
const devices = navigator.mediaDevices;
const real = devices.getUserMedia.bind(devices);
window.refused = %s;
devices.getUserMedia = async (wanted) => {
  for (const kind of Object.keys(window.refused)) if (wanted[kind]) throw new DOMException("", window.refused[kind]);
  return real(wanted);
};
Object.defineProperty(navigator.permissions, "query", { value: async () => ({ state: "prompt" }) });
"""


class Studio:
    """A lecture that begins in a minute, given by two instructors."""

    def __init__(self, site: Site, sign_in: Callable[[str], Visitor]) -> None:
        self.site, self.sign_in = site, sign_in
        teachers = [
            site.make.person(name, email=f"{name[:3].lower()}@x.example", password=PASSWORD, roles=["instructor"])
            for name in ("Lin Yuhan", "Omar Said")
        ]
        self.series = site.make.series(instructors=teachers)
        self.lecture = site.make.lecture(self.series, starts_at=clock.now() + timedelta(minutes=1))
        self.path = f"/lectures/{self.lecture.id}/room"
        self.stopping = threading.Event()
        self.packager = threading.Thread(target=run_packager, args=(site.app, self.stopping))

    def open(self, email: str = "lin@x.example") -> Page:
        visitor = self.sign_in(email)
        visitor.go(self.path)
        return visitor.page

    def state(self) -> LectureState:
        return self.site.within(lambda: db.session.get_one(Lecture, self.lecture.id).state)

    def sessions(self) -> int:
        return self.site.within(lambda: db.session.query(StreamSession).count())

    def epochs(self, track: Track = Track.MAIN) -> int:
        def count() -> int:
            stream = find_stream(self.lecture.id, track)
            return len(list_epochs(stream.id)) if stream is not None else 0

        return self.site.within(count)


@pytest.fixture
def studio(site: Site, sign_in: Callable[[str], Visitor], monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(site.app.extensions["lms.config"], "segment_seconds", 1)
    running = Studio(site, sign_in)
    running.packager.start()
    yield running
    running.stopping.set()
    running.packager.join(20)


def line(page: Page, text: str, timeout: float = 30_000) -> None:
    """Waits until the page says so."""
    page.get_by_test_id("studio-line").filter(has_text=text).wait_for(timeout=timeout)


def go_live(page: Page) -> None:
    page.get_by_test_id("go-live").click()
    line(page, "You are seen and heard")


@pytest.mark.parametrize(
    ("refused", "trouble", "can_go_live"),
    [
        ('{ audio: "NotAllowedError", video: "NotAllowedError" }', "The browser does not allow this page", False),
        ('{ audio: "NotFoundError" }', "No microphone was found", False),
        ('{ audio: "NotReadableError" }', "Another program is using the microphone", False),
        ('{ video: "NotFoundError" }', "No camera was found", True),
        ('{ video: "NotReadableError" }', "Another program is using the camera", True),
    ],
)
def test_a_device_that_cannot_be_used_is_named(
    studio: Studio, refused: str, trouble: str, *, can_go_live: bool
) -> None:
    visitor = studio.sign_in("lin@x.example")
    visitor.page.add_init_script(REFUSES % refused)
    visitor.go(studio.path)
    page = visitor.page
    assert page.get_by_test_id("go-live").is_disabled()
    page.get_by_test_id("allow").click()
    page.get_by_test_id("trouble").filter(has_text=trouble).wait_for()
    if can_go_live:
        expect(page.get_by_test_id("go-live")).to_be_enabled()
    else:
        assert page.get_by_test_id("go-live").is_disabled()
        page.evaluate("window.refused = {}")
        page.get_by_test_id("allow").click()
        line(page, "Ready. Nobody sees you yet.")
        assert page.get_by_test_id("trouble").text_content() == ""


def test_a_rehearsal_is_seen_by_staff_alone(studio: Studio) -> None:
    page = studio.open()
    page.get_by_test_id("rehearse").click()
    line(page, "You are rehearsing")
    page.wait_for_function("() => document.getElementById('rehearsed').currentTime > 1", timeout=60_000)
    assert studio.state() is LectureState.SCHEDULED
    assert studio.epochs(Track.MAIN) == 0
    page.get_by_test_id("rehearse").click()
    line(page, "Ready. Nobody sees you yet.")
    page.get_by_test_id("rehearse").click()
    line(page, "You are rehearsing")
    go_live(page)
    assert page.get_by_test_id("rehearsal").is_hidden()
    assert studio.state() is LectureState.LIVE


def test_a_pause_a_reload_and_devices_that_change(studio: Studio) -> None:
    page = studio.open()
    assert page.get_by_test_id("pause").is_hidden()
    go_live(page)
    assert page.get_by_test_id("confirm").count() == 0
    page.get_by_test_id("delay").filter(has_text="seconds later").wait_for()
    page.get_by_test_id("quality").filter(has_text="Your connection is good").wait_for()
    for _press in range(2):  # sources change, and the recorder goes on
        page.get_by_test_id("camera").click()
    page.get_by_test_id("screen").click()
    expect(page.get_by_test_id("screen")).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("screen").click()
    expect(page.get_by_test_id("screen")).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Microphone", exact=True).first.select_option(index=1)
    assert studio.sessions() == 1

    page.get_by_test_id("pause").click()
    line(page, "The lecture is paused")
    assert page.get_by_test_id("room").get_attribute("data-state") == "paused"
    first = page.get_by_test_id("back-at").text_content()
    page.get_by_role("button", name="In 15 minutes").click()
    page.wait_for_function("before => document.getElementById('back-text').textContent !== before", arg=first)
    page.get_by_test_id("pause").click()
    line(page, "You are seen and heard")
    assert studio.sessions() == 2

    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    line(page, "You are seen and heard")
    assert studio.sessions() == 3
    page.get_by_test_id("end-lecture").click()
    page.get_by_test_id("confirm").click()
    page.get_by_test_id("reopen").click()
    line(page, "The lecture is live, and nothing is sent")
    go_live(page)


def test_a_second_instructor_takes_over_and_the_first_reads_it(studio: Studio) -> None:
    lin, omar = studio.open(), studio.open("oma@x.example")
    go_live(lin)
    line(omar, "Lin Yuhan is sending this lecture")
    omar.get_by_test_id("go-live").click()
    omar.get_by_text("Lin Yuhan is sending this lecture from another computer.").wait_for()
    expect(omar.get_by_test_id("confirm")).to_be_in_viewport()
    assert omar.get_by_test_id("go-live").is_hidden()  # the question stands in its place
    question = omar.get_by_role("group", name=re.compile("is sending this lecture from another"))
    # A screen reader reads the name of a group with the button in it that takes the focus
    assert question.evaluate("(group) => document.activeElement === group.querySelector('button')")
    omar.get_by_role("button", name="Cancel").click()
    omar.get_by_test_id("go-live").click()
    omar.get_by_test_id("confirm").click()
    line(omar, "You are seen and heard")
    line(lin, "This lecture is now sent from another page or computer")
    assert lin.get_by_test_id("go-live").is_enabled()


def test_an_instructor_who_vanishes_is_replaced(studio: Studio) -> None:
    lin, omar = studio.open(), studio.open("oma@x.example")
    go_live(lin)
    lin.context.set_offline(True)
    line(lin, "Your connection is interrupted")
    lin.get_by_test_id("quality").filter(has_text="seconds are kept on this computer").wait_for()
    line(omar, "Nothing arrives from Lin Yuhan at the moment", 60_000)
    lin.context.set_offline(False)
    line(lin, "You are seen and heard")
    line(omar, "Lin Yuhan is sending this lecture")


def test_a_tab_that_dies_is_replaced_without_a_question_and_viewers_keep_the_picture(studio: Studio) -> None:
    studio.site.make.enrolment(studio.series, studio.site.make.person("Ada", email="ada@x.example", password=PASSWORD))
    lin = studio.open()
    go_live(lin)
    visitor = studio.sign_in("ada@x.example")
    visitor.page.add_init_script(
        """
        window.said = [];
        addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
          const air = document.getElementById("air");
          if (air) window.said.push(air.textContent);
        }).observe(document, { subtree: true, childList: true, characterData: true }));
        """
    )
    visitor.go(studio.path)
    ada = visitor.page
    ada.wait_for_function(PLAYS, timeout=60_000)
    lin.context.close()
    ada.get_by_test_id("air").filter(has_text="Waiting for the lecturer").wait_for()
    again = studio.open()
    line(again, "Nothing arrives from Lin Yuhan at the moment", 60_000)
    before = ada.evaluate("document.getElementById('video').currentTime")
    go_live(again)
    ada.wait_for_function("before => document.getElementById('video').currentTime > before + 2", arg=before)
    assert ada.evaluate("document.getElementById('player').dataset.shows") == "picture"
    assert [words for words in ada.evaluate("window.said") if "connection is slow" in words] == []


def test_what_was_recorded_until_somebody_else_ended_the_lecture_is_sent(studio: Studio) -> None:
    page = studio.open()
    go_live(page)
    studio.stopping.set()  # how long the packager waits is its own rule
    page.route("**/streams/*/*", lambda route: route.fulfill(status=429, body="slow down"))
    line(page, "The server takes nothing at the moment")
    page.get_by_test_id("quality").filter(has_text="seconds are kept on this computer").wait_for()
    studio.site.within(lambda: end_lecture(studio.lecture.id, by=SYSTEM, at=clock.now()))
    line(page, "The lecture was ended by someone else")
    page.unroute("**/streams/*/*")
    page.locator("[data-testid=room][data-state=over]").wait_for()
    page.wait_for_function("() => document.getElementById('studio') === null")

    def chunks() -> tuple[int | None, int]:
        session = db.session.query(StreamSession).one()
        return session.chunk_count, count_chunks(session)

    stated, stored = studio.site.within(chunks)
    assert stated == stored > 4


def test_a_session_without_its_first_chunk_is_begun_anew(studio: Studio) -> None:
    page = studio.open()
    page.route("**/streams/*/0", lambda route: route.fulfill(status=413, body="too large"), times=1)
    go_live(page)
    assert studio.sessions() == 2


def test_a_disk_nearly_full_leaves_the_sound_and_comes_back(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    page = studio.open()
    go_live(page)
    with monkeypatch.context() as little:
        little.setattr(files, "free_bytes", lambda: LITTLE_DISK - 1)
        line(page, "Viewers hear you and do not see you")
    line(page, "You are seen and heard")
    assert studio.sessions() == 3


def test_what_does_not_reach_viewers_is_said(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packager is gone, or a packager that does not keep up: nothing new is in the playlist."""
    monkeypatch.setattr(views, "STUCK_SECONDS", 6)
    page = studio.open()
    go_live(page)
    studio.stopping.set()
    line(page, "What you send is stored, but viewers do not get it")


def test_a_clock_that_jumps_changes_nothing(studio: Studio) -> None:
    visitor = studio.sign_in("lin@x.example")
    visitor.page.add_init_script(
        "const real = Date.now; let jump = 0; Date.now = () => real() + jump; window.jump = (ms) => { jump = ms; };"
    )
    visitor.go(studio.path)
    page = visitor.page
    go_live(page)
    page.evaluate("window.jump(-7200000)")
    page.wait_for_timeout(3000)
    page.evaluate("window.jump(7200000)")
    page.get_by_test_id("delay").filter(has_text="seconds later").wait_for()
    words = page.get_by_test_id("delay").text_content() or ""
    assert 2 < int("".join(filter(str.isdigit, words))) < 30
    assert studio.sessions() == 1


def test_a_refused_chunk_is_told_with_its_reason(studio: Studio) -> None:
    page = studio.open()
    go_live(page)

    def refuse(route: Route) -> None:
        if route.request.method == "PUT":
            route.fulfill(status=422, json={"detail": "This is not a recording."})
        else:
            route.continue_()

    page.route("**/streams/**", refuse)
    line(page, "The server takes nothing more: This is not a recording.")


def test_a_microphone_that_is_pulled_out_is_noticed(studio: Studio) -> None:
    visitor = studio.sign_in("lin@x.example")
    visitor.page.add_init_script(
        """
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => (window.last = await ask(wanted));
        """
    )
    visitor.go(studio.path)
    page = visitor.page
    go_live(page)
    page.evaluate("window.last.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    page.get_by_test_id("trouble").filter(has_text="The microphone was disconnected").wait_for()
    page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    expect(page.get_by_test_id("trouble")).to_have_text("")
    assert studio.sessions() == 1


def test_without_a_database_in_the_browser_the_lecture_is_sent(studio: Studio) -> None:
    visitor = studio.sign_in("lin@x.example")
    visitor.page.add_init_script("indexedDB.open = () => { throw new Error('private window'); };")
    visitor.go(studio.path)
    go_live(visitor.page)
    visitor.page.get_by_test_id("delay").filter(has_text="seconds later").wait_for()
