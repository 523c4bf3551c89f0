"""The room's page while its line is down: it keeps what it cannot send, and sends it when the line is back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import groupby

import pytest
from sqlalchemy import select

from lms.attendance.actions.room import open_join
from lms.attendance.models.evidence import Beat
from lms.core.database.session import db
from lms.core.time import clock
from lms.live import actions
from tests.journeys.conftest import Site, Visitor

pytestmark = pytest.mark.xdist_group("browser")
COUNT_WAKE_LOCKS = """
window.asked = 0;
const request = WakeLock.prototype.request;
WakeLock.prototype.request = function (...given) { window.asked += 1; return request.apply(this, given); };
"""


@pytest.mark.long
def test_what_was_kept_without_a_line_is_sent_and_counted(
    site: Site, sign_in: Callable[[str], Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "open_join", partial(open_join, beat_seconds=1))
    series = site.make.series()
    site.make.enrolment(series, site.make.person("Ada", email="ada@x.example", password="correct horse battery"))
    began = clock.now() - timedelta(minutes=30)
    lecture = site.make.lecture(
        series, state="live", starts_at=began, actual_start=began, join_url="https://meet.example/1"
    )
    ada = sign_in("ada@x.example")
    page = ada.page
    page.add_init_script(COUNT_WAKE_LOCKS)
    ada.go(f"/lectures/{lecture.id}/room")
    line = page.locator("#line")
    line.filter(has_text="You are being counted").wait_for()
    assert page.get_by_test_id("meeting").get_attribute("href") == "https://meet.example/1"

    assert page.evaluate("asked") == 1

    page.context.set_offline(True)
    line.filter(has_text="You are offline").wait_for()
    for _time in range(4):
        page.wait_for_event("requestfailed", lambda request: request.url.endswith("/presence"))
    page.context.set_offline(False)
    line.filter(has_text="have been counted").wait_for()

    def beats() -> list[bool]:
        return list(db.session.scalars(select(Beat.offline).order_by(Beat.received_ms)))

    offline = site.within(beats)
    assert [kept for kept, _beats in groupby(offline)] == [False, True, False]
    assert sum(offline) >= 2
    ada.is_accessible("room of an outside meeting")
