"""Two records of one person, merged and parted again by keyboard on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.conftest import PHONE, Site, Visitor
from tests.journeys.test_keyboard import Keys

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.long
def test_two_records_are_merged_and_parted(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    site.make.person("Zhou Anran", "zhou@example.org", roles=["administrator"])
    first, second = (
        site.make.person(name, email, country="NP", native_name="सीता गुरुङ", organisation="Customs")
        for name, email in (("Sita Gurung", "sita@tepc.example"), ("Seeta Gurung", "s.gurung@mail.example"))
    )
    for slug, person in (("customs", first), ("ports", second)):
        series = site.make.series(slug)
        site.make.lecture(series)
        site.make.enrolment(series, person)

    visitor = sign_in("zhou@example.org")
    visitor.go(f"/admin/people/{first.public_id}")
    visitor.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    keys = Keys(visitor)
    keys.press("1 possible duplicate")
    visitor.reads("Seeta Gurung")
    keys.press("Compare")
    assert visitor.heading() == "Are these the same person?"
    visitor.reads("Our totals stay the same.")
    keys.press("Merge into Sita Gurung")  # without a reason
    visitor.reads("Say how you know that this is the same person.")
    visitor.is_accessible("merge")
    visitor.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    keys.write("Reason", "She confirmed it on the telephone")
    keys.press("Merge into Sita Gurung")
    assert visitor.heading() == "The two records are one now"
    visitor.reads("2 series")
    visitor.is_accessible("merged")

    keys.press("Undo the merge")
    visitor.reads("The merge was undone.")
    visitor.reads("In one series")
