"""How far behind the instructor viewers are: the time is drawn into the camera's picture and read back from theirs."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select

from bench.site import ACCOUNTS, Bench
from bench.table import CannotMeasure
from lms.app import create_app
from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.inputs import LectureInput
from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.people.models import PersonEmail

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
PLAYS = "() => { const video = document.getElementById('video'); return !video.paused && video.currentTime > 1; }"
CLOCK_AS_CAMERA = """
const [BITS, WIDE, HIGH] = [32, 640, 360];
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDE, height: HIGH });
  const context = canvas.getContext("2d");
  setInterval(() => {
    const now = Date.now() % 2 ** BITS;
    for (let bit = 0; bit < BITS; bit++) {
      context.fillStyle = Math.floor(now / 2 ** bit) % 2 ? "#fff" : "#000";
      context.fillRect(bit * WIDE / BITS, 0, WIDE / BITS, HIGH);
    }
  }, 50);
  const audio = new AudioContext();
  const [tone, output] = [audio.createOscillator(), audio.createMediaStreamDestination()];
  tone.connect(output);
  tone.start();
  return new MediaStream([...canvas.captureStream(20).getTracks(), ...output.stream.getTracks()]);
};
"""
"""Replaces the camera: 32 stripes are the bits of the time in milliseconds."""
READ_BACK = """() => {
  const [BITS, WIDE, HIGH] = [32, 640, 360];
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDE, height: HIGH });
  const context = canvas.getContext("2d");
  context.drawImage(document.getElementById("video"), 0, 0, WIDE, HIGH);
  const row = context.getImageData(0, HIGH / 2, WIDE, 1).data;
  let drawn = 0;
  for (let bit = 0; bit < BITS; bit++) if (row[4 * Math.floor((bit + 0.5) * WIDE / BITS)] > 127) drawn += 2 ** bit;
  return (Date.now() % 2 ** BITS - drawn) / 1000;
}"""
"""Seconds since the time that the viewer's picture shows."""


def delays(bench: Bench, count: int) -> list[float]:
    """Seconds from the camera to a viewer's picture, read so often from a lecture that goes on, in Chromium."""
    program = next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM") or "chromium", "google-chrome"))), None)
    if program is None:
        raise CannotMeasure("Chromium is not installed")
    lecture_id = _begin(bench)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
            teacher = _room(browser, bench, "admin", lecture_id, script=CLOCK_AS_CAMERA)
            teacher.get_by_test_id("go-live").click()
            teacher.get_by_test_id("studio-line").filter(has_text="You are seen and heard").wait_for()
            viewer = _room(browser, bench, "trainee", lecture_id)
            viewer.wait_for_function(PLAYS, timeout=60_000)
            viewer.wait_for_timeout(8_000)
            seconds = []
            for _turn in range(count):
                viewer.wait_for_timeout(700)
                seconds.append(float(viewer.evaluate(READ_BACK)))
            browser.close()
    finally:
        with create_app(bench.config).app_context():
            end_lecture(lecture_id, by=SYSTEM, at=clock.now())
            db.session.remove()
            db.engine.dispose()
    return seconds


def _begin(bench: Bench) -> int:
    """A lecture of a series of the trainee that has begun."""
    now = clock.now()
    with create_app(bench.config).app_context():
        slug = db.session.scalars(
            select(Series.slug)
            .join(Enrolment, Enrolment.series_id == Series.id)
            .join(PersonEmail, PersonEmail.person_id == Enrolment.person_id)
            .where(PersonEmail.key == ACCOUNTS["trainee"], Enrolment.status == EnrolmentStatus.ENROLLED)
            .order_by(Series.id)
        ).first()
        if slug is None:
            raise CannotMeasure("the trainee is enrolled in no series")
        starts_at = (now + timedelta(minutes=1)).replace(tzinfo=None, second=0, microsecond=0)
        draft = LectureInput(title="Glass to glass", time_zone="UTC", starts_at=starts_at)
        lecture_id = schedule_lecture(slug, draft, by=SYSTEM, at=now).id
        start_lecture(lecture_id, by=SYSTEM, at=now)
        db.session.remove()
        db.engine.dispose()
    return lecture_id


def _room(browser: Browser, bench: Bench, who: str, lecture_id: int, *, script: str = "") -> Page:
    address = f"http://127.0.0.1:{bench.site.port}"
    context = browser.new_context(base_url=address)
    name, _equals, value = bench.sign_in(who)["Cookie"].partition("=")
    context.add_cookies([{"name": name, "value": value, "url": address}])
    page = context.new_page()
    if script:
        page.add_init_script(script)
    page.goto(f"/lectures/{lecture_id}/room")
    return page
