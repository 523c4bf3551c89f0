"""The room of a lecture given in the browser for its viewers: before, live, with sound only, and as a replay."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from lms.catalogue.actions.pauses import pause_lecture, resume_lecture
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.models import Lecture
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.live import views
from lms.recordings.actions import set_captions
from lms.recordings.queries import find_recording_stream
from lms.streaming.actions import begin_streaming, stop_streaming
from lms.streaming.chunk_store import store_chunk
from lms.streaming.models import Track
from lms.streaming.packager import run_packager
from lms.streaming.queries import Chapter, get_session
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor
from tests.journeys.machines import until
from tests.journeys.test_lecture_room import browser
from tests.streaming.media import chunks_of, webm

__all__ = ["browser"]
pytestmark = [pytest.mark.xdist_group("camera"), pytest.mark.long]
PLAYS = (
    "() => { const video = document.getElementById('video'); return video && !video.paused && video.currentTime > 1; }"
)
REFUSE_SOUND = """
const play = HTMLMediaElement.prototype.play;
let isPressed = false;
addEventListener("click", () => { isPressed = true; }, true);
HTMLMediaElement.prototype.play = function () {
  return this.muted || isPressed ? play.call(this) : Promise.reject(new DOMException("", "NotAllowedError"));
};
"""


class Hall:
    """A lecture with an instructor who sends it and somebody who watches it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.stopping, self.is_over = threading.Event(), threading.Event()
        make = site.make
        self.teacher = make.person("Lin Yuhan", email="lin@x.example", password=PASSWORD, roles=["instructor"])
        self.series = series = make.series(instructors=[self.teacher])
        make.enrolment(series, make.person("Ada", email="ada@x.example", password=PASSWORD))
        self.lecture: Lecture = make.lecture(
            series,
            "Getting paid",
            starts_at=clock.now() + timedelta(minutes=8),
            instructors=[self.teacher],
            materials=[{"title": "Slides", "url": "https://x.example/slides.pdf"}],
        )
        self.path = f"/lectures/{self.lecture.id}/room"
        self.threads = [threading.Thread(target=run_packager, args=(site.app, self.stopping))]

    def start(self) -> None:
        self.site.within(lambda: start_lecture(self.lecture.id, by=SYSTEM, at=clock.now()))

    def end(self) -> None:
        self.is_over.set()
        self.site.within(lambda: end_lecture(self.lecture.id, by=SYSTEM, at=clock.now()))

    def add_captions(self, webvtt: str, language: str) -> None:
        """Adds captions once the recording is complete."""

        def has_recording() -> bool:
            return self.site.within(lambda: find_recording_stream(self.lecture.id)) is not None

        until(has_recording, "the recording of the lecture")
        content = f"WEBVTT\n\n{webvtt}".encode()
        self.site.within(
            lambda: set_captions(self.lecture.id, language, content, are_of_replay=True, by=SYSTEM, at=clock.now())
        )

    def send(self, seconds: int = 60, ahead: int = 6) -> None:
        """Sends a second each second from now on, the first ones at once."""

        def work() -> None:
            with self.site.app.app_context():
                by = self.site.make.actor(self.teacher)
                session = begin_streaming(self.lecture.id, Track.MAIN, by=by, at=clock.now())
                for number, chunk in enumerate(chunks_of(webm(seconds), seconds)):
                    if self.is_over.wait(1 if number > ahead else 0):
                        stop_streaming(session.public_id, chunk_count=number, at=clock.now())
                        return
                    store_chunk(get_session(session.public_id), number, chunk, sha256=hashlib.sha256(chunk).digest())

        self.threads.append(threading.Thread(target=work))
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.is_over.set()
        self.stopping.set()
        for thread in self.threads:
            if thread.ident:
                thread.join(20)


