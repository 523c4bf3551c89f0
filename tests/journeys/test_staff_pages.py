"""Pages that staff use all day: how high they are, and the navigation of staff on a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lms.core import clock
from tests.journeys.conftest import Site, Visitor

HIGHEST = {"/teach": 1650, "/admin": 1400, "/admin/status": 1800}
"""The height in pixels that each page may have at 1280 px, in wide letters and with more rows than it shows."""
BOX = "e => { const b = e.getBoundingClientRect(); return [b.left, b.right, b.height] }"


@pytest.fixture
def staff(site: Site, sign_in: Callable[[str], Visitor]) -> Visitor:
    """Somebody with all roles of staff, who teaches much."""
    make, now = site.make, clock.now()
    roles = ["administrator", "instructor", ("focal_point", "KE")]
    teacher = make.person("Lin Yuhan", "lin@example.org", roles=roles)
    series = make.series("origin", "Rules of origin for small exporters", instructors=[teacher])
    for week in range(-9, 9):
        start = now + timedelta(days=7 * week, hours=3)
        held = {"state": "held", "actual_start": start, "actual_end": start + timedelta(minutes=90)} if week < 0 else {}
        make.lecture(series, "Getting paid across borders in small parcels", starts_at=start, **held)
    for number in range(9):
        make.lecture(series, f"Forgotten {number}", starts_at=now - timedelta(days=number + 1))
    return sign_in("lin@example.org")


def test_pages_end_soon(staff: Visitor) -> None:
    page = staff.page
    page.set_viewport_size({"width": 1280, "height": 800})
    high = {}
    for path, most in HIGHEST.items():
        staff.go(path)
        height = page.evaluate("document.documentElement.scrollHeight")
        if height > most:
            high[path] = height
    assert high == {}


def test_the_navigation_of_staff_is_one_line_on_a_phone_with_the_current_page_in_view(staff: Visitor) -> None:
    staff.page.set_viewport_size({"width": 390, "height": 844})
    staff.go("/admin/mail")
    line = staff.page.locator("nav.desk")
    left, right, height = line.evaluate(BOX)
    assert (left, right) == (0, 390)
    assert height < 70, "one line"
    left, right, _height = line.locator("[aria-current]").evaluate(BOX)
    assert left >= 0
    assert right <= 390
    first = line.get_by_role("link").first
    first.focus()
    left, right, _height = first.evaluate(BOX)
    assert left >= 0
    assert right <= 390
