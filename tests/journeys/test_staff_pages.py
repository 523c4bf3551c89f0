"""The navigation of staff on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]

BOX = "e => { const b = e.getBoundingClientRect(); return [b.left, b.right, b.height] }"


def test_the_navigation_of_staff_is_one_line_on_a_phone_with_the_current_page_in_view(
    site: Site, sign_in: Callable[[str], Visitor]
) -> None:
    site.make.person("Lin Yuhan", "lin@example.org", roles=["administrator", "instructor", ("focal_point", "KE")])
    staff = sign_in("lin@example.org")
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
