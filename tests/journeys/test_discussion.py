"""Questions and polls in the room: asked, voted for, answered, and found in the replay where they were answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from lms.core.time import clock
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor
from tests.journeys.test_keyboard import Keys
from tests.journeys.test_lecture_room import browser
from tests.journeys.test_watching import PLAYS, Hall
from tests.languages import offering

__all__ = ["browser"]
pytestmark = [pytest.mark.xdist_group("camera"), pytest.mark.long]
SOON = 40_000
"""Milliseconds within which what somebody sent is seen by all: who saves data asks every 15 s or so, and draws a poll
up to 4 s later."""
PHONE: ViewportSize = {"width": 390, "height": 844}
QUESTION = "Is a wallet <b>always</b> cheaper?"


def ask(page: Page, text: str) -> None:
    page.get_by_test_id("question-text").fill(text)
    page.get_by_test_id("question-send").click()


def said(page: Page, words: str) -> None:
    expect(page.locator("#talk-said")).to_contain_text(words, timeout=SOON)


def _tops(page: Page, *parts: str) -> list[float]:
    """How far from the top of the page parts of it begin."""
    return [page.locator(part).first.bounding_box()["y"] for part in parts]  # type: ignore[index]


def open_poll(page: Page, text: str, options: tuple[str, ...], *, is_several: bool = False) -> None:
    page.get_by_text("Make a poll").click()
    page.get_by_label("Question of the poll").fill(text)
    page.get_by_label("Options, one in each line").fill("\n".join(options))
    if is_several:
        page.get_by_label("People may choose several options").check()
    page.get_by_role("button", name="Open the poll now").click()
    page.get_by_test_id("poll-close").wait_for()


@pytest.mark.xdist_group("browser")
def test_a_question_is_asked_voted_for_and_answered_and_a_poll_held(
    site: Site, sign_in: Callable[[str], Visitor]
) -> None:
    make, now = site.make, clock.now()
    teacher = make.person("Lin Yuhan", email="lin@x.example", password=PASSWORD, roles=["instructor"])
    series = make.series(instructors=[teacher])
    for name in ("ada", "ben"):
        make.enrolment(series, make.person(name.title(), email=f"{name}@x.example", password=PASSWORD))
    lecture = make.lecture(
        series, state="live", starts_at=now, actual_start=now, delivery="link", join_url="https://meet.example/1"
    )
    path = f"/lectures/{lecture.id}/room"

    ada = sign_in("ada@x.example")
    ada.go(path)
    ask(ada.page, QUESTION)
    said(ada.page, "Your question was sent.")
    ben = sign_in("ben@x.example")
    ben.go(path)
    question = ben.page.get_by_test_id("question")
    expect(question.locator(".asked")).to_have_text(QUESTION)
    ben.hook("vote")
    said(ben.page, "Your vote was counted.")

    ben.page.evaluate("document.getElementById('discussion').dataset.csrf = 'ended'")
    ben.page.locator("#discussion [name=csrf_token]").evaluate_all(
        "all => all.forEach(one => { one.value = 'ended'; })"
    )
    ask(ben.page, "And for the seller?")
    said(ben.page, "This page has expired. Open it again; what you wrote is kept.")
    ben.page.reload()
    expect(ben.page.get_by_test_id("question-text")).to_have_value("And for the seller?")
    ben.page.get_by_test_id("question-text").fill("")

    lin = sign_in("lin@x.example")
    lin.go(path)
    expect(lin.page.get_by_test_id("queued").locator(".votes b")).to_have_text("1")
    lin.page.get_by_text("Make a poll").click()
    lin.page.get_by_label("Question of the poll").fill("How do sellers")
    lin.hook("question-take")
    lin.page.get_by_role("button", name="Done").click()
    expect(lin.page.get_by_text("No open questions.")).to_be_visible()
    expect(lin.page.get_by_label("Question of the poll")).to_have_value("How do sellers")
    lin.page.get_by_label("Options, one in each line").fill("Wallet")
    lin.page.get_by_role("button", name="Open the poll now").click()
    fault = lin.page.get_by_text("Enter 2 to 8 different options.").first
    expect(fault).to_be_in_viewport(ratio=1)
    expect(lin.page.get_by_label("Options, one in each line")).to_be_focused()
    lin.page.get_by_text("Make a poll").click()
    ben.page.set_viewport_size(PHONE)
    open_poll(lin.page, "How do buyers pay?", ("Wallet", "Card"))

    for viewer in (ada, ben):
        expect(viewer.page.locator("#spoken")).to_contain_text("A poll was opened: How do buyers pay?", timeout=SOON)
        for part in ("poll", "poll-send"):
            expect(viewer.page.get_by_test_id(part)).to_be_in_viewport(timeout=SOON)
    tops = _tops(ben.page, ".screen", "[data-testid=poll]", ".counted", "#talk")
    assert tops == sorted(tops)
    for viewer, options in ((ada, (1, 0)), (ben, (1,))):
        for option in options:
            viewer.hook(f"poll-option-{option}")
            viewer.hook("poll-send")
            said(viewer.page, "Your answer was counted.")
            expect(viewer.page.get_by_test_id(f"poll-option-{option}")).to_be_checked()
            expect(viewer.page.locator("label .mine")).to_have_count(1)
    expect(ada.page.locator("label:has(.mine)")).to_have_text(re.compile("^Wallet"))
    lin.hook("poll-close")
    lin.page.get_by_text("The poll is closed").wait_for()
    expect(ada.page.get_by_test_id("poll").get_by_text("The poll is closed", exact=True)).to_be_visible(timeout=SOON)
    assert ada.page.get_by_test_id("poll-send").count() == 0
    assert ada.page.locator("[data-part=results] li").all_inner_texts() == ["Wallet\nYour answer\n1", "Card\n1"]


@pytest.fixture
def hall(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    monkeypatch.setattr(site.app.extensions["lms.config"], "segment_seconds", 1)
    running = Hall(site)
    with offering(site.app, "ar"):
        yield running
    running.stop()


def test_three_viewers_take_part_and_the_replay_has_it_at_its_second(
    hall: Hall, sign_in: Callable[..., Visitor]
) -> None:
    make = hall.site.make
    for name, locale in (("noor", "ar"), ("kofi", "en")):
        person = make.person(name.title(), email=f"{name}@x.example", password=PASSWORD, locale=locale)
        make.enrolment(hall.series, person)
    hall.start()
    hall.send(seconds=90, ahead=6)
    lin, noor, ada, kofi = _in_the_room(hall, sign_in)
    # Arabic, on a phone
    noor.page.get_by_test_id("question-text").fill("هل المحفظة أرخص دائمًا؟")
    noor.page.get_by_test_id("question-send").click()
    said(noor.page, noor.words("Your question was sent."))
    # With sound only: ten kilobytes and markup
    ada.page.locator("#talk-text").evaluate("field => field.removeAttribute('maxlength')")
    ask(ada.page, "<script>alert(1)</script>" * 400)
    expect(ada.page.locator("#talk-wrong")).to_have_text("Use at most 500 characters.")
    # With the keyboard alone
    keys = Keys(kofi)
    kofi.page.get_by_test_id("question").wait_for(timeout=SOON)
    keys.to("Vote for this question.")
    kofi.page.keyboard.press("Enter")
    said(kofi.page, "Your vote was counted.")

    queued = lin.page.get_by_test_id("queued")
    expect(queued.locator(".votes b")).to_have_text("1", timeout=SOON)
    lin.page.wait_for_timeout(4000)  # so that the replay does not begin with the answer
    lin.hook("question-take")
    noor.page.locator("[data-part=answering]:visible").wait_for(timeout=SOON)
    lin.page.get_by_role("button", name="Done").click()
    open_poll(lin.page, "Which of these do you take?", ("Wallet", "Card"), is_several=True)

    ada.page.get_by_test_id("poll-option-1").check(timeout=SOON)
    ada.hook("poll-send")
    said(ada.page, "Your answer was counted.")
    assert _vote(ada, hall, "0") == (200, "Your answer was counted.")
    kofi.page.get_by_test_id("poll-send").wait_for(timeout=SOON)
    for name in ("Wallet", "Card"):
        keys.to(name)
        kofi.page.keyboard.press("Space")
    keys.to("Send answer")
    kofi.page.keyboard.press("Enter")
    said(kofi.page, "Your answer was counted.")
    noor.page.get_by_test_id("poll").wait_for(timeout=SOON)
    for viewer in (noor, ada, kofi, lin):
        viewer.is_accessible(f"room with a question and a poll, {viewer.language} {viewer is lin}")
    lin.hook("poll-close")
    kofi.page.locator("[data-part=results]").wait_for(timeout=SOON)
    assert kofi.page.locator("[data-part=results] b").all_inner_texts() == ["2", "1"]
    assert _vote(noor, hall, "0") == (409, noor.words("This poll is closed."))

    hall.end()
    ada.page.locator("#play").wait_for(timeout=60_000)
    ada.page.reload()
    moment = ada.page.locator("[data-position]")
    moment.wait_for(timeout=60_000)
    position = int(moment.get_attribute("data-position") or 0) / 1000
    assert position > 3
    moment.click()
    ada.page.wait_for_function(
        f"() => {{ const v = document.getElementById('video'); return !v.paused && v.currentTime >= {position}; }}"
    )
    assert ada.page.evaluate("document.getElementById('video').currentTime") < position + 5
    ada.is_accessible("replay with a question and a poll")


def _in_the_room(hall: Hall, sign_in: Callable[..., Visitor]) -> list[Visitor]:
    """The instructor with the queue, who has no camera here; Noor on a phone; Ada, who saves data; Kofi."""
    emails = ("lin@x.example", "noor@x.example", "ada@x.example", "kofi@x.example")
    visitors = [sign_in(email, "ar" if email.startswith("noor") else "en") for email in emails]
    visitors[1].page.set_viewport_size({"width": 390, "height": 844})
    visitors[2].page.add_init_script("Object.defineProperty(navigator, 'connection', { value: { saveData: true } })")
    visitors[0].go(hall.path)
    for viewer in visitors[1:]:
        viewer.go(hall.path)
        viewer.page.wait_for_function(PLAYS, timeout=60_000)
    return visitors


def _vote(viewer: Visitor, hall: Hall, option: str) -> tuple[int, str]:
    """What a page that stood open, or a script, is told: the status and the words."""
    poll = viewer.page.get_by_test_id("poll").get_attribute("data-id")
    token = viewer.page.locator("#discussion").get_attribute("data-csrf") or ""
    answer = viewer.page.request.post(
        f"{hall.site.address}/lectures/{hall.lecture.id}/polls/{poll}/vote?lang={viewer.language}",
        form={"option": option},
        headers={"Accept": "application/json", "X-CSRFToken": token, "Referer": hall.site.address},
    )
    return answer.status, re.sub(r"\s+", " ", answer.json()["detail"])