@pytest.fixture
def hall(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    monkeypatch.setattr(site.app.extensions["lms.config"], "segment_seconds", 1)
    running = Hall(site)
    yield running
    running.stop()


def loaded(page: Page) -> list[str]:
    """The segments that a page asks for from now on."""
    names: list[str] = []
    page.on("request", lambda request: names.append(request.url.rsplit("/", 1)[1]) if ".m4s" in request.url else None)
    return names


NO_SOUND_OUTPUT = """
AudioContext.prototype.resume = () => new Promise(() => {});
Object.defineProperty(AudioContext.prototype, "state", { get: () => "suspended" });
"""


def test_from_the_countdown_to_the_replay(
    hall: Hall, sign_in: Callable[[str], Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    chapters = [Chapter(0, "Wallets"), Chapter(4000, "Cards")]
    monkeypatch.setattr(views, "list_chapters", lambda _lecture_id: chapters)
    ada = sign_in("ada@x.example")
    page = ada.page
    room, player, air = page.get_by_test_id("room"), page.get_by_test_id("player"), page.get_by_test_id("air")
    scripts: list[str] = []
    page.on("request", lambda request: scripts.append(request.url))
    ada.go(hall.path)
    ada.reads("in 8 minutes")
    ada.reads("Slides")
    assert page.get_by_role("link", name="Add to calendar").get_attribute("href") == f"/lectures/{hall.lecture.id}.ics"
    page.get_by_test_id("play-tones").click()
    page.get_by_role("button", name="No").click()
    ada.reads("This tab is not muted in your browser.")
    page.get_by_role("button", name="Yes").click()
    ada.reads("Your sound works.")
    page.evaluate(NO_SOUND_OUTPUT)
    page.get_by_test_id("play-tones").click()
    page.get_by_text("This tab is not muted in your browser.").wait_for()
    assert page.get_by_role("button", name="Yes").is_hidden()  # nothing played that could be heard
    ada.is_accessible("room, waiting for a lecture in the browser")
    assert player.count() == 0
    assert not [url for url in scripts if "/player." in url]

    hall.start()
    room.and_(page.locator("[data-state=live]")).wait_for(timeout=20_000)
    air.filter(has_text="has not started sending yet").wait_for()
    hall.send(ahead=20)
    page.wait_for_function(PLAYS, timeout=60_000)
    assert air.text_content() == ""
    room.and_(page.locator("[data-follows=yes]")).wait_for()
    page.keyboard.press("m")
    assert player.evaluate("video => video.muted")
    page.keyboard.press(" ")
    air.filter(has_text="You have paused the lecture.").wait_for()
    assert room.get_attribute("data-follows") == "no"
    page.keyboard.press("k")
    page.wait_for_function(PLAYS)
    ada.is_accessible("room, live")

    page.get_by_test_id("audio-only").check()
    names = loaded(page)
    page.wait_for_function(PLAYS)
    assert names
    assert not [name for name in names if not name.startswith(("a", "s"))]
    assert room.get_attribute("data-low-data") == "yes"
    ada.is_accessible("room, sound only")
    page.get_by_test_id("with-picture").check()
    page.wait_for_function(PLAYS)

    page.context.set_offline(True)
    air.filter(has_text="You are offline").wait_for(timeout=40_000)
    page.context.set_offline(False)
    page.wait_for_function(PLAYS, timeout=30_000)

    hall.end()
    hall.add_captions("00:05.000 --> 00:25.000\nLa carte & le code", "fr")
    page.locator("#chapters").wait_for(timeout=40_000)
    page.locator("#play").click()  # nobody hears again at once what is just over
    page.wait_for_function(PLAYS)
    page.get_by_role("button", name="Cards").click()
    page.wait_for_function("() => document.getElementById('video').currentTime > 4.5")
    assert page.locator("#chapters [aria-current]").inner_text().endswith("Cards")
    page.get_by_test_id("captions").select_option("fr")
    page.get_by_test_id("captions-place").filter(has_text="La carte & le code").wait_for()
    page.get_by_test_id("captions").select_option("")
    assert page.get_by_test_id("captions-place").is_hidden()
    page.get_by_test_id("speed").select_option("2")
    assert player.evaluate("video => video.playbackRate") == 2
    page.locator("h1").click()
    before = player.evaluate("video => { video.pause(); return video.currentTime; }")
    page.keyboard.press("l")
    assert player.evaluate("video => video.currentTime") > before + 3
    page.keyboard.press("ArrowLeft")
    assert player.evaluate("video => video.currentTime") < before + 25
    player.evaluate("video => { video.currentTime = 12.5; }")
    page.reload()
    page.wait_for_function("() => document.getElementById('video').currentTime >= 12", timeout=20_000)
    ada.is_accessible("room, replay")

    page.get_by_role("link", name="Transcript", exact=True).click()
    passage = page.locator("#transcript a")
    passage.click()
    page.wait_for_function("() => Math.abs(document.getElementById('video').currentTime - 5) < 3")
    expect(passage).to_have_attribute("aria-current", "true")
    page.get_by_test_id("captions").select_option("fr")
    page.get_by_test_id("transcript").click()
    ada.is_accessible("transcript")
    page.get_by_role("searchbox", name="Words in the transcript").fill("carte")
    page.keyboard.press("Enter")
    page.get_by_test_id("found").filter(has_text="1 passage of 1").wait_for()
    page.get_by_role("link", name="Watch from 0:00:05").click()
    page.wait_for_function("() => Math.abs(document.getElementById('video').currentTime - 5) < 3", timeout=20_000)


def test_minutes_count_for_a_minute_while_the_player_loads(hall: Hall, sign_in: Callable[[str], Visitor]) -> None:
    hall.start()
    hall.send(ahead=10)
    ada = sign_in("ada@x.example")
    page = ada.page
    page.add_init_script(
        "const real = performance.now.bind(performance); let jump = 0; performance.now = () => real() + jump;"
        "window.jump = (ms) => { jump = ms; };"
    )
    page.route("**/player.*.js", lambda _route: None)  # it never comes
    ada.go(hall.path)
    air, room = page.get_by_test_id("air"), page.get_by_test_id("room")
    air.filter(has_text="The lecture is loading. Your minutes count.").wait_for(timeout=60_000)
    assert room.get_attribute("data-follows") == "yes"
    page.evaluate("window.jump(60_000)")
    air.filter(has_text="Minutes count again when the lecture plays.").wait_for()
    assert room.get_attribute("data-follows") == "no"


def test_a_bad_line_gets_the_sound_only(hall: Hall, sign_in: Callable[[str], Visitor]) -> None:
    hall.start()
    hall.send(ahead=10)
    ada = sign_in("ada@x.example")
    page = ada.page
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    ada.go(hall.path)
    page.wait_for_function(PLAYS, timeout=60_000)
    slow = {"offline": False, "latency": 100, "downloadThroughput": 6_000, "uploadThroughput": 20_000}
    line.send("Network.emulateNetworkConditions", slow)
    page.get_by_test_id("air").filter(has_text="you now get the sound only").wait_for(timeout=60_000)
    names = loaded(page)
    assert page.get_by_test_id("audio-only").is_checked()
    page.wait_for_function(PLAYS, timeout=60_000)
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({name}) => /\\/s\\d+\\.m4s/.test(name))"
    )
    assert {name[0] for name in names} <= {"a", "s"}


def test_who_saves_data_begins_with_the_sound_only(hall: Hall, sign_in: Callable[[str], Visitor]) -> None:
    hall.start()
    hall.send(ahead=10)
    page = sign_in("ada@x.example").page
    page.add_init_script("Object.defineProperty(navigator, 'connection', { value: { saveData: true } })")
    names = loaded(page)
    joins: list[str] = []
    page.on("request", lambda sent: joins.append(sent.post_data or "") if "/join" in sent.url else None)
    page.goto(hall.site.address + hall.path)
    page.wait_for_function(PLAYS, timeout=60_000)
    assert {name[0] for name in names} <= {"a", "s"}
    assert joins == ["low_data=1"]
    page.get_by_test_id("with-picture").check()
    page.wait_for_function(PLAYS)
    assert names[-1][0] in "tv"
    assert {name[0] for name in names} <= {"a", "s", "t", "v"}


def test_a_thin_line_gets_the_small_picture_and_is_told_its_speed(
    hall: Hall, sign_in: Callable[[str], Visitor]
) -> None:
    hall.start()
    hall.send(ahead=10)
    ada = sign_in("ada@x.example")
    page = ada.page
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    ada.go(hall.path)
    page.wait_for_function(PLAYS, timeout=60_000)
    page.get_by_test_id("line-speed").filter(has_text="Mbit/s").wait_for()
    thin = {"offline": False, "latency": 50, "downloadThroughput": 40_000, "uploadThroughput": 20_000}
    line.send("Network.emulateNetworkConditions", thin)
    page.get_by_test_id("line-speed").filter(has_text="You get the small picture.").wait_for(timeout=60_000)
    page.get_by_test_id("line-speed").filter(has_text="kbit/s").wait_for()
    names = loaded(page)
    page.wait_for_function(PLAYS, timeout=60_000)
    page.wait_for_function("() => document.getElementById('video').videoHeight === 240")
    assert page.get_by_test_id("with-picture").is_checked()
    assert {name[0] for name in names} <= {"t"}
    ada.is_accessible("room, small picture")

    line.send("Network.emulateNetworkConditions", thin | {"downloadThroughput": -1})
    page.wait_for_function("() => document.getElementById('video').videoHeight === 360", timeout=60_000)
    page.get_by_test_id("small-picture").check()
    page.wait_for_function("() => document.getElementById('video').videoHeight === 240", timeout=60_000)
    hall.end()
    page.locator("#chapters, [data-kind=replay]").first.wait_for(timeout=60_000)
    page.locator("#play").click()
    page.wait_for_function(PLAYS)
    assert page.get_by_test_id("small-picture").is_checked()
    assert page.get_by_test_id("player").evaluate("video => video.videoHeight") == 240


def test_a_pause_is_shown_with_its_end(hall: Hall, sign_in: Callable[[str], Visitor]) -> None:
    hall.start()
    ada = sign_in("ada@x.example")
    ada.go(hall.path)
    air = ada.page.get_by_test_id("air")
    air.filter(has_text="has not started sending yet").wait_for()
    at = clock.now()
    hall.site.within(lambda: pause_lecture(hall.lecture.id, minutes=5, by=SYSTEM, at=at))
    resumes = at + timedelta(minutes=5)
    air.filter(has_text=f"Paused until {resumes:%H:%M}. No minutes are counted until then.").wait_for(timeout=20_000)
    assert ada.page.get_by_test_id("room").get_attribute("data-state") == "paused"
    ada.is_accessible("room, paused")
    hall.site.within(lambda: resume_lecture(hall.lecture.id, by=SYSTEM, at=clock.now()))
    air.filter(has_text="has not started sending yet").wait_for(timeout=20_000)


def test_a_browser_that_allows_no_sound_plays_without_it_until_a_button_is_pressed(
    hall: Hall, sign_in: Callable[[str], Visitor]
) -> None:
    hall.start()
    hall.send(ahead=10)
    page = sign_in("ada@x.example").page
    page.add_init_script(REFUSE_SOUND)
    page.goto(hall.site.address + hall.path)
    page.get_by_test_id("sound-on").wait_for(timeout=60_000)
    page.wait_for_function(PLAYS)
    page.get_by_test_id("air").filter(has_text="The sound is off.").wait_for()
    grounds = [
        page.locator(f"#{name}").evaluate("e => getComputedStyle(e).backgroundColor") for name in ("mute", "full")
    ]
    assert grounds[0] != grounds[1]  # it is pressed
    page.get_by_test_id("audio-only").check()
    page.locator("#cover").wait_for()
    words, button = page.locator("#cover").bounding_box(), page.get_by_test_id("sound-on").bounding_box()
    assert words is not None
    assert button is not None
    assert words["y"] + words["height"] <= button["y"]
    page.get_by_test_id("with-picture").check()
    page.get_by_test_id("sound-on").click()
    page.wait_for_function("() => !document.getElementById('video').muted")
    page.get_by_test_id("sound-on").wait_for(state="hidden")
    page.wait_for_function(PLAYS)
