"""A country that is on the list twice: merged and parted again by an administrator, by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.people.actions.countries import add_country
from tests.journeys.conftest import Site, Visitor
from tests.journeys.test_keyboard import Keys

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.long
def test_two_countries_are_merged_and_parted(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    site.within(lambda: add_country("QX", {"en": "Kenya Colony"}, region=None, by=SYSTEM, at=clock.now()))
    site.make.person("Zhou Anran", "zhou@example.org", country="CN", roles=["administrator"])
    series = site.make.series("customs")
    began = clock.now() - timedelta(days=9)
    times = {"starts_at": began, "actual_start": began, "actual_end": began + timedelta(minutes=90)}
    held = site.make.lecture(series, state="held", **times)
    people = [site.make.person(f"Otieno {code}", country=code) for code in ("KE", "QX", "QX")]
    for person in people:
        site.make.enrolment(series, person)
    site.be_there(held, *people)

    visitor = sign_in("zhou@example.org")
    visitor.go("/admin/countries/KE")
    keys = Keys(visitor)
    keys.press("Merge another country into this one")
    assert visitor.heading() == "Which country is also Kenya?"
    keys.write("Country or area", "Kenya C")
    keys.press("Preview")
    assert visitor.heading() == "Merge Kenya Colony into Kenya?"
    moves = visitor.page.get_by_test_id("moves-people").inner_text()
    assert moves.split() == ["People", "1", "2", "3"]
    visitor.reads("In our totals: countries 2 → 1. Partner countries 0 → 0. Participants 3 → 3.")
    keys.press("Merge into Kenya")  # without a reason
    visitor.reads("Say why these two are one country.")
    visitor.is_accessible("merge countries")
    keys.write("Reason", "The list had it twice")
    keys.press("Merge into Kenya")
    assert visitor.heading() == "The two countries are one now"
    visitor.reads("Kenya Colony is now Kenya.")
    visitor.reads("In our totals: countries 1 → 2.")

    keys.press("Undo the merge")
    visitor.reads("The merge was undone. They are two countries again.")
    assert visitor.heading() == "Kenya"
    visitor.go("/admin/countries/QX")
    assert visitor.heading() == "Kenya Colony"
    keys.to("Merge another country into this one")
