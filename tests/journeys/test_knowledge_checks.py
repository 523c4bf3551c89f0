"""A knowledge check: from a GIFT file, on a line that breaks, passed at the second attempt, and what that earns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from lms.checks.actions.bank import save_question
from lms.checks.actions.checks import publish_check, save_check
from lms.checks.models import QuestionKind
from lms.checks.rules import CheckInput
from lms.core.time import clock
from tests.checks.conftest import GIFT
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]


def test_completion_by_a_check_that_was_passed_at_the_second_attempt(
    site: Site, visit: Callable[..., Visitor], sign_in: Callable[[str], Visitor]
) -> None:
    teacher = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"], password=PASSWORD)
    policy = {"certificate": "completion", "min_lectures_percent": 100, "checks_passed": True}
    series = site.make.series("customs", title="Customs online", instructors=[teacher], policy=policy)
    ended = clock.now() - timedelta(days=1)
    lecture = site.make.lecture(
        series, state="held", actual_start=ended - timedelta(minutes=90), actual_end=ended, starts_at=ended
    )
    ada = site.make.person("Ada", "ada@example.org", password=PASSWORD)
    site.make.enrolment(series, ada)
    site.be_there(lecture, ada)

    staff = sign_in("lin@example.org")
    staff.go("/series/customs/question-bank")
    staff.page.locator("[name=file]").set_input_files(GIFT)
    staff.hook("import")
    staff.is_accessible("a file of questions to confirm")
    staff.hook("confirm-import")
    staff.reads("9 questions added.")
    staff.is_accessible("question bank")
    staff.go("/series/customs/checks/new")
    staff.page.locator("[name=title]").fill("Origin")
    staff.page.get_by_label("Origin (True or false)").check()
    staff.page.get_by_label("Tariff (Number)").check()
    staff.page.locator("[name=pass_percent]").fill("100")
    staff.is_accessible("a check to write")
    staff.hook("save-check")
    staff.hook("publish-check")
    staff.reads("1 person is enrolled.")
    staff.is_accessible("what publishing a check means")
    staff.hook("confirm")

    taker = sign_in("ada@example.org")
    page = taker.page
    taker.go("/series/customs")
    taker.reads("You still need to pass the knowledge check Origin.")
    taker.press("0 of 1")
    taker.press("Origin")
    taker.hook("begin")
    taker.press("All questions on one page")
    taker.is_accessible("a check to take")
    page.get_by_label("False").check()
    expect(page.get_by_role("status").last).to_have_text("Saved.")
    page.context.set_offline(True)
    page.get_by_label("Your answer", exact=True).last.fill("6")
    expect(page.get_by_role("status").last).to_contain_text("Not saved yet")
    page.context.set_offline(False)
    expect(page.get_by_role("status").last).to_have_text("Saved.", timeout=15_000)
    taker.hook("next")
    expect(page.locator("h1")).to_have_text("Review and hand in")
    taker.reads("2 of 2 answered")
    taker.hook("hand-in")
    taker.reads("Not passed: 1 of 2")
    taker.is_accessible("a check that was not passed")
    taker.hook("again")
    for number in (1, 2):
        expect(page.locator("h1")).to_have_text(f"Question {number} of 2")
        if page.get_by_label("True").count():
            page.get_by_label("True").check()
        else:
            page.get_by_label("Your answer", exact=True).last.fill("6")
        taker.hook("next")
    expect(page.locator("h1")).to_have_text("Review and hand in")
    taker.hook("hand-in")
    taker.reads("Passed: 2 of 2")
    taker.go("/series/customs")
    taker.reads("You have attended enough. The certificate is issued when the series is over.")

    staff.go("/series/customs/checks")
    staff.press("1 person, 1 passed")
    staff.reads("Ada")
    staff.is_accessible("results of a check")


def test_two_tabs_of_an_attempt_ask_which_answer_counts(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    teacher = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"], password=PASSWORD)
    series = site.make.series("customs", instructors=[teacher])
    site.make.enrolment(series, site.make.person("Ada", "ada@example.org", password=PASSWORD))
    by, at = site.make.actor(teacher), clock.now()
    with site.make.app.app_context():
        sent = {"text": "How many?", "value": "6"}
        item = save_question("customs", None, QuestionKind.NUMBER, sent, by=by, at=at)
        check_id = save_check("customs", None, CheckInput("Origin", items=[item]), by=by, at=at)
        publish_check("customs", check_id, by=by, at=at)
    ada = sign_in("ada@example.org")
    ada.go(f"/series/customs/checks/{check_id}")
    ada.reads("you cannot take this check again")
    ada.hook("begin")
    older, newer = ada.page, ada.page.context.new_page()
    newer.goto(older.url)
    for page, answer, words in (
        (newer, "6", "Saved."),
        (newer, "7", "Saved."),
        (older, "8", "answered on another page"),
    ):
        with page.expect_response(lambda response: response.request.method == "POST"):
            page.get_by_label("Your answer", exact=True).fill(answer)
        expect(page.get_by_role("status").last).to_contain_text(words)
    older.get_by_test_id("next").click()
    expect(older.locator("h1")).to_have_text("Which answer counts?")
    ada.is_accessible("which of two answers counts")
    older.get_by_label("Answered on this page: 8").check()
    older.get_by_test_id("choose").click()
    expect(older.locator("h1")).to_have_text("Review and hand in")
    older.goto(newer.url)
    expect(older.get_by_label("Your answer", exact=True)).to_have_value("8")
    older.get_by_label("Your answer", exact=True).fill("six")
    expect(older.get_by_role("status").last).to_have_text("Enter a number in digits.")
    older.get_by_test_id("next").click()
    expect(older.locator("input[aria-invalid=true]")).to_have_value("six")
