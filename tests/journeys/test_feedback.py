"""Feedback: an instructor writes the questions, 30 people answer, and an administrator opens what a country thinks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from lms.core.time import clock
from lms.feedback.releases import release_due
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]


def test_from_the_questions_to_the_rows_of_satisfaction(site: Site, sign_in: Callable[[str], Visitor]) -> None:
    teacher = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"], password=PASSWORD)
    site.make.person("Wang Min", "wang@example.org", roles=["administrator"], password=PASSWORD)
    series = site.make.series("customs", title="Customs online", instructors=[teacher])
    ended = clock.now() - timedelta(hours=2)
    lecture = site.make.lecture(
        series, "Origin", state="held", actual_start=ended - timedelta(minutes=90), actual_end=ended, starts_at=ended
    )
    people = [
        site.make.person(f"Person {number}", f"p{number}@example.org", password=PASSWORD if number < 2 else None,
                         country="KE" if number % 5 else "UG")
        for number in range(30)
    ]  # fmt: skip
    for person in people:
        site.make.enrolment(series, person)
    site.be_there(lecture, *people)

    staff = sign_in("lin@example.org")
    staff.go(f"/lectures/{lecture.id}")
    staff.press("Questions after the lecture")
    staff.page.get_by_label("Question", exact=True).first.fill("How clear was this lecture?")
    staff.press("Save")
    staff.reads("Saved.")

    for number, rating in ((0, 2), (1, 5)):
        own = sign_in(f"p{number}@example.org")
        own.go("/me")
        own.press("Give feedback")
        own.reads("How clear was this lecture?")
        own.page.locator(f"[name=answers-useful][value='{rating}']").check()
        own.press("Send")
        own.reads("Thank you. Your feedback was saved.")
    client = site.app.test_client()
    for person in people[2:]:
        answer = client.post(
            f"/api/v1/lectures/{lecture.id}/feedback",
            json={"answers": {"useful": 4}},
            headers=site.make.headers(person),
        )
        assert answer.status_code == 200

    staff.go(f"/lectures/{lecture.id}/feedback-results")
    staff.reads("Results appear once 5 people who attended have answered.")
    with site.app.app_context():
        release_due(at=clock.now())
    staff.go(f"/lectures/{lecture.id}/feedback-results")
    staff.reads("30 answers.")
    staff.reads("30 people attended.")
    expect(staff.page.get_by_test_id("feedback-group")).to_have_count(0)
    staff.is_accessible("results of feedback")

    admin = sign_in("wang@example.org")
    admin.go("/countries/KE")
    admin.reads("of 5, by 24 answers; 100% gave 4 or 5")
    admin.page.get_by_test_id("figure-satisfaction").get_by_role("link").click()
    assert admin.heading() == "Satisfaction: 4.0 of 5"
    row = admin.page.get_by_role("row", name="All lectures together")
    expect(row).to_contain_text("24")
    admin.is_accessible("lectures behind satisfaction")
    admin.go("/impact")
    expect(admin.page.get_by_test_id("figure-satisfaction")).to_have_text("4.0")
