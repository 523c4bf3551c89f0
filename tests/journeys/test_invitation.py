"""A nomination, from the focal point to the place: the nominee has a phone, a keyboard and no account."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.journeys.conftest import PHONE, Site, Visitor
from tests.journeys.test_keyboard import Keys

pytestmark = pytest.mark.xdist_group("browser")
WAMBUI = "wambui@example.org"


@pytest.mark.long
def test_a_nominee_accepts_by_keyboard_on_a_phone(
    site: Site, sign_in: Callable[[str], Visitor], visit: Callable[[], Visitor]
) -> None:
    site.make.person("Peter Mutua", "peter@example.org", roles=[("focal_point", "KE")])
    series = site.make.series(
        "border",
        title="Digital customs for border officials",
        admission="nomination",
        policy={"certificate": "participation", "min_lectures_percent": 60},
    )
    site.make.lecture(series)
    site.make.lecture(series)

    focal = sign_in("peter@example.org")
    focal.go("/country")
    focal.press("Nominate a person")
    focal.is_accessible("nominate")
    form = focal.page.locator("main")
    form.locator("[name=email]").fill(WAMBUI)
    form.locator("[name=full_name]").fill("Wambui Kamau")
    focal.hook("nominate")
    focal.reads("Invited to “Digital customs for border officials”.")
    site.work()
    link = re.search(r"https?://\S+(/invitation/\S+)", site.last_mail(WAMBUI))
    assert link is not None

    nominee = visit()
    nominee.go(link[1])
    nominee.reads("Peter Mutua, focal point for Kenya, has nominated you.")
    nominee.is_accessible("invitation")
    nominee.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    keys = Keys(nominee)
    keys.press("Accept the place")  # without consent: the summary leads to the box
    nominee.reads("You must agree before we can record your attendance.")
    assert keys.tab() == "You must agree before we can record your attendance."
    nominee.page.keyboard.press("Enter")
    nominee.page.keyboard.press("Space")
    nominee.page.locator("#full_name").focus()
    nominee.page.keyboard.press("End")
    nominee.page.keyboard.type(" Njeri")
    assert nominee.page.locator("#preview-name").inner_text() == "Wambui Kamau Njeri"
    keys.press("Accept the place")
    assert nominee.heading() == "You have a place in “Digital customs for border officials”"
    nominee.is_accessible("invitation, accepted")

    keys.press("Choose a password")
    keys.write("New password", "seven lamps at noon")
    with nominee.page.expect_navigation():
        nominee.page.keyboard.press("Enter")
    nominee.reads("Your password was set.")
    nominee.reads("You are enrolled")
    focal.go("/country/nominations")
    focal.reads("1 confirmed")
