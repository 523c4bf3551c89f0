"""A stranger's time zone: the browser's is read once, and the page in front of the reader changes where it stands."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.conftest import Site

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]


def test_the_browsers_zone_is_read_once(site: Site, browser: Browser) -> None:
    lecture = site.make.lecture(site.make.series("rules", "Rules of origin"), "Origin")  # 06:00 UTC
    path = f"{site.address}/lectures/{lecture.id}"
    context = browser.new_context(timezone_id="Asia/Kathmandu")
    page = context.new_page()
    opened: list[str] = []
    page.on("framenavigated", lambda frame: opened.append(frame.url))
    page.goto(path)
    expect(page.locator(".when")).to_contain_text("11:45–13:15")
    expect(page.locator(".when")).to_contain_text("Kathmandu, your time")
    expect(page.locator(".foot")).to_contain_text("Times are shown in Kathmandu time first.")
    assert opened == [path]
    page.goto(f"{site.address}/zone")
    page.locator("#time_zone").select_option("Africa/Nairobi")
    page.get_by_role("button", name="Use this time zone").click()
    page.goto(path)
    expect(page.locator(".when")).to_contain_text("Nairobi, your time")
    context.close()


@pytest.mark.parametrize(
    ("zone", "connection", "times"),
    [
        ("Asia/Singapore", "{}", 1),  # the clock of Shanghai
        ("Asia/Kathmandu", "{}", 2),
        ("Asia/Kathmandu", "{saveData: true}", 1),
        ("Asia/Kathmandu", "{effectiveType: '2g'}", 1),
    ],
)
def test_a_page_is_asked_for_again_only_for_other_times(
    site: Site, browser: Browser, zone: str, connection: str, times: int
) -> None:
    lecture = site.make.lecture(site.make.series("rules", "Rules of origin"), "Origin")
    path = f"{site.address}/lectures/{lecture.id}"
    context = browser.new_context(timezone_id=zone)
    context.add_init_script(f"Object.defineProperty(navigator, 'connection', {{get: () => ({connection})}})")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url == path else None)
    page.goto(path)
    page.wait_for_timeout(500)
    assert len(asked) == times
    page.goto(path)
    assert zone.split("/")[1] in page.locator(".when").inner_text()
    context.close()
