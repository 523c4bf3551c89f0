"""An administrator: finds a person, gives a role, issues certificates, proves one, reads the totals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lms.catalogue.queries.policies import current_policy
from lms.certificates.rules import WAIT
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.reports.actions.public import refresh_public_figures
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.every_site]


def test_from_a_person_to_a_proved_certificate(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    make = site.make
    make.person("Zhou Anran", "zhou@example.org", roles=["administrator"], country="CN")
    people = [
        make.person(f"Trainee {letter}", f"{letter.lower()}@example.org", password="correct horse battery")
        for letter in "ABCDEF"
    ]
    series = make.series("village", title="Livestream commerce", policy={"certificate": "participation"})
    began = clock.now() - timedelta(days=3)
    held = make.lecture(
        series,
        title="Selling live",
        starts_at=began,
        actual_start=began,
        actual_end=began + timedelta(minutes=90),
        state="held",
        policy_id=site.within(lambda: current_policy(series.id).id),
        at=began,
    )
    for person in people:
        make.enrolment(series, person, at=began - timedelta(days=1))
    site.be_there(held, *people[:5])
    site.within(lambda: refresh_public_figures(by=SYSTEM, at=clock.now()))
    visitor = sign_in("zhou@example.org")
    page = visitor.page

    visitor.go("/admin")
    assert visitor.heading() == "Nothing needs a decision"
    visitor.is_accessible("admin")

    # a person, and a role
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="People").click()
    visitor.is_accessible("people")
    page.locator("main [name=q]").fill("b@example.org")
    page.locator("main [name=q]").press("Enter")
    visitor.press("Trainee B")
    visitor.is_accessible("person")
    visitor.press("Edit profile")
    visitor.is_accessible("edit a person")
    page.locator("[name=role]").select_option("instructor")
    visitor.press("Grant role")
    visitor.hook("give-role")
    assert page.locator("#roles tbody th").inner_text() == "Instructor"

    # certificates, as a task that can be left
    visitor.go("/series/village")
    visitor.press("Certificates")
    assert visitor.heading() == "5 certificates to issue"
    visitor.is_accessible("certificates")
    visitor.hook("issue")
    assert visitor.heading() == "5 certificates will be issued"
    visitor.is_accessible("confirm issuing")
    visitor.hook("confirm")
    assert page.get_by_test_id("job").get_attribute("data-state") == "queued"
    visitor.is_accessible("issuing")
    site.work(after=WAIT)
    page.locator("[data-testid=job][data-state=done]").wait_for()  # the page renews itself
    assert page.get_by_test_id("issued").inner_text() == "5"
    visitor.go("/admin/status")
    visitor.is_accessible("status")
    visitor.reads("Issued: 5; Already issued: 0; Not earned: 1; Blocked: 0")
    page.locator("tr[data-testid^=job-]").filter(has_text="Issuing certificates").get_by_role("link").first.click()
    visitor.reads("Result")
    visitor.is_accessible("task")

    # the holder finds it, and anybody can prove it
    holder = sign_in("a@example.org")
    holder.go("/me")
    holder.is_accessible("me, certified")
    number = holder.page.get_by_test_id("certificate").get_attribute("data-number")
    assert number is not None
    with holder.page.expect_download() as downloading:
        holder.page.get_by_role("link", name="Download the PDF").click()
    assert downloading.value.path().read_bytes().startswith(b"%PDF")
    visitor.go("/")
    page.get_by_label("Certificate number").fill(number.lower().replace("-", " "))
    visitor.press("Verify")
    assert page.get_by_test_id("verdict").get_attribute("data-state") == "valid"
    visitor.reads("Trainee A")
    visitor.is_accessible("certificate")

    # the totals
    visitor.go("/")
    assert page.get_by_test_id("figure-sessions").get_attribute("data-value") == "1"
    assert page.get_by_test_id("figure-participants").get_attribute("data-value") == "5"
    assert page.get_by_test_id("figure-countries").get_attribute("data-value") == "1"
    page.get_by_test_id("figure-participants").get_by_role("link").click()
    assert "/impact" in page.url
    visitor.is_accessible("impact")
