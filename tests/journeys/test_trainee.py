"""A trainee: registers, enrols, sits in a lecture, is counted, withdraws."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sqlalchemy import func, select

from lms.attendance.models.evidence import Beat
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.text.i18n import language_tag
from lms.core.time import clock
from tests.journeys.conftest import Site, Visitor
from tests.journeys.machines import until

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.every_site]
EMAIL = "achieng@example.org"


def test_from_the_first_page_to_a_counted_lecture(site: Site, visit: Callable[..., Visitor], language: str) -> None:
    instructor = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = site.make.series(
        "parcels",
        title="From parcel to trade",
        description="How small exporters begin.",
        instructors=[instructor],
        policy={"certificate": "participation"},
    )
    starts = clock.now() + timedelta(minutes=20)
    lecture = site.make.lecture(
        series,
        title="Customs for small parcels",
        abstract="What a parcel needs.",
        starts_at=starts,
        instructors=[instructor],
        join_url="https://meet.example.org/parcels",
    )
    site.make.lecture(series, title="The last mile", starts_at=starts + timedelta(days=7), instructors=[instructor])
    trainee = visit(language)
    page, words = trainee.page, trainee.words

    # the first page, then registering
    trainee.go("/")
    assert page.locator("html").get_attribute("lang") == language_tag(language)
    assert trainee.heading() == words("Free online lectures on digital trade")
    trainee.is_accessible("home")
    trainee.press("Register")
    trainee.is_accessible("register")
    page.locator("[name=full_name]").fill("Achieng Odhiambo")
    page.locator("[name=email]").fill(EMAIL)
    page.locator("[name=country]").select_option("KE")
    page.locator("[name=consent]").check()
    trainee.press("Register")
    trainee.is_accessible("mail sent")

    # the link in the mail
    site.work()
    link = re.search(r"https?://\S+/confirm/\S+", site.last_mail(EMAIL))
    assert link is not None
    page.goto(link[0])
    trainee.is_accessible("confirm")
    page.locator("[name=password]").fill("a long enough one")
    trainee.press("Confirm and sign in")
    trainee.go("/me")
    assert trainee.heading() == words("Start with a series")
    trainee.is_accessible("me, empty")

    # into a series
    trainee.press("Find a series")
    trainee.is_accessible("series list")
    trainee.press("From parcel to trade")
    trainee.is_accessible("series")
    trainee.hook("enrol")
    trainee.reads("You are enrolled")
    site.work()
    assert "From parcel to trade" in site.last_mail(EMAIL)

    # the lecture, and its room
    trainee.press("Customs for small parcels")
    assert trainee.heading() == "Customs for small parcels"
    trainee.is_accessible("lecture")
    trainee.press("Go to the room")
    assert page.get_by_test_id("room").get_attribute("data-state") == "waiting"
    trainee.is_accessible("room, waiting")
    site.within(lambda: start_lecture(lecture.id, by=SYSTEM, at=clock.now()))
    trainee.go(f"/lectures/{lecture.id}/room")
    assert page.get_by_test_id("room").get_attribute("data-state") == "live"
    page.locator("#line", has_text=words("You are being counted.")).wait_for()
    assert page.get_by_test_id("meeting").get_attribute("href") == "https://meet.example.org/parcels"
    page.wait_for_timeout(4000)
    received = site.within(count_beats)
    trainee.go("/me")
    assert trainee.heading() == words("Your lecture is live")
    until(lambda: site.within(count_beats) > received, "the heartbeat of a page that is left")
    site.within(lambda: end_lecture(lecture.id, by=SYSTEM, at=clock.now()))
    trainee.is_accessible("me, live")

    # what was counted
    site.work()
    trainee.go("/me")
    row = page.get_by_test_id(f"attendance-{lecture.id}")
    assert row.get_attribute("data-outcome") == "attended", row.inner_text()
    trainee.is_accessible("me")
    row.get_by_role("link").click()
    assert page.get_by_test_id("own-attendance").get_attribute("data-outcome") == "attended"
    trainee.is_accessible("lecture, held")

    # out of the series again: what was attended stays
    trainee.go("/series/parcels")
    trainee.is_accessible("series, enrolled")
    trainee.hook("withdraw")
    trainee.is_accessible("withdraw")
    trainee.hook("withdraw")
    trainee.reads("You have left this series.")
    trainee.go("/me")
    trainee.reads("You have withdrawn. Your attendance is kept.")
    assert page.get_by_test_id(f"attendance-{lecture.id}").get_attribute("data-outcome") == "attended"


@pytest.mark.long
def test_registering_from_a_series_comes_back_to_it(site: Site, visit: Callable[[], Visitor]) -> None:
    series = site.make.series("parcels", title="From parcel to trade", policy={"certificate": "participation"})
    site.make.lecture(series, title="The last mile", starts_at=clock.now() + timedelta(days=7))
    trainee = visit()
    trainee.go("/series/parcels")
    trainee.press("Sign in to enrol")
    trainee.press("Register")
    trainee.page.locator("[name=full_name]").fill("Achieng Odhiambo")
    trainee.page.locator("[name=email]").fill(EMAIL)
    trainee.page.locator("[name=country]").select_option("KE")
    trainee.page.locator("[name=consent]").check()
    trainee.press("Register")
    site.work()
    link = re.search(r"https?://\S+/confirm/\S+", site.last_mail(EMAIL))
    assert link is not None

    elsewhere = visit()  # the mail is read on another device
    elsewhere.page.goto(link[0])
    elsewhere.page.locator("[name=password]").fill("a long enough one")
    elsewhere.press("Confirm and sign in")

    assert elsewhere.page.url == f"{site.address}/series/parcels"
    elsewhere.hook("enrol")
    elsewhere.reads("You are enrolled")


@pytest.mark.long
def test_what_the_foot_leads_to_is_accessible(site: Site, visit: Callable[[], Visitor]) -> None:
    visitor = visit()
    for path in ("/help", "/definitions", "/privacy", "/api/v1/docs", "/verify", "/sign-in", "/forgot", "/nowhere"):
        visitor.page.goto(site.address + path)
        # The calls of the API, all alike, took ten seconds: two of each subject
        visitor.page.evaluate("document.querySelectorAll('article:nth-of-type(n + 3)').forEach((e) => e.remove())")
        visitor.is_accessible(path)


@pytest.mark.long
def test_changing_the_language_keeps_place_and_input(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.page
    visitor.go("/register?next=/calendar")
    page.locator("[name=full_name]").fill("Achieng Odhiambo")
    page.locator("[name=country]").select_option("KE")
    page.locator("[name=consent]").check()
    page.locator(".mast summary", has_text="English").click()
    page.get_by_role("button", name="Français").click()
    page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == "fr"
    assert unquote(page.url).endswith("/register?next=/calendar")
    assert page.locator("[name=full_name]").input_value() == "Achieng Odhiambo"
    assert page.locator("[name=country]").input_value() == "KE"
    assert page.locator("[name=consent]").is_checked()
    page.reload()
    assert page.locator("[name=full_name]").input_value() == ""


def count_beats() -> int:
    return db.session.scalars(select(func.count()).select_from(Beat)).one()
