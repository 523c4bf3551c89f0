"""The main ways of a trainee and of a lecturer in Firefox and WebKit, and what only these browsers do."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest

from lms.attendance.models.evidence import Beat
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.models import Person
from lms.streaming.actions import begin_streaming
from lms.streaming.chunk_store import store_chunk
from lms.streaming.models import StreamSession, Track
from lms.streaming.packager import run_packager
from lms.streaming.queries import get_session
from tests.factories import PASSWORD
from tests.journeys.conftest import Site
from tests.streaming.media import chunks_of, webm
from tests.webdriver import Session, firefox, until, webkit

pytestmark = [pytest.mark.xdist_group("camera"), pytest.mark.long]
PLAYS = "!document.getElementById('video').paused && document.getElementById('video').currentTime > 1"


class Course:
    """A series with a lecture that begins in a minute, its lecturer and a trainee."""

    def __init__(self, site: Site) -> None:
        self.site, self.stopping = site, threading.Event()
        self.teacher = self.person("Lin Yuhan", roles=["instructor"])
        self.person("Ada")
        self.series = site.make.series("pay", instructors=[self.teacher], policy={"min_percent": 10})
        self.lecture = site.make.lecture(self.series, starts_at=clock.now() + timedelta(minutes=1))
        self.path = f"/lectures/{self.lecture.id}/room"

    def person(self, name: str, **more: list[str]) -> Person:
        return self.site.make.person(name, email=f"{name[:3].lower()}@x.example", password=PASSWORD, **more)

    def sign_in(self, browser: Session, name: str) -> None:
        browser.go(f"{self.site.address}/sign-in")
        browser.write("#email", f"{name}@x.example")
        browser.write("[name=password]", PASSWORD)
        browser.press("main form [type=submit]")
        browser.wait("!location.pathname.startsWith('/sign-in')")

    def enrol(self, browser: Session) -> None:
        """The trainee enrols and enters the room."""
        self.sign_in(browser, "ada")
        browser.go(f"{self.site.address}/series/pay")
        browser.press("[data-testid=enrol]")
        browser.reads("You are enrolled")
        browser.go(self.site.address + self.path)

    def send(self, seconds: int = 60, ahead: int = 10) -> None:
        """Sends a second each second from now on, the first ones at once."""
        by = self.site.make.actor(self.teacher)

        def work() -> None:
            with self.site.app.app_context():
                start_lecture(self.lecture.id, by=SYSTEM, at=clock.now())
                session = begin_streaming(self.lecture.id, Track.MAIN, by=by, at=clock.now())
                for number, chunk in enumerate(chunks_of(webm(seconds), seconds)):
                    if self.stopping.wait(1 if number > ahead else 0):
                        return
                    store_chunk(get_session(session.public_id), number, chunk, sha256=hashlib.sha256(chunk).digest())

        threading.Thread(target=work).start()

    def is_counted(self, browser: Session) -> None:
        """The trainee leaves the room, the lecture ends, and it counts as attended."""
        before = self.beats()
        played = browser.run("return document.getElementById('video').currentTime")
        browser.wait(f"document.getElementById('video').currentTime > {played} + 3")
        browser.go(f"{self.site.address}/me")
        until(lambda: self.beats() > before, 10, lambda: "the last heartbeat does not come")
        self.site.within(lambda: end_lecture(self.lecture.id, by=SYSTEM, at=clock.now()))
        self.site.work()
        browser.send("Refresh")
        browser.wait(f"document.querySelector('[data-testid=attendance-{self.lecture.id}][data-outcome=attended]')")

    def beats(self) -> int:
        return self.site.within(lambda: db.session.query(Beat).count())

    def sessions(self) -> int:
        return self.site.within(lambda: db.session.query(StreamSession).count())


@pytest.fixture
def course(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Course]:
    monkeypatch.setattr(site.app.extensions["lms.config"], "segment_seconds", 1)
    running = Course(site)
    packager = threading.Thread(target=run_packager, args=(site.app, running.stopping))
    packager.start()
    yield running
    running.stopping.set()
    packager.join(20)


def test_firefox_gives_a_lecture_and_follows_it(course: Course, tmp_path: Path) -> None:
    """On a machine without loudspeakers, as those of tests are: Firefox then mixes no sound."""
    with firefox(tmp_path / "lin") as lin, firefox(tmp_path / "ada") as ada:
        course.sign_in(lin, "lin")
        lin.go(f"{course.site.address}/verify")
        with pikepdf.open(io.BytesIO(lin.paper())) as printed:
            assert len(printed.pages) == 1
        lin.send("SetWindowRect", width=450, height=900)
        lin.go(f"{course.site.address}/lectures/{course.lecture.id}/postpone")
        widths = "[...document.querySelectorAll('[name=starts_at], .filters')].map((e) => e.clientWidth)"
        row, start = lin.run(f"return {widths}")
        assert start > 0.8 * row
        lin.send("SetWindowRect", width=1280, height=900)
        lin.go(course.site.address + course.path)
        lin.press("#allow")
        lin.reads("Ready. Nobody sees you yet.")
        lin.press("#go-live")
        lin.reads("You are seen and heard")
        lin.reads("Viewers hear your microphone.")
        course.enrol(ada)
        ada.wait(PLAYS, 60)
        sessions = course.sessions()  # a slow machine may have begun another one, once its sound was there
        lin.send("Refresh")
        lin.reads("You are seen and heard")
        assert course.sessions() > sessions
        course.is_counted(ada)


def test_webkit_plays_muted_until_sound_is_turned_on_and_says_what_the_system_paused(
    course: Course, tmp_path: Path
) -> None:
    with webkit(tmp_path) as ada:
        course.send()
        course.enrol(ada)
        ada.wait(PLAYS, 60)
        ada.reads("The sound is off.")
        ada.press("#sound-on")
        ada.wait("!document.getElementById('video').muted && document.getElementById('air').textContent === ''")
        ada.run("document.getElementById('video').pause()")  # as a call does
        ada.reads("Your browser waits for you: press Play.")
        assert ada.run("return document.getElementById('room').dataset.follows") == "no"
        ada.press("#play")
        ada.wait("document.getElementById('air').textContent === ''")
        ada.press("#toggle")
        ada.reads("You have paused the lecture.")
        ada.press("#toggle")
        ada.wait("document.getElementById('room').dataset.follows === 'yes'")
        course.is_counted(ada)
